import Testing

@testable import LiteratePages

@Suite struct MarkdownPageTests {
  private static let figure = Figure(title: "Cost", caption: "It *falls*.", svg: "<svg/>")

  static let events: [PageEvent] = [
    PageEvent(line: 22, content: .values(label: "y", ["3", "4"])),
    PageEvent(line: 22, content: .values(label: "longer", ["[1,\n 2]"])),
    PageEvent(line: 22, content: .check("true")),
    PageEvent(line: 16, content: .quote("a_b* <c>: 2 > 1 & $5")),
    PageEvent(line: 22, content: .check("also true")),
    PageEvent(line: 22, content: .figure(name: "cost", figure)),
    PageEvent(line: 22, content: .sentence("It **works**.")),
    PageEvent(line: 22, content: .quote("two\n  lines")),
  ]

  /// The whole page, as it is written.
  @Test func golden() throws {
    let source = try PageSource(
      text: PageSourceTests.text, path: "Tutorials/Claim/main.swift")
    let page = try MarkdownPage(source: source, events: Self.events).markdown()
    #expect(
      page == """
        <!-- Generated from Tutorials/Claim/main.swift by `swift run workbook`: edit that file, not this one. -->

        # A claim

        Source: [Tutorials/Claim/main.swift](../Tutorials/Claim/main.swift), which prints this page when it runs.

        The value is 3, 4, $y^2 = x$.

        ```swift
        func square(_ x: Double) -> Double {
          // An indented comment is code.

          x * x
        }
        ```
        <sub>[main.swift, lines 11–15](../Tutorials/Claim/main.swift#L11-L15)</sub>

        > a\\_b\\* \\<c\\>: 2 \\> 1 \\& \\$5

        ## Next

        - an item

        ```swift
        show("y", square(3))
        ```
        <sub>[main.swift, line 22](../Tutorials/Claim/main.swift#L22)</sub>

        ```text
        y       3, 4
        longer  [1,
                 2]
        ```

        - ✓ true
        - ✓ also true

        ![Cost](Claim-cost.svg)

        *It *falls*.*

        It **works**.

        > ```text
        > two
        >   lines
        > ```

        """)
  }

  @Test func proseMayMentionOnlyWhatWasRecorded() throws {
    let source = try PageSource(text: PageSourceTests.text, path: "main.swift")
    #expect(throws: PageError.unknownValue(label: "y", line: 5)) {
      try MarkdownPage(source: source, events: []).markdown()
    }
  }

  @Test func mentionedValues() throws {
    let values = MentionedValues([
      PageEvent(line: 1, content: .values(label: "f(x)", ["1"])),
      PageEvent(line: 2, content: .note(label: "n", "2")),
      PageEvent(line: 3, content: .values(label: "f(x)", ["3"])),
    ])
    let resolve = { (text: String) in values.resolve(text) { "?\($0)" } }
    #expect(resolve("a \\(f(x)) b \\(n)\\(m) \\(open") == "a 3 b 2?m \\(open")
    #expect(resolve("$\\frac{1}{2}$ (n)") == "$\\frac{1}{2}$ (n)")
  }
}
