import Testing

@testable import LinearSolvers

@Suite struct DirectSolverTests {
  /// Wilkinson's matrix: partial pivoting lets its last column grow to 2ⁿ⁻¹, so that elimination alone
  /// has a backward error of about 2ⁿ⁻¹ ε. Refinement gains that many digits per step.
  @Test(arguments: [20, 30, 40], [false, true])
  func refinementRepairsElementGrowth(n: Int, transposed: Bool) throws {
    var a = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      for j in 0..<i { a[i * n + j] = -1 }
      a[i * n + i] = 1
      a[i * n + n - 1] = 1
    }
    let x = SeededNumbers.vector(n, seed: 111)
    let b = TestMatrix.multiply(transposed ? TestMatrix.transpose(a, n) : a, x)
    let solution = try LUSolver().prepare(try denseOperator(a)).solve(b, transposed: transposed)
    #expect(solution.backwardError <= 1e-15)
    #expect(solution.iterations >= 1)
    #expect(relativeError(solution.vector, x) <= 1e-13)  // κ < 10 n
  }

  /// Bands of every shape against dense elimination, with row exchanges and both directions.
  @Test(arguments: [(0, 0), (1, 1), (0, 1), (1, 0), (2, 1), (0, 3), (3, 0), (5, 6)])
  func bandsAgreeWithDenseElimination(lower: Int, upper: Int) throws {
    for n in [1, 2, 3, 8, 40] {
      var numbers = SeededNumbers(seed: UInt64(113 + n))
      let (lower, upper) = (min(lower, n - 1), min(upper, n - 1))
      var band = BandMatrix(count: n, lower: lower, upper: upper)
      for i in 0..<n {
        for j in max(0, i - lower)..<min(n, i + upper + 1) {
          // A small diagonal makes row exchanges necessary, where there is something to exchange.
          band[i, j] = (i == j && lower > 0 && upper > 0 ? 0.01 : 1) * (numbers.next() + 1.5)
        }
      }
      let dense = try denseOperator(band.denseMatrix)
      let b = numbers.vector(n)
      for transposed in [false, true] {
        let expected = try? LUSolver().prepare(dense).solve(b, transposed: transposed)
        let actual = try? BandedLUSolver().prepare(BandedOperator(band)).solve(
          b, transposed: transposed)
        guard let expected, let actual else {
          // A triangular band may be singular to working precision: then for both.
          #expect(expected == nil && actual == nil)
          continue
        }
        let residual = TestMatrix.multiply(
          transposed ? TestMatrix.transpose(band.denseMatrix, n) : band.denseMatrix, actual.vector)
        #expect(maximumDifference(residual, b) <= 1e-13 * (1 + norm(actual.vector)))
        #expect(relativeError(actual.vector, expected.vector) <= 1e-6)
      }
    }
  }

  @Test func bandedEliminationNeedsAStatedBand() throws {
    let A = try denseOperator([1, 0, 0, 1])
    #expect(linearSolveError { try BandedLUSolver().prepare(A) } == .notBanded)
  }

  @Test func choleskyReportsTheFailingPivot() throws {
    // Leading block [4 2; 2 5]; then 1 − ‖L⁻¹(2, 4)‖² = 1 − (1 + 2.25) = −2.25.
    let error = linearSolveError {
      try CholeskySolver().prepare(try denseOperator([4, 2, 2, 2, 5, 4, 2, 4, 1]))
    }
    // Rows are scaled by powers of two near 1/√aᵢᵢ first: by ½, ½ and 1.
    #expect(error == .notPositiveDefinite(index: 2, curvature: -2.25))
    let diagonal = linearSolveError {
      try CholeskySolver().prepare(try denseOperator([1, 0, 0, -3]))
    }
    #expect(diagonal == .notPositiveDefinite(index: 1, curvature: -3))
    let unsymmetric = linearSolveError {
      try CholeskySolver().prepare(try denseOperator([4, 1, 0, 4]))
    }
    #expect(unsymmetric == .notSymmetric(relativeDefect: 0.25))
  }

  /// The residual reported is that of the vector returned, after scaling back.
  @Test func theEvidenceBelongsToTheAnswer() throws {
    let a = TestMatrix.spectral(
      TestMatrix.geometric(20, condition: 1e6), symmetric: false, seed: 115)
    let b = SeededNumbers.vector(20, seed: 116).map { $0 * 1e200 }
    let solution = try LUSolver().solve(try denseOperator(a), b)
    let residual = zip(b, TestMatrix.multiply(a, solution.vector)).map { $0 - $1 }
    #expect(abs(norm(residual) - solution.residualNorm) <= 1e-14 * norm(solution.vector))
    #expect(
      solution.relativeResidual == solution.residualNorm / norm(b))
    #expect(solution.method == "dense LU 20×20")
  }
}
