import Testing

@testable import ImplicitDifferentiation

@Suite struct DerivativeReportTests {
  @Test("A report prints its numbers, one to a line")
  func description() {
    var report = DerivativeReport(
      residualNorm: 1e-12, newtonCorrection: 2e-13, linearSolver: "dense LU 3×3", linearSolves: 2,
      linearIterations: 5, operatorProducts: 7, relativeResidual: 3e-16, backwardError: 4e-17,
      warnings: ["Look again."])
    let lines = report.description.split(separator: "\n")
    #expect(lines.count == 10)
    #expect(
      lines[2].hasSuffix("dense LU 3×3") && lines[3].hasSuffix("2 (5 iterations, 7 products)"))
    #expect(lines[6].hasSuffix("unknown") && lines[7].hasSuffix("unchecked"))
    #expect(lines[8].hasPrefix("uniqueness ") && lines[8].hasSuffix(" unchecked"))
    #expect(lines[9].hasSuffix("Look again."))
    report.isUniquenessChecked = true
    #expect(!report.description.contains("uniqueness"))
    (report.linearIterations, report.operatorProducts) = (1, 1)
    #expect(report.description.contains("2 (1 iteration, 1 product)"))
    report.newtonCorrection = nil
    report.conditionNumber = 120
    report.errorEstimate = DerivativeErrorEstimate(
      truncation: 3e-9, rounding: 1e-9, derivativeNorm: 2, termsNorm: 2, isMeasured: true)
    #expect(report.description.contains("Newton correction           unchecked"))
    #expect(report.description.contains("condition number            120"))
    #expect(
      report.description.contains(
        "error of the derivative     measured, 4e-9 (2e-9 relative to it)"))
    #expect(report.trustedDigits == 8)
  }
}
