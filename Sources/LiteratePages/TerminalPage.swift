/// Prints a page while its tutorial runs: prose wrapped, results aligned, the code left out, as
/// whoever runs it has it open.
///
/// Prose appears when the first result below it does; what is below the last result appears at
/// the end.
package struct TerminalPage {
  private let source: PageSource
  private let width: Int
  private var nextPart = 0
  private var pending: [PageEvent] = []
  private var values = MentionedValues()

  /// - Parameter width: the columns of the terminal.
  package init(source: PageSource, width: Int = 80) {
    self.source = source
    self.width = max(width, 40)
  }

  /// The title, underlined.
  package var head: String {
    source.title + "\n" + String(repeating: "═", count: source.title.count) + "\n"
  }

  /// What is to be printed now that an event has happened.
  ///
  /// Values and checks are held back until a result of another kind or from further down comes,
  /// so that they can be aligned.
  package mutating func add(_ event: PageEvent) -> String {
    var text = ""
    let previous = pending.last
    let block = source.codePart(atLine: event.line)
    if let previous,
      !event.content.joins(previous.content) || block != source.codePart(atLine: previous.line)
    {
      text += flush()
    }
    if let block, block >= nextPart { text += prose(upTo: block) }
    values.insert(event)
    pending.append(event)
    return text
  }

  /// What stands above a line and has not been printed yet.
  package mutating func reach(line: Int) -> String {
    flush() + (source.codePart(atLine: line).map { prose(upTo: $0) } ?? "")
  }

  /// The rest.
  package mutating func end() -> String {
    flush() + prose(upTo: source.parts.count)
  }

  private mutating func prose(upTo block: Int) -> String {
    var text = ""
    while nextPart < block {
      if case .prose(let lines) = source.parts[nextPart] {
        let resolved = lines.map { line in values.resolve(line.text) { _ in "…" } }
        text += "\n" + wrappedMarkdown(resolved, width: width) + "\n"
      }
      nextPart += 1
    }
    return text
  }

  private mutating func flush() -> String {
    defer { pending = [] }
    guard let first = pending.first else { return "" }
    switch first.content {
    case .values: return "\n" + indented(alignedValues(pending)) + "\n"
    case .check:
      let lines = pending.compactMap { event in
        if case .check(let sentence) = event.content { "✓ " + sentence } else { nil }
      }
      return "\n" + indented(lines.joined(separator: "\n")) + "\n"
    case .table(let table): return "\n" + indented(table.plainText) + "\n"
    case .figure(_, let figure):
      let words = "[figure: \(figure.title). \(figure.caption)]"
      return "\n" + wrapped(words, width: width, indent: "  ", first: "  ") + "\n"
    case .sentence(let text): return "\n" + wrapped(text, width: width) + "\n"
    case .quote(let words):
      let lines = words.split(separator: "\n", omittingEmptySubsequences: false)
      let quoted =
        lines.count > 1
        ? lines.map { "  │ " + $0 }.joined(separator: "\n")
        : wrapped(words, width: width, indent: "  │ ", first: "  │ ")
      return "\n" + quoted + "\n"
    case .note: return ""
    }
  }

  private func indented(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { "  " + $0 }
      .joined(separator: "\n")
  }
}

/// Markdown as it reads well in a terminal: paragraphs and items wrapped, headings underlined,
/// displayed formulas, tables and code left as they are.
func wrappedMarkdown(_ lines: [String], width: Int) -> String {
  var result: [String] = []
  var paragraph = ""
  var indent = ""
  var fence: String?

  func endParagraph() {
    if !paragraph.isEmpty { result.append(wrapped(paragraph, width: width, indent: indent)) }
    paragraph = ""
    indent = ""
  }
  for line in lines {
    let text = line.trimmed
    if let mark = fence {
      result.append(line)
      if text.hasPrefix(mark) { fence = nil }
    } else if let mark = ["```", "$$"].first(where: { text.hasPrefix($0) }) {
      endParagraph()
      result.append(line)
      let closesItself = text.count > 2 * mark.count && text.hasSuffix(mark)
      if !closesItself { fence = mark }
    } else if text.isEmpty {
      endParagraph()
      if result.last != "" { result.append("") }
    } else if text.hasPrefix("#") {
      endParagraph()
      let words = text.drop { $0 == "#" }.trimmed
      let rule = text.hasPrefix("###") ? "" : "\n" + String(repeating: "─", count: words.count)
      result.append(words + rule)
    } else if text.hasPrefix("|") {
      endParagraph()
      result.append(line)
    } else if let mark = itemMark(text) {
      endParagraph()
      paragraph = text
      indent = String(repeating: " ", count: mark)
    } else {
      paragraph += paragraph.isEmpty ? text : " " + text
    }
  }
  endParagraph()
  while result.last == "" { result.removeLast() }
  return result.joined(separator: "\n")
}

/// The length of `- `, `* ` or `12. ` at the beginning of an item.
private func itemMark(_ text: String) -> Int? {
  if text.hasPrefix("- ") || text.hasPrefix("* ") { return 2 }
  let digits = text.prefix { $0.isASCII && $0.isNumber }
  guard !digits.isEmpty, text.dropFirst(digits.count).hasPrefix(". ") else { return nil }
  return digits.count + 2
}

/// Breaks a text between words; a longer word has a line of its own.
func wrapped(_ text: String, width: Int, indent: String = "", first: String = "") -> String {
  var lines: [String] = []
  var line = first
  var isEmpty = true
  for word in text.split(whereSeparator: \.isWhitespace) {
    if !isEmpty, line.count + 1 + word.count > width {
      lines.append(line)
      line = indent
      isEmpty = true
    }
    line += (isEmpty ? "" : " ") + word
    isEmpty = false
  }
  lines.append(line)
  return lines.joined(separator: "\n")
}
