import Kernels

/// Solves `A x = b` for a symmetric `A`, definite or not, by minimising `‖b − A x‖` over Krylov
/// spaces with a three-term recurrence.
///
/// One iteration costs one `matvec` and eight vector operations; ten vectors of length `n` are kept.
/// The residual never grows. If `A` is singular and `b` outside its range, the residual converges to
/// something orthogonal to the range, and the solve throws
/// ``LinearSolveError/inconsistent(residualNorm:normalResidual:)``. An operator that is not
/// symmetric is refused when it is prepared (two products). Several right-hand sides are iterated on in
/// lockstep.
///
/// Source: C. C. Paige and M. A. Saunders, "Solution of Sparse Indefinite Systems of Linear
/// Equations", SIAM J. Numer. Anal. 12 (1975), 617–629.
public struct MINRES: LinearSolver, SteppedMethod {
  /// The solve ends once `‖b − A x‖₂ ≤ max(relativeTolerance · ‖b‖₂, absoluteTolerance)`, or once
  /// the residual is as small as rounding allows (``SolveAcceptance``).
  public var relativeTolerance: Double

  /// See `relativeTolerance`; in the units of `b`.
  public var absoluteTolerance: Double

  /// The limit for the number of iterations; `nil` means `max(5000, 20 n)`.
  public var maximumIterations: Int?

  /// `M⁻¹`, symmetric positive definite, an approximate inverse of `|A|`.
  public var preconditioner: (any LinearOperator)?

  /// Whether the system with a seeded random right-hand side is solved first, when `A` is prepared, to
  /// see that `A` is regular; if that fails, ``LinearSolveError/singularityProbeFailed(reason:)`` is
  /// thrown. Without it a singular `A` with a right-hand side in its range has many solutions, and one
  /// of them is returned. Costs one more solve for each operator.
  public var singularityProbe: Bool

  /// MINRES with the given tolerances.
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

  /// Checks shape and symmetry.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver { try prepared(for: A) }

  var name: String { "MINRES" }
  var needsSymmetry: Bool { true }
  var keepsResidual: Bool { preconditioner == nil }
  func vectorCount(count n: Int) -> Int { Recurrence.vectorCount + 5 }

  func begin(_ system: IterativeSystem) throws(LinearSolveError) -> Recurrence {
    try Recurrence(system)
  }

  /// Lanczos vectors `vₖ` with `A vₖ = βₖ vₖ₋₁ + αₖ vₖ + βₖ₊₁ vₖ₊₁`; the tridiagonal matrix is
  /// reduced by one Givens rotation per column, and `x` moves along `wₖ`, the columns of `V R⁻¹`.
  struct Recurrence: CycleRecurrence {
    let system: IterativeSystem
    private let v: UnsafeMutablePointer<Double>
    /// `M⁻¹ uₖ`, if there is a preconditioner.
    private let z: UnsafeMutablePointer<Double>
    /// `uₖ = βₖ M vₖ`: the unnormalised Lanczos vectors.
    private var uPrevious, u, uNext: UnsafeMutablePointer<Double>
    /// The directions.
    private var wBefore, wPrevious, w: UnsafeMutablePointer<Double>

    private let target: Double
    private var beta: Double
    private var betaPrevious = 1.0
    private var (cosine, sine) = (-1.0, 0.0)
    private var (deltaBar, epsilon, phiBar) = (0.0, 0.0, 0.0)
    /// `R` in `T = Q R`; `‖T y‖ = ‖A V y‖` puts its singular values between those of `A`.
    private var triangle = NarrowTriangle()

    static let vectorCount = 8

    init(_ system: IterativeSystem) throws(LinearSolveError) {
      self.system = system
      func vector(_ k: Int) -> UnsafeMutablePointer<Double> {
        system.workVector(k, of: Self.vectorCount)
      }
      v = vector(0)
      z = vector(1)
      (uPrevious, u, uNext) = (vector(2), vector(3), vector(4))
      (wBefore, wPrevious, w) = (vector(5), vector(6), vector(7))
      let n = system.columnCount
      u.update(from: system.residual, count: n)
      uPrevious.update(repeating: 0, count: n)
      wPrevious.update(repeating: 0, count: n)
      w.update(repeating: 0, count: n)
      beta = try Self.lanczosNorm(u, z, system)
      target = beta * system.cycleTarget / system.residualNorm
      phiBar = beta
    }

    mutating func nextProduct() -> CycleProduct {
      let n = system.columnCount
      v.update(from: system.isPreconditioned ? z : u, count: n)
      Vector.scale(1 / beta, v, count: n)
      return CycleProduct(direction: v, product: uNext)
    }

