import ForwardSolvers
import ImplicitDifferentiation
import Testing

struct ForwardSolverErrorTests {
  private func failure<Point: TensorStructure>(
    _ solver: any Minimizer, _ objective: (Point) throws -> Tensor, from start: Point
  ) throws -> ForwardSolverError {
    try #require(throws: ForwardSolverError.self) {
      try solver.minimum(of: objective, from: start)
    }
  }

  @Test func notConverged() throws {
    let descent = GradientDescent(
      stepSize: .fixed(0.25), stopping: Stopping(gradientTolerance: 1e-3, maximumIterations: 4))
    // The gradient 2x is halved at each step.
    #expect(
      try failure(descent, { ($0 * $0).sum() }, from: Tensor([8]))
        == .notConverged(iterations: 4, gradientNorm: 1, tolerance: 1e-3))
    var relative = descent
    relative.stopping.gradientTolerance = 0
    relative.stopping.relativeTolerance = 0.01
    #expect(
      try failure(relative, { ($0 * $0).sum() }, from: Tensor([8]))
        == .notConverged(iterations: 4, gradientNorm: 1, tolerance: 0.16))
  }

  @Test func diverged() throws {
    let error = try failure(
      GradientDescent(stepSize: .fixed(3)), { ($0 * $0).sum() }, from: Tensor([1]))
    // Each step multiplies the gradient by −5, and 5⁴² < 1e30 < 5⁴³.
    guard case .diverged(43, let norm) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(norm > 2e30)
  }

  @Test(arguments: UnrollingTests.converging.indices)
  func notANumber(_ index: Int) throws {
    let solver = UnrollingTests.converging[index]
    #expect(
      try failure(solver, { x in log(x).sum() }, from: Tensor([1, -1]))
        == .notFinite(iteration: 0, quantity: "the objective"))
    #expect(
      try failure(solver, { x in sqrt(x).sum() }, from: Tensor([1, 0]))
        == .notFinite(iteration: 0, quantity: "the gradient"))
    #expect(
      try failure(solver, { x in x.sum() }, from: Tensor([1, .infinity]))
        == .notFinite(iteration: 0, quantity: "the start"))
  }

  @Test func notANumberLater() throws {
    // The step is 10 (1 − 1/x): from 2 to −3.
    let error = try failure(
      GradientDescent(stepSize: .fixed(10)), { x in (x - log(x)).sum() }, from: Tensor([2]))
    #expect(error == .notFinite(iteration: 1, quantity: "the objective"))
  }

  @Test(arguments: [LBFGS() as any Minimizer, GradientDescent(), Newton()].indices)
  func lineSearchFailed(_ index: Int) throws {
    // A hand-written derivative with the wrong sign: every step leads up.
    let wrong = { (x: Tensor) in
      Tensor.custom(
        x, value: { $0.squaredNorm() },
        pushforward: { x, tangent in -2 * x.dot(tangent) },
        pullback: { x, cotangent in -2 * cotangent * x })
    }
    let solvers: [any Minimizer] = [LBFGS(), GradientDescent(), Newton()]
    let error = try failure(solvers[index], wrong, from: Tensor([3, 4]))
    guard case .lineSearchFailed(1, let slope, let shortest, 10, 1e-10) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(slope < 0)
    #expect(shortest < 1e-10)
  }

  @Test func residualStuck() throws {
    // A hand-written derivative with the wrong sign: every step leads away from the root.
    let wrong = { (x: Tensor) in
      Tensor.custom(
        x, value: { $0 }, pushforward: { _, tangent in -tangent },
        pullback: { _, cotangent in -cotangent })
    }
    let expected = ForwardSolverError.residualStuck(
      iteration: 1, residualNorm: 5, shortestStep: 0x1p-40, tolerance: 1e-10)
    #expect(throws: expected) { try NewtonRootFinder().root(of: wrong, from: Tensor([3, 4])) }
    #expect(throws: expected) { try Broyden().root(of: wrong, from: Tensor([3, 4])) }
  }

  @Test func unboundedBelow() throws {
    let error = try failure(LBFGS(), { x in x.sum() }, from: Tensor([1, 1]))
    guard case .unboundedBelow(1, let objective) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(objective < -1e15)
    // −x² falls ever faster.
    guard
      case .unboundedBelow = try failure(LBFGS(), { x in -x.squaredNorm() }, from: Tensor([1, 1]))
    else {
      Issue.record("−‖x‖² has no minimum")
      return
    }
  }

  @Test func objectiveThatIsNoNumber() throws {
    #expect(
      try failure(LBFGS(), { x in x }, from: Tensor([1, 2, 3]))
        == .sizeMismatch(what: "the value of the objective", expected: 1, found: 3))
  }

  struct Refusal: Error, Equatable {}

  @Test func errorsOfTheObjectivePassThrough() {
    #expect(throws: Refusal()) {
      try Newton().minimum(of: { (_: Tensor) in throw Refusal() }, from: 1)
    }
  }

  static let invalid: [(any Minimizer, String)] = [
    (GradientDescent(stepSize: .fixed(0)), "stepSize"),
    (GradientDescent(stepSize: .fixed(.nan)), "stepSize"),
    (GradientDescent(stepSize: .fixed(.infinity)), "stepSize"),
    (GradientDescent(stepSize: .backtracking(initial: -1)), "initial"),
    (GradientDescent(stepSize: .backtracking(shrinkage: 1)), "shrinkage"),
    (GradientDescent(stepSize: .backtracking(sufficientDecrease: 0.5)), "sufficientDecrease"),
    (LBFGS(memory: 0), "memory"),
    (Newton(linearSystem: .conjugateGradients(maximumIterations: 0)), "maximumIterations"),
    (Newton(stopping: Stopping(gradientTolerance: .nan)), "gradientTolerance"),
    (LBFGS(stopping: Stopping(gradientTolerance: -1)), "gradientTolerance"),
    (LBFGS(stopping: Stopping(relativeTolerance: 1)), "relativeTolerance"),
    (LBFGS(stopping: Stopping(maximumIterations: -1)), "maximumIterations"),
    (LBFGS(stopping: .after(-1)), "fixedIterations"),
  ]

  @Test(arguments: invalid.indices)
  func invalidOption(_ index: Int) throws {
    let (solver, option) = ForwardSolverErrorTests.invalid[index]
    let error = try failure(solver, { x in x.squaredNorm() }, from: Tensor([1]))
    guard case .invalidOption(option, _, _) = error else {
      Issue.record("\(error)")
      return
    }
  }

  static let messages: [(ForwardSolverError, [String])] = [
    (
      .notConverged(iterations: 7, gradientNorm: 0.5, tolerance: 1e-8),
      ["7", "0.5", "1e-8", "proximal"]
    ),
    (.diverged(iteration: 9, gradientNorm: 1e40), ["9", "1e40", "2/L"]),
    (.notFinite(iteration: 3, quantity: "the gradient"), ["iteration 3", "the gradient"]),
    (
      .notFinite(iteration: 0, quantity: "the start"), ["in the start before the first iteration"]
    ),
    (
      .residualStuck(iteration: 4, residualNorm: 1.5, shortestStep: 1e-12, tolerance: 1e-10),
      ["the residual at iteration 4", "1.5", "1e-12", "1e-10", "start elsewhere"]
    ),
    (
      .lineSearchFailed(
        iteration: 4, slope: -2, shortestStep: 1e-18, gradientNorm: 1e-9, tolerance: 1e-12),
      ["4", "-2.", "1e-18", "1e-9", "1e-12"]
    ),
    (.unboundedBelow(iteration: 5, objective: -1e18), ["5", "-1e18"]),
    (.newtonStep(iteration: 6, .notBanded), ["6", "band"]),
    (.sizeMismatch(what: "the residual", expected: 3, found: 2), ["3", "2", "the residual"]),
    (.invalidOption(name: "memory", value: "0", requirement: "at least 1"), ["memory", "0", "1"]),
  ]

  @Test(arguments: messages.indices)
  func message(_ index: Int) {
    let (error, parts) = ForwardSolverErrorTests.messages[index]
    for part in parts {
      #expect(error.description.contains(part), "\(error.description)")
    }
    if case .residualStuck = error {
      #expect(!error.description.contains("objective") && !error.description.contains("gradient"))
    }
    if case .notFinite(0, _) = error { #expect(!error.description.contains("iteration 0")) }
    #expect(error.description.hasSuffix("."))
  }
}
