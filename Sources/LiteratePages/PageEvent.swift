/// Something that the run of a tutorial left on its page, and the line of the source that did.
package struct PageEvent: Sendable {
  package var line: Int
  package var content: Content

  /// The kinds of results.
  package enum Content: Sendable {
    /// Values under a label.
    case values(label: String, [String])
    /// A value that only the prose mentions.
    case note(label: String, String)
    /// A sentence that was found true.
    case check(String)
    case table(TextTable)
    /// A figure in a file of its own, beside the page.
    case figure(name: String, Figure)
    /// A sentence, in markdown.
    case sentence(String)
    /// The words of the library, verbatim.
    case quote(String)
  }
}

/// What the prose may mention as `\(label)`: the last values under each label.
package struct MentionedValues: Sendable {
  private var values: [String: String] = [:]

  package init(_ events: [PageEvent] = []) {
    events.forEach { insert($0) }
  }

  package mutating func insert(_ event: PageEvent) {
    switch event.content {
    case .values(let label, let texts): values[label] = texts.joined(separator: ", ")
    case .note(let label, let text): values[label] = text
    default: break
    }
  }

  /// Replaces every `\(label)` in a line of prose.
  ///
  /// - Parameter missing: gives the words for a label that has no value.
  package func resolve<Failure: Error>(
    _ text: String, missing: (String) throws(Failure) -> String
  ) throws(Failure) -> String {
    var result = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "\\(") {
      guard let end = Self.closing(of: rest[start.upperBound...]) else { break }
      result += rest[..<start.lowerBound]
      let label = String(rest[start.upperBound..<end])
      if let value = values[label] {
        result += value
      } else {
        result += try missing(label)
      }
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  /// The parenthesis that closes the label; labels may contain balanced ones.
  private static func closing(of text: Substring) -> String.Index? {
    var depth = 0
    for index in text.indices {
      if text[index] == "(" { depth += 1 }
      if text[index] == ")" {
        if depth == 0 { return index }
        depth -= 1
      }
    }
    return nil
  }
}
