import FaultHunt
import FaultOracle
import Testing

@Suite("Arithmetic of 32 digits")
struct DoubleDoubleTests {
  @Test("Sums and products keep what one double loses")
  func exactness() {
    let sum = DoubleDouble(sum: 1, 0x1p-80)
    #expect(sum.high == 1 && sum.low == 0x1p-80)
    // (1 + 2⁻⁵⁰)² = 1 + 2⁻⁴⁹ + 2⁻¹⁰⁰.
    let product = DoubleDouble(product: 1 + 0x1p-50, 1 + 0x1p-50)
    #expect(product.high == 1 + 0x1p-49 && product.low == 0x1p-100)
  }

  @Test("A quotient times the divisor gives the dividend back")
  func division() {
    let third = DoubleDouble(1) / DoubleDouble(3)
    let rest = third * DoubleDouble(3) - DoubleDouble(1)
    #expect(rest.high.magnitude < 0x1p-103)
  }

  @Test(
    "Decimal numbers are read to all their digits",
    arguments: [
      ("1.5", 1.5, 0), ("-2", -2, 0), ("2.5e-1", 0.25, 0),
      // 1/10 is 0.1 − 2⁻⁵⁶·0.4 as a double.
      ("0.1", 0.1, -0x1p-56 * 0.4), ("1e2", 100, 0),
    ])
  func decimals(text: String, high: Double, low: Double) throws {
    let number = try #require(DoubleDouble(decimal: text))
    #expect(number.high == high)
    #expect((number.low - low).magnitude <= 0x1p-103 * high.magnitude)
  }

  @Test("What is no decimal number is refused", arguments: ["1.2.3", "1e", "x", "1e2e3", "--1"])
  func noNumbers(text: String) { #expect(DoubleDouble(decimal: text) == nil) }
}
