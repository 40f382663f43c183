import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import Testing

struct CheckpointTests {
  static let methods: [UnrollingMethod] = [
    .everySteps(1), .everySteps(7), .everySteps(1000), .checkpoints(slots: 1),
    .checkpoints(slots: 2), .checkpoints(slots: 5), .checkpoints(slots: 64),
  ]

  /// Two inputs and a constant, two states, a start that depends on the input.
  private struct Knobs: TensorStructure {
    var gain: Tensor
    var table: Tensor
    var shift: Tensor
    static var fields: [TensorField<Knobs>] {
      [.init("gain", \.gain), .constant("table", \.table), .init("shift", \.shift)]
    }
  }

  private let knobs = Knobs(
    gain: Tensor(0.7), table: [[0.5, -0.25, 0.1], [0.3, 0.2, -0.6], [-0.1, 0.4, 0.3]],
    shift: [0.2, -0.3, 0.5])
  private let cotangent = HeavyBallState(position: [1, -2, 0.5], velocity: [0.25, 1, -1])

  private func solver(_ iterations: Int) -> UnrolledSolver<Knobs, HeavyBallState> {
    UnrolledSolver(
      start: { x in HeavyBallState(position: x.shift * x.shift, velocity: x.shift) },
      step: { x, state in
        let velocity = 0.4 * state.velocity + x.shift
        return HeavyBallState(
          position: x.gain * tanh(matmul(x.table, state.position) + velocity),
          velocity: velocity)
      }, iterations: iterations)
  }

  /// The same bits, whatever is kept; and what one recording of all steps gives.
  @Test(arguments: [0, 1, 2, 23], CheckpointTests.methods)
  func equalsPlainUnrolling(_ iterations: Int, _ method: UnrollingMethod) throws {
    let solver = solver(iterations)
    let plain = try solver.pullback(at: knobs, cotangent: cotangent, method: .everything)
    let cheap = try solver.pullback(at: knobs, cotangent: cotangent, method: method)
    #expect(cheap.value.gain == plain.value.gain)
    #expect(cheap.value.shift == plain.value.shift)
    #expect(cheap.value.table.count == 0)
    #expect(cheap.solution.position == plain.solution.position)
    #expect(plain.report.stepsRepeated == 0)
    #expect(cheap.report.warnings.isEmpty)

    let whole = try linearization(at: knobs) { x in try solver(x) }
    #expect(whole.value.position == plain.solution.position)
    let pulled = try whole.pullback(cotangent)
    // Rounding of sums in another order.
    #expect(relativeError(plain.value.shift, pulled.shift) <= 1e-12)
    if iterations > 0 { #expect(relativeError(plain.value.gain, pulled.gain) <= 1e-12) }
  }

  /// Adjoint identity with the pushforward, start included.
  @Test(arguments: [0, 1, 23]) func isTransposeOfPushforward(_ iterations: Int) throws {
    let solver = solver(iterations)
    let pulled = try solver.pullback(at: knobs, cotangent: cotangent, method: .everything).value
    let tangent = Knobs(gain: Tensor(0.3), table: Tensor([Double]()), shift: [1, 0.5, -2])
    let pushed = try solver.pushforward(at: knobs, along: tangent, method: .everything)
    let left =
      (pushed.value.position.dot(cotangent.position) + pushed.value.velocity.dot(cotangent.velocity))
      .scalar
    let right = (pulled.gain * tangent.gain + pulled.shift.dot(tangent.shift)).scalar
    #expect((left - right).magnitude <= 1e-14 * 10)
    #expect(left.magnitude > 0.1)
    #expect(pushed.report.peakSnapshots == 0)
  }

  @Test(arguments: [1, 2, 3, 10, 50], [1, 2, 10, 97])
  func runsAsManyStepsAsTheTheory(_ slots: Int, _ iterations: Int) throws {
    let solver = UnrollingProblems.linear([[0.5]], iterations: iterations)
    let report = try solver.pullback(
      at: [1], cotangent: [1], method: .checkpoints(slots: slots)
    ).report
    let schedule = BinomialSchedule(steps: iterations, slots: slots)
    #expect(report.stepsRun == schedule.forwardSteps)
    #expect(report.stepsRepeated == schedule.forwardSteps)
    #expect(report.stepsRecorded == iterations)
    #expect(report.products == iterations)
    #expect(report.peakSnapshots <= slots)
    if iterations > slots { #expect(report.peakSnapshots == slots) }
  }

  @Test func everyFewSteps() throws {
    let report = try UnrollingProblems.linear([[0.5]], iterations: 20).pullback(
      at: [1], cotangent: [1], method: .everySteps(6)
    ).report
    // Starts at 0, 6, 12, 18: run to the last of them, and recorded from each.
    #expect(report.stepsRun == 18)
    #expect(report.stepsRecorded == 20)
    #expect(report.peakSnapshots == 4)
  }

  /// 10,000 steps under 2 % of the bytes, both against our own recordings of single steps and
  /// against one recording of the loop; and the bytes hardly grow with the steps.
  @Test func tenThousandStepsInTwoPercent() throws {
    let eigenvalues = [0.999, 0.99, 0.9]
    func solver(_ iterations: Int) -> UnrolledSolver<Tensor, Tensor> {
      UnrollingProblems.nonlinear(eigenvalues, iterations: iterations)
    }
    let x = Tensor([0.01, -0.02, 0.03])
    func bytes(_ iterations: Int, _ method: UnrollingMethod) throws -> (Tensor, Int) {
      let result = try solver(iterations).pullback(
        at: x, cotangent: [1, 2, 3], method: method)
      return (result.value, result.report.peakBytes)
    }
    let plain = try bytes(10_000, .everything)
    let cheap = try bytes(10_000, .checkpoints(slots: 20))
    #expect(cheap.0 == plain.0)
    #expect(Double(cheap.1) < 0.02 * Double(plain.1), "\(cheap.1) of \(plain.1)")
    let whole = try linearization(at: x) { x in try solver(10_000)(x) }
    #expect(Double(cheap.1) < 0.02 * Double(whole.recordedBytes))
    // At least the 20 states and nothing near a second recording.
    let recording = try bytes(1, .everything).1
    #expect(cheap.1 >= 19 * 3 * 8)
    #expect(cheap.1 <= recording + 20 * 3 * 8)
    #expect(try plain.1 - bytes(5_000, .everything).1 > 9 * plain.1 / 20)
  }
}
