import Kernels

/// Minimises `‖b − A x‖` for any `A` of `m × n`, by MINRES on the normal equations without forming
/// them.
///
/// One iteration costs one product with `A`, one with `Aᵀ` and six vector operations; eight vectors
/// are kept. Starting from zero the result is the solution of smallest norm. It needs about as many
/// iterations as the condition number of `A` where CG needs its square root.
///
/// By default only a solution of `A x = b` is returned, and a system that has none throws
/// ``LinearSolveError/inconsistent(residualNorm:normalResidual:)``; with `acceptsLeastSquares` the
/// minimiser is returned, with its residual.
///
/// Source: D. C.-L. Fong and M. A. Saunders, "LSMR: An Iterative Algorithm for Sparse Least-Squares
/// Problems", SIAM J. Sci. Comput. 33 (2011), 2950–2971.
public struct LSMR: LinearSolver, IterativeMethod {
  /// The solve ends once `‖b − A x‖₂ ≤ max(relativeTolerance · ‖b‖₂, absoluteTolerance)`, or once
  /// the residual is as small as rounding allows (``SolveAcceptance``).
  public var relativeTolerance: Double

  /// See `relativeTolerance`; in the units of `b`.
  public var absoluteTolerance: Double

  /// The limit for the number of iterations; `nil` means `max(5000, 20 n)`.
  public var maximumIterations: Int?

  /// `M⁻¹` of `n × n`: the method iterates with `A M⁻¹`, which should be close to orthogonal.
  public var preconditioner: (any LinearOperator)?

  /// Whether to return a minimiser of `‖b − A x‖` where no `x` solves the system. It is accepted
  /// once `‖Aᵀr‖ ≤ relativeTolerance · ‖A‖‖r‖`.
  public var acceptsLeastSquares: Bool

  /// Whether the system with a seeded random right-hand side is solved first, when `A` is prepared, to
  /// see that `A` is regular; if that fails, ``LinearSolveError/singularityProbeFailed(reason:)`` is
  /// thrown. Without it a singular `A` with a right-hand side in its range has many solutions, and one
  /// of them is returned. Costs one more solve for each operator.
  public var singularityProbe: Bool

  /// LSMR with the given tolerances.
  public init(
    relativeTolerance: Double = 1e-12, absoluteTolerance: Double = 0,
    maximumIterations: Int? = nil, preconditioner: (any LinearOperator)? = nil,
    acceptsLeastSquares: Bool = false,
    singularityProbe: Bool = false
  ) {
    self.relativeTolerance = relativeTolerance
    self.absoluteTolerance = absoluteTolerance
    self.maximumIterations = maximumIterations
    self.preconditioner = preconditioner
    self.acceptsLeastSquares = acceptsLeastSquares
    self.singularityProbe = singularityProbe
  }

