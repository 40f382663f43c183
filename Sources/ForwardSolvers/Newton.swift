import TracedSolves

/// Minimises by Newton's method: steps along `d` with `H d = −∇f`, where `H` is the Hessian.
///
/// Close to a minimum with a positive definite Hessian the full step is taken and the number of
/// right digits doubles at each iteration (with conjugate gradients, whose steps are as accurate as
/// they are worth, it grows by half); farther away the step is halved until it decreases the
/// objective sufficiently. Where the Hessian is not positive definite a dense one is shifted,
/// `H + τ I`, until it is; conjugate gradients end with what they have.
///
/// When traced, the Hessian and the solve are recorded too; shifts count as constants.
///
/// Sources: J. Nocedal and S. J. Wright, *Numerical Optimization*, 2nd ed. (2006), algorithms 3.2
/// and 3.3; R. S. Dembo and T. Steihaug, "Truncated-Newton algorithms for large-scale unconstrained
/// optimization", Math. Program. 26 (1983), 190–212 (conjugate gradients).
public struct Newton: Minimizer {
  /// How `H d = −∇f` is solved.
  public enum LinearSystem: Sendable, Equatable {
    /// `H` is formed, by `n` products with it, and factorised: `n³/3` operations.
    case dense

    /// Conjugate gradients, with one product `H v` for each iteration, at most
    /// `maximumIterations` (`nil`: `2n`) of them. They end when the residual is below
    /// `min(½, √(‖∇f‖/‖∇f₀‖)) ‖∇f‖`, as much as the step is worth, or at negative curvature.
    case conjugateGradients(maximumIterations: Int? = nil)
  }

  /// How `H d = −∇f` is solved.
  public var linearSystem: LinearSystem

  /// When to end.
  public var stopping: Stopping

  /// Newton's method with the given inner solver.
  public init(
    linearSystem: LinearSystem = .dense, stopping: Stopping = Stopping(maximumIterations: 100)
  ) {
    self.linearSystem = linearSystem
    self.stopping = stopping
  }

  /// Finds a minimum; see `Minimizer`.
  public func minimum<Point: TensorStructure>(
    of objective: (Point) throws -> Tensor, from start: Point,
    observing observe: (Iterate<Point>) throws -> Void
  ) throws -> Minimum<Point> {
    if case .conjugateGradients(let limit?) = linearSystem {
      try require(limit >= 1, "maximumIterations", limit, "at least 1")
    }
    let search = LineSearch(curvature: nil)
    var descent = try Descent(objective, from: start, stopping)
    let (packing, initialNorm) = (descent.packing, descent.gradientNorm)
    func gradientMap(_ x: Tensor) throws -> Tensor {
      try gradient(at: x) { x in try objective(packing.unpack(x)) }
    }
    try observe(descent.iterate)
    while try !descent.isOver() {
      let g = descent.current.gradient
      if descent.gradientNorm == 0 {
        descent.stay()
      } else {
        let H = try JacobianProducts(
          at: descent.current.point, isTraced: g.isTraced, of: gradientMap)
        var direction: Tensor
        switch linearSystem {
        case .dense:
          do {
            direction = try Newton.shiftedSolve(H.matrix(of: gradientMap), -g)
          } catch let error as LinearSolveError {
            throw ForwardSolverError.newtonStep(iteration: descent.iteration + 1, error)
          }
        case .conjugateGradients(let limit):
          let forcing = Swift.min(0.5, (descent.gradientNorm / initialNorm).squareRoot())
          direction = try Newton.truncatedSolve(
            -g, relativeTolerance: forcing, maximumIterations: limit ?? 2 * g.count
          ) { try H.product($0, of: gradientMap) }
        }
        if !(plainDot(g, direction) < 0) { direction = -g }
        _ = try descent.advance(objective, along: direction, by: search, first: 1)
      }
      try observe(descent.iterate)
    }
    return descent.minimum
  }

  /// Solves `(H + τ I) d = b` with the first of `τ = 0, β, 4β, …` for which the matrix is positive
  /// definite, `β = ‖H‖ / 1000`.
  private static func shiftedSolve(_ H: Tensor, _ b: Tensor) throws(LinearSolveError) -> Tensor {
    let n = b.count
    let identity = Tensor.identity(n)
    var shift = 0.0
    while true {
      let shifted = shift == 0 ? H : H + identity.scaled(by: shift)
      let entries = shifted.withoutDerivative.scalars
      do {
        _ = try CholeskySolver().prepare(
          try DenseOperator(rowCount: n, columnCount: n, entries: symmetrized(entries, n)))
        return try solve(shifted, b)
      } catch {
        let size = plainNorm(H)
        // Nothing to scale a shift by, or nothing that a shift could cure.
        guard size > 0, size.isFinite, shift <= 10 * size else { throw error }
        shift = shift == 0 ? 1e-3 * size : 4 * shift
      }
    }
  }

  /// A Hessian is symmetric but for rounding; Cholesky insists.
  private static func symmetrized(_ entries: [Double], _ n: Int) -> [Double] {
    entries.indices.map { index in
      0.5 * (entries[index] + entries[(index % n) * n + index / n])
    }
  }

  /// Conjugate gradients for `H d = b` from zero.
  private static func truncatedSolve(
    _ b: Tensor, relativeTolerance: Double, maximumIterations: Int,
    product: (Tensor) throws -> Tensor
  ) throws -> Tensor {
    var d = Tensor.zeros(b.shape)
    var r = b
    var p = r
    var rr = r.squaredNorm()
    let limit = relativeTolerance * plainNorm(b)
    for iteration in 0..<maximumIterations {
      if plainNorm(r) <= limit { break }
      let q = try product(p)
      let curvature = p.dot(q)
      // Negative curvature: what was found so far descends, and so does the gradient.
      if !(curvature > 0) { return iteration == 0 ? b : d }
      let alpha = rr / curvature
      d = d + alpha * p
      r = r - alpha * q
      let next = r.squaredNorm()
      p = r + next / rr * p
      rr = next
    }
    return d
  }
}
