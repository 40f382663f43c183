/// The test that decides whether a computed `x` may be returned as the solution of `A x = b`.
///
/// A residual alone does not certify. With a singular `A` and an inconsistent `b`, elimination
/// returns `‖x‖ ≈ 1e16` with a *backward* error of `1e-16`; and beyond a condition number of `1e8`
/// no algorithm makes `‖r‖ / ‖b‖` small, however good its answer. Hence two conditions:
/// ```
/// backward error   ‖b − A x‖ / (‖A‖ ‖x‖ + ‖b‖) ≤ τ
/// growth           ‖A‖ ‖x‖ / ‖b‖ ≤ γ,   γ well below 1/ε
/// ```
/// With both, the relative error of `x` is at most about `2 κ τ`. Direct methods, which know
/// the condition number of the equilibrated matrix, refuse on it instead of on growth.
public struct SolveAcceptance: Sendable, Equatable {
  /// `τ`, the largest backward error that is accepted.
  public var backwardErrorLimit: Double

  /// `γ`, the largest growth that is accepted.
  public var growthLimit: Double

  /// `2.2e12`, which is `1e-3 · 2⁵¹`: at that growth three digits of `x` are left by rounding.
  public static let defaultGrowthLimit = 1e-3 * 0x1p51

  /// `1/γ`: a residual with `‖Aᵀr‖ ≤ ‖A‖‖r‖ / γ` is orthogonal to the range of `A`, as far as numbers
  /// can tell: with a regular `A` that is possible only beyond a condition number of `γ`.
  static let orthogonalityLevel = 1 / defaultGrowthLimit

  /// Accepts backward errors up to `backwardErrorLimit` and growth up to `growthLimit`.
  public init(
    backwardErrorLimit: Double, growthLimit: Double = SolveAcceptance.defaultGrowthLimit
  ) {
    self.backwardErrorLimit = backwardErrorLimit
    self.growthLimit = growthLimit
  }

  /// What rounding leaves to any method for `n` unknowns: `32 ε √n`.
  ///
  /// A sum of `n` rounded products errs by about `ε √n` if the errors are independent; 32 covers
  /// the few such sums of a product with `A`, of the vector updates and of the estimated norm.
  public static func roundingLevel(count n: Int) -> SolveAcceptance {
    SolveAcceptance(
      backwardErrorLimit: 32 * Double.ulpOfOne * Double(max(n, 1)).squareRoot())
  }

  /// What a solution achieved.
  public struct Evidence: Sendable, Equatable {
    /// `‖b − A x‖ / (‖A‖ ‖x‖ + ‖b‖)`.
    public var backwardError: Double

    /// `‖A‖ ‖x‖ / ‖b‖`.
    public var growth: Double

    /// The evidence in four norms, all of the same kind.
    public init(
      residualNorm: Double, operatorNorm: Double, solutionNorm: Double, rightHandSideNorm: Double
    ) {
      let scale = operatorNorm * solutionNorm + rightHandSideNorm
      backwardError = residualNorm == 0 ? 0 : residualNorm / scale
      growth = rightHandSideNorm == 0 ? 0 : operatorNorm * solutionNorm / rightHandSideNorm
    }
  }

  /// Whether the backward error is small enough. NaN is not.
  public func acceptsBackwardError(of evidence: Evidence) -> Bool {
    evidence.backwardError <= backwardErrorLimit
  }

  /// Throws ``LinearSolveError/illConditioned(growth:limit:)`` if the growth is too large.
  public func requireModestGrowth(_ evidence: Evidence) throws(LinearSolveError) {
    guard evidence.growth <= growthLimit else {
      throw .illConditioned(growth: evidence.growth, limit: growthLimit)
    }
  }
}
