import Kernels

// Operators made of operators: A + B, A B, α A, A + σ I. Each product of a sum or a composition
// allocates one vector, because an operator is immutable and owns no workspace.

/// `A + B`, for two operators of the same shape. A product costs one of each.
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

  public var rowCount: Int { first.rowCount }
  public var columnCount: Int { first.columnCount }

  public var structure: OperatorStructure {
    guard let a = first.structure.bandwidths, let b = second.structure.bandwidths else {
      return .unknown
    }
    return .band(lower: max(a.lower, b.lower), upper: max(a.upper, b.upper))
  }

  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try first.matvec(x, into: &y)
    try add(x, to: &y, transposed: false)
  }

  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try first.transposeMatvec(x, into: &y)
    try add(x, to: &y, transposed: true)
  }

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

/// `A B`: first `B`, then `A`. A product costs one of each.
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

  public var rowCount: Int { outer.rowCount }
  public var columnCount: Int { inner.columnCount }

  public var structure: OperatorStructure {
    guard let a = outer.structure.bandwidths, let b = inner.structure.bandwidths else {
      return .unknown
    }
    return .band(lower: a.lower + b.lower, upper: a.upper + b.upper)
  }

  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    var middle = [Double](repeating: 0, count: inner.rowCount)
    var out = middle.mutableSpan
    try inner.matvec(x, into: &out)
    try outer.matvec(middle.span, into: &y)
  }

  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    var middle = [Double](repeating: 0, count: inner.rowCount)
    var out = middle.mutableSpan
    try outer.transposeMatvec(x, into: &out)
    try inner.transposeMatvec(middle.span, into: &y)
  }
}

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

  public var rowCount: Int { base.rowCount }
  public var columnCount: Int { base.columnCount }
  public var structure: OperatorStructure { base.structure }

  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.matvec(x, into: &y)
    scale(&y)
  }

  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.transposeMatvec(x, into: &y)
    scale(&y)
  }

  public func denseMatrix() throws(LinearSolveError) -> [Double] {
    try base.denseMatrix().map { factor * $0 }
  }

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

  public var rowCount: Int { base.rowCount }
  public var columnCount: Int { base.columnCount }
  public var structure: OperatorStructure { base.structure }

  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.matvec(x, into: &y)
    addScaled(shift, x, to: &y)
  }

  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.transposeMatvec(x, into: &y)
    addScaled(shift, x, to: &y)
  }

  public func denseMatrix() throws(LinearSolveError) -> [Double] {
    var entries = try base.denseMatrix()
    for i in 0..<rowCount { entries[i * columnCount + i] += shift }
    return entries
  }

  public func bandMatrix() throws(LinearSolveError) -> BandMatrix? {
    guard var band = try base.bandMatrix() else { return nil }
    for i in 0..<rowCount { band[i, i] += shift }
    return band
  }
}

/// `y ← y + α x`.
private func addScaled(_ alpha: Double, _ x: Span<Double>, to y: inout MutableSpan<Double>) {
  x.withUnsafeBufferPointer { x in
    y.withUnsafeMutableBufferPointer { y in
      guard let input = x.baseAddress, let output = y.baseAddress else { return }
      Vector.addScaled(alpha, input, to: output, count: y.count)
    }
  }
}
