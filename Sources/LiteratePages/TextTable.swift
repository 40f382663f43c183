/// A table of words and numbers: markdown on the page, aligned text in the terminal.
package struct TextTable: Equatable, Sendable {
  package var columns: [String]
  /// One row per entry, each with as many cells as there are columns.
  package var rows: [[PageCell]]

  /// - Throws: `PageError.rowLength` when a row is shorter or longer than the head.
  package init(_ columns: [String], rows: [[any CustomStringConvertible]]) throws {
    self.columns = columns
    self.rows = rows.map { $0.map { PageCell($0) } }
    for (index, row) in rows.enumerated() where row.count != columns.count {
      throw PageError.rowLength(row: index + 1, cells: row.count, columns: columns.count)
    }
  }

  /// Columns in which every cell is a number, or empty, are aligned right.
  private func isNumeric(_ column: Int) -> Bool {
    rows.contains { !$0[column].text.isEmpty } && rows.allSatisfy { $0[column].isNumber }
  }

  /// A GitHub table, its cells padded so that the source of the page reads well too.
  package var markdown: String {
    let head = columns.map(Self.escaped)
    let body = rows.map { $0.map { Self.escaped($0.text) } }
    let widths = columns.indices.map { column in
      max(3, ([head] + body).map { $0[column].count }.max() ?? 0)
    }
    let rule = columns.indices.map { column in
      isNumeric(column)
        ? String(repeating: "-", count: widths[column] - 1) + ":"
        : String(repeating: "-", count: widths[column])
    }
    return ([head, rule] + body).map { row in
      "| " + padded(row, to: widths).joined(separator: " | ") + " |"
    }.joined(separator: "\n")
  }

  /// Aligned columns, two spaces apart, with a rule below the head.
  package var plainText: String {
    let body = rows.map { $0.map(\.text) }
    let widths = columns.indices.map { column in
      ([columns] + body).map { $0[column].count }.max() ?? 0
    }
    let rule = widths.map { String(repeating: "─", count: $0) }
    return ([columns, rule] + body).map { row in
      padded(row, to: widths).joined(separator: "  ").trimmingTrailingSpaces
    }.joined(separator: "\n")
  }

  private func padded(_ row: [String], to widths: [Int]) -> [String] {
    row.indices.map { column in
      let space = String(repeating: " ", count: widths[column] - row[column].count)
      return isNumeric(column) ? space + row[column] : row[column] + space
    }
  }

  /// A bar would end the cell, a line break the table.
  private static func escaped(_ text: String) -> String {
    text.map { character in
      switch character {
      case "|": "\\|"
      case "\n", "\r\n": " "
      default: String(character)
      }
    }.joined()
  }
}

extension StringProtocol {
  /// Without the spaces at its end.
  var trimmingTrailingSpaces: String {
    var end = endIndex
    while end > startIndex, self[index(before: end)] == " " { end = index(before: end) }
    return String(self[..<end])
  }

  /// Without the white space at both ends.
  var trimmed: String {
    let start = firstIndex { !$0.isWhitespace } ?? endIndex
    let rest = self[start...]
    let end = rest.lastIndex { !$0.isWhitespace }.map { rest.index(after: $0) } ?? start
    return String(rest[..<end])
  }
}
