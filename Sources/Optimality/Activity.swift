import ImplicitDifferentiation

/// The constraints at a candidate: values, gradients, and the relative slacks and multipliers by
/// which ``ActiveSet`` is decided.
struct Activity: Sendable {
  /// Number of decision variables.
  let dimension: Int

  /// `‖z‖₂`, or the length that stands for it near zero; see ``ActiveSet``.
  let solutionScale: Double

  /// The largest of the terms that balance in `∇L = 0`; positive.
  let gradientScale: Double

  /// `∇f`.
  let objectiveGradient: [Double]
  let equalityValues: [Double]
  let equalityGradients: [[Double]]
  let inequalityGradients: [[Double]]
  let slacks: [Double]
  let multipliers: [Double]
  let statuses: [ActiveSet.Status]

  /// The units of the KKT conditions as powers of two: with `ζ` the size of `z`, `φ / ζ` that of the
  /// gradients that balance, and `γᵢ = ‖∇Gᵢ‖ ζ`, a multiplier has the unit `φ / γᵢ`.
  func units(for form: ComplementarityForm) -> SystemUnits {
    // Zero, or what is no number, has no unit; the latter is refused later, with its place.
    let zeta = PowerOfTwo.exponent(of: solutionScale)
    let phi = PowerOfTwo.exponent(of: gradientScale) + zeta
    func unit(_ gradient: [Double]) -> Int {
      let length = norm(gradient)
      return length > 0 ? PowerOfTwo.exponent(of: length) + zeta : 0
    }
    let equalities = equalityGradients.map(unit)
    let inequalities = inequalityGradients.map(unit)
    let primal = [Int](repeating: zeta, count: dimension)
    // A multiplier that is zero may have a unit that no number can hold. The nearest one will do, if its own
    // equation, λᵢ = 0 or λᵢGᵢ = 0, is stated in that: nothing else depends on it.
    let multipliers = (equalities + inequalities).map { SystemUnits.nearestExponent(phi - $0) }
    let complementarity = inequalities.indices.map { i in
      let (gamma, multiplier) = (inequalities[i], multipliers[equalities.count + i])
      return switch (form, statuses[i]) {
      case (.activeSet, .inactive): -multiplier
      case (.activeSet, _): -gamma
      case (.products, .inactive): -gamma - multiplier
      case (.products, _): -phi
      }
    }
    return SystemUnits(
      rowExponents: primal.map { $0 - phi } + equalities.map { -$0 } + complementarity,
      columnExponents: primal + multipliers)
  }

  /// The equalities, and the inequalities of certain statuses, in order.
  func gradients(where include: (ActiveSet.Status) -> Bool) -> ConstraintGradients {
    let chosen = zip(inequalityGradients, statuses).filter { include($0.1) }.map { $0.0 }
    return ConstraintGradients(rows: equalityGradients + chosen, dimension: dimension)
  }

  /// Throws what `F = 0` does not see: violated inequalities, multipliers of the wrong sign, weakly
  /// active constraints.
  func requireDifferentiable(_ thresholds: ActivityThresholds) throws(KKTError) {
    try requireSigns(thresholds)
    let weak = statuses.indices.filter { statuses[$0] == .weaklyActive }.map {
      WeaklyActiveConstraint(constraint: $0, slack: slacks[$0], multiplier: multipliers[$0])
    }
    if !weak.isEmpty {
      throw .weaklyActive(weak, tolerance: Swift.max(thresholds.slack, thresholds.multiplier))
    }
  }

  /// Throws unless the candidate solves all KKT conditions to a relative tolerance.
  func requireSolution(
    imbalance: Double, tolerance: Double, _ thresholds: ActivityThresholds
  ) throws(KKTError) {
    try requireSigns(thresholds)
    for (i, value) in equalityValues.enumerated() {
      let length = norm(equalityGradients[i])
      let violation = value.magnitude / (length == 0 ? 1 : length * solutionScale)
      if !(violation <= tolerance) {
        throw .equalityViolated(constraint: i, violation: violation, tolerance: tolerance)
      }
    }
    for i in statuses.indices
    where slacks[i] > thresholds.slack && multipliers[i] > thresholds.multiplier {
      throw .notComplementary(constraint: i, slack: slacks[i], multiplier: multipliers[i])
    }
    if !(imbalance <= tolerance) {
      throw .notStationary(imbalance: imbalance, tolerance: tolerance)
    }
  }

  /// Throws at the most violated inequality and at the most negative multiplier.
  func requireSigns(_ thresholds: ActivityThresholds) throws(KKTError) {
    if let i = slacks.indices.min(by: { slacks[$0] < slacks[$1] }), slacks[i] < -thresholds.slack {
      throw .infeasible(constraint: i, violation: -slacks[i], tolerance: thresholds.slack)
    }
    if let i = multipliers.indices.min(by: { multipliers[$0] < multipliers[$1] }),
      multipliers[i] < -thresholds.multiplier
    {
      throw .negativeMultiplier(
        constraint: i, multiplier: multipliers[i], tolerance: thresholds.multiplier)
    }
  }
}

