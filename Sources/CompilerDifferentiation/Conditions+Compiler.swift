#if canImport(_Differentiation)
  public import ImplicitDifferentiation
  import _Differentiation

  // Conditions that the compiler differentiates. It knows one direction only, the pullback at a
  // point. That is a linear function of its cotangent in tensor operations: recorded at a traced
  // cotangent, once, it becomes a program, and the transposed program is the pushforward.
  //
  // Always the *full* pullback, to `x` and to `y`, of which one part may be dropped: Swift 6.3.1
  // returns the derivative in the wrong argument where a closure is differentiated in a later one
  // only (`pullback(at: y) { F(x, $0) }`), without a diagnostic.

  extension Conditions where Input: DifferentiableStructure, Output: DifferentiableStructure {
    /// Conditions `F(x, y) = 0` with the compiler's derivatives, among them those registered by
    /// hand with `@derivative(of:)`.
    ///
    /// ```swift
    /// let conditions = Conditions<Tensor, Tensor>.compiler { x, y in y * y - x }
    /// ```
    ///
    /// `F` may use anything that the compiler differentiates, as long as what depends on `x` and
    /// `y` stays in tensors: a pullback through plain numbers (`scalar`, `scalars`) cannot be
    /// recorded, and stops with a sentence.
    ///
    /// Costs one run of `F` and of its pullback; products are those of the compiled program.
    public static func compiler<Residual: DifferentiableStructure>(
      _ F: @escaping @Sendable @differentiable(reverse) (_ x: Input, _ y: Output) -> Residual
    ) -> Conditions {
      .pullback { x, y in
        let (residual, pullback) = valueWithPullback(at: x, y, of: F)
        return (
          residual,
          { u in
            let (ofX, ofY) = pullback(Residual.tangentVector(from: u))
            return (x.filledStructure(from: ofX), y.filledStructure(from: ofY))
          }
        )
      }
    }

    /// Conditions `∇ᵧ f(x, y) = 0` with the compiler's gradient of the objective.
    ///
    /// The gradient is a pullback in tensor operations; run on traced tensors it is recorded like
    /// any other function of them, so `A`, the Hessian, and `B` are derived by the library from
    /// what the compiler derived first.
    ///
    /// - Parameter objective: one number, as a tensor.
    public static func compilerStationary(
      of objective: @escaping @Sendable @differentiable(reverse) (_ x: Input, _ y: Output) -> Tensor
    ) -> Conditions {
      .root { x, y in
        let (value, pullback) = valueWithPullback(at: x, y, of: objective)
        if value.count != 1 { throw DifferentiationError.notScalar(shape: value.shape) }
        return y.filledStructure(from: pullback(.ones(value.shape)).1)
      }
    }
  }
#endif
