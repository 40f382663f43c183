import Measurement

/// Seconds of processor time of a call, all threads together.
///
/// On a quiet machine that is the time on the clock, for what runs on one thread; on a busy one, the
/// time in which others had the processor is left out.
struct CallTimes {
  /// One number for each batch: the mean of its calls.
  private(set) var seconds: [Double] = []

  private var batch = 1

  /// Batches are at least as long as this, so that reading the time does not count.
  private static let shortestBatch = 2e-4

  var median: Double { seconds.median }

  /// What a tenth of the batches stay below: nearly what a quiet machine needs. (Not the least time: where
  /// a hypervisor takes the processor away, single readings of processor time come out too small.)
  var low: Double { seconds.isEmpty ? .nan : seconds.sorted()[seconds.count / 10] }

  /// Calls `run` for at least `turn` seconds, and at least once, and adds what the calls took.
  ///
  /// - Returns: what the last call returned.
  mutating func measure<Result>(turn: Double, _ run: () throws -> Result) rethrows -> Result {
    var used = 0.0
    while true {
      let start = processorTimeOfAllThreads()
      for _ in 1..<batch { _ = try run() }
      let result = try run()
      let elapsed = processorTimeOfAllThreads() - start
      used += elapsed
      if elapsed < CallTimes.shortestBatch, used < turn {
        batch *= 2
        continue
      }
      seconds.append(elapsed / Double(batch))
      if used >= turn { return result }
    }
  }
}

/// What was measured of one task.
struct Measured {
  var problem: String
  var count: Int
  var clock: String
  var times: CallTimes
  var error: Double
  /// The sentence of whatever went wrong instead.
  var failure: String?

  var line: String {
    let head = problem.padded(to: 22) + "\(count)".aligned(to: 7) + "  " + clock.padded(to: 17)
    if let failure { return head + "  " + failure }
    return head + duration(times.median).aligned(to: 11) + "  low"
      + duration(times.low).aligned(to: 10) + "  error"
      + (error < 1e-15 ? "< 1e-15" : shortened(error)).aligned(to: 10)
  }

  var json: String {
    func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
    return """
      {"problem": "\(problem)", "n": \(count), "clock": "\(clock)", \
      "median": \(number(times.median)), "low": \(number(times.low)), \
      "calls": \(times.seconds.count), "error": \(number(error)), \
      "failure": \(failure.map(jsonString) ?? "null")}
      """
  }
}

/// A string as JSON has it.
func jsonString(_ text: String) -> String {
  var quoted = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": quoted += "\\\""
    case "\\": quoted += "\\\\"
    case "\n": quoted += "\\n"
    case "\t": quoted += "\\t"
    default: quoted.unicodeScalars.append(scalar)
    }
  }
  return quoted + "\""
}
