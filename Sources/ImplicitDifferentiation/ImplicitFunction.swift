import Kernels

/// What happens when a derivative cannot be certified: when conditions do not hold at the point that a
/// solver returned, or when the error of a derivative may exceed its limit.
public enum CertificationPolicy: Sendable {
  /// `DifferentiationError.conditionsNotMet`, or `.inaccurate`, is thrown.
  case `throw`

  /// The derivative is returned, and its report carries the sentence as a warning.
  case warn

  /// As `warn`, once the function has seen the error: it may throw that or another, count it, or
  /// write it down.
  case custom(@Sendable (DifferentiationError) throws -> Void)

  /// The warning for a report, unless the error is thrown.
  func warning(_ error: DifferentiationError) throws -> String {
    switch self {
    case .throw: throw error
    case .warn: break
    case .custom(let decide): try decide(error)
    }
    return error.description
  }
}

/// A function `x ↦ y(x)` known only through conditions `F(x, y) = 0`, computed by any code and
/// differentiated by the implicit function theorem.
///
/// ```swift
/// let squareRoot = ImplicitFunction<Tensor, Tensor>(
///   forward: { x in newtonIteration(x) },           // any code: not differentiated, may throw
///   conditions: .root { x, y in y * y - x })
/// let y = try squareRoot([4, 9])                     // [2, 3]
/// let (value, pullback) = try squareRoot.valueWithPullback(at: [4, 9])
/// let gradient = try pullback([1, 1]).value          // [1/4, 1/6]
/// ```
///
/// Differentiating `F(x, y(x)) = 0` gives `A ẏ = −B ẋ` with `A = ∂F/∂y` and `B = ∂F/∂x`, at the
/// solution and whatever solver found it. So a pushforward is one linear solve with `A`, a pullback
/// one with `Aᵀ`; no Jacobian is formed, and no iteration of the solver is stored.
///
/// Each derivative is checked: the point must solve the conditions (by the size of a Newton step,
/// which no scaling of `F` changes), the linear system must be solved to its tolerance, and all
/// numbers must be finite. What cannot be certified is thrown.
///
/// Source: A. L. Dontchev and R. T. Rockafellar, *Implicit Functions and Solution Mappings*,
/// 2nd ed. (2014), Theorem 1B.1; M. Blondel et al., "Efficient and Modular Implicit
/// Differentiation", NeurIPS (2022), Section 2.
public struct ImplicitFunction<Input: TensorStructure, Output: TensorStructure>: Sendable {
  /// The conditions of the solution; they may depend on a by-product of the solver.
  private let solve: @Sendable (Input) throws -> (Output, Conditions<Input, Output>)
  private let conditions: Conditions<Input, Output>?

  /// The method for the linear systems of derivatives.
  public var linearSolver: any LinearSolver

  /// The largest Newton correction, relative to the solution, at which the conditions count as
  /// met; `nil` switches the check off (and saves one linear solve), and reports say *unchecked*.
  public var conditionsTolerance: Double?

  /// What happens when the conditions are not met, or a derivative has too large an error.
  public var policy: CertificationPolicy

  /// How much is spent on knowing the errors of derivatives, and which is too large.
  public var certification = Certification()

  /// The directions that the conditions leave free, if there are any; see ``Gauge``.
  public var gauge: Gauge<Input, Output>?

  /// Whether Newton steps are added to what the solver returns, until they gain nothing more: then
  /// values and derivatives belong to the solution as exactly as numbers can tell, however early the
  /// solver stopped. Each step costs a recording of the conditions and a linear solve; reports say
  /// how many were made, and how far the solver was away.
  public var polish = false

  /// What a ``memoized()`` function remembers; `nil` for others.
  public internal(set) var lastSolve: LastSolve<Input, Output>?

