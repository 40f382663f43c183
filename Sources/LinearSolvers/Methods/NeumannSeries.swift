import Kernels

/// Solves `A x = b` by the series `x = Σₖ (I − ωM⁻¹A)ᵏ ωM⁻¹b`, the fixed-point iteration
/// `x ← x + ωM⁻¹(b − A x)`.
///
/// One term costs one `matvec`. With `ρ` the spectral radius of `I − ωM⁻¹A`, the error falls like
/// `ρᵏ`; for `ρ ≥ 1` the series diverges, and the solve throws. For `A = I − ∂T`, the derivative of a
/// convergent fixed-point iteration `y ← T(y)`, it converges with `ω = 1` as fast as that iteration.
///
/// Source: C. Neumann, Untersuchungen über das logarithmische und Newton'sche Potential (1877); as
/// an iteration: L. F. Richardson, Phil. Trans. R. Soc. A 210 (1911), 307–357.
public struct NeumannSeries: LinearSolver, IterativeMethod {
  /// `ω`. For a symmetric positive definite `M⁻¹A` the best is `2 / (λ_min + λ_max)`.
  public var step: Double

  /// The solve ends once `‖b − A x‖₂ ≤ max(relativeTolerance · ‖b‖₂, absoluteTolerance)`, or once
  /// the residual is as small as rounding allows (``SolveAcceptance``).
  public var relativeTolerance: Double

  /// See `relativeTolerance`; in the units of `b`.
  public var absoluteTolerance: Double

  /// The limit for the number of iterations; `nil` means `max(5000, 20 n)`.
  public var maximumIterations: Int?

  /// `M⁻¹`, an approximate inverse of `A`.
  public var preconditioner: (any LinearOperator)?

  /// The series with the given step and tolerances.
  public init(
    step: Double = 1, relativeTolerance: Double = 1e-12, absoluteTolerance: Double = 0,
    maximumIterations: Int? = nil, preconditioner: (any LinearOperator)? = nil
  ) {
    self.step = step
    self.relativeTolerance = relativeTolerance
    self.absoluteTolerance = absoluteTolerance
    self.maximumIterations = maximumIterations
    self.preconditioner = preconditioner
  }

  /// Checks the shape.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver { try prepared(for: A) }

  var name: String { "Neumann series" }

  /// A residual this many times the first one is taken for divergence. (Before it falls, the
  /// residual of a non-normal `A` may grow for a while.)
  private static var divergenceFactor: Double { 1e8 }

  func cycle(_ system: IterativeSystem) throws(LinearSolveError) -> CycleOutcome {
    let n = system.columnCount
    let r = system.residual
    let z = system.workVector(0, of: 2)
    let q = system.workVector(1, of: 2)
    let start = system.residualNorm
    // `step` belongs to A as it was given; the system may have been scaled by 2ᵏ.
    let omega =
      system.isPreconditioned ? step : PowerOfTwo.scaled(step, by: -system.operatorExponent)

    while true {
      if system.isAtLimit { return .limit }
      try system.precondition(r, into: z)
      try system.multiply(z, into: q)
      system.iterations += 1
      Vector.addScaled(omega, z, to: system.x, count: n)
      let norm = Vector.addScaledReturningSquaredNorm(-omega, q, to: r, count: n).squareRoot()
      guard norm.isFinite else { try system.rejectNonFinite("the residual", from: q, count: n) }
      if norm <= system.cycleTarget { return .claimsConvergence }
      if norm > Self.divergenceFactor * start {
        throw .diverged(
          iterations: system.iterations, residualNorm: norm, tolerance: system.target)
      }
    }
  }
}
