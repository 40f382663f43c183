import Comparison
import ImplicitDifferentiation
import Testing

/// Approximate derivatives on iterations with a closed form.
struct FixedPointMethodsTests {
  private let M: Tensor = [[0.5, 0.2, 0], [-0.1, 0.3, 0.4], [0.25, 0, 0.2]]
  private let w = Tensor([1, -2, 0.5])

  /// `Σ_{j<k} (Mᵀ)ʲ w`.
  private func partialSum(_ M: Tensor, _ k: Int) -> Tensor {
    var (term, sum) = (w, w)
    for _ in 1..<k {
      term = matmul(M, term)
      sum += term
    }
    return sum
  }

  /// For a linear map all of them are the same partial sum.
  @Test(arguments: [1, 2, 5, 17]) func partialSums(_ k: Int) throws {
    let solver = UnrollingProblems.linear(M, iterations: 17)
    var methods: [UnrollingMethod] = [.neumann(terms: k), .truncated(last: k)]
    if k == 1 { methods.append(.oneStep) }
    if k == 17 { methods.append(.piggyback) }
    for method in methods {
      let pulled = try solver.pullback(at: [1, 2, 3], cotangent: w, method: method)
      #expect(relativeError(pulled.value, partialSum(M.transposed(), k)) <= 1e-14, "\(method)")
      let pushed = try solver.pushforward(at: [1, 2, 3], along: w, method: method)
      #expect(relativeError(pushed.value, partialSum(M, k)) <= 1e-14, "\(method)")
      #expect(pulled.report.warnings.first == .wrongAtSecondOrder)
      #expect(pushed.report.warnings.first == .wrongAtSecondOrder)
    }
  }

  @Test func costs() throws {
    let solver = UnrollingProblems.nonlinear([0.8, 0.4, 0.2], iterations: 50)
    func report(_ method: UnrollingMethod) throws -> UnrollingReport {
      try solver.pullback(
        at: [0.1, 0.2, 0.3], cotangent: w, method: method, estimateProducts: 0
      ).report
    }
    let one = try report(.oneStep)
    #expect((one.stepsRun, one.stepsRecorded, one.products) == (49, 1, 1))
    #expect(one.stepsRepeated == 0)
    let last = try report(.truncated(last: 10))
    #expect((last.stepsRun, last.stepsRecorded, last.products) == (40, 10, 10))
    #expect(last.peakBytes > 5 * one.peakBytes)
    let series = try report(.neumann(terms: 10))
    #expect((series.stepsRun, series.stepsRecorded, series.products) == (50, 1, 10))
    #expect(series.stepsRepeated == 1)
    #expect(series.peakBytes == one.peakBytes)
    let along = try report(.piggyback)
    #expect((along.stepsRun, along.stepsRecorded, along.products) == (0, 50, 50))
    #expect(along.peakBytes == one.peakBytes)
    #expect(along.truncation == nil)
  }

  /// All of them, taken far enough, give the derivative of the fixed point.
  @Test(arguments: [
    UnrollingMethod.truncated(last: 300), .neumann(terms: 300), .piggyback,
    .twoPhase(relativeTolerance: 1e-12),
  ])
  func convergedDerivatives(_ method: UnrollingMethod) throws {
    let eigenvalues = [0.9, 0.5, -0.6]
    let solver = UnrollingProblems.nonlinear(eigenvalues, iterations: 600)
    let x = Tensor([0.3, -0.1, 0.2])
    let pulled = try solver.pullback(at: x, cotangent: w, method: method)
    let jacobian = try UnrollingProblems.nonlinearJacobian(eigenvalues, at: pulled.solution)
    #expect(relativeError(pulled.value, matmul(w, jacobian)) <= 1e-10)
    let pushed = try solver.pushforward(at: x, along: w, method: method)
    #expect(relativeError(pushed.value, matmul(jacobian, w)) <= 1e-10)
    #expect(pulled.report.warnings == [.wrongAtSecondOrder])
  }

  /// Piggyback adjoints follow a loss whose gradient changes with the state.
  @Test func piggybackFollowsTheLoss() throws {
    let solver = UnrollingProblems.nonlinear([0.8, 0.3], iterations: 200)
    let x = Tensor([0.4, -0.2])
    let lossGradient: (Tensor) -> Tensor = { y in y * y * y }
    let pulled = try solver.pullback(at: x, cotangent: lossGradient, method: .piggyback)
    let plain = try solver.pullback(at: x, cotangent: lossGradient, method: .everything)
    #expect(relativeError(pulled.value, plain.value) <= 1e-12)
  }

  // MARK: Second order

