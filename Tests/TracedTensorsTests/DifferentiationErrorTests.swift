import Testing

@testable import TracedTensors

@Suite struct DifferentiationErrorTests {
  @Test(
    "Each error says what happened with its numbers, and what to try",
    arguments: [
      (
        .shapeMismatch(operation: "+", left: [2, 3], right: [4]),
        ["`+`", "[2×3]", "[4]", "reshape"]
      ),
      (
        .sizeMismatch(what: "the tangent", expected: 3, found: 2),
        ["Expected 3 numbers", "the tangent", "found 2", "Compare"]
      ),
      (.sizeMismatch(what: "the tangent", expected: 1, found: 2), ["Expected 1 number in"]),
      (
        .notFinite(what: "the input (`data`)", index: 7, value: .infinity),
        ["Entry 7", "the input (`data`)", "inf", "missing data"]
      ),
      (
        .overflow(what: "the pushforward", exponent: 1030),
        ["The pushforward is too large", "2^1030", "Scale the tangent"]
      ),
      (
        .underflow(what: "the Jacobian", exponent: -1030),
        ["The Jacobian is too small", "2^-1030", "Scale the tangent"]
      ),
      (
        .conditionsNotMet(residualNorm: 0.004, newtonCorrection: 0.00125, tolerance: 1e-6),
        ["0.004", "0.00125", "1e-6", "let the solver run longer"]
      ),
      (
        .linearSolve(.notBanded, during: "of the pullback, Aᵀ u = ȳ,"),
        ["of the pullback, Aᵀ u = ȳ,", LinearSolveError.notBanded.description]
      ),
      (
        .inaccurate(truncation: 0.02, rounding: 3e-9, limit: 0.001),
        ["0.02", "0.001", "3e-9", "let the solver run longer"]
      ),
      (
        .inaccurate(truncation: 0, rounding: 2.5, limit: 1),
        ["2.5", "ill-conditioned", "rescale"]
      ),
      (
        .inaccurate(truncation: 0.5, rounding: 2e-16, limit: 0.1, bias: 0.4),
        ["0.5", "regularised knowingly", "< 1e-13 because of rounding", "a smaller shift"]
      ),
      (
        .inaccurate(truncation: .infinity, rounding: 0, limit: 1),
        ["could not be measured", "singular"]
      ),
      (.notScalar(shape: [2, 1]), ["one number", "[2×1]", "pullback"]),
    ] as [(DifferentiationError, [String])])
  func descriptions(_ error: DifferentiationError, _ words: [String]) {
    for expected in words {
      #expect(error.description.contains(expected), "\(error.description)")
    }
    #expect(error.description.hasSuffix("."))
  }
}
