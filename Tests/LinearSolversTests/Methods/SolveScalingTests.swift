import Testing

@testable import LinearSolvers

/// Right-hand sides and operators of any size that `Double` can hold.
@Suite struct SolveScalingTests {
  static let n = 12
  static let definite = TestMatrix.spectral(
    TestMatrix.geometric(n, condition: 50), symmetric: true, seed: 21)
  static let general = TestMatrix.spectral(
    TestMatrix.geometric(n, condition: 50), symmetric: false, seed: 22)

  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let solver: any LinearSolver
    var isSymmetric = true
    var testDescription: String { name }
    var entries: [Double] { isSymmetric ? definite : general }
  }

  static let cases: [Case] = [
    Case(name: "LU", solver: LUSolver(), isSymmetric: false),
    Case(name: "Cholesky", solver: CholeskySolver()),
    Case(name: "CG", solver: ConjugateGradient()),
    Case(name: "MINRES", solver: MINRES()),
    Case(name: "GMRES", solver: GMRES(), isSymmetric: false),
    Case(name: "BiCGStab", solver: BiCGStab(), isSymmetric: false),
    Case(name: "LSMR", solver: LSMR(), isSymmetric: false),
    Case(name: "CGNR", solver: NormalEquationsConjugateGradient(), isSymmetric: false),
    Case(name: "Neumann", solver: NeumannSeries()),
    Case(name: "automatic", solver: Automatic(), isSymmetric: false),
    Case(
      name: "automatic, iterative", solver: Automatic(denseThreshold: 0, materializationLimit: 0),
      isSymmetric: false),
  ]

  @Test(arguments: cases, [900, -900, 1, -1, 333])
  func solutionsAreExactlyProportional(_ item: Case, exponent: Int) throws {
    let prepared = try item.solver.prepare(try denseOperator(item.entries))
    let b = SeededNumbers.vector(Self.n, seed: 23)
    for transposed in [false, true] {
      let plain = try prepared.solve(b, transposed: transposed)
      let scaled = try prepared.solve(
        PowerOfTwo.scaled(b, by: exponent), transposed: transposed)
      #expect(scaled.vector == PowerOfTwo.scaled(plain.vector, by: exponent))
      #expect(scaled.residualNorm == PowerOfTwo.scaled(plain.residualNorm, by: exponent))
      #expect(scaled.relativeResidual == plain.relativeResidual)
      #expect(scaled.iterations == plain.iterations)
    }
  }

  @Test(arguments: cases, [900, -900])
  func operatorsOfAnySizeAreSolved(_ item: Case, exponent: Int) throws {
    let b = SeededNumbers.vector(Self.n, seed: 23)
    let plain = try LUSolver().solve(try denseOperator(item.entries), b)
    let operatorScaled = try denseOperator(PowerOfTwo.scaled(item.entries, by: exponent))
    var solver = item.solver
    // The step of the series belongs to the size of the operator.
    if solver is NeumannSeries { solver = NeumannSeries(step: PowerOfTwo.scaled(1, by: -exponent)) }
    let scaled = try solver.solve(operatorScaled, b)
    let error = relativeError(PowerOfTwo.scaled(scaled.vector, by: exponent), plain.vector)
    #expect(error <= 10 * 50 * 1e-12)  // 10 κ · relativeTolerance
    #expect(scaled.backwardError <= 1e-12)
  }

  @Test(arguments: cases)
  func initialGuessIsScaledWithTheRightHandSide(_ item: Case) throws {
    let prepared = try item.solver.prepare(try denseOperator(item.entries))
    let b = SeededNumbers.vector(Self.n, seed: 23)
    let guess = SeededNumbers.vector(Self.n, seed: 24)
    let plain = try prepared.solve(b, transposed: false, initialGuess: guess)
    let scaled = try prepared.solve(
      PowerOfTwo.scaled(b, by: -700), transposed: false,
      initialGuess: PowerOfTwo.scaled(guess, by: -700))
    #expect(scaled.vector == PowerOfTwo.scaled(plain.vector, by: -700))
    // Starting at the solution there is nothing to do.
    let again = try prepared.solve(b, transposed: false, initialGuess: plain.vector)
    if !(item.solver is LUSolver || item.solver is CholeskySolver || item.name == "automatic") {
      #expect(again.iterations == 0)
      #expect(again.vector == plain.vector)
    }
  }

  @Test(arguments: cases)
  func overflowOfTheSolutionIsAnError(_ item: Case) throws {
    let A = try denseOperator(PowerOfTwo.scaled(item.entries, by: -600))
    var solver = item.solver
    if solver is NeumannSeries { solver = NeumannSeries(step: 0x1p600) }
    let b = PowerOfTwo.scaled(SeededNumbers.vector(Self.n, seed: 23), by: 600)
    #expect(linearSolveError { try solver.solve(A, b) }?.name == .notFinite)
  }

  @Test(arguments: cases)
  func underflowOfTheSolutionIsAnError(_ item: Case) throws {
    let A = try denseOperator(PowerOfTwo.scaled(item.entries, by: 600))
    var solver = item.solver
    if solver is NeumannSeries { solver = NeumannSeries(step: 0x1p-600) }
    let b = SeededNumbers.vector(Self.n, seed: 23)
    let plain = try solver.solve(A, b).vector
    #expect(
      linearSolveError { try solver.solve(A, PowerOfTwo.scaled(b, by: -600)) }?.name == .underflow)
    // Just above the end all is well.
    let largest = try #require(plain.map { Int(abs($0).exponent) }.max())
    let last = PowerOfTwo.scaled(b, by: -1022 - largest)
    #expect(try solver.solve(A, last).vector == PowerOfTwo.scaled(plain, by: -1022 - largest))
    #expect(
      linearSolveError { try solver.solve(A, PowerOfTwo.scaled(b, by: -1023 - largest)) }
        == .underflow(exponent: -1023))
  }

  @Test func powersOfTwoBeyondTheRangeOfDouble() {
    #expect(PowerOfTwo.scaled(0x1p-1000, by: 2000) == 0x1p1000)
    #expect(PowerOfTwo.scaled(0x1p1000, by: -2000) == 0x1p-1000)
    #expect(PowerOfTwo.scaled(Double.leastNonzeroMagnitude, by: 1074) == 1)
    #expect(PowerOfTwo.scaled(1.0, by: -1074) == .leastNonzeroMagnitude)
    #expect(PowerOfTwo.scaled(3.0, by: 5000) == .infinity)
    #expect(PowerOfTwo.exponent(of: 0) == 0)
  }
}
