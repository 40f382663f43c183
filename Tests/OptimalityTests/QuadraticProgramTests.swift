import ImplicitDifferentiation
import Optimality
import Testing

/// Systems of these sizes have condition numbers up to about 1e5; elimination then keeps ten digits.
private let denseTolerance = 1e-9

/// Derivatives at a solution that is known: no solver is needed.
func linearized(
  _ random: RandomProgram, form: ComplementarityForm = .activeSet
) throws -> ImplicitLinearization<QuadraticProgram, KKTPoint<Tensor>> {
  let solution = random.solution
  return try ImplicitFunction(
    forward: { _ in solution }, conditions: QuadraticProgram.problem.conditions(form: form)
  ).linearize(at: random.program, solution: solution)
}

@Suite struct QuadraticProgramTests {
  @Test(arguments: 0..<20, [ComplementarityForm.activeSet, .products])
  func theJacobianIsThatOfADenseKKTSolve(_ k: Int, _ form: ComplementarityForm) throws {
    let random = RandomProgram.all[k]
    let reference = AnalyticDerivative(random).jacobian
    let jacobian = try linearized(random, form: form).jacobian().value
    #expect(jacobian.shape == [reference.count, random.program.variableCount])
    let scale = reference.joined().reduce(1) { max($0, $1.magnitude) }
    for (i, row) in reference.enumerated() {
      for (j, value) in row.enumerated() {
        #expect((jacobian[i, j] - value).magnitude <= denseTolerance * scale)
      }
    }
  }

  @Test(arguments: 0..<20) func everyPartHasItsGradient(_ k: Int) throws {
    let random = RandomProgram.all[k]
    let reference = AnalyticDerivative(random).jacobian
    var generator = TestRandom(seed: 7)
    let weights = generator.vector(reference.count)
    let cotangent = try random.solution.rebuilt(from: weights)
    let gradient = try linearized(random).pullback(cotangent).value
    let expected = try random.program.rebuilt(
      from: (0..<random.program.variableCount).map { j in
        reference.indices.reduce(0.0) { $0 + weights[$1] * reference[$1][j] }
      })
    let scale = expected.flattened().reduce(1) { max($0, $1.magnitude) }
    func compare(_ part: KeyPath<QuadraticProgram, Tensor?>) {
      guard let found = gradient[keyPath: part], let value = expected[keyPath: part] else { return }
      #expect((found - value).norm(.infinity).scalar <= denseTolerance * scale)
    }
    for part in [\QuadraticProgram.A, \.b, \.G, \.h] { compare(part) }
    #expect((gradient.Q - expected.Q).norm(.infinity).scalar <= denseTolerance * scale)
    #expect((gradient.c - expected.c).norm(.infinity).scalar <= denseTolerance * scale)
  }

  @Test func theActiveSetFormIsSymmetric() throws {
    let A = try linearized(RandomProgram.all[4]).A.denseMatrix()
    let n = RandomProgram.all[4].solution.variableCount
    for i in 0..<n {
      for j in 0..<i { #expect((A[i * n + j] - A[j * n + i]).magnitude <= 1e-14) }
    }
  }

  @Test func constantsAreNotDifferentiated() throws {
    var program = RandomProgram.all[0].program
    program.constants = [.quadratic, .inequalityMatrix]
    #expect(program.variableNames == ["c", "A", "b", "h"])
    let gradient = try ImplicitFunction(
      forward: { _ in RandomProgram.all[0].solution }, conditions: .quadraticProgram()
    ).pullback(at: program, RandomProgram.all[0].solution).value
    #expect(gradient.Q.count == 0 && gradient.G?.count == 0)
    #expect(gradient.c.count == 4)
  }

  @Test func anEqualityProgramIsOneLinearSystem() throws {
    // min ½‖z‖², z₀ + z₁ = b: z = (b/2, b/2), ν = −b/2.
    let program = QuadraticProgram(Q: .identity(2), c: [0, 0], A: [[1, 1]], b: [3])
    let function = ImplicitFunction<QuadraticProgram, KKTPoint<Tensor>>(
      forward: { _ in KKTPoint(primal: [1.5, 1.5], equalityMultipliers: [-1.5]) },
      conditions: .quadraticProgram())
    let gradient = try function.pullback(
      at: program, KKTPoint(primal: [1, 0], equalityMultipliers: [0])
    ).value
    #expect(gradient.b?.scalars == [0.5])
  }

  @Test func halfAConstraintIsNamed() {
    let program = QuadraticProgram(Q: .identity(1), c: [0], G: [[1]])
    let function = ImplicitFunction<QuadraticProgram, KKTPoint<Tensor>>(
      forward: { _ in KKTPoint(primal: [0], inequalityMultipliers: [0]) },
      conditions: .quadraticProgram())
    #expect(
      throws: DifferentiationError.sizeMismatch(
        what: "`h`, which `G` needs", expected: 1, found: 0)
    ) { try function.linearize(at: program) }
  }
}
