import ImplicitDifferentiation

extension Conditions {
  /// Conditions `P(y − ∇ᵧf(x, y)) − y = 0`, with `P` the projection onto a closed convex set: `y`
  /// minimises `f(x, ·)` over the set.
  ///
  /// ```swift
  /// // Least squares with weights that are positive and add to one.
  /// Conditions<Tensor, Tensor>.projectedGradient(
  ///   of: { x, y in 0.5 * (matmul(features, y) - x).squaredNorm() },
  ///   onto: { x, point in try Projection.simplex(point) })
  /// ```
  ///
  /// The step in the mapping is 1, whatever the steps of the solver were: a step of another length
  /// has the same fixed points and, where it is differentiable, the same derivative `dy/dx`.
  ///
  /// Unknowns: those of the objective, no multipliers. With `DP` the derivative of the projection
  /// and `H` the Hessian of `f`,
  /// ```
  /// A = DP (I − H) − I,    B = −DP ∂²f/∂y∂x + ∂P/∂x.
  /// ```
  /// Assumptions: `f` twice differentiable near `y`; `P` differentiable at `y − ∇f`, which says that
  /// no constraint is weakly active (*strict complementarity*; at a kink the derivative is that of
  /// the piece which the projection documents); `H` positive definite along the face of the set on
  /// which `y` lies.
  ///
  /// - Parameters:
  ///   - objective: one number.
  ///   - projection: the projection of a point; the set may depend on `x`. `Projection` has many.
  ///
  /// Source: M. Blondel et al., "Efficient and Modular Implicit Differentiation", NeurIPS (2022),
  /// equation 9; D. P. Bertsekas, "On the Goldstein–Levitin–Polyak gradient projection method",
  /// IEEE Trans. Automat. Contr. 21 (1976), 174–184.
  public static func projectedGradient(
    of objective: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Tensor,
    onto projection: @escaping @Sendable (_ x: Input, _ point: Output) throws -> Output
  ) -> Conditions {
    .fixedPoint { x, y in try projection(x, gradientStep(x, y, of: objective)) }
  }
}
