// Short names for parts of `implicitFunction`, as `ImplicitFunction` has them; each call makes the
// function anew, which costs nothing. What they throw is written there.

extension ImplicitProblem {
  /// The solution; inside a function that is being differentiated, one recorded instruction.
  public func callAsFunction(_ x: Input) throws -> Output { try implicitFunction(x) }

  /// The solution and its derivatives, ready for any number of tangents and cotangents.
  public func linearize(at x: Input) throws -> ImplicitLinearization<Input, Output> {
    try implicitFunction.linearize(at: x)
  }

  /// The solution, and its derivative along any tangent.
  public func valueWithPushforward(
    at x: Input
  ) throws -> (value: Output, pushforward: @Sendable (Input) throws -> Derivative<Output>) {
    try implicitFunction.valueWithPushforward(at: x)
  }

  /// The solution, and the gradient in `x` of anything whose gradient in the solution is known.
  public func valueWithPullback(
    at x: Input
  ) throws -> (value: Output, pullback: @Sendable (Output) throws -> Derivative<Input>) {
    try implicitFunction.valueWithPullback(at: x)
  }

  /// The Jacobian `dy/dx`, a row for each unknown and a column for each number of the input.
  public func jacobian(at x: Input) throws -> Derivative<Tensor> {
    try implicitFunction.jacobian(at: x)
  }
}

extension ImplicitProblem where Input == Self {
  /// The solution of this problem.
  public func callAsFunction() throws -> Output { try implicitFunction(self) }

  /// The solution of this problem and its derivatives in the problem's own tensors.
  public func linearize() throws -> ImplicitLinearization<Self, Output> {
    try implicitFunction.linearize(at: self)
  }

  /// The solution of this problem, and its derivative along a change of the problem.
  public func valueWithPushforward() throws -> (
    value: Output, pushforward: @Sendable (Self) throws -> Derivative<Output>
  ) {
    try implicitFunction.valueWithPushforward(at: self)
  }

  /// The solution of this problem, and the gradient in the problem's own tensors.
  public func valueWithPullback() throws -> (
    value: Output, pullback: @Sendable (Output) throws -> Derivative<Self>
  ) {
    try implicitFunction.valueWithPullback(at: self)
  }
}
