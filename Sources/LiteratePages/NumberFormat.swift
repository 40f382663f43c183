/// Writes a number as the pages do: at most `digits` significant digits, without trailing zeros,
/// in the same way on every machine and in every locale.
///
/// Between 10⁻⁴ and 10⁷ (or 10^`digits`, if that is less, but at least 10⁴) numbers are written
/// out, otherwise as `1.25e-9`. Zero of either sign is `0`; what is not finite is `∞`, `-∞`, `NaN`.
///
/// The digits come from the shortest decimal that reads back as `x`, rounded half away from zero.
package func formatted(_ x: Double, digits: Int = 7) -> String {
  guard x.isFinite else { return x.isNaN ? "NaN" : x < 0 ? "-∞" : "∞" }
  guard x != 0 else { return "0" }
  var decimal = Decimal(shortestFor: x.magnitude)
  decimal.round(to: min(max(digits, 1), 7))
  return (x < 0 ? "-" : "") + decimal.text(plainBelow: max(min(digits, 7), 4))
}

/// A value whose size matters more than its digits, such as an error: two significant digits, and
/// a bound when it is at the level of rounding.
///
/// Rounding differs between processors and C libraries, and a page should not. So a value below
/// 10⁻¹³ of `scale` prints as `< 1e-13` (times the scale, rounded up to one digit).
///
/// - Parameters:
///   - scale: the size of the quantities whose difference `value` is; 1 for a relative error.
package func measured(_ value: Double, scale: Double = 1, digits: Int = 2) -> Number {
  let floor = 1e-13 * scale.magnitude
  guard value.magnitude < floor, floor.isFinite else {
    return Number(text: formatted(value, digits: digits))
  }
  var bound = Decimal(shortestFor: floor)
  bound.roundUpToOneDigit()
  return Number(text: "< " + bound.text(plainBelow: 4))
}

/// A value with a chosen number of significant digits, at most seven.
package func digits(_ count: Int, _ value: Double) -> Number {
  Number(text: formatted(value, digits: count))
}

/// A number that has already been written, and stands in tables as a number.
package struct Number: Sendable, CustomStringConvertible {
  package let text: String
  package var description: String { text }
}

/// A positive decimal `0.d₁d₂d₃… · 10^exponent`, with `d₁ ≠ 0`.
private struct Decimal {
  var digits: [UInt8]
  var exponent: Int

  /// Reads `description` of a positive finite number: `123.45`, `1.5e-07`, `1e+16`.
  init(shortestFor magnitude: Double) {
    digits = []
    exponent = 0
    var pointSeen = false
    var power = 0
    let text = magnitude.description.utf8
    let mantissaEnd = text.firstIndex(of: UInt8(ascii: "e")) ?? text.endIndex
    for character in text[..<mantissaEnd] {
      guard character != UInt8(ascii: ".") else {
        pointSeen = true
        continue
      }
      if !pointSeen { exponent += 1 }
      digits.append(character - UInt8(ascii: "0"))
    }
    if mantissaEnd < text.endIndex {
      power = Int(String(text[text.index(after: mantissaEnd)...]) ?? "0") ?? 0
    }
    let leadingZeros = digits.prefix { $0 == 0 }.count
    digits.removeFirst(leadingZeros)
    exponent += power - leadingZeros
    dropTrailingZeros()
  }

  mutating func round(to count: Int) {
    guard digits.count > count else { return }
    let up = digits[count] >= 5
    digits.removeSubrange(count...)
    if up { increment() }
    dropTrailingZeros()
  }

  mutating func roundUpToOneDigit() {
    // What the shortest decimal carries beyond seven digits is the rounding of `1e-13 · scale`.
    round(to: 7)
    guard digits.count > 1 else { return }
    digits.removeSubrange(1...)
    increment()
  }

  /// Adds one unit of the last digit; a carry out of the first leaves a single 1.
  private mutating func increment() {
    var index = digits.count - 1
    while index >= 0, digits[index] == 9 {
      digits[index] = 0
      index -= 1
    }
    if index >= 0 {
      digits[index] += 1
    } else {
      digits = [1]
      exponent += 1
    }
  }

  private mutating func dropTrailingZeros() {
    while digits.count > 1, digits.last == 0 { digits.removeLast() }
  }

  /// Written out from 10⁻⁴ to below 10^`limit`, else with a power of ten.
  func text(plainBelow limit: Int) -> String {
    let figures = digits.map { Character(UnicodeScalar(UInt8(ascii: "0") + $0)) }
    let power = exponent - 1
    if power < -4 || power >= limit {
      let fraction = figures.count > 1 ? "." + String(figures[1...]) : ""
      return "\(figures[0])\(fraction)e\(power)"
    }
    if exponent <= 0 {
      return "0." + String(repeating: "0", count: -exponent) + String(figures)
    }
    if figures.count <= exponent {
      return String(figures) + String(repeating: "0", count: exponent - figures.count)
    }
    return String(figures[..<exponent]) + "." + String(figures[exponent...])
  }
}
