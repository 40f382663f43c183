import ImplicitDifferentiation

/// Runs, records and multiplies with single steps, and keeps the books: what was done, and what is
/// held.
struct StepRunner<Input: TensorStructure, State: TensorStructure> {
  typealias Point = StepPoint<Input, State>
  typealias Recording = Linearization<Point, State>

  let solver: UnrolledSolver<Input, State>
  let x: Input
  private(set) var stepsRun = 0
  private(set) var stepsRecorded = 0
  private(set) var products = 0
  private(set) var peakSnapshots = 0
  private var snapshots = 0
  private var ledger = MemoryLedger()

  init(_ solver: UnrolledSolver<Input, State>, at x: Input) throws(UnrollingError) {
    if x.tensors.contains(where: \.isTraced) { throw .tracedInput }
    self.solver = solver
    self.x = x
  }

  // MARK: Steps

  func start() throws -> State { try finite(try solver.start(x), iteration: 0) }

  /// One step, not recorded; `iteration` counts from 1.
  mutating func run(_ y: State, iteration: Int) throws -> State {
    stepsRun += 1
    return try finite(try solver.step(x, y), iteration: iteration)
  }

  /// The state after the steps `range` (counted from 0), from that before them.
  mutating func run(_ y: State, over range: Range<Int>) throws -> State {
    var y = y
    for index in range { y = try run(y, iteration: index + 1) }
    return y
  }

  /// One step, recorded and held until it is released.
  mutating func record(_ y: State, iteration: Int) throws -> Recording {
    stepsRecorded += 1
    let recording = try linearization(at: Point(input: x, state: y)) { point in
      try solver.step(point.input, point.state)
    }
    _ = try finite(recording.value, iteration: iteration)
    ledger.hold(recording.memoryBlocks)
    return recording
  }

  private func finite(_ y: State, iteration: Int) throws(UnrollingError) -> State {
    if y.variables.allSatisfy(\.isFinite) { return y }
    throw .notFinite(what: "the state", iteration: iteration)
  }

  // MARK: Products

  /// `(Bᵀ cotangent, Aᵀ cotangent)`; `repeatedly` if there are more products with this recording
  /// to come.
  mutating func pull(
    _ recording: Recording, _ cotangent: State, repeatedly: Bool = false
  ) throws -> Point {
    products += 1
    return try repeatedly ? recording.pullback(cotangent) : recording.sweptPullback(cotangent)
  }

  /// `B input + A state`.
  mutating func push(
    _ recording: Recording, _ input: Input, _ state: State, repeatedly: Bool = false
  ) throws -> State {
    products += 1
    let tangent = Point(input: input, state: state)
    return try repeatedly ? recording.pushforward(tangent) : recording.sweptPushforward(tangent)
  }

  // MARK: What is held

  mutating func keep(_ y: State) {
    snapshots += 1
    peakSnapshots = Swift.max(peakSnapshots, snapshots)
    ledger.hold(y.memoryBlocks)
  }

  mutating func drop(_ y: State) {
    snapshots -= 1
    ledger.release(y.memoryBlocks)
  }

  mutating func release(_ recording: Recording) { ledger.release(recording.memoryBlocks) }

  /// Vectors that an estimate works with, for as long as it runs.
  mutating func noteTemporary(bytes: Int) {
    temporaryPeak = Swift.max(temporaryPeak, ledger.bytes + bytes)
  }
  private var temporaryPeak = 0

  var report: UnrollingReport {
    var report = UnrollingReport()
    report.stepsRun = stepsRun
    report.stepsRecorded = stepsRecorded
    report.stepsRepeated = stepsRun + stepsRecorded - solver.iterations
    report.products = products
    report.peakBytes = Swift.max(ledger.peak, temporaryPeak)
    report.peakSnapshots = peakSnapshots
    return report
  }
}
