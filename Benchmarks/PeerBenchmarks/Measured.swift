import Measurement

/// What was measured of one task.
struct Measured {
  var problem: String
  var count: Int
  var clock: String
  var times: CallTimes
  var error: Double
  /// The sentence of whatever went wrong instead.
  var failure: String?

  var line: String {
    let head = problem.padded(to: 22) + "\(count)".aligned(to: 7) + "  " + clock.padded(to: 17)
    if let failure { return head + "  " + failure }
    return head + duration(times.median).aligned(to: 11) + "  low"
      + duration(times.low).aligned(to: 10) + "  error"
      + (error < 1e-15 ? "< 1e-15" : shortened(error)).aligned(to: 10)
  }

  var json: String {
    func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
    return """
      {"problem": "\(problem)", "n": \(count), "clock": "\(clock)", \
      "median": \(number(times.median)), "low": \(number(times.low)), \
      "calls": \(times.seconds.count), "error": \(number(error)), \
      "failure": \(failure.map(jsonString) ?? "null")}
      """
  }
}

/// A string as JSON has it.
func jsonString(_ text: String) -> String {
  var quoted = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": quoted += "\\\""
    case "\\": quoted += "\\\\"
    case "\n": quoted += "\\n"
    case "\t": quoted += "\\t"
    default: quoted.unicodeScalars.append(scalar)
    }
  }
  return quoted + "\""
}
