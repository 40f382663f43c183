/// A solution of `A x = b` with its evidence.
public struct LinearSolution: Sendable, Equatable {
  /// `x`.
  public var vector: [Double]

  /// Iterations of the method; for a direct method, steps of iterative refinement.
  public var iterations: Int

  /// Products with `A` or `Aᵀ` spent on this right-hand side.
  public var operatorProducts: Int

  /// `‖b − A x‖₂`, computed from the `x` that is returned, not carried along by a recurrence.
  public var residualNorm: Double

  /// `‖b − A x‖₂ / ‖b‖₂`; zero if `b` is.
  public var relativeResidual: Double

  /// `‖b − A x‖ / (‖A‖ ‖x‖ + ‖b‖)`: the smallest relative change of `A` and `b` for which `x` is
  /// exact (J. L. Rigal and J. Gaches 1967).
  ///
  /// Iterative methods use 2-norms, and for `‖A‖₂` the largest `‖A v‖ / ‖v‖` they have met, a lower
  /// bound: the number is never too small. Direct methods use maximum norms of the *equilibrated*
  /// system, whose norm is known, so that badly scaled rows count as much as the others.
  public var backwardError: Double

  /// The method that found it, in words.
  public var method: String

  /// The solution for `b = 0`.
  static func zero(count: Int, method: String) -> LinearSolution {
    LinearSolution(
      vector: [Double](repeating: 0, count: count), iterations: 0, operatorProducts: 0,
      residualNorm: 0, relativeResidual: 0, backwardError: 0, method: method)
  }
}
