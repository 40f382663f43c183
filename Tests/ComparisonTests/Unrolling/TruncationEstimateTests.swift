import ImplicitDifferentiation
import Testing

@testable import Comparison

/// The estimated truncation error against the true one, on contractions with a known spectrum.
struct TruncationEstimateTests {
  private static let methods: [UnrollingMethod] = [
    .neumann(terms: 1), .neumann(terms: 5), .neumann(terms: 40), .neumann(terms: 150),
    .truncated(last: 1), .truncated(last: 20), .truncated(last: 100), .oneStep,
  ]

  private let x = Tensor([0.3, -0.2, 0.1, 0.4, 0.2, -0.5])
  private let v = Tensor([1, -2, 0.5, 1.5, -1, 0.25])

  /// Above this the difference of two derivatives is rounding: ε κ.
  private let rounding = 1e-13

  private func check(
    _ error: Double, _ estimate: TruncationEstimate?, scale: Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let estimate = try #require(estimate, sourceLocation: sourceLocation)
    let slack = rounding * scale
    for bound in [estimate.error, estimate.spectralBound] {
      #expect(
        error <= bound * (1 + 1e-9) + slack, "\(error) above \(bound)",
        sourceLocation: sourceLocation)
      #expect(
        error + slack >= bound / 10, "\(error) far below \(bound)", sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: methods) func linear(_ method: UnrollingMethod) throws {
    let M = UnrollingProblems.symmetric(UnrollingProblems.positive)
    let solver = UnrollingProblems.linear(M, iterations: 1_000)
    let exact = try solve(Tensor.identity(6) - M, v)
    let pushed = try solver.pushforward(at: x, along: v, method: method)
    let pushError = (pushed.value - exact).norm().scalar
    try check(pushError, pushed.report.truncation, scale: exact.norm().scalar)
    let pulled = try solver.pullback(at: x, cotangent: v, method: method)
    let pullError = (pulled.value - exact).norm().scalar
    try check(pullError, pulled.report.truncation, scale: exact.norm().scalar)
    let rate = try #require(pulled.report.truncation?.rate)
    #expect((rate - 0.95).magnitude <= 1e-12)
    #expect(pulled.report.truncation?.isComplete == true)
    #expect(pulled.report.warnings == [.wrongAtSecondOrder])
  }

  @Test(arguments: methods) func nonlinear(_ method: UnrollingMethod) throws {
    let solver = UnrollingProblems.nonlinear(UnrollingProblems.positive, iterations: 1_000)
    let pushed = try solver.pushforward(at: x, along: v, method: method)
    let jacobian = try UnrollingProblems.nonlinearJacobian(
      UnrollingProblems.positive, at: pushed.solution)
    let exact = matmul(jacobian, v)
    let pushError = (pushed.value - exact).norm().scalar
    try check(pushError, pushed.report.truncation, scale: exact.norm().scalar)
    let pulled = try solver.pullback(at: x, cotangent: v, method: method)
    let pullError = (pulled.value - exact).norm().scalar
    try check(pullError, pulled.report.truncation, scale: exact.norm().scalar)
  }

  /// Fewer products than unknowns: 60 eigenvalues, 12 products. Still within a factor of ten, though
  /// no longer a bound.
  @Test func fewProducts() throws {
    let eigenvalues = (0..<60).map { 0.97 * Double($0 + 1) / 60 }
    let M = UnrollingProblems.symmetric(eigenvalues)
    let solver = UnrollingProblems.linear(M, iterations: 800)
    let v = Tensor((0..<60).map { Double(1 + ($0 * 13) % 7) })
    let exact = try solve(Tensor.identity(60) - M, v)
    for k in [1, 10, 50] {
      let pushed = try solver.pushforward(
        at: v, along: v, method: .neumann(terms: k), estimateProducts: 12)
      let estimate = try #require(pushed.report.truncation)
      #expect(estimate.products == 12)
      #expect(!estimate.isComplete)
      let error = (pushed.value - exact).norm().scalar
      #expect(estimate.error >= error / 2)
      #expect(estimate.error <= 10 * error)
    }
  }

