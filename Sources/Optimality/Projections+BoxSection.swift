import ImplicitDifferentiation

extension Projection {
  /// Onto the section `wᵀp = total` of the box `lower ≤ p ≤ upper`, over all entries of `x`.
  ///
  /// `P(x) = x + τw`, limited to the box, where `τ` is the root of one monotone, piecewise linear
  /// equation: `wᵀ clip(x + τw) = total`. Its linear piece is found by bisection over the sorted
  /// breakpoints, `O(n log n)`; on that piece `τ` is a quotient, traced in all five arguments, so
  /// its derivatives are those of the root, to any order.
  ///
  /// With bounds `0, ∞` and weights 1 this is the simplex; with labels ±1 as weights, bounds
  /// `0, C` and total 0 the feasible set of a support vector machine's dual.
  ///
  /// Where the root meets a breakpoint (a kink) the derivative is that of the piece of larger `τ`.
  /// Where every entry with a weight is held by a bound, nothing moves with `x`, `w` or `total`.
  ///
  /// - Parameters:
  ///   - x: the point, of any shape.
  ///   - lower: lower bounds, or one for all; may be −∞.
  ///   - upper: upper bounds, or one for all; may be ∞.
  ///   - w: the weights, of the shape of `x`; any sign.
  ///   - total: one number.
  /// - Throws: `ProjectionError`: bounds in the wrong order, a `total` out of reach, a point or
  ///   weights that are not finite.
  ///
  /// Source: P. M. Pardalos and N. Kovoor, "An algorithm for a singly constrained class of quadratic
  /// programs subject to upper and lower bounds", Math. Program. 46 (1990), 321–328.
  public static func boxSection(
    _ x: Tensor, lower: Tensor, upper: Tensor, weights w: Tensor, total: Tensor
  ) throws -> Tensor {
    let operation = "Projection.boxSection"
    try requireFinite(x, operation, "the point")
    try requireShape(w, x.shape, operation, "the weights")
    try requireFinite(w, operation, "the weights")
    try requireFinite(total, operation, "the total")
    try requireOrderedBounds(lower, upper, "box")
    let (low, high) = (lower.broadcast(to: x.shape), upper.broadcast(to: x.shape))
    let total = total.reshaped([])
    noteBranch(x, low, high, w, total)
    let section = BoxSection(
      x: x.withoutDerivative.scalars, lower: low.withoutDerivative.scalars,
      upper: high.withoutDerivative.scalars, weights: w.withoutDerivative.scalars)
    let piece = try section.piece(total: total.withoutDerivative.scalar)

    let isLow = Tensor(shape: x.shape, piece.isLow)
    let isHigh = Tensor(shape: x.shape, piece.isHigh)
    let isFree = 1 - isLow - isHigh
    var free = x
    if piece.hasFreeWeight {
      // From a point within the piece, so that a large x costs no digits of the total.
      let near = x + w.scaled(by: piece.multiplier)
      let atBounds = select(isLow, low, select(isHigh, high, 0))
      let missing = total - (w * (atBounds + isFree * near)).sum()
      free = near + missing / (isFree * w * w).sum() * w
    }
    return select(isLow, low, select(isHigh, high, free))
  }
}

/// The equation `wᵀ clip(x + τw) = total` in plain numbers.
private struct BoxSection {
  let x: [Double]
  let lower: [Double]
  let upper: [Double]
  let weights: [Double]

  /// A linear piece of the left-hand side, by a multiplier inside it.
  struct Piece {
    var multiplier: Double
    /// 1 where the lower bound holds the entry, else 0.
    var isLow: [Double]
    var isHigh: [Double]
    var hasFreeWeight: Bool
  }

  /// The left-hand side, which does not decrease.
  private func value(at multiplier: Double) -> Double {
    var sum = 0.0
    for i in x.indices where weights[i] != 0 {
      sum += weights[i] * min(max(x[i] + multiplier * weights[i], lower[i]), upper[i])
    }
    return sum
  }

  /// Its limits for τ → ∓∞, and the size of what is added.
  private func range() -> (least: Double, greatest: Double, size: Double) {
    var (least, greatest, size) = (0.0, 0.0, 0.0)
    for i in x.indices where weights[i] != 0 {
      let ends = (weights[i] * lower[i], weights[i] * upper[i])
      least += min(ends.0, ends.1)
      greatest += max(ends.0, ends.1)
      for end in [ends.0, ends.1] where end.isFinite { size += end.magnitude }
    }
    return (least, greatest, size)
  }

  func piece(total: Double) throws(ProjectionError) -> Piece {
    let (least, greatest, size) = range()
    // A total at the very end of the range may have been summed in another order.
    let slack = 1e-14 * size
    if total < least - slack || total > greatest + slack {
      throw .emptySet(
        set: "section of the box",
        reason: "the weighted sum lies between \(least) and \(greatest), and is to be \(total)")
    }
    var breakpoints: [Double] = []
    for i in x.indices where weights[i] != 0 {
      for bound in [lower[i], upper[i]] where bound.isFinite {
        breakpoints.append((bound - x[i]) / weights[i])
      }
    }
    breakpoints.sort()
    // The last breakpoint at which the value does not exceed the total is number `low − 1`.
    var (low, high) = (0, breakpoints.count)
    while low < high {
      let middle = (low + high) / 2
      if value(at: breakpoints[middle]) <= total { low = middle + 1 } else { high = middle }
    }
    switch (low > 0, low < breakpoints.count) {
    case (false, false): return piece(at: 0)
    case (false, true): return piece(at: breakpoints[0] - beyond(breakpoints[0]))
    case (true, false): return piece(at: breakpoints[low - 1] + beyond(breakpoints[low - 1]))
    case (true, true): return piece(at: 0.5 * (breakpoints[low - 1] + breakpoints[low]))
    }
  }

  private func beyond(_ breakpoint: Double) -> Double { max(1, breakpoint.magnitude) }

  private func piece(at multiplier: Double) -> Piece {
    var piece = Piece(
      multiplier: multiplier, isLow: [Double](repeating: 0, count: x.count),
      isHigh: [Double](repeating: 0, count: x.count), hasFreeWeight: false)
    for i in x.indices {
      let moved = x[i] + multiplier * weights[i]
      if moved < lower[i] {
        piece.isLow[i] = 1
      } else if moved > upper[i] {
        piece.isHigh[i] = 1
      } else if weights[i] != 0 {
        piece.hasFreeWeight = true
      }
    }
    return piece
  }
}
