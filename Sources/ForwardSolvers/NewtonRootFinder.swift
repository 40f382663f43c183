import TracedSolves

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
    let packing = Packing(start)
    func residual(_ x: Tensor) throws -> Tensor { vector(of: try F(packing.unpack(x)).variables) }

    var search = try RootSearch(from: start, packing, stopping, residual)
    // The Jacobian at the current point, if the residual there came with it.
    var jacobian: JacobianProducts?
    try observe(search.iterate)
    while try !search.isOver() {
      var next: RootSearch<Point>.Trial?
      if search.norm > 0 {
        let isTraced = search.residual.isTraced
        let J =
          try jacobian
          ?? JacobianProducts(at: search.point, isTraced: isTraced, of: residual)
        let direction = try newtonStep(
          residual, J, residual: search.residual, iteration: search.iteration + 1)
        jacobian = nil
        // The full step is the one that is taken, as a rule: there the residual is recorded, which costs
        // little more than computing it and saves the next recording.
        var isFullStep = !isTraced
        next = try search.search(along: direction) { x in
          defer { isFullStep = false }
          guard isFullStep else { return try residual(x) }
          let recorded = try linearization(at: x, of: residual)
          jacobian = JacobianProducts(recorded)
          return recorded.value
        }
        if next?.stepLength != 1 { jacobian = nil }
      }
      if let next {
        try search.move(to: next)
      } else {
        try search.stay()
      }
      try observe(search.iterate)
    }
    return search.root
  }

  private func newtonStep(
    _ residual: (Tensor) throws -> Tensor, _ J: JacobianProducts, residual r: Tensor,
    iteration: Int
  ) throws -> Tensor {
    do {
      guard let jacobian = J.recorded?.jacobian else {
        return try solve(J.matrix(of: residual), -r)
      }
      return Tensor(try linearSolver.solve(jacobian, (-r).scalars).vector)
    } catch let error as LinearSolveError {
      throw ForwardSolverError.newtonStep(iteration: iteration, error)
    }
  }
}
