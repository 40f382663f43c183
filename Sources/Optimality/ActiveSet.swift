import ImplicitDifferentiation

/// When an inequality counts as active. Both numbers are compared with dimensionless ones; see
/// ``ActiveSet``.
public struct ActivityThresholds: Sendable, Equatable {
  /// Relative slacks up to this are none.
  public var slack: Double

  /// Relative multipliers up to this are none.
  public var multiplier: Double

  /// `1e-6` by default, the accuracy that conditions need to count as met: below it, slack and
  /// multiplier cannot be told from zero.
  public init(slack: Double = 1e-6, multiplier: Double = 1e-6) {
    self.slack = slack
    self.multiplier = multiplier
  }
}

/// Which inequalities bind at a solution, how clearly, and whether their multipliers are determined.
///
/// Slacks and multipliers are measured without units, so that scaling a constraint, the objective
/// or the variables changes nothing:
/// ```
/// slack       −Gᵢ / (‖∇Gᵢ‖ ‖z‖)      how far the constraint is, in sizes of the solution
/// multiplier  λᵢ ‖∇Gᵢ‖ / g           its share in the balance of gradients
/// ```
/// with `g` the largest of `‖∇f‖`, `‖νᵀ∇H‖`, `λⱼ‖∇Gⱼ‖` and `‖∇²L z‖`, the terms that cancel.
///
/// A solution at the origin has no size, and up to rounding or the accuracy of a solver `1e-12` may
/// be the origin. So a `‖z‖` below 1e-8 is compared with the length `‖∇f‖ / ‖∇²L d‖` (`d` of length
/// one), about how far the constraints keep the objective from its own minimum: below 1e-8 of that
/// it is the origin, and that length stands for `‖z‖`; else the variables have a small unit, and `‖z‖`
/// stands as it is. At `z = 0` exactly and without such a length, one does.
public struct ActiveSet: Sendable, Equatable {
  /// What an inequality does.
  public enum Status: Sendable, Equatable {
    /// `Gᵢ = 0` with a positive multiplier.
    case active
    /// `Gᵢ < 0` with the multiplier zero.
    case inactive
    /// `Gᵢ = 0` with the multiplier zero: the solution has a kink here.
    case weaklyActive
  }

  /// One for each inequality.
  public let statuses: [Status]

  /// Relative slacks.
  public let slacks: [Double]

  /// Relative multipliers.
  public let multipliers: [Double]

  /// The thresholds used.
  public let thresholds: ActivityThresholds

  /// Equalities, active and weakly active inequalities.
  public let gradientCount: Int

  /// The dimension that their gradients span.
  public let rank: Int

  /// Numbers of the active inequalities.
  public var active: [Int] { indices(of: .active) }

  /// Numbers of the inactive inequalities.
  public var inactive: [Int] { indices(of: .inactive) }

  /// Numbers of the weakly active inequalities.
  public var weaklyActive: [Int] { indices(of: .weaklyActive) }

  /// Whether the gradients of all active constraints are linearly independent (LICQ).
  public var hasIndependentGradients: Bool { rank == gradientCount }

  /// `min max(slackᵢ, multiplierᵢ)`, how clearly the least clear inequality is active or not;
  /// infinite without inequalities.
  public var complementarityMargin: Double {
    zip(slacks, multipliers).reduce(.infinity) { Swift.min($0, Swift.max($1.0, $1.1)) }
  }

  private func indices(of status: Status) -> [Int] {
    statuses.indices.filter { statuses[$0] == status }
  }
}

extension ActiveSet: CustomStringConvertible {
  /// The report in a few lines.
  public var description: String {
    func list(_ indices: [Int]) -> String {
      indices.isEmpty ? "none" : indices.map { "\($0)" }.joined(separator: ", ")
    }
    return """
      active                      \(list(active))
      weakly active               \(list(weaklyActive))
      inactive                    \(list(inactive))
      complementarity margin      \(complementarityMargin.shortenedRatio)
      rank of active gradients    \(rank) of \(gradientCount)
      """
  }
}

extension ConstrainedProblem {
  /// The active set at a solution, with the rank of the active gradients.
  ///
  /// Costs the Jacobian of the constraints (one product for each, at most), one product with the
  /// Hessian of the Lagrangian and an orthogonalisation.
  ///
  /// - Throws: `DifferentiationError` when sizes differ; what the functions throw.
  public func activeSet(at x: Input, solution: KKTPoint<Primal>) throws -> ActiveSet {
    let activity = try activity(at: x, solution)
    let gradients = activity.gradients { $0 != .inactive }
    return ActiveSet(
      statuses: activity.statuses, slacks: activity.slacks, multipliers: activity.multipliers,
      thresholds: thresholds, gradientCount: gradients.count, rank: gradients.rank)
  }
}
