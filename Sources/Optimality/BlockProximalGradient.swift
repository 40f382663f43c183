import ImplicitDifferentiation

extension Conditions {
  /// Conditions `proxⱼ(yⱼ − ∇ⱼf(x, y)) − yⱼ = 0` for each block `yⱼ`: `y` minimises
  /// `f(x, y) + Σ gⱼ(x, yⱼ)`, where every block has a penalty, or a set, of its own.
  ///
  /// The blocks are the tensors of the unknown, in order. The step in the mapping is 1 for all of
  /// them, whatever step lengths `1/Lⱼ` a block coordinate solver used, and in whatever order.
  ///
  /// Unknowns: those of the objective. Assumptions: as for `proximalGradient`, of which this is the
  /// case of a separable penalty.
  ///
  /// - Parameters:
  ///   - objective: the smooth part, one number.
  ///   - operations: for each tensor of the unknown (constants apart), the proximal operator of its
  ///     penalty, or the projection onto its set.
  ///
  /// Another number of operators than of blocks is a `DifferentiationError.sizeMismatch` when the
  /// derivative is taken.
  ///
  /// Source: P. Tseng, "Convergence of a block coordinate descent method for nondifferentiable
  /// minimization", J. Optim. Theory Appl. 109 (2001), 475–494; M. Blondel et al., "Efficient and
  /// Modular Implicit Differentiation", NeurIPS (2022), Appendix A.
  public static func blockProximalGradient(
    of objective: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Tensor,
    proximal operations: [@Sendable (_ x: Input, _ point: Tensor) throws -> Tensor]
  ) -> Conditions {
    .fixedPoint { x, y in
      let blocks = try gradientStep(x, y, of: objective).variables
      if blocks.count != operations.count {
        throw DifferentiationError.sizeMismatch(
          what: "the proximal operators (one for each tensor of the unknown)",
          expected: blocks.count, found: operations.count)
      }
      let images = try zip(operations, blocks).map { operation, block in try operation(x, block) }
      var index = 0
      return y.mapTensors(isConstant: false) { tensor, isConstant in
        if isConstant { return tensor }
        defer { index += 1 }
        return images[index]
      }
    }
  }
}
