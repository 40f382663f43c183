import Kernels

/// A factorised square matrix, after scaling: `Â = R A C`.
protocol Factorization: Sendable {
  /// The number of rows.
  var count: Int { get }

  /// What it is, in words: `"dense LU 12×12"`.
  var description: String { get }

  /// `R` and `C`.
  var scaling: Equilibration { get }

  /// `‖Â‖∞` and `‖Âᵀ‖∞`.
  var norms: (rows: Double, columns: Double) { get }

  /// `b ← Â⁻¹b`, or `Â⁻ᵀb`.
  func solve(_ b: UnsafeMutablePointer<Double>, transposed: Bool)
}

extension Factorization {
  /// Throws `singular` if `Â` is singular to working precision: if its reciprocal condition number
  /// (1-norm, estimated) is at most `limit`.
  ///
  /// Elimination on an exactly singular matrix finds, because of rounding, the factors of one at a
  /// relative distance of about `width · ε`; so nothing above that limit was singular.
  func requireRegular(
    limit: Double, pivots: some Collection<Double>
  ) throws(LinearSolveError) {
    let rounds = count <= 1000 ? 5 : 1  // for long bands the estimate should not outweigh the rest
    let inverse = ConditionEstimate.inverseNorm(count: count, rounds: rounds) { b, transposed in
      solve(b, transposed: transposed)
    }
    let condition = norms.columns * inverse
    if count > 1 && !(1 > limit * condition) || !inverse.isFinite {
      let smallest = pivots.enumerated().min { abs($0.element) < abs($1.element) }
      throw .singular(pivotIndex: smallest?.offset ?? 0, estimatedCondition: condition)
    }
  }
}

/// A factorisation with its operator: normalises, solves, refines, checks.
struct PreparedDirectSolver<Factors: Factorization>: PreparedLinearSolver {
  let base: any LinearOperator
  let factors: Factors
  let acceptance: SolveAcceptance
  let methodDescription: String

  /// `reason` says why the method was chosen, if it was not asked for.
  init(
    base: any LinearOperator, factors: Factors, acceptance: SolveAcceptance, reason: String? = nil
  ) {
    self.base = base
    self.factors = factors
    self.acceptance = acceptance
    methodDescription = factors.description + (reason.map { " (\($0))" } ?? "")
  }

  /// One step of refinement with the *operator's* own product makes the error small entry by entry
  /// (R. D. Skeel, Math. Comp. 35 (1980), 817–832), and shows when factors and operator disagree.
  /// More steps are made only if that one was not enough.
  private static var maximumRefinements: Int { 3 }

  func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    let n = factors.count
    try requireRightHandSide(b, count: n)
    if let initialGuess { try requireInitialGuess(initialGuess, count: n) }
    let size = ProbeVector.maximumMagnitude(b)
    if size == 0 { return .zero(count: n, method: methodDescription) }

    let exponent = PowerOfTwo.exponent(of: size)
    let arena = VectorArena(vectors: 5, length: n)
    let (rhs, x, residual) = (arena[0], arena[1], arena[2])
    let (candidate, candidateResidual) = (arena[3], arena[4])
    rhs.update(from: b, count: n)
    PowerOfTwo.scale(rhs, count: n, by: -exponent)
    let rhsNorm = factors.scaling.rightHandSideNorm(rhs, transposed: transposed)

    x.update(from: rhs, count: n)
    solveScaled(x, transposed: transposed)
    var error = try backwardError(x, rhs, rhsNorm, into: residual, transposed: transposed)
    var products = 1
    var refinements = 0
    while error > 0 && refinements < Self.maximumRefinements {
      if refinements > 0 && error <= acceptance.backwardErrorLimit { break }
      candidate.update(from: residual, count: n)
      solveScaled(candidate, transposed: transposed)
      Vector.addScaled(1, x, to: candidate, count: n)
      let next = try backwardError(
        candidate, rhs, rhsNorm, into: candidateResidual, transposed: transposed)
      products += 1
      refinements += 1
      // At rounding level the step is as likely to lose as to gain, and the better one is kept.
      if !(next <= error) { break }
      x.update(from: candidate, count: n)
      residual.update(from: candidateResidual, count: n)
      error = next
    }
    if !(error <= acceptance.backwardErrorLimit) {
      throw .inaccurate(backwardError: error, limit: acceptance.backwardErrorLimit)
    }

    let residualNorm = Vector.norm(residual, count: n)
    let relativeResidual = residualNorm / Vector.norm(rhs, count: n)
    PowerOfTwo.scale(x, count: n, by: exponent)
    try requireFinite(x, count: n, "the solution (it overflows)")
    return LinearSolution(
      vector: [Double](UnsafeBufferPointer(start: x, count: n)), iterations: refinements,
      operatorProducts: products, residualNorm: PowerOfTwo.scaled(residualNorm, by: exponent),
      relativeResidual: relativeResidual, backwardError: error, method: methodDescription)
  }

  /// `b ← A⁻¹b = C Â⁻¹ R b`, or `A⁻ᵀb = R Â⁻ᵀ C b`.
  private func solveScaled(_ b: UnsafeMutablePointer<Double>, transposed: Bool) {
    factors.scaling.scaleRightHandSide(b, transposed: transposed)
    factors.solve(b, transposed: transposed)
    factors.scaling.scaleSolution(b, transposed: transposed)
  }

  /// The backward error of `x` in the scaled system; `residual ← b − A x`.
  private func backwardError(
    _ x: UnsafePointer<Double>, _ rhs: UnsafePointer<Double>, _ rhsNorm: Double,
    into residual: UnsafeMutablePointer<Double>, transposed: Bool
  ) throws(LinearSolveError) -> Double {
    let n = factors.count
    try requireFinite(x, count: n, "the solution")
    try base.multiply(x, into: residual, transposed: transposed)
    try requireFinite(residual, count: n, "a product with the operator")
    Vector.scale(-1, residual, count: n)
    Vector.addScaled(1, rhs, to: residual, count: n)
    return SolveAcceptance.Evidence(
      residualNorm: factors.scaling.rightHandSideNorm(residual, transposed: transposed),
      operatorNorm: transposed ? factors.norms.columns : factors.norms.rows,
      solutionNorm: factors.scaling.solutionNorm(x, transposed: transposed),
      rightHandSideNorm: rhsNorm
    ).backwardError
  }
}
