import LiteratePages

/// The section on growth: what a million unknowns cost, and whether cost grows as promised.
struct GrowthPage {
  let results: GrowthResults

  private static let linearFigure = "Performance-growth.svg"
  private static let denseFigure = "Performance-growth-dense.svg"

  private var linear: [GrowthSeries] { answeredSeries.filter(\.isLinear) }
  private var dense: [GrowthSeries] { answeredSeries.filter { !$0.isLinear } }
  private var answeredSeries: [GrowthSeries] {
    GrowthSeries.all.filter { results.answered($0.problem).count > 1 }
  }

  func figures() throws -> [(name: String, figure: Figure)] {
    [
      (
        Self.linearFigure,
        try figure(
          "A million unknowns", linear,
          caption: "Time of a gradient against its size, both axes logarithmic: a power is a "
            + "line, and its exponent the slope. The dashed line is proportional to n.")
      ),
      (
        Self.denseFigure,
        try figure(
          "Where the matrix is full", dense,
          caption: "The same where there is a full matrix. The dashed lines are proportional to "
            + "n² and to n³.")
      ),
    ]
  }

  func markdown() throws -> [String] {
    let figures = try figures().map { name, figure in
      "![\(figure.title)](\(name))\n\n*\(figure.caption)*"
    }
    return [
      "## What happens with a million unknowns?",
      """
      Take the tridiagonal system above with $n = 10^6$. Written out, its Jacobian has $10^{12}$ entries, eight
      terabytes, and elimination would take $\\tfrac23 10^{18}$ operations, months of work. All but some
      $3\\cdot 10^6$ of the entries are zero, though, and within the band elimination takes a handful of
      operations for each unknown. So time should double when $n$ does, and so should memory. A single
      forgotten loop over pairs of unknowns would show: at ten times the size, it takes a hundred times as
      long.
      """,
      """
      We fit $t = c\\,n^p$ to the \(GrowthResults.fittedSizes) largest sizes, that is a line through the
      points of a double logarithmic plot. The exponent that the structure promises stands beside it.
      """,
      exponents(answeredSeries),
      caveat,
      table(linear, memory: "bytes per unknown"),
      figures[0],
    ] + caches + accuracy + [
      """
      A full matrix has $n^2$ entries, each of which has to be looked at, so no exponent below two can be
      promised. The bytes are given per entry of an $n \\times n$ matrix; data count as well.
      """,
      table(dense, memory: "bytes per n²"),
      figures[1],
    ] + lesserPowers + [
      """
      To repeat it: `swift run -c release --traits NativeCPU PeerBenchmarks --growth --json
      Benchmarks/peers/growth.json`, a few minutes. Memory is what a process of its own occupied at most
      while it computed one gradient, less what it occupied with ten unknowns; where that is less than a
      megabyte, the column is empty.
      """
    ]
  }

  // MARK: Tables

  private func exponents(_ series: [GrowthSeries]) -> String {
    let head = [
      "| problem | time, promised | measured | memory, promised | measured | why |",
      "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    let rows = series.map { series in
      let memory = results.memoryExponent(series.problem).map { exponent($0) } ?? ""
      return "| \(series.problem) | \(series.exponents.time) | "
        + "\(exponent(results.timeExponent(series.problem))) | \(series.exponents.memory) | "
        + "\(memory) | \(series.reason) |"
    }
    let loops = GrowthSeries.loops.filter { results.answered($0.name).count > 1 }.map { loop in
      "| *\(loop.name)* | \(loop.exponent) | \(exponent(results.timeExponent(loop.name))) "
        + "| | | a plain loop, for comparison |"
    }
    return (head + rows + loops).joined(separator: "\n")
  }

  /// Two decimals.
  private func exponent(_ value: Double) -> String { "\(digits(value < 1 ? 2 : 3, value))" }

  private func table(_ series: [GrowthSeries], memory: String) -> String {
    let head = [
      "| problem | n | ms | ns per unknown | \(memory) | error |",
      "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    let rows = series.flatMap { series in
      results.rows.filter { $0.problem == series.problem }.map { row in
        guard let low = row.low else {
          return "| \(row.problem) | \(row.n) | refused | | | |"
        }
        let n = Double(row.n)
        let unit = series.isLinear ? n : n * n
        // Less is a matter of pages and of the allocator.
        let bytes = row.bytes.flatMap { $0 < 1_000_000 ? nil : digits(2, Double($0) / unit) }
        let cells = [
          row.problem, "\(row.n)", "\(digits(2, 1e3 * low))", "\(digits(2, 1e9 * low / n))",
          bytes.map { "\($0)" } ?? "",
          row.error.map { "\(measured($0))" } ?? "",
        ]
        return "| " + cells.joined(separator: " | ") + " |"
      }
    }
    return (head + rows).joined(separator: "\n")
  }

  // MARK: What the numbers say

