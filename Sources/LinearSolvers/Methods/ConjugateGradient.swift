import Kernels

/// Solves `A x = b` by conjugate gradients, for a symmetric positive definite `A` that is known
/// only through its products with vectors.
///
/// One iteration costs one `matvec` and five vector operations; five vectors of length `n` are
/// kept. With `κ` the condition number of `A`, the error after `k` iterations obeys
/// ```
/// ‖xₖ − x‖_A ≤ 2 ((√κ − 1) / (√κ + 1))ᵏ ‖x₀ − x‖_A
/// ```
/// An operator that is not symmetric, or has negative curvature along a random vector, is refused when
/// it is prepared (two products, and one with the transpose for operators of the user's), any other
/// that is not positive definite when `pᵀA p ≤ 0` is met. If `A` is singular but the system has solutions, one
/// of them is returned. Several right-hand sides are iterated on in lockstep, with one block product
/// for each iteration; a column that is done drops out.
///
/// Source: M. R. Hestenes and E. Stiefel, "Methods of Conjugate Gradients for Solving Linear
/// Systems", J. Res. Natl. Bur. Stand. 49 (1952), 409–436.
public struct ConjugateGradient: LinearSolver, SteppedMethod {
  /// The solve ends once `‖b − A x‖₂ ≤ max(relativeTolerance · ‖b‖₂, absoluteTolerance)`, or once
  /// the residual is as small as rounding allows (``SolveAcceptance``).
  public var relativeTolerance: Double

  /// See `relativeTolerance`; in the units of `b`.
  public var absoluteTolerance: Double

  /// The limit for the number of iterations; `nil` means `max(5000, 20 n)`.
  public var maximumIterations: Int?

  /// `M⁻¹`, symmetric positive definite, an approximate inverse of `A`.
  public var preconditioner: (any LinearOperator)?

  /// Whether the system with a seeded random right-hand side is solved first, when `A` is prepared, to
  /// see that `A` is regular; if that fails, ``LinearSolveError/singularityProbeFailed(reason:)`` is
  /// thrown. Without it a singular `A` with a right-hand side in its range has many solutions, and one
  /// of them is returned. Costs one more solve for each operator.
  public var singularityProbe: Bool

  /// Conjugate gradients with the given tolerances.
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

  var name: String { "CG" }
  var needsSymmetry: Bool { true }
  var needsDefiniteness: Bool { true }
  var keepsResidual: Bool { true }
  func vectorCount(count n: Int) -> Int { 8 }

  func begin(_ system: IterativeSystem) throws(LinearSolveError) -> Recurrence {
    try Recurrence(system)
  }

  /// The state of one cycle between two products with `A`.
  struct Recurrence: CycleRecurrence {
    let system: IterativeSystem
    private let r: UnsafeMutablePointer<Double>
    private let p: UnsafeMutablePointer<Double>
    private let q: UnsafeMutablePointer<Double>
    private let z: UnsafeMutablePointer<Double>
    private let squaredTarget: Double
    private var rz = 0.0
    private var pMp = 0.0
    /// The Lanczos matrix of the cycle.
    private var lanczos = LanczosFactors()

    init(_ system: IterativeSystem) throws(LinearSolveError) {
      self.system = system
      r = system.residual
      p = system.workVector(0, of: 3)
      q = system.workVector(1, of: 3)
      z = system.isPreconditioned ? system.workVector(2, of: 3) : r
      squaredTarget = system.cycleTarget * system.cycleTarget
      let n = system.columnCount
      if system.isPreconditioned { try system.precondition(r, into: z) }
      p.update(from: z, count: n)
      rz = try positive(Vector.dot(r, z, count: n))
      // p = z + β p₋ with r ⊥ p₋ makes pᵀM p = rᵀz + β² p₋ᵀM p₋, without a product.
      pMp = rz
    }

    func nextProduct() -> CycleProduct { CycleProduct(direction: p, product: q) }

    mutating func advance() throws(LinearSolveError) -> CycleOutcome? {
      let n = system.columnCount
      let pAp = Vector.dot(p, q, count: n)
      guard pAp.isFinite else { try system.rejectNonFinite("pᵀA p", from: q, count: n) }
      let curvature = pAp / pMp
      system.note(iterationNorm: abs(curvature))
      let rounding = Double(n) * Double.ulpOfOne * system.iterationNorm
      if curvature <= rounding {
        let indefinite = LinearSolveError.notPositiveDefinite(
          index: system.iterations, curvature: curvature)
        // Zero up to rounding: A is singular, but x may already solve the system.
        if curvature < -rounding { throw indefinite }
        system.note(singularValue: max(curvature, 0))
        return .stopped(indefinite)
      }

      let alpha = rz / pAp
      Vector.addScaled(alpha, p, to: system.x, count: n)
      let rr = Vector.addScaledReturningSquaredNorm(-alpha, q, to: r, count: n)
      if !system.isPreconditioned { lanczos.append(alpha: alpha, beta: rr / rz) }
      if rr <= squaredTarget {
        system.note(singularValue: lanczos.largestDiagonal)
        system.note(singularValue: lanczos.smallestEigenvalue)
        return .claimsConvergence
      }
      let next: Double
      if system.isPreconditioned {
        try system.precondition(r, into: z)
        next = try positive(Vector.dot(r, z, count: n))
      } else {
        next = rr
      }
      let beta = next / rz
      Vector.scaleAndAdd(beta, p, adding: z, count: n)
      pMp = next + beta * beta * pMp
      rz = next
      return nil
    }

    /// `rᵀM⁻¹r`, which a positive definite preconditioner makes positive.
    private func positive(_ rz: Double) throws(LinearSolveError) -> Double {
      guard rz.isFinite else {
        try system.rejectNonFinite("rᵀM⁻¹r", from: z, count: system.columnCount)
      }
      guard rz > 0 else {
        throw .breakdown(
          quantity: "rᵀM⁻¹r = \(rz.shortened), so the preconditioner is not positive definite,",
          iteration: system.iterations)
      }
      return rz
    }
  }
}
