import Foundation

/// The source of a page, cut into prose and code.
///
/// The format is that of an ordinary `main.swift`:
/// - an unindented line that is `//` or begins with `// ` is prose, in markdown;
/// - everything else is code, shown as it stands;
/// - the first line is the title, `// # A claim`, and a line of the first comment names the page,
///   `// Page: docs/Name.md`; links in the prose are relative to the page; the lines
///   `// Teaches: a sentence.` and `// Minutes: 20` below it, if there, go to the index;
/// - a line of code that ends in `// hide`, and the lines from `// hide begin` to `// hide end`,
///   are plumbing that the page leaves out.
package struct PageSource: Equatable, Sendable {
  /// A piece of the source; lines are counted from 1.
  package enum Part: Equatable, Sendable {
    /// Markdown, its comment marks removed.
    case prose(lines: [Line])
    /// Lines that belong together, without blank lines at either end, and those that are hidden.
    /// `range` covers hidden lines too.
    case code(lines: [Line], range: ClosedRange<Int>)
  }

  /// One line and its number in the source.
  package struct Line: Equatable, Sendable {
    package var number: Int
    package var text: String
  }

  /// The heading, without its mark.
  package var title: String
  /// The page, relative to the package: `docs/Name.md`.
  package var pagePath: String
  /// The source, relative to the package: `Tutorials/Name/main.swift`.
  package var sourcePath: String
  /// What a reader learns, a sentence for the index.
  package var teaches: String?
  /// How long a reader takes, for the index.
  package var minutes: Int?
  /// What follows the title, without the lines about the page.
  package var parts: [Part]
  /// The lines that hold code, hidden ones included: those from which results can come.
  package var codeLines: Set<Int>

  /// `Name` in `docs/Name.md`.
  package var name: String {
    String((pagePath.split(separator: "/").last ?? "").dropLast(".md".count))
  }

  /// The way from the folder of the page to the root of the package: `../`.
  package var rootPrefix: String {
    String(repeating: "../", count: pagePath.split(separator: "/").count - 1)
  }

  /// The last block of code that begins at or before a line: where the results of that line stand.
  package func codePart(atLine line: Int) -> Int? {
    parts.lastIndex { part in
      if case .code(_, let range) = part { range.lowerBound <= line } else { false }
    }
  }

  /// Reads the source at the path where the compiler found it.
  package init(file: String) throws(PageError) {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw .sourceMissing(path: file)
    }
    let root = try Self.packageRoot(above: file)
    let path = URL(fileURLWithPath: file).standardizedFileURL.path.dropFirst(root.count + 1)
    try self.init(text: String(decoding: data, as: UTF8.self), path: String(path))
  }

  /// The folder above `file` that holds the Package.swift.
  package static func packageRoot(above file: String) throws(PageError) -> String {
    var folder = URL(fileURLWithPath: file).deletingLastPathComponent().standardizedFileURL
    while folder.path != "/" {
      let manifest = folder.appendingPathComponent("Package.swift").path
      if FileManager.default.fileExists(atPath: manifest) { return folder.path }
      folder = folder.deletingLastPathComponent()
    }
    throw .noPackage(path: file)
  }

  /// Cuts a source given as text.
  package init(text: String, path: String) throws(PageError) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
      .map { Line(number: $0.offset + 1, text: $0.element.trimmingTrailingSpaces) }
    guard let first = lines.first, first.text.hasPrefix("// # ") else { throw .noTitle(path: path) }
    title = String(first.text.dropFirst("// # ".count))
    sourcePath = path

    let mark = "// Page: "
    let head = lines.prefix { Self.prose($0.text) != nil }
    guard let nameLine = head.first(where: { $0.text.hasPrefix(mark) }),
      case let page = String(nameLine.text.dropFirst(mark.count)), Self.isPagePath(page)
    else { throw .noPageName(path: path) }
    pagePath = page
    func about(_ word: String) -> (line: Line, text: String)? {
      let mark = "// \(word): "
      guard let line = head.first(where: { $0.text.hasPrefix(mark) }) else { return nil }
      return (line, String(line.text.dropFirst(mark.count)))
    }
    let (teaches, minutes) = (about("Teaches"), about("Minutes"))
    self.teaches = teaches?.text
    self.minutes = minutes.flatMap { Int($0.text) }
    let aboutThePage = Set(
      [1, nameLine.number] + [teaches, minutes].compactMap { $0?.line.number })
    (parts, codeLines) = try Self.cut(
      lines.filter { !aboutThePage.contains($0.number) }, path: path)
  }

  /// The text of a line of prose; `nil` for code and for blank lines.
  private static func prose(_ line: String) -> String? {
    if line == "//" { return "" }
    guard line.hasPrefix("// "), !line.hasPrefix("// hide ") else { return nil }
    return String(line.dropFirst(3))
  }

  private static func isPagePath(_ path: String) -> Bool {
    guard path.hasSuffix(".md"), let last = path.split(separator: "/").last else { return false }
    let name = last.dropLast(3)
    return !name.isEmpty && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
  }

  // MARK: Cutting

  private static func cut(
    _ lines: [Line], path: String
  ) throws(PageError) -> (parts: [Part], codeLines: Set<Int>) {
    var parts: [Part] = []
    var codeLines: Set<Int> = []
    var prose: [Line] = []
    var code: [Line] = []
    var codeNumbers: [Int] = []
    var hideStart: Int?

    func endProse() {
      let lines = trimmedBlank(prose)
      if !lines.isEmpty { parts.append(.prose(lines: lines)) }
      prose = []
    }
    func endCode() {
      if let first = codeNumbers.first, let last = codeNumbers.last {
        parts.append(.code(lines: trimmedBlank(code), range: first...last))
      }
      code = []
      codeNumbers = []
    }

    for line in lines {
      let trimmed = line.text.trimmed
      if trimmed == "// hide begin" || trimmed == "// hide end" {
        guard (trimmed == "// hide begin") == (hideStart == nil) else {
          throw .unbalancedHide(path: path, line: line.number)
        }
        hideStart = hideStart == nil ? line.number : nil
      } else if hideStart == nil, let text = Self.prose(line.text) {
        endCode()
        prose.append(Line(number: line.number, text: text))
      } else if line.text.isEmpty, codeNumbers.isEmpty {
        prose.append(line)
      } else {
        endProse()
        if !line.text.isEmpty {
          codeNumbers.append(line.number)
          codeLines.insert(line.number)
        }
        if hideStart == nil, !line.text.hasSuffix("// hide") { code.append(line) }
      }
    }
    if let start = hideStart { throw .unbalancedHide(path: path, line: start) }
    endProse()
    endCode()
    return (parts, codeLines)
  }

  private static func trimmedBlank(_ lines: [Line]) -> [Line] {
    guard let first = lines.firstIndex(where: { !$0.text.isEmpty }),
      let last = lines.lastIndex(where: { !$0.text.isEmpty })
    else { return [] }
    return Array(lines[first...last])
  }
}
