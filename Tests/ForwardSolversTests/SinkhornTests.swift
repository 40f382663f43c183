import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// A transport problem between two digits of 8 × 8 pixels, as measures on the unit square.
struct DigitTransport {
  /// A 3 and an 8: the fourth and the ninth image of E. Alpaydin and C. Kaynak, "Optical Recognition
  /// of Handwritten Digits", UCI Machine Learning Repository (1998), CC BY 4.0; with one added to
  /// every pixel, and sum 1.
  let a = DigitTransport.measure([
    0, 0, 7, 15, 13, 1, 0, 0, 0, 8, 13, 6, 15, 4, 0, 0, 0, 2, 1, 13, 13, 0, 0, 0, 0, 0, 2, 15, 11,
    1, 0, 0, 0, 0, 0, 1, 12, 12, 1, 0, 0, 0, 0, 0, 1, 10, 8, 0, 0, 0, 8, 4, 5, 14, 9, 0, 0, 0, 7,
    13, 13, 9, 0, 0,
  ])
  let b = DigitTransport.measure([
    0, 0, 9, 14, 8, 1, 0, 0, 0, 0, 12, 14, 14, 12, 0, 0, 0, 0, 9, 10, 0, 15, 4, 0, 0, 0, 3, 16, 12,
    14, 2, 0, 0, 0, 4, 16, 16, 2, 0, 0, 0, 3, 16, 8, 10, 13, 2, 0, 0, 1, 15, 1, 3, 16, 8, 0, 0, 0,
    11, 16, 15, 11, 1, 0,
  ])
  /// Squared distances of pixels, coordinates in [0, 1].
  let cost: Tensor = {
    let squares = (0..<64).flatMap { i in
      (0..<64).map { j in
        let (dx, dy) = (Double(i % 8 - j % 8) / 7, Double(i / 8 - j / 8) / 7)
        return dx * dx + dy * dy
      }
    }
    return Tensor(shape: [64, 64], squares)
  }()

  private static func measure(_ pixels: [Double]) -> Tensor {
    let masses = Tensor(pixels) + 1
    return masses / masses.sum()
  }
}

struct SinkhornTests {
  /// The published counts, rounded up to hundreds.
  @Test(arguments: [(0.1, 100), (0.03, 200), (0.01, 600), (0.003, 1400), (0.001, 2300)])
  func digits(_ epsilon: Double, _ limit: Int) throws {
    let problem = DigitTransport()
    let solved = try Sinkhorn(epsilon: epsilon).transport(
      cost: problem.cost, from: problem.a, to: problem.b)
    #expect((limit - 100...limit).contains(solved.iterations))
    #expect(solved.marginalError <= 1e-10)
    let P = solved.plan
    let rows = (P.sum(alongAxis: 1) - problem.a).norm(.one).scalar
    let columns = (P.sum(alongAxis: 0) - problem.b).norm(.one).scalar
    #expect(rows + columns == solved.marginalError)
    #expect((solved.rowPotentials.sum().scalar).magnitude <= 1e-12)
    // The exponents are up to 2/ε, and so are the rounding errors of the plan.
    let exponents =
      (solved.rowPotentials.reshaped([64, 1]) + solved.columnPotentials - problem.cost)
      .scaled(by: 1 / epsilon)
    #expect(distance(exp(exponents), P) <= 1e-15 / epsilon)
    // The primal value, without the entries that underflow.
    let logarithms = max(exponents, -745)
    let primal = problem.cost.dot(P).scalar + epsilon * P.dot(logarithms).scalar
    #expect((primal - solved.value.scalar).magnitude <= 1e-9)
    // The transport cost alone is between that of the exact plan and that of the independent one.
    #expect(problem.cost.dot(P).scalar < problem.cost.dot(outer(problem.a, problem.b)).scalar)
  }

