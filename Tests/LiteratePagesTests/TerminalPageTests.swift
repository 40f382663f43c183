import Testing

@testable import LiteratePages

@Suite struct TerminalPageTests {
  @Test func proseComesBeforeTheResultsBelowIt() throws {
    let source = try PageSource(text: PageSourceTests.text, path: "main.swift")
    var page = TerminalPage(source: source, width: 40)
    #expect(page.head == "A claim\n═══════\n")
    var early = page
    #expect(early.reach(line: 12) == "\nThe value is …, $y^2 = x$.\n")
    #expect(early.reach(line: 12) == "")
    var steps: [String] = []
    steps.append(page.add(PageEvent(line: 16, content: .quote("refused"))))
    steps.append(page.add(PageEvent(line: 22, content: .values(label: "y", ["3"]))))
    steps.append(page.add(PageEvent(line: 22, content: .values(label: "long", ["4"]))))
    steps.append(page.add(PageEvent(line: 22, content: .check("fine"))))
    steps.append(page.end())
    #expect(
      steps == [
        "\nThe value is …, $y^2 = x$.\n",
        "\n  │ refused\n\nNext\n────\n\n- an item\n",
        "",
        "\n  y     3\n  long  4\n",
        "\n  ✓ fine\n",
      ])
  }

  @Test func wrapping() {
    let lines = [
      "A paragraph that is", "longer than the width.", "", "1. an item that has to be wrapped",
      "2. another", "$$", "a =   b", "$$", "```", "code   as it is, however long it may be",
      "```", "| a |", "| - |",
    ]
    #expect(
      wrappedMarkdown(lines, width: 24) == """
        A paragraph that is
        longer than the width.

        1. an item that has to
           be wrapped
        2. another
        $$
        a =   b
        $$
        ```
        code   as it is, however long it may be
        ```
        | a |
        | - |
        """)
    #expect(wrapped("a " + String(repeating: "x", count: 9), width: 5) == "a\nxxxxxxxxx")
  }
}
