import Testing

@testable import LiteratePages

@Suite struct ProgressTests {
  /// What a run of 40 steps of the given length writes.
  private func lines(stepMilliseconds: Int, isSilent: Bool = false) -> [String] {
    final class Log {
      var lines: [String] = []
      var time = Duration.zero
    }
    let log = Log()
    var progress = Progress(
      "unrolling", total: 40, isSilent: isSilent, now: { log.time },
      write: { log.lines.append($0) })
    for step in 1...40 {
      log.time += .milliseconds(stepMilliseconds)
      progress.update(completed: step)
    }
    progress.end()
    return log.lines
  }

  @Test func shortWorkIsSilent() {
    #expect(lines(stepMilliseconds: 25).isEmpty)
  }

  @Test func longWorkIsShownTenTimesPerSecondAndWiped() {
    let shown = lines(stepMilliseconds: 50)
    // Steps 21, 24, 27, … 39: after one second, more than 100 ms apart; then the wiping.
    #expect(shown.count == 8)
    #expect(shown.first == "\r\u{1B}[Kunrolling: 21 of 40 (52 %)")
    #expect(shown.last == "\r\u{1B}[K")
  }

  @Test func elsewhereItIsSilent() {
    #expect(lines(stepMilliseconds: 500, isSilent: true).isEmpty)
  }
}
