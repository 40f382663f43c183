import ImplicitDifferentiation

extension Conditions {
  /// Conditions `prox(y − ∇ᵧf(x, y)) − y = 0`, with the proximal operator of a convex penalty `g`:
  /// `y` minimises `f(x, ·) + g(x, ·)`, of which only `f` need be smooth.
  ///
  /// ```swift
  /// // The lasso, as a function of its penalty.
  /// Conditions<Tensor, Tensor>.proximalGradient(
  ///   of: { _, y in 0.5 * (matmul(features, y) - target).squaredNorm() },
  ///   proximal: { penalty, point in try Proximal.lasso(point, penalty: penalty) })
  /// ```
  ///
  /// The operator is that of `g` itself, with step 1, whatever the steps of the solver were: steps
  /// of another length have the same fixed points and the same derivative `dy/dx`.
  ///
  /// Unknowns: those of the objective. `A = D(I − H) − I` with `D` the derivative of the operator
  /// and `H` the Hessian of `f`. For the lasso the rows of `A` off the support are those of `−I`, so
  /// that the derivative is 0 there and the system has in truth the size of the support.
  ///
  /// Assumptions: `f` twice differentiable near `y`; the operator differentiable at `y − ∇f` (for
  /// the lasso: `|∂f/∂yᵢ| < λ` wherever `yᵢ = 0`); `H` positive definite on the range of `D`.
  ///
  /// - Parameters:
  ///   - objective: the smooth part, one number.
  ///   - operation: the proximal operator of the penalty, which may depend on `x`. `Proximal` has
  ///     several.
  ///
  /// Source: M. Blondel et al., "Efficient and Modular Implicit Differentiation", NeurIPS (2022),
  /// equation 7.
  public static func proximalGradient(
    of objective: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Tensor,
    proximal operation: @escaping @Sendable (_ x: Input, _ point: Output) throws -> Output
  ) -> Conditions {
    .fixedPoint { x, y in try operation(x, gradientStep(x, y, of: objective)) }
  }
}
