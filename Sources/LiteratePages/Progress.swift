import Foundation

/// A line on the terminal about long work: after one second, and ten times per second from then
/// on, rewritten in place, and wiped at the end. Silent when the standard error stream is no
/// terminal, and with `--quiet`.
package struct Progress {
  private let label: String
  private let total: Int
  private let isSilent: Bool
  private let write: (String) -> Void
  private let now: () -> Duration
  private let start: Duration
  private var lastShown: Duration?

  /// - Parameter total: the number of steps, at least 1.
  @MainActor
  package init(_ label: String, total: Int) {
    let quiet = LiteratePage.currentIfOpen?.options.quiet ?? false
    let clock = ContinuousClock()
    let begin = clock.now
    self.init(
      label, total: total, isSilent: quiet || isatty(STDERR_FILENO) == 0,
      now: { clock.now - begin }, write: writeToStandardError)
  }

  /// With a clock and a stream of one's own.
  init(
    _ label: String, total: Int, isSilent: Bool, now: @escaping () -> Duration,
    write: @escaping (String) -> Void
  ) {
    self.label = label
    self.total = max(total, 1)
    self.isSilent = isSilent
    self.now = now
    self.write = write
    start = now()
  }

  /// To be called after each step; costs a look at the clock, and nothing where it is silent.
  package mutating func update(completed: Int) {
    guard !isSilent else { return }
    let time = now()
    guard time - start > .seconds(1), lastShown.map({ time - $0 > .milliseconds(100) }) ?? true
    else { return }
    lastShown = time
    write("\r\u{1B}[K\(label): \(completed) of \(total) (\(100 * completed / total) %)")
  }

  /// Wipes the line.
  package mutating func end() {
    guard lastShown != nil else { return }
    lastShown = nil
    write("\r\u{1B}[K")
  }
}

/// Calls the body for every element, with a progress line.
@MainActor
package func withProgress<Elements: Collection>(
  _ label: String, _ elements: Elements, line: Int = #line,
  _ body: (Elements.Element) throws -> Void
) rethrows {
  LiteratePage.currentIfOpen?.reach(line: line)
  var progress = Progress(label, total: elements.count)
  defer { progress.end() }
  for (index, element) in elements.enumerated() {
    try body(element)
    progress.update(completed: index + 1)
  }
}
