import Kernels

/// Solves `(A + μI) x = b` with any method, for a nearly singular `A` that is regularised knowingly, and
/// says by how much its answer differs from `A⁻¹b`.
///
/// With `x_μ` the solution, `A x_μ = b − μ x_μ`, so that the *bias* is
/// ```
/// x_μ − A⁻¹b = −μ A⁻¹ x_μ = −Σₖ tₖ,   tₖ = μ (A + μI)⁻¹ tₖ₋₁,   t₀ = x_μ,   k = 1, 2, …
/// ```
/// Each term takes one more solve with the operator at hand. The terms are those by which iterative
/// refinement with the true residual, `x ← x + (A + μI)⁻¹(b − A x)`, improves the answer, and so:
///
/// - The length of the bias is estimated from the first terms by extrapolation and returned as
///   `LinearSolution.bias` (absolute, 2-norm). Where `biasTerms` of them do not tell, it is infinity: the
///   bias is *unknown*. For a singular `A` it has no meaning along the null vector.
/// - `refinements` removes the bias in so many steps: for a symmetric positive definite `A` the part along
///   an eigenvalue `λ` falls by `μ / (λ + μ)` in each. The bias that is left is estimated again.
///   Refinement ends early at `relativeTolerance`, or where it no longer helps (an eigenvalue between
///   `−2μ` and zero, say), as the description of the method then says.
///
/// The residual of the answer is that of the system *without* the shift, `‖b − A x‖`, however large: it
/// equals `μ‖x_μ‖` without refinement, and is not a reason to refuse what has been asked for.
///
/// Costs what `base` costs for `A + μI`, and for each right-hand side one solve for each refinement and up
/// to `biasTerms` for the estimate (as a rule far fewer; with a direct method each is a substitution).
///
/// Sources: J. D. Riley, "Solving Systems of Linear Equations with a Positive Definite, Symmetric, but
/// Possibly Ill-Conditioned Matrix", Math. Tables Aids Comput. 9 (1955), 96–101; G. H. Golub, "Numerical
/// Methods for Solving Linear Least Squares Problems", Numer. Math. 7 (1965), 206–216.
public struct Ridge: LinearSolver {
  /// `μ`, in the units of `A`.
  public var shift: Double

  /// The method for `A + μI`.
  public var base: any LinearSolver

  /// The steps of iterative refinement with `A`.
  public var refinements: Int

  /// Refinement ends once `‖b − A x‖₂ ≤ relativeTolerance · ‖b‖₂`.
  public var relativeTolerance: Double

  /// The most solves that the estimate of the bias may take for each right-hand side; with zero the
  /// bias is unknown.
  public var biasTerms: Int

  /// Solves with `A + shift · I` by `base`. A shift that is not finite is a mistake in the program.
  public init(
    _ shift: Double, using base: any LinearSolver = Automatic(), refinements: Int = 0,
    relativeTolerance: Double = 1e-12, biasTerms: Int = 60
  ) {
    if !shift.isFinite { stop("Ridge needs a finite shift, not \(shift)") }
    if refinements < 0 || biasTerms < 0 {
      stop("Ridge needs numbers of steps of at least 0, not \(min(refinements, biasTerms))")
    }
    self.shift = shift
    self.base = base
    self.refinements = refinements
    self.relativeTolerance = relativeTolerance
    self.biasTerms = biasTerms
  }

  /// Prepares `base` for the shifted operator.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    PreparedRidge(ridge: self, A: A, shifted: try base.prepare(try A.shifted(by: shift)))
  }
}

/// A shifted operator, ready to solve.
private struct PreparedRidge: PreparedLinearSolver {
  let ridge: Ridge
  let A: any LinearOperator
  let shifted: any PreparedLinearSolver

  var methodDescription: String {
    "\(shifted.methodDescription) of A + μI, μ = \(ridge.shift.shortened)"
  }

  func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    let first = try shifted.solve(b, transposed: transposed, initialGuess: initialGuess)
    return try completed(first, b, transposed: transposed)
  }

  func solveEach(
    _ columns: [[Double]], transposed: Bool
  ) -> [Result<LinearSolution, LinearSolveError>] {
    zip(shifted.solveEach(columns, transposed: transposed), columns).map { first, b in
      outcome { () throws(LinearSolveError) in
        try completed(try first.get(), b, transposed: transposed)
      }
    }
  }

  /// Refines the solution of the shifted system, and states residual and bias.
  private func completed(
    _ first: LinearSolution, _ b: [Double], transposed: Bool
  ) throws(LinearSolveError) -> LinearSolution {
    // Normalised, so that residuals of very small or large right-hand sides keep their digits.
    let exponent = PowerOfTwo.exponent(of: ProbeVector.maximumMagnitude(b))
    let rhs = PowerOfTwo.scaled(b, by: -exponent)
    var iterations = first.iterations
    var products = first.operatorProducts
    /// `(A + μI)⁻¹ v`.
    func correction(_ v: [Double]) throws(LinearSolveError) -> [Double] {
      let solution = try shifted.solve(v, transposed: transposed)
      iterations += solution.iterations
      products += solution.operatorProducts
      return solution.vector
    }
    func checked(_ x: [Double]) throws(LinearSolveError) -> LinearSolution {
      try LinearSolution(
        checking: x, of: A, rhs, transposed: transposed, iterations: iterations,
        operatorProducts: products, method: methodDescription)
    }
    func residual(_ x: [Double]) throws(LinearSolveError) -> [Double] {
      products += 1
      let product = try transposed ? A.transposeApplied(to: x) : A.applied(to: x)
      return zip(rhs, product).map { $0 - $1 }
    }

    var x = PowerOfTwo.scaled(first.vector, by: -exponent)
    var r = try residual(x)
    var steps = 0
    var helps = true
    let target = ridge.relativeTolerance * ProbeVector.norm(rhs)
    while steps < ridge.refinements && ProbeVector.norm(r) > target {
      // A correction that fails helps no more than one that makes the residual larger.
      guard let step = try? correction(r) else {
        helps = false
        break
      }
      let next = zip(x, step).map { $0 + $1 }
      let nextResidual = try residual(next)
      // `!(<)`, so that NaN ends it too.
      if !(ProbeVector.norm(nextResidual) < ProbeVector.norm(r)) {
        helps = false
        break
      }
      (x, r) = (next, nextResidual)
      steps += 1
    }
    // What is missing, A⁻¹r, is the sum of Kʲ (A + μI)⁻¹ r with K = μ (A + μI)⁻¹. A term that fails
    // leaves it unknown; the answer stands.
    var bias: Double? = ridge.shift == 0 ? 0 : nil
    if bias == nil && ridge.biasTerms > 0, let g = try? correction(r) {
      bias = try? SeriesExtrapolation.limitNorm(of: g, terms: ridge.biasTerms - 1) {
        v throws(LinearSolveError) in
        try correction(v).map { ridge.shift * $0 }
      }
    }

    var solution = try checked(x)
    solution.bias = bias ?? .infinity
    let part = solution.relativeBias.flatMap { $0.isFinite ? $0.shortened : nil }
    solution.method += ", bias \(part.map { "about \($0) of the solution" } ?? "unknown")"
    if steps > 0 { solution.method += " after \(steps.counted("refinement"))" }
    if !helps { solution.method += " (refinement no longer helps)" }
    solution.bias = PowerOfTwo.scaled(bias ?? .infinity, by: exponent)
    solution.vector = PowerOfTwo.scaled(x, by: exponent)
    solution.residualNorm = PowerOfTwo.scaled(solution.residualNorm, by: exponent)
    return solution
  }
}
