import Testing

@testable import LiteratePages

@Suite struct TextTableTests {
  private func table() throws -> TextTable {
    try TextTable(
      ["method", "error", "n"],
      rows: [["implicit", measured(0), 1], ["a|b\nc", 0.25, 10_000]])
  }

  @Test func markdown() throws {
    #expect(
      try table().markdown == """
        | method   |   error |     n |
        | -------- | ------: | ----: |
        | implicit | < 1e-13 |     1 |
        | a\\|b c   |    0.25 | 10000 |
        """)
  }

  @Test func plainText() throws {
    let table = try TextTable(["method", "n"], rows: [["a", 1], ["implicit", 10_000]])
    #expect(
      table.plainText == """
        method        n
        ────────  ─────
        a             1
        implicit  10000
        """)
  }

  @Test func emptyTableHasAHead() throws {
    #expect(try TextTable(["a"], rows: []).markdown == "| a   |\n| --- |")
  }

  @Test func rowsMustFit() {
    #expect(throws: PageError.rowLength(row: 2, cells: 1, columns: 2)) {
      try TextTable(["a", "b"], rows: [[1, 2], [3]])
    }
  }
}