  /// A map that is not normal: its powers grow to 30 and shrink only then. The rate alone promises
  /// an error that is far too small; the sum of the terms does not.
  @Test func notNormal() throws {
    var entries = [Double](repeating: 0, count: 36)
    for i in 0..<6 {
      entries[i * 6 + i] = 0.5
      if i < 5 { entries[i * 6 + i + 1] = 2 }
    }
    let M = Tensor(shape: [6, 6], entries)
    let solver = UnrollingProblems.linear(M, iterations: 400)
    let exact = try solve(Tensor.identity(6) - M, v)
    var largest = 0.0
    for k in [1, 5, 10, 20, 40] {
      let pushed = try solver.pushforward(at: x, along: v, method: .neumann(terms: k))
      let estimate = try #require(pushed.report.truncation)
      let error = (pushed.value - exact).norm().scalar
      #expect(error <= estimate.error * (1 + 1e-9))
      #expect(estimate.error <= 10 * error)
      largest = max(largest, error / estimate.spectralBound)
      #expect(pushed.report.warnings.count == 2)
      guard case .transientGrowth(let factor) = pushed.report.warnings[1] else {
        Issue.record("\(pushed.report.warnings)")
        continue
      }
      #expect(factor > 10)
    }
    #expect(largest > 1_000)
  }

  /// Complex eigenvalues 0.9 e^{±i}: the spectral radius needs no real dominant one.
  @Test func rotation() throws {
    let (c, s) = (0.9 * 0.5403023058681398, 0.9 * 0.8414709848078965)
    let M = Tensor([[c, -s], [s, c]] as [[Double]])
    let solver = UnrollingProblems.linear(M, iterations: 300)
    let report = try solver.pullback(at: [1, 2], cotangent: [1, 0], method: .neumann(terms: 10))
      .report
    let estimate = try #require(report.truncation)
    #expect((estimate.rate - 0.9).magnitude <= 1e-12)
    // Normal: both estimates are the sum of a geometric series.
    var expected = 10.0
    for _ in 0..<10 { expected *= 0.9 }
    #expect((estimate.spectralBound - expected).magnitude <= 1e-10)
    #expect((estimate.error - expected).magnitude <= 1e-10)
  }

  @Test func notContracting() throws {
    let solver = UnrollingProblems.linear([[1.5]], iterations: 3)
    let report = try solver.pullback(at: [1], cotangent: [1], method: .neumann(terms: 4)).report
    #expect(report.truncation?.error == .infinity)
    #expect(report.warnings == [.wrongAtSecondOrder, .notContracting(rate: 1.5)])
  }

  /// A solver that stopped early: the estimate covers the series, the warning the rest.
  @Test func notConverged() throws {
    let solver = UnrollingProblems.linear([[0.5]], iterations: 4)
    let report = try solver.pullback(at: [1], cotangent: [1], method: .neumann(terms: 30)).report
    // y₄ = 1.875 of 2.
    guard case .notConverged(let distance) = report.warnings.last else {
      Issue.record("\(report.warnings)")
      return
    }
    #expect((distance - 0.125 / 1.875).magnitude <= 1e-12)
  }

  /// The estimate of piggyback and two-phase derivatives is that of what comes after the last term.
  @Test func iteratedAdjoints() throws {
    let M = UnrollingProblems.symmetric(UnrollingProblems.positive)
    let exact = try solve(Tensor.identity(6) - M, v)
    for (iterations, method) in [
      (20, UnrollingMethod.piggyback), (100, .piggyback),
      (1_000, .twoPhase(relativeTolerance: 1e-3)),
    ] {
      let solver = UnrollingProblems.linear(M, iterations: iterations)
      let pulled = try solver.pullback(at: x, cotangent: v, method: method)
      let pushed = try solver.pushforward(at: x, along: v, method: method)
      for (value, report) in [(pulled.value, pulled.report), (pushed.value, pushed.report)] {
        let estimate = try #require(report.truncation)
        let error = (value - exact).norm().scalar
        #expect(error <= estimate.error * (1 + 1e-9))
        #expect(error >= estimate.error / 10)
      }
    }
  }

  /// A flat fixed point: nothing is missing after one term.
  @Test func flat() throws {
    let report = try UnrollingProblems.babylonian(iterations: 8).pullback(
      at: [2, 3], cotangent: [1, 1], method: .oneStep
    ).report
    let estimate = try #require(report.truncation)
    #expect(estimate.error <= 1e-15)
  }
}
