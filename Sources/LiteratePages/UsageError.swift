/// What can be wrong with the options an executable is started with. Exit status 2.
package enum UsageError: ExitStatusError, Equatable, CustomStringConvertible {
  case unknownOption(String, nearest: String?)
  case unexpectedArgument(String)
  case missingValue(option: String)
  case givenTwice(option: String)
  case notAnInteger(option: String, value: String)
  case notANumber(option: String, value: String)
  case outOfRange(option: String, value: String, lower: String, upper: String)
  case notAmong(option: String, value: String, choices: [String])
  case flagWithValue(option: String)

  package var exitStatus: Int32 { 2 }

  package var description: String { sentence + " (--help lists the options)" }

  private var sentence: String {
    switch self {
    case .unknownOption(let name, let nearest?):
      "there is no option \(quoted(name)); did you mean --\(nearest)?"
    case .unknownOption(let name, nil):
      "there is no option \(quoted(name))"
    case .unexpectedArgument(let text):
      "the argument \(quoted(text)) belongs to no option"
    case .missingValue(let option):
      "--\(option) wants a value after it"
    case .givenTwice(let option):
      "--\(option) is given twice"
    case .notAnInteger(let option, let value):
      "--\(option) wants an integer, not \(quoted(value))"
    case .notANumber(let option, let value):
      "--\(option) wants a number, not \(quoted(value))"
    case .outOfRange(let option, let value, let lower, let upper):
      "--\(option) wants a value from \(lower) to \(upper), not \(quoted(value))"
    case .notAmong(let option, let value, let choices):
      "--\(option) wants one of \(choices.joined(separator: ", ")), not \(quoted(value))"
    case .flagWithValue(let option):
      "--\(option) takes no value"
    }
  }

  /// Whatever was typed, on one line and of bearable length.
  private func quoted(_ text: String) -> String {
    let limit = 60
    return text.count <= limit
      ? text.debugDescription : (text.prefix(limit) + "…").debugDescription
  }
}

/// The name that begins with `text`, or the one that is fewest letters away, if that is close
/// enough to be a slip.
func nearestName(to text: String, among names: [String]) -> String? {
  if !text.isEmpty, let longer = names.first(where: { $0.hasPrefix(text) }) { return longer }
  let typed = Array(text.prefix(64))
  let candidates = names.map { name in (name: name, distance: editDistance(typed, Array(name))) }
  guard let best = candidates.min(by: { $0.distance < $1.distance }) else { return nil }
  return best.distance <= max(2, best.name.count / 3) ? best.name : nil
}

/// Letters to insert, delete or replace to get from `a` to `b` (Levenshtein). Cost: product of lengths.
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let replaced = diagonal + (a[i] == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j + 1] + 1, row[j] + 1)
    }
  }
  return row[b.count]
}
