/// A value as it stands on a page, and whether it is a number (numbers align right in tables).
package struct PageCell: Equatable, Sendable {
  package var text: String
  package var isNumber: Bool

  package init(_ value: any CustomStringConvertible) {
    isNumber = true
    switch value {
    case let number as Number: text = number.text
    case let number as Double: text = formatted(number)
    case let number as Float: text = formatted(Double(number))
    case let number as any BinaryInteger: text = number.description
    default:
      text = PageCell.words(value)
      isNumber = PageCell.isNumeral(text)
    }
  }

  /// Whether words are a number after all, or a bound such as `< 1e-13`, or say that there is none.
  private static func isNumeral(_ text: String) -> Bool {
    let numeral = text.hasPrefix("< ") ? text.dropFirst(2) : text[...]
    return ["", "–", "∞", "-∞"].contains(text) || Double(numeral) != nil
  }

  private static func words(_ value: any CustomStringConvertible) -> String {
    switch value {
    case let values as [any CustomStringConvertible]:
      "[" + values.map { PageCell($0).text }.joined(separator: ", ") + "]"
    case let flag as Bool: flag ? "yes" : "no"
    default: withShortNumbers(value.description)
    }
  }
}

/// A text in which decimal numbers have at most seven significant digits: `1.4142135623730951`
/// becomes `1.414214`. What is beyond differs between machines, and a page does not.
///
/// Numbers without a point are left alone, as counts and names.
func withShortNumbers(_ text: String) -> String {
  text.replacing(/(?<sign>-?)(?<number>\d+\.\d+(?:[eE][-+]?\d+)?)/) { match in
    let digits = match.number.prefix { $0 != "e" && $0 != "E" }.filter { $0 != "." }
    guard digits.drop(while: { $0 == "0" }).count > 7, let value = Double(match.number) else {
      return String(match.0)
    }
    return match.sign + formatted(value)
  }
}