  /// - Parameters:
  ///   - forward: any code that finds `y` for `x`. It is run once for each value and never
  ///     differentiated; what it throws is passed on.
  ///   - conditions: what `y` satisfies.
  ///   - linearSolver: the method for the linear systems; by default chosen from the structure of
  ///     the conditions.
  ///   - conditionsTolerance: see the property.
  ///   - policy: see the property.
  ///   - gauge: see the property.
  public init(
    forward: @escaping @Sendable (Input) throws -> Output,
    conditions: Conditions<Input, Output>,
    linearSolver: any LinearSolver = Automatic(),
    conditionsTolerance: Double? = 1e-6,
    policy: CertificationPolicy = .throw,
    gauge: Gauge<Input, Output>? = nil
  ) {
    solve = { x in (try forward(x), conditions) }
    self.conditions = conditions
    self.linearSolver = linearSolver
    self.conditionsTolerance = conditionsTolerance
    self.policy = policy
    self.gauge = gauge
  }

  /// For a solver that returns something with its solution which the conditions need (an active
  /// set, a step size, a pairing): it is handed on to them, and not differentiated.
  ///
  /// ```swift
  /// ImplicitFunction<Tensor, Tensor>(
  ///   forward: { x in let (y, support) = lasso(x); return (y, support) },
  ///   conditions: { support in .root { x, y in reducedGradient(x, y, support) } })
  /// ```
  public init<ByProduct>(
    forward: @escaping @Sendable (Input) throws -> (Output, ByProduct),
    conditions: @escaping @Sendable (ByProduct) -> Conditions<Input, Output>,
    linearSolver: any LinearSolver = Automatic(),
    conditionsTolerance: Double? = 1e-6,
    policy: CertificationPolicy = .throw,
    gauge: Gauge<Input, Output>? = nil
  ) {
    solve = { x in
      let (y, byProduct) = try forward(x)
      return (y, conditions(byProduct))
    }
    self.conditions = nil
    self.linearSolver = linearSolver
    self.conditionsTolerance = conditionsTolerance
    self.policy = policy
    self.gauge = gauge
  }

  /// The solution `y(x)`.
  ///
  /// Called with traced tensors (inside a function that is being differentiated) it records one
  /// instruction whose two actions are this function's linear solves. Derivatives of any order are
  /// solves too, all with the one factorisation made here.
  ///
  /// Such an instruction underflows gradually, as any other: what stands beside it in the sum that is
  /// being differentiated is not known to it. It throws what overflows.
  ///
  /// - Throws: what `forward` throws; `DifferentiationError.notFinite` when the solution is not
  ///   finite.
  public func callAsFunction(_ x: Input) throws -> Output {
    x.forEachTensor(named: "", isConstant: false) { name, tensor, isConstant in
      if isConstant, tensor.isTraced { stopForTracedConstant(name) }
    }
    if innermostTrace(of: x.variables) != nil { return try record(x).y }
    let solved = try solution(x)
    let (y, conditions) = (solved.y, solved.conditions)
    // Inside somebody's derivative what the conditions capture of it would be lost: recording them
    // stops then. That they have no derivative here is no matter for a value.
    if Trace.isAnyOpen { _ = try? conditions.linearize(x, y) }
    return y
  }

  /// The solution at `x` and its derivatives there, ready for any number of tangents and
  /// cotangents. The conditions are recorded once and checked; factors are kept.
  ///
  /// - Parameters:
  ///   - x: the point.
  ///   - nearby: this function at a nearby point, of a path or an iteration. If it has a dense
  ///     factorisation, that becomes the preconditioner of GMRES here, and no other is made where a
  ///     few iterations are enough (one solve is tried); otherwise, and for bands, which are
  ///     factorised in no time, `linearSolver` starts afresh. Answers are tested as always, iterative
  ///     ones to a relative residual of 1e-12; `report.linearSolver` says which it was.
  /// - Throws: what `forward` and the conditions throw, and `DifferentiationError`.
  public func linearize(
    at x: Input, reusing nearby: ImplicitLinearization<Input, Output>? = nil
  ) throws -> ImplicitLinearization<Input, Output> {
    try solvedPoint(at: x.withoutDerivative, reusing: nearby).linearization
  }

