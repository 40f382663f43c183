import ImplicitDifferentiation
import Optimality
import Testing

@Suite struct EnvelopeTests {
  /// `dV/dQ = ½zzᵀ`, `dV/dc = z`, `dV/dA = νzᵀ`, `dV/db = −ν`, `dV/dG = λzᵀ`, `dV/dh = −λ`.
  @Test(arguments: 0..<20) func theValueOfAProgramHasTheGradientOnPaper(_ k: Int) throws {
    let random = RandomProgram.all[k]
    let point = random.solution
    let (z, nu, lambda) = (point.primal, point.equalityMultipliers, point.inequalityMultipliers)
    let gradient = try QuadraticProgram.problem.optimalValueGradient(
      at: random.program, solution: point)
    func expect(_ found: Tensor?, _ expected: Tensor) {
      guard let found else { return }
      #expect((found - expected).norm(.infinity).scalar < 1e-15)
    }
    expect(gradient.Q, 0.5 * outer(z, z))
    expect(gradient.c, z)
    expect(gradient.A, outer(nu, z))
    expect(gradient.b, -nu)
    expect(gradient.G, outer(lambda, z))
    expect(gradient.h, -lambda)
  }

  /// By the derivative of the solution: dV = ∂f/∂θ + ∇f · dz, which needs a solve.
  @Test(arguments: 0..<20) func theChainRuleThroughTheSolutionAgrees(_ k: Int) throws {
    let random = RandomProgram.all[k]
    let z = random.solution.primal
    let slope = matmul(random.program.Q, z) + random.program.c
    let through = try linearized(random).primalPullback(slope).value
    let envelope = try QuadraticProgram.problem.optimalValueGradient(
      at: random.program, solution: random.solution)
    func expect(_ a: Tensor?, _ b: Tensor?) {
      guard let a, let b else { return }
      // The solve of systems with condition numbers up to about 1e5.
      #expect((a - b).norm(.infinity).scalar < 1e-9)
    }
    expect(through.b, envelope.b)
    expect(through.h, envelope.h)
    expect(through.Q + 0.5 * outer(z, z), envelope.Q)
    expect(through.c + z, envelope.c)
    expect(through.A, envelope.A)
    expect(through.G, envelope.G)
  }

  @Test func theObjectiveAloneWouldBeWrong() throws {
    // min ½‖z‖², z₀ + z₁ = b: V = b²/4, dV/db = b/2, ∂f/∂b = 0.
    let minimum = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { _, z in 0.5 * z.squaredNorm() }, equalities: { b, z in z.sum() - b }),
      primalSolver: { b in Tensor.stack([0.5 * b, 0.5 * b]) })
    let (value, gradient) = try minimum.optimalValueAndGradient(at: 3)
    #expect(value == 2.25)
    #expect((gradient.scalar - 1.5).magnitude < 1e-15)
  }

  @Test func candidatesThatAreNoSolutionsAreRefused() throws {
    let random = RandomProgram.all[0]
    func gradient(_ change: (inout KKTPoint<Tensor>) -> Void) throws {
      var point = random.solution
      change(&point)
      _ = try QuadraticProgram.problem.optimalValueGradient(at: random.program, solution: point)
    }
    #expect {
      try gradient { $0.equalityMultipliers += Tensor([0.01]) }
    } throws: { error in
      guard case KKTError.notStationary = error else { return false }
      return true
    }
    #expect {
      try gradient { $0.inequalityMultipliers += Tensor([0, 0.01, 0]) }
    } throws: { error in
      guard case KKTError.notComplementary(constraint: 1, _, _) = error else { return false }
      return true
    }
    var program = random.program
    program.b = program.b.map { $0 + Tensor(0.01) }
    #expect {
      try QuadraticProgram.problem.optimalValueGradient(at: program, solution: random.solution)
    } throws: { error in
      guard case KKTError.equalityViolated(constraint: 0, _, _) = error else { return false }
      return true
    }
  }
}