  /// One step of Newton's method is exact at first order and says zero at second, where
  /// `√x` has `−1/(4 x^{3/2})`.
  @Test func oneStepIsWrongAtSecondOrder() throws {
    let solver = UnrollingProblems.babylonian(iterations: 8)
    func second(_ f: (Tensor) throws -> Tensor) throws -> (first: Double, second: Double) {
      let result = try valueAndPushforward(at: Tensor(2), along: 1) { x in
        try valueAndPushforward(at: x, along: 1, of: f).tangent
      }
      return (result.value.scalar, result.tangent.scalar)
    }
    let root = 2.0.squareRoot()
    let truth = (first: 1 / (2 * root), second: -1 / (8 * root))
    let unrolled = try second { x in try solver(x) }
    #expect((unrolled.first - truth.first).magnitude <= 1e-15)
    #expect((unrolled.second - truth.second).magnitude <= 1e-15)
    let oneStep = try second { x in try solver.truncated(x, last: 1) }
    #expect((oneStep.first - truth.first).magnitude <= 1e-15)
    #expect(oneStep.second.magnitude <= 1e-15)
    // Two steps: exact at second order too, as each doubles the digits of the derivative.
    let twoSteps = try second { x in try solver.truncated(x, last: 2) }
    #expect((twoSteps.second - truth.second).magnitude <= 1e-12)
    let pulled = try solver.pullback(at: Tensor(2), cotangent: Tensor(1), method: .oneStep)
    #expect((pulled.value.scalar - truth.first).magnitude <= 1e-15)
    #expect(pulled.report.warnings == [.wrongAtSecondOrder])
  }

  /// The second derivative of `k` steps from a constant lacks terms of order `k ρᵏ`; with `√x` the
  /// fixed point of `y + (x − y²)/5`, `ρ = 1 − 0.4 √2`.
  @Test func truncatedConvergesAtSecondOrder() throws {
    let solver = UnrolledSolver<Tensor, Tensor>(
      start: { _ in Tensor(1) }, step: { x, y in y + 0.2 * (x - y * y) }, iterations: 80)
    let truth = -1 / (8 * 2.0.squareRoot())
    let rho = 1 - 0.4 * 2.0.squareRoot()
    for k in [5, 10, 20] {
      let second = try valueAndPushforward(at: Tensor(2), along: 1) { x in
        try valueAndPushforward(at: x, along: 1) { x in try solver.truncated(x, last: k) }.tangent
      }.tangent.scalar
      var size = Double(k)
      for _ in 0..<k { size *= rho }
      let ratio = (second - truth).magnitude / size
      #expect(ratio > 0.05 && ratio < 1, "\(k): \(ratio)")
    }
  }

  /// `truncated(_:last:)` of all steps from a constant start is the solver.
  @Test func truncatedFunction() throws {
    let solver = UnrollingProblems.nonlinear([0.8, 0.3], iterations: 9)
    let x = Tensor([0.4, -0.2])
    #expect(try solver.truncated(x, last: 9) == solver(x))
    #expect(try solver.truncated(x, last: 0) == solver(x))
    let some = try linearization(at: x) { x in try solver.truncated(x, last: 4) }
    let direct = try solver.pullback(at: x, cotangent: [1, 2], method: .truncated(last: 4))
    #expect(relativeError(try some.pullback([1, 2]), direct.value) <= 1e-14)
  }

  // MARK: Errors

  @Test func errors() throws {
    let solver = UnrollingProblems.linear([[2]], iterations: 4)
    // 1 + 2 + … + 2048 = 4095
    let growing = UnrollingError.adjointNotConverged(
      terms: 12, lastTerm: 2048.0 / 4095, tolerance: 1e-10)
    #expect(throws: growing) {
      try solver.pullback(at: [1], cotangent: [1], method: .twoPhase(maximumTerms: 12))
    }
    #expect(throws: growing) {
      try solver.pushforward(at: [1], along: [1], method: .twoPhase(maximumTerms: 12))
    }
    for method in [
      UnrollingMethod.everySteps(0), .checkpoints(slots: 0), .truncated(last: 0),
      .truncated(last: 5), .neumann(terms: 0), .twoPhase(relativeTolerance: 0),
    ] {
      #expect(throws: UnrollingError.self, "\(method)") {
        try solver.pullback(at: [1], cotangent: [1], method: method)
      }
      #expect(throws: UnrollingError.self, "\(method)") {
        try solver.pushforward(at: [1], along: [1], method: method)
      }
    }
    let empty = UnrollingProblems.linear([[2]], iterations: 0)
    #expect(throws: UnrollingError.self) {
      try empty.pullback(at: [1], cotangent: [1], method: .oneStep)
    }
    let broken = UnrolledSolver<Tensor, Tensor>(
      start: { _ in Tensor([1]) }, step: { x, y in log(y - x) }, iterations: 5)
    #expect(throws: UnrollingError.notFinite(what: "the state", iteration: 1)) {
      try broken.pullback(at: [1], cotangent: [1], method: .checkpoints(slots: 2))
    }
    #expect(throws: UnrollingError.tracedInput) {
      try valueAndPushforward(at: Tensor([1]), along: Tensor([1])) { x in
        try solver.pullback(at: x, cotangent: [1], method: .oneStep).value
      }
    }
  }
}
