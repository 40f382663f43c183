import ImplicitDifferentiation

extension Proximal {
  /// The operator of `Σ λ_g ‖p_g‖₂` over groups of entries: a whole group is zero or none of it.
  ///
  /// Groups are the rows of a matrix (of more axes: what lies along the last one), or all of a
  /// vector, unless labels say otherwise.
  ///
  /// A group exactly at the threshold `‖x_g‖ = sλ_g` (a kink) counts as zero, with derivative 0.
  ///
  /// - Parameters:
  ///   - penalty: `λ ≥ 0`; one for all groups or one for each.
  ///   - groups: the number of the group, from 0, of each entry of `x` in row-major order.
  ///   - step: one number of at least 0.
  /// - Throws: `ProjectionError`.
  ///
  /// Source: M. Yuan and Y. Lin, "Model selection and estimation in regression with grouped
  /// variables", J. R. Stat. Soc. B 68 (2006), 49–67.
  public static func groupLasso(
    _ x: Tensor, penalty: Tensor, groups: [Int]? = nil, step: Tensor = 1
  ) throws -> Tensor {
    let operation = "Proximal.groupLasso"
    try requirePenalty(penalty, operation, "penalty")
    try requirePenalty(step, operation, "step")
    try requireFinite(x, operation, "the point")
    if x.count == 0 { return x }
    let length = x.shape.last ?? 1
    let labels = groups ?? (0..<x.count).map { $0 / length }
    guard labels.count == x.count, labels.allSatisfy({ $0 >= 0 }) else {
      throw ProjectionError.shapeMismatch(
        operation: operation, what: "the groups (a number from 0 for each entry)",
        expected: [x.count], found: [labels.count])
    }
    let count = (labels.max() ?? 0) + 1
    guard penalty.count == 1 || penalty.shape == [count] else {
      throw ProjectionError.shapeMismatch(
        operation: operation, what: "the penalties (one, or one for each group)",
        expected: [count], found: penalty.shape)
    }
    // Divided by the largest entry, a constant, so that squares neither overflow nor underflow.
    let largest = x.withoutDerivative.norm(.infinity).scalar
    if largest == 0 { return Tensor.zeros(x.shape) }
    let entries = x.flattened() / Tensor(largest)
    let squares = (entries * entries).scattered(labels, count: count)
    let thresholds = (step * penalty).reshaped(penalty.count == 1 ? [] : [count]) / Tensor(largest)
    let survives = (thresholds * thresholds).isLess(than: squares)
    // The root of a group that vanishes would have an infinite slope at zero.
    let lengths = sqrt(select(survives, squares, 1))
    let factors = survives * (1 - thresholds / lengths)
    return (entries * factors.gathered(labels)).reshaped(x.shape) * Tensor(largest)
  }
}
