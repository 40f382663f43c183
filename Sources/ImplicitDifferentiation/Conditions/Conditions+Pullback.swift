extension Conditions {
  /// Conditions of which the pullback alone is known, as another system of differentiation gives
  /// it: a function of the cotangent, in tensor operations.
  ///
  /// The pullback is linear in its cotangent, so recording it *at a traced cotangent* gives the
  /// program of `(B, A)ᵀ`, and the transposed programs are `B` and `A`: pushforwards come from
  /// pullbacks, without a difference quotient. It costs one run of the pullback.
  ///
  /// - Parameter differentiate: at an untraced point, the residual and `u ↦ (Bᵀu, Aᵀu)`, the
  ///   latter with the structures and shapes of `x` and `y`.
  package static func pullback<Residual: TensorStructure>(
    _ differentiate:
      @escaping @Sendable (_ x: Input, _ y: Output) throws -> (
        residual: Residual, pullback: (_ u: Residual) throws -> (x: Input, y: Output)
      )
  ) -> Conditions {
    Conditions { x, y in
      let failure = RecordingFailure()
      let (residual, pullback) = try RecordingFailure.$current.withValue(failure) {
        try differentiate(x, y)
      }
      if let error = failure.error { throw error }
      let recorded = try record(at: residual) { u in
        let (cotangentOfX, cotangentOfY) = try pullback(u)
        return cotangentOfX.variables + cotangentOfY.variables
      }
      let split = x.variables.count
      return LinearizedConditions(
        residual: residual.flattened(),
        A: ProgramOperator(
          recorded.trace, inputs: recorded.inputs, outputs: Array(recorded.outputs[split...])
        ).adjoint,
        B: ProgramOperator(
          recorded.trace, inputs: recorded.inputs, outputs: Array(recorded.outputs[..<split])
        ).adjoint,
        recording: recorded.trace)
    }
  }
}
