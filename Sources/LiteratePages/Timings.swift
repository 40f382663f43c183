import Foundation

/// How long parts of a tutorial took. Times go to the terminal and to the file of `--timings`,
/// never on a page, which every run is to reproduce.
struct Timings {
  private var entries: [(label: String, duration: Duration)] = []

  mutating func add(_ label: String, _ duration: Duration) {
    entries.append((label, duration))
  }

  /// Writes lines of `page,label,seconds` below that head.
  func write(page: String, to path: String) throws(OutputError) {
    let rows = entries.map { entry in
      let label = entry.label.replacing("\"", with: "\"\"")
      return "\(page),\"\(label)\",\(formatted(entry.duration / .seconds(1)))\n"
    }
    let url = URL(fileURLWithPath: path)
    let folder = try OutputFolder(url.deletingLastPathComponent().path)
    _ = try folder.write(Self.head + rows.joined(), to: url.lastPathComponent)
  }

  /// The first line of the file.
  static let head = "page,label,seconds\n"

  /// `0.43 s`, `12 ms`, `3.1 µs`.
  static func readable(_ duration: Duration) -> String {
    let seconds = duration / .seconds(1)
    return switch seconds {
    case 1...: formatted(seconds, digits: 3) + " s"
    case 1e-3..<1: formatted(seconds * 1e3, digits: 3) + " ms"
    default: formatted(seconds * 1e6, digits: 3) + " µs"
    }
  }
}

/// Runs the body, and tells the terminal and the file of `--timings` how long it took.
@MainActor
package func timed<Value>(
  _ label: String, line: Int = #line, _ body: () throws -> Value
) rethrows -> Value {
  LiteratePage.current.reach(line: line)
  let clock = ContinuousClock()
  let start = clock.now
  let value = try body()
  LiteratePage.current.noteTime(label, clock.now - start)
  return value
}
