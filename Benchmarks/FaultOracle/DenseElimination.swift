/// Gaussian elimination with partial pivoting on the equilibrated matrix, written independently of
/// the library that it judges. Solves in double-double by refinement: the factors are rounded, the
/// residuals are not, so each round gains the digits that `κ` leaves.
///
/// Source: G. E. Forsythe and C. B. Moler, *Computer Solution of Linear Algebraic Systems* (1967);
/// J. Demmel et al., "Error bounds from extra-precise iterative refinement", ACM TOMS 32 (2006).
package struct DenseElimination: Sendable {
  private let n: Int
  /// The matrix that is solved with, row-major.
  private let matrix: [DoubleDouble]
  private let rowScale: [Double]
  private let columnScale: [Double]
  private var factors: [Double]
  private var order: [Int]

  /// `nil` for a matrix that is singular to working precision, or not finite.
  package init?(_ matrix: [DoubleDouble], count n: Int) {
    self.n = n
    self.matrix = matrix
    var a = matrix.map(\.high)
    guard a.allSatisfy(\.isFinite) else { return nil }
    (rowScale, columnScale) = DenseElimination.equilibration(a, count: n)
    for i in 0..<n { for j in 0..<n { a[i * n + j] *= rowScale[i] * columnScale[j] } }
    factors = a
    order = Array(0..<n)
    for k in 0..<n {
      var pivot = k
      for i in k..<n where factors[i * n + k].magnitude > factors[pivot * n + k].magnitude {
        pivot = i
      }
      guard factors[pivot * n + k] != 0 else { return nil }
      if pivot != k {
        for j in 0..<n { factors.swapAt(k * n + j, pivot * n + j) }
        order.swapAt(k, pivot)
      }
      for i in (k + 1)..<max(n, k + 1) {
        let multiplier = factors[i * n + k] / factors[k * n + k]
        factors[i * n + k] = multiplier
        for j in (k + 1)..<n { factors[i * n + j] -= multiplier * factors[k * n + j] }
      }
    }
  }

  /// Powers of two that bring the largest entry of every row and column near one.
  private static func equilibration(_ a: [Double], count n: Int) -> ([Double], [Double]) {
    var (rows, columns) = ([Double](repeating: 1, count: n), [Double](repeating: 1, count: n))
    func inverse(_ size: Double) -> Double {
      size == 0 ? 1 : HuntNumbers.powerOfTwo(-Int(size.exponent))
    }
    for _ in 0..<3 {
      for i in 0..<n {
        rows[i] *= inverse(
          (0..<n).reduce(0) { max($0, (a[i * n + $1] * rows[i] * columns[$1]).magnitude) })
      }
      for j in 0..<n {
        columns[j] *= inverse(
          (0..<n).reduce(0) { max($0, (a[$1 * n + j] * rows[$1] * columns[j]).magnitude) })
      }
    }
    return (rows, columns)
  }

  /// `A⁻¹ b`, or `A⁻ᵀ b`, by the rounded factors.
  private func rounded(_ b: [Double], transposed: Bool) -> [Double] {
    var x = [Double](repeating: 0, count: n)
    if transposed {
      var y = (0..<n).map { b[$0] * columnScale[$0] }
      for k in 0..<n {
        for i in 0..<k { y[k] -= factors[i * n + k] * y[i] }
        y[k] /= factors[k * n + k]
      }
      for k in stride(from: n - 1, through: 0, by: -1) {
        for i in (k + 1)..<max(n, k + 1) { y[k] -= factors[i * n + k] * y[i] }
      }
      for k in 0..<n { x[order[k]] = y[k] * rowScale[order[k]] }
    } else {
      var y = (0..<n).map { b[order[$0]] * rowScale[order[$0]] }
      for k in 0..<n { for j in 0..<k { y[k] -= factors[k * n + j] * y[j] } }
      for k in stride(from: n - 1, through: 0, by: -1) {
        for j in (k + 1)..<max(n, k + 1) { y[k] -= factors[k * n + j] * y[j] }
        y[k] /= factors[k * n + k]
      }
      for k in 0..<n { x[k] = y[k] * columnScale[k] }
    }
    return x
  }

  /// The rounded solution, good for a step of Newton's method.
  func correction(_ b: [DoubleDouble]) -> [Double] { rounded(b.map(\.high), transposed: false) }

  /// The solution to about 25 digits; `nil` when refinement does not converge.
  package func solve(_ b: [DoubleDouble], transposed: Bool) -> [DoubleDouble]? {
    var x = [DoubleDouble](repeating: DoubleDouble(0), count: n)
    var residual = b
    var last = Double.infinity
    for _ in 0..<40 {
      let step = rounded(residual.map(\.high), transposed: transposed)
      for i in 0..<n { x[i] = x[i] + DoubleDouble(step[i]) }
      let size = weightedNorm(step, transposed) / weightedNorm(x.map(\.high), transposed)
      guard size.isFinite else { return step.allSatisfy { $0 == 0 } ? x : nil }
      if size < 0x1p-95 || (last < 0x1p-65 && size > 0.5 * last) { return x }
      last = size
      residual = b
      for i in 0..<n {
        var sum = residual[i]
        for j in 0..<n { sum = sum - matrix[transposed ? j * n + i : i * n + j] * x[j] }
        residual[i] = sum
      }
    }
    return nil
  }

  /// The norm in the units of the equilibrated unknowns.
  private func weightedNorm(_ x: [Double], _ transposed: Bool) -> Double {
    euclideanNorm((0..<n).map { x[$0] / (transposed ? rowScale[$0] : columnScale[$0]) })
  }

  /// The condition number of the equilibrated matrix in the 1-norm, from its explicit inverse.
  func condition() -> Double {
    var (norm, inverseNorm) = (0.0, 0.0)
    for j in 0..<n {
      var unit = [Double](repeating: 0, count: n)
      unit[j] = 1 / rowScale[j]
      let column = rounded(unit, transposed: false)
      inverseNorm = max(
        inverseNorm, (0..<n).reduce(0) { $0 + (column[$1] / columnScale[$1]).magnitude })
      norm = max(
        norm,
        (0..<n).reduce(0) {
          $0 + (matrix[$1 * n + j].high * rowScale[$1] * columnScale[j]).magnitude
        })
    }
    return norm * inverseNorm
  }
}

/// `‖x‖₂`, without overflow for entries of any size.
package func euclideanNorm(_ x: [Double]) -> Double {
  let largest = x.reduce(0) { $1.isNaN ? .nan : max($0, $1.magnitude) }
  guard largest > 0, largest.isFinite else { return largest }
  let scale = HuntNumbers.powerOfTwo(-Int(largest.exponent))
  return x.reduce(0) { $0 + ($1 * scale) * ($1 * scale) }.squareRoot() / scale
}
