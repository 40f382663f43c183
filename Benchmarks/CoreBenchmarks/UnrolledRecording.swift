import ImplicitDifferentiation

/// What unrolled differentiation pays for each iteration of `y += 0.01 (x − y·y)`: bytes recorded,
/// and the time to record, to compile, to transpose and to pull a cotangent back. Ten times the
/// iterations must cost ten times as much, no more.
func benchmarkUnrolledRecording(
  count n: Int, _ settings: Settings, into report: inout Report
) throws {
  let clock = ContinuousClock()
  var generator = SplitMix64(seed: 115)
  let x = Tensor((0..<n).map { _ in 1 + generator.unit() })
  let cotangent = Tensor(generator.symmetric(count: n))
  let name = "unrolled recording, n = \(n)"
  for iterations in settings.quick ? [100, 1000] : [1000, 10_000] {
    var (recording, compiling, transposing, pulling) = (
      [Double](), [Double](), [Double](), [Double]()
    )
    var bytes = 0
    for _ in 0..<3 {
      var start = clock.now
      func lap() -> Double {
        defer { start = clock.now }
        return start.duration(to: clock.now).inSeconds / Double(iterations)
      }
      let recorded = try linearization(at: x) { x in
        var y = Tensor(repeating: 1, shape: [n])
        for _ in 0..<iterations { y += 0.01 * (x - y * y) }
        return y
      }
      recording.append(lap())
      bytes = recorded.recordedBytes
      start = clock.now
      // The first product compiles, the first transposed one transposes.
      _ = try recorded.pushforward(x)
      let first = lap()
      _ = try recorded.pushforward(x)
      compiling.append(first - lap())
      _ = try recorded.pullback(cotangent)
      let firstBack = lap()
      _ = try recorded.pullback(cotangent)
      let back = lap()
      transposing.append(firstBack - back)
      pulling.append(back)
    }
    func add(_ what: String, _ seconds: [Double]) {
      report.add(
        Finding(
          benchmark: name, contestant: "\(iterations) iterations: \(what), each",
          value: seconds.median, least: seconds.min()))
    }
    report.add(
      Finding(
        benchmark: name, contestant: "\(iterations) iterations: recorded, each",
        value: Double(bytes) / Double(iterations), unit: "bytes"))
    add("record", recording)
    add("compile", compiling)
    add("transpose", transposing)
    add("pull back", pulling)
  }
}
