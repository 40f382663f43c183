import TracedTensors

/// Solves optimal transport with entropy by Sinkhorn's iteration, in the domain of logarithms.
///
/// From masses `a` (length `n`) to masses `b` (length `m`) at cost `C` (`n × m`), the plan
/// ```
/// P = argmin ⟨C, P⟩ + ε Σ Pᵢⱼ log Pᵢⱼ   subject to   P 1 = a,  Pᵀ1 = b
///   = exp((fᵢ + gⱼ − Cᵢⱼ) / ε)
/// ```
/// has the potentials `f` and `g`: no reference measure stands before the exponential. (Authors who
/// write `aᵢ bⱼ exp(…)` have the potentials `f − ε log a` and `g − ε log b`, and the same plan.) The
/// potentials are determined up to `(f + t, g − t)`; the ones returned have `Σ f = 0`.
///
/// An iteration sets `f` so that the rows of the plan sum to `a`, then `g` so that the columns sum
/// to `b`:
/// ```
/// f ← ε log a − ε log Σⱼ exp((gⱼ − Cᵢⱼ)/ε)      g ← ε log b − ε log Σᵢ exp((fᵢ − Cᵢⱼ)/ε)
/// ```
/// It costs `2 n m` exponentials and never overflows. The number of iterations grows about like
/// `max C / ε`, and with the digits wanted; where the plan nearly falls apart into pieces that share
/// no mass, it grows exponentially with `1/ε`. On traced tensors an iteration records two arrays of
/// `n × m`.
///
/// Sources: M. Cuturi, "Sinkhorn distances", NeurIPS (2013); G. Peyré and M. Cuturi,
/// *Computational Optimal Transport* (2019), sections 4.2 and 4.4.
public struct Sinkhorn: Sendable {
  /// `ε`, in the units of the cost.
  public var epsilon: Double

  /// When to end, by the marginal error `‖P1 − a‖₁ + ‖Pᵀ1 − b‖₁` (the gradient of the dual problem):
  /// `gradientTolerance` is in the units of the masses.
  public var stopping: Stopping

  /// Sinkhorn's iteration with the given `ε`.
  public init(
    epsilon: Double,
    stopping: Stopping = Stopping(gradientTolerance: 1e-10, maximumIterations: 10_000)
  ) {
    self.epsilon = epsilon
    self.stopping = stopping
  }

  /// The plan that moves `a` to `b`.
  ///
  /// - Parameters:
  ///   - cost: `n × m`.
  ///   - a: what leaves, length `n`, every entry positive.
  ///   - b: what arrives, length `m`, every entry positive, with the same sum.
  ///   - start: potentials `g` to start from (those of a larger `ε`, say); zero if `nil`. An
  ///     unrolled derivative is that of the iterations made, so it is not complete after the few that
  ///     a good start needs.
  ///   - observe: called after every iteration with its number and the marginal error before it.
  /// - Throws: `ForwardSolverError`: `.massNotPositive` and `.notFinite` naming the entry,
  ///   `.massesDiffer`, `.sizeMismatch`, `.marginalsNotMet` at the iteration limit.
  public func transport(
    cost: Tensor, from a: Tensor, to b: Tensor, startingAt start: Tensor? = nil,
    observing observe: (_ iteration: Int, _ marginalError: Double) throws -> Void = { _, _ in }
  ) throws -> EntropicTransport {
    try validate(cost)
    let (n, m) = (cost.shape[0], cost.shape[1])
    try requireMasses(a, "a", count: n)
    try requireMasses(b, "b", count: m)
    try requireEqualSums(a, b)
    if let start {
      try requireEqualCounts(start.count, m, "the starting potentials (one for each entry of `b`)")
      try requireFiniteEntries(start, "the starting potentials")
    }
    // In units of ε. The broadcasts add a row or a column to the kernel.
    let kernel = cost.scaled(by: -1 / epsilon)
    let (logA, logB) = (log(a), log(b))
    var u = Tensor.zeros([n])
    var v = start?.flattened().scaled(by: 1 / epsilon) ?? .zeros([m])
    var loop = MarginalLoop(stopping)
    while !loop.isOver {
      u = logA - (kernel + v).logSumExp(alongAxis: 1)
      let next = logB - (kernel + u.reshaped([n, 1])).logSumExp(alongAxis: 0)
      // With the new rows, the columns were off by the factors exp(v − next).
      loop.finishIteration(marginalError: marginalError(b, v - next))
      v = next
      try observe(loop.iteration, loop.marginalError)
    }
    return try result(cost, a, b, u, v, loop)
  }

  /// The plan that moves `a` to itself at a symmetric cost: both potentials are equal, and one
  /// averaged update converges in a few dozen iterations, whatever `ε`.
  ///
  /// Here `f = g` leaves no freedom, and `Σ f` is what it is.
  ///
  /// Source: J. Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn
  /// divergences", AISTATS (2019), section 3.1.
  public func selfTransport(cost: Tensor, of a: Tensor) throws -> EntropicTransport {
    try validate(cost)
    let n = cost.shape[0]
    try requireEqualCounts(cost.shape[1], n, "the columns of the cost (as many as rows)")
    let plain = cost.withoutDerivative
    let asymmetry = plainMaximum(plain - plain.transposed())
    try require(
      asymmetry <= 1e-12 * plainMaximum(plain), "cost", asymmetry,
      "symmetric (largest difference across the diagonal 0)")
    try requireMasses(a, "a", count: n)
    let kernel = cost.scaled(by: -1 / epsilon)
    let logA = log(a)
    var u = Tensor.zeros([n])
    var loop = MarginalLoop(stopping)
    while !loop.isOver {
      let image = logA - (kernel + u).logSumExp(alongAxis: 1)
      loop.finishIteration(marginalError: marginalError(a, u - image))
      u = (u + image).scaled(by: 0.5)
    }
    return try result(cost, a, a, u, u, loop, isSymmetric: true)
  }
}
