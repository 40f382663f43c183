/// Puts a source and what its run recorded together: the page.
package struct MarkdownPage {
  package var source: PageSource
  package var events: [PageEvent]

  package init(source: PageSource, events: [PageEvent]) {
    self.source = source
    self.events = events
  }

  /// The first line of every page; by it, pages are told from documents written by hand.
  package static func generatedMark(source: String) -> String {
    "<!-- Generated from \(source) by `swift run workbook`: edit that file, not this one. -->"
  }

  /// The whole page, ending in a line break.
  ///
  /// - Throws: `.unknownValue` when the prose mentions a value that was never recorded.
  package func markdown() throws(PageError) -> String {
    let values = MentionedValues(events)
    let link = source.rootPrefix + source.sourcePath
    let head = "Source: [\(source.sourcePath)](\(link)), which prints this page when it runs."
    var blocks = [Self.generatedMark(source: source.sourcePath), "# " + source.title, head]
    for (index, part) in source.parts.enumerated() {
      switch part {
      case .prose(let lines):
        var texts: [String] = []
        for line in lines {
          texts.append(
            try values.resolve(line.text) { label throws(PageError) in
              throw .unknownValue(label: label, line: line.number)
            })
        }
        blocks.append(texts.joined(separator: "\n"))
      case .code(let lines, _):
        if !lines.isEmpty { blocks.append(codeBlock(lines)) }
        blocks += results(of: index)
      }
    }
    return blocks.joined(separator: "\n\n") + "\n"
  }

  /// The code, and below it the way to where it stands.
  private func codeBlock(_ lines: [PageSource.Line]) -> String {
    let code = lines.map(\.text).joined(separator: "\n")
    let (first, last) = (lines[0].number, lines[lines.count - 1].number)
    let words = first == last ? "line \(first)" : "lines \(first)–\(last)"
    let anchor = first == last ? "#L\(first)" : "#L\(first)-L\(last)"
    let file = source.sourcePath.split(separator: "/").last ?? ""
    let link = source.rootPrefix + source.sourcePath + anchor
    return "```swift\n\(code)\n```\n<sub>[\(file), \(words)](\(link))</sub>"
  }

  /// What was recorded by the lines of a block.
  private func results(of index: Int) -> [String] {
    let own = events.filter { source.codePart(atLine: $0.line) == index }
    var blocks: [String] = []
    var start = own.startIndex
    while start < own.endIndex {
      let rest = own[(start + 1)...]
      let end = rest.firstIndex { !$0.content.joins(own[start].content) } ?? own.endIndex
      if let block = markdown(own[start..<end]) { blocks.append(block) }
      start = end
    }
    return blocks
  }

  /// Neighbours of one kind make one block.
  private func markdown(_ events: ArraySlice<PageEvent>) -> String? {
    guard let first = events.first else { return nil }
    switch first.content {
    case .values:
      return "```text\n" + alignedValues(events) + "\n```"
    case .check:
      return events.map { event in
        if case .check(let sentence) = event.content { "- ✓ \(sentence)" } else { "" }
      }.joined(separator: "\n")
    case .table(let table): return table.markdown
    case .figure(let name, let figure):
      let file = "\(source.name)-\(name).svg"
      return "![\(escaped(figure.title))](\(file))\n\n*\(figure.caption)*"
    case .sentence(let text): return text
    case .quote(let words): return quoted(words)
    case .note: return nil
    }
  }

  /// A sentence is quoted as prose, its marks escaped; several lines keep their alignment.
  private func quoted(_ words: String) -> String {
    let lines = words.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count > 1 else { return "> " + escaped(words) }
    return (["```text"] + lines + ["```"]).map { "> " + $0 }.joined(separator: "\n")
  }

  /// The text with whatever markdown or the mathematics in it would read as a mark taken literally.
  private func escaped(_ text: String) -> String {
    text.map { "\\`*_[]<>#|$~&".contains($0) ? "\\\($0)" : String($0) }.joined()
  }
}

extension PageEvent.Content {
  /// Whether two neighbours share a block.
  func joins(_ first: Self) -> Bool {
    switch (self, first) {
    case (.values, .values), (.check, .check): true
    default: false
    }
  }
}

/// Labels in one column, values in the next; the further lines of a value begin where it does.
func alignedValues(_ events: some Sequence<PageEvent>) -> String {
  let pairs = events.compactMap { event in
    if case .values(let label, let texts) = event.content {
      (label: label, text: texts.joined(separator: ", "))
    } else {
      nil
    }
  }
  let width = (pairs.map(\.label.count).max() ?? 0) + 2
  return pairs.map { pair in
    let lines = pair.text.split(separator: "\n", omittingEmptySubsequences: false)
    return pair.label + String(repeating: " ", count: width - pair.label.count)
      + lines.joined(separator: "\n" + String(repeating: " ", count: width))
  }.joined(separator: "\n")
}
