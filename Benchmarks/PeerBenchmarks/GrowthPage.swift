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
          "A million unknowns", linear, guides: [1],
          caption:
            "Time of a gradient against its size, both axes logarithmic: a power is a line, and its "
            + "exponent the slope. The dashed line is proportional to n.")
      ),
      (
        Self.denseFigure,
        try figure(
          "Where the matrix is full", dense, guides: [2, 3],
          caption:
            "The same where there is a full matrix. The dashed lines are proportional to n² and to n³."
        )
      ),
    ]
  }

  func markdown() throws -> [String] {
    let figures = try figures().map {
      "![\($0.figure.title)](\($0.name))\n\n*\($0.figure.caption)*"
    }
    return [
      "## What happens with a million unknowns?",
      """
      Take the tridiagonal system above with $n = 10^6$. Written out, its Jacobian has $10^{12}$ entries, eight
      terabytes, and elimination would take $\\tfrac23 10^{18}$ operations, months of work. All but
      $3\\cdot 10^6$ of the entries are zero, though, and within the band elimination takes a handful of operations for each unknown. So time should
      double when $n$ does, and so should memory. A single forgotten loop over pairs of unknowns would show: at ten times the size,
      it takes a hundred times as long.
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
      """
      To repeat it: `swift run -c release --traits NativeCPU PeerBenchmarks --growth --json
      Benchmarks/peers/growth.json`, a few minutes. Memory is what a process of its own occupied at most
      while it computed one gradient, less what it occupied with ten unknowns; below some megabytes that is
      mostly the granularity of the allocator.
      """,
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
    return (head + rows).joined(separator: "\n")
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
        let bytes = row.bytes.map { "\(digits(2, Double($0) / unit))" } ?? ""
        return
          "| \(row.problem) | \(row.n) | \(digits(2, 1e3 * low)) | \(digits(2, 1e9 * low / n)) | "
          + "\(bytes) | \(row.error.map { "\(measured($0))" } ?? "") |"
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

  private var caveat: String {
    let off = answeredSeries.filter {
      results.timeExponent($0.problem) > Double($0.exponents.time) + 0.15
    }
    if off.isEmpty { return "None is off by more than 0.15." }
    let names = off.map(\.problem).joined(separator: ", ")
    return """
      More than 0.15 above the promise: \(names). A promise is about operations, and these take longer where numbers
      come from farther away, as the next table shows.
      """
  }

  private var caches: [String] {
    let rises = linear.compactMap { series in perUnknown(series).map { (series.problem, $0) } }
      .filter { $0.1.last > 1.25 * $0.1.least }
    if rises.isEmpty || results.caches.count < 2 { return [] }
    let (second, third) = (results.caches[0], results.caches[1])
    let list = rises.map { problem, times in
      "\(problem) from \(digits(2, 1e9 * times.least)) ns at n = \(times.at) to \(digits(2, 1e9 * times.last)) ns"
    }
    return [
      """
      Per unknown, time falls at first, since what is done once is shared by more and more of them. Then it rises
      again: \(list.joined(separator: "; ")). The operations are the same, the distance to the numbers is not. One vector of $n$
      numbers takes $8n$ bytes; the second-level cache of this processor holds \(second / (1 << 20)) MiB, one such
      vector of \(second / 8) numbers, and the third-level cache, which it shares, \(third / (1 << 20)) MiB. A gradient keeps
      dozens of them. From $n = 10^5$ on they come from main memory, and each new one is a piece of memory that the
      operating system clears first.
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
    _ title: String, _ series: [GrowthSeries], guides: [Int], caption: String
  ) throws -> Figure {
    var curves = series.map { series in
      let rows = results.answered(series.problem)
      return Plot.Series.lineWithPoints(
        series.problem, x: rows.map { Double($0.n) }, y: rows.map { 1e3 * ($0.low ?? .nan) })
    }
    let rows = series.flatMap { results.answered($0.problem) }
    guard let smallest = rows.map(\.n).min(), let largest = rows.map(\.n).max(),
      let top = rows.compactMap(\.low).max(), let bottom = rows.compactMap(\.low).min()
    else { throw PageError.nothingToPlot(title: title) }
    for power in guides {
      // Through the corner above or below the points, so that it crosses no curve.
      let (from, to) = (Double(smallest), Double(largest))
      let ratio = (0..<power).reduce(1.0) { product, _ in product * to / from }
      let end = power == guides.last && power > 1 ? 1e3 * top : 1e3 * bottom * ratio / 2
      let start = end / ratio
      curves.append(
        .line(
          power == 1 ? "n" : power == 2 ? "n²" : "n³", x: [from, to], y: [start, end], dashed: true)
      )
    }
    return try Plot(
      title, x: .logarithmic("n"), y: .logarithmic("milliseconds"), curves, caption: caption
    ).figure()
  }
}
