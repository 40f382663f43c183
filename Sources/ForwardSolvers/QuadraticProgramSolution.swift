import TracedTensors

/// What a solver of `min ½ yᵀQ y + cᵀy` subject to `A y = b`, `G y ≤ h` found, with its evidence.
///
/// The tensors are traced if the data are; the evidence is plain numbers. With
/// ```
/// L = ½ yᵀQ y + cᵀy + νᵀ(A y − b) + λᵀ(G y − h)
/// ```
/// the solution satisfies `∂L/∂y = 0`, `A y = b`, `G y + s = h` and `λ ∘ s = 0`, `λ ≥ 0`, `s ≥ 0`.
public struct QuadraticProgramSolution: Sendable {
  /// `y`, of length `n`.
  public let point: Tensor

  /// `ν`, one for each row of `A`; of any sign. Not unique where rows of `A` depend on each other.
  public let equalityMultipliers: Tensor

  /// `λ ≥ 0`, one for each row of `G`. After polishing, exactly 0 at constraints that are not
  /// active.
  public let inequalityMultipliers: Tensor

  /// `s = h − G y ≥ 0`. After polishing, exactly 0 at active constraints.
  public let slacks: Tensor

  /// `½ yᵀQ y + cᵀy`.
  public let value: Tensor

  /// Interior-point iterations made.
  public let iterations: Int

  /// `λᵀ s`: how far the value can be from the optimal one, but for the residuals.
  public let gap: Double

  /// `‖Q y + c + Aᵀν + Gᵀλ‖∞`.
  public let stationarityResidual: Double

  /// `‖A y − b‖∞`, 0 without equalities.
  public let equalityResidual: Double

  /// The largest entry of `G y − h` that is positive, 0 if there is none.
  public let inequalityViolation: Double

  /// Whether the solution comes from a last linear solve with the active constraints as equations.
  /// (Else from the interior: correct to the tolerance of the iteration.)
  public let isPolished: Bool
}

/// Where an interior-point iteration is, in plain numbers: what an observer sees.
///
/// All but the point are measured after scaling the data to the size of one.
public struct InteriorPointIterate: Sendable {
  /// 0 at the start.
  public let iteration: Int

  /// `y`.
  public let point: Tensor

  /// `λᵀs / m`: the mean product of a multiplier and its slack.
  public let complementarity: Double

  /// The largest residual of stationarity, equalities and inequalities.
  public let residual: Double

  /// The fraction of the Newton step that was taken to get here; 0 at the start.
  public let stepLength: Double
}
