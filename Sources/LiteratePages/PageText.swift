/// A value that says how it stands on a page. Numbers, arrays of numbers and whatever prints
/// itself do without; a type whose `description` has too many digits conforms.
package protocol PageText {
  /// One line, at most seven significant digits per number.
  var pageText: String { get }
}

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
      isNumber = false
      text = PageCell.words(value)
    }
  }

  private static func words(_ value: any CustomStringConvertible) -> String {
    switch value {
    case let value as any PageText: value.pageText
    case let values as [any CustomStringConvertible]:
      "[" + values.map { PageCell($0).text }.joined(separator: ", ") + "]"
    case let flag as Bool: flag ? "yes" : "no"
    default: value.description
    }
  }
}