  /// Two by two: `P₀₀` solves `P₀₀ P₁₁ = k P₀₁ P₁₀`, a quadratic equation.
  @Test(arguments: [1.0, 0.2, 0.05])
  func closedForm(_ epsilon: Double) throws {
    let cost = Tensor([[0.1, 0.7], [0.4, 0.2]])
    let (a, b) = (Tensor([0.3, 0.7]), Tensor([0.6, 0.4]))
    let k = exp(Tensor((0.7 + 0.4 - 0.1 - 0.2) / epsilon)).scalar
    // (1 − k) t² + (b₁ − a₀ + k (a₀ + b₀)) t − k a₀ b₀ = 0 with t = P₀₀.
    let (p, q) = (0.4 - 0.3 + k * 0.9, k * 0.3 * 0.6)
    let t = 2 * q / (p + (p * p + 4 * (1 - k) * q).squareRoot())
    let solved = try Sinkhorn(
      epsilon: epsilon, stopping: Stopping(gradientTolerance: 1e-13)
    ).transport(cost: cost, from: a, to: b)
    #expect(
      distance(solved.plan, [[Tensor(t), Tensor(0.3 - t)], [Tensor(0.6 - t), Tensor(0.1 + t)]])
        <= 1e-12)
  }

  /// Different sizes, masses that do not sum to one.
  @Test func rectangular() throws {
    var numbers = SeededNumbers(seed: 5)
    let cost = abs(numbers.matrix(3, 5))
    let (a, b) = (Tensor([1, 2, 4]), Tensor([0.5, 1.5, 2, 1, 2]))
    let solved = try Sinkhorn(epsilon: 0.1).transport(cost: cost, from: a, to: b)
    #expect(distance(solved.plan.sum(alongAxis: 1), a) <= 1e-10)
    #expect(distance(solved.plan.sum(alongAxis: 0), b) <= 1e-10)
    // Twice the masses, twice the plan; the potentials move by ε log 2 between them.
    let twice = try Sinkhorn(epsilon: 0.1).transport(cost: cost, from: 2 * a, to: 2 * b)
    #expect(distance(twice.plan, 2 * solved.plan) <= 1e-9)
    let moved = (twice.columnPotentials - solved.columnPotentials).scaled(by: 10)
    #expect(distance(moved, Tensor(repeating: 0.6931471805599453, shape: [5])) <= 1e-8)
  }

  /// Warm starts: from the solution nothing is left to do; from a larger `ε`, less.
  @Test func startingPotentials() throws {
    let problem = DigitTransport()
    let solver = Sinkhorn(epsilon: 0.01)
    let cold = try solver.transport(cost: problem.cost, from: problem.a, to: problem.b)
    let again = try solver.transport(
      cost: problem.cost, from: problem.a, to: problem.b, startingAt: cold.columnPotentials)
    #expect(again.iterations == 1)
    #expect(distance(again.plan, cold.plan) <= 1e-10)
    var errors: [Double] = []
    _ = try solver.transport(
      cost: problem.cost, from: problem.a, to: problem.b, observing: { errors.append($1) })
    #expect(errors.count == cold.iterations)
    // The error never grows but for rounding.
    for (before, after) in zip(errors, errors.dropFirst()) { #expect(after <= before + 1e-15) }
  }

  /// A transport to itself by its own iteration is the general one, in far fewer iterations.
  @Test(arguments: [0.1, 0.01])
  func selfTransport(_ epsilon: Double) throws {
    let problem = DigitTransport()
    let solver = Sinkhorn(epsilon: epsilon)
    let symmetric = try solver.selfTransport(cost: problem.cost, of: problem.a)
    let general = try solver.transport(cost: problem.cost, from: problem.a, to: problem.a)
    #expect(distance(symmetric.plan, general.plan) <= 1e-9)
    #expect((symmetric.value.scalar - general.value.scalar).magnitude <= 1e-9)
    #expect(symmetric.rowPotentials == symmetric.columnPotentials)
    #expect(symmetric.iterations <= 50 && symmetric.iterations < general.iterations)
  }

  /// The dual value is a lower bound before convergence too, off by the square of the error.
  @Test func valueBoundsFromBelow() throws {
    let problem = DigitTransport()
    let exact = try Sinkhorn(epsilon: 0.1).selfTransport(cost: problem.cost, of: problem.a)
    for iterations in [1, 2, 4, 8] {
      let early = try Sinkhorn(epsilon: 0.1, stopping: .after(iterations)).selfTransport(
        cost: problem.cost, of: problem.a)
      let gap = exact.value.scalar - early.value.scalar
      // ε log(1 + error) of masses that are off by `error` all over, to second order.
      #expect(gap >= -1e-12 && gap <= 0.1 * early.marginalError * early.marginalError + 1e-12)
    }
  }

  @Test func divergence() throws {
    let problem = DigitTransport()
    let solver = Sinkhorn(epsilon: 0.1)
    let (cost, a, b) = (problem.cost, problem.a, problem.b)
    let none = try solver.divergence(cost: cost, from: b, to: b)
    #expect(none.value.scalar.magnitude <= 1e-10)
    #expect(none.gradient.norm(.infinity).scalar <= 1e-9)
    let some = try solver.divergence(cost: cost, from: a, to: b)
    let other = try solver.divergence(cost: cost, from: b, to: a)
    #expect(some.value.scalar > 1e-3)
    #expect((some.value.scalar - other.value.scalar).magnitude <= 1e-9)
    // Moving mass from pixel 3 to pixel 36.
    let tangent = Tensor((0..<64).map { $0 == 36 ? 1.0 : $0 == 3 ? -1 : 0 })
    let slope = try centralDifference(step: 1e-3) { t in
      try solver.divergence(cost: cost, from: a + tangent.scaled(by: t), to: b).value
    }
    #expect((slope.scalar - some.gradient.dot(tangent).scalar).magnitude <= 1e-6)
    // The biased value instead has a slope at its target.
    let biased = try solver.transport(cost: cost, from: b, to: b).rowPotentials
    #expect(biased.norm(.infinity).scalar > 1e-2)
  }
}

