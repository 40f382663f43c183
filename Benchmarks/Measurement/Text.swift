/// A command line that cannot be followed, in a sentence.
package struct UsageError: Error, CustomStringConvertible {
  package var description: String

  package init(description: String) { self.description = description }
}

extension String {
  package func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }

  package func aligned(to width: Int) -> String {
    String(repeating: " ", count: max(0, width - count)) + self
  }
}

/// Three significant digits, in the unit that suits.
package func duration(_ seconds: Double) -> String {
  for (factor, unit) in [(1.0, "s"), (1e3, "ms"), (1e6, "µs")] where seconds * factor >= 1 {
    return "\(shortened(seconds * factor)) \(unit)"
  }
  return "\(shortened(seconds * 1e9)) ns"
}

/// Three significant digits.
package func shortened(_ value: Double) -> String {
  if !value.isFinite { return "\(value)" }
  if value == value.rounded(), abs(value) < 1e15 { return "\(Int(value))" }
  var exponent = 0
  var scaled = abs(value)
  while scaled >= 1000 {
    scaled /= 10
    exponent += 1
  }
  while scaled < 100 {
    scaled *= 10
    exponent -= 1
  }
  let digits = Int(scaled.rounded())
  let sign = value < 0 ? "-" : ""
  if exponent >= 0, exponent < 6 {
    return sign + "\(digits)" + String(repeating: "0", count: exponent)
  }
  if exponent < 0, exponent >= -5 {
    let text = "\(digits)"
    let whole = text.count + exponent
    if whole > 0 { return sign + text.prefix(whole) + "." + text.suffix(-exponent) }
    return sign + "0." + String(repeating: "0", count: -whole) + text
  }
  let text = "\(digits)"
  return sign + text.prefix(1) + "." + text.dropFirst() + "e\(exponent + 2)"
}
