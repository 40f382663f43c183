/// A problem as a type: what it takes, what it looks for, which equations the answer satisfies and
/// how it is found. Its derivatives follow.
///
/// ```swift
/// struct SquareRoot: ImplicitProblem {
///   let steps: Int                                     // whatever the solver needs
///   func optimality(_ x: Tensor, _ y: Tensor) -> Tensor { y * y - x }
///   func solve(_ x: Tensor) -> Tensor {
///     (0..<steps).reduce(x) { y, _ in (y + x / y) / 2 }
///   }
/// }
/// let squareRoot = SquareRoot(steps: 60)
/// let y = try squareRoot([4, 9])                       // [2, 3]
/// let (value, pullback) = try squareRoot.valueWithPullback(at: [4, 9])
/// let gradient = try pullback([1, 1]).value            // [1/4, 1/6]
/// ```
///
/// A type whose solutions minimise something conforms to ``MinimizationProblem`` and states the
/// `objective` instead of the `optimality`. A type that states neither does not compile, and the
/// compiler repeats this sentence.
///
/// The *input* is what derivatives are taken in. Tensors that the type stores are constants of the
/// problem, unless the type is its own input (it conforms to `TensorStructure`, and its methods
/// take `Self`): then its fields are the parameters, `problem()` is the solution, and gradients
/// are values of the type.
///
/// ```swift
/// struct Ridge: MinimizationProblem, TensorStructure {
///   var penalty: Tensor, features: Tensor, target: Tensor
///   static var fields: [TensorField<Ridge>] {
///     [.init("penalty", \.penalty), .constant("features", \.features), .init("target", \.target)]
///   }
///   func objective(_ x: Ridge, _ w: Tensor) -> Tensor { … }
///   func solve(_ x: Ridge) throws -> Tensor { … }
/// }
/// let slope = try ridge.valueWithPullback().pullback(gradientOfLoss).value.penalty
/// ```
///
/// Everything is done by ``ImplicitFunction``, which says what is checked and thrown, and has room
/// for the rest: solvers with a by-product, conditions of other kinds, products by hand.
///
/// The idea is that of `ImplicitMetaGradientModule` in J. Ren et al., "TorchOpt: An Efficient Library
/// for Differentiable Optimization", JMLR 24 (2023).
public protocol ImplicitProblem<Input, Output>: Sendable {
  /// What derivatives are taken in.
  associatedtype Input: TensorStructure

  /// The unknowns.
  associatedtype Output: TensorStructure

  /// The left side of the conditions `F(x, y) = 0`, in tensor operations: one equation for each
  /// unknown, arranged like the unknowns.
  func optimality(_ x: Input, _ y: Output) throws -> Output

  /// Finds `y` for `x`. Any code: it is never differentiated, and what it throws is passed on.
  /// (Inside the type, the function that solves a linear system goes by its full name,
  /// `ImplicitDifferentiation.solve`.)
  func solve(_ x: Input) throws -> Output

  /// The method for the linear systems of derivatives; by default chosen from their structure.
  var linearSolver: any LinearSolver { get }

  /// See ``ImplicitFunction``; `1e-6` by default.
  var conditionsTolerance: Double? { get }

  /// What happens when the conditions are not met; by default they throw.
  var policy: CertificationPolicy { get }

  /// The directions that the conditions leave free; none by default.
  var gauge: Gauge<Input, Output>? { get }

  /// The problem that is posed at `x`: this one; `x` itself, if problems of this type are their own
  /// input. (So that a method which reads a field of `self` does not mistake it for a constant.)
  func problem(at x: Input) -> Self
}

/// A problem whose solutions are stationary points of an objective, such as unconstrained minima.
public protocol MinimizationProblem<Input, Output>: ImplicitProblem {
  /// What is minimised over `y`: one number, in tensor operations.
  func objective(_ x: Input, _ y: Output) throws -> Tensor
}

extension MinimizationProblem {
  /// The gradient of the objective in `y`. Its derivative, the `A` of the implicit function
  /// theorem, is the Hessian.
  public func optimality(_ x: Input, _ y: Output) throws -> Output {
    try gradient(at: y) { y in try oneNumber(try objective(x, y)) }
  }
}

extension ImplicitProblem {
  /// Never called: it gives the compiler the words for a type that states nothing.
  @available(
    *, unavailable,
    message: "State `optimality`, or conform to `MinimizationProblem` and state `objective`."
  )
  public func optimality(_ x: Input, _ y: Output) throws -> Output { y }

  /// Chosen from the structure of the conditions.
  public var linearSolver: any LinearSolver { Automatic() }

  /// `1e-6`
  public var conditionsTolerance: Double? { 1e-6 }

  /// `.throw`
  public var policy: CertificationPolicy { .throw }

  /// None.
  public var gauge: Gauge<Input, Output>? { nil }

  /// This problem.
  public func problem(at x: Input) -> Self { self }
}

extension ImplicitProblem where Input == Self {
  /// The input is the problem.
  public func problem(at x: Self) -> Self { x }
}

extension ImplicitProblem {
  /// The solution as an implicit function of the input, with this problem's settings.
  public var implicitFunction: ImplicitFunction<Input, Output> {
    // A problem that is its own input is asked at that input only. Without its derivative here: the
    // trace of a traced problem would hold the function, the function the problem, and that the trace.
    let template = ((self as? Input)?.withoutDerivative as? Self) ?? self
    return ImplicitFunction(
      forward: { x in try template.problem(at: x).solve(x) },
      conditions: .root { x, y in try template.problem(at: x).optimality(x, y) },
      linearSolver: linearSolver, conditionsTolerance: conditionsTolerance, policy: policy,
      gauge: gauge)
  }
}