    mutating func advance() throws(LinearSolveError) -> CycleOutcome? {
      let n = system.columnCount
      Vector.addScaled(-beta / betaPrevious, uPrevious, to: uNext, count: n)
      let alpha = Vector.dot(v, uNext, count: n)
      guard alpha.isFinite else { try system.rejectNonFinite("vᵀA v", from: uNext, count: n) }
      Vector.addScaled(-alpha / beta, u, to: uNext, count: n)
      (uPrevious, u, uNext) = (u, uNext, uPrevious)
      betaPrevious = beta
      beta = try Self.lanczosNorm(u, z, system)

      // The rotation of the previous column, applied to this one; then its own.
      let epsilonPrevious = epsilon
      let delta = cosine * deltaBar + sine * alpha
      let gammaBar = sine * deltaBar - cosine * alpha
      epsilon = sine * beta
      deltaBar = -cosine * beta

      // ‖A r‖ = ‖r‖ · ‖(γ̄, δ̄)‖ for the residual before this step.
      system.note(iterationNorm: (alpha * alpha + beta * beta).squareRoot())
      let normalResidual = (gammaBar * gammaBar + deltaBar * deltaBar).squareRoot()
      let ratio = normalResidual == 0 ? 0 : normalResidual / system.iterationNorm
      if ratio <= SolveAcceptance.orthogonalityLevel { return ended(.leastSquares(ratio)) }
      // Below √ε the recurrence cannot tell ‖A r‖ from rounding, because ‖r‖² hides it.
      if system.mayBeSingular && ratio <= Double.ulpOfOne.squareRoot() {
        return ended(.suspectsLeastSquares)
      }

      let gamma = (gammaBar * gammaBar + beta * beta).squareRoot()
      if !system.isPreconditioned { triangle.append(gamma, delta, epsilonPrevious) }
      cosine = gammaBar / gamma
      sine = beta / gamma
      let phi = cosine * phiBar
      phiBar = sine * phiBar

      (wBefore, wPrevious, w) = (wPrevious, w, wBefore)
      w.update(from: v, count: n)
      Vector.addScaled(-epsilonPrevious, wBefore, to: w, count: n)
      Vector.addScaled(-delta, wPrevious, to: w, count: n)
      Vector.scale(1 / gamma, w, count: n)
      Vector.addScaled(phi, w, to: system.x, count: n)
      if system.trustsRecurrence { keepResidual() }
      if phiBar <= target { return ended(.claimsConvergence) }
      // beta = 0 makes sine and phiBar zero, so it never gets here.
      return system.isAtLimit ? ended(.limit) : nil
    }

    /// `rₖ = s² rₖ₋₁ − c φ̄ vₖ₊₁`, without a preconditioner: `rₖ = φ̄ qₖ`, and the rotation makes
    /// `qₖ = s qₖ₋₁ − c vₖ₊₁`. Two vector operations.
    private func keepResidual() {
      let n = system.columnCount
      Vector.scale(sine * sine, system.residual, count: n)
      if beta > 0 {
        Vector.addScaled(-cosine * phiBar / beta, u, to: system.residual, count: n)
      }
    }

    /// The end of the cycle, with what it shows of the singular values.
    private func ended(_ outcome: CycleOutcome) -> CycleOutcome {
      system.note(singularValue: triangle.leastSingularValue)
      // The rounding of x grows with the square of the condition number (G. L. G. Sleijpen, H. A. van der
      // Vorst and J. Modersitzki, SIAM J. Matrix Anal. Appl. 22 (2000), 726–751), that of the recurrence does not.
      if (system.conditionEstimate ?? .infinity) > Self.trustedCondition {
        system.trustsRecurrence = false
      }
      return outcome
    }

    private static var trustedCondition: Double { 1e3 }

    /// `√(uᵀM⁻¹u)`, leaving `M⁻¹u` in `z` if there is a preconditioner.
    private static func lanczosNorm(
      _ u: UnsafePointer<Double>, _ z: UnsafeMutablePointer<Double>, _ system: IterativeSystem
    ) throws(LinearSolveError) -> Double {
      let n = system.columnCount
      guard system.isPreconditioned else { return Vector.norm(u, count: n) }
      try system.precondition(u, into: z)
      let squared = Vector.dot(u, z, count: n)
      guard squared.isFinite else { try system.rejectNonFinite("uᵀM⁻¹u", from: z, count: n) }
      guard squared >= 0 else {
        throw .breakdown(
          quantity:
            "uᵀM⁻¹u = \(squared.shortened), so the preconditioner is not positive definite,",
          iteration: system.iterations)
      }
      return squared.squareRoot()
    }
  }
}
