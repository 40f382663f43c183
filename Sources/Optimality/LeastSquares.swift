import ImplicitDifferentiation

extension Conditions {
  /// Conditions `Rᵀr = ∇ᵧ ½‖r(x, y)‖² = 0`, `R = ∂r/∂y`: `y` is a stationary point of nonlinear
  /// least squares.
  ///
  /// `A = RᵀR + Σ rᵢ ∇²rᵢ` is the full Hessian, whichever approximation of it the solver used
  /// (Gauss–Newton, Levenberg–Marquardt): the derivative needs the second term, unless all residuals
  /// vanish *and* `R` has full rank.
  ///
  /// Unknowns: those of the residual, `n`; the residuals are any number `m`. Assumptions: `r` twice
  /// differentiable, `A` invertible; at a minimum it is positive definite then.
  ///
  /// - Parameter residual: `r(x, y)`, a tensor or any structure.
  ///
  /// Source: J. Nocedal and S. J. Wright, *Numerical Optimization*, 2nd ed. (2006), (10.5).
  public static func nonlinearLeastSquares<Residual: TensorStructure>(
    of residual: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Residual
  ) -> Conditions {
    .stationary { x, y in
      let squares = try residual(x, y).variables.map { $0.squaredNorm() }
      return 0.5 * squares.reduce(Tensor(0)) { $0 + $1 }
    }
  }

  /// Conditions `Rᵀr = 0` as in `nonlinearLeastSquares`, differentiated with the Gauss–Newton matrix
  /// `RᵀR` in place of the Hessian. **Biased**: not the derivative of the solution unless
  /// `Σ rᵢ ∇²rᵢ = 0`, for which `r = 0` is enough only where `R` has full rank. Every report says so
  /// in a warning.
  ///
  /// For `r = (x − y)²`, whose solution `y = x` has the derivative 1, it gives 3/2, although
  /// `r` vanishes: `R` vanishes with it.
  ///
  /// Here to reproduce and measure what libraries compute that differentiate through Gauss–Newton
  /// solvers; `A` is positive semidefinite and free of second derivatives. `B` is exact. Second
  /// derivatives are those of this first one, biased unless the residuals vanish at all solutions.
  public static func gaussNewton<Residual: TensorStructure>(
    of residual: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Residual
  ) -> Conditions {
    let conditions: Conditions = .root { x, y in
      // A function with the value Rᵀr whose derivative in x is exact and in y is RᵀR:
      // [Rᵀr](x, ȳ) + R̄ᵀ (r(x̄, y) − r̄), the bars marking constants.
      let (fixedX, fixedY) = (x.withoutDerivative, y.withoutDerivative)
      let exact = try valueAndPullback(at: fixedY, cotangent: { $0 }, of: { try residual(x, $0) })
      let here = try residual(fixedX, fixedY)
      let change = try residual(fixedX, y).combined(with: here) { $0 - $1 }
      let linear = try valueAndPullback(
        at: fixedY, cotangent: { _ in change }, of: { try residual(fixedX, $0) })
      return zip(exact.cotangent.variables, linear.cotangent.variables).map { $0 + $1 }
    }
    return conditions.differentiatedAgain(by: .gaussNewton(residual)).warning(
      "The derivative is biased by what the Gauss–Newton matrix RᵀR leaves out of the Hessian, "
        + "Σ rᵢ ∇²rᵢ. `nonlinearLeastSquares` has all of it.")
  }
}

extension TensorProducts {
  /// `RᵀR v` and the products with `B = ∂(Rᵀr)/∂x`. (What the conditions hold constant in order to
  /// have that `A` moves with the solution, so their own derivatives are of no use.)
  fileprivate static func gaussNewton<Residual: TensorStructure>(
    _ residual: @escaping @Sendable (Input, Output) throws -> Residual
  ) -> TensorProducts {
    @Sendable func pulled(_ x: Input, _ y: Output, _ u: (Tensor) -> Tensor) throws -> Tensor {
      try valueAndPullback(at: y, cotangent: u) { try residual(x, $0).packed() }.cotangent.packed()
    }
    @Sendable func squared(_ x: Input, _ y: Output, _ v: Tensor) throws -> Tensor {
      let image = try valueAndPushforward(at: y, along: y.refilled(from: v)) {
        try residual(x, $0).packed()
      }.tangent
      return try pulled(x, y) { _ in image }
    }
    return TensorProducts(
      solution: squared, transposedSolution: squared,
      input: { x, y, v in
        try valueAndPushforward(at: x, along: x.refilled(from: v)) { x in try pulled(x, y) { $0 } }
          .tangent
      },
      transposedInput: { x, y, u in
        try valueAndPullback(at: x, cotangent: { _ in u }) { x in try pulled(x, y) { $0 } }
          .cotangent.packed()
      })
  }
}
