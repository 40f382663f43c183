import Foundation
import LiteratePages

/// Writes docs/Performance.md and its plots from the results of a comparison, and from what lies beside
/// them: `again.json`, a second run of it; `plain.json`, ours without `NativeCPU`; `growth.json`.
func writePage(_ file: String, _ settings: Settings) throws {
  func beside(_ name: String) -> String? {
    let path = URL(fileURLWithPath: file).deletingLastPathComponent()
      .appendingPathComponent(name).path
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }
  let page = PerformancePage(
    results: try Results(file: file), again: try beside("again.json").map(Results.init(file:)),
    plain: try beside("plain.json").map(PlainBuild.init(file:)),
    growth: try beside("growth.json").map { GrowthPage(results: try GrowthResults(file: $0)) })
  let folder = try OutputFolder(settings.output ?? "docs")
  for (name, figure) in try page.figures() {
    print("\(try folder.write(figure.svg, to: name).rawValue): \(name)")
  }
  print("\(try folder.write(page.markdown(), to: "Performance.md").rawValue): Performance.md")
}

/// The page: prose whose numbers come from the results.
struct PerformancePage {
  let results: Results
  let again: Results?
  let plain: PlainBuild?
  let growth: GrowthPage?

  private var sections: [PerformanceSection] {
    PerformanceSection.all.filter { !results.groups($0.problem).isEmpty }
  }

  /// All groups that are compared in tables.
  private var groups: [(section: PerformanceSection, group: Results.Group)] {
    sections.flatMap { section in
      section.clocks.flatMap { clock in
        results.groups(section.problem, clock: clock.name).map { (section, $0) }
      }
    }
  }

  func figures() throws -> [(name: String, figure: Figure)] {
    try sections.map { section in (figureName(section), try figure(section)) }
      + (growth?.figures() ?? [])
  }

  func markdown() throws -> String {
    var blocks = [
      "<!-- Generated from Benchmarks/peers/results.json by `swift run -c release PeerBenchmarks "
        + "--page Benchmarks/peers/results.json`: edit Benchmarks/PeerBenchmarks, not this file. -->",
      "# A gradient through a solver costs its bookkeeping when small, and its matrix when large",
      """
      You have a solver inside a loop and want its gradient, ten thousand times. Would another library
      be faster? And would its gradients be as right? This page lets libraries take turns on the same
      bits, and prints the error beside every time: a wrong gradient is fast in any library.
      """,
    ]
    blocks += openingExample()
    blocks.append(readingNotes)
    for section in sections { blocks += try self.blocks(section) }
    blocks += try growth?.markdown() ?? []
    blocks += wrongBlocks() + memoryBlocks() + losingBlocks() + measurementBlocks()
    return blocks.joined(separator: "\n\n") + "\n"
  }

  // MARK: The smallest example

  private func openingExample() -> [String] {
    guard let group = results.groups("bratu", clock: "solve+gradient").first,
      let ours = group.ours.low, let best = group.best, let theirs = best.low,
      let preparation = best.preparation
    else { return [] }
    let difference =
      ours > theirs
      ? """
      After how many gradients has the compiler earned its keep? Each one saves
      \(milliseconds(ours - theirs)) ms, so after some \(rounded(preparation / (ours - theirs))) of them.
      """
      : "Compiling does not pay here, however many gradients there are."
    return [
      "## Ten unknowns, by hand",
      """
      Take the Bratu equation below on \(group.n) nodes. Newton's method needs a handful of steps, a step solves
      a tridiagonal system, and the gradient solves one more: a few hundred additions and
      multiplications in all, and a few dozen exponentials. A processor does that in a microsecond or two. The
      table says \(milliseconds(ours)) ms for us, and \(milliseconds(theirs)) ms for the fastest other
      library. So with ten unknowns one does not measure arithmetic. One measures how a library gets to
      it.
      """,
      """
      There are two ways. We record the conditions when they are called, and can therefore take any Swift code
      for a condition, with its branches and loops, at any size, at once. The other library traces
      its whole program once, and compiles it for this size: that took
      \(digits(2, preparation)) s before the first call, which no table here counts. \(difference)
      """,
      """
      As $n$ grows this fades, and what counts is what is done with the matrix: whether its structure is
      known, and how often it is multiplied with.
      """,
    ]
  }

