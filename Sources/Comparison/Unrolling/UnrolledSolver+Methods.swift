import ImplicitDifferentiation

// Solvers that are simple enough to be written as a step.

extension UnrolledSolver {
  /// The plain iteration of a map, `y ← T(x, y)`.
  public static func fixedPoint(
    of T: @escaping @Sendable (Input, State) throws -> State,
    from start: @escaping @Sendable (Input) throws -> State, iterations: Int
  ) -> UnrolledSolver { UnrolledSolver(start: start, step: T, iterations: iterations) }
}

extension UnrolledSolver where State == Tensor {
  /// Gradient descent with a fixed step, `y ← y − α ∇f(x, y)`: the steps of the forward solver
  /// `GradientDescent`, with the same bits.
  public static func gradientDescent(
    of objective: @escaping @Sendable (_ x: Input, _ y: Tensor) -> Tensor, stepSize: Double,
    from start: Tensor, iterations: Int
  ) -> UnrolledSolver {
    UnrolledSolver(
      start: { _ in start },
      step: { x, y in
        y + (-gradient(at: y) { y in objective(x, y) }).scaled(by: stepSize)
      }, iterations: iterations)
  }
}

/// The state of a heavy ball.
public struct HeavyBallState: TensorStructure {
  /// `y`, what is minimised over.
  public var position: Tensor

  /// `v`, the last change of the position.
  public var velocity: Tensor

  /// A ball with a velocity; at rest if none is given.
  public init(position: Tensor, velocity: Tensor? = nil) {
    self.position = position
    self.velocity = velocity ?? .zeros(position.shape)
  }

  /// Position and velocity.
  public static var fields: [TensorField<HeavyBallState>] {
    [.init("position", \.position), .init("velocity", \.velocity)]
  }
}

extension ReversibleSolver where State == HeavyBallState {
  /// Gradient descent with momentum `γ` and step `α`, from rest:
  /// ```
  /// v ← γ v − α ∇f(x, y)      y ← y + v
  /// ```
  /// and backwards `y ← y − v`, `v ← (v + α ∇f(x, y)) / γ`.
  ///
  /// Source: B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR
  /// Comput. Math. Math. Phys. 4 (1964), 1–17.
  ///
  /// - Throws: `UnrollingError.invalidOption` for a momentum that is not between 0 and 1: without
  ///   momentum the steps of gradient descent cannot be undone by a formula.
  public static func heavyBall(
    of objective: @escaping @Sendable (_ x: Input, _ y: Tensor) -> Tensor, stepSize: Double,
    momentum: Double, from start: Tensor, iterations: Int
  ) throws(UnrollingError) -> ReversibleSolver {
    try require(momentum > 0 && momentum < 1, "momentum", momentum, "between 0 and 1")
    @Sendable func slope(_ x: Input, _ y: Tensor) -> Tensor {
      gradient(at: y) { y in objective(x, y) }
    }
    return ReversibleSolver(
      UnrolledSolver(
        start: { _ in HeavyBallState(position: start) },
        step: { x, state in
          let velocity =
            state.velocity.scaled(by: momentum)
            - slope(x, state.position).scaled(by: stepSize)
          return HeavyBallState(position: state.position + velocity, velocity: velocity)
        }, iterations: iterations),
      inverse: { x, state in
        let position = state.position - state.velocity
        let velocity =
          (state.velocity + slope(x, position).scaled(by: stepSize)).scaled(by: 1 / momentum)
        return HeavyBallState(position: position, velocity: velocity)
      })
  }
}
