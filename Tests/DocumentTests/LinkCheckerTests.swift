import Foundation
import LiteratePages
import Testing

@Suite struct LinkCheckerTests {
  /// All documents of the package, written by hand or generated.
  @Test func everyLinkLeadsSomewhere() throws {
    let root = try PageSource.packageRoot(above: #filePath)
    let top = try FileManager.default.contentsOfDirectory(atPath: root)
    let docs = try FileManager.default.contentsOfDirectory(atPath: root + "/docs")
    let documents = (top + docs.map { "docs/" + $0 }).filter { $0.hasSuffix(".md") }.sorted()
    #expect(documents.contains("README.md") && documents.contains("docs/README.md"))
    let checker = LinkChecker(root: root)
    #expect(documents.flatMap { checker.problems(in: $0) } == [])
  }

  /// One document with each kind of dead link.
  @Test func deadLinksAreFound() throws {
    let root = NSTemporaryDirectory() + "/LinkCheckerTests-\(UUID().uuidString)"
    let folder = try OutputFolder(root + "/docs")
    defer { try? FileManager.default.removeItem(atPath: root) }
    _ = try folder.write("1\n2\n3", to: "code.swift")
    _ = try folder.write("# Head Line's\n```\n# no\n```\n", to: "other.md")
    let document = """
      [a](code.swift) [b](code.swift#L3) [c](code.swift#L1-L3) [d](https://example.org/x#y)
      [e](other.md#head-lines) [f](#title) ![g](../docs/code.swift "words") `[h](nowhere)`

      # Title
      ```
      [i](nowhere)
      ```
      [1](nowhere.md) [2](code.swift#L4) [3](code.swift#L3-L2) [4](other.md#no) [5](../../x)
      [6](#titel) [7](code.swift#L0)
      """
    _ = try folder.write(document, to: "page.md")
    #expect(
      LinkChecker(root: root).problems(in: "docs/page.md") == [
        "docs/page.md: nowhere.md: no such file",
        "docs/page.md: code.swift#L4: docs/code.swift has 3 lines",
        "docs/page.md: code.swift#L3-L2: docs/code.swift has 3 lines",
        "docs/page.md: other.md#no: docs/other.md has no such heading",
        "docs/page.md: ../../x: leads out of the package",
        "docs/page.md: #titel: docs/page.md has no such heading",
        "docs/page.md: code.swift#L0: docs/code.swift has 3 lines",
      ])
    #expect(LinkChecker(root: root).problems(in: "docs/none.md").count == 1)
  }
}
