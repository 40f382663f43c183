import PromptTasks
import Testing

@testable import LinearSolvers

/// What methods do where their own quantities leave the range of numbers or vanish, where they run out
/// of iterations, or where a part of the work fails.
@Suite struct LimitsOfRangeTests {
  /// `A = diag(4, −1)` and `b = (2, 1)`: the residual of the first half step is conjugate to itself.
  @Test func aStepOfBiCGStabThatVanishes() {
    let error = linearSolveError { try BiCGStab().solve(DiagonalOperator([4, -1]), [2, 1]) }
    guard case .breakdown("ω", _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func subnormalEntriesAreEquilibrated() throws {
    let A = try DenseOperator(rows: [[0x1p-1040, 0x1p-1041], [0, 2]])
    let x = try LUSolver().solve(A, [0x1p-1040, 4]).vector
    #expect(x == [0, 2])
  }

  @Test func aBandOfWhichTwoRowsAreEqual() throws {
    var band = BandMatrix(count: 4, lower: 2, upper: 1)
    for (i, j, value) in [
      (0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 3, 1), (3, 1, 1),
      (3, 2, 2), (3, 3, 1),
    ] as [(Int, Int, Double)] { band[i, j] = value }
    let A = BandedOperator(band)
    #expect(linearSolveError { try BandedLUSolver().prepare(A) }?.name == .singular)
  }

  @Test func anOperatorThatIsAllGauge() throws {
    let zero = DiagonalOperator([0, 0])
    let prepared = try GaugedSolver(base: LUSolver(), right: [[1, 0], [0, 1]]).prepare(zero)
    #expect(try prepared.solve([0, 0]).vector == [0, 0])
    #expect(linearSolveError { try prepared.solve([1, 0]) }?.name == .inconsistentWithGauge)
    let huge = try DenseOperator(rows: [[1e308, -1e308], [1e308, -1e308]])
    #expect(
      linearSolveError { try GaugedSolver(base: LUSolver(), right: [[1, 1]]).prepare(huge) }?.name
        == .notFinite)
  }

  @Test func noIterationIsAllowed() throws {
    let A = DiagonalOperator([1, 2, 3])
    let prepared = try ConjugateGradient(maximumIterations: 0).prepare(A)
    for outcome in prepared.solveEach([[1, 1, 1], [1, 2, 3]], transposed: false) {
      #expect(linearSolveError { try outcome.get() }?.name == .notConverged)
    }
    #expect(
      linearSolveError {
        try NormalEquationsConjugateGradient(maximumIterations: 1).solve(A, [1, 1, 1])
      }?.name == .notConverged)
  }

  /// A failure of one column's product concerns no other column.
  @Test func aColumnWhoseProductFails() throws {
    struct NoLicence: Error {}
    let A = ClosureOperator(symmetric: 3) { x in
      // Directions from a right-hand side that begins with zeros.
      if x[0] == 0 && x[1] == 0 { throw NoLicence() }
      return zip(x, [1, 2, 3]).map { $0 * $1 }
    }
    let outcomes = try ConjugateGradient().prepare(A).solveEach(
      [[1, 1, 1], [0, 0, 1]], transposed: false)
    #expect(try relativeError(outcomes[0].get().vector, [1, 0.5, 1 / 3.0]) <= 1e-10)
    #expect(linearSolveError { try outcomes[1].get() }?.name == .productFailed)
    // And one that is no number, of a direct method.
    let B = ClosureOperator(symmetric: 3) { x in
      zip(x, [1, 2, 3]).map { $0 * $1 + (x[0] == 0 && x[1] == 0 && x[2] < 1 ? .nan : 0) }
    }
    let direct = try LUSolver().prepare(B).solveEach([[1, 1, 1], [0, 0, 1]], transposed: false)
    #expect(try relativeError(direct[0].get().vector, [1, 0.5, 1 / 3.0]) <= 1e-10)
    #expect(linearSolveError { try direct[1].get() }?.name == .notFinite)
  }

