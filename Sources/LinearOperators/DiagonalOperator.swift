import Kernels

/// The square matrix with `diagonal` on its main diagonal and zeros elsewhere.
///
/// With the reciprocals of a diagonal it is the simplest preconditioner, after Jacobi.
public struct DiagonalOperator: LinearOperator {
  /// The entries on the main diagonal.
  public let diagonal: [Double]

  /// The operator with the given diagonal.
  public init(_ diagonal: [Double]) { self.diagonal = diagonal }

  /// The length of the diagonal.
  public var rowCount: Int { diagonal.count }

  /// The length of the diagonal.
  public var columnCount: Int { diagonal.count }

  /// Diagonal.
  public var structure: OperatorStructure { .diagonal }

  /// `yᵢ ← dᵢ xᵢ`.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: false)
    diagonal.withUnsafeBufferPointer { d in
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          for i in 0..<d.count { y[i] = d[i] * x[i] }
        }
      }
    }
  }

  /// The same: a diagonal matrix is its own transpose.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  { try matvec(x, into: &y) }

  /// The diagonal, with zeros around it.
  public func denseMatrix() throws(LinearSolveError) -> [Double] {
    var entries = [Double](repeating: 0, count: diagonal.count * diagonal.count)
    for (i, d) in diagonal.enumerated() { entries[i * diagonal.count + i] = d }
    return entries
  }

  /// The diagonal.
  public func bandMatrix() throws(LinearSolveError) -> BandMatrix? {
    var band = BandMatrix(count: diagonal.count, lower: 0, upper: 0)
    band.values = diagonal
    return band
  }
}

/// `x ↦ x`.
public struct IdentityOperator: LinearOperator {
  /// The length of `x`.
  public let count: Int

  /// The identity on vectors of the given length.
  public init(count: Int) { self.count = count }

  /// The same as `count`.
  public var rowCount: Int { count }

  /// The same as `count`.
  public var columnCount: Int { count }

  /// Diagonal.
  public var structure: OperatorStructure { .diagonal }

  /// `y ← x`.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: false)
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        for i in 0..<x.count { y[i] = x[i] }
      }
    }
  }

  /// `y ← x`.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  { try matvec(x, into: &y) }
}
