import Testing

@testable import LiteratePages

@Suite struct PageTextTests {
  /// Prints itself with all the digits it has.
  private struct Long: CustomStringConvertible {
    var description: String { "[0.12345678901234567, -1.5e-07, 2]" }
  }

  @Test(
    arguments: [
      (PageCell(3), "3", true), (PageCell(UInt8(7)), "7", true), (PageCell(0.5), "0.5", true),
      (PageCell(Float(0.5)), "0.5", true), (PageCell(measured(0)), "< 1e-13", true),
      (PageCell(digits(2, 1.0 / 3)), "0.33", true), (PageCell("three"), "three", false),
      (PageCell("2.7e-9"), "2.7e-9", true), (PageCell("< 1e-13"), "< 1e-13", true),
      (PageCell(""), "", true), (PageCell("–"), "–", true), (PageCell("< me"), "< me", false),
      (PageCell(true), "yes", false), (PageCell([1.0, 2.0 / 3]), "[1, 0.6666667]", false),
      (PageCell([[1, 2], [3]]), "[[1, 2], [3]]", false),
      (PageCell(Long()), "[0.1234568, -1.5e-07, 2]", false),
    ] as [(PageCell, String, Bool)])
  func cells(cell: PageCell, text: String, isNumber: Bool) {
    #expect(cell == PageCell(text: text, isNumber: isNumber))
  }

  @Test(
    arguments: [
      ("‖F‖ = 3.14159265358979e-5 > 1e-6", "‖F‖ = 3.141593e-5 > 1e-6"),
      ("-0.000123456789 of 0.00012", "-0.0001234568 of 0.00012"),
      ("12345678901 steps, 1.25, version 1.2.3", "12345678901 steps, 1.25, version 1.2.3"),
      ("x=99999999.75;", "x=1e8;"), ("", ""), ("1.", "1."),
    ] as [(String, String)])
  func numbersInText(text: String, short: String) {
    #expect(withShortNumbers(text) == short)
  }
}

extension PageCell {
  init(text: String, isNumber: Bool) {
    self.init(text)
    self.isNumber = isNumber
  }
}
