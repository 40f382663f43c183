import ImplicitDifferentiation

/// Pullbacks that take the last state for a fixed point: partial sums of `Bᵀ Σ (Aᵀ)ʲ w`.
struct FixedPointAdjoint<Input: TensorStructure, State: TensorStructure> {
  typealias Recording = StepRunner<Input, State>.Recording

  private var runner: StepRunner<Input, State>
  private let cotangent: (State) throws -> State
  private let estimateProducts: Int

  init(
    _ runner: StepRunner<Input, State>, _ cotangent: @escaping (State) throws -> State,
    estimateProducts: Int
  ) {
    self.runner = runner
    self.cotangent = cotangent
    self.estimateProducts = estimateProducts
  }

  private var iterations: Int { runner.solver.iterations }

  mutating func derivative(
    _ method: UnrollingMethod
  ) throws -> UnrolledDerivative<State, Input> {
    switch method {
    case .truncated(let last): try truncated(last)
    case .neumann(let terms): try series(terms: terms, relativeTolerance: nil)
    case .twoPhase(let tolerance, let limit):
      try series(terms: limit, relativeTolerance: tolerance)
    case .piggyback: try piggyback()
    case .oneStep, .everything, .everySteps, .checkpoints: try truncated(1)
    }
  }

  /// The last `count` steps are recorded and pulled back; the adjoint that arrives is dropped.
  private mutating func truncated(_ count: Int) throws -> UnrolledDerivative<State, Input> {
    let first = iterations - count
    var y = try runner.run(try runner.start(), over: 0..<first)
    var recordings: [Recording] = []
    for index in first..<iterations {
      let recording = try runner.record(y, iteration: index + 1)
      recordings.append(recording)
      y = recording.value
    }
    let w = try cotangent(y)
    var (adjoint, sum) = (w, Input?.none)
    for recording in recordings.reversed() {
      let pulled = try runner.pull(recording, adjoint)
      sum = sum?.adding(pulled.input) ?? pulled.input
      adjoint = pulled.state
    }
    return try result(y, sum, recordings[count - 1], omittedAfter: count, termsOf: w)
  }

  /// Terms at the last state, until there are enough or one is small enough.
  private mutating func series(
    terms limit: Int, relativeTolerance: Double?
  ) throws -> UnrolledDerivative<State, Input> {
    let before = try runner.run(try runner.start(), over: 0..<iterations - 1)
    let y = try runner.run(before, iteration: iterations)
    let recording = try runner.record(y, iteration: iterations + 1)
    let w = try cotangent(y)
    var (term, adjoint, sum) = (w, w, Input?.none)
    var last = w.length
    for count in 1...limit {
      let pulled = try runner.pull(recording, term, repeatedly: true)
      sum = sum?.adding(pulled.input) ?? pulled.input
      term = pulled.state
      guard let relativeTolerance else { continue }
      let (size, total) = (term.length, adjoint.length)
      guard size.isFinite else {
        throw UnrollingError.notFinite(what: "the adjoint", iteration: count)
      }
      // The first term that is left out, which comes with the product of the last one taken.
      if size <= relativeTolerance * total {
        return try result(
          y, sum, recording, omittedAfter: 0, termsOf: term, lastMove: y.distance(to: before))
      }
      if count == limit {
        throw UnrollingError.adjointNotConverged(
          terms: count, lastTerm: last / total, tolerance: relativeTolerance)
      }
      adjoint = adjoint.adding(term)
      last = size
    }
    return try result(
      y, sum, recording, omittedAfter: limit, termsOf: w, lastMove: y.distance(to: before))
  }

  /// The adjoint moves on with every state, which is forgotten then.
  private mutating func piggyback() throws -> UnrolledDerivative<State, Input> {
    var y = try runner.start()
    var adjoint = try cotangent(y)
    var change = adjoint
    for index in 0..<iterations {
      let recording = try runner.record(y, iteration: index + 1)
      let pulled = try runner.pull(recording, adjoint)
      y = recording.value
      if index == iterations - 1 {
        return try result(y, pulled.input, recording, omittedAfter: 1, termsOf: change)
      }
      runner.release(recording)
      let next = pulled.state.adding(try cotangent(y))
      change = next.adding(adjoint.scaled(by: -1))
      adjoint = next
      if adjoint.variables.contains(where: { !$0.isFinite }) {
        throw UnrollingError.notFinite(what: "the adjoint", iteration: index + 1)
      }
    }
    return try result(y, nil, nil, omittedAfter: 0, termsOf: adjoint)
  }

  /// The sum with its estimate: of the terms `Bᵀ(Aᵀ)ʲ w` those from `j = count` on are missing.
  private mutating func result(
    _ y: State, _ sum: Input?, _ recording: Recording?, omittedAfter count: Int,
    termsOf w: State, lastMove: Double? = nil
  ) throws -> UnrolledDerivative<State, Input> {
    var truncation: TruncationEstimate?
    if let recording, estimateProducts > 0 {
      let model = try KrylovModel(from: w.flattened(), products: estimateProducts) { vector in
        let pulled = try recording.pullback(try w.rebuilt(from: vector))
        return (pulled.state.flattened(), pulled.input.flattened())
      }
      runner.noteTemporary(bytes: model.bytes)
      truncation = TruncationEstimate(model, omittedAfter: count)
    }
    let move = lastMove ?? recording.map { y.distance(to: $0.point.state) } ?? 0
    return UnrolledDerivative(
      solution: y, value: sum ?? runner.x.zeroTangent,
      report: runner.report.judged(truncation, lastMove: move, size: y.length))
  }
}

extension TensorStructure {
  /// Every variable times a number.
  func scaled(by factor: Double) -> Self {
    mapTensors(isConstant: false) { tensor, isConstant in
      isConstant ? tensor : tensor.scaled(by: factor)
    }
  }
}
