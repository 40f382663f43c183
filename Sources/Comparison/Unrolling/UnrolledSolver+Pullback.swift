import ImplicitDifferentiation

extension UnrolledSolver {
  /// The cotangent of the input, from that of the last state.
  ///
  /// ```swift
  /// let gradient = try solver.pullback(
  ///   at: x, cotangent: { y in gradient(at: y) { y in loss(y) } }, method: .checkpoints(slots: 20))
  /// ```
  ///
  /// Costs and memory are those of the method, and stand in the report.
  ///
  /// - Parameters:
  ///   - x: where; not traced (`UnrollingError.tracedInput`).
  ///   - cotangent: from the last state; `piggyback` asks for it at every state.
  ///   - method: what is recorded and kept.
  ///   - estimateProducts: what the estimate of the truncation error may spend, in products with a
  ///     step; no more than there are unknowns are ever needed. With 0 there is no estimate.
  /// - Throws: `UnrollingError`; what the solver and the cotangent throw;
  ///   `DifferentiationError` for sizes that do not fit.
  public func pullback(
    at x: Input, cotangent: @escaping (State) throws -> State, method: UnrollingMethod,
    estimateProducts: Int = 30
  ) throws -> UnrolledDerivative<State, Input> {
    try method.validate(iterations: iterations)
    let runner = try StepRunner(self, at: x)
    if !method.isExact {
      var adjoint = FixedPointAdjoint(runner, cotangent, estimateProducts: estimateProducts)
      return try adjoint.derivative(method)
    }
    let start = try runner.start()
    var sweep = ReverseSweep(runner, cotangent)
    switch method {
    case .everySteps(let k): try sweep.reverse(from: start, everySteps: k)
    case .checkpoints(let slots): try sweep.reverse(from: start, slots: slots)
    default: try sweep.reverseEverything(from: start)
    }
    let (solution, value) = try sweep.finish(from: start)
    return UnrolledDerivative(solution: solution, value: value, report: sweep.runner.report)
  }

  /// The cotangent of the input, from a cotangent that does not depend on the last state.
  public func pullback(
    at x: Input, cotangent: State, method: UnrollingMethod, estimateProducts: Int = 30
  ) throws -> UnrolledDerivative<State, Input> {
    try pullback(
      at: x, cotangent: { _ in cotangent }, method: method, estimateProducts: estimateProducts)
  }
}
