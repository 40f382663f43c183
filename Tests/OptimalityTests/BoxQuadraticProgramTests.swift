import ImplicitDifferentiation
import Optimality
import Testing

private let infinity = Double.infinity

@Suite struct BoxQuadraticProgramTests {
  /// A separable program: z clipped to its limits, one entry of each kind.
  @Test func aSeparableProgramIsClipped() throws {
    let program = try BoxQuadraticProgram(
      Q: .identity(5), c: [-3, 3, -0.25, -1, -7], lower: [-1, -1, -1, -infinity, 2],
      upper: [1, infinity, 1, infinity, 2])
    #expect(program.equalRows == [4])
    #expect(program.upperRows == [0, 2])
    #expect(program.lowerRows == [0, 1, 2])
    let minimum = ConstrainedMinimum(
      BoxQuadraticProgram.problem, primalSolver: { _ in [1, -1, 0.25, 1, 2] })
    let point = try minimum(program)
    #expect(point.equalityMultipliers.scalars == [5])
    #expect(point.inequalityMultipliers.scalars == [2, 0, 0, 2, 0])
    let linearization = try minimum.linearize(at: program)
    let gradient = try linearization.primalPullback([1, 1, 1, 1, 1] as Tensor).value
    func expect(_ found: Tensor, _ expected: [Double]) {
      for (a, b) in zip(found.scalars, expected) { #expect((a - b).magnitude < 1e-14) }
      #expect(found.count == expected.count)
    }
    expect(gradient.c, [0, 0, -1, -1, 0])
    expect(gradient.upper, [1, 0])
    expect(gradient.lower, [0, 1, 0])
    expect(gradient.equal, [1])
  }

  /// With `K`, against the same program in general form.
  @Test func theGeneralFormAgrees() throws {
    let random = RandomProgram.all[4]
    guard let A = random.program.A, let b = random.program.b, let G = random.program.G,
      let h = random.program.h
    else { return }
    let box = try BoxQuadraticProgram(
      Q: random.program.Q, c: random.program.c, K: Tensor.concatenate([A, G]),
      lower: b.scalars + h.scalars.map { _ in -infinity }, upper: b.scalars + h.scalars)
    let solution = random.solution
    let function = ImplicitFunction<BoxQuadraticProgram, KKTPoint<Tensor>>(
      forward: { _ in solution }, conditions: .boxQuadraticProgram())
    let general = try linearized(random)
    for form in 0..<2 {
      let weights = try solution.rebuilt(
        from: (0..<solution.variableCount).map { $0 % 3 == form ? 1 : -0.5 })
      let boxed = try function.pullback(at: box, weights).value
      let expected = try general.pullback(weights).value
      func close(_ a: Tensor?, _ b: Tensor?) {
        guard let a, let b else {
          Issue.record("a part is missing")
          return
        }
        // Two factorisations of systems with condition numbers up to about 1e5.
        #expect((a - b).norm(.infinity).scalar <= 1e-9 * Swift.max(1, b.norm(.infinity).scalar))
      }
      close(boxed.Q, expected.Q)
      close(boxed.c, expected.c)
      close(boxed.equal, expected.b)
      close(boxed.upper, expected.h)
      close(boxed.K?.slice(0..<2), expected.A)
      close(boxed.K?.slice(2..<9), expected.G)
    }
  }

  @Test func limitsWithoutAValueAreNamed() {
    #expect(throws: BoxLimitsError.self) {
      try BoxQuadraticProgram(Q: .identity(1), c: [0], lower: [2], upper: [1])
    }
    #expect(throws: BoxLimitsError.self) {
      try BoxQuadraticProgram(Q: .identity(1), c: [0], lower: [.nan], upper: [1])
    }
    #expect(
      throws: DifferentiationError.sizeMismatch(what: "the upper limits", expected: 1, found: 2)
    ) { try BoxQuadraticProgram(Q: .identity(1), c: [0], lower: [0], upper: [1, 1]) }
  }
}
