// What a tutorial calls to put results on its page. Each result stands below the block of code
// that holds the line of the call.

/// Shows values under a label, such as `show("iterations for y, y'", 12, 15)`.
///
/// Numbers have at most seven significant digits; `digits(3, x)` and `measured(error)` give fewer.
@MainActor
package func show(
  _ label: String, _ values: any CustomStringConvertible..., line: Int = #line,
  file: String = #filePath
) {
  let texts = values.map { PageCell($0).text }
  record(.values(label: label, texts), line, file)
}

/// Remembers a value for the prose, which mentions it as `\(label)`, without showing it here.
@MainActor
package func note(
  _ label: String, _ value: any CustomStringConvertible, line: Int = #line,
  file: String = #filePath
) {
  record(.note(label: label, PageCell(value).text), line, file)
}

/// States a sentence on the page, if it is true.
///
/// - Throws: `PageError.checkFailed`, which ends the executable with the sentence and status 1.
@MainActor
package func check(
  _ condition: Bool, _ sentence: String, line: Int = #line, file: String = #filePath
) throws {
  guard condition else { throw PageError.checkFailed(sentence: sentence, line: line) }
  record(.check(sentence), line, file)
}

/// States that a value is below a bound, with both: `relative error: 3.2e-9 < 1e-6`.
///
/// - Throws: `PageError.checkFailed` when it is not, or is NaN.
@MainActor
package func check(
  _ label: String, _ value: Double, below bound: Double, line: Int = #line,
  file: String = #filePath
) throws {
  guard value < bound else {
    let sentence = "\(label): \(formatted(value)) < \(formatted(bound))"
    throw PageError.checkFailed(sentence: sentence, line: line)
  }
  let text = measured(value).text
  let words = text.hasPrefix("<") ? text : "\(text) < \(formatted(bound))"
  record(.check("\(label): \(words)"), line, file)
}

/// Shows a table; columns that hold numbers only are aligned right.
@MainActor
package func table(
  _ columns: [String], rows: [[any CustomStringConvertible]], line: Int = #line,
  file: String = #filePath
) throws {
  record(.table(try TextTable(columns, rows: rows)), line, file)
}

/// Shows a plot, in the file `Page-name.svg` beside the page.
@MainActor
package func plot(
  _ name: String, _ plot: Plot, line: Int = #line, file: String = #filePath
) throws {
  try figure(name, try plot.figure(), line: line, file: file)
}

/// Shows a figure, in the file `Page-name.svg` beside the page.
@MainActor
package func figure(
  _ name: String, _ figure: Figure, line: Int = #line, file: String = #filePath
) throws {
  try LiteratePage.current.checkFigureName(name)
  record(.figure(name: name, figure), line, file)
}

/// Puts a sentence that the run has made on the page, in markdown.
@MainActor
package func say(_ markdown: String, line: Int = #line, file: String = #filePath) {
  record(.sentence(markdown), line, file)
}

/// Shows words of the library verbatim, as a quotation; only numbers of more than seven digits are
/// shortened.
@MainActor
package func quote(
  _ words: any CustomStringConvertible, line: Int = #line, file: String = #filePath
) {
  record(.quote(withShortNumbers(words.description)), line, file)
}

/// Runs what must fail and quotes the error; several lines of it keep their alignment.
///
/// - Returns: the error, for whoever wants to look at its numbers.
/// - Throws: `PageError.nothingThrown` when the body succeeds.
@MainActor
@discardableResult
package func quoteError(
  line: Int = #line, file: String = #filePath, _ body: () throws -> Void
) throws -> any Error {
  do {
    try body()
  } catch {
    quote("\(error)", line: line, file: file)
    return error
  }
  throw PageError.nothingThrown(line: line)
}

/// A page that cannot be put together is given up; most callers do not throw.
@MainActor
private func record(_ content: PageEvent.Content, _ line: Int, _ file: String) {
  do {
    try LiteratePage.current.record(content, line: line, file: file)
  } catch {
    endExecutable(on: error)
  }
}
