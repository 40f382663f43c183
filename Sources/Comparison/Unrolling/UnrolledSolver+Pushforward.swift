import ImplicitDifferentiation

extension UnrolledSolver {
  /// The tangent of the last state, from that of the input.
  ///
  /// Forwards nothing has to be remembered: the tangent moves on with the state, and each recording
  /// is dropped after its product. So all exact methods do the same here, and `piggyback` too,
  /// up to the start's tangent, which it leaves out.
  ///
  /// Parameters, costs and errors are those of `pullback(at:cotangent:method:estimateProducts:)`.
  public func pushforward(
    at x: Input, along tangent: Input, method: UnrollingMethod, estimateProducts: Int = 30
  ) throws -> UnrolledDerivative<State, State> {
    try method.validate(iterations: iterations)
    var push = TangentPush(
      try StepRunner(self, at: x), tangent, estimateProducts: estimateProducts)
    switch method {
    case .everything, .everySteps, .checkpoints:
      return try push.lastSteps(iterations, isExact: true)
    case .piggyback: return try push.lastSteps(iterations, isExact: false)
    case .truncated(let count): return try push.lastSteps(count, isExact: false)
    case .oneStep: return try push.lastSteps(1, isExact: false)
    case .neumann(let terms): return try push.series(terms: terms, relativeTolerance: nil)
    case .twoPhase(let tolerance, let limit):
      return try push.series(terms: limit, relativeTolerance: tolerance)
    }
  }
}

/// Pushforwards along the last steps, or as a series at the last state.
private struct TangentPush<Input: TensorStructure, State: TensorStructure> {
  typealias Recording = StepRunner<Input, State>.Recording

  private var runner: StepRunner<Input, State>
  private let tangent: Input
  private let estimateProducts: Int

  init(_ runner: StepRunner<Input, State>, _ tangent: Input, estimateProducts: Int) {
    self.runner = runner
    self.tangent = tangent
    self.estimateProducts = estimateProducts
  }

  private var iterations: Int { runner.solver.iterations }

  /// `ẏ ← A ẏ + B ẋ` along the last steps: from the tangent of the start, or from zero.
  mutating func lastSteps(
    _ count: Int, isExact: Bool
  ) throws -> UnrolledDerivative<State, State> {
    var y = try runner.run(try runner.start(), over: 0..<iterations - count)
    var moved = y.zeroTangent
    if isExact {
      let start = try linearization(at: runner.x, of: runner.solver.start)
      moved = try start.pushforward(tangent)
    }
    var before = moved
    var last: Recording?
    for index in iterations - count..<iterations {
      let recording = try runner.record(y, iteration: index + 1)
      before = moved
      moved = try runner.push(recording, tangent, moved)
      if let last { runner.release(last) }
      last = recording
      y = recording.value
    }
    guard !isExact, let last else {
      return UnrolledDerivative(solution: y, value: moved, report: runner.report)
    }
    // The newest change is the last term that counts; those after it are missing.
    let change = moved.adding(before.scaled(by: -1))
    return try result(
      y, moved, last, omittedAfter: 1, termsOf: change, moves: y.distance(to: last.point.state))
  }

  /// `Σ Aʲ B ẋ` at the last state.
  mutating func series(
    terms limit: Int, relativeTolerance: Double?
  ) throws -> UnrolledDerivative<State, State> {
    let previous = try runner.run(try runner.start(), over: 0..<iterations - 1)
    let y = try runner.run(previous, iteration: iterations)
    let recording = try runner.record(y, iteration: iterations + 1)
    let still = runner.x.zeroTangent
    let first = try runner.push(recording, tangent, y.zeroTangent, repeatedly: true)
    var (term, sum, count) = (first, first, 1)
    func isSmall(_ tolerance: Double) -> Bool { term.length <= tolerance * sum.length }
    while count < limit, !(relativeTolerance.map(isSmall) ?? false) {
      term = try runner.push(recording, still, term, repeatedly: true)
      sum = sum.adding(term)
      count += 1
      if sum.variables.contains(where: { !$0.isFinite }) {
        throw UnrollingError.notFinite(what: "the tangent", iteration: count)
      }
    }
    if let relativeTolerance, !isSmall(relativeTolerance) {
      throw UnrollingError.adjointNotConverged(
        terms: count, lastTerm: term.length / sum.length, tolerance: relativeTolerance)
    }
    let move = y.distance(to: previous)
    // With a tolerance the last term says most about those that are missing.
    return relativeTolerance == nil
      ? try result(y, sum, recording, omittedAfter: limit, termsOf: first, moves: move)
      : try result(y, sum, recording, omittedAfter: 1, termsOf: term, moves: move)
  }

  private mutating func result(
    _ y: State, _ value: State, _ recording: Recording, omittedAfter count: Int,
    termsOf d: State, moves move: Double
  ) throws -> UnrolledDerivative<State, State> {
    var truncation: TruncationEstimate?
    if estimateProducts > 0 {
      let still = runner.x.zeroTangent
      let model = try KrylovModel(from: d.flattened(), products: estimateProducts) { vector in
        let state = try d.rebuilt(from: vector)
        let next = try recording.pushforward(StepPoint(input: still, state: state))
        return (next.flattened(), vector)
      }
      runner.noteTemporary(bytes: model.bytes)
      truncation = TruncationEstimate(model, omittedAfter: count)
    }
    return UnrolledDerivative(
      solution: y, value: value,
      report: runner.report.judged(truncation, lastMove: move, size: y.length))
  }
}
