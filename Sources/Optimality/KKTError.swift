import ImplicitDifferentiation

/// Why a candidate (z, ν, λ) is no solution, or a solution without the derivative asked for.
///
/// Slacks and multipliers are the dimensionless ones of ``ActiveSet``; constraints are counted
/// from 0, in the order of the values of the inequalities.
public enum KKTError: Error, Equatable {
  /// Both the slack and the multiplier of these inequalities vanish: the solution has a kink.
  case weaklyActive([WeaklyActiveConstraint], tolerance: Double)

  /// An inequality is violated.
  case infeasible(constraint: Int, violation: Double, tolerance: Double)

  /// An inequality has a negative multiplier: leaving it would improve the objective.
  case negativeMultiplier(constraint: Int, multiplier: Double, tolerance: Double)

  /// `‖∇ₓL‖`, relative to the terms that should cancel, is too large: no multipliers balance
  /// the gradient of the objective.
  case notStationary(imbalance: Double, tolerance: Double)

  /// An equality is violated by this distance, relative to the size of the solution.
  case equalityViolated(constraint: Int, violation: Double, tolerance: Double)

  /// An inequality with a slack has a multiplier: one of the two should vanish.
  case notComplementary(constraint: Int, slack: Double, multiplier: Double)

  /// The `count` gradients of the equalities and active inequalities span only `rank`
  /// dimensions, so that multipliers are not determined.
  case multipliersNotUnique(rank: Int, count: Int)

  /// Objective and active constraints leave the solution free along some direction.
  case noUniqueSolution(estimatedCondition: Double)

  /// More weakly active constraints than one-sided derivatives are made for.
  case tooManyWeaklyActive(count: Int, limit: Int)

  /// The problem of the one-sided derivative was not solved within the limit of pivots.
  case oneSidedNotSolved(pivots: Int)
}

/// An inequality whose slack and multiplier both vanish, up to the tolerance.
public struct WeaklyActiveConstraint: Sendable, Equatable {
  /// Its number, from 0.
  public var constraint: Int

  /// The relative slack; see ``ActiveSet``.
  public var slack: Double

  /// The relative multiplier; see ``ActiveSet``.
  public var multiplier: Double

  /// A constraint with its evidence.
  public init(constraint: Int, slack: Double, multiplier: Double) {
    self.constraint = constraint
    self.slack = slack
    self.multiplier = multiplier
  }
}

extension KKTError: CustomStringConvertible {
  /// A sentence with the numbers, and one with what to try.
  public var description: String {
    switch self {
    case .weaklyActive(let constraints, let tolerance):
      let list = constraints.map {
        "\($0.constraint) (slack \($0.slack.shortenedRatio), multiplier \($0.multiplier.shortenedRatio))"
      }
      return "Weakly active: inequality \(list.joined(separator: ", ")); both numbers are within "
        + "\(tolerance.shortened) of zero. The solution has a kink here, and no derivative that "
        + "holds in all directions: ask for oneSidedPushforward along the direction of interest, "
        + "or move the input away."
    case .infeasible(let constraint, let violation, let tolerance):
      return "Inequality \(constraint) is violated by \(violation.shortened), relative to the size "
        + "of the solution, and \(tolerance.shortened) is allowed: the point is infeasible. Check "
        + "the sign of the constraint (G ≤ 0 is meant) and whether the solver converged."
    case .negativeMultiplier(let constraint, let multiplier, let tolerance):
      return "The multiplier of inequality \(constraint) is \(multiplier.shortened), relative to "
        + "the gradient, and at least -\(tolerance.shortened) is needed: leaving the constraint "
        + "would improve the objective. Check the sign convention (L = f + νᵀH + λᵀG with G ≤ 0, "
        + "λ ≥ 0) and whether the solver converged."
    case .notStationary(let imbalance, let tolerance):
      return "No stationary point: \(imbalance.shortened) of the gradient of the Lagrangian is not "
        + "balanced, and \(tolerance.shortened) is allowed. Let the solver run longer, and check "
        + "that it solves this problem, with these signs."
    case .equalityViolated(let constraint, let violation, let tolerance):
      return
        "Equality \(constraint) is violated by \(violation.shortened), relative to the size of "
        + "the solution, and \(tolerance.shortened) is allowed. Check that the solver solves this "
        + "problem, and whether it converged."
    case .notComplementary(let constraint, let slack, let multiplier):
      return "Inequality \(constraint) has the slack \(slack.shortened) and the multiplier "
        + "\(multiplier.shortened), both relative to what is natural, and one of them should "
        + "vanish. Check that the solver's multipliers belong to this point, and whether it "
        + "converged."
    case .multipliersNotUnique(let rank, let count):
      return "Equalities and active inequalities have \(count.counted("gradient")), spanning only "
        + "\(rank.counted("dimension")), so their multipliers are not unique and have no derivative. "
        + "Leave out constraints that repeat others; the derivative of the primal variables needs "
        + "nothing."
    case .noUniqueSolution(let condition):
      let size = condition.isFinite ? "about \(condition.shortened)" : "infinite"
      return
        "The solution is not unique: objective and active constraints leave it free along some "
        + "direction (condition number \(size)). Add a small quadratic term to the objective, or a "
        + "constraint that decides."
    case .tooManyWeaklyActive(let count, let limit):
      return "\(count) inequalities are weakly active, and one-sided derivatives are made for up "
        + "to \(limit). So many kinks at once are a sign of a degenerate model: look for repeated "
        + "constraints, or tighten the thresholds of activity."
    case .oneSidedNotSolved(let pivots):
      return
        "The problem of the one-sided derivative was not solved after \(pivots.counted("pivot")). The "
        + "objective is not strictly convex along the weakly active constraints, or their "
        + "gradients depend on each other."
    }
  }
}
