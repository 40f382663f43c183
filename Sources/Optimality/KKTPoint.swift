import ImplicitDifferentiation

/// The unknowns (z, ν, λ) of the Karush–Kuhn–Tucker conditions of
/// min f(z) subject to H(z) = 0 and G(z) ≤ 0.
///
/// Signs follow the Lagrangian `L = f + νᵀH + λᵀG`: λ ≥ 0 at a minimum, ν has either sign.
public struct KKTPoint<Primal: TensorStructure>: TensorStructure {
  /// The decision variables z.
  public var primal: Primal

  /// ν, one per equality, in the order of their residuals; empty when there is none.
  public var equalityMultipliers: Tensor

  /// λ, one per inequality, in the order of their values; empty when there is none.
  public var inequalityMultipliers: Tensor

  /// A candidate solution; absent blocks of constraints need no multipliers.
  public init(
    primal: Primal, equalityMultipliers: Tensor = Tensor([Double]()),
    inequalityMultipliers: Tensor = Tensor([Double]())
  ) {
    self.primal = primal
    self.equalityMultipliers = equalityMultipliers
    self.inequalityMultipliers = inequalityMultipliers
  }

  /// Primal variables, then ν, then λ.
  public static var fields: [TensorField<KKTPoint>] {
    [
      .init("primal", \.primal),
      .init("equalityMultipliers", \.equalityMultipliers),
      .init("inequalityMultipliers", \.inequalityMultipliers),
    ]
  }

  // The walks are written out: key paths of a generic struct are made anew at each use, which
  // takes longer than recording a small problem.

  /// The tensors of the primal variables, then ν, then λ.
  public func forEachTensor(
    named prefix: String, isConstant: Bool, _ body: (String, Tensor, Bool) -> Void
  ) {
    let start = prefix.isEmpty ? "" : prefix + "."
    primal.forEachTensor(named: start + "primal", isConstant: isConstant, body)
    body(start + "equalityMultipliers", equalityMultipliers, isConstant)
    body(start + "inequalityMultipliers", inequalityMultipliers, isConstant)
  }

  /// The point with its tensors mapped one after the other.
  public func mapTensors(
    isConstant: Bool, _ body: (_ tensor: Tensor, _ isConstant: Bool) -> Tensor
  ) -> KKTPoint {
    KKTPoint(
      primal: primal.mapTensors(isConstant: isConstant, body),
      equalityMultipliers: body(equalityMultipliers, isConstant),
      inequalityMultipliers: body(inequalityMultipliers, isConstant))
  }
}
