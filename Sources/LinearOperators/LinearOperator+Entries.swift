import Kernels

// The entries of an operator that is known only by its products.

extension LinearOperator {
  /// `A` row by row, from one product with each unit vector: `n` products, `m n` numbers.
  public func denseMatrix() throws(LinearSolveError) -> [Double] {
    let m = rowCount
    let n = columnCount
    var entries = [Double](repeating: 0, count: m * n)
    var unit = [Double](repeating: 0, count: n)
    var column = [Double](repeating: 0, count: m)
    for j in 0..<n {
      unit[j] = 1
      var out = column.mutableSpan
      try matvec(unit.span, into: &out)
      unit[j] = 0
      for i in 0..<m { entries[i * n + j] = column[i] }
    }
    return entries
  }

  /// The band, from `w = lower + upper + 1` products: columns `w` apart meet no row twice, so
  /// the product with the sum of every `w`-th unit vector shows the entries of all of them.
  ///
  /// Source: A. R. Curtis, M. J. D. Powell and J. K. Reid, "On the Estimation of Sparse Jacobian
  /// Matrices", IMA J. Appl. Math. 13 (1974), 117–119.
  public func bandMatrix() throws(LinearSolveError) -> BandMatrix? {
    guard isSquare, let (statedLower, statedUpper) = structure.bandwidths else { return nil }
    let n = rowCount
    let lower = min(statedLower, max(n - 1, 0))
    let upper = min(statedUpper, max(n - 1, 0))
    let width = lower + upper + 1
    var band = BandMatrix(count: n, lower: lower, upper: upper)
    var sum = [Double](repeating: 0, count: n)
    var product = [Double](repeating: 0, count: n)
    for color in 0..<min(width, n) {
      for j in stride(from: color, to: n, by: width) { sum[j] = 1 }
      var out = product.mutableSpan
      try matvec(sum.span, into: &out)
      for j in stride(from: color, to: n, by: width) {
        sum[j] = 0
        for i in max(0, j - upper)...min(n - 1, j + lower) { band[i, j] = product[i] }
      }
    }
    return band
  }
}