  @Test func theConditionEstimateOfSolvesThatOverflow() {
    func estimate(count: Int, _ broken: @escaping (Int) -> Bool, _ value: Double) -> Double {
      var calls = 0
      return ConditionEstimate.inverseNorm(count: count) { x, _ in
        calls += 1
        if broken(calls) { x[count - 1] = value }
      }
    }
    #expect(estimate(count: 1, { _ in true }, .nan) == .infinity)
    for call in 1...3 { #expect(estimate(count: 3, { $0 == call }, .infinity) == .infinity) }
  }

  @Test func seriesWithoutASum() throws {
    func norm(_ g: [Double], _ K: @escaping ([Double]) -> [Double]) throws -> Double? {
      try SeriesExtrapolation.limitNorm(of: g, terms: 4) { v throws(LinearSolveError) in K(v) }
    }
    #expect(abs(try #require(try norm([3, 4]) { $0.map { 0.5 * $0 } }) - 10) <= 1e-13)
    #expect(try norm([1, .infinity]) { $0 } == nil)
    #expect(try norm([3, 4]) { $0.map { _ in .infinity } } == nil)
    #expect(try norm([3, 4]) { $0 } == nil)
    #expect(try norm([3e307, 4e307]) { $0.map { (1 - 0x1p-10) * $0 } } == nil)
  }

  /// The first solve succeeds, those of the refinement do not.
  private struct OnceOnly: LinearSolver, PreparedLinearSolver {
    var A: any LinearOperator = IdentityOperator(count: 0)
    var methodDescription: String { "once" }

    func prepare(_ A: any LinearOperator) -> any PreparedLinearSolver { OnceOnly(A: A) }

    func solve(
      _ b: [Double], transposed: Bool, initialGuess: [Double]?
    ) throws(LinearSolveError) -> LinearSolution {
      // The refinement's right-hand sides are residuals: small.
      if b.allSatisfy({ abs($0) < 0.6 }) {
        throw .notConverged(iterations: 1, residualNorm: 1, tolerance: 0)
      }
      return try LUSolver().solve(A, b)
    }
  }

  @Test func aRefinementThatFailsLeavesTheAnswer() throws {
    let A = DiagonalOperator([1, 2])
    let b: [Double] = [1, 1]
    let refined = try Ridge(0.5, using: OnceOnly(), refinements: 3).solve(A, b)
    let plain = try Ridge(0.5, using: LUSolver()).solve(A, b)
    #expect(refined.vector == plain.vector)
  }

  @Test func ridgesThatAreMistakes() async {
    await promptly {
      await #expect(processExitsWith: .failure) { _ = Ridge(.nan) }
    }
    await promptly {
      await #expect(processExitsWith: .failure) { _ = Ridge(1, refinements: -1) }
    }
  }

  @Test func vectorsThatNearbyFactorsCannotSolveFor() throws {
    func matrix(_ diagonal: Double) throws -> DenseOperator {
      try DenseOperator(
        rows: (0..<n).map { i in (0..<n).map { $0 == i ? diagonal + Double(i) : 0.1 } })
    }
    let n = 40
    let nearby = try CholeskySolver().prepare(matrix(2))
    let A = try matrix(2 + 0x1p-10)
    let prepared = try NearbySolver(nearby: nearby, otherwise: CholeskySolver()).prepare(A)
    #expect(prepared.methodDescription.contains("dense Cholesky 40×40 of a nearby point"))
    let b = (0..<n).map { Double($0) }
    #expect(relativeError(try A.applied(to: prepared.solve(b).vector), b) <= 1e-12)
    #expect(linearSolveError { try prepared.solve([1]) }?.name == .sizeMismatch)
    #expect(
      linearSolveError { try prepared.solve([Double](repeating: .nan, count: n)) }?.name
        == .notFinite)
  }
}