  /// The least time per unknown, and that of the largest size.
  private func perUnknown(_ series: GrowthSeries) -> (least: Double, at: Int, last: Double)? {
    let rows = results.answered(series.problem)
    let times = rows.map { ($0.low ?? .nan) / Double($0.n) }
    guard let least = times.indices.min(by: { times[$0] < times[$1] }), let last = times.last else {
      return nil
    }
    return (times[least], rows[least].n, last)
  }

  /// What the plain loops have to say about the exponents of the gradients.
  private var caveat: String {
    let off = answeredSeries.filter {
      results.timeExponent($0.problem) > Double($0.exponents.time) + 0.1
    }
    if off.isEmpty { return "None is more than 0.1 above its promise." }
    let loops = GrowthSeries.loops.compactMap { loop -> String? in
      let rows = results.answered(loop.name)
      let times = rows.map { ($0.low ?? .nan) / (Double($0.n) * Double(loop.vectors($0.n))) }
      guard let last = rows.last, let nearby = times.min(), let far = times.last else { return nil }
      return "\(digits(2, far / nearby)) times as long at n = \(last.n) (*\(loop.name)*)"
    }
    return """
      Above the promise by more than 0.1: \(off.map(\.problem).joined(separator: ", ")). A promise is about
      operations, not about how long a number is on its way to the processor. The last two rows measure
      that alone: a loop adds up numbers as fast as the machine can, and does nothing else. For a number it takes
      \(loops.joined(separator: " and ")) as where numbers are near.
      """
  }

  private var caches: [String] {
    let rises = linear.compactMap { series in perUnknown(series).map { (series.problem, $0) } }
      .filter { $0.1.last > 1.25 * $0.1.least }
    if rises.isEmpty || results.caches.count < 2 { return [] }
    let (second, third) = (results.caches[0], results.caches[1])
    let list = rises.map { problem, times in
      "\(problem) from \(digits(2, 1e9 * times.least)) ns at n = \(times.at) to "
        + "\(digits(2, 1e9 * times.last)) ns"
    }
    let shares = linear.compactMap { results.answered($0.problem).last?.systemShare }
    let system =
      shares.min().flatMap { least in
        shares.max().map { most in
          """
          With the most unknowns, \(digits(2, 100 * least)) to \(digits(2, 100 * most)) % of the time is the operating system's, which
          hands out memory in pages and clears each.
          """
        }
      } ?? ""
    return [
      """
      Per unknown, time falls at first, since what is done once is shared by more of them. Then it rises
      again: \(list.joined(separator: "; ")). What has changed is the distance to the numbers. A vector of $n$
      numbers takes $8n$ bytes, and a gradient keeps dozens of them. The second-level cache of this processor holds \(second / (1 << 20)) MiB,
      dozens of vectors of a few thousand numbers; the third-level cache, which is shared with others, \(third / (1 << 20)) MiB, dozens of
      vectors of \(digits(1, Double(third) / 8 / 50)) or so. Beyond that they come from main memory. \(system)
      """
    ]
  }

  /// Where a promised power has not taken over yet.
  private var lesserPowers: [String] {
    guard let last = results.answered("qp").last else { return [] }
    return [
      """
      The quadratic programs are still too small for their cube: up to n = \(last.n) the lesser powers count as
      much.
      """
    ]
  }

  private var accuracy: [String] {
    guard let last = results.answered("bratu").last, let error = last.error else { return [] }
    let condition = 4 * Double(last.n) * Double(last.n) / (Double.pi * Double.pi)
    return [
      """
      The error of the Bratu equation grows, too, and must: the condition number of second differences is
      $4 (n+1)^2/\\pi^2$, here \(digits(1, condition)), and rounding is magnified by it. At n = \(last.n) the gradient is answered
      with an error of \(measured(error)).
      """
    ]
  }

  // MARK: Plots

  private func figure(
    _ title: String, _ series: [GrowthSeries], caption: String
  ) throws -> Figure {
    var curves = series.map { series in
      let rows = results.answered(series.problem)
      return Plot.Series.lineWithPoints(
        series.problem, x: rows.map { Double($0.n) }, y: rows.map { 1e3 * ($0.low ?? .nan) })
    }
    // Below the last series of each exponent, over its sizes.
    for power in Set(series.map(\.exponents.time)).sorted() {
      guard let guided = series.last(where: { $0.exponents.time == power }) else { continue }
      let rows = results.answered(guided.problem)
      guard let first = rows.first, let last = rows.last, let low = last.low else { continue }
      let ratio = Double(last.n) / Double(first.n)
      let end = 1e3 * low / 2
      let start = (0..<power).reduce(end) { value, _ in value / ratio }
      curves.append(
        .line(
          ["n", "n²", "n³"][power - 1], x: [Double(first.n), Double(last.n)], y: [start, end],
          dashed: true))
    }
    return try Plot(
      title, x: .logarithmic("n"), y: .logarithmic("milliseconds"), curves, caption: caption
    ).figure()
  }
}