/// Data that are not a transport problem, and iterations that do not end.
struct SinkhornErrorTests {
  private func failure(
    _ cost: Tensor, _ a: Tensor, _ b: Tensor, _ solver: Sinkhorn = Sinkhorn(epsilon: 0.1)
  ) throws -> ForwardSolverError {
    try #require(throws: ForwardSolverError.self) {
      try solver.transport(cost: cost, from: a, to: b)
    }
  }

  private let cost = Tensor([[0, 1, 2], [1, 0, 1]])
  private let a = Tensor([0.5, 0.5])
  private let b = Tensor([0.25, 0.5, 0.25])

  @Test func masses() throws {
    #expect(
      try failure(cost, a, [0.25, 0, 0.75]) == .massNotPositive(marginal: "b", index: 1, value: 0))
    #expect(
      try failure(cost, [1.5, -0.5], b) == .massNotPositive(marginal: "a", index: 1, value: -0.5))
    #expect(try failure(cost, [0.5, 0.75], b) == .massesDiffer(row: 1.25, column: 1))
    #expect(
      try failure(cost, [0.5, .init(Double.nan)], b)
        == .notFinite(iteration: 0, quantity: "entry [1] of the marginal `a`, which is nan,"))
    #expect(
      try failure(cost, b, b)
        == .sizeMismatch(what: "the marginal `a` (the extent of the cost)", expected: 2, found: 3))
    #expect(
      try failure(cost, a, [0.25, 0, 0.75]).description.hasPrefix(
        "Entry 1 of the marginal `b` is 0"))
    // Sums that differ by rounding are equal.
    #expect(throws: Never.self) {
      try Sinkhorn(epsilon: 1).transport(
        cost: cost, from: [0.1 + 0.2, 0.7], to: [0.3, 0.6, 0.1])
    }
  }

  @Test func costs() throws {
    var entries = cost.scalars
    entries[4] = .nan
    #expect(
      try failure(Tensor(shape: [2, 3], entries), a, b)
        == .notFinite(iteration: 0, quantity: "entry [1, 1] of the cost, which is nan,"))
    #expect(
      try failure(a, a, b) == .sizeMismatch(what: "the axes of the cost", expected: 2, found: 1))
    for epsilon in [0, -1, Double.nan, .infinity] {
      guard
        case .invalidOption("epsilon", _, _) = try failure(cost, a, b, Sinkhorn(epsilon: epsilon))
      else {
        Issue.record("epsilon = \(epsilon)")
        continue
      }
    }
    let asymmetric = Tensor([[0, 1], [2, 0]])
    #expect(throws: ForwardSolverError.self) {
      try Sinkhorn(epsilon: 0.1).selfTransport(cost: asymmetric, of: a)
    }
  }

  @Test func tooFewIterations() throws {
    let problem = DigitTransport()
    var solver = Sinkhorn(epsilon: 0.001)
    solver.stopping.maximumIterations = 200
    guard
      case .marginalsNotMet(200, let error, 1e-10) = try failure(
        problem.cost, problem.a, problem.b, solver)
    else {
      Issue.record("200 iterations are not enough")
      return
    }
    #expect(error > 1e-10 && error < 1)
    solver.stopping = .after(200)
    let unfinished = try solver.transport(cost: problem.cost, from: problem.a, to: problem.b)
    #expect(unfinished.marginalError == error)
    #expect(unfinished.iterations == 200)
  }
}
