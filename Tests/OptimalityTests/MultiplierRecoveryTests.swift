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

  /// min ½(z − 3)² with z ≤ 1 stated three times, once doubled: λ₀ + λ₁ + 2λ₂ = 2, and all share.
  @Test func repeatedInequalitiesShareTheLoad() throws {
    let repeated = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { _, z in 0.5 * (z - 3).squaredNorm() },
        inequalities: { x, z in Tensor([1, 1, 2]) * (z - x) }),
      primalSolver: { x in x })
    let point = try repeated([1])
    let lambda = point.inequalityMultipliers.scalars
    #expect((lambda[0] + lambda[1] + 2 * lambda[2] - 2).magnitude < 1e-14)
    #expect(lambda.allSatisfy { $0 > 0.1 })
    // So none is weakly active, and z moves with the common limit.
    let tangent = try repeated.linearize(at: [1]).pushforward([1]).value
    #expect((tangent.primal.scalars[0] - 1).magnitude < 1e-14)
  }
}
