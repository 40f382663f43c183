import ImplicitDifferentiation

extension Projection {
  /// Onto the ball `Σ |pᵢ| ≤ radius`, over all entries of `x`.
  ///
  /// Outside, `|x|` is projected on the simplex of that sum and gets its signs back. On the sphere
  /// (a kink) the derivative is that of the inside, the identity.
  ///
  /// - Parameter radius: one positive number.
  /// - Throws: `ProjectionError`: an empty set, a point that is not finite.
  ///
  /// Source: J. Duchi et al., "Efficient projections onto the ℓ₁-ball for learning in high
  /// dimensions", ICML (2008), section 4.
  public static func l1Ball(_ x: Tensor, radius: Tensor = 1) throws -> Tensor {
    let radius = try ballRadius(radius, x, "l1Ball")
    let magnitudes = abs(x.flattened())
    if magnitudes.sum() <= radius { return x }
    let signs = Tensor(0).isLess(than: x) - x.isLess(than: 0)
    return try signs * simplex(magnitudes, sum: radius).reshaped(x.shape)
  }

  /// Onto the ball `√(Σ pᵢ²) ≤ radius`, over all entries of `x`: `x`, or `radius · x/‖x‖`.
  ///
  /// On the sphere (a kink) the derivative is that of the inside, the identity.
  ///
  /// - Parameter radius: one positive number.
  /// - Throws: `ProjectionError`: an empty set, a point that is not finite.
  public static func l2Ball(_ x: Tensor, radius: Tensor = 1) throws -> Tensor {
    let radius = try ballRadius(radius, x, "l2Ball")
    let length = x.norm()
    return length <= radius ? x : radius / length * x
  }

  /// A ball of radius 0 is a point, where no derivative exists on any side: it counts as an error.
  private static func ballRadius(
    _ radius: Tensor, _ x: Tensor, _ name: String
  ) throws(ProjectionError) -> Tensor {
    try requireFinite(x, "Projection.\(name)", "the point")
    let radius = radius.reshaped([])
    guard radius > 0, radius.isFinite else {
      throw .emptySet(
        set: "interior of the ball",
        reason: "its radius is \(radius.withoutDerivative.scalar)")
    }
    return radius
  }
}
