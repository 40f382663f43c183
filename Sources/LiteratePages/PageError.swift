/// What can be wrong with a page: with its source, with what it records, with one of its checks.
package enum PageError: ExitStatusError, Equatable, CustomStringConvertible {
  /// A sentence that the page states does not hold.
  case checkFailed(sentence: String, line: Int)
  /// A failure that the page wanted to show did not happen.
  case nothingThrown(line: Int)
  /// The source could not be read; it was compiled from another place, or has moved.
  case sourceMissing(path: String)
  /// The source does not begin with `// # title`.
  case noTitle(path: String)
  /// The head comment does not say `// Page: docs/Name.md`.
  case noPageName(path: String)
  /// No folder above the source holds a Package.swift.
  case noPackage(path: String)
  /// A region was opened with `// hide begin` and not closed, or the other way round.
  case unbalancedHide(path: String, line: Int)
  /// Something was recorded from another file, where the page has no place for it.
  case foreignLine(file: String, page: String)
  /// A result comes from a line that holds no code: the source is not the one that was compiled.
  case sourceChanged(path: String, line: Int)
  /// Prose mentions `\(label)` but nothing was shown or recorded under that label.
  case unknownValue(label: String, line: Int)
  /// A row of a table does not fit its head.
  case rowLength(row: Int, cells: Int, columns: Int)
  /// Two figures of a page have the same name, or the name is not letters, digits and hyphens.
  case figureName(String)
  /// A plot has no point that its axes can show.
  case nothingToPlot(title: String)

  package var exitStatus: Int32 {
    switch self {
    case .sourceMissing, .sourceChanged: 2
    default: 1
    }
  }

  package var description: String {
    switch self {
    case .checkFailed(let sentence, let line):
      "line \(line): this does not hold: \(sentence)"
    case .nothingThrown(let line):
      "line \(line): an error was to be shown here, but nothing was thrown"
    case .sourceMissing(let path):
      "the page is made from its source, which is no longer at \(path); build the package again "
        + "where it is now"
    case .noTitle(let path):
      "\(path) does not begin with a title; its first line should read `// # The title`"
    case .noPageName(let path):
      "the head comment of \(path) does not name its page; write `// Page: docs/Name.md` below "
        + "the title, Name being made of letters and digits"
    case .noPackage(let path):
      "no folder above \(path) holds a Package.swift, so links to the source cannot be written"
    case .unbalancedHide(let path, let line):
      "\(path):\(line): `// hide begin` and `// hide end` do not pair up"
    case .foreignLine(let file, let page):
      "something was shown from \(file), but the page is made from \(page); return the value and "
        + "show it there"
    case .sourceChanged(let path, let line):
      "a result comes from line \(line) of \(path), which holds no code: the source has changed "
        + "since it was compiled; build again"
    case .unknownValue(let label, let line):
      "line \(line): the prose mentions \\(\(label)), but nothing was shown or recorded under "
        + "that label"
    case .rowLength(let row, let cells, let columns):
      "row \(row) of a table has \(cells) cells, its head has \(columns)"
    case .figureName(let name):
      "'\(name)' cannot name a figure: names are unique on a page, of letters, digits and hyphens"
    case .nothingToPlot(let title):
      "no point of the plot '\(title)' is finite (and positive, where an axis is logarithmic)"
    }
  }
}
