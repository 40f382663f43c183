import Foundation
import LiteratePages
import Measurement
import PeerProblems

/// Measures how time and memory grow with `n`, prints a line for each size, and writes the results to
/// the file of `--json`.
///
/// - Returns: 1 if a size was refused.
func measureGrowth(_ settings: Settings) throws -> Int32 {
  var results = GrowthResults(nativeCPU: isNativeCPU, caches: cacheSizes(), rows: [])
  for series in GrowthSeries.all
  where settings.only.isEmpty || settings.only.contains(series.problem) {
    let empty = peakBytes(of: series, count: 10)
    for n in settings.sizes.isEmpty ? series.sizes : settings.sizes {
      var row = try measureGrowth(of: series, count: n, settings)
      if row.failure == nil, let empty, let peak = peakBytes(of: series, count: n) {
        row.bytes = max(peak - empty, 0)
      }
      results.rows.append(row)
      print(line(row))
      fflush(nil)
    }
    let time = results.timeExponent(series.problem)
    let memory = results.memoryExponent(series.problem) ?? .nan
    print(
      "  time as n^\(shortened(time)), promised \(series.exponents.time); "
        + "memory as n^\(shortened(memory)), promised \(series.exponents.memory)")
  }
  for loop in GrowthSeries.loops where settings.only.isEmpty {
    for n in loop.sizes {
      let plain = PlainLoop(vectors: loop.vectors(n), count: n)
      var times = CallTimes()
      for _ in 0...settings.rounds {
        _ = times.measure(turn: settings.turn) { plain.run() }
      }
      let row = GrowthResults.Row(
        problem: loop.name, n: n, clock: "loop", low: times.low, median: times.median,
        calls: times.seconds.count)
      results.rows.append(row)
      print(line(row))
    }
    print(
      "  time as n^\(shortened(results.timeExponent(loop.name))), operations as n^\(loop.exponent)")
  }
  if let file = settings.json { try results.write(to: file) }
  return results.rows.contains { $0.failure != nil } ? 1 : 0
}

private func measureGrowth(
  of series: GrowthSeries, count n: Int, _ settings: Settings
) throws -> GrowthResults.Row {
  var row = GrowthResults.Row(problem: series.problem, n: n, clock: series.clock.rawValue, calls: 0)
  let tasks = try Settings.problem(series.problem).init(count: n).tasks
  guard let task = tasks.first(where: { $0.clock == series.clock }) else {
    throw UsageError(description: "\(series.problem) has no clock \(series.clock.rawValue).")
  }
  var times = CallTimes()
  do {
    // A first call warms up and is not counted.
    var gradient = try task.run()
    let (system, all) = (systemTimeOfAllThreads(), processorTimeOfAllThreads())
    for _ in 0..<settings.rounds {
      gradient = try times.measure(turn: settings.turn, task.run)
    }
    row.systemShare =
      (systemTimeOfAllThreads() - system) / (processorTimeOfAllThreads() - all)
    (row.low, row.median, row.calls) = (times.low, times.median, times.seconds.count)
    if n <= series.referenceLimit {
      row.error = relativeError(gradient, try task.reference())
    }
  } catch {
    row.failure = "\(error)"
  }
  return row
}

/// What a process of its own occupies at most while it computes one gradient; `nil` where the system
/// does not tell.
private func peakBytes(of series: GrowthSeries, count n: Int) -> Int? {
  let name = "growth-\(ProcessInfo.processInfo.processIdentifier)"
  let file = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
  defer { try? FileManager.default.removeItem(atPath: file) }
  let ended = runChild(
    CommandLine.arguments[0],
    [
      "--once", "--only", series.problem, "--clock", series.clock.rawValue, "--size", "\(n)",
    ], output: file, errors: "/dev/null")
  guard ended?.status == 0, let data = FileManager.default.contents(atPath: file) else {
    return nil
  }
  return try? JSONDecoder().decode(Peak.self, from: data).peakBytes
}

/// What `--once` prints.
private struct Peak: Decodable {
  var peakBytes: Int?
}

private func line(_ row: GrowthResults.Row) -> String {
  let head = row.problem.padded(to: 16) + "\(row.n)".aligned(to: 8)
  guard let low = row.low, let median = row.median else { return head + "  " + (row.failure ?? "") }
  return head + duration(median).aligned(to: 11) + "  low" + duration(low).aligned(to: 10)
    + duration(low / Double(row.n)).aligned(to: 10) + " each  error"
    + (row.error.map(shortened) ?? "").aligned(to: 10)
    + (row.bytes.map { "\($0 / row.n)" } ?? "").aligned(to: 8) + " bytes each"
    + (row.systemShare.map { shortened($0) } ?? "").aligned(to: 8) + " of it in the system"
}

/// Whether the kernels were built for this machine.
private var isNativeCPU: Bool {
  #if NativeCPU
    return true
  #else
    return false
  #endif
}

/// Bytes of the second- and the third-level cache, where the system tells: Linux.
private func cacheSizes() -> [Int] {
  [2, 3].compactMap { index in
    let file = "/sys/devices/system/cpu/cpu0/cache/index\(index)/size"
    // "1024K"
    guard let data = FileManager.default.contents(atPath: file) else { return nil }
    let text = String(decoding: data, as: UTF8.self)
    return Int(text.prefix { $0.isNumber }).map { 1024 * $0 }
  }
}