extension ConstrainedProblem {
  /// Values and gradients of a block of constraints (or of the objective) in `z`.
  func linearized(
    _ function: Function?, _ x: Input, _ z: Primal
  ) throws -> (values: [Double], gradients: [[Double]]) {
    guard let function else { return ([], []) }
    let linear = try linearization(at: z) { z in try function(x, z).flattened() }
    let (p, n) = (linear.value.count, z.variableCount)
    let entries = try linear.jacobian.denseMatrix()
    return (linear.value.scalars, (0..<p).map { Array(entries[$0 * n..<($0 + 1) * n]) })
  }

  /// `∇²L v` in the decision variables.
  func hessianProduct(
    _ x: Input, _ point: KKTPoint<Primal>, _ direction: [Double]
  ) throws -> [Double] {
    try linearization(at: point.primal) { z in
      var point = point
      point.primal = z
      return try self.stationarity(x, point)
    }.jacobian.applied(to: direction)
  }

  /// Measures a candidate; see ``ActiveSet`` for the scales.
  func activity(at x: Input, _ point: KKTPoint<Primal>) throws -> Activity {
    let z = point.primal
    let (f, h, g) = (
      try linearized(objective, x, z), try linearized(equalities, x, z),
      try linearized(inequalities, x, z)
    )
    if f.values.count != 1 { throw DifferentiationError.notScalar(shape: [f.values.count]) }
    let objectiveGradient = f.gradients[0]
    let (nu, lambda) = (
      try multipliers(
        point.equalityMultipliers, h.values.count, "the multipliers of the equalities"),
      try multipliers(
        point.inequalityMultipliers, g.values.count, "the multipliers of the inequalities")
    )
    let numbers = z.flattened()
    let (scale, curvatureTerm) = try lengths(
      x, point, numbers, objectiveGradient: norm(objectiveGradient))
    var pull = [Double](repeating: 0, count: numbers.count)
    for (multiplier, row) in zip(nu, h.gradients) { subtract(-multiplier, row, from: &pull) }
    let lengths = g.gradients.map { norm($0) }
    var gradientScale = Swift.max(
      norm(objectiveGradient), norm(pull), curvatureTerm)
    for (multiplier, length) in zip(lambda, lengths) {
      gradientScale = Swift.max(gradientScale, (multiplier * length).magnitude)
    }
    if gradientScale == 0 { gradientScale = 1 }

    // A constraint that does not depend on z has no distance; its value is compared as it is.
    let slacks = zip(g.values, lengths).map { -$0 / ($1 == 0 ? 1 : $1 * scale) }
    let multipliers = zip(lambda, lengths).map { $0 * $1 / gradientScale }
    let statuses = zip(slacks, multipliers).map { slack, multiplier -> ActiveSet.Status in
      switch (slack <= thresholds.slack, multiplier <= thresholds.multiplier) {
      case (true, true): .weaklyActive
      case (true, false): .active
      case (false, true): .inactive
      // Not complementary: no solution, as the Newton correction will say. The smaller is taken
      // for the one that should vanish.
      case (false, false): slack < multiplier ? .active : .inactive
      }
    }
    return Activity(
      dimension: numbers.count, solutionScale: scale, gradientScale: gradientScale,
      objectiveGradient: objectiveGradient, equalityValues: h.values,
      equalityGradients: h.gradients, inequalityGradients: g.gradients, slacks: slacks,
      multipliers: multipliers, statuses: statuses)
  }

  /// The length that stands for `‖z‖` in relative slacks, and `‖∇²L z‖` for a `z` of that length.
  private func lengths(
    _ x: Input, _ point: KKTPoint<Primal>, _ z: [Double], objectiveGradient: Double
  ) throws -> (scale: Double, curvatureTerm: Double) {
    let size = norm(z)
    if size >= 1e-8 { return (size, norm(try hessianProduct(x, point, z))) }
    let unit = [Double](
      repeating: 1 / Double(Swift.max(z.count, 1)).squareRoot(), count: z.count)
    let curvature = norm(try hessianProduct(x, point, unit))
    let length = objectiveGradient / curvature
    if length.isFinite && length > 0 && size < 1e-8 * length {
      return (length, objectiveGradient)
    }
    return size > 0 ? (size, norm(try hessianProduct(x, point, z))) : (1, curvature)
  }

  private func multipliers(_ tensor: Tensor, _ expected: Int, _ what: String) throws -> [Double] {
    if tensor.count != expected {
      throw DifferentiationError.sizeMismatch(
        what: what, expected: expected, found: tensor.count)
    }
    return tensor.scalars
  }
}
