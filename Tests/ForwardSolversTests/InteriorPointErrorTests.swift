import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// Programs without a solution, and data that make no sense.
struct InteriorPointErrorTests {
  private func failure(_ program: Program) throws -> ForwardSolverError {
    try #require(throws: ForwardSolverError.self) { try program.solved() }
  }

  static let infeasible: [(program: Program, shortfall: Double)] = [
    // Weights ½ and ½ of y ≤ 0 and −y ≤ −1: 0 ≤ −½.
    (Program(name: "crossing", Q: [[2]], c: [-2], G: [[1], [-1]], h: [0, -1]), 0.5),
    (Program(name: "crossing, no Q", c: [1], G: [[1], [-1]], h: [0, -1]), 0.5),
    (Program(name: "nearly touching", Q: [[2]], c: [1], G: [[1], [-1]], h: [0, -1e-5]), 0.5e-5),
    (Program(name: "far away", Q: [[2]], c: [1], G: [[1], [-1]], h: [-1e8, -1e8]), 1e8),
    // −⅔ (y₀ + y₁ = 1) + ⅓ (2y₀ + 2y₁ = 3): 0 = ⅓.
    (
      Program(
        name: "parallel equalities", Q: .identity(2), c: [-2, 1], A: [[1, 1], [2, 2]], b: [1, 3]),
      1.0 / 3
    ),
    // ½ (y₀ + y₁ = 3) against ¼ (y₀ ≤ 1) and ¼ (y₁ ≤ 1), scaled to sum 1: ⅓ · 1.
    (
      Program(
        name: "equality outside a box", Q: .identity(2), c: [0, 0], A: [[1, 1]], b: [3],
        G: [[1, 0], [0, 1]], h: [1, 1]), 1.0 / 3
    ),
    (
      Program(
        name: "infeasible and unbounded", c: [-1, 0], G: [[0, 1], [0, -1]], h: [0, -1]), 0.5
    ),
  ]

  @Test(arguments: infeasible)
  func contradictionIsProved(_ program: Program, _ shortfall: Double) throws {
    guard case .infeasible(let found, let residual) = try failure(program) else {
      Issue.record("\(try failure(program))")
      return
    }
    // The weights are those of the least violation, a well-conditioned least-squares problem.
    #expect((found - shortfall).magnitude <= 1e-6 * shortfall)
    #expect(residual <= 1e-9)
  }

  static let unbounded: [(program: Program, slope: Double)] = [
    (Program(name: "no constraint", c: [1]), -1),
    (Program(name: "a strip", c: [-1, 0], G: [[-1, 0], [0, 1]], h: [0, 1]), -1),
    (
      Program(name: "singular Q", Q: [[1, 0], [0, 0]], c: [1, -1e-3], G: [[1, 0]], h: [0]), -1e-3
    ),
    (
      Program(
        name: "along an equality", Q: [[1, 0], [0, 0]], c: [1, -1e-3], A: [[1, 0]], b: [0]), -1e-3
    ),
    // On y₀ = y₁ the objective is −4 t.
    (
      Program(name: "diagonal", c: [-1, -3], A: [[1, -1]], b: [2], G: [[-1, 0]], h: [5]), -4
    ),
  ]

  @Test(arguments: unbounded)
  func endlessDescentIsProved(_ program: Program, _ slope: Double) throws {
    guard case .unboundedDirection(let found, let residual) = try failure(program) else {
      Issue.record("\(try failure(program))")
      return
    }
    #expect((found - slope).magnitude <= 1e-6 * slope.magnitude)
    #expect(residual <= 1e-9)
  }

  @Test func negativeCurvature() throws {
    let saddle = Program(name: "", Q: [[1, 2], [2, 1]], c: [1, 0], G: .identity(2), h: [1, 1])
    #expect(try failure(saddle) == .notConvex(index: 1))
    #expect(try failure(Program(name: "", Q: [[-1]], c: [1])) == .notConvex(index: 0))
    // Rounding of a matrix of low rank is not negative curvature.
    let v = Tensor([0.1, 0.7, -0.3])
    #expect(throws: Never.self) {
      try Program(name: "", Q: outer(v, v), c: [0, 0, 0], A: .identity(3), b: v).solved()
    }
  }

  @Test func missingData() throws {
    var program = Program.hinge(0.5)
    let nan = Double.nan
    program.Q = Tensor([[1, 0], [nan, 1]])
    #expect(
      try failure(program)
        == .notFinite(iteration: 0, quantity: "entry [1, 0] of `Q`, which is nan,"))
    program = .hinge(0.5)
    program.h = Tensor([Double.infinity])
    #expect(
      try failure(program)
        == .notFinite(iteration: 0, quantity: "entry [0] of `h`, which is inf,"))
    program = .hinge(0.5)
    program.b = Tensor([1, 2])
    #expect(
      try failure(program)
        == .sizeMismatch(what: "`b` (one for each row of `A`)", expected: 1, found: 2))
    program = .hinge(0.5)
    program.h = nil
    #expect(
      try failure(program)
        == .sizeMismatch(what: "`h` (one for each row of `G`)", expected: 1, found: 0))
    program = .hinge(0.5)
    program.G = [[1, 2, 3]]
    #expect(
      try failure(program) == .sizeMismatch(what: "the columns of `G`", expected: 2, found: 3))
    program = .hinge(0.5)
    program.A = nil
    #expect(
      try failure(program)
        == .sizeMismatch(what: "`b` (there is no `A`)", expected: 0, found: 1))
  }

  @Test func limits() throws {
    let box = Program.box
    let short = InteriorPoint(maximumIterations: 2, polishes: false)
    let error = try #require(throws: ForwardSolverError.self) { try box.solved(short) }
    guard case .programNotSolved(2, let reached, 1e-10) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(reached > 1e-10)
    #expect(error.description.contains("2 iterations"))
    #expect(throws: ForwardSolverError.self) { try box.solved(InteriorPoint(tolerance: 0)) }
  }

  @Test func sentences() throws {
    let crossing = try failure(InteriorPointErrorTests.infeasible[0].program).description
    #expect(crossing.hasPrefix("The constraints contradict each other"))
    #expect(crossing.contains("0 ≤ −0.5"))
    let endless = try failure(InteriorPointErrorTests.unbounded[0].program).description
    #expect(endless.contains("falls with slope -1 for ever"))
  }
}
