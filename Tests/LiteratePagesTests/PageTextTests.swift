import Testing

@testable import LiteratePages

@Suite struct PageTextTests {
  private struct Short: CustomStringConvertible, PageText {
    var description: String { "0.12345678901234567" }
    var pageText: String { "0.1234568" }
  }

  @Test(
    arguments: [
      (PageCell(3), "3", true), (PageCell(UInt8(7)), "7", true), (PageCell(0.5), "0.5", true),
      (PageCell(Float(0.5)), "0.5", true), (PageCell(measured(0)), "< 1e-13", true),
      (PageCell(digits(2, 1.0 / 3)), "0.33", true), (PageCell("three"), "three", false),
      (PageCell(true), "yes", false), (PageCell([1.0, 2.0 / 3]), "[1, 0.6666667]", false),
      (PageCell([[1, 2], [3]]), "[[1, 2], [3]]", false), (PageCell(Short()), "0.1234568", false),
    ] as [(PageCell, String, Bool)])
  func cells(cell: PageCell, text: String, isNumber: Bool) {
    #expect(cell == PageCell(text: text, isNumber: isNumber))
  }
}

extension PageCell {
  init(text: String, isNumber: Bool) {
    self.init(text)
    self.isNumber = isNumber
  }
}
