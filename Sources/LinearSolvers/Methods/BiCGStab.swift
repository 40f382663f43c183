import Kernels

/// Solves `A x = b` for a square `A` by the stabilised biconjugate gradient method.
///
/// One iteration costs two `matvec`s and ten vector operations; nine vectors of length `n` are kept,
/// however long it takes: cheaper than GMRES where that needs a long basis, but the residual jumps
/// and the method can break down (on a skew-symmetric `A` it does at once). The preconditioner is
/// applied on the right.
///
/// Source: H. A. van der Vorst, "Bi-CGSTAB: A Fast and Smoothly Converging Variant of Bi-CG for the
/// Solution of Nonsymmetric Linear Systems", SIAM J. Sci. Stat. Comput. 13 (1992), 631–644.
public struct BiCGStab: LinearSolver, IterativeMethod {
  /// The solve ends once `‖b − A x‖₂ ≤ max(relativeTolerance · ‖b‖₂, absoluteTolerance)`, or once
  /// the residual is as small as rounding allows (``SolveAcceptance``).
  public var relativeTolerance: Double

  /// See `relativeTolerance`; in the units of `b`.
  public var absoluteTolerance: Double

  /// The limit for the number of iterations; `nil` means `max(5000, 20 n)`.
  public var maximumIterations: Int?

  /// `M⁻¹`, an approximate inverse of `A`.
  public var preconditioner: (any LinearOperator)?

  /// Whether the system with a seeded random right-hand side is solved first, when `A` is prepared, to
  /// see that `A` is regular; if that fails, ``LinearSolveError/singularityProbeFailed(reason:)`` is
  /// thrown. Without it a singular `A` with a right-hand side in its range has many solutions, and one
  /// of them is returned. Costs one more solve for each operator.
  public var singularityProbe: Bool

  /// BiCGStab with the given tolerances.
  public init(
    relativeTolerance: Double = 1e-12, absoluteTolerance: Double = 0,
    maximumIterations: Int? = nil, preconditioner: (any LinearOperator)? = nil,
    singularityProbe: Bool = false
  ) {
    self.relativeTolerance = relativeTolerance
    self.absoluteTolerance = absoluteTolerance
    self.maximumIterations = maximumIterations
    self.preconditioner = preconditioner
    self.singularityProbe = singularityProbe
  }

  /// Checks the shape.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver { try prepared(for: A) }

  var name: String { "BiCGStab" }

  func cycle(_ system: IterativeSystem) throws(LinearSolveError) -> CycleOutcome {
    let n = system.columnCount
    func vector(_ k: Int) -> UnsafeMutablePointer<Double> { system.workVector(k, of: 6) }
    let x = system.x
    let r = system.residual
    let (shadow, p, v, t) = (vector(0), vector(1), vector(2), vector(3))
    let isPreconditioned = system.isPreconditioned
    let pHat = isPreconditioned ? vector(4) : p
    let rHat = isPreconditioned ? vector(5) : r
    let target = system.cycleTarget
    let shadowNorm = system.residualNorm
    // A cosine below this is zero up to rounding.
    let negligible = Double.ulpOfOne * Double(n).squareRoot()

    shadow.update(from: r, count: n)
    p.update(from: r, count: n)
    var rho = shadowNorm * shadowNorm
    var residualNorm = shadowNorm

    while true {
      if system.isAtLimit { return .limit }
      if isPreconditioned { try system.precondition(p, into: pHat) }
      try system.multiply(pHat, into: v)
      system.iterations += 1
      let shadowV = Vector.dot(shadow, v, count: n)
      guard shadowV.isFinite else { try system.rejectNonFinite("r̂ᵀA p", from: v, count: n) }
      let vNorm = Vector.norm(v, count: n)
      if abs(shadowV) <= negligible * shadowNorm * vNorm { return broken("r̂ᵀA p", system) }
      system.note(iterationNorm: vNorm / Vector.norm(p, count: n))

      let alpha = rho / shadowV
      Vector.addScaled(alpha, pHat, to: x, count: n)
      // From here to the end of the step r is van der Vorst's s.
      residualNorm = Vector.addScaledReturningSquaredNorm(-alpha, v, to: r, count: n).squareRoot()
      if residualNorm <= target { return .claimsConvergence }

      if isPreconditioned { try system.precondition(r, into: rHat) }
      try system.multiply(rHat, into: t)
      let tr = Vector.dot(t, r, count: n)
      let tt = Vector.dot(t, t, count: n)
      guard tr.isFinite && tt.isFinite else {
        try system.rejectNonFinite("tᵀt", from: t, count: n)
      }
      if abs(tr) <= negligible * residualNorm * tt.squareRoot() { return broken("ω", system) }
      let omega = tr / tt
      Vector.addScaled(omega, rHat, to: x, count: n)
      residualNorm = Vector.addScaledReturningSquaredNorm(-omega, t, to: r, count: n).squareRoot()
      if residualNorm <= target { return .claimsConvergence }

      let next = Vector.dot(shadow, r, count: n)
      if abs(next) <= negligible * shadowNorm * residualNorm { return broken("r̂ᵀr", system) }
      let beta = (next / rho) * (alpha / omega)
      // p ← r + β (p − ω v)
      Vector.addScaled(-omega, v, to: p, count: n)
      Vector.scaleAndAdd(beta, p, adding: r, count: n)
      rho = next
    }
  }

  private func broken(_ quantity: String, _ system: IterativeSystem) -> CycleOutcome {
    .stopped(.breakdown(quantity: quantity, iteration: system.iterations))
  }
}
