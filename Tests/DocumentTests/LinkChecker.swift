import Foundation

/// Finds links of a markdown document that lead nowhere: files that are not there, lines beyond
/// the end of a file, headings that a document does not have. Links to the web are not followed.
///
/// A file is read once, however many links lead to it.
final class LinkChecker {
  /// The folder that documents may link into; paths are relative to it.
  let root: String

  /// What links may ask of a file: how many lines it has, and which headings.
  private final class Target {
    let lineCount: Int
    private let text: String
    private(set) lazy var headings = LinkChecker.headings(of: text)

    init(_ text: String) {
      self.text = text
      lineCount = 1 + text.utf8.count { $0 == UInt8(ascii: "\n") }
    }
  }
  private var targets: [String: Target] = [:]

  init(root: String) { self.root = root }

  /// One sentence for each dead link of the document.
  func problems(in document: String) -> [String] {
    guard let text = read(document) else { return ["\(document) cannot be read"] }
    return links(in: text).compactMap { link in
      problem(with: link, from: document).map { "\(document): \(link): \($0)" }
    }
  }

  /// The targets of `[…](target)`, `![…](target)` outside code.
  func links(in text: String) -> [String] {
    let prose = Self.outsideCode(text).map { line in line.replacing(/`[^`]*`/, with: "") }
    return prose.flatMap { line in
      line.matches(of: /\]\(\s*<?([^)>\s]+)>?[^)]*\)/).map { String($0.1) }
    }
  }

  private func problem(with link: String, from document: String) -> String? {
    if link.contains("://") || link.hasPrefix("mailto:") { return nil }
    let pieces = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
    let anchor = pieces.count > 1 ? String(pieces[1]) : ""
    let path = pieces[0].isEmpty ? document : resolve(String(pieces[0]), from: document)
    guard let path else { return "leads out of the package" }
    guard FileManager.default.fileExists(atPath: root + "/" + path) else { return "no such file" }
    if anchor.isEmpty { return nil }
    let target = targets[path] ?? read(path).map(Target.init)
    targets[path] = target
    guard let target else { return "has an anchor, but is no text" }
    if let match = anchor.wholeMatch(of: /L(\d+)(?:-L(\d+))?/) {
      let count = target.lineCount
      let first = Int(match.1) ?? 0
      let last = match.2.flatMap { Int($0) } ?? first
      return first >= 1 && first <= last && last <= count ? nil : "\(path) has \(count) lines"
    }
    return target.headings.contains(anchor) ? nil : "\(path) has no such heading"
  }

  /// `../Sources/A.swift` seen from `docs/Page.md` is `Sources/A.swift`.
  private func resolve(_ path: String, from document: String) -> String? {
    var folders = document.split(separator: "/").dropLast()
    for piece in path.split(separator: "/") {
      switch piece {
      case ".": continue
      case "..": if folders.popLast() == nil { return nil }
      default: folders.append(piece)
      }
    }
    return folders.joined(separator: "/")
  }

  /// Anchors as GitHub makes them: lower case, spaces as hyphens, only letters, digits, `-`, `_`.
  static func headings(of text: String) -> Set<String> {
    Set(
      outsideCode(text).filter { $0.hasPrefix("#") }.map { line in
        let words = line.drop { $0 == "#" }.drop { $0 == " " }.lowercased()
        return String(
          words.compactMap { character -> Character? in
            if character == " " { return "-" }
            return character.isLetter || character.isNumber || "-_".contains(character)
              ? character : nil
          })
      })
  }

  private static func outsideCode(_ text: String) -> [String] {
    var isCode = false
    return text.split(separator: "\n", omittingEmptySubsequences: false).compactMap { line in
      let isFence = line.drop { $0 == " " || $0 == ">" }.hasPrefix("```")
      if isFence { isCode.toggle() }
      return isCode || isFence ? nil : String(line)
    }
  }

  private func read(_ path: String) -> String? {
    FileManager.default.contents(atPath: root + "/" + path).flatMap {
      String(data: $0, encoding: .utf8)
    }
  }
}
