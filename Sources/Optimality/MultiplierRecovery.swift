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
  ///   - acceptsDependentGradients: whether to return *one* choice of multipliers where they are not
  ///     unique. It lies inside the set of all choices where that can be reached by moving along one
  ///     dependency after the other, so that constraints that repeat each other share the load.
  /// - Throws: ``KKTError``; `DifferentiationError.overflow` where the units of objective and
  ///   constraints leave a multiplier no number.
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
    if let k = balance.multipliers.firstIndex(where: { !$0.isFinite }) {
      throw DifferentiationError.overflow(
        what: "multiplier \(k) of the equalities and active inequalities",
        exponent: Int(activity.gradientScale.exponent) - gradients.exponent(k))
    }
    let equalityCount = activity.equalityGradients.count
    let chosen = centred(
      balance.multipliers, along: gradients.dependencies, signedFrom: equalityCount)
    var lambda = [Double](repeating: 0, count: activity.statuses.count)
    var next = equalityCount
    for i in lambda.indices where activity.statuses[i] == .weaklyActive {
      lambda[i] = chosen[next]
      next += 1
    }
    point.equalityMultipliers = Tensor(Array(chosen[..<equalityCount]))
    point.inequalityMultipliers = Tensor(lambda)
    try self.activity(at: x, point).requireSigns(thresholds)
    point.inequalityMultipliers = Tensor(lambda.map { Swift.max($0, 0) })
    return point
  }
}

/// Multipliers moved along combinations of gradients that vanish, each time to the middle of where
/// those from `start` on (of inequalities) are positive. Where there is no such place they stay.
private func centred(
  _ multipliers: [Double], along dependencies: [[Double]], signedFrom start: Int
) -> [Double] {
  var result = multipliers
  // One sweep is exact for one dependency; a few let several of them settle.
  for _ in 0..<(dependencies.count > 1 ? 8 : 1) {
    for direction in dependencies {
      let size = direction[start...].reduce(0) { Swift.max($0, $1.magnitude) }
      if size == 0 { continue }
      var (low, high) = (-Double.infinity, Double.infinity)
      // What is zero but for rounding bounds nothing.
      for i in start..<result.count where direction[i].magnitude > 1e-10 * size {
        let limit = -result[i] / direction[i]
        if direction[i] > 0 { low = Swift.max(low, limit) } else { high = Swift.min(high, limit) }
      }
      if low > high { continue }
      // Towards infinity, one step of the size of the multipliers.
      let stride = result.reduce(0) { Swift.max($0, $1.magnitude) } / size
      let step =
        low.isFinite && high.isFinite
        ? 0.5 * (low + high) : low.isFinite ? low + stride : high - stride
      for i in result.indices { result[i] += step * direction[i] }
    }
  }
  return result
}
