import Testing

@testable import ImplicitDifferentiation

@Suite struct NewtonPolishTests {
  /// `y³ + y = x`, with the root at 2 for `x = 10`, from a solver that is off by `error`.
  private func cubic(
    off error: Double, policy: CertificationPolicy = .throw
  ) -> ImplicitFunction<Tensor, Tensor> {
    ImplicitFunction(
      forward: { _ in Tensor(2 + error) }, conditions: .root { x, y in pow(y, 3) + y - x },
      policy: policy)
  }

  @Test(
    "A polished solution is exact, and so are value and derivative", arguments: [0.1, 1e-3, 1e-7])
  func polishes(_ error: Double) throws {
    var function = cubic(off: error)
    function.polish = true
    #expect(try (function(Tensor(10)).scalar - 2).magnitude < 1e-15)
    let derivative = try function.pullback(at: 10, 1)
    #expect((derivative.value.scalar - 1.0 / 13).magnitude < 1e-16)
    let polish = try #require(derivative.report.polish)
    #expect((polish.correctionBefore / (error / 2) - 1).magnitude < 2 * error)
    #expect(polish.correctionAfter < 1e-15 && polish.steps >= (error > 1e-2 ? 3 : 1))
    #expect(derivative.report.description.contains("Newton polish               \(polish)"))
    // Without it the point is refused, as that of a solver that stopped early.
    let refusal = Result { try cubic(off: error).pullback(at: 10, 1) }
    #expect(((try? refusal.get()) == nil) == (error > 1e-6))
  }

  @Test(
    "From the origin, where corrections are measured otherwise, it goes to the solution",
    arguments: [0, 1e-9])
  func fromTheOrigin(_ curvature: Double) throws {
    let c = Tensor([4, 6])
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor([0, 0]) },
      conditions: .root { x, y in
        let bent = pow(y, 3).scaled(by: curvature)
        return y.scaled(by: 2) + bent - x - c
      })
    function.polish = true
    let y = try function(Tensor([0, 0])).scalars
    for (y, c) in zip(y, [4.0, 6]) {
      #expect((y - c / 2).magnitude <= 20 * curvature)
      let residual: Double = 2 * y + curvature * y * y * y - c
      #expect(residual.magnitude <= 1e-14)
    }
  }

  @Test("Solutions given, remembered and traced are polished too")
  func everyWay() throws {
    var function = cubic(off: 1e-3)
    function.polish = true
    let given = try function.linearize(at: 10, solution: Tensor(2.01))
    #expect((given.solution.scalar - 2).magnitude < 1e-15)
    let memoized = function.memoized()
    _ = try memoized(Tensor(10))
    #expect(try memoized.pullback(at: 10, 1).report.polish?.steps ?? 0 >= 1)
    let slope = try gradient(at: Tensor(10)) { x in try pow(function(x), 2) }
    #expect((slope.scalar - 4.0 / 13).magnitude < 1e-15)
  }

  @Test("An early stop is told from a point near which there is no solution")
  func distinguished() throws {
    do {
      _ = try cubic(off: 1e-3).linearize(at: 10)
      Issue.record("the point is off by 1e-3")
    } catch DifferentiationError.conditionsNotMet(_, let correction, _) {
      #expect((correction / 5e-4 - 1).magnitude < 0.01)
    }
    // y² + x has no root for x > 0.
    let none = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor(0.1) }, conditions: .root { x, y in y * y + x })
    do {
      _ = try none.linearize(at: 1e-3)
      Issue.record("there is no root")
    } catch DifferentiationError.noSolutionNearby(let residual, _, _) {
      #expect((residual - 0.011).magnitude < 1e-12)
    }
  }

  @Test("What a polish says")
  func sentence() {
    let one = NewtonPolish(steps: 1, correctionBefore: 1.25e-4, correctionAfter: 1e-16)
    #expect("\(one)" == "1 step, correction from 1.25e-4 to < 1e-13")
    let none = NewtonPolish(steps: 0, correctionBefore: 0.5, correctionAfter: 0.5)
    #expect("\(none)" == "0 steps, correction from 0.5 to 0.5")
  }

  @Test("A polish keeps what it cannot improve")
  func noGain() throws {
    var none = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor(1) }, conditions: .root { x, y in y * y + x }, policy: .warn)
    none.polish = true
    let linear = try none.linearize(at: 1)
    #expect(linear.report.warnings.count == 1)
    #expect(try #require(linear.report.polish).correctionAfter >= 1e-3)
  }
}
