import Foundation

/// The page that lists every public declaration with the first sentence of its comment and a link
/// to its line, `docs/API.md`. It is made from the sources, so it cannot drift from them.
package struct APIOverview {
  /// A public declaration at the top level of a file, or in an extension there.
  struct Entry: Equatable {
    var name: String
    var summary: String
    var file: String
    var line: Int
  }

  /// The modules, in reading order, with what each is for.
  let modules: [(name: String, purpose: String)]
  /// The folder of Package.swift.
  let root: String

  package init(modules: [(name: String, purpose: String)], root: String) {
    self.modules = modules
    self.root = root
  }

  /// The page.
  package func markdown() -> String {
    var blocks = [
      MarkdownPage.generatedMark(source: "the public declarations in Sources"),
      "# The public types and functions",
      "Each name leads to its source, where the comment says what it means, costs and throws.",
    ]
    for module in modules {
      let folder = "Sources/\(module.name)"
      let entries = files(in: folder).flatMap { file -> [Entry] in
        let data = FileManager.default.contents(atPath: root + "/" + file) ?? Data()
        return Self.entries(in: String(decoding: data, as: UTF8.self), file: file)
      }
      guard !entries.isEmpty else { continue }
      blocks.append("## \(module.name)\n\n\(module.purpose)")
      blocks.append(
        (["| Name | What it is |", "| --- | --- |"]
          + entries.map { entry in
            "| [`\(entry.name)`](../\(entry.file)#L\(entry.line)) | \(entry.summary) |"
          }).joined(separator: "\n"))
    }
    return blocks.joined(separator: "\n\n") + "\n"
  }

  private func files(in folder: String) -> [String] {
    let names = FileManager.default.enumerator(atPath: root + "/" + folder)?.allObjects
    return (names ?? []).compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted()
      .map { "\(folder)/\($0)" }
  }

  /// The declarations of one file: those without indentation, and functions that extend `Tensor`.
  static func entries(in text: String, file: String) -> [Entry] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    // A file that is conditional as a whole is indented by one step.
    if text.hasPrefix("#if ") {
      lines = lines.map { $0.hasPrefix("  ") ? String($0.dropFirst(2)) : $0 }
    }
    var result: [Entry] = []
    var seen: Set<String> = []
    for (index, line) in lines.enumerated() where line.hasPrefix("public ") {
      guard let name = declaredName(line), seen.insert(name).inserted else { continue }
      result.append(
        Entry(
          name: name, summary: summary(above: index, in: lines), file: file, line: index + 1))
    }
    return result
  }

  /// `sqrt` in `public func sqrt(_ x: Tensor)`; `nil` for extensions and operators.
  private static func declaredName(_ line: String) -> String? {
    let words = line.split(separator: " ").map(String.init)
    let kinds: Set = ["struct", "class", "enum", "protocol", "func", "typealias"]
    guard let kind = words.firstIndex(where: kinds.contains), kind + 1 < words.count else {
      return nil
    }
    let name = words[kind + 1].prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    return name.isEmpty ? nil : String(name)
  }

  /// The first sentence of the comment above a line, as one line that fits a table.
  private static func summary(above index: Int, in lines: [String]) -> String {
    var comment: [String] = []
    var place = index - 1
    while place >= 0, lines[place].hasPrefix("///") || lines[place].hasPrefix("@") {
      if lines[place].hasPrefix("///") {
        comment.insert(String(lines[place].dropFirst(3)), at: 0)
      }
      place -= 1
    }
    let paragraph = comment.map { $0.trimmingCharacters(in: .whitespaces) }
      .prefix { !$0.isEmpty && !$0.hasPrefix("```") }.joined(separator: " ")
    return firstSentence(paragraph).replacingOccurrences(of: "|", with: "\\|")
      .replacingOccurrences(of: "``", with: "`")
  }

  /// Up to the first full stop that a space follows, or the end.
  private static func firstSentence(_ text: String) -> String {
    guard let range = text.range(of: ". ") else { return text }
    return text[..<range.lowerBound] + "."
  }
}
