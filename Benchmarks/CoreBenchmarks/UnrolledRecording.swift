import ImplicitDifferentiation
import Measurement

/// What unrolled differentiation pays for each iteration of `y += 0.01 (x − y·y)`: bytes recorded,
/// and the time to record, to compile, to transpose, to pull a cotangent back by the compiled
/// program, and to do it all at once by a sweep over the recording (`gradient(at:of:)`).
///
/// All of it must be linear in the number of iterations: with ten times as many, one iteration may
/// cost a little more, since the recording no longer fits into the caches, and not ten times.
func benchmarkUnrolledRecording(
  count n: Int, _ settings: Settings, into report: inout Report
) throws {
  var generator = SplitMix64(seed: 115)
  let x = Tensor((0..<n).map { _ in 1 + generator.unit() })
  let cotangent = Tensor(generator.symmetric(count: n))
  let name = "unrolled recording, n = \(n)"
  let lengths = settings.quick ? [100, 1000] : [1000, 10_000]
  let costs = try lengths.map { iterations in
    let cost = try UnrolledCost(at: x, cotangent, iterations: iterations)
    func add(_ what: String, _ seconds: [Double]) {
      report.add(
        Finding(
          benchmark: name, contestant: "\(iterations) iterations: \(what), each",
          value: seconds.median))
    }
    report.add(
      Finding(
        benchmark: name, contestant: "\(iterations) iterations: recorded, each",
        value: Double(cost.bytes) / Double(iterations), unit: "bytes"))
    add("record", cost.recording)
    add("compile", cost.compiling)
    add("transpose", cost.transposing)
    add("pull back", cost.pulling)
    add("gradient by a sweep", cost.sweeping)
    return cost
  }
  func growth(_ what: String, _ cost: (UnrolledCost) -> Double) {
    report.add(
      Finding(
        benchmark: name, contestant: "cost of one, \(lengths[1]) against \(lengths[0]): \(what)",
        value: cost(costs[1]) / cost(costs[0]), unit: "times", target: 3))
  }
  growth("record") { $0.recording.median }
  growth("compile and transpose") { $0.compiling.median + $0.transposing.median }
  growth("gradient by a sweep") { $0.sweeping.median }
}

/// Seconds per iteration, several times over.
private struct UnrolledCost {
  var bytes = 0
  var recording: [Double] = []
  var compiling: [Double] = []
  var transposing: [Double] = []
  var pulling: [Double] = []
  var sweeping: [Double] = []

  init(at x: Tensor, _ cotangent: Tensor, iterations: Int) throws {
    func unrolled(_ x: Tensor) -> Tensor {
      var y = Tensor.ones(x.shape)
      for _ in 0..<iterations { y += 0.01 * (x - y * y) }
      return y
    }
    func seconds(_ body: () throws -> Void) rethrows -> Double {
      try processorTime(of: body) / Double(iterations)
    }
    for _ in 0..<7 {
      let start = processorTime()
      let recorded = try linearization(at: x, of: unrolled)
      recording.append((processorTime() - start) / Double(iterations))
      bytes = recorded.recordedBytes
      // The first product compiles, the first transposed one transposes.
      let forward = try seconds { _ = try recorded.pushforward(x) }
      compiling.append(forward - (try seconds { _ = try recorded.pushforward(x) }))
      let backward = try seconds { _ = try recorded.pullback(cotangent) }
      pulling.append(try seconds { _ = try recorded.pullback(cotangent) })
      transposing.append(backward - pulling[pulling.count - 1])
      sweeping.append(seconds { _ = gradient(at: x) { unrolled($0).dot(cotangent) } })
    }
  }
}
