import Kernels
import TracedTensors

/// A text is not a table of numbers; `line` and `column` count from 1. Exit status 2.
package struct MalformedTable: ExitStatusError, Equatable, CustomStringConvertible {
  package var line: Int
  package var column: Int
  package var reason: String
  package var exitStatus: Int32 { 2 }
  package var description: String { "line \(line), column \(column) of the table: \(reason)" }
}

/// A table with named columns, read from comma-separated values.
///
/// ```swift
/// let table = try Table(csv: "age,bmi,kind\n59,32.1,A\n48,21.6,B\n")
/// let bmi = try table["bmi"]                         // [32.1, 21.6]
/// let features = try table.columns(["age", "bmi"])   // 2 × 2
/// let kinds = try table.labels("kind")               // ["A", "B"]
/// ```
///
/// The first line names the columns. Lines end with LF or CRLF; the last one may lack its end, and
/// empty lines at the end are ignored. Spaces and tabs around a field do not count. A field in
/// double quotes may hold commas, and a quote as two; it ends on its line. Numbers are what
/// `Double` reads, in plain or scientific notation (no `nan`, no `inf`, no hexadecimal). A column
/// is read as numbers when it is asked for, so one of text does no harm.
///
/// Source: Y. Shafranovich, "Common Format and MIME Type for Comma-Separated Values (CSV) Files",
/// RFC 4180 (2005); spaces around fields and the limit of a quoted field to its line are ours.
package struct Table: Sendable, Equatable {
  /// The names of the columns, in order.
  package let columnNames: [String]

  /// The number of rows, the header apart.
  package let rowCount: Int

  private var fields: [[Field]]

  private struct Field: Equatable {
    var text: String
    /// Where it stands, counted from 1.
    var line: Int
    var column: Int
  }

  /// Reads a table.
  ///
  /// - Throws: `MalformedTable` for a text without a header, a name that is
  ///   empty or occurs twice, a row with more or fewer fields than there are names, and a quote
  ///   that is out of place; with line and column, counted from 1.
  package init(csv text: String) throws(MalformedTable) {
    var rows = try Table.rows(text)
    guard let header = rows.first else {
      throw MalformedTable(line: 1, column: 1, reason: "the table is empty, it has no header")
    }
    rows.removeFirst()
    var seen = Set<String>()
    for name in header {
      if name.text.isEmpty {
        throw Table.malformed(name, "the name of a column is missing")
      }
      if !seen.insert(name.text).inserted {
        throw Table.malformed(name, "two columns have the name \(Table.shown(name.text))")
      }
    }
    for row in rows where row.count != header.count {
      // The first field too many, or the last one of a row that is too short.
      let place = row[min(row.count - 1, header.count)]
      throw Table.malformed(
        place, "the row has \(row.count) fields, the header \(header.count)")
    }
    columnNames = header.map(\.text)
    rowCount = rows.count
    fields = rows
  }

  /// One column of numbers: a vector of length `rowCount`.
  ///
  /// - Throws: `MalformedTable` when there is no such column, or at the first
  ///   field that is no number.
  package subscript(_ name: String) -> Tensor {
    get throws(MalformedTable) { Tensor(try numbers(at: try index(of: name))) }
  }

  /// Columns of numbers side by side: a matrix of `rowCount` rows.
  ///
  /// - Throws: as the subscript.
  package func columns(_ names: [String]) throws(MalformedTable) -> Tensor {
    var entries = [Double](repeating: 0, count: rowCount * names.count)
    for (place, name) in names.enumerated() {
      for (row, number) in try numbers(at: try index(of: name)).enumerated() {
        entries[row * names.count + place] = number
      }
    }
    return Tensor(shape: [rowCount, names.count], entries)
  }

  /// One column as text, for labels.
  ///
  /// - Throws: `MalformedTable` when there is no such column.
  package func labels(_ name: String) throws(MalformedTable) -> [String] {
    let column = try index(of: name)
    return fields.map { $0[column].text }
  }

  private func index(of name: String) throws(MalformedTable) -> Int {
    if let index = columnNames.firstIndex(of: name) { return index }
    let names = columnNames.map(Table.shown).joined(separator: ", ")
    throw MalformedTable(
      line: 1, column: 1,
      reason: "there is no column \(Table.shown(name)); the columns are \(names)")
  }

  private func numbers(at column: Int) throws(MalformedTable) -> [Double] {
    var result: [Double] = []
    result.reserveCapacity(rowCount)
    for row in fields {
      guard let number = Table.number(row[column].text) else {
        let name = Table.shown(columnNames[column])
        throw Table.malformed(
          row[column],
          row[column].text.isEmpty
            ? "the number for \(name) is missing"
            : "\(Table.shown(row[column].text)) for \(name) is not a number")
      }
      result.append(number)
    }
    return result
  }
}

// MARK: Reading

