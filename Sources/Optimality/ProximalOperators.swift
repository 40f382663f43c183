import ImplicitDifferentiation

/// Proximal operators: the compromise between staying near `x` and a small penalty `g`,
/// ```
/// prox(x) = argmin ½‖p − x‖² + step · g(p),
/// ```
/// in tensor operations, so that they are differentiated (to any order) in the point, the penalties
/// and the step.
///
/// | operator | `g(p)` | `prox(x)` |
/// |---|---|---|
/// | `lasso` | `λ Σ |pᵢ|` | `S(x, sλ)`, the soft threshold |
/// | `elasticNet` | `λ Σ |pᵢ| + ½ γ Σ pᵢ²` | `S(x, sλ) / (1 + sγ)` |
/// | `ridge` | `½ γ Σ pᵢ²` | `x / (1 + sγ)` |
/// | `groupLasso` | `Σ λ_g ‖p_g‖₂` | `max(1 − sλ_g/‖x_g‖, 0) x_g` |
///
/// with `s` the step. Note the `½` at `γ`, in both: the penalty `γ‖p‖²` has the ridge `2γ`.
///
/// A solver that makes steps of length `s` uses the operator with that step; the conditions
/// `Conditions.proximalGradient` always use the step 1.
///
/// Which entries or groups are zero is decided by values, and what is left is smooth: derivatives
/// are exact wherever the operator is differentiable. Exactly at the threshold (a kink) the entry
/// counts as zero, with the derivative 0.
///
/// Source: N. Parikh and S. Boyd, "Proximal Algorithms", Found. Trends Optim. 1 (2014), 127–239,
/// sections 6.1 and 6.5.
public enum Proximal {
  /// The soft threshold `S(x, t)`, entry by entry: `x − t` above `t`, `x + t` below `−t`, 0 between.
  ///
  /// - Parameter threshold: at least 0; one for all entries or one for each.
  /// - Throws: `ProjectionError.invalidPenalty` for a negative threshold or NaN.
  public static func softThreshold(_ x: Tensor, _ threshold: Tensor) throws -> Tensor {
    try requirePenalty(threshold, "Proximal.softThreshold", "threshold")
    return shrunk(x, threshold)
  }

  /// The operator of `λ Σ |pᵢ|`.
  ///
  /// - Parameters:
  ///   - penalty: `λ ≥ 0`; one for all entries or one for each.
  ///   - step: one number of at least 0.
  /// - Throws: `ProjectionError.invalidPenalty`.
  public static func lasso(_ x: Tensor, penalty: Tensor, step: Tensor = 1) throws -> Tensor {
    try requirePenalty(penalty, "Proximal.lasso", "penalty")
    try requirePenalty(step, "Proximal.lasso", "step")
    return shrunk(x, step * penalty)
  }

  /// The operator of `λ Σ |pᵢ| + ½ γ Σ pᵢ²`.
  ///
  /// - Parameters:
  ///   - penalty: `λ ≥ 0`; one for all entries or one for each.
  ///   - ridge: `γ ≥ 0`; one for all entries or one for each.
  ///   - step: one number of at least 0.
  /// - Throws: `ProjectionError.invalidPenalty`.
  ///
  /// Source: H. Zou and T. Hastie, "Regularization and variable selection via the elastic net",
  /// J. R. Stat. Soc. B 67 (2005), 301–320, equation 6 (with another scaling).
  public static func elasticNet(
    _ x: Tensor, penalty: Tensor, ridge: Tensor, step: Tensor = 1
  ) throws -> Tensor {
    try requirePenalty(penalty, "Proximal.elasticNet", "penalty")
    try requirePenalty(ridge, "Proximal.elasticNet", "ridge")
    try requirePenalty(step, "Proximal.elasticNet", "step")
    return shrunk(x, step * penalty) / (1 + step * ridge)
  }

  /// The operator of `½ γ Σ pᵢ²`. Smooth.
  ///
  /// - Parameters:
  ///   - ridge: `γ ≥ 0`; one for all entries or one for each.
  ///   - step: one number of at least 0.
  /// - Throws: `ProjectionError.invalidPenalty`.
  public static func ridge(_ x: Tensor, ridge: Tensor, step: Tensor = 1) throws -> Tensor {
    try requirePenalty(ridge, "Proximal.ridge", "ridge")
    try requirePenalty(step, "Proximal.ridge", "step")
    return x / (1 + step * ridge)
  }

  private static func shrunk(_ x: Tensor, _ threshold: Tensor) -> Tensor {
    let positive = threshold.isLess(than: x)
    let negative = x.isLess(than: -threshold)
    // With 0 or ±1 as constants: x − sign · t on the support. (Both masks hold nowhere at once,
    // as thresholds are not negative.)
    return (positive + negative) * x - (positive - negative) * threshold
  }
}
