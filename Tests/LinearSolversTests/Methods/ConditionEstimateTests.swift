import Foundation
import Testing

@testable import LinearSolvers

@Suite struct ConditionEstimateTests {
  /// The estimate is a lower bound; the search may end at a local maximum, but rarely.
  @Test(arguments: [1, 2, 5, 20])
  func isNearTheNormOfTheInverse(n: Int) throws {
    var close = 0
    for seed in 1...40 as ClosedRange<UInt64> {
      let values = TestMatrix.geometric(n, condition: 1e5)
      let a = TestMatrix.spectral(values, symmetric: false, seed: seed)
      let prepared = try LUSolver().prepare(try denseOperator(a))
      var exact = 0.0
      for j in 0..<n {
        var unit = [Double](repeating: 0, count: n)
        unit[j] = 1
        exact = max(exact, try prepared.solve(unit).vector.reduce(0) { $0 + abs($1) })
      }
      let estimate = ConditionEstimate.inverseNorm(count: n) { b, transposed in
        let rhs = [Double](UnsafeBufferPointer(start: b, count: n))
        guard let x = try? prepared.solve(rhs, transposed: transposed) else { return }
        for i in 0..<n { b[i] = x.vector[i] }
      }
      #expect(estimate <= exact * (1 + 1e-9) && estimate >= exact / 10)
      if estimate >= exact / 3 { close += 1 }
    }
    #expect(close >= 38)
  }

  @Test func overflowIsInfinity() {
    let estimate = ConditionEstimate.inverseNorm(count: 3) { b, _ in b[1] = .infinity }
    #expect(estimate == .infinity)
    #expect(ConditionEstimate.inverseNorm(count: 0) { _, _ in } == 0)
  }

  /// A diagonal that dominates the columns bounds the norm of the inverse, without a solve.
  @Test(arguments: [2, 3, 10, 200])
  func dominatedBandsHaveABound(n: Int) throws {
    for seed in 1...10 as ClosedRange<UInt64> {
      for (lower, upper) in [(1, 1), (2, 1), (0, 2)] where lower + upper < n {
        // Off-diagonal sums up to 2 in a column, at most 1.5 below the diagonal entry.
        var matrix = BandMatrix(count: n, lower: lower, upper: upper)
        let numbers = ProbeVector.make(count: n * (lower + upper + 1), seed: seed)
        var sums = [Double](repeating: 0, count: n)
        var next = 0
        for i in 0..<n {
          for j in max(0, i - lower)...min(n - 1, i + upper) where j != i {
            matrix[i, j] = numbers[next]
            sums[j] += abs(numbers[next])
            next += 1
          }
        }
        for j in 0..<n { matrix[j, j] = (j % 2 == 0 ? 1 : -1) * (sums[j] + 0.25 + Double(j % 3)) }
        let prepared = try BandedLUSolver().prepare(
          BandedOperator(matrix))
        let evidence = try #require(prepared.condition)
        #expect(abs(evidence.inverseNorm - 4) <= 1e-12 || n < 3)
        var exact = 0.0
        for j in 0..<n {
          var unit = [Double](repeating: 0, count: n)
          unit[j] = 1
          exact = max(exact, try prepared.solve(unit).vector.reduce(0) { $0 + abs($1) })
        }
        #expect(evidence.inverseNorm >= exact * (1 - 1e-12))
      }
    }
  }

  /// Where rows are dominated and columns are not, the norm of columns is estimated, from below.
  @Test func rowsDoNotCount() throws {
    var matrix = BandMatrix(count: 3, lower: 1, upper: 1)
    for (i, j, value) in [(0, 0, 9.0), (0, 1, 8.0), (1, 1, 9), (2, 1, 8), (2, 2, 9)] {
      matrix[i, j] = value
    }
    let prepared = try BandedLUSolver().prepare(BandedOperator(matrix))
    let evidence = try #require(prepared.condition)
    // The inverse is diag(1/9) but for its second column, −8/81, 1/9, −8/81.
    let exact = 1.0 / 9 + 16.0 / 81
    #expect(evidence.inverseNorm <= exact * (1 + 1e-15) && evidence.inverseNorm > exact / 3)
  }

  /// Where rows and columns are dominated, solutions are no longer than by the 2-norm of the inverse: for
  /// tridiag(−1, 5/2, −1) that is 1 / (5/2 − 2 cos(π/(n + 1))), which the eigenvector sin(iπ/(n + 1)) attains.
  /// Without the rows a factor of √n is in between.
  @Test(arguments: [10, 200])
  func dominatedRowsAndColumnsBoundLengths(n: Int) throws {
    func evidence(_ matrix: BandMatrix) throws -> ConditionEvidence {
      try #require(try BandedLUSolver().prepare(BandedOperator(matrix)).condition)
    }
    var matrix = BandMatrix(count: n, lower: 1, upper: 1)
    for i in 0..<n {
      matrix[i, i] = 2.5
      if i > 0 { matrix[i, i - 1] = -1 }
      if i < n - 1 { matrix[i, i + 1] = -1 }
    }
    let angle = Double.pi / Double(n + 1)
    let exact = 1 / (2.5 - 2 * cos(angle))
    let vector = (0..<n).map { sin(Double($0 + 1) * angle) }
    let solution = try BandedLUSolver().prepare(BandedOperator(matrix)).solve(vector).vector
    let ratio = ProbeVector.norm(solution) / ProbeVector.norm(vector)
    #expect(abs(ratio / exact - 1) <= 1e-13)
    let bound = try #require(try evidence(matrix).solutionBound(forLength: 1))
    #expect(bound == 2 && exact <= bound)
    // One row that is not dominated.
    matrix[1, 0] = -1.75
    let loose = try #require(try evidence(matrix).solutionBound(forLength: 1))
    #expect(loose >= 2 * Double(n).squareRoot())
  }

  /// The right-hand side that is handed along is solved for there, too.
  @Test func passengersRideWithABound() throws {
    let n = 50
    var matrix = BandMatrix(count: n, lower: 1, upper: 1)
    for i in 0..<n {
      matrix[i, i] = 4
      if i > 0 { matrix[i, i - 1] = -1 }
      if i < n - 1 { matrix[i, i + 1] = 1 }
    }
    let b = ProbeVector.make(count: n, seed: 3)
    let (prepared, solution) = try Automatic().prepare(BandedOperator(matrix), solving: b)
    #expect(try #require(prepared.condition).inverseNorm == 0.5)
    let expected = try prepared.solve(b).vector
    // One that a bound shows to be short is left behind.
    let length = 0.5 * ProbeVector.norm(b)
    for (limit, isSpared) in [(0.999 * length, false), (1.001 * length, true)] {
      let (_, other) = try Automatic().prepare(
        BandedOperator(matrix), solving: b, unlessShorterThan: limit)
      #expect((other == nil) == isSpared)
    }
    let found = try #require(solution)
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-14 })
  }

  /// What is not a number dominates nothing.
  @Test func notANumberIsRefused() throws {
    for (lower, upper) in [(1, 1), (2, 1), (0, 2)] {
      for (i, j) in [(0, 0), (4, 5), (9, 9)] {
        var matrix = BandMatrix(count: 10, lower: lower, upper: upper)
        for k in 0..<10 { matrix[k, k] = 4 }
        matrix[i, j] = .nan
        #expect(throws: LinearSolveError.self) { try BandLU(matrix) }
      }
    }
  }
}
