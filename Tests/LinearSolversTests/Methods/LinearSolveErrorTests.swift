import Testing

@testable import LinearSolvers

@Suite struct LinearSolveErrorTests {
  /// Every case says its numbers and what to try.
  @Test func sentencesCarryTheNumbers() {
    let table: [(LinearSolveError, [String])] = [
      (.notSquare(rowCount: 3, columnCount: 2), ["3×2", "LSMR"]),
      (.notBanded, ["band", "LU"]),
      (.sizeMismatch(what: "the guess", expected: 4, found: 5), ["4", "the guess", "5"]),
      (.notFinite(what: "the matrix", index: 7, value: .infinity), ["7", "the matrix", "inf"]),
      (.singular(pivotIndex: 2, estimatedCondition: 1.5e17), ["pivot 2", "1.5e17"]),
      (.notPositiveDefinite(index: 4, curvature: -0.25), ["step 4", "-0.25", "MINRES"]),
      (.notSymmetric(relativeDefect: 0.125), ["0.125", "GMRES"]),
      (
        .notConverged(iterations: 12, residualNorm: 0.5, tolerance: 1e-9),
        ["12", "0.5", "1e-9", "preconditioner"]
      ),
      (
        .stagnated(iterations: 12, residualNorm: 0.5, tolerance: 1e-9),
        ["12", "0.5", "1e-9", "direct"]
      ),
      (
        .diverged(iterations: 12, residualNorm: 3e8, tolerance: 1e-9),
        ["12", "3e8", "1e-9", "smaller step"]
      ),
      (.breakdown(quantity: "ω", iteration: 3), ["ω", "3", "GMRES"]),
      (
        .inconsistent(residualNorm: 2, normalResidual: 1e-14),
        ["2, ", "< 1e-13", "singular", "repeats"]
      ),
      (.illConditioned(growth: 1e16, limit: 2e12), ["1e16", "2e12", "scaling"]),
      (.inaccurate(backwardError: 1e-3, limit: 1e-12), ["0.001", "1e-12", "matvec"]),
      (.productFailed("no licence"), ["no licence."]),
      (.productFailed("No licence."), ["failed: No licence."]),
      (.underflow(exponent: -1050), ["2^-1050", "2^-1022", "Scale"]),
      (
        .notNullVector(side: .left, index: 1, ratio: .nan, tolerance: 1e-8),
        ["left", "1 of the gauge", "linearly independent"]
      ),
      (
        .structureMismatch(declared: .symmetric, relativeDefect: 0.125),
        ["symmetric", "0.125", "transposeMatvec"]
      ),
      (
        .structureMismatch(declared: .transposedProduct, relativeDefect: 0.125),
        ["transposeMatvec", "0.125", "sign"]
      ),
      (
        .structureMismatch(declared: .entries, relativeDefect: 0.125), ["denseMatrix()", "0.125"]
      ),
      (.structureMismatch(declared: .diagonal, relativeDefect: 0.125), ["diagonal", "0.125"]),
      (
        .structureMismatch(declared: .banded(lower: 2, upper: 1), relativeDefect: 0.125),
        ["2 diagonals below", "1 above", "0.125", "wider"]
      ),
      (
        .structureMismatch(declared: .banded(lower: 1, upper: 1), relativeDefect: 0.125),
        ["1 diagonal below and 1 above"]
      ),
      (
        .sizeMismatch(what: "the start", expected: 1, found: 2), ["Expected 1 number in the start"]
      ),
      (
        .notConverged(iterations: 1, residualNorm: 0.5, tolerance: 1e-9), ["after 1 iteration the"]
      ),
      (
        .singularityProbeFailed(reason: .inconsistent(residualNorm: 2, normalResidual: 1e-14)),
        ["random", "< 1e-13", "gauge"]
      ),
      (
        .exhausted(
          tried: ["CG", "MINRES"], reason: .singular(pivotIndex: 2, estimatedCondition: 9)),
        ["CG, MINRES", "pivot 2"]
      ),
    ]
    for (error, parts) in table {
      for part in parts { #expect(error.description.contains(part), "\(error)") }
      #expect(".?".contains(error.description.suffix(1)))
      #expect(!error.description.contains(".."))
    }
  }

  @Test func threeDigits() {
    #expect(1.0.shortened == "1")
    #expect(0.26449.shortened == "0.264")
    #expect(0.00999.shortened == "0.00999")
    #expect(0.000999.shortened == "9.99e-4")
    #expect(12.5.shortened == "12.5")
    #expect(0.0.shortened == "0")
    #expect((-1234.5).shortened == "-1230")
    #expect(9.999.shortened == "10")
    #expect(6.02e23.shortened == "6.02e23")
    #expect(Double.leastNonzeroMagnitude.shortened == "4.94e-324")
    #expect(Double.infinity.shortened == "inf")
    #expect(Double.nan.shortened == "nan")
  }

  @Test func ratiosAtRoundingLevelAreBounds() {
    #expect(0.26449.shortenedRatio == "0.264" && 1e-13.shortenedRatio == "1e-13")
    #expect(0.99e-13.shortenedRatio == "< 1e-13" && 0.0.shortenedRatio == "< 1e-13")
    #expect((-2e-16).shortenedRatio == "< 1e-13" && Double.nan.shortenedRatio == "nan")
  }

  @Test func oneIsSingular() {
    #expect((0...2).map { $0.counted("step") } == ["0 steps", "1 step", "2 steps"])
  }
}

@Suite struct SolveAcceptanceTests {
  @Test func aSmallResidualAloneIsNotAccepted() {
    let acceptance = SolveAcceptance.roundingLevel(count: 100)
    // Singular and inconsistent, as elimination would answer it.
    let huge = SolveAcceptance.Evidence(
      residualNorm: 1, operatorNorm: 1, solutionNorm: 1e16, rightHandSideNorm: 1)
    #expect(acceptance.acceptsBackwardError(of: huge))
    #expect(throws: LinearSolveError.self) { try acceptance.requireModestGrowth(huge) }
    // κ = 1e8 and a residual that no method makes smaller.
    let fine = SolveAcceptance.Evidence(
      residualNorm: 1e-8, operatorNorm: 1, solutionNorm: 1e8, rightHandSideNorm: 1)
    #expect(acceptance.acceptsBackwardError(of: fine))
    #expect(throws: Never.self) { try acceptance.requireModestGrowth(fine) }
    let coarse = SolveAcceptance.Evidence(
      residualNorm: 1e-8, operatorNorm: 1, solutionNorm: 1, rightHandSideNorm: 1)
    #expect(!acceptance.acceptsBackwardError(of: coarse))
  }

  @Test func notANumberIsNeverAccepted() {
    let nan = SolveAcceptance.Evidence(
      residualNorm: .nan, operatorNorm: 1, solutionNorm: 1, rightHandSideNorm: 1)
    #expect(!SolveAcceptance.directDefault.acceptsBackwardError(of: nan))
    let acceptance = SolveAcceptance.roundingLevel(count: 1)
    let nanGrowth = SolveAcceptance.Evidence(
      residualNorm: 0, operatorNorm: .nan, solutionNorm: 1, rightHandSideNorm: 1)
    #expect(throws: LinearSolveError.self) { try acceptance.requireModestGrowth(nanGrowth) }
  }
}
