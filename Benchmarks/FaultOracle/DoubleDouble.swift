/// What the polynomials of the oracle are evaluated in: `Double`, or pairs of them.
package protocol OracleNumber: Sendable {
  init(_ value: Double)
  static func + (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
}

extension Double: OracleNumber {}

/// An unevaluated sum of two doubles, `high + low` with `|low| ≤ ½ ulp(high)`: about 32 digits.
///
/// Without fused operations, so that all machines agree. Products split their factors by
/// multiplying with `2²⁷ + 1`: factors beyond 1e300 would overflow, which no problem has.
///
/// Source: T. J. Dekker, "A floating-point technique for extending the available precision",
/// Numer. Math. 18 (1971), 224–242; D. E. Knuth, *The Art of Computer Programming* 2, 4.2.2,
/// theorem B.
package struct DoubleDouble: OracleNumber, Equatable {
  package var high: Double
  package var low: Double

  package init(_ value: Double) {
    high = value
    low = 0
  }

  /// The sum of any two numbers.
  package init(sum a: Double, _ b: Double) {
    high = a + b
    let part = high - a
    low = (a - (high - part)) + (b - part)
  }

  /// The product of two numbers, exact unless it underflows.
  package init(product a: Double, _ b: Double) {
    high = a * b
    let (aHigh, aLow) = DoubleDouble.halves(a)
    let (bHigh, bLow) = DoubleDouble.halves(b)
    low = ((aHigh * bHigh - high) + aHigh * bLow + aLow * bHigh) + aLow * bLow
  }

  /// Two numbers of at most 26 bits that add up to `a`.
  private static func halves(_ a: Double) -> (Double, Double) {
    let scaled = 134_217_729 * a
    let high = scaled - (scaled - a)
    return (high, a - high)
  }

  package static func + (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
    let s = DoubleDouble(sum: a.high, b.high)
    let t = DoubleDouble(sum: a.low, b.low)
    let u = DoubleDouble(sum: s.high, s.low + t.high)
    return DoubleDouble(sum: u.high, u.low + t.low)
  }

  package static prefix func - (a: DoubleDouble) -> DoubleDouble {
    var result = a
    result.high = -a.high
    result.low = -a.low
    return result
  }

  package static func - (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble { a + (-b) }

  package static func * (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
    let p = DoubleDouble(product: a.high, b.high)
    return DoubleDouble(sum: p.high, p.low + (a.high * b.low + a.low * b.high))
  }

  package static func / (a: DoubleDouble, b: DoubleDouble) -> DoubleDouble {
    var quotient = DoubleDouble(a.high / b.high)
    for _ in 0..<2 {
      let remainder = a - quotient * b
      quotient = quotient + DoubleDouble(remainder.high / b.high)
    }
    return quotient
  }

  /// A decimal number such as `-1.25e-3`, to all digits that fit; `nil` for anything else.
  package init?(decimal text: some StringProtocol) {
    let parts = text.split(separator: "e", omittingEmptySubsequences: false)
    guard let digits = parts.first, parts.count <= 2,
      var exponent = parts.count == 2 ? Int(parts[1]) : 0
    else { return nil }
    var value = DoubleDouble(0)
    var pointSeen = false
    var isNegative = false
    for (place, character) in digits.enumerated() {
      if place == 0, character == "-" {
        isNegative = true
      } else if character == ".", !pointSeen {
        pointSeen = true
      } else if let digit = character.wholeNumberValue {
        value = value * DoubleDouble(10) + DoubleDouble(Double(digit))
        if pointSeen { exponent -= 1 }
      } else {
        return nil
      }
    }
    let ten = DoubleDouble(10)
    var factor = DoubleDouble(1)
    for _ in 0..<abs(exponent) { factor = factor * ten }
    value = exponent < 0 ? value / factor : value * factor
    self = isNegative ? -value : value
  }
}
