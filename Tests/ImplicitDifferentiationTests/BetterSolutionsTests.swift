import Testing

@testable import ImplicitDifferentiation

/// Points at which one Newton step does not tell how good they are.
@Suite("Better solutions") struct BetterSolutionsTests {
  /// `(y − 1)² = x` at `y = 1 + t`, where the derivative is taken for `1 / 2t`; the true one is `1 / 2√x`.
  private func nearFold(
    _ t: Double, root: Double, _ certification: Certification = Certification(.measure)
  ) throws -> Derivative<Tensor> {
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor(1 + t) },
      conditions: .root { x, y in (y - 1) * (y - 1) - x })
    function.certification = certification
    return try function.linearize(at: Tensor(root * root)).pullback(1)
  }

  @Test(
    "Near a fold the error covers what many Newton steps would change",
    arguments: [0.5, 0.1, 0.02, 1e-3])
  func fold(_ ratio: Double) throws {
    // One step halves t, and says no more than that the derivative may be twice as large.
    let t = 0x1p-22
    let derivative = try nearFold(t, root: ratio * t)
    let error = (derivative.value.scalar - 1 / (2 * ratio * t)).magnitude
    let stated = try #require(derivative.report.error)
    #expect(stated >= error && stated <= 200 * error, "\(stated), and \(error)")
  }

  @Test(
    "An estimate looks at the Jacobian after the step: the condition of one equation tells nothing of a fold",
    arguments: [1 - 0x1p-10, 1 - 0x1p-20, 1 - 0x1p-24])
  func estimateNearFold(_ ratio: Double) throws {
    let t = 0x1p-22
    let derivative = try nearFold(t, root: ratio * t, Certification())
    #expect(derivative.report.conditionNumber == 1)
    #expect(try #require(derivative.report.newtonCorrection) < 0x1p-31)
    let error = (derivative.value.scalar - 1 / (2 * ratio * t)).magnitude
    let stated = try #require(derivative.report.error)
    #expect(stated >= error && stated <= 20 * error, "\(stated), and \(error)")
  }

  @Test("Where Newton's method has all but converged, the error is no larger for it")
  func nearlyConverged() throws {
    let t = 0x1p-22
    let derivative = try nearFold(t, root: (1 - 0x1p-10) * t)
    let change = 0x1p-10 / (2 * t)
    let stated = try #require(derivative.report.error)
    #expect((stated / (6 * change) - 1).magnitude < 0x1p-8, "\(stated / change)")
  }

  @Test("So it does where other unknowns take longer steps", arguments: [1.0, 8, 100])
  func oneOfMany(_ share: Double) throws {
    // (y₀ − 1)² = x₀ stopped as above, and y₁ = x₁.
    let (t, ratio) = (0x1p-28, 0.02)
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in [Tensor(1 + t), x.at(1) + Tensor(share * t)] },
      conditions: .root { x, y in
        let d = y.at(0) - 1
        return Tensor.stack([d * d - x.at(0), y.at(1) - x.at(1)])
      })
    function.certification = Certification(.measure)
    let linear = try function.linearize(at: [Tensor(ratio * ratio * t * t), 1])
    let error = (1 / ratio - 1) / (2 * t)
    let stated = [
      try linear.pullback([1, 0]).report.error, try linear.pushforward([1, 0]).report.error,
    ]
    for stated in stated { #expect(try #require(stated) >= error, "\(error)") }
  }

  @Test("Growth is that of the theorem, and bounded by noise")
  func growth() {
    func growth(_ h: Double, noise: Double, step: Double, change: Double = 0) -> Double {
      BetterSolutions(conditions: [], contraction: h, noise: noise, step: step).growth(
        change: change)
    }
    // From 2h = 1 − w² to 1/w, where one step shows h.
    for w in [0.9, 0.5, 0.1] {
      let h = (1 - w * w) / 2
      #expect((growth(h, noise: 0, step: 1) * h / (1 / w - 1) - 1).magnitude < 1e-13)
      #expect(growth(0, noise: 0, step: 1, change: h) == 1)
      if h > 0.125 {
        #expect(growth(0.125, noise: 0, step: 1, change: h) == growth(h, noise: 0, step: 1))
      }
    }
    #expect(growth(0, noise: 0, step: 1) == 1)
    #expect(growth(3, noise: 0x1p-10, step: 1) == 2 / (0x1p-5 * (1 + 0x1p-5)))
    #expect(growth(3, noise: 1, step: 1) == 1)
    #expect(growth(0, noise: 0, step: 0) == 1)
  }

  @Test("Terms that cancel inside of a residual count", arguments: [1, 2, 3, 4])
  func innerTerms(_ place: Int) throws {
    // y² = x, where products are taken in two orders and cancel: up to rounding in the residual, exactly in
    // its derivatives. The solver ends where the computed residual is all but zero.
    let large = (1...32).map { 1e9 / Double(2 * $0 + 1) }
    let x = 2 + 0.1 * Double(place)
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        let x = x.scalar
        func residual(_ y: Double) -> Double {
          let differences = large.map { ($0 * x) * y - $0 * (x * y) }
          return (y * y - x + differences.reduce(0, +)).magnitude
        }
        let points = (100...1100).map { x.squareRoot() + 1e-10 * Double($0) }
        return Tensor(points.min { residual($0) < residual($1) } ?? .nan)
      },
      conditions: .root { x, y in
        let large = Tensor(large)
        return y * y - x + ((large * x) * y - large * (x * y)).sum()
      })
    function.certification = Certification(.measure)
    let derivative = try function.linearize(at: Tensor(x)).pullback(1)
    let error = (derivative.value.scalar - 0.5 / x.squareRoot()).magnitude
    let stated = try #require(derivative.report.error)
    #expect(error > 1e-10 && error <= stated && stated < 1e-5, "\(error), \(stated)")
  }
}