  private var readingNotes: String {
    """
    **How to read the tables.** Times are milliseconds of processor time per gradient: what a tenth of the calls
    stay below, and in brackets what half of them do. The machine was not ours alone, and the first number is nearly
    what it does when left in peace. Errors are the largest difference from a reference computed by other means, relative to the
    largest entry. The peer is the fastest of those that were tried with an error of at most 10⁻⁵, with
    compilation left out, its structure declared where it can be told, and its tolerances set for nine digits
    or so. In our columns nothing is declared: the conditions are plain tensor code, the linear solver is
    the library's choice, and every answer has passed its checks. The ratio is our time divided by theirs, and
    *once more* what it was when all was run a second time. The last column is our time in a build for any
    machine of this kind, without the trait `NativeCPU`, from a run of its own: there the loops of dense
    products ask the processor what it can do, and exponentials do not.
    """
  }

  /// The ratio in the second run.
  private func ratioAgain(_ section: PerformanceSection, _ group: Results.Group) -> Double? {
    again?.groups(section.problem, clock: group.clock).first { $0.n == group.n }?.ratio
  }

  // MARK: A problem

  private func blocks(_ section: PerformanceSection) throws -> [String] {
    var blocks = ["## \(section.title)", section.text]
    for clock in section.clocks {
      let groups = results.groups(section.problem, clock: clock.name)
      if groups.isEmpty { continue }
      if !clock.heading.isEmpty { blocks.append(clock.heading) }
      blocks.append(table(section, groups))
    }
    let figure = try figure(section)
    blocks.append("![\(figure.title)](\(figureName(section)))\n\n*\(figure.caption)*")
    return blocks
  }

  private func table(_ section: PerformanceSection, _ groups: [Results.Group]) -> String {
    let head = [
      "| n | ours, ms | error | fastest peer | its time, ms | error | ratio | once more | plain, ms |",
      "| ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    let rows = groups.map { group in
      let best = group.best
      let cells = [
        "\(group.n)", time(group.ours), error(group.ours), best?.contestant ?? "none is right",
        best.map(time) ?? "", best.map(error) ?? "",
        ratio(group.ratio), ratio(ratioAgain(section, group)),
        plain?.low(section.problem, group.n, group.clock).map { milliseconds($0).description }
          ?? "",
      ]
      return "| " + cells.joined(separator: " | ") + " |"
    }
    return (head + rows).joined(separator: "\n")
  }

  private func ratio(_ value: Double?) -> String {
    value.map { digits(2, $0).description } ?? ""
  }

  private func time(_ row: Results.Row) -> String {
    guard let low = row.low, let median = row.median else { return "refused" }
    return "\(milliseconds(low)) (\(milliseconds(median)))"
  }

  private func error(_ row: Results.Row) -> String {
    row.error.map { measured($0).description } ?? ""
  }

  private func milliseconds(_ seconds: Double) -> Number { digits(2, 1e3 * seconds) }

  /// Two digits, and zeros behind them.
  private func rounded(_ value: Double) -> Int {
    var step = 1.0
    while value / step >= 100 { step *= 10 }
    return Int((value / step).rounded() * step)
  }

  private func figureName(_ section: PerformanceSection) -> String {
    "Performance-\(section.problem).svg"
  }

  /// Time against size: ours, and every peer that is right.
  private func figure(_ section: PerformanceSection) throws -> Figure {
    let clock = section.clocks[0].name
    let rows = results.rows.filter { row in
      row.problem == section.problem && row.clock == clock && row.low != nil
        && (row.error ?? 1) <= Results.largestError
    }
    let names = rows.map(\.contestant)
    let inOrder = names.enumerated().filter { names.firstIndex(of: $1) == $0 }.map(\.element)
    let series = inOrder.map { name in
      let points = rows.filter { $0.contestant == name }
      return Plot.Series.lineWithPoints(
        points.first?.isOurs == true ? "ours" : name, x: points.map { Double($0.n) },
        y: points.map { 1e3 * ($0.low ?? .nan) })
    }
    return try Plot(
      section.title, x: .logarithmic("n"), y: .logarithmic("milliseconds"), series,
      caption: "Time of a gradient against its size (\(clock)). Contestants whose "
        + "error is above 10⁻⁵ are left out."
    ).figure()
  }

  // MARK: Beside the times

