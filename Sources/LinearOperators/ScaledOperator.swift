import Kernels

/// `α A`.
public struct ScaledOperator: LinearOperator {
  /// `α`.
  public let factor: Double

  /// `A`.
  public let base: any LinearOperator

  /// `factor · base`.
  public init(_ factor: Double, _ base: any LinearOperator) {
    self.factor = factor
    self.base = base
  }

  /// The rows of `base`.
  public var rowCount: Int { base.rowCount }

  /// The columns of `base`.
  public var columnCount: Int { base.columnCount }

  /// That of `base`.
  public var structure: OperatorStructure { base.structure }

  /// `y ← α A x`.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.matvec(x, into: &y)
    scale(&y)
  }

  /// `y ← α Aᵀ x`.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.transposeMatvec(x, into: &y)
    scale(&y)
  }

  /// `Y ← α A X`.
  public func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try base.matmat(x, columns: k, into: &y)
    scale(&y)
  }

  /// `Y ← α Aᵀ X`.
  public func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try base.transposeMatmat(x, columns: k, into: &y)
    scale(&y)
  }

  /// The entries of `base`, scaled.
  public func denseMatrix() throws(LinearSolveError) -> [Double] {
    try base.denseMatrix().map { factor * $0 }
  }

  /// The band of `base`, scaled.
  public func bandMatrix() throws(LinearSolveError) -> BandMatrix? {
    guard var band = try base.bandMatrix() else { return nil }
    band.values = band.values.map { factor * $0 }
    return band
  }

  private func scale(_ y: inout MutableSpan<Double>) {
    y.withUnsafeMutableBufferPointer { y in
      if let start = y.baseAddress { Vector.scale(factor, start, count: y.count) }
    }
  }
}
