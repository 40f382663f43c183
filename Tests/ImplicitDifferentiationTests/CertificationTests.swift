import Testing

@testable import ImplicitDifferentiation

@Suite struct CertificationTests {
  /// The cube root, at a point with a relative error of `e`: the derivative 1/(3y²) errs by −2e.
  private func cubeRoot(
    _ e: Double, _ certification: Certification, policy: CertificationPolicy = .throw
  ) -> ImplicitFunction<Tensor, Tensor> {
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor(2 * (1 + e)) }, conditions: .root { x, y in y * y * y - x },
      policy: policy)
    function.conditionsTolerance = nil
    if certification.effort != .measure { function.conditionsTolerance = 1 }
    function.certification = certification
    return function
  }

  @Test(
    "What is measured is the truncation error, in both directions", arguments: [1e-3, 1e-6, 1e-9])
  func truncation(_ e: Double) throws {
    let linear = try cubeRoot(e, Certification(.measure)).linearize(at: 8)
    for report in [try linear.pushforward(3).report, try linear.pullback(3).report] {
      let estimate = try #require(report.errorEstimate)
      #expect(estimate.isMeasured)
      // The safety factor is six.
      let expected = 3 * 6 * 2 * e / 12
      #expect((estimate.truncation / expected - 1).magnitude < 5 * e + 1e-5, "\(estimate)")
      #expect(estimate.rounding < 1e-13)
    }
  }

  @Test("The estimate covers the error, and is marked as one")
  func estimate() throws {
    let report = try cubeRoot(1e-10, Certification(.estimate)).linearize(at: 8).pullback(1).report
    let estimate = try #require(report.errorEstimate)
    #expect(!estimate.isMeasured)
    #expect(estimate.absolute >= 2e-10 / 12 && estimate.absolute <= 100 * 2e-10 / 12)
    #expect(report.trustedDigits == 9)
    #expect(try #require(report.conditionNumber).distance(to: 1).magnitude < 1e-15)
  }

  @Test("Switched off, a report says unchecked")
  func off() throws {
    let report = try cubeRoot(1e-9, .off).linearize(at: 8).pullback(1).report
    #expect(report.error == nil && report.trustedDigits == nil)
    #expect(report.description.contains("error of the derivative     unchecked"))
  }

  @Test("An error above the limit is thrown, with its parts")
  func limit() throws {
    let linear = try cubeRoot(1e-3, Certification(.measure, errorLimit: 1e-3)).linearize(at: 8)
    do {
      _ = try linear.pullback(1)
      Issue.record("an error above the limit")
    } catch DifferentiationError.inaccurate(let truncation, let rounding, limit: 1e-3, nil) {
      #expect((truncation / 12e-3 - 1).magnitude < 0.01 && rounding < 1e-14)
    }
  }

  @Test("Without a limit every error is returned with its derivative")
  func noLimit() throws {
    let linear = try cubeRoot(0.5, Certification(.measure, errorLimit: nil)).linearize(at: 8)
    #expect(try #require(linear.pullback(1).report.relativeError) > 0.1)
    let estimated = try cubeRoot(1e-10, Certification(errorLimit: nil)).linearize(at: 8)
    #expect(try #require(estimated.pullback(1).report.relativeError) < 1e-8)
  }

  @Test("Where the estimate promises too little, it is measured, and often found to be less")
  func escalation() throws {
    // Two equations that are nearly the same: κ is 4e4, and the conditions are linear.
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x.withoutDerivative },
      conditions: .root { x, y in
        let d = y - x
        let sum = d.at(0) + d.at(1)
        return Tensor.concatenate([(sum + 1e-4 * d.at(0)).reshaped([1]), sum.reshaped([1])])
      })
    func estimate(_ limit: Double) throws -> DerivativeErrorEstimate {
      var function = function
      function.certification = Certification(errorLimit: limit)
      function.certification.measuredAbove = limit
      return try #require(try function.pushforward(at: [1, 2], [1, 0]).report.errorEstimate)
    }
    let estimated = try estimate(1)
    #expect(!estimated.isMeasured && estimated.relative > 1e-7)
    let measured = try estimate(1e-8)
    #expect(measured.isMeasured && measured.relative < 1e-9)
    do {
      _ = try estimate(1e-14)
      Issue.record("κ ε is above the limit")
    } catch DifferentiationError.inaccurate(_, _, limit: 1e-14, nil) {}
  }

  @Test("A policy of one's own sees the error, and may let it pass")
  func customPolicy() throws {
    struct Refused: Error {}
    let strict = Certification(.measure, errorLimit: 1e-6)
    let refusing = cubeRoot(1e-3, strict, policy: .custom { _ in throw Refused() })
    #expect(throws: Refused.self) { try refusing.pullback(at: 8, 1) }
    let passing = cubeRoot(
      1e-3, strict,
      policy: .custom { error in
        guard case .inaccurate = error else { throw error }
      })
    let warned = try passing.pullback(at: 8, 1)
    #expect(warned.report.warnings.count == 1)
    #expect(warned.report.warnings[0].contains("may be wrong by 0.012"))
  }

  @Test("Errors scale with tangents, and add up in a Jacobian")
  func scaling() throws {
    let linear = try cubeRoot(1e-6, Certification(.measure)).linearize(at: 8)
    let one = try #require(try linear.pullback(1).report.error)
    let large = try #require(try linear.pullback(0x1p500).report.error)
    #expect(large == one * 0x1p500)
    let jacobian = try #require(try linear.jacobian().report.error)
    #expect((jacobian / one - 1).magnitude < 1e-6)
  }

  @Test("A gradient that cancels keeps the error of its terms")
  func cancellation() throws {
    // y = (x, 10⁸ x) solved well; the loss y₁ − 10⁻⁸ y₂ has the gradient zero, up to rounding.
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in Tensor.concatenate([x.reshaped([1]), (1e8 * x).reshaped([1])]) },
      conditions: .root { x, y in
        Tensor.concatenate([(y.at(0) - x).reshaped([1]), (y.at(1) - 1e8 * x).reshaped([1])])
      })
    let derivative = try function.pullback(at: Tensor(1.0 / 3), [1, -1e-8])
    let error = try #require(derivative.report.error)
    #expect(derivative.value.scalar.magnitude <= error && error < 1e-6)
    #expect(derivative.report.trustedDigits == 0)
  }
}
