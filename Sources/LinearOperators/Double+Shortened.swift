extension Double {
  /// Three significant digits, for messages: `0.264`, `1230`, `1.23e-5`.
  ///
  /// Numbers from 0.001 to below 10,000 are written out, others with a power of ten.
  package var shortened: String {
    guard isFinite, self != 0 else { return self == 0 ? "0" : "\(self)" }
    var power = 0
    var size = magnitude
    while size >= 10 {
      size /= 10
      power += 1
    }
    while size < 1 {
      size *= 10
      power -= 1
    }
    // Three digits as an integer, 100…999; rounding up 9.995 carries into the power.
    var digits = Int((size * 100).rounded())
    if digits == 1000 {
      digits = 100
      power += 1
    }
    let sign = self < 0 ? "-" : ""
    let three = String(digits)
    switch power {
    case 2...3: return sign + three + String(repeating: "0", count: power - 2)
    case 0...1: return sign + Self.point(three.prefix(power + 1), three.dropFirst(power + 1))
    case -3 ... -1: return sign + Self.point("0", String(repeating: "0", count: -power - 1) + three)
    default: return sign + Self.point(three.prefix(1), three.dropFirst(1)) + "e\(power)"
    }
  }

  /// The same for a ratio whose rounding is about `ε`: below 1e-13 it says no more than that, and what
  /// it says differs between machines.
  package var shortenedRatio: String { magnitude < 1e-13 ? "< 1e-13" : shortened }

  /// `1.5` from `1` and `50`; no point without a fraction.
  private static func point(_ whole: some StringProtocol, _ fraction: some StringProtocol) -> String
  {
    var fraction = String(fraction)
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return fraction.isEmpty ? String(whole) : "\(whole).\(fraction)"
  }
}
