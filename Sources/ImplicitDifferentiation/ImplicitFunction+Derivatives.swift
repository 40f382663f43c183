// Short names for parts of `linearize(at:)`.

extension ImplicitFunction {
  /// The solution, and its derivative along any tangent.
  ///
  /// - Throws: as `linearize(at:)`; the pushforward, as `ImplicitLinearization.pushforward`.
  public func valueWithPushforward(
    at x: Input
  ) throws -> (value: Output, pushforward: @Sendable (Input) throws -> Derivative<Output>) {
    let linearization = try linearize(at: x)
    return (linearization.solution, { try linearization.pushforward($0) })
  }

  /// The solution, and the gradient in `x` of anything whose gradient in the solution is known.
  ///
  /// - Throws: as `linearize(at:)`; the pullback, as `ImplicitLinearization.pullback`.
  public func valueWithPullback(
    at x: Input
  ) throws -> (value: Output, pullback: @Sendable (Output) throws -> Derivative<Input>) {
    let linearization = try linearize(at: x)
    return (linearization.solution, { try linearization.pullback($0) })
  }

  /// The derivative of the solution along one tangent.
  public func pushforward(at x: Input, _ tangent: Input) throws -> Derivative<Output> {
    try linearize(at: x).pushforward(tangent)
  }

  /// The gradient in `x` of a loss whose gradient in the solution is `cotangent`.
  public func pullback(at x: Input, _ cotangent: Output) throws -> Derivative<Input> {
    try linearize(at: x).pullback(cotangent)
  }

  /// The Jacobian `dy/dx`, a row for each unknown and a column for each number of the input.
  public func jacobian(at x: Input) throws -> Derivative<Tensor> {
    try linearize(at: x).jacobian()
  }
}
