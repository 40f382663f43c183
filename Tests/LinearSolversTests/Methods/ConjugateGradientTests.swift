import Testing

@testable import LinearSolvers

@Suite struct ConjugateGradientTests {
  /// −u″ = f on n points: eigenvalues 2 − 2 cos(kπ/(n+1)).
  static func laplacian(_ n: Int) throws -> BandedOperator {
    let off = [Double](repeating: -1, count: n - 1)
    return try BandedOperator(
      below: off, diagonal: [Double](repeating: 2, count: n), above: off)
  }

  @Test func needsNoMoreIterationsThanDistinctEigenvalues() throws {
    let values = (0..<30).map { [1.0, 2, 5][$0 % 3] }
    let A = try denseOperator(TestMatrix.spectral(values, symmetric: true, seed: 61))
    let solution = try ConjugateGradient().solve(A, SeededNumbers.vector(30, seed: 62))
    #expect(solution.iterations == 3)
    // Three iterations and one recomputed residual.
    #expect(solution.operatorProducts == 4)
  }

  @Test func aPreconditionerWithTheInverseNeedsOneIteration() throws {
    let d = (0..<50).map { 1 + Double($0 * $0) }
    let A = ProductCounter(DiagonalOperator(d))
    let M = DiagonalOperator(d.map { 1 / $0 })
    let b = SeededNumbers.vector(50, seed: 63)
    let plain = try ConjugateGradient().solve(A, b)
    let better = try ConjugateGradient(preconditioner: M).solve(A, b)
    #expect(plain.iterations > 40)
    #expect(better.iterations == 1)
    #expect(relativeError(better.vector, plain.vector) <= 1e-9)
  }

  @Test func toleranceIsRelativeToTheRightHandSideOrAbsolute() throws {
    let A = try Self.laplacian(200)
    let b = SeededNumbers.vector(200, seed: 64)
    var last = 0
    for tolerance in [1e-2, 1e-4, 1e-8] {
      let solution = try ConjugateGradient(relativeTolerance: tolerance).solve(A, b)
      #expect(solution.relativeResidual <= tolerance)
      #expect(solution.relativeResidual > 1e-6 * tolerance)  // and not much more work than asked
      #expect(solution.iterations > last)
      last = solution.iterations
    }
    let absolute = try ConjugateGradient(relativeTolerance: 0, absoluteTolerance: 1e-3).solve(A, b)
    #expect(absolute.residualNorm <= 1e-3 && absolute.residualNorm > 1e-6)
    // In the units of b, however large.
    let large = try ConjugateGradient(
      relativeTolerance: 0, absoluteTolerance: PowerOfTwo.scaled(1e-3, by: 800)
    ).solve(A, PowerOfTwo.scaled(b, by: 800))
    #expect(large.vector == PowerOfTwo.scaled(absolute.vector, by: 800))
  }

  @Test func aToleranceOfZeroEndsAtRoundingLevel() throws {
    let A = try Self.laplacian(200)
    let b = SeededNumbers.vector(200, seed: 64)
    let solution = try ConjugateGradient(relativeTolerance: 0).solve(A, b)
    #expect(
      solution.backwardError <= SolveAcceptance.roundingLevel(count: 200).backwardErrorLimit)
    #expect(solution.iterations < 1000)
  }

  @Test func theIterationLimitIsReportedInTheUnitsOfTheRightHandSide() throws {
    let A = try Self.laplacian(200)
    let b = PowerOfTwo.scaled(SeededNumbers.vector(200, seed: 64), by: 300)
    let error = linearSolveError { try ConjugateGradient(maximumIterations: 7).solve(A, b) }
    guard case .notConverged(7, let residual, let tolerance) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let bNorm = PowerOfTwo.scaled(norm(SeededNumbers.vector(200, seed: 64)), by: 300)
    #expect(abs(tolerance - 1e-12 * bNorm) <= 1e-14 * tolerance)
    #expect(residual > 1e-2 * bNorm && residual < 100 * bNorm)
  }

  @Test func negativeCurvatureIsReportedWithItsSize() throws {
    let error = linearSolveError {
      try ConjugateGradient().solve(DiagonalOperator([16, -2]), [0, 1])
    }
    #expect(error == .notPositiveDefinite(index: 1, curvature: -2))
    // pᵀA p = 0 exactly.
    let zero = linearSolveError {
      try ConjugateGradient().solve(DiagonalOperator([16, -1]), [1, 4])
    }
    #expect(zero == .notPositiveDefinite(index: 1, curvature: 0))
  }

  @Test func asymmetryIsRefusedWithItsSize() throws {
    var entries = TestMatrix.spectral(
      TestMatrix.geometric(20, condition: 10), symmetric: true, seed: 65)
    entries[7] += 1e-6
    for solver in [ConjugateGradient(), MINRES()] as [any LinearSolver] {
      let error = linearSolveError { try solver.prepare(try denseOperator(entries)) }
      guard case .notSymmetric(let defect) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(defect > 1e-9 && defect < 1e-5)
    }
  }

  /// A large system through nothing but products, and the answer of elimination.
  @Test func agreesWithBandedElimination() throws {
    let n = 20_000
    let A = try Self.laplacian(n).shifted(by: 0.01)
    let b = SeededNumbers.vector(n, seed: 66)
    let iterative = try ConjugateGradient().solve(A, b)
    let direct = try BandedLUSolver().solve(A, b)
    #expect(relativeError(iterative.vector, direct.vector) <= 10 * 401 * 1e-12)  // κ = 4.01/0.01
  }
}
