import ImplicitDifferentiation

// The derivative of an optimal value needs no linear system: to first order the solution's own
// motion does not change the Lagrangian, which is stationary there.

extension ConstrainedProblem {
  /// `dV/dx` of the optimal value `V(x) = min f`: the partial derivative `∂L/∂x` of the *Lagrangian*
  /// at the solution and its multipliers, with no linear solve.
  ///
  /// `∂f/∂x` alone is right only where `x` enters no constraint: for min ½‖z‖² subject to
  /// z₀ + z₁ = b, `∂f/∂b = 0` although `dV/db = b/2`. The formula holds at weakly active constraints
  /// too, where the solution has a kink; multipliers must be unique.
  ///
  /// An error of relative size δ in the solution makes one of about δ in the gradient (δ² only in
  /// the value), so the candidate is checked first. Constants of the input get an empty tensor.
  ///
  /// Source: J. M. Danskin, *The Theory of Max-Min* (1967); A. V. Fiacco, *Introduction to
  /// Sensitivity and Stability Analysis in Nonlinear Programming* (1983), Theorem 3.4.1.
  ///
  /// - Parameters:
  ///   - solution: the minimiser with its multipliers (``multipliers(at:primal:)`` finds them).
  ///   - tolerance: the largest imbalance of gradients and violation of equalities, both relative.
  /// - Throws: ``KKTError`` when `solution` is none, or its multipliers are not unique.
  public func optimalValueGradient(
    at x: Input, solution: KKTPoint<Primal>, tolerance: Double = 1e-6
  ) throws -> Input {
    let (x, point) = (x.withoutDerivative, solution.withoutDerivative)
    let activity = try solvedActivity(at: x, point, tolerance: tolerance)
    try activity.requireUniqueMultipliers()
    return try gradient(at: x) { x in try lagrangian(x, point) }
  }

  /// The measured candidate, which must satisfy the KKT conditions.
  func solvedActivity(
    at x: Input, _ point: KKTPoint<Primal>, tolerance: Double
  ) throws -> Activity {
    let activity = try activity(at: x, point)
    let imbalance = norm(try stationarity(x, point).flatMap { $0.scalars })
    try activity.requireSolution(
      imbalance: imbalance / activity.gradientScale, tolerance: tolerance, thresholds)
    return activity
  }
}

extension Activity {
  /// Throws when the gradients of the active constraints (weakly active ones included, as their
  /// multipliers could trade) depend on each other.
  func requireUniqueMultipliers() throws(KKTError) {
    let gradients = gradients { $0 != .inactive }
    if gradients.rank < gradients.count {
      throw .multipliersNotUnique(rank: gradients.rank, count: gradients.count)
    }
  }
}
