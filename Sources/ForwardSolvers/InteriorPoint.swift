import TracedSolves

/// Solves convex quadratic programs
/// ```
/// minimise  ½ yᵀQ y + cᵀy   subject to   A y = b,  G y ≤ h
/// ```
/// of which any block may be absent (without `Q` it is a linear program), by a primal–dual
/// interior-point method.
///
/// ```swift
/// let solution = try InteriorPoint().solve(Q: Q, c: c, G: G, h: h)
/// print(solution.point, solution.inequalityMultipliers)
/// ```
///
/// Each iteration follows the central path `λ ∘ s = μ` towards `μ = 0` by a predictor and a
/// corrector, two solves with one dense symmetric matrix of at most `n + p + m` rows. 5 to 20
/// iterations are usual, whatever the sizes. A last solve with the active constraints as equations
/// (*polishing*) brings the solution to rounding level.
///
/// `Q` must be positive semidefinite; of a `Q` that is not symmetric the symmetric part counts. It
/// may be singular and rows of `A` may depend on each other: proximal terms of relative size 10⁻⁹ on
/// the diagonal keep every system solvable, and vanish from the solution as the steps do. Where
/// solutions are not unique, one of them is returned.
///
/// On traced tensors all linear algebra is recorded, and what is decided by numbers counts as
/// constant: the start, step lengths, the targets `μ`, and the active set. With polishing the
/// derivative is exact wherever the solution has one; without, it converges with the iterates.
///
/// Sources: S. Mehrotra, "On the implementation of a primal–dual interior point method", SIAM J.
/// Optim. 2 (1992), 575–601; L. Vandenberghe, "The CVXOPT linear and quadratic cone program
/// solvers" (2010), section 7 (the start); M. P. Friedlander and D. Orban, "A primal–dual
/// regularized interior-point method for convex quadratic programs", Math. Program. Comput. 4
/// (2012), 71–107.
public struct InteriorPoint: Sendable {
  /// The iteration ends when the residuals and the gap are below this, relative to the size of the
  /// terms in them. Polishing starts from there.
  public var tolerance: Double

  /// The limit for the number of iterations.
  public var maximumIterations: Int

  /// If given, exactly so many iterations are made and what they reach is returned. For experiments
  /// with unrolled iterations; combine with `polishes = false`.
  public var fixedIterations: Int?

  /// Whether the solution is improved by a solve with the active constraints as equations.
  public var polishes: Bool

  /// An interior-point method with the given tolerance.
  public init(tolerance: Double = 1e-10, maximumIterations: Int = 100, polishes: Bool = true) {
    self.tolerance = tolerance
    self.maximumIterations = maximumIterations
    self.polishes = polishes
  }

  /// Solves a quadratic program; see `InteriorPoint`.
  ///
  /// - Parameters:
  ///   - Q: `n × n`, positive semidefinite; `nil` for a linear program.
  ///   - c: length `n`.
  ///   - A: `p × n`, with `b` of length `p`; `nil` without equalities.
  ///   - G: `m × n`, with `h` of length `m`; `nil` without inequalities.
  ///   - observe: called at the start and after every iteration, with plain numbers.
  /// - Throws: `ForwardSolverError`: `.infeasible` and `.unboundedDirection` with a certificate,
  ///   `.notConvex`, `.programNotSolved` at the iteration limit, `.notFinite` and `.sizeMismatch`
  ///   naming the data.
  public func solve(
    Q: Tensor? = nil, c: Tensor, A: Tensor? = nil, b: Tensor? = nil, G: Tensor? = nil,
    h: Tensor? = nil, observing observe: (InteriorPointIterate) throws -> Void = { _ in }
  ) throws -> QuadraticProgramSolution {
    try validate()
    let program = try QuadraticProgramData(checking: Q, c: c, A: A, b: b, G: G, h: h)
    let scaling = QuadraticProgramScaling(program)
    let scaled = scaling.scaled(program)
    try requireConvex(scaled.plain.Q)

    var path = try CentralPath(scaled)
    try observe(path.iterate(scaling))
    while !isOver(path) {
      try path.advance()
      try observe(path.iterate(scaling))
    }
    var point = path.point
    var isPolished = false
    if polishes || program.inequalityCount == 0, let polished = path.polished(tolerance) {
      (point, isPolished) = (polished, true)
    }
    if fixedIterations == nil, scaled.plain.error(at: point) > tolerance {
      try diagnose(scaled.plain, scaling)
      throw path.failure
        ?? .programNotSolved(
          iterations: path.iteration, error: path.error, tolerance: tolerance)
    }
    return solution(
      program, scaling, point, iterations: path.iteration, isPolished: isPolished)
  }

  private func isOver(_ path: CentralPath) -> Bool {
    if let fixedIterations { return path.iteration >= fixedIterations || path.failure != nil }
    return path.error <= tolerance || path.iteration >= maximumIterations || path.isStuck
  }

  private func solution(
    _ program: QuadraticProgramData, _ scaling: QuadraticProgramScaling, _ scaled: PrimalDualPoint,
    iterations: Int, isPolished: Bool
  ) -> QuadraticProgramSolution {
    let y = scaling.point(scaled.y)
    let nu = scaling.equalityMultipliers(scaled.nu)
    let lambda = scaling.inequalityMultipliers(scaled.lambda)
    let s = scaling.slacks(scaled.s)
    let data = program.plain
    let plainPoint = y.withoutDerivative
    let excess = program.inequalityCount == 0 ? [] : (matmul(data.G, plainPoint) - data.h).scalars
    return QuadraticProgramSolution(
      point: y, equalityMultipliers: nu, inequalityMultipliers: lambda, slacks: s,
      value: program.value(at: y), iterations: iterations,
      gap: plainDot(lambda, s),
      stationarityResidual: plainMaximum(
        data.stationarity(plainPoint, nu.withoutDerivative, lambda.withoutDerivative)),
      equalityResidual: program.equalityCount == 0
        ? 0 : plainMaximum(matmul(data.A, plainPoint) - data.b),
      inequalityViolation: excess.reduce(0) { Swift.max($0, $1) }, isPolished: isPolished)
  }

  private func validate() throws(ForwardSolverError) {
    try require(
      tolerance > 0 && tolerance < 1, "tolerance", tolerance, "between 0 and 1")
    try require(maximumIterations >= 0, "maximumIterations", maximumIterations, "at least 0")
    if let fixedIterations {
      try require(fixedIterations >= 0, "fixedIterations", fixedIterations, "at least 0")
    }
  }

  /// Cholesky is the test: `Q` plus a trifle must have a factor.
  private func requireConvex(_ Q: Tensor) throws(ForwardSolverError) {
    let n = Q.shape[0]
    let trifle = 1e-10 * Swift.max(plainMaximum(Q), Double.leastNormalMagnitude)
    do {
      let shifted = Q + Tensor.identity(n).scaled(by: trifle)
      _ = try CholeskySolver().prepare(
        DenseOperator(rowCount: n, columnCount: n, entries: shifted.scalars))
    } catch {
      if case .notPositiveDefinite(let index, _) = error { throw .notConvex(index: index) }
    }
  }
}
