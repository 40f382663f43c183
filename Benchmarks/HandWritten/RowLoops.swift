/// What is done by hand around the products of a BLAS, which know no diagonal matrix.
package enum RowLoops {
  /// `S ← √D X`, for `m × n` numbers.
  package static func scale(
    _ x: UnsafePointer<Double>, byRootsOf weights: UnsafePointer<Double>, rows m: Int,
    columns n: Int, into s: UnsafeMutablePointer<Double>
  ) {
    for p in 0..<m {
      let root = weights[p].squareRoot()
      for i in 0..<n { s[p * n + i] = root * x[p * n + i] }
    }
  }

  /// `r ← D r`.
  package static func scale(
    _ r: UnsafeMutablePointer<Double>, by weights: UnsafePointer<Double>, count m: Int
  ) {
    for p in 0..<m { r[p] *= weights[p] }
  }
}
