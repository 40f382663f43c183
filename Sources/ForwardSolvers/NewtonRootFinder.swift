import ImplicitDifferentiation

/// Solves `F(x) = 0`, as many equations as unknowns, by Newton's method: `x ← x + d` with
/// `J d = −F(x)` and `J` the Jacobian.
///
/// Close to a root with an invertible Jacobian the number of right digits doubles at each
/// iteration; farther away the step is halved until it decreases `‖F‖₂`. (That can end at a minimum
/// of `‖F‖₂` which is no root; the Jacobian is singular there.)
///
/// One iteration costs one recording of `F` and one linear solve, which uses the structure of the
/// Jacobian (diagonal, banded). On traced tensors the Jacobian is dense, and the solve is recorded.
///
/// Source: C. T. Kelley, *Iterative Methods for Linear and Nonlinear Equations* (1995), chapters 5
/// and 8.
public struct NewtonRootFinder: Sendable {
  /// The method for `J d = −F`, on plain tensors.
  public var linearSolver: any LinearSolver

  /// When to end, by the norm of the residual.
  public var stopping: Stopping

  /// Newton's method with the given inner solver.
  public init(
    linearSolver: any LinearSolver = Automatic(),
    stopping: Stopping = Stopping(maximumIterations: 100)
  ) {
    self.linearSolver = linearSolver
    self.stopping = stopping
  }

  /// Finds a root; see `root(of:from:observing:)`.
  public func root<Point: TensorStructure, Residual: TensorStructure>(
    of F: (Point) throws -> Residual, from start: Point
  ) throws -> Root<Point> {
    try root(of: F, from: start, observing: { _ in })
  }

  /// Finds a root.
  ///
  /// - Parameters:
  ///   - F: the residual, of as many numbers as there are unknowns; what it throws is passed on.
  ///   - start: where the iteration starts.
  ///   - observe: called at the start and after every iteration, with plain numbers.
  /// - Throws: `ForwardSolverError` when there is nothing to return that met the tolerance.
  public func root<Point: TensorStructure, Residual: TensorStructure>(
    of F: (Point) throws -> Residual, from start: Point,
    observing observe: (Iterate<Point>) throws -> Void
  ) throws -> Root<Point> {
    try stopping.validate()
    let packing = Packing(start)
    func residual(_ x: Tensor) throws -> Tensor { vector(of: try F(packing.unpack(x)).variables) }

    var x = packing.pack(start)
    guard x.isFinite else {
      throw ForwardSolverError.notFinite(iteration: 0, quantity: "the start")
    }
    var r = try residual(x)
    guard r.count == x.count else {
      throw ForwardSolverError.sizeMismatch(
        what: "the residual (one equation for each unknown)", expected: x.count, found: r.count)
    }
    guard r.isFinite else {
      throw ForwardSolverError.notFinite(iteration: 0, quantity: "the residual")
    }
    var norm = plainNorm(r)
    let target = stopping.target(initialNorm: norm)
    var (iteration, evaluations, step) = (0, 1, 0.0)
    func iterate() -> Iterate<Point> {
      Iterate(
        iteration: iteration, point: packing.unpack(x).withoutDerivative,
        value: 0.5 * norm * norm, gradientNorm: norm, stepLength: step)
    }
    try observe(iterate())
    while try !stopping.isOver(iteration: iteration, norm: norm, target: target) {
      iteration += 1
      if norm > 0 {
        let direction = try newtonStep(residual, at: x, residual: r, iteration: iteration)
        if let next = try search(residual, from: x, along: direction, norm, &evaluations) {
          (x, r, step) = (next.point, next.residual, next.step)
          norm = plainNorm(r)
        } else if stopping.fixedIterations == nil {
          throw ForwardSolverError.lineSearchFailed(
            iteration: iteration, slope: -norm, shortestStep: NewtonRootFinder.shortestStep,
            gradientNorm: norm, tolerance: target)
        } else {
          step = 0
        }
      }
      try observe(iterate())
    }
    return Root(
      point: packing.unpack(x), residualNorm: norm, iterations: iteration,
      evaluations: evaluations)
  }

  private func newtonStep(
    _ residual: (Tensor) throws -> Tensor, at x: Tensor, residual r: Tensor, iteration: Int
  ) throws -> Tensor {
    let J = try JacobianProducts(at: x, isTraced: r.isTraced, of: residual)
    do {
      guard let jacobian = J.recorded?.jacobian else {
        return try solve(J.matrix(of: residual), -r)
      }
      return Tensor(try linearSolver.solve(jacobian, (-r).scalars).vector)
    } catch let error as LinearSolveError {
      throw ForwardSolverError.newtonStep(iteration: iteration, error)
    }
  }

  private static let shortestStep = 0x1p-40

  /// The first of the steps 1, ½, ¼, … that decreases the norm; `nil` if none does.
  private func search(
    _ residual: (Tensor) throws -> Tensor, from x: Tensor, along direction: Tensor,
    _ norm: Double, _ evaluations: inout Int
  ) throws -> (point: Tensor, residual: Tensor, step: Double)? {
    var step = 1.0
    while step >= NewtonRootFinder.shortestStep {
      let point = x + direction.scaled(by: step)
      let next = try residual(point)
      evaluations += 1
      if plainNorm(next) <= (1 - 1e-4 * step) * norm { return (point, next, step) }
      step *= 0.5
    }
    return nil
  }
}

/// What a root finder found, with its evidence.
public struct Root<Point: TensorStructure>: Sendable {
  /// The point; traced if the start or the equations are.
  public let point: Point

  /// `‖F‖₂` there.
  public let residualNorm: Double

  /// Iterations made.
  public let iterations: Int

  /// How often the residual was computed, apart from its Jacobians.
  public let evaluations: Int
}
