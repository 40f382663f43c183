import ImplicitDifferentiation

extension Conditions {
  /// Conditions `T(x, y) − y = 0` with Newton's map `T(x, y) = y − J⁻¹F(x, y)`, `J = ∂F/∂y`: `y` is
  /// a root of `F`.
  ///
  /// At a root `∂T/∂y = 0`, so `A = −I` and `dy/dx = ∂T/∂x = −J⁻¹ ∂F/∂x`: differentiating a *single*
  /// Newton step is exact. To first order: the second derivative of that one step is not that of
  /// `y`, which needs the dependence of `T` on `y` as well.
  ///
  /// The system is trivial because the work is in the map, which forms `J` by `n` forward walks and
  /// factorises it: for derivatives alone, `.root` is cheaper and gives the same. This one shows
  /// why one step suffices, and takes conditions whose natural form is a Newton step.
  ///
  /// Unknowns: those of `F`, which has as many equations. Assumptions: `F` twice differentiable,
  /// `J` invertible at the root.
  ///
  /// A singular `J` is thrown as `LinearSolveError`.
  ///
  /// Source: J. Bolte, E. Pauwels and S. Vaiter, "One-step differentiation of iterative algorithms",
  /// NeurIPS (2023), section 3.
  public static func newtonMap<Residual: TensorStructure>(
    of F: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Residual
  ) -> Conditions {
    .fixedPoint { x, y in
      func residual(_ vector: Tensor) throws -> Tensor {
        try F(x, y.unpacked(vector)).packed()
      }
      let point = y.packed()
      let value = try residual(point)
      let n = point.count
      if value.count != n {
        throw DifferentiationError.sizeMismatch(
          what: "the residual (one equation for each unknown)", expected: n, found: value.count)
      }
      let unit = Tensor.identity(n)
      let columns = try (0..<n).map { k in
        try valueAndPushforward(at: point, along: unit.at(k), of: residual).tangent
      }
      return y.unpacked(point - (try solve(Tensor.stack(columns).transposed(), value)))
    }
  }
}
