extension Conditions {
  /// Conditions of which the pullback alone is known, as another system of differentiation gives
  /// it: a function of the cotangent, in tensor operations.
  ///
  /// The pullback is linear in its cotangent, so recording it *at a traced cotangent* gives the
  /// program of `(B, A)ᵀ`, and the transposed programs are `B` and `A`: pushforwards come from
  /// pullbacks, without a difference quotient. It costs one run of the pullback.
  ///
  /// - Parameter differentiate: at a point that may be traced, the residual and
  ///   `u ↦ (Bᵀu, Aᵀu)`, the latter with the structures and shapes of `x` and `y`.
  package static func pullback<Residual: TensorStructure>(
    _ differentiate:
      @escaping @Sendable (_ x: Input, _ y: Output) throws -> (
        residual: Residual, pullback: (_ u: Residual) throws -> (x: Input, y: Output)
      )
  ) -> Conditions {
    Conditions(
      linearize: { x, y in
        let (residual, pullback) = try RecordingFailure.throwing { try differentiate(x, y) }
        let recorded = try record(at: residual) { u in
          let (ofX, ofY) = try pullback(u)
          return ofX.variables + ofY.variables
        }
        let split = x.variables.count
        func transposed(_ outputs: ArraySlice<Int32>) -> any LinearOperator {
          ProgramOperator(recorded.trace, inputs: recorded.inputs, outputs: Array(outputs)).adjoint
        }
        return LinearizedConditions(
          residual: residual.flattened(),
          operators: ConditionsOperators(
            A: transposed(recorded.outputs[split...]), B: transposed(recorded.outputs[..<split])),
          recording: recorded.trace)
      },
      products: .pullback(differentiate))
  }
}

extension TensorProducts {
  /// The products of conditions of which the pullback alone is known: `A v` is the gradient in `u`
  /// of `⟨Aᵀu, v⟩`, wherever `u` is taken, since the pullback is linear.
  ///
  /// Source: J. Townsend, "A new trick for calculating Jacobian vector products" (2017).
  fileprivate static func pullback<Residual: TensorStructure>(
    _ differentiate:
      @escaping @Sendable (Input, Output) throws -> (
        residual: Residual, pullback: (Residual) throws -> (x: Input, y: Output)
      )
  ) -> TensorProducts {
    @Sendable func pulled(_ x: Input, _ y: Output, _ u: Tensor) throws -> (x: Tensor, y: Tensor) {
      let (residual, pullback) = try differentiate(x, y)
      let (ofX, ofY) = try pullback(residual.refilled(from: u))
      return (ofX.flat, ofY.flat)
    }
    func transpose(
      _ part: @escaping @Sendable ((x: Tensor, y: Tensor)) -> Tensor
    ) -> Product {
      { x, y, v in
        let (residual, pullback) = try differentiate(x, y)
        return try valueAndPullback(at: .ones([residual.variableCount]), cotangent: { _ in v }) {
          u in
          let (ofX, ofY) = try pullback(residual.refilled(from: u))
          return part((ofX.flat, ofY.flat))
        }.cotangent
      }
    }
    return TensorProducts(
      solution: transpose { $0.y }, transposedSolution: { try pulled($0, $1, $2).y },
      input: transpose { $0.x }, transposedInput: { try pulled($0, $1, $2).x })
  }
}