  /// Peers that ran and were wrong, and contestants that failed.
  private func wrongBlocks() -> [String] {
    let rows = results.rows.filter { row in
      row.failure != nil || (row.error.map { !($0 <= Results.largestError) } ?? false)
    }
    if rows.isEmpty { return [] }
    let lines = rows.map { row in
      let what =
        row.failure.map(firstSentence)
        ?? "error \(measured(row.error ?? .nan)), and no word of it"
      let cleaned = what.split(separator: "|").joined(separator: "/")
      return "| \(row.problem) | \(row.n) | \(row.isOurs ? "ours" : row.contestant) | \(cleaned) |"
    }
    return [
      "## What is in no table: wrong, or refused",
      """
      These ran, with the tolerances that serve the others, and missed five digits, or stopped. A sentence
      is better than a wrong number; a right number is better still.
      """,
      (["| problem | n | contestant | what came |", "| --- | ---: | --- | --- |"] + lines)
        .joined(separator: "\n"),
    ]
  }

  private func firstSentence(_ text: String) -> String {
    text.split(separator: ". ").first.map { $0.hasSuffix(".") ? String($0) : $0 + "." } ?? text
  }

  private func memoryBlocks() -> [String] {
    let rows = results.rows.filter { $0.peakBytes != nil }
    if rows.isEmpty { return [] }
    let lines = rows.map { row in
      let megabytes = digits(2, Double(row.peakBytes ?? 0) / 1e6)
      let name = row.isOurs ? "ours" : row.contestant
      return "| \(row.problem) | \(row.n) | \(name) | \(megabytes) |"
    }
    return [
      "## Memory",
      """
      The most that a fresh process occupied while it computed one gradient. For the peers that includes
      Python, the library and its compiler, since one cannot have a gradient without them.
      """,
      (["| problem | n | contestant | megabytes |", "| --- | ---: | --- | ---: |"] + lines)
        .joined(separator: "\n"),
    ]
  }

  private func losingBlocks() -> [String] {
    let compared = groups.filter { $0.group.ratio != nil }
    let lost = compared.filter {
      max($0.group.ratio ?? 0, ratioAgain($0.section, $0.group) ?? 0) >= 1
    }
    var blocks = [
      "## Where we lose, and why",
      "Of \(compared.count) rows with a peer, we are ahead in \(compared.count - lost.count) in every run. The others:",
      (["| problem | n | clock | ratio | once more |", "| --- | ---: | --- | ---: | ---: |"]
        + lost.map { section, group in
          "| \(section.problem) | \(group.n) | \(group.clock) | \(ratio(group.ratio)) "
            + "| \(ratio(ratioAgain(section, group))) |"
        }).joined(separator: "\n"),
    ]
    let refused = groups.filter { $0.group.ours.low == nil }
    if !refused.isEmpty {
      let names = refused.map { "\($0.section.problem) at n = \($0.group.n)" }
      blocks.append("In \(refused.count) we have no answer: \(names.joined(separator: ", ")).")
    }
    let reasons = sections.compactMap { section -> String? in
      guard lost.contains(where: { $0.section.problem == section.problem }) else { return nil }
      let text = section.reason + "\n*Tried:* " + section.tried
      return "- **\(section.problem)**. " + text.split(separator: "\n").joined(separator: " ")
    }
    if !reasons.isEmpty {
      blocks.append(
        "Shares of time below are those that a sampling profiler saw on the machine of this page.")
      blocks.append(reasons.joined(separator: "\n"))
    }
    return blocks
  }

  private func measurementBlocks() -> [String] {
    let machine = results.machine
    let versions = results.versions.compactMap { name, version in version.map { "\(name) \($0)" } }
      .sorted().joined(separator: ", ")
    let traits =
      results.build.nativeCPU
      ? "in release with the trait `NativeCPU`, which lets the kernels use this machine's instructions"
      : "in release, for any machine of its kind"
    return [
      "## How it was measured",
      """
      On \(machine.processor), \(machine.cores) processors, \(machine.system), shared with other work. One thread
      each; the time is the processor time of all threads of the process. Our side was built \(traits). The others: Python \(results.python), \(versions).
      """,
      """
      Contestants of a row took turns in one run, \(results.rounds) turns of at least
      \(digits(2, results.seconds)) s each; which began changed from turn to turn. The problems come from one
      generator of six lines, and each is drawn twice, in Swift and in Python, to the same bits. References
      are computed by numpy in dense or extended arithmetic, and agree with those that our side computes without
      the library.
      """,
      """
      To repeat it, follow the head of
      [compare.py](../Benchmarks/peers/compare.py); the problems are in
      [PeerProblems](../Benchmarks/PeerProblems/PeerProblem.swift), the other libraries' side in
      [contestants.py](../Benchmarks/peers/contestants.py). This page is written from its results by
      `swift run -c release PeerBenchmarks --page Benchmarks/peers/results.json`.
      """,
    ]
  }
}
