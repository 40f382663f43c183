/// `Aᵀ`: the two products of `A` with their roles exchanged. Costs nothing.
public struct AdjointOperator: LinearOperator {
  /// The operator whose transpose this is.
  public let base: any LinearOperator

  /// The transpose of `base`.
  public init(_ base: any LinearOperator) { self.base = base }

  public var rowCount: Int { base.columnCount }
  public var columnCount: Int { base.rowCount }
  public var structure: OperatorStructure { base.structure.transposed }

  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  { try base.transposeMatvec(x, into: &y) }

  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  { try base.matvec(x, into: &y) }

  public func denseMatrix() throws(LinearSolveError) -> [Double] {
    let entries = try base.denseMatrix()
    let (m, n) = (rowCount, columnCount)
    var transposed = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
      for j in 0..<n { transposed[i * n + j] = entries[j * m + i] }
    }
    return transposed
  }

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