extension Table {
  /// A finite number in decimal notation.
  private static func number(_ text: String) -> Double? {
    let isPlain = text.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
        true
      default: false
      }
    }
    guard isPlain, let number = Double(text), number.isFinite else { return nil }
    return number
  }

  private static func malformed(_ field: Field, _ reason: String) -> MalformedTable {
    MalformedTable(line: field.line, column: field.column, reason: reason)
  }

  /// A piece of the text for a message: quoted, control characters escaped, cut when long.
  private static func shown(_ text: String) -> String {
    text.count > 24 ? "\(String(text.prefix(24)).debugDescription)…" : text.debugDescription
  }

  /// The fields of each line, without empty lines at the end.
  private static func rows(_ text: String) throws(MalformedTable) -> [[Field]] {
    // By code units: a CR LF pair is one `Character`, and columns count what an editor counts only
    // for plain text anyway.
    let bytes = Array(text.utf8)
    var rows: [[Field]] = []
    var place = 0
    var line = 1
    // A byte order mark.
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { place = 3 }
    while place < bytes.count {
      var end = place
      while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
      let isCRLF = end < bytes.count && end > place && bytes[end - 1] == UInt8(ascii: "\r")
      rows.append(try fields(bytes[place..<(isCRLF ? end - 1 : end)], line: line))
      place = end + 1
      line += 1
    }
    while let last = rows.last, last.count == 1, last[0].text.isEmpty { rows.removeLast() }
    return rows
  }

  private static func fields(
    _ bytes: ArraySlice<UInt8>, line: Int
  ) throws(MalformedTable) -> [Field] {
    let (comma, quote) = (UInt8(ascii: ","), UInt8(ascii: "\""))
    func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    func column(_ place: Int) -> Int { place - bytes.startIndex + 1 }
    var result: [Field] = []
    var place = bytes.startIndex
    while true {
      while place < bytes.endIndex, isBlank(bytes[place]) { place += 1 }
      let start = place
      var content: [UInt8] = []
      if place < bytes.endIndex, bytes[place] == quote {
        place += 1
        while true {
          guard place < bytes.endIndex else {
            throw MalformedTable(
              line: line, column: column(start), reason: "a quote is not closed on its line")
          }
          if bytes[place] == quote {
            place += 1
            guard place < bytes.endIndex, bytes[place] == quote else { break }
          }
          content.append(bytes[place])
          place += 1
        }
        while place < bytes.endIndex, isBlank(bytes[place]) { place += 1 }
        if place < bytes.endIndex, bytes[place] != comma {
          throw MalformedTable(
            line: line, column: column(place), reason: "text follows a field in quotes")
        }
      } else {
        while place < bytes.endIndex, bytes[place] != comma {
          if bytes[place] == quote {
            throw MalformedTable(
              line: line, column: column(place), reason: "a quote stands inside a field")
          }
          content.append(bytes[place])
          place += 1
        }
        while let last = content.last, isBlank(last) { content.removeLast() }
      }
      result.append(
        Field(text: String(decoding: content, as: UTF8.self), line: line, column: column(start)))
      guard place < bytes.endIndex else { return result }
      place += 1
    }
  }
}

// MARK: Writing

extension Tensor {
  /// The matrix as comma-separated values below a line of column names, or the vector as one
  /// column. Each number is written with as many digits as bring back the same bits when read.
  ///
  /// Stops when the tensor is traced, when it is neither a vector nor a matrix, when the number of
  /// names is not that of the columns, or when no reader would take them: an empty name, one with a
  /// line break, the same one twice.
  ///
  /// - Throws: `DifferentiationError.notFinite` for NaN or infinity, which no reader would take.
  package func csv(columnNames: [String]) throws(DifferentiationError) -> String {
    if rank != 1, rank != 2 {
      stop("Only a vector or a matrix is written as CSV; the shape is \(shape).")
    }
    let columns = rank == 1 ? 1 : shape[1]
    if columnNames.count != columns {
      stop("\(columnNames.count) names were given for \(columns) columns.")
    }
    if let name = columnNames.first(where: { $0.isEmpty || $0.utf8.contains(UInt8(ascii: "\n")) }) {
      stop("\(name.debugDescription) cannot name a column of a table.")
    }
    if Set(columnNames).count != columns {
      stop("Two columns of a table have the same name: \(columnNames).")
    }
    let numbers = scalars
    if let index = numbers.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(what: "the table", index: index, value: numbers[index])
    }
    var text = columnNames.map(Tensor.quoted).joined(separator: ",") + "\n"
    for row in 0..<(rank == 1 ? count : shape[0]) {
      text += numbers[(row * columns)..<((row + 1) * columns)].map(\.description)
        .joined(separator: ",")
      text += "\n"
    }
    return text
  }

  private static func quoted(_ name: String) -> String {
    let isPlain = name.utf8.allSatisfy {
      $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"") && $0 > UInt8(ascii: " ")
    }
    // A byte order mark at the start of a file is none of its text.
    if isPlain && name.unicodeScalars.first != "\u{FEFF}" { return name }
    // By scalars: a quote with an accent on it is one `Character`, and another one.
    var text = "\"".unicodeScalars
    for scalar in name.unicodeScalars {
      if scalar == "\"" { text.append(scalar) }
      text.append(scalar)
    }
    text.append("\"")
    return String(text)
  }
}
