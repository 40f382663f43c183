import ImplicitDifferentiation
import Optimality
import Testing

@Suite struct MultiplierRecoveryTests {
  @Test(arguments: 0..<20) func theMultipliersDrawnAreFound(_ k: Int) throws {
    let random = RandomProgram.all[k]
    let found = try QuadraticProgram.problem.multipliers(
      at: random.program, primal: random.solution.primal)
    for (a, b) in zip(found.flattened(), random.solution.flattened()) {
      // Least squares with gradients of condition below 1e3.
      #expect((a - b).magnitude < 1e-12)
    }
  }

  @Test func aPointThatIsNoSolutionIsRefused() throws {
    let random = RandomProgram.all[0]
    var program = random.program
    program.c += Tensor([0.1, 0, 0, 0])
    #expect {
      try QuadraticProgram.problem.multipliers(at: program, primal: random.solution.primal)
    } throws: { error in
      guard case KKTError.notStationary(let imbalance, 1e-6) = error else { return false }
      return imbalance > 1e-3
    }
  }

  @Test func aMinimiserOnTheWrongSideIsRefused() {
    // z = 1 with z ≤ 1, but the objective falls towards 0.
    let problem = ConstrainedProblem<Tensor, Tensor>(
      objective: { _, z in 0.5 * z.squaredNorm() }, inequalities: { _, z in z - 1 })
    #expect(throws: KKTError.negativeMultiplier(constraint: 0, multiplier: -1, tolerance: 1e-6)) {
      try problem.multipliers(at: [0], primal: [1])
    }
    #expect(throws: KKTError.infeasible(constraint: 0, violation: 0.5, tolerance: 1e-6)) {
      try problem.multipliers(at: [0], primal: [2])
    }
  }

  @Test func dependentGradientsAreRefusedUnlessOneChoiceWillDo() throws {
    let problem = ConstrainedProblem<Tensor, Tensor>(
      objective: { _, z in 0.5 * z.squaredNorm() },
      equalities: { b, z in Tensor.stack([z.sum() - b, 2 * z.sum() - 2 * b]) })
    #expect(throws: KKTError.multipliersNotUnique(rank: 1, count: 2)) {
      try problem.multipliers(at: 3, primal: [1.5, 1.5])
    }
    let point = try problem.multipliers(
      at: 3, primal: [1.5, 1.5], acceptsDependentGradients: true)
    let nu = point.equalityMultipliers.scalars
    #expect((nu[0] + 2 * nu[1] + 1.5).magnitude < 1e-15)
  }
}
