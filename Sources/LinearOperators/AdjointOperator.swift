/// `Aᵀ`: the two products of `A` with their roles exchanged. Costs nothing.
public struct AdjointOperator: LinearOperator {
  /// The operator whose transpose this is.
  public let base: any LinearOperator

  /// The transpose of `base`.
  public init(_ base: any LinearOperator) { self.base = base }

  /// The columns of `base`.
  public var rowCount: Int { base.columnCount }

  /// The rows of `base`.
  public var columnCount: Int { base.rowCount }

  /// That of `base`, mirrored.
  public var structure: OperatorStructure { base.structure.transposed }

  /// `y ← Aᵀ x`, the transposed product of `base`.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  { try base.transposeMatvec(x, into: &y) }

  /// `y ← A x`, the product of `base`.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  { try base.matvec(x, into: &y) }

  /// `Y ← Aᵀ X`, the transposed block product of `base`.
  public func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) { try base.transposeMatmat(x, columns: k, into: &y) }

  /// `Y ← A X`, the block product of `base`.
  public func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) { try base.matmat(x, columns: k, into: &y) }

  /// The entries of `base`, transposed.
  public func denseMatrix() throws(LinearSolveError) -> [Double] {
    let entries = try base.denseMatrix()
    let (m, n) = (rowCount, columnCount)
    var transposed = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n { transposed[i * n + j] = entries[j * m + i] }
    }
    return transposed
  }

  /// The band of `base`, transposed.
  public func bandMatrix() throws(LinearSolveError) -> BandMatrix? {
    try base.bandMatrix()?.transposed
  }
}

extension LinearOperator {
  /// `Aᵀ`, as an operator.
  public var adjoint: any LinearOperator {
    (self as? AdjointOperator)?.base ?? AdjointOperator(self)
  }
}
