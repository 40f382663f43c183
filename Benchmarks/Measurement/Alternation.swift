/// One side of a comparison.
package struct Contestant {
  package var name: String
  /// Runs it once; called many times in a row.
  package var run: () throws -> Void
  /// The largest error of its result, relative to the largest entry of the reference; computed
  /// after the contestant has run.
  package var error: () -> Double

  package init(name: String, run: @escaping () throws -> Void, error: @escaping () -> Double) {
    self.name = name
    self.run = run
    self.error = error
  }
}

/// What a contestant needed in each round.
package struct Timing {
  package var name: String
  /// Seconds per call, a number for each round.
  package var seconds: [Double]
  package var error: Double
  /// Median over the rounds of this contestant's time, divided by the first one's in that round.
  package var ratio: Double

  package init(name: String, seconds: [Double], error: Double, ratio: Double) {
    self.name = name
    self.seconds = seconds
    self.error = error
    self.ratio = ratio
  }

  package var median: Double { seconds.median }
  package var least: Double { seconds.min() ?? .nan }
}

/// Lets contestants take turns in one process, so that whatever else the machine does meets all
/// of them alike, and compares them round by round.
///
/// In each round every contestant runs for at least `turn` seconds, as often as that takes; which one
/// begins changes from round to round.
package func alternate(
  rounds: Int, turn: Double, _ contestants: [Contestant]
) throws -> [Timing] {
  var repetitions: [Int] = []
  for contestant in contestants {
    // A first call warms up (compiles, allocates) and is not counted.
    try contestant.run()
    var count = 1
    while true {
      let elapsed = try processorTime(of: { for _ in 0..<count { try contestant.run() } })
      if elapsed >= turn { break }
      count *= 2
    }
    repetitions.append(count)
  }
  var seconds = [[Double]](repeating: [], count: contestants.count)
  for round in 0..<rounds {
    for turn in contestants.indices {
      let index = (turn + round) % contestants.count
      let contestant = contestants[index]
      let count = repetitions[index]
      let elapsed = try processorTime(of: { for _ in 0..<count { try contestant.run() } })
      seconds[index].append(elapsed / Double(count))
    }
  }
  return contestants.indices.map { index in
    Timing(
      name: contestants[index].name, seconds: seconds[index],
      error: contestants[index].error(),
      ratio: zip(seconds[index], seconds[0]).map { $0 / $1 }.median)
  }
}

extension Array where Element == Double {
  package var median: Double {
    if isEmpty { return .nan }
    let sorted = sorted()
    let middle = count / 2
    return count % 2 == 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle])
  }
}

/// `max |aᵢ − bᵢ| / max |bᵢ|`; infinity where the counts differ, NaN where an entry is.
package func relativeError(_ a: [Double], _ b: [Double]) -> Double {
  if a.count != b.count { return .infinity }
  var (difference, scale) = (0.0, 0.0)
  for (p, q) in zip(a, b) {
    if !(abs(p - q) <= difference) { difference = abs(p - q) }
    scale = max(scale, abs(q))
  }
  return scale == 0 ? difference : difference / scale
}
