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

  private func multiply(
    _ x: Span<Double>, into y: inout MutableSpan<Double>, transposed: Bool
  ) {
    matrix.numbers.withPointer { a in
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          guard let x = x.baseAddress, let y = y.baseAddress else { return }
          Banded.multiply(
            a, count: matrix.count, lower: matrix.lower, upper: matrix.upper,
            transposed: transposed, by: x, into: y)
        }
      }
    }
  }
}
