import ImplicitDifferentiation

/// A solver as its step: `y₀ = start(x)`, then `y ← step(x, y)` so many times.
///
/// ```swift
/// let squareRoot = UnrolledSolver<Tensor, Tensor>(
///   start: { _ in Tensor(1) }, step: { x, y in 0.5 * (y + x / y) }, iterations: 6)
/// let y = try squareRoot(2)                                        // 1.414214
/// let slope = try squareRoot.pullback(at: 2, cotangent: { _ in Tensor(1) }, method: .oneStep)
/// print(slope.value, slope.report)                                 // 0.3535534 …
/// ```
///
/// Run on traced tensors, all steps are recorded: *plain unrolling*, one recording that grows with
/// every step. A solver that is given by its step need not pay that. `pullback` and `pushforward`
/// record single steps, and an `UnrollingMethod` says which of them, when, and what is kept.
///
/// A step is a function of `x` and `y` alone; what a solver carries along (a velocity, dual
/// variables) belongs to the state.
public struct UnrolledSolver<Input: TensorStructure, State: TensorStructure>: Sendable {
  /// The first state. It may depend on the input; then its derivative counts too, except in the
  /// methods that take the last state for a fixed point.
  public var start: @Sendable (Input) throws -> State

  /// One step, to a state of the same shapes.
  public var step: @Sendable (Input, State) throws -> State

  /// How many steps are made.
  public var iterations: Int

  /// A solver of `iterations` steps from `start`.
  public init(
    start: @escaping @Sendable (Input) throws -> State,
    step: @escaping @Sendable (Input, State) throws -> State, iterations: Int
  ) {
    self.start = start
    self.step = step
    self.iterations = iterations
  }

  /// The last state. On a traced input every step is recorded.
  public func callAsFunction(_ x: Input) throws -> State {
    try require(iterations >= 0, "iterations", iterations, "at least 0")
    var y = try start(x)
    for _ in 0..<iterations { y = try step(x, y) }
    return y
  }

  /// The last state, of which a traced input sees only the last `count` steps: those before run on
  /// plain numbers.
  ///
  /// This is truncated unrolling as it is usually written (stop the gradient, then take a few more
  /// steps), and with `count` 1 one-step differentiation. It nests like anything else. With `k` steps
  /// that shrink errors by `ρ` the derivative lacks terms of order `ρᵏ`, the *second* derivative terms
  /// of order `k ρᵏ`; one step of Newton's method is exact once and wrong twice. See
  /// `UnrollingWarning.wrongAtSecondOrder`.
  public func truncated(_ x: Input, last count: Int) throws -> State {
    try require(iterations >= 0, "iterations", iterations, "at least 0")
    try require(
      (0...iterations).contains(count), "last", count,
      "from 0 to the \(iterations.counted("iteration"))")
    let plain = x.withoutDerivative
    var y = try start(plain)
    for _ in 0..<(iterations - count) { y = try step(plain, y) }
    for _ in 0..<count { y = try step(x, y) }
    return y
  }
}

/// The two arguments of a step, so that both can be differentiated at once.
struct StepPoint<Input: TensorStructure, State: TensorStructure>: TensorStructure {
  var input: Input
  var state: State

  // Written out: a list of generic key paths would be made anew for each of thousands of steps.
  static var fields: [TensorField<StepPoint>] { [] }

  func forEachTensor(
    named prefix: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void
  ) {
    input.forEachTensor(named: "\(prefix).input", isConstant: isConstant, body)
    state.forEachTensor(named: "\(prefix).state", isConstant: isConstant, body)
  }

  func mapTensors(
    isConstant: Bool, _ body: (_ tensor: Tensor, _ isConstant: Bool) -> Tensor
  ) -> StepPoint {
    StepPoint(
      input: input.mapTensors(isConstant: isConstant, body),
      state: state.mapTensors(isConstant: isConstant, body))
  }
}

extension TensorStructure {
  /// The sum of the variables; constants stay.
  func adding(_ other: Self) -> Self {
    let terms = other.variables
    var index = 0
    return mapTensors(isConstant: false) { tensor, isConstant in
      if isConstant { return tensor }
      defer { index += 1 }
      return tensor + terms[index]
    }
  }

  /// A tangent or cotangent of zero.
  var zeroTangent: Self {
    mapTensors(isConstant: false) { tensor, isConstant in
      isConstant ? Tensor([Double]()) : Tensor.zeros(tensor.shape)
    }
  }

  /// The Euclidean length of all variables together.
  var length: Double { Tensor(flattened()).norm().scalar }

  /// `‖self − other‖₂`.
  func distance(to other: Self) -> Double {
    (Tensor(flattened()) - Tensor(other.flattened())).norm().scalar
  }
}
