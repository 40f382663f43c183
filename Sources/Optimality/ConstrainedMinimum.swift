import ImplicitDifferentiation

/// The solution (z, ν, λ) of a constrained problem as a differentiable function of its parameter:
/// an `ImplicitFunction` together with the problem that it solves.
///
/// ```swift
/// let minimum = ConstrainedMinimum(problem, primalSolver: { b in [b / 2, b / 2] })
/// let point = try minimum(b)                                   // z and its multipliers
/// let tangent = try minimum.linearize(at: b).pushforward(db)   // refused at a kink
/// let oneSided = try minimum.oneSidedPushforward(at: b, along: db)
/// ```
///
/// Constraints that repeat others leave their multipliers undetermined and the primal variables
/// as they are. That freedom is found and declared as a gauge: derivatives of `z` come out right, a
/// cotangent of such a multiplier is refused, and so is a tangent that makes repeated constraints
/// contradict each other.
public struct ConstrainedMinimum<Input: TensorStructure, Primal: TensorStructure>: Sendable {
  /// What is minimised.
  public let problem: ConstrainedProblem<Input, Primal>

  /// The solution as an implicit function, with the KKT conditions.
  public var function: ImplicitFunction<Input, KKTPoint<Primal>>

  /// For a solver that returns multipliers too (L = f + νᵀH + λᵀG, with λ ≥ 0).
  ///
  /// Linear systems of up to 500 unknowns are factorised by default: KKT systems are indefinite, and
  /// iterations need a preconditioner as a rule.
  public init(
    _ problem: ConstrainedProblem<Input, Primal>,
    solver: @escaping @Sendable (Input) throws -> KKTPoint<Primal>,
    form: ComplementarityForm = .activeSet,
    linearSolver: any LinearSolver = Automatic(denseThreshold: 500)
  ) {
    self.problem = problem
    function = ImplicitFunction(
      forward: solver, conditions: problem.conditions(form: form), linearSolver: linearSolver,
      gauge: problem.multiplierGauge)
  }

  /// For a solver that returns the primal variables only; multipliers are recovered by
  /// ``ConstrainedProblem/multipliers(at:primal:tolerance:acceptsDependentGradients:)``.
  public init(
    _ problem: ConstrainedProblem<Input, Primal>,
    primalSolver: @escaping @Sendable (Input) throws -> Primal,
    form: ComplementarityForm = .activeSet,
    linearSolver: any LinearSolver = Automatic(denseThreshold: 500)
  ) {
    self.init(
      problem,
      solver: { x in
        try problem.multipliers(
          at: x, primal: try primalSolver(x), acceptsDependentGradients: true)
      }, form: form, linearSolver: linearSolver)
  }

  /// The solution with its multipliers; differentiable inside other functions, as
  /// `ImplicitFunction` is.
  public func callAsFunction(_ x: Input) throws -> KKTPoint<Primal> { try function(x) }

  /// The solution and its derivatives at `x`.
  ///
  /// - Throws: ``KKTError`` when the solution is weakly active, infeasible or not unique; as
  ///   `ImplicitFunction.linearize(at:)`.
  public func linearize(
    at x: Input
  ) throws -> ImplicitLinearization<Input, KKTPoint<Primal>> {
    do {
      return try function.linearize(at: x)
    } catch DifferentiationError.linearSolve(.singular(_, let condition), _) {
      throw KKTError.noUniqueSolution(estimatedCondition: condition)
    }
  }

  /// The derivative of the solution *and its multipliers* along a tangent, refused where these are
  /// not unique. (`linearize(at:).pushforward` then moves them by the smallest change that balances
  /// the gradients.)
  ///
  /// - Throws: ``KKTError/multipliersNotUnique(rank:count:)``; as ``linearize(at:)``.
  public func pushforward(
    at x: Input, along tangent: Input
  ) throws -> Derivative<KKTPoint<Primal>> {
    let linearization = try linearize(at: x)
    if linearization.gaugeDimension > 0 {
      let set = try problem.activeSet(at: linearization.point, solution: linearization.solution)
      throw KKTError.multipliersNotUnique(rank: set.rank, count: set.gradientCount)
    }
    return try linearization.pushforward(tangent)
  }

  /// Which constraints bind at the solution for `x`.
  public func activeSet(at x: Input) throws -> ActiveSet {
    try problem.activeSet(at: x, solution: try function(x))
  }

  /// The optimal value and its gradient in `x`, with no linear solve; see
  /// ``ConstrainedProblem/optimalValueGradient(at:solution:tolerance:)``.
  public func optimalValueAndGradient(at x: Input) throws -> (value: Double, gradient: Input) {
    let point = try function(x.withoutDerivative)
    let gradient = try problem.optimalValueGradient(at: x, solution: point)
    return (try problem.objective(x.withoutDerivative, point.primal).reshaped([]).scalar, gradient)
  }
}

extension ConstrainedProblem {
  /// The combinations of multipliers that the active constraints leave free: none where their
  /// gradients are independent.
  ///
  /// They are constants of second derivatives where the gradients of the constraints are, as those
  /// of linear constraints with given coefficients; where they vary, second derivatives stop.
  public var multiplierGauge: Gauge<Input, KKTPoint<Primal>> {
    Gauge { x, point in
      let activity = try activity(at: x.withoutDerivative, point.withoutDerivative)
      let p = activity.equalityGradients.count
      let active = activity.statuses.indices.filter { activity.statuses[$0] != .inactive }
      let dependencies = activity.gradients { $0 != .inactive }.dependencies
      let variation = dependencies.isEmpty ? 0 : try gradientVariation(x, point.primal)
      return dependencies.map { combination in
        var lambda = [Double](repeating: 0, count: activity.statuses.count)
        for (k, i) in active.enumerated() { lambda[i] = combination[p + k] }
        return KKTPoint(
          primal: point.primal.mapTensors(isConstant: false) { tensor, _ in
            Tensor.zeros(tensor.shape)
          },
          equalityMultipliers: Tensor(Array(combination[..<p])) + variation,
          inequalityMultipliers: Tensor(lambda) + variation)
      }
    }
  }

  /// Zero, and traced if the gradients of the constraints depend on what is traced.
  private func gradientVariation(_ x: Input, _ z: Primal) throws -> Tensor {
    let gradients = try gradient(at: z) { z in
      var total = Tensor(0)
      if let equalities { total += try equalities(x, z).sum() }
      if let inequalities { total += try inequalities(x, z).sum() }
      return total
    }
    return gradients.variables.reduce(Tensor(0)) { $0 + 0 * $1.sum() }
  }
}

extension ImplicitLinearization {
  /// The gradient in the input of a loss of the primal variables alone.
  public func primalPullback<Primal: TensorStructure>(
    _ cotangent: Primal
  ) throws -> Derivative<Input> where Output == KKTPoint<Primal> {
    try pullback(
      KKTPoint(
        primal: cotangent,
        equalityMultipliers: Tensor.zeros(solution.equalityMultipliers.shape),
        inequalityMultipliers: Tensor.zeros(solution.inequalityMultipliers.shape)))
  }
}
