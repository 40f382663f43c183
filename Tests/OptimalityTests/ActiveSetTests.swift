import ImplicitDifferentiation
import Optimality
import Testing

@Suite struct ActiveSetTests {
  @Test(arguments: 0..<20) func theActiveSetIsTheOneDrawn(_ k: Int) throws {
    let random = RandomProgram.all[k]
    let set = try QuadraticProgram.problem.activeSet(at: random.program, solution: random.solution)
    #expect(set.active == Array(0..<random.activeCount))
    #expect(set.weaklyActive.isEmpty)
    #expect(set.hasIndependentGradients)
    #expect(set.gradientCount == random.activeCount + random.solution.equalityMultipliers.count)
    #expect(set.complementarityMargin > 0.01)
  }

  /// Scaling a constraint, the objective or the variables changes no slack, no multiplier, and
  /// no status.
  @Test(arguments: [1e-150, 1e-9, 1, 1e9, 1e150], [1e-9, 1, 1e9])
  func scalesDoNotCount(_ constraintScale: Double, _ objectiveScale: Double) throws {
    let random = RandomProgram.all[1]
    let base = try QuadraticProgram.problem.activeSet(
      at: random.program, solution: random.solution)
    var (program, point) = (random.program, random.solution)
    program.Q *= Tensor(objectiveScale)
    program.c *= Tensor(objectiveScale)
    program.G = program.G.map { $0 * Tensor(constraintScale) }
    program.h = program.h.map { $0 * Tensor(constraintScale) }
    point.equalityMultipliers *= Tensor(objectiveScale)
    point.inequalityMultipliers *= Tensor(objectiveScale / constraintScale)
    let scaled = try QuadraticProgram.problem.activeSet(at: program, solution: point)
    #expect(scaled.statuses == base.statuses)
    for (a, b) in zip(scaled.slacks + scaled.multipliers, base.slacks + base.multipliers) {
      #expect((a - b).magnitude < 1e-13)
    }
  }

  @Test func dependentGradientsAreCounted() throws {
    // z₀ ≤ 0 twice, z₁ ≤ 0: three gradients, two dimensions.
    let problem = ConstrainedProblem<Tensor, Tensor>(
      objective: { x, z in 0.5 * (z - x).squaredNorm() },
      inequalities: { _, z in z.gathered([0, 0, 1]) })
    let point = KKTPoint<Tensor>(primal: [0, 0], inequalityMultipliers: [0.5, 0.5, 2])
    let set = try problem.activeSet(at: [1, 2], solution: point)
    #expect(set.active == [0, 1, 2] && set.rank == 2 && !set.hasIndependentGradients)
    #expect("\(set)".contains("rank of active gradients    2 of 3"))
  }

  @Test func violatedAndWronglySignedConstraintsAreNamed() {
    // min ½(z − x)², z ≤ 1.
    let function = { (z: Double, lambda: Double) in
      ImplicitFunction<Tensor, KKTPoint<Tensor>>(
        forward: { _ in
          KKTPoint(primal: [Tensor(z)], inequalityMultipliers: [Tensor(lambda)])
        },
        conditions: .kkt(
          objective: { x, z in 0.5 * (z - x).squaredNorm() }, inequalities: { _, z in z - 1 }))
    }
    // At x = 2 the unconstrained minimiser is infeasible, although F = 0 holds there with λ = 0.
    #expect(throws: KKTError.infeasible(constraint: 0, violation: 0.5, tolerance: 1e-6)) {
      try function(2, 0).linearize(at: [2])
    }
    // At x = 0 the constraint holds nothing, although F = 0 holds at z = 1 with λ = −1.
    #expect(throws: KKTError.negativeMultiplier(constraint: 0, multiplier: -1, tolerance: 1e-6)) {
      try function(1, -1).linearize(at: [0])
    }
  }

  @Test func multipliersOfTheWrongNumberAreNamed() {
    let point = KKTPoint<Tensor>(primal: [0], inequalityMultipliers: [0, 0])
    #expect(
      throws: DifferentiationError.sizeMismatch(
        what: "the multipliers of the inequalities", expected: 1, found: 2)
    ) {
      try ConstrainedProblem<Tensor, Tensor>(
        objective: { _, z in z.squaredNorm() }, inequalities: { _, z in z - 1 }
      ).activeSet(at: [0], solution: point)
    }
  }
}
