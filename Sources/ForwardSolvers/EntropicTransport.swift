import TracedTensors

/// What Sinkhorn's iteration found, with its evidence. The tensors are traced if the data are.
public struct EntropicTransport: Sendable {
  /// `f`, length `n`, with `Σ f = 0` (for a transport to itself `f = g` instead).
  public let rowPotentials: Tensor

  /// `g`, length `m`.
  public let columnPotentials: Tensor

  /// `P = exp((f ⊕ g − C)/ε)`, `n × m`. Entries below the smallest number are exactly zero.
  public let plan: Tensor

  /// `⟨C, P⟩ + ε Σ P log P`, from the dual: `aᵀf + bᵀg + ε (Σa − ΣP)`, in which errors of the
  /// potentials count in second order and logarithms of zeros do not occur.
  ///
  /// Its gradient needs no solve (envelope theorem): `f` in `a` and `g` in `b`, both up to a
  /// constant, and `P` in `C`.
  public let value: Tensor

  /// `‖P1 − a‖₁ + ‖Pᵀ1 − b‖₁`.
  public let marginalError: Double

  /// Iterations made.
  public let iterations: Int
}

/// The debiased divergence `OT(a, b) − ½ OT(a, a) − ½ OT(b, b)` and its gradient.
public struct SinkhornDivergence: Sendable {
  /// The divergence: zero for `a = b`, else positive for costs such as squared distances.
  public let value: Tensor

  /// Its gradient in `a`, up to a constant: `f` of the transport to `b` minus `f` of that to itself,
  /// with sum 0.
  public let gradient: Tensor

  /// The transport from `a` to `b`.
  public let transport: EntropicTransport

  /// Iterations made, of all three transports.
  public let iterations: Int
}

extension Sinkhorn {
  /// The debiased divergence between masses `a` and `b` on the same points.
  ///
  /// `OT(a, b)` alone is smallest at a blurred copy of `b`; subtracting what `a` and `b` have by
  /// themselves removes the bias, and `b` is the minimum again.
  ///
  /// Source: J. Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn
  /// divergences", AISTATS (2019), theorem 1.
  ///
  /// - Parameters:
  ///   - cost: symmetric, `n × n`.
  ///   - a: length `n`, positive.
  ///   - b: length `n`, positive, with the same sum.
  ///   - start: potentials `g` of the transport to start from; zero if `nil`.
  /// - Throws: as `transport` and `selfTransport`.
  public func divergence(
    cost: Tensor, from a: Tensor, to b: Tensor, startingAt start: Tensor? = nil
  ) throws -> SinkhornDivergence {
    let between = try transport(cost: cost, from: a, to: b, startingAt: start)
    let (own, other) = (try selfTransport(cost: cost, of: a), try selfTransport(cost: cost, of: b))
    let gradient = between.rowPotentials - own.rowPotentials
    return SinkhornDivergence(
      value: between.value - (own.value + other.value).scaled(by: 0.5),
      gradient: gradient - gradient.mean(), transport: between,
      iterations: between.iterations + own.iterations + other.iterations)
  }
}
