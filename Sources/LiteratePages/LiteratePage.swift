import Foundation
import Kernels

/// The page that the run of a tutorial makes: the source, what was recorded, where it goes.
///
/// There is one per executable, opened by `beginPage` and closed by `endPage`; in between, `show`,
/// `check`, `table`, `plot` and the others record on it.
@MainActor
package final class LiteratePage {
  package let source: PageSource
  package let options: Options
  private let file: String
  private var events: [PageEvent] = []
  private var terminal: TerminalPage?
  private var times = Timings()

  /// The page that the free functions record on.
  private static var open: LiteratePage?

  static var current: LiteratePage {
    guard let page = open else {
      stop("the page is not open: call beginPage before the first result, endPage after the last")
    }
    return page
  }

  /// Whether a page is open, on which times can be noted.
  static var currentIfOpen: LiteratePage? { open }

  fileprivate init(options: Options, file: String) throws {
    self.options = options
    self.file = file
    source = try PageSource(file: file)
    if options.output == nil, !options.quiet {
      let width = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) } ?? 88
      terminal = TerminalPage(source: source, width: min(width, 100))
    }
  }

  fileprivate static func begin(_ options: Options, file: String) throws {
    if options.help {
      let title = (try? PageSource(file: file).title) ?? executableName()
      print(options.helpText(name: executableName(), title: title), terminator: "")
      exit(0)
    }
    try options.finish()
    let page = try LiteratePage(options: options, file: file)
    page.emit(page.terminal?.head)
    open = page
  }

  func record(_ content: PageEvent.Content, line: Int, file: String) throws(PageError) {
    guard file == self.file else { throw .foreignLine(file: file, page: self.file) }
    guard source.codeLines.contains(line) else {
      throw .sourceChanged(path: source.sourcePath, line: line)
    }
    let event = PageEvent(line: line, content: content)
    events.append(event)
    emit(terminal?.add(event))
  }

  /// Long work begins at a line: what is above is to be read meanwhile.
  func reach(line: Int) {
    emit(terminal?.reach(line: line))
  }

  func noteTime(_ label: String, _ duration: Duration) {
    times.add(label, duration)
    if !options.quiet {
      writeToStandardError("  time: \(label), \(Timings.readable(duration))\n")
    }
  }

  fileprivate func end() throws {
    emit(terminal?.end())
    // The page is made even when it is only printed: its mistakes are to be found.
    let markdown = try MarkdownPage(source: source, events: events).markdown()
    if let path = options.output {
      let changes = try OutputFolder(path).write(
        page: source.name, markdown: markdown,
        figures: events.compactMap { event in
          if case .figure(let name, let figure) = event.content {
            (name: name, svg: figure.svg)
          } else {
            nil
          }
        })
      for (name, change) in changes where !options.quiet {
        emit(reportLine(change, path + "/" + name) + "\n")
      }
    }
    if let path = options.timings { try times.write(page: source.name, to: path) }
    Self.open = nil
  }

  /// The name is free and makes a file name.
  func checkFigureName(_ name: String) throws(PageError) {
    let taken = events.contains { event in
      if case .figure(name, _) = event.content { true } else { false }
    }
    let isWord = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
    guard !taken, isWord, !name.isEmpty else { throw .figureName(name) }
  }

  private func emit(_ text: String?) {
    guard let text, !text.isEmpty else { return }
    print(text, terminator: "")
    fflush(nil)
  }
}

/// One line about a file, seen from the current folder if it is below: `changed    docs/Name.md`.
func reportLine(_ change: OutputFolder.Change, _ path: String) -> String {
  let here = FileManager.default.currentDirectoryPath + "/"
  let shown = path.hasPrefix(here) ? String(path.dropFirst(here.count)) : path
  return change.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0) + shown
}

/// Opens the page whose source is the calling file, answers `--help`, and refuses options that
/// nothing has declared.
@MainActor
package func beginPage(_ options: Options, file: String = #filePath) throws {
  try LiteratePage.begin(options, file: file)
}

/// Closes the page: writes it where `--output` says, or prints its end. Nothing is written by a
/// run that did not get here.
@MainActor
package func endPage() throws {
  try LiteratePage.current.end()
}
