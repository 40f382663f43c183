import Kernels

/// A linear map known by its products: `x ↦ A x` and `y ↦ Aᵀ y`, with `A` of `m × n`.
///
/// A derivative hardly ever needs the entries of a Jacobian; products are enough to solve with it.
/// Both products write into memory of the caller, so that an iteration allocates nothing. The two
/// must belong to the same matrix: `⟨A x, y⟩ = ⟨x, Aᵀ y⟩` (``adjointDefect(seed:)`` measures it).
public protocol LinearOperator: Sendable {
  /// `m`, the length of `A x`.
  var rowCount: Int { get }

  /// `n`, the length of `x`.
  var columnCount: Int { get }

  /// `y ← A x`, with `x` of length `columnCount` and `y` of length `rowCount`.
  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError)

  /// `y ← Aᵀ x`, with `x` of length `rowCount` and `y` of length `columnCount`.
  func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)

  /// Where `A` may have nonzero entries; `.unknown` unless something narrower is certain.
  var structure: OperatorStructure { get }

  /// The entries of `A`, row-major `m × n`. Costs `columnCount` products unless they are at hand.
  func denseMatrix() throws(LinearSolveError) -> [Double]

  /// The entries of a banded `A`; `nil` if `structure` does not promise a band. Costs
  /// `lower + upper + 1` products unless the entries are at hand.
  func bandMatrix() throws(LinearSolveError) -> BandMatrix?
}

/// Where the nonzero entries of an operator are.
public enum OperatorStructure: Sendable, Equatable {
  /// Anywhere.
  case unknown

  /// On the main diagonal only.
  case diagonal

  /// In the entries `(i, j)` with `-lower ≤ j − i ≤ upper`.
  case banded(lower: Int, upper: Int)

  /// The number of diagonals below and above the main one, or `nil` if unknown.
  public var bandwidths: (lower: Int, upper: Int)? {
    switch self {
    case .unknown: nil
    case .diagonal: (0, 0)
    case .banded(let lower, let upper): (lower, upper)
    }
  }

  /// The structure with `lower` and `upper` diagonals beside the main one.
  package static func band(lower: Int, upper: Int) -> OperatorStructure {
    lower == 0 && upper == 0 ? .diagonal : .banded(lower: lower, upper: upper)
  }

  /// The structure of `Aᵀ`.
  var transposed: OperatorStructure {
    switch self {
    case .unknown, .diagonal: self
    case .banded(let lower, let upper): .banded(lower: upper, upper: lower)
    }
  }
}

extension LinearOperator {
  /// Nothing is known about the position of the entries.
  public var structure: OperatorStructure { .unknown }

  /// Whether `m = n`.
  public var isSquare: Bool { rowCount == columnCount }

  /// `A x` as a new array.
  public func applied(to x: [Double]) throws(LinearSolveError) -> [Double] {
    try requireCount(x.count, columnCount, "the vector multiplied by A")
    var y = [Double](repeating: 0, count: rowCount)
    var out = y.mutableSpan
    try matvec(x.span, into: &out)
    return y
  }

  /// `Aᵀ y` as a new array.
  public func transposeApplied(to y: [Double]) throws(LinearSolveError) -> [Double] {
    try requireCount(y.count, rowCount, "the vector multiplied by Aᵀ")
    var x = [Double](repeating: 0, count: columnCount)
    var out = x.mutableSpan
    try transposeMatvec(y.span, into: &out)
    return x
  }

  /// `A x` as a new array, so that an operator reads like the function it is.
  public func callAsFunction(_ x: [Double]) throws(LinearSolveError) -> [Double] {
    try applied(to: x)
  }

  /// Throws unless `x` and `y` fit the product `A x` (or `Aᵀ x`, if `transposed`).
  package func requireSizes(_ xCount: Int, _ yCount: Int, transposed: Bool) throws(LinearSolveError)
  {
    let (inputs, outputs) = transposed ? (rowCount, columnCount) : (columnCount, rowCount)
    try requireCount(xCount, inputs, "the vector multiplied by the operator")
    try requireCount(yCount, outputs, "the product of the operator")
  }
}

/// Throws ``LinearSolveError/sizeMismatch(what:expected:found:)`` unless `found == expected`.
@inline(__always)
func requireCount(
  _ found: Int, _ expected: Int, _ what: @autoclosure () -> String
) throws(LinearSolveError) {
  if found != expected {
    throw .sizeMismatch(what: what(), expected: expected, found: found)
  }
}

/// `y ← y + α x`.
func addScaled(_ alpha: Double, _ x: Span<Double>, to y: inout MutableSpan<Double>) {
  x.withUnsafeBufferPointer { x in
    y.withUnsafeMutableBufferPointer { y in
      guard let input = x.baseAddress, let output = y.baseAddress else { return }
      Vector.addScaled(alpha, input, to: output, count: y.count)
    }
  }
}
