/// Seconds of processor time of a call, all threads together.
///
/// On a quiet machine that is the time on the clock, for what runs on one thread; on a busy one, the
/// time in which others had the processor is left out.
package struct CallTimes {
  /// One number for each batch: the mean of its calls.
  package private(set) var seconds: [Double] = []

  private var batch = 1

  package init() {}

  /// Batches are at least as long as this, so that reading the time does not count.
  private static let shortestBatch = 2e-4

  package var median: Double { seconds.median }

  /// What a tenth of the batches stay below: nearly what a quiet machine needs. (Not the least time: where
  /// a hypervisor takes the processor away, single readings of processor time come out too small.)
  package var low: Double { seconds.isEmpty ? .nan : seconds.sorted()[seconds.count / 10] }

  /// Calls `run` for at least `turn` seconds, and at least once, and adds what the calls took.
  ///
  /// - Returns: what the last call returned.
  package mutating func measure<Result>(turn: Double, _ run: () throws -> Result) rethrows -> Result
  {
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
