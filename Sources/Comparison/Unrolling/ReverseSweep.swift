import ImplicitDifferentiation

/// The way back over all steps: the adjoint of the state, and what it has left in the input so far.
///
/// Whatever is kept and recorded again, the products and sums are the same in the same order, so
/// every exact method returns the same bits.
struct ReverseSweep<Input: TensorStructure, State: TensorStructure> {
  typealias Recording = StepRunner<Input, State>.Recording

  var runner: StepRunner<Input, State>
  let cotangent: (State) throws -> State
  /// The last state, once it has been reached.
  private(set) var solution: State?
  private var adjoint: State?
  private var gathered: Input?

  init(_ runner: StepRunner<Input, State>, _ cotangent: @escaping (State) throws -> State) {
    self.runner = runner
    self.cotangent = cotangent
  }

  // MARK: Methods

  /// Records all steps on the way and keeps the recordings.
  mutating func reverseEverything(from start: State) throws {
    try reverse(from: start, over: 0..<runner.solver.iterations)
  }

  /// Keeps every `k`-th state, and records `k` steps at a time from the last one kept.
  mutating func reverse(from start: State, everySteps k: Int) throws {
    let count = runner.solver.iterations
    let starts = Array(stride(from: 0, to: count, by: k))
    var kept: [State] = []
    var y = start
    for first in starts {
      runner.keep(y)
      kept.append(y)
      if first + k < count { y = try runner.run(y, over: first..<first + k) }
    }
    for (first, state) in zip(starts, kept).reversed() {
      try reverse(from: state, over: first..<Swift.min(first + k, count))
      runner.drop(state)
      kept.removeLast()
    }
  }

  /// Keeps at most `slots` states, `start` among them.
  mutating func reverse(from start: State, slots: Int) throws {
    runner.keep(start)
    try reverse(from: start, over: 0..<runner.solver.iterations, slots: slots)
    runner.drop(start)
  }

  private mutating func reverse(from state: State, over range: Range<Int>, slots: Int) throws {
    var rest = range
    while rest.count > 1 {
      let advance = BinomialSchedule(steps: rest.count, slots: slots).firstAdvance
      let middle = rest.lowerBound + advance
      let y = try runner.run(state, over: rest.lowerBound..<middle)
      // A single step is recorded from where it stands.
      let isKept = rest.upperBound - middle > 1
      if isKept { runner.keep(y) }
      try reverse(from: y, over: middle..<rest.upperBound, slots: slots - 1)
      if isKept { runner.drop(y) }
      rest = rest.lowerBound..<middle
    }
    try reverse(from: state, over: rest)
  }

  // MARK: Recorded steps

  /// Records the steps of a range, then pulls them back, last one first.
  private mutating func reverse(from state: State, over range: Range<Int>) throws {
    var recordings: [Recording] = []
    var y = state
    for index in range {
      let recording = try runner.record(y, iteration: index + 1)
      y = recording.value
      recordings.append(recording)
    }
    while let recording = recordings.popLast() {
      try pull(recording)
      runner.release(recording)
    }
  }

  /// One step back. The first one met is the solver's last.
  mutating func pull(_ recording: Recording) throws {
    let pulled = try runner.pull(recording, try adjoint ?? arrive(at: recording.value))
    gathered = gathered?.adding(pulled.input) ?? pulled.input
    adjoint = pulled.state
  }

  private mutating func arrive(at solution: State) throws -> State {
    self.solution = solution
    return try cotangent(solution)
  }

  /// The start's part added: the cotangent of the input.
  mutating func finish(from start: State) throws -> (solution: State, cotangent: Input) {
    let atStart = try adjoint ?? arrive(at: start)
    let recording = try linearization(at: runner.x, of: runner.solver.start)
    let pulled = try recording.pullback(atStart)
    return (solution ?? start, gathered?.adding(pulled) ?? pulled)
  }
}
