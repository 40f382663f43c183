import ImplicitDifferentiation

extension Conditions {
  /// Conditions `P(∇φ(y) − s ∇ᵧf(x, y)) − y = 0`, with `φ` and `P` of a Bregman geometry: `y`
  /// minimises `f(x, ·)` over the set of the geometry.
  ///
  /// ```swift
  /// Conditions<Tensor, Tensor>.mirrorDescent(of: objective, geometry: .simplex)
  /// ```
  ///
  /// On the simplex the map is `softmax(log y − s∇f)`: smooth, with no support to be found.
  ///
  /// Unknowns: those of the objective. `A = DP (∇²φ − sH) − I`. Assumptions: `y` in the interior of
  /// the domain of `φ` (on the simplex: all entries positive; where entries vanish use
  /// `projectedGradient`); `f` twice differentiable near `y`, with a Hessian `H` that is positive
  /// definite along the set.
  ///
  /// - Parameters:
  ///   - objective: one number.
  ///   - geometry: the maps to the dual and back.
  ///   - stepSize: `s > 0`. The solution and its derivative do not depend on it. With `φ` in the
  ///     objective itself, `f = φ + linear`, the step 1 makes the map a closed form, with `A = −I`.
  ///
  /// Source: A. Beck and M. Teboulle, "Mirror descent and nonlinear projected subgradient methods for
  /// convex optimization", Oper. Res. Lett. 31 (2003), 167–175; M. Blondel et al., "Efficient and
  /// Modular Implicit Differentiation", NeurIPS (2022), equation 13.
  public static func mirrorDescent(
    of objective: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Tensor,
    geometry: BregmanGeometry<Input, Output>,
    stepSize: Double = 1
  ) -> Conditions {
    .fixedPoint { x, y in
      let slope = try objectiveGradient(x, y, of: objective)
      let dual = try geometry.dual(x, y)
      return try geometry.projection(
        x, try dual.combined(with: slope) { dual, slope in dual - slope.scaled(by: stepSize) })
    }
  }
}
