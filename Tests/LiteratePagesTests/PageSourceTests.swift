import Testing

@testable import LiteratePages

@Suite struct PageSourceTests {
  static let text = """
    // # A claim
    //
    // Page: docs/Claim.md
    //
    // The value is \\(y), $y^2 = x$.

    // hide begin
    import LiteratePages
    // hide end

    func square(_ x: Double) -> Double {
      // An indented comment is code.

      x * x
    }
    secret()  // hide

    // ## Next
    //
    // - an item

    show("y", square(3))
    """

  @Test func parts() throws {
    let source = try PageSource(text: Self.text, path: "Tutorials/Claim/main.swift")
    #expect(source.title == "A claim")
    #expect(source.name == "Claim")
    #expect(source.rootPrefix == "../")
    let line = PageSource.Line.init(number:text:)
    #expect(
      source.parts == [
        .prose(lines: [line(5, "The value is \\(y), $y^2 = x$.")]),
        .code(
          lines: [
            line(11, "func square(_ x: Double) -> Double {"),
            line(12, "  // An indented comment is code."), line(13, ""), line(14, "  x * x"),
            line(15, "}"),
          ], range: 8...16),
        .prose(lines: [line(18, "## Next"), line(19, ""), line(20, "- an item")]),
        .code(lines: [line(22, "show(\"y\", square(3))")], range: 22...22),
      ])
  }

  @Test func resultsBelongToTheBlockOfTheirLine() throws {
    let source = try PageSource(text: Self.text, path: "main.swift")
    #expect(source.codePart(atLine: 5) == nil)
    #expect(source.codePart(atLine: 8) == 1)
    #expect(source.codePart(atLine: 16) == 1)
    #expect(source.codePart(atLine: 22) == 3)
    #expect(source.codePart(atLine: 99) == 3)
    #expect(source.codeLines == [8, 11, 12, 14, 15, 16, 22])
  }

  @Test(
    arguments: [
      ("let x = 1\n", PageError.noTitle(path: "m")),
      ("", .noTitle(path: "m")),
      ("// # T\n//\n// Text.\n", .noPageName(path: "m")),
      ("// # T\n\n// Page: docs/T.md\n", .noPageName(path: "m")),
      ("// # T\n// Page: docs/a-b.md\n", .noPageName(path: "m")),
      ("// # T\n// Page: docs/.md\n", .noPageName(path: "m")),
      ("// # T\n// Page: docs/T.md\n// hide begin\nx\n", .unbalancedHide(path: "m", line: 3)),
      ("// # T\n// Page: docs/T.md\n// hide end\n", .unbalancedHide(path: "m", line: 3)),
    ] as [(String, PageError)])
  func refusals(text: String, error: PageError) {
    #expect(throws: error) { try PageSource(text: text, path: "m") }
  }

  @Test func aSourceThatIsGoneIsNamed() {
    #expect(throws: PageError.sourceMissing(path: "/nowhere/main.swift")) {
      try PageSource(file: "/nowhere/main.swift")
    }
    #expect(PageError.sourceMissing(path: "").exitStatus == 2)
  }

  @Test func thePackageIsFound() throws {
    let root = try PageSource.packageRoot(above: #filePath)
    #expect(#filePath.hasPrefix(root + "/Tests/LiteratePagesTests/"))
    let source = try PageSource(file: root + "/Tutorials/UnconstrainedOptimization/main.swift")
    #expect(source.sourcePath == "Tutorials/UnconstrainedOptimization/main.swift")
  }
}
