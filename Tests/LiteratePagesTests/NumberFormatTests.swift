import Testing

@testable import LiteratePages

@Suite struct NumberFormatTests {
  @Test(
    arguments: [
      (0.0, "0"), (-0.0, "0"), (1, "1"), (-1, "-1"), (10_000, "10000"), (1_234_567, "1234567"),
      (12_345_678, "1.234568e7"), (9_999_999.6, "1e7"), (0.1 + 0.2, "0.3"), (1.0 / 3, "0.3333333"),
      (2.0 / 3, "0.6666667"), (0.0001, "0.0001"), (0.00012345678, "0.0001234568"),
      (0.00009, "9e-5"), (1.25e-9, "1.25e-9"), (-3.14159265358979, "-3.141593"),
      (0.99999999, "1"), (99.999999, "100"), (9.9999995, "10"), (.leastNonzeroMagnitude, "5e-324"),
      (1.7976931348623157e308, "1.797693e308"), (.infinity, "∞"), (-.infinity, "-∞"),
      (.nan, "NaN"), (-.nan, "NaN"), (1e16, "1e16"), (123_456.789, "123456.8"), (100, "100"),
    ] as [(Double, String)])
  func sevenDigits(value: Double, text: String) {
    #expect(formatted(value) == text)
  }

  @Test(
    arguments: [
      (12_345.0, 2, "1.2e4"), (1_234, 2, "1200"), (0.0125, 2, "0.013"), (0.95, 1, "1"),
      (3.2768e-9, 2, "3.3e-9"), (1.5, 0, "2"), (1.23456789, 17, "1.234568"),
    ] as [(Double, Int, String)])
  func fewerDigits(value: Double, count: Int, text: String) {
    #expect(formatted(value, digits: count) == text)
  }

  /// What is printed reads back within half a unit of the seventh digit, for random bits.
  @Test func readsBack() throws {
    var generator = SplitMix(seed: 1)
    var count = 0
    while count < 5_000 {
      let value = Double(bitPattern: generator.next())
      guard value.isFinite, value.magnitude > 1e-300, value.magnitude < 1e300 else { continue }
      count += 1
      let back = try #require(Double(formatted(value)))
      // Half a unit of the seventh digit is at most 5e-7 of the value; reading back rounds.
      #expect((back - value).magnitude <= 5.000001e-7 * value.magnitude, "\(value)")
    }
  }

  @Test(
    arguments: [
      (3.28e-9, 1.0, "3.3e-9"), (2.2e-16, 1, "< 1e-13"), (0, 1, "< 1e-13"), (1e-13, 1, "1e-13"),
      (-1e-15, 1, "< 1e-13"), (1e-12, 437, "< 5e-11"), (1e-12, 400, "< 4e-11"),
      (1e-10, 437, "1e-10"), (1e-20, 1e-3, "< 1e-16"), (1e-12, -437, "< 5e-11"),
      (0, 9.5e9, "< 0.001"), (.nan, 1, "NaN"), (1, .infinity, "1"),
    ] as [(Double, Double, String)])
  func boundAtRounding(value: Double, scale: Double, text: String) {
    #expect(measured(value, scale: scale).text == text)
  }
}

/// Numbers that are the same in every run (G. L. Steele et al., "Fast Splittable Pseudorandom
/// Number Generators", 2014).
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
