import ImplicitDifferentiation

extension ConstrainedProblem {
  /// The multipliers of a solution of which only the primal variables are known.
  ///
  /// Inequalities without slack are taken as active; their multipliers and those of the equalities
  /// solve `∇f + νᵀ∇H + λᵀ∇G = 0` in the sense of least squares, and the candidate is refused unless
  /// that leaves nothing and no `λ` is negative. A multiplier that is zero up to rounding makes its
  /// constraint weakly active.
  ///
  /// - Parameters:
  ///   - tolerance: how much of the gradient may be left, relative to ``ActiveSet``'s `g`.
  ///   - acceptsDependentGradients: whether to return *one* choice of multipliers (zero for the
  ///     constraints that repeat others) where they are not unique.
  /// - Throws: ``KKTError``.
  public func multipliers(
    at x: Input, primal z: Primal, tolerance: Double = 1e-6,
    acceptsDependentGradients: Bool = false
  ) throws -> KKTPoint<Primal> {
    let (x, z) = (x.withoutDerivative, z.withoutDerivative)
    var point = KKTPoint(
      primal: z, equalityMultipliers: Tensor.zeros([try equalities?(x, z).count ?? 0]),
      inequalityMultipliers: Tensor.zeros([try inequalities?(x, z).count ?? 0]))
    // With multipliers zero, those without slack are "weakly active".
    let activity = try activity(at: x, point)
    try activity.requireSigns(thresholds)
    let gradients = activity.gradients { $0 == .weaklyActive }
    if gradients.rank < gradients.count && !acceptsDependentGradients {
      throw KKTError.multipliersNotUnique(rank: gradients.rank, count: gradients.count)
    }
    let balance = gradients.leastSquares(activity.objectiveGradient.map { -$0 })
    let imbalance = norm(balance.rest) / activity.gradientScale
    if !(imbalance <= tolerance) {
      throw KKTError.notStationary(imbalance: imbalance, tolerance: tolerance)
    }
    let equalityCount = activity.equalityGradients.count
    var lambda = [Double](repeating: 0, count: activity.statuses.count)
    var next = equalityCount
    for i in lambda.indices where activity.statuses[i] == .weaklyActive {
      lambda[i] = balance.multipliers[next]
      next += 1
    }
    point.equalityMultipliers = Tensor(Array(balance.multipliers[..<equalityCount]))
    point.inequalityMultipliers = Tensor(lambda)
    try self.activity(at: x, point).requireSigns(thresholds)
    point.inequalityMultipliers = Tensor(lambda.map { Swift.max($0, 0) })
    return point
  }
}
