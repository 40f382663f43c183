import Batches
import HandWritten
import ImplicitDifferentiation
import Measurement
import PeerProblems

/// A hundred independent tridiagonal problems, each solved by Newton's method and pulled back: a
/// loop over them against a `Batch`.
///
/// The time is that on the clock, since processor time adds up over threads. On a busy machine it
/// says little: other programs take the processors that the batch would use. So in each round plain
/// threads that share nothing show what can be gained at that moment; and the processor time of all
/// threads together shows whether tasks get in each other's way, whatever else is running. No ratio
/// is wanted of any.
func benchmarkBatch(_ settings: Settings, into report: inout Report) async throws {
  let (items, n) = (100, settings.quick ? 20 : 400)
  let problems = (0..<items).map { item in
    BatchItem(
      problem: CubicTridiagonal(count: n, lower: 1, upper: 0.5, seed: 300 + UInt64(item)))
  }
  let reference = problems.flatMap { $0.problem.pullbackByElimination() }
  let (one, all) = (Batch(tasksInFlight: 1), Batch())
  var seconds: [[Double]] = [[], [], []]
  var work: [[Double]] = [[], [], []]
  var results: [[Double]] = [[], [], []]
  func measure(_ contestant: Int) async throws {
    let clock = ContinuousClock()
    let start = clock.now
    let startOfWork = processorTimeOfAllThreads()
    switch contestant {
    case 0: results[0] = try problems.flatMap { try $0.solvedAndPulledBack() }
    default:
      let batch = contestant == 1 ? one : all
      results[contestant] = try await batch.results(of: problems) { try $0.solvedAndPulledBack() }
        .flatMap { try $0.get() }
    }
    let (whole, parts) = (clock.now - start).components
    work[contestant].append(processorTimeOfAllThreads() - startOfWork)
    seconds[contestant].append(Double(whole) + 1e-18 * Double(parts))
  }
  let order = [0, 1, 2]
  for contestant in order { try await measure(contestant) }  // warms up
  (seconds, work) = ([[], [], []], [[], [], []])
  var threads: [Double] = []
  for round in 0..<settings.rounds {
    for turn in order { try await measure((turn + round) % order.count) }
    let (serial, parallel) = PlainThreads.seconds(count: all.tasksInFlight)
    threads.append(serial / parallel)
  }
  let names = ["a loop", "Batch, 1 task in flight", "Batch, \(all.tasksInFlight) tasks in flight"]
  for (clock, times) in [("time on the clock", seconds), ("processor time of all threads", work)] {
    report.add(
      "\(items) problems solved and pulled back, n = \(n), \(clock)",
      order.map { index in
        Timing(
          name: names[index], seconds: times[index],
          error: relativeError(results[index], reference),
          ratio: zip(times[index], times[0]).map { $0 / $1 }.median)
      })
  }
  let speedups = zip(seconds[0], seconds[2]).map { $0 / $1 }
  for (name, values) in [("batch", speedups), ("plain threads, what the machine allows", threads)] {
    report.add(
      Finding(
        benchmark: "speed-up with \(all.tasksInFlight) tasks", contestant: "\(name), median",
        value: values.median, unit: "times"))
  }
  let differing = zip(results[0], results[2]).count { $0.bitPattern != $1.bitPattern }
  report.add(
    Finding(
      benchmark: "speed-up with \(all.tasksInFlight) tasks",
      contestant: "numbers whose bits differ from the loop's",
      value: Double(differing), unit: "of \(reference.count)", target: 0))
}

/// A problem and all that has to be done for it.
private struct BatchItem: Sendable {
  let problem: CubicTridiagonal

  /// Newton's method from zero, then one pullback.
  func solvedAndPulledBack() throws -> [Double] {
    let (lo, up) = (Tensor(problem.lower), Tensor(problem.upper))
    let n = problem.inputs.count
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        var y = Tensor.zeros([n])
        for _ in 0..<8 {
          let recorded = try linearization(at: y) { y in
            4 * y + y * y * y - lo * y.shifted(by: 1) - up * y.shifted(by: -1) - x
          }
          let step = try Automatic().solve(recorded.jacobian, recorded.value.scalars)
          y = y - Tensor(step.vector)
        }
        return y
      },
      conditions: .root { x, y in
        4 * y + y * y * y - lo * y.shifted(by: 1) - up * y.shifted(by: -1) - x
      })
    return try function.linearize(at: Tensor(problem.inputs)).pullback(Tensor(problem.direction))
      .value.scalars
  }
}
