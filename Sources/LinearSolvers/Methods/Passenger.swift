import Kernels

/// A right-hand side that is known when an operator is being factorised. It is solved for together with
/// the vectors of the condition estimate, where a further column costs next to nothing; once, without
/// refinement, to about `κ ε`.
package final class Passenger {
  private let vector: [Double]
  private let exponent: Int
  private let limit: Double

  /// `A⁻¹ b`; `nil` if the method took no notice of it, or the solution is not finite.
  package private(set) var solution: [Double]?

  /// Takes a finite right-hand side.
  ///
  /// - Parameter limit: the length up to which nothing need be known of the solution but a bound.
  package init(_ b: [Double], unlessShorterThan limit: Double = 0) {
    self.limit = limit
    let size = ProbeVector.maximumMagnitude(b)
    exponent = size > 0 ? PowerOfTwo.exponent(of: size) : 0
    vector = b
  }

  /// Whether the solution is short enough for sure.
  func isSpared(by evidence: ConditionEvidence) -> Bool {
    guard limit > 0, evidence.isBound,
      let bound = evidence.solutionBound(forLength: ProbeVector.norm(vector))
    else { return false }
    return bound <= limit
  }

  /// Forgets the solution, when the factors that gave it were refused.
  func reset() { solution = nil }

  /// Has `body` replace the right-hand side, at size one, by the solution.
  func solved<Result>(_ body: (UnsafeMutablePointer<Double>) -> Result) -> Result {
    let numbers = NumberBuffer(uninitializedCount: vector.count)
    let n = vector.count
    numbers.base.update(from: vector, count: n)
    PowerOfTwo.scale(numbers.base, count: n, by: -exponent)
    let result = body(numbers.base)
    PowerOfTwo.scale(numbers.base, count: n, by: exponent)
    let isFinite = Vector.firstNonFinite(numbers.base, count: n) == nil
    solution = isFinite ? [Double](UnsafeBufferPointer(start: numbers.base, count: n)) : nil
    return result
  }
}

/// A method that can take a passenger.
package protocol TakesPassenger: LinearSolver {
  /// As `prepare(_:)`.
  func prepare(
    _ A: any LinearOperator, passenger: Passenger
  ) throws(LinearSolveError) -> any PreparedLinearSolver
}

extension LinearSolver {
  /// Prepares, and solves for `b` where that costs next to nothing; otherwise there is no solution. Nor is there
  /// where the factors prove it to be no longer than `limit`.
  package func prepare(
    _ A: any LinearOperator, solving b: [Double], unlessShorterThan limit: Double = 0
  ) throws(LinearSolveError) -> (prepared: any PreparedLinearSolver, solution: [Double]?) {
    guard let method = self as? any TakesPassenger else { return (try prepare(A), nil) }
    let passenger = Passenger(b, unlessShorterThan: limit)
    let prepared = try method.prepare(A, passenger: passenger)
    return (prepared, passenger.solution)
  }
}
