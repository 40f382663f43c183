import Kernels

/// A square banded matrix. A product costs `(lower + upper + 1) · n` multiplications.
public struct BandedOperator: LinearOperator {
  /// The entries.
  public let matrix: BandMatrix

  /// The operator of `matrix`.
  public init(_ matrix: BandMatrix) { self.matrix = matrix }

  /// The tridiagonal operator with these diagonals; `below` and `above` are one number shorter.
  public init(below: [Double], diagonal: [Double], above: [Double]) throws(LinearSolveError) {
    matrix = try BandMatrix(below: below, diagonal: diagonal, above: above)
  }

  /// The order of the matrix.
  public var rowCount: Int { matrix.count }

  /// The order of the matrix.
  public var columnCount: Int { matrix.count }

  /// The band of the matrix.
  public var structure: OperatorStructure { .band(lower: matrix.lower, upper: matrix.upper) }

  /// `y ← A x`, diagonal by diagonal.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: false)
    multiply(x, into: &y, transposed: false)
  }

  /// `y ← Aᵀ x`, diagonal by diagonal.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: true)
    multiply(x, into: &y, transposed: true)
  }

  /// The band, with zeros around it.
  public func denseMatrix() throws(LinearSolveError) -> [Double] { matrix.denseMatrix }

  /// The matrix at hand.
  public func bandMatrix() throws(LinearSolveError) -> BandMatrix? { matrix }

  /// Diagonal by diagonal, in the order stored: row `i` of diagonal `d` couples `x[i + d]` and
  /// `y[i]`, and in the transpose `x[i]` and `y[i + d]`.
  private func multiply(
    _ x: Span<Double>, into y: inout MutableSpan<Double>, transposed: Bool
  ) {
    let n = matrix.count
    let (lower, upper) = (matrix.lower, matrix.upper)
    matrix.values.withUnsafeBufferPointer { values in
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          guard let a = values.baseAddress, let x = x.baseAddress, let y = y.baseAddress else {
            return
          }
          y.update(repeating: 0, count: n)
          for d in -lower...upper {
            let first = max(0, -d)
            let end = min(n, n - d)
            guard first < end else { continue }
            let row = a + ((d + lower) * n + first)
            let input = x + (transposed ? first : first + d)
            let output = y + (transposed ? first + d : first)
            for k in 0..<(end - first) { output[k] += row[k] * input[k] }
          }
        }
      }
    }
  }
}
