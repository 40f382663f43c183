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

  /// `Y ← A X` for `k` columns at once. They lie one after the other: column `j` of `X` in
  /// `x[j·n ..< (j+1)·n]` with `n = columnCount`, column `j` of `Y` likewise with `rowCount`.
  ///
  /// By default one column after the other. Operators whose coefficients are worth reading only
  /// once for all columns (dense and traced ones) have products of their own, with the bits of
  /// `matvec` in every column; so should others.
  func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError)

  /// `Y ← Aᵀ X` for `k` columns at once; as ``matmat(_:columns:into:)``.
  func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError)

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
  package var transposed: OperatorStructure {
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

  /// One column after the other.
  public func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, columns: k, transposed: false)
    try forEachColumn(of: x, and: &y, count: k) { x, y throws(LinearSolveError) in
      try matvec(x, into: &y)
    }
  }

  /// One column after the other.
  public func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, columns: k, transposed: true)
    try forEachColumn(of: x, and: &y, count: k) { x, y throws(LinearSolveError) in
      try transposeMatvec(x, into: &y)
    }
  }

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

  /// `A x` (`Aᵀ x`, if `transposed`) for each of several vectors, as one block product.
  package func applied(
    toEach columns: [[Double]], transposed: Bool
  ) throws(LinearSolveError) -> [[Double]] {
    let (n, m) = transposed ? (rowCount, columnCount) : (columnCount, rowCount)
    if columns.count == 1 {
      return [try transposed ? transposeApplied(to: columns[0]) : applied(to: columns[0])]
    }
    var x: [Double] = []
    x.reserveCapacity(n * columns.count)
    for column in columns {
      try requireCount(column.count, n, "a vector multiplied by the operator")
      x += column
    }
    var y = [Double](repeating: 0, count: m * columns.count)
    var out = y.mutableSpan
    if transposed {
      try transposeMatmat(x.span, columns: columns.count, into: &out)
    } else {
      try matmat(x.span, columns: columns.count, into: &out)
    }
    return columns.indices.map { Array(y[($0 * m)..<(($0 + 1) * m)]) }
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

  /// The same for a product with `k` columns.
  package func requireSizes(
    _ xCount: Int, _ yCount: Int, columns k: Int, transposed: Bool
  ) throws(LinearSolveError) {
    let (inputs, outputs) = transposed ? (rowCount, columnCount) : (columnCount, rowCount)
    try requireCount(xCount, inputs * k, "the \(k) columns multiplied by the operator")
    try requireCount(yCount, outputs * k, "the \(k) columns of the operator's product")
  }
}

/// Throws ``LinearSolveError/sizeMismatch(what:expected:found:)`` unless `found == expected`.
@inlinable
@inline(__always)
package func requireCount(
  _ found: Int, _ expected: Int, _ what: @autoclosure () -> String
) throws(LinearSolveError) {
  if found != expected {
    throw .sizeMismatch(what: what(), expected: expected, found: found)
  }
}

/// Hands the `k` columns of `x` and of `y`, which lie one after the other, to `body` in turn.
func forEachColumn(
  of x: Span<Double>, and y: inout MutableSpan<Double>, count k: Int,
  _ body: (Span<Double>, inout MutableSpan<Double>) throws(LinearSolveError) -> Void
) throws(LinearSolveError) {
  if k == 0 { return }
  let (n, m) = (x.count / k, y.count / k)
  var failure: LinearSolveError?
  x.withUnsafeBufferPointer { x in
    y.withUnsafeMutableBufferPointer { y in
      for j in 0..<k {
        let input = UnsafeBufferPointer(rebasing: x[(j * n)..<((j + 1) * n)])
        let output = UnsafeMutableBufferPointer(rebasing: y[(j * m)..<((j + 1) * m)])
        var column = output.mutableSpan
        do throws(LinearSolveError) {
          try body(input.span, &column)
        } catch {
          failure = error
          return
        }
      }
    }
  }
  if let failure { throw failure }
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
