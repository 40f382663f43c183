import TracedSolves

/// Solves `F(x) = 0` by Broyden's method: Newton's, with one Jacobian that is corrected at each step
/// from what the step showed instead of being computed anew.
///
/// The approximation `B` of the Jacobian keeps the newest secant, `B s = y` for the step `s` and the
/// change `y` of the residual, and changes as little as it can (the "good" update). Of its inverse
/// only the factors are kept:
/// ```
/// H ← H + (s − H y) sᵀH / (sᵀH y)
/// ```
/// An iteration costs one evaluation, one solve with the first Jacobian and `4 n k` operations in the
/// `k`-th iteration since that was computed. Convergence is superlinear near a root with an
/// invertible Jacobian. A step that does not decrease `‖F‖₂` is shortened; where that fails, or after
/// `memory` updates, a new Jacobian is computed.
///
/// When traced, the updates are differentiated too, as the computed numbers they are; step lengths
/// count as constants.
///
/// Sources: C. G. Broyden, "A class of methods for solving nonlinear simultaneous equations", Math.
/// Comp. 19 (1965), 577–593; C. T. Kelley, *Iterative Methods for Linear and Nonlinear Equations*
/// (1995), chapter 7.
public struct Broyden: Sendable {
  /// What `B` is at the start and after a restart.
  public enum InitialJacobian: Sendable, Equatable {
    /// The Jacobian of `F` there: one recording of `F` and one factorisation.
    case exact

    /// A multiple of the identity. No derivative of `F` is needed.
    case identity(Double = 1)
  }

  /// What `B` is at the start and after a restart.
  public var initialJacobian: InitialJacobian

  /// How many updates are kept before `B` starts anew.
  public var memory: Int

  /// When to end, by the norm of the residual.
  public var stopping: Stopping

  /// Broyden's method with the given first Jacobian.
  public init(
    initialJacobian: InitialJacobian = .exact, memory: Int = 30,
    stopping: Stopping = Stopping(maximumIterations: 500)
  ) {
    self.initialJacobian = initialJacobian
    self.memory = memory
    self.stopping = stopping
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
    observing observe: (Iterate<Point>) throws -> Void = { _ in }
  ) throws -> Root<Point> {
    try require(memory >= 1, "memory", memory, "at least 1")
    if case .identity(let factor) = initialJacobian {
      try require(factor != 0 && factor.isFinite, "identity", factor, "finite and not zero")
    }
    let packing = Packing(start)
    func residual(_ x: Tensor) throws -> Tensor { vector(of: try F(packing.unpack(x)).variables) }

    var search = try RootSearch(from: start, packing, stopping, residual)
    var inverse: ApproximateInverse?
    try observe(search.iterate)
    while try !search.isOver() {
      if search.norm == 0 {
        try search.stay()
        try observe(search.iterate)
        continue
      }
      if (inverse?.updateCount ?? 0) >= memory { inverse = nil }
      var next: RootSearch<Point>.Trial?
      var direction: Tensor?
      if let current = inverse {
        let d = -(try current.apply(search.residual))
        direction = d
        // An update may have gone astray: a few halvings, then a new Jacobian.
        next = try search.search(along: d, shortest: 0x1p-4, residual)
      }
      if next == nil {
        let fresh = try jacobianInverse(
          at: search.point, search.residual, iteration: search.iteration + 1, residual)
        let d = -(try fresh.apply(search.residual))
        (inverse, direction) = (fresh, d)
        next = try search.search(along: d, residual)
      }
      if let next, let direction {
        let (point, old) = (search.point, search.residual)
        try search.move(to: next)
        inverse?.update(
          step: direction.scaled(by: next.stepLength), from: point, old, to: search.residual)
      } else {
        try search.stay()
      }
      try observe(search.iterate)
    }
    return search.root
  }

  private func jacobianInverse(
    at x: Tensor, _ r: Tensor, iteration: Int, _ F: (Tensor) throws -> Tensor
  ) throws -> ApproximateInverse {
    if case .identity(let factor) = initialJacobian {
      return ApproximateInverse(start: .multiple(1 / factor))
    }
    let J = try JacobianProducts(at: x, isTraced: r.isTraced, of: F)
    do {
      guard let jacobian = J.recorded?.jacobian else {
        // One dense inverse: a traced solve for each product would factorise each time.
        return ApproximateInverse(
          start: .matrix(try solve(J.matrix(of: F), .identity(x.count))))
      }
      return ApproximateInverse(start: .solver(try Automatic().prepare(jacobian)))
    } catch let error as LinearSolveError {
      throw ForwardSolverError.newtonStep(iteration: iteration, error)
    }
  }
}

/// `H`, as a first inverse and its updates.
private struct ApproximateInverse {
  enum Start {
    case multiple(Double)
    case matrix(Tensor)
    case solver(any PreparedLinearSolver)
  }

  private let start: Start
  /// `s` and `(s − H y) / (sᵀH y)`.
  private var updates: [(s: Tensor, w: Tensor)] = []

  init(start: Start) { self.start = start }

  var updateCount: Int { updates.count }

  /// `H v`.
  func apply(_ v: Tensor) throws -> Tensor {
    var result: Tensor
    switch start {
    case .multiple(let factor): result = v.scaled(by: factor)
    case .matrix(let inverse): result = matmul(inverse, v)
    case .solver(let prepared):
      do {
        result = Tensor(try prepared.solve(v.scalars).vector)
      } catch {
        throw ForwardSolverError.newtonStep(iteration: 0, error)
      }
    }
    for update in updates { result += update.w * update.s.dot(result) }
    return result
  }

  /// Learns from a step, unless it says nothing.
  mutating func update(step s: Tensor, from point: Tensor, _ old: Tensor, to new: Tensor) {
    guard let Hy = try? apply(new - old) else { return }
    let divisor = s.dot(Hy)
    let size = plainNorm(s) * plainNorm(Hy)
    guard divisor.withoutDerivative.scalar.magnitude > 1e-12 * size else { return }
    updates.append((s, (s - Hy) / divisor))
  }
}
