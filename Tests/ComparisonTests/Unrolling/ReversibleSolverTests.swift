import Comparison
import ImplicitDifferentiation
import Testing

struct ReversibleSolverTests {
  private let x = Tensor([1, -0.5, 2])

  private func ball(momentum: Double, iterations: Int) throws -> ReversibleSolver<
    Tensor, HeavyBallState
  > {
    let M: Tensor = [[2, 0.5, 0], [0.5, 1, -0.25], [0, -0.25, 3]]
    return try .heavyBall(
      of: { x, y in 0.5 * y.dot(matmul(M, y)) + (softplus(y) * x).sum() }, stepSize: 0.1,
      momentum: momentum, from: [0.5, 0, -0.5], iterations: iterations)
  }

  private func cotangent(_ state: HeavyBallState) -> HeavyBallState {
    HeavyBallState(position: state.position - 1)
  }

  @Test(arguments: [0, 1, 2, 60]) func equalsPlainUnrolling(_ iterations: Int) throws {
    let ball = try ball(momentum: 0.9, iterations: iterations)
    let plain = try ball.solver.pullback(at: x, cotangent: cotangent, method: .everything)
    let reversed = try ball.pullback(at: x, cotangent: cotangent)
    #expect(reversed.solution.position == plain.solution.position)
    // Along a direction that a step shrinks by σ ≥ √0.9 the way back magnifies rounding, here by
    // 0.9^−30 ≈ 24 for 60 steps.
    if iterations > 0 { #expect(relativeError(reversed.value, plain.value) <= 1e-13) }
    #expect(reversed.report.stepsRun == 2 * iterations)
    #expect(reversed.report.stepsRecorded == iterations)
    #expect(reversed.report.products == iterations)
    #expect(reversed.report.peakSnapshots == 0)
  }

  /// Nothing grows with the steps.
  @Test func holdsOneRecording() throws {
    let few = try ball(momentum: 0.9, iterations: 1).pullback(at: x, cotangent: cotangent)
    let many = try ball(momentum: 0.9, iterations: 80).pullback(at: x, cotangent: cotangent)
    #expect(many.report.peakBytes == few.report.peakBytes)
    let plain = try ball(momentum: 0.9, iterations: 80).solver.pullback(
      at: x, cotangent: cotangent, method: .everything)
    #expect(plain.report.peakBytes > 50 * many.report.peakBytes)
  }

  /// On `½ λ y²` a step is the matrix `[[1 − αλ, γ], [−αλ, γ]]` of determinant `γ`. Overdamped, its
  /// eigenvalues are real: rounding shrinks with the velocity, by `σ₁`, and grows back by `1/σ₂`.
  @Test func driftGrowsAsTheInverse() throws {
    let (lambda, alpha, gamma) = (0.01, 1.0, 0.5)
    let trace = 1 - alpha * lambda + gamma
    let root = (trace * trace - 4 * gamma).squareRoot()
    func drift(_ iterations: Int) throws -> Double {
      var ball = try ReversibleSolver<Tensor, HeavyBallState>.heavyBall(
        of: { x, y in Tensor(0.5 * lambda) * (y - x).squaredNorm() }, stepSize: alpha,
        momentum: gamma, from: [0.7], iterations: iterations)
      ball.driftTolerance = .infinity
      let report = try ball.pullback(
        at: [1.1], cotangent: HeavyBallState(position: [1])
      ).report
      return try #require(report.reversalDrift)
    }
    let (early, late) = (try drift(15), try drift(45))
    var growth = 1.0
    for _ in 0..<30 { growth *= (trace + root) / (trace - root) }
    // Rounding is random; the growth by 3 · 10⁸ is not.
    let ratio = late / early / growth
    #expect(ratio > 1e-2 && ratio < 1e2, "\(early) \(late) \(ratio)")
    #expect(early < 1e-11)
    #expect(late > 1e-6)
  }

  /// Where the ball oscillates, both factors have the size `√γ`, and the drift grows by `γ^(−1/4)` a
  /// step: `γ^(−1/2)` for the half of them in which positions no longer come back to the bit.
  @Test func driftGrowsWhereTheBallOscillates() throws {
    let gamma = 0.9
    func drift(_ iterations: Int) throws -> Double {
      var ball = try ball(momentum: gamma, iterations: iterations)
      ball.driftTolerance = .infinity
      return try #require(
        ball.pullback(at: x, cotangent: cotangent).report.reversalDrift)
    }
    let (early, late) = (try drift(150), try drift(550))
    var growth = 1.0
    for _ in 0..<100 { growth /= gamma }
    let ratio = late / early / growth
    #expect(ratio > 1e-2 && ratio < 1e2, "\(early) \(late) \(ratio)")
  }

  @Test func driftIsThrown() throws {
    let far = try ball(momentum: 0.3, iterations: 120)
    #expect {
      try far.pullback(at: x, cotangent: cotangent)
    } throws: { error in
      guard case .reversalDrifted(let drift, 1e-6, 120)? = error as? UnrollingError else {
        return false
      }
      return !(drift <= 1e-6)
    }
    // The same solver by checkpoints.
    let plain = try far.solver.pullback(at: x, cotangent: cotangent, method: .everything)
    let cheap = try far.solver.pullback(
      at: x, cotangent: cotangent, method: .checkpoints(slots: 5))
    #expect(cheap.value == plain.value)
  }

  @Test func momentumMustBeInvertible() {
    for momentum in [0, 1, -0.5, .nan] {
      #expect(throws: UnrollingError.self) { try ball(momentum: momentum, iterations: 3) }
    }
  }
}