  /// Probes one product. Any shape is welcome.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    if singularityProbe && acceptsLeastSquares {
      // A least-squares solution of the probe would show nothing.
      var strict = self
      strict.acceptsLeastSquares = false
      _ = try strict.prepared(for: A)
      strict = self
      strict.singularityProbe = false
      return try strict.prepared(for: A)
    }
    return try prepared(for: A)
  }

  var name: String { "LSMR" }
  var needsSquare: Bool { false }

  /// Golub–Kahan vectors: `β u = A v − α u`, `α v = Aᵀu − β v`. Two rotations per step reduce the
  /// bidiagonal `B` to `R`, then `Rᵀ` to `R̄` (the paper's section 2.2 to 2.8; bars and tildes kept).
  func cycle(_ system: IterativeSystem) throws(LinearSolveError) -> CycleOutcome {
    let (m, n) = (system.rowCount, system.columnCount)
    func vector(_ k: Int) -> UnsafeMutablePointer<Double> { system.workVector(k, of: 7) }
    let u = system.residual
    let (v, h, hBar, product, z, sum) =
      (vector(0), vector(1), vector(2), vector(3), vector(4), vector(5))
    let target = system.cycleTarget
    let leastSquaresTolerance =
      acceptsLeastSquares ? relativeTolerance : SolveAcceptance.orthogonalityLevel

    var beta = system.residualNorm
    Vector.scale(1 / beta, u, count: m)
    try normalProduct(u, into: v, z, system)
    var alpha = Vector.norm(v, count: n)
    guard alpha.isFinite else { try system.rejectNonFinite("‖Aᵀu‖", from: v, count: n) }
    system.note(iterationNorm: alpha)
    if alpha <= leastSquaresTolerance * system.iterationNorm {
      return .leastSquares(system.iterationNorm == 0 ? 0 : alpha / system.iterationNorm)
    }
    Vector.scale(1 / alpha, v, count: n)
    h.update(from: v, count: n)
    hBar.update(repeating: 0, count: n)
    sum.update(repeating: 0, count: n)

    var (alphaBar, zetaBar) = (alpha, alpha * beta)
    var (rho, rhoBar, cBar, sBar) = (1.0, 1.0, 1.0, 0.0)
    // For the estimate of ‖r‖ (section 5.1).
    var (betaDot, betaDoubleDot, rhoDot) = (0.0, beta, 1.0)
    var (tauTilde, thetaTilde, zeta) = (0.0, 0.0, 0.0)

    // R in B = Q R, with θ above its diagonal: ‖B y‖ = ‖A V y‖ puts its singular values between
    // those of A.
    var triangle = NarrowTriangle()
    var theta = 0.0

    var outcome = CycleOutcome.limit
    while !system.isAtLimit {
      try forwardProduct(v, into: product, z, system)
      system.iterations += 1
      Vector.scale(-alpha, u, count: m)
      Vector.addScaled(1, product, to: u, count: m)
      beta = Vector.norm(u, count: m)
      guard beta.isFinite else { try system.rejectNonFinite("‖A v‖", from: product, count: m) }
      system.note(iterationNorm: (alpha * alpha + beta * beta).squareRoot())
      if beta > 0 {
        Vector.scale(1 / beta, u, count: m)
        try normalProduct(u, into: product, z, system)
        Vector.scale(-beta, v, count: n)
        Vector.addScaled(1, product, to: v, count: n)
        alpha = Vector.norm(v, count: n)
        guard alpha.isFinite else {
          try system.rejectNonFinite("‖Aᵀu‖", from: product, count: n)
        }
        if alpha > 0 { Vector.scale(1 / alpha, v, count: n) }
      } else {
        alpha = 0
      }

      // B → R.
      let rhoOld = rho
      let first = rotation(alphaBar, beta)
      rho = first.norm
      let thetaNew = first.sine * alpha
      alphaBar = first.cosine * alpha
      // Rᵀ → R̄.
      let (rhoBarOld, zetaOld) = (rhoBar, zeta)
      let thetaBar = sBar * rho
      let second = rotation(cBar * rho, thetaNew)
      (cBar, sBar, rhoBar) = (second.cosine, second.sine, second.norm)
      if !system.isPreconditioned { triangle.append(rho, theta, 0) }
      theta = thetaNew
      zeta = cBar * zetaBar
      zetaBar = -sBar * zetaBar

      Vector.scaleAndAdd(-thetaBar * rho / (rhoOld * rhoBarOld), hBar, adding: h, count: n)
      Vector.addScaled(zeta / (rho * rhoBar), hBar, to: sum, count: n)
      Vector.scaleAndAdd(-thetaNew / rho, h, adding: v, count: n)

      let betaHat = first.cosine * betaDoubleDot
      betaDoubleDot = -first.sine * betaDoubleDot
      let thetaTildeOld = thetaTilde
      let third = rotation(rhoDot, thetaBar)
      thetaTilde = third.sine * rhoBar
      rhoDot = third.cosine * rhoBar
      betaDot = -third.sine * betaDot + third.cosine * betaHat
      tauTilde = (zetaOld - thetaTildeOld * tauTilde) / third.norm
      let tauDot = (zeta - thetaTilde * tauTilde) / rhoDot
      let gap = betaDot - tauDot
      let residualNorm = (gap * gap + betaDoubleDot * betaDoubleDot).squareRoot()

      if residualNorm <= target || abs(zetaBar) == 0 && beta == 0 {
        outcome = .claimsConvergence
        break
      }
      // ‖Aᵀr‖ = |ζ̄|.
      let normalResidual = abs(zetaBar) / (system.iterationNorm * residualNorm)
      if normalResidual <= leastSquaresTolerance {
        outcome = .leastSquares(normalResidual)
        break
      }
    }
    if system.isPreconditioned {
      try system.precondition(sum, into: z)
      Vector.addScaled(1, z, to: system.x, count: n)
    } else {
      Vector.addScaled(1, sum, to: system.x, count: n)
      system.note(singularValue: triangle.leastSingularValue)
    }
    return outcome
  }

  /// `w ← A M⁻¹ v`.
  private func forwardProduct(
    _ v: UnsafePointer<Double>, into w: UnsafeMutablePointer<Double>,
    _ z: UnsafeMutablePointer<Double>, _ system: IterativeSystem
  ) throws(LinearSolveError) {
    guard system.isPreconditioned else { return try system.multiply(v, into: w) }
    try system.precondition(v, into: z)
    try system.multiply(z, into: w)
  }

  /// `w ← M⁻ᵀ Aᵀ u`.
  private func normalProduct(
    _ u: UnsafePointer<Double>, into w: UnsafeMutablePointer<Double>,
    _ z: UnsafeMutablePointer<Double>, _ system: IterativeSystem
  ) throws(LinearSolveError) {
    guard system.isPreconditioned else { return try system.multiplyTransposed(u, into: w) }
    try system.multiplyTransposed(u, into: z)
    try system.precondition(z, into: w, transposed: true)
  }

  /// The rotation that takes `(a, b)` to `(norm, 0)`.
  private func rotation(_ a: Double, _ b: Double) -> (cosine: Double, sine: Double, norm: Double) {
    let norm = (a * a + b * b).squareRoot()
    return norm == 0 ? (1, 0, 0) : (a / norm, b / norm, norm)
  }
}