  /// Solves at a point of plain numbers and records the conditions there.
  func solvedPoint(
    at x: Input, reusing nearby: ImplicitLinearization<Input, Output>? = nil
  ) throws -> SolvedPoint<Input, Output> {
    let solved = try solution(x)
    return SolvedPoint(
      linearization: try linearization(at: x, solved, reusing: nearby),
      products: solved.conditions.products)
  }

  /// Derivatives at a solution found elsewhere; `forward` is not run. For `nearby` see
  /// ``linearize(at:reusing:)``.
  ///
  /// Stops for a function whose conditions depend on a by-product of its solver: that would be
  /// missing.
  ///
  /// - Throws: what the conditions throw, and `DifferentiationError`.
  public func linearize(
    at x: Input, solution y: Output, reusing nearby: ImplicitLinearization<Input, Output>? = nil
  ) throws -> ImplicitLinearization<Input, Output> {
    guard let conditions else {
      stop("The conditions of this function depend on a by-product of its solver: linearize(at:).")
    }
    try requireFinite(y, "the solution")
    let (x, y) = (x.withoutDerivative, y.withoutDerivative)
    return try linearization(
      at: x, polished(Solved(y: y, conditions: conditions), at: x), reusing: nearby)
  }

  private func linearization(
    at x: Input, _ solved: Solved<Input, Output>,
    reusing nearby: ImplicitLinearization<Input, Output>?
  ) throws -> ImplicitLinearization<Input, Output> {
    try ImplicitLinearization(
      point: x, solved: solved, linearSolver: try linearSolver(at: x, solved.y, reusing: nearby),
      conditionsTolerance: conditionsTolerance, certification: certification, policy: policy)
  }

  private func linearSolver(
    at x: Input, _ y: Output, reusing nearby: ImplicitLinearization<Input, Output>?
  ) throws -> any LinearSolver {
    let solver: any LinearSolver =
      if let nearby {
        NearbySolver(nearby: nearby.flat.prepared, otherwise: linearSolver)
      } else {
        linearSolver
      }
    return try gauge?.solver(solver, at: x, y) ?? solver
  }

  private func solution(_ x: Input) throws -> Solved<Input, Output> {
    try requireFinite(x, "the input")
    if let lastSolve { return try lastSolve.solution(x, or: checkedSolution) }
    return try checkedSolution(x)
  }

  private func checkedSolution(_ x: Input) throws -> Solved<Input, Output> {
    let (y, conditions) = try solve(x)
    // The input is untraced here, so a traced solution depends on something it does not show.
    if innermostTrace(of: y.variables) != nil {
      stopForCapturedTrace("The solver of an implicit function")
    }
    try requireFinite(y, "the solution")
    return try polished(Solved(y: y, conditions: conditions), at: x)
  }

  /// The solution after Newton steps, if they are asked for.
  private func polished(
    _ solved: Solved<Input, Output>, at x: Input
  ) throws -> Solved<Input, Output> {
    guard polish else { return solved }
    return try solved.polished(at: x) { y in try linearSolver(at: x, y, reusing: nil) }
  }
}

/// Throws at the first NaN or infinity among a structure's variables, naming the tensor.
func requireFinite<Value: TensorStructure>(
  _ value: Value, _ what: String
) throws(DifferentiationError) {
  var failure: DifferentiationError?
  value.forEachTensor(named: "", isConstant: false) { name, tensor, _ in
    guard failure == nil, !tensor.isFinite else { return }
    let numbers = tensor.rawScalars
    guard let index = numbers.firstIndex(where: { !$0.isFinite }) else { return }
    failure = .notFinite(
      what: name.isEmpty ? what : "\(what) (`\(name)`)", index: index, value: numbers[index])
  }
  if let failure { throw failure }
}
