import ImplicitDifferentiation

/// A solver whose steps can be run backwards, so that a pullback needs no memory of them: it walks
/// back from the last state, step by step, and records each step where it passes.
///
/// In exact arithmetic this is plain unrolling. In double precision every step rounds, and the
/// inverse of a contraction *magnifies*: what a step shrinks by `σ` grows by `1/σ` on the way back. For
/// heavy balls (`heavyBall`) the two factors of a direction have the product `γ`, the momentum.
/// Rounding enters at the size of the last velocity, `ε |σ₁|ᴺ`, and each step back divides it by `γ`
/// while positions come back to the bit; once it has reached their last place, `ε`, all grows by
/// `1/|σ₂|`. After `N` steps the drift is of the order
/// ```
/// ε exp(N (ln |σ₂|)² / ln(1/γ))
/// ```
/// or `ε γ^(−N/4)` where the ball oscillates (`|σ₁| = |σ₂| = √γ`), and nearly `ε γ^(−N)` where it creeps.
/// Once the ball lies still in doubles, `|σ₁|ᴺ < ε`, further steps add the full `1/|σ₂|`. The drift is
/// measured, reported, and above `driftTolerance` thrown.
///
/// The remedy of Maclaurin, Duvenaud and Adams is to *keep* the bits that a step loses, in integer
/// arithmetic: exact, for `log₂(1/γ)` bits a step and number instead of 64. That is not done here.
///
/// Cost: the solver once, its inverse once, a recording and a product for each step. One recording
/// is held at a time.
///
/// Source: D. Maclaurin, D. Duvenaud and R. P. Adams, "Gradient-based hyperparameter optimization
/// through reversible learning", ICML (2015).
public struct ReversibleSolver<Input: TensorStructure, State: TensorStructure>: Sendable {
  /// The steps forwards. Can be unrolled in any other way too.
  public var solver: UnrolledSolver<Input, State>

  /// `y` from `step(x, y)`.
  public var inverse: @Sendable (Input, State) throws -> State

  /// What the walk back may miss the start by, relative to the larger of the first and last state.
  public var driftTolerance: Double

  /// A solver with the inverse of its step.
  public init(
    _ solver: UnrolledSolver<Input, State>,
    inverse: @escaping @Sendable (Input, State) throws -> State, driftTolerance: Double = 1e-6
  ) {
    self.solver = solver
    self.inverse = inverse
    self.driftTolerance = driftTolerance
  }

  /// The cotangent of the input, from that of the last state.
  ///
  /// - Throws: `UnrollingError.reversalDrifted` where rounding has spoilt the way back; what
  ///   `UnrolledSolver.pullback` throws.
  public func pullback(
    at x: Input, cotangent: @escaping (State) throws -> State
  ) throws -> UnrolledDerivative<State, Input> {
    try UnrollingMethod.everything.validate(iterations: solver.iterations)
    var runner = try StepRunner(solver, at: x)
    let start = try runner.start()
    let solution = try runner.run(start, over: 0..<solver.iterations)
    var sweep = ReverseSweep(runner, cotangent)
    var y = solution
    var inverses = 0
    for index in stride(from: solver.iterations - 1, through: 0, by: -1) {
      y = try inverse(x, y)
      inverses += 1
      let recording = try sweep.runner.record(y, iteration: index + 1)
      try sweep.pull(recording)
      sweep.runner.release(recording)
    }
    let size = Swift.max(start.length, solution.length)
    let drift = y.distance(to: start) / (size > 0 ? size : 1)
    // `!(≤)`, so that NaN counts.
    if !(drift <= driftTolerance) {
      throw UnrollingError.reversalDrifted(
        drift: drift, tolerance: driftTolerance, iterations: solver.iterations)
    }
    let (_, value) = try sweep.finish(from: start)
    var report = sweep.runner.report
    report.stepsRun += inverses
    report.stepsRepeated += inverses
    report.reversalDrift = drift
    return UnrolledDerivative(solution: solution, value: value, report: report)
  }

  /// The cotangent of the input, from a cotangent that does not depend on the last state.
  public func pullback(
    at x: Input, cotangent: State
  ) throws -> UnrolledDerivative<State, Input> {
    try pullback(at: x, cotangent: { _ in cotangent })
  }
}
