import ImplicitDifferentiation

/// How the complementarity of inequalities and multipliers is written as equations.
public enum ComplementarityForm: Sendable {
  /// The textbook's `λ ∘ G = 0`. Not symmetric, and badly scaled when a slack or a multiplier is
  /// small; kept for comparison.
  case products

  /// `Gᵢ = 0` for active inequalities and `λᵢ = 0` for the others, whose terms leave the Lagrangian.
  /// Has the same solution and the same derivatives, and makes `A` symmetric.
  case activeSet
}

/// `min f(x, z)` over `z`, subject to `H(x, z) = 0` and `G(x, z) ≤ 0`, for a parameter `x`.
///
/// ```swift
/// let problem = ConstrainedProblem<Tensor, Tensor>(
///   objective: { _, z in 0.5 * z.squaredNorm() },
///   equalities: { b, z in z.sum() - b })
/// let conditions = problem.conditions()         // of a KKTPoint: z with its multipliers
/// ```
///
/// Either block of constraints may be absent; each function reads what it needs of the one
/// parameter. Constraints may be tensors of any shape (`[]` for a single one); they are counted
/// in row-major order.
public struct ConstrainedProblem<Input: TensorStructure, Primal: TensorStructure>: Sendable {
  /// A function of parameter and decision variables, in tensor operations.
  public typealias Function = @Sendable (_ x: Input, _ z: Primal) throws -> Tensor

  /// `f`, one number.
  public let objective: Function

  /// `H`.
  public let equalities: Function?

  /// `G`.
  public let inequalities: Function?

  /// What counts as active; see ``ActivityThresholds``.
  public var thresholds: ActivityThresholds

  /// The problem with the given functions.
  public init(
    objective: @escaping Function, equalities: Function? = nil, inequalities: Function? = nil,
    thresholds: ActivityThresholds = ActivityThresholds()
  ) {
    self.objective = objective
    self.equalities = equalities
    self.inequalities = inequalities
    self.thresholds = thresholds
  }

  /// The Karush–Kuhn–Tucker conditions of the problem,
  /// ```
  /// ∇_z L(x, z, ν, λ) = 0,   H(x, z) = 0,   λ ∘ G(x, z) = 0,   with L = f + νᵀH + λᵀG.
  /// ```
  ///
  /// `A` is invertible where the gradients of the active constraints are independent (LICQ), every
  /// active inequality has a positive multiplier (strict complementarity) and the Hessian of `L` is
  /// positive definite along the active constraints (second-order sufficiency). `Q` alone may be
  /// singular. What `F = 0` does not say is checked when the conditions are recorded: `G ≤ 0`,
  /// `λ ≥ 0`, and that no inequality is weakly active.
  ///
  /// Their linear systems are solved in the units of the problem (of the objective, of each constraint and
  /// of `z`, as the solution shows them), and no digit of a derivative depends on those.
  ///
  /// Conditions thrown at the solution: ``KKTError``.
  ///
  /// Source: A. V. Fiacco, *Introduction to Sensitivity and Stability Analysis in Nonlinear
  /// Programming* (1983), Theorem 3.2.2; M. Blondel et al., NeurIPS (2022), section 2.2.
  public func conditions(
    form: ComplementarityForm = .activeSet
  ) -> Conditions<Input, KKTPoint<Primal>> {
    .root { x, point in
      let activity = try self.activity(at: x.withoutDerivative, point.withoutDerivative)
      try activity.requireDifferentiable(thresholds)
      let active = Tensor(activity.statuses.map { $0 == .inactive ? 0 : 1 })
      var multipliers = point
      if form == .activeSet {
        multipliers.inequalityMultipliers = active * point.inequalityMultipliers.flattened()
      }
      var residual = try stationarity(x, multipliers)
      if let equalities { residual.append(try equalities(x, point.primal)) }
      if let inequalities {
        let (values, lambda) = (
          try inequalities(x, point.primal).flattened(), point.inequalityMultipliers.flattened()
        )
        switch form {
        case .products: residual.append(lambda * values)
        case .activeSet: residual.append(active * values + (1 - active) * lambda)
        }
      }
      return (residual, activity.units(for: form))
    }
  }

  /// `L = f + νᵀH + λᵀG`, one number.
  public func lagrangian(_ x: Input, _ point: KKTPoint<Primal>) throws -> Tensor {
    var value = try objective(x, point.primal)
    if value.count != 1 { throw DifferentiationError.notScalar(shape: value.shape) }
    value = value.reshaped([])
    func add(_ multipliers: Tensor, _ constraints: Function?, _ what: String) throws {
      let values = try constraints?(x, point.primal)
      let (found, expected) = (multipliers.count, values?.count ?? 0)
      if found != expected {
        throw DifferentiationError.sizeMismatch(what: what, expected: expected, found: found)
      }
      if let values { value += multipliers.flattened().dot(values.flattened()) }
    }
    try add(point.equalityMultipliers, equalities, "the multipliers of the equalities")
    try add(point.inequalityMultipliers, inequalities, "the multipliers of the inequalities")
    return value
  }

  /// `∇_z L`, the tensors of its variables.
  func stationarity(_ x: Input, _ point: KKTPoint<Primal>) throws -> [Tensor] {
    try gradient(at: point.primal) { z in
      var point = point
      point.primal = z
      return try lagrangian(x, point)
    }.variables
  }
}

extension Conditions {
  /// The Karush–Kuhn–Tucker conditions of `min f` subject to `H = 0` and `G ≤ 0`, in the unknowns
  /// (z, ν, λ); either block may be absent. See ``ConstrainedProblem/conditions(form:)``, of which
  /// this is the short form.
  public static func kkt<Primal: TensorStructure>(
    objective: @escaping ConstrainedProblem<Input, Primal>.Function,
    equalities: ConstrainedProblem<Input, Primal>.Function? = nil,
    inequalities: ConstrainedProblem<Input, Primal>.Function? = nil,
    form: ComplementarityForm = .activeSet
  ) -> Conditions where Output == KKTPoint<Primal> {
    ConstrainedProblem(objective: objective, equalities: equalities, inequalities: inequalities)
      .conditions(form: form)
  }
}
