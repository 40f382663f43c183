/// `A + B`, for two operators of the same shape. A product costs one of each, and
/// allocates one vector: operators are immutable and own no workspace.
public struct SumOperator: LinearOperator {
  /// The first term.
  public let first: any LinearOperator

  /// The second term.
  public let second: any LinearOperator

  /// `first + second`; throws unless the shapes agree.
  public init(
    _ first: any LinearOperator, _ second: any LinearOperator
  ) throws(LinearSolveError) {
    try requireCount(second.rowCount, first.rowCount, "the rows of the second term of a sum")
    try requireCount(
      second.columnCount, first.columnCount, "the columns of the second term of a sum")
    self.first = first
    self.second = second
  }

  /// The rows of either term.
  public var rowCount: Int { first.rowCount }

  /// The columns of either term.
  public var columnCount: Int { first.columnCount }

  /// The wider of both bands, if both have one.
  public var structure: OperatorStructure {
    guard let a = first.structure.bandwidths, let b = second.structure.bandwidths else {
      return .unknown
    }
    return .band(lower: max(a.lower, b.lower), upper: max(a.upper, b.upper))
  }

  /// `y ← A x + B x`.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try first.matvec(x, into: &y)
    try add(x, to: &y, transposed: false)
  }

  /// `y ← Aᵀ x + Bᵀ x`.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try first.transposeMatvec(x, into: &y)
    try add(x, to: &y, transposed: true)
  }

  /// The sum of both.
  public func denseMatrix() throws(LinearSolveError) -> [Double] {
    var sum = try first.denseMatrix()
    let other = try second.denseMatrix()
    for k in 0..<sum.count { sum[k] += other[k] }
    return sum
  }

  private func add(
    _ x: Span<Double>, to y: inout MutableSpan<Double>, transposed: Bool
  ) throws(LinearSolveError) {
    var term = [Double](repeating: 0, count: y.count)
    var out = term.mutableSpan
    if transposed {
      try second.transposeMatvec(x, into: &out)
    } else {
      try second.matvec(x, into: &out)
    }
    addScaled(1, term.span, to: &y)
  }
}
