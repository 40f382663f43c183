/// `A B`: first `B`, then `A`. A product costs one of each, and
/// allocates one vector: operators are immutable and own no workspace.
public struct ComposedOperator: LinearOperator {
  /// `A`, applied last.
  public let outer: any LinearOperator

  /// `B`, applied first.
  public let inner: any LinearOperator

  /// `outer · inner`; throws unless `outer` has as many columns as `inner` has rows.
  public init(
    _ outer: any LinearOperator, _ inner: any LinearOperator
  ) throws(LinearSolveError) {
    try requireCount(inner.rowCount, outer.columnCount, "the rows of the right-hand factor")
    self.outer = outer
    self.inner = inner
  }

  /// The rows of `outer`.
  public var rowCount: Int { outer.rowCount }

  /// The columns of `inner`.
  public var columnCount: Int { inner.columnCount }

  /// Bandwidths add, if both factors have one.
  public var structure: OperatorStructure {
    guard let a = outer.structure.bandwidths, let b = inner.structure.bandwidths else {
      return .unknown
    }
    return .band(lower: a.lower + b.lower, upper: a.upper + b.upper)
  }

  /// `y ← A (B x)`.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    var middle = [Double](repeating: 0, count: inner.rowCount)
    var out = middle.mutableSpan
    try inner.matvec(x, into: &out)
    try outer.matvec(middle.span, into: &y)
  }

  /// `y ← Bᵀ (Aᵀ x)`.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    var middle = [Double](repeating: 0, count: inner.rowCount)
    var out = middle.mutableSpan
    try outer.transposeMatvec(x, into: &out)
    try inner.transposeMatvec(middle.span, into: &y)
  }
}
