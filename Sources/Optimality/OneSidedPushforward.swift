import ImplicitDifferentiation

/// How a solution moves when its parameter *starts* to move along a direction.
public struct OneSidedDerivative<Primal: TensorStructure>: Sendable {
  /// The derivative of z, ν and λ from this side.
  public let value: KKTPoint<Primal>

  /// The weakly active inequalities that bind on this side; the others become inactive.
  public let binding: [Int]

  /// Exchanges of constraints that the problem of the direction took.
  public let pivots: Int
}

extension ConstrainedProblem {
  /// The largest number of weakly active inequalities for one-sided derivatives. Each is one more
  /// row of a dense complementarity problem, whose number of pivots is small as a rule and
  /// exponential at worst.
  public static var weaklyActiveLimit: Int { 64 }

  /// `lim (z(x + tẋ) − z(x)) / t` for `t ↓ 0`, with the multipliers, at a solution that may have
  /// weakly active inequalities.
  ///
  /// At a kink there is a derivative for each direction, and it is not linear in the direction: it
  /// solves the quadratic program
  /// ```
  /// min ½ żᵀ∇²L ż + żᵀ(∇²L ẋ)   subject to   ∇H ż + ∂H ẋ = 0,
  ///     ∇Gᵢ ż + ∂Gᵢ ẋ = 0 (active),   ≤ 0 (weakly active).
  /// ```
  /// Without weakly active constraints this is the pushforward. There is no pullback at a kink.
  ///
  /// Independent active gradients are needed, and a Hessian of `L` positive definite along the active
  /// constraints, the weakly active ones not counted. Costs a dense factorisation, a solve for each
  /// weakly active inequality, and the complementarity problem `w = q + M λ̇ ≥ 0`, `λ̇ ≥ 0`, `λ̇ᵀw = 0`
  /// by principal pivoting with the least index.
  ///
  /// Source: K. Jittorntrum, "Solution Point Differentiability without Strict Complementarity in
  /// Nonlinear Programming", Math. Program. Study 21 (1984), 127–138; K. G. Murty, "Note on a
  /// Bard-Type Scheme for Solving the Complementarity Problem", Opsearch 11 (1974), 123–130.
  ///
  /// - Parameter tolerance: for the candidate, as in
  ///   ``optimalValueGradient(at:solution:tolerance:)``.
  /// - Throws: ``KKTError``; `DifferentiationError` when sizes differ or numbers are not finite.
  public func oneSidedPushforward(
    at x: Input, solution: KKTPoint<Primal>, along tangent: Input, tolerance: Double = 1e-6
  ) throws -> OneSidedDerivative<Primal> {
    let (x, point) = (x.withoutDerivative, solution.withoutDerivative)
    let activity = try solvedActivity(at: x, point, tolerance: tolerance)
    try activity.requireUniqueMultipliers()
    let weak = activity.statuses.indices.filter { activity.statuses[$0] == .weaklyActive }
    if weak.count > Self.weaklyActiveLimit {
      throw KKTError.tooManyWeaklyActive(count: weak.count, limit: Self.weaklyActiveLimit)
    }
    let active = activity.statuses.indices.filter { activity.statuses[$0] == .active }
    let system = try directionalSystem(x, point, activity, active)
    let rates = try self.rates(x, point, tangent)

    // How z and the multipliers of the active constraints move if no weak constraint binds, and
    // how each weak multiplier pushes them.
    let (n, p) = (activity.dimension, activity.equalityGradients.count)
    let free = try system(
      rates.stationarity.map { -$0 } + rates.equalities.map { -$0 }
        + active.map { -rates.inequalities[$0] })
    let pushes = try weak.map { i in
      try system(
        activity.inequalityGradients[i].map { -$0 }
          + [Double](repeating: 0, count: p + active.count))
    }
    func rate(_ i: Int, _ motion: [Double]) -> Double {
      dot(activity.inequalityGradients[i], Array(motion[..<n]))
    }
    let complementarity = ComplementarityProblem(
      matrix: weak.map { i in pushes.map { -rate(i, $0) } },
      offset: weak.map { -rate($0, free) - rates.inequalities[$0] })
    let answer = try complementarity.solved()

    var motion = free
    for (multiplier, push) in zip(answer.multipliers, pushes) {
      subtract(-multiplier, push, from: &motion)
    }
    var lambda = [Double](repeating: 0, count: activity.statuses.count)
    for (k, i) in active.enumerated() { lambda[i] = motion[n + p + k] }
    for (k, i) in weak.enumerated() { lambda[i] = answer.multipliers[k] }
    return OneSidedDerivative(
      value: try point.rebuilt(from: Array(motion[..<(n + p)]) + lambda),
      binding: answer.binding.map { weak[$0] }, pivots: answer.pivots)
  }

  /// Solves with `[∇²L Jᵀ; J 0]`, where `J` holds the gradients of equalities and active
  /// inequalities.
  private func directionalSystem(
    _ x: Input, _ point: KKTPoint<Primal>, _ activity: Activity, _ active: [Int]
  ) throws -> ([Double]) throws -> [Double] {
    let n = activity.dimension
    let hessian = try linearization(at: point.primal) { z in
      var point = point
      point.primal = z
      return try self.stationarity(x, point)
    }.jacobian.denseMatrix()
    let rows = activity.equalityGradients + active.map { activity.inequalityGradients[$0] }
    let size = n + rows.count
    var entries = [Double](repeating: 0, count: size * size)
    for i in 0..<n {
      for j in 0..<n { entries[i * size + j] = hessian[i * n + j] }
      for (k, row) in rows.enumerated() {
        entries[i * size + n + k] = row[i]
        entries[(n + k) * size + i] = row[i]
      }
    }
    let prepared = try factorised(entries, count: size)
    return { b in try prepared.solve(b).vector }
  }

  private func factorised(
    _ entries: [Double], count: Int
  ) throws -> any PreparedLinearSolver {
    let matrix = try DenseOperator(rowCount: count, columnCount: count, entries: entries)
    do {
      return try LUSolver().prepare(matrix)
    } catch {
      guard case .singular(_, let condition) = error else { throw error }
      throw KKTError.noUniqueSolution(estimatedCondition: condition)
    }
  }

  /// How stationarity and constraints change along a tangent of the parameter, the point being held.
  private func rates(
    _ x: Input, _ point: KKTPoint<Primal>, _ tangent: Input
  ) throws -> (stationarity: [Double], equalities: [Double], inequalities: [Double]) {
    let empty = Tensor([Double]())
    let pushed = try linearization(at: x) { x in
      [
        Tensor.concatenate(try self.stationarity(x, point).map { $0.flattened() }),
        try self.equalities?(x, point.primal).flattened() ?? empty,
        try self.inequalities?(x, point.primal).flattened() ?? empty,
      ]
    }.pushforward(tangent)
    for (index, tensor) in pushed.enumerated() where !tensor.isFinite {
      throw DifferentiationError.notFinite(
        what: "the rates of the conditions along the tangent", index: index,
        value: tensor.scalars.first { !$0.isFinite } ?? .nan)
    }
    return (pushed[0].scalars, pushed[1].scalars, pushed[2].scalars)
  }
}

extension ConstrainedMinimum {
  /// The derivative of the solution from one side; see
  /// ``ConstrainedProblem/oneSidedPushforward(at:solution:along:tolerance:)``.
  public func oneSidedPushforward(
    at x: Input, along tangent: Input
  ) throws -> OneSidedDerivative<Primal> {
    try problem.oneSidedPushforward(at: x, solution: try function(x), along: tangent)
  }
}
