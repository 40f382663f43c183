import Kernels

/// Solves `A x = b` by conjugate gradients on `AᵀA x = Aᵀb`, without forming `AᵀA` (CGLS, also
/// called CGNR).
///
/// Any `A` will do, but its condition number is squared: the iterations of CG for `κ²`, each with a
/// product with `A` and one with `Aᵀ`. Where `A` is symmetric positive definite use
/// ``ConjugateGradient``; ``LSMR`` is the steadier method for least squares. Only a solution of
/// `A x = b` is returned.
///
/// Source: M. R. Hestenes and E. Stiefel (1952), section 10; the arrangement with `r = b − A x` after
/// Å. Björck, Numerical Methods for Least Squares Problems (1996), algorithm 7.4.1.
public struct NormalEquationsConjugateGradient: LinearSolver, IterativeMethod {
  /// The solve ends once `‖b − A x‖₂ ≤ max(relativeTolerance · ‖b‖₂, absoluteTolerance)`, or once
  /// the residual is as small as rounding allows (``SolveAcceptance``).
  public var relativeTolerance: Double

  /// See `relativeTolerance`; in the units of `b`.
  public var absoluteTolerance: Double

  /// The limit for the number of iterations; `nil` means `max(5000, 20 n)`.
  public var maximumIterations: Int?

  /// `M⁻¹` of `n × n`: the method iterates with `A M⁻¹`, which should be close to orthogonal.
  public var preconditioner: (any LinearOperator)?

  /// Conjugate gradients on the normal equations, with the given tolerances.
  public init(
    relativeTolerance: Double = 1e-12, absoluteTolerance: Double = 0,
    maximumIterations: Int? = nil, preconditioner: (any LinearOperator)? = nil
  ) {
    self.relativeTolerance = relativeTolerance
    self.absoluteTolerance = absoluteTolerance
    self.maximumIterations = maximumIterations
    self.preconditioner = preconditioner
  }

  /// Probes one product. Any shape is welcome.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver { try prepared(for: A) }

  var name: String { "CG on the normal equations" }
  var needsSquare: Bool { false }

  func cycle(_ system: IterativeSystem) throws(LinearSolveError) -> CycleOutcome {
    let (m, n) = (system.rowCount, system.columnCount)
    func vector(_ k: Int) -> UnsafeMutablePointer<Double> { system.workVector(k, of: 5) }
    let x = system.x
    let r = system.residual
    let (s, p, q, z, t) = (vector(0), vector(1), vector(2), vector(3), vector(4))
    let isPreconditioned = system.isPreconditioned
    let target = system.cycleTarget
    let orthogonal = SolveAcceptance.orthogonalityLevel

    // s = M⁻ᵀAᵀr, through z if there is an M.
    func gradient() throws(LinearSolveError) {
      if isPreconditioned {
        try system.multiplyTransposed(r, into: z)
        try system.precondition(z, into: s, transposed: true)
      } else {
        try system.multiplyTransposed(r, into: s)
      }
    }

    var residualNorm = system.residualNorm
    try gradient()
    p.update(from: s, count: n)
    var gamma = Vector.dot(s, s, count: n)

    while true {
      guard gamma.isFinite else { try system.rejectNonFinite("‖Aᵀr‖", from: s, count: n) }
      let normalResidual = gamma.squareRoot()
      system.note(iterationNorm: normalResidual / residualNorm)
      let scale = system.iterationNorm * residualNorm
      if normalResidual <= orthogonal * scale {
        return .leastSquares(scale == 0 ? 0 : normalResidual / scale)
      }
      if system.isAtLimit { return .limit }

      if isPreconditioned {
        try system.precondition(p, into: t)
      }
      let direction = isPreconditioned ? t : p
      try system.multiply(direction, into: q)
      system.iterations += 1
      let qq = Vector.dot(q, q, count: m)
      guard qq.isFinite && qq > 0 else {
        try system.rejectNonFinite("‖A p‖", from: q, count: m)
      }
      let alpha = gamma / qq
      Vector.addScaled(alpha, direction, to: x, count: n)
      residualNorm = Vector.addScaledReturningSquaredNorm(-alpha, q, to: r, count: m).squareRoot()
      if residualNorm <= target { return .claimsConvergence }

      try gradient()
      let next = Vector.dot(s, s, count: n)
      Vector.scaleAndAdd(next / gamma, p, adding: s, count: n)
      gamma = next
    }
  }
}
