/// `A + σ I`, for a square `A`.
public struct ShiftedOperator: LinearOperator {
  /// `A`.
  public let base: any LinearOperator

  /// `σ`.
  public let shift: Double

  /// `base + shift · I`; throws unless `base` is square.
  public init(_ base: any LinearOperator, by shift: Double) throws(LinearSolveError) {
    guard base.isSquare else {
      throw .notSquare(rowCount: base.rowCount, columnCount: base.columnCount)
    }
    self.base = base
    self.shift = shift
  }

  /// The rows of `base`.
  public var rowCount: Int { base.rowCount }

  /// The columns of `base`.
  public var columnCount: Int { base.columnCount }

  /// That of `base`.
  public var structure: OperatorStructure { base.structure }

  /// `y ← A x + σ x`.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.matvec(x, into: &y)
    addScaled(shift, x, to: &y)
  }

  /// `y ← Aᵀ x + σ x`.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.transposeMatvec(x, into: &y)
    addScaled(shift, x, to: &y)
  }

  /// `Y ← A X + σ X`.
  public func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try base.matmat(x, columns: k, into: &y)
    addScaled(shift, x, to: &y)
  }

  /// `Y ← Aᵀ X + σ X`.
  public func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try base.transposeMatmat(x, columns: k, into: &y)
    addScaled(shift, x, to: &y)
  }

  /// The entries of `base`, with `σ` added to the diagonal.
  public func denseMatrix() throws(LinearSolveError) -> [Double] {
    var entries = try base.denseMatrix()
    for i in 0..<rowCount { entries[i * columnCount + i] += shift }
    return entries
  }

  /// The band of `base`, with `σ` added to its main diagonal.
  public func bandMatrix() throws(LinearSolveError) -> BandMatrix? {
    guard var band = try base.bandMatrix() else { return nil }
    for i in 0..<rowCount { band[i, i] += shift }
    return band
  }
}
