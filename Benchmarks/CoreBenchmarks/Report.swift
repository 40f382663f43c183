import Measurement

/// A finished measurement: what it was to show, and what came out.
struct Finding {
  var benchmark: String
  var contestant: String
  /// Seconds per call, or the number in `unit`s for what is no time.
  var value: Double
  var unit = "s"
  var least: Double?
  /// What the least time amounts to, with its unit.
  var rate: String?
  var ratio: Double?
  var error: Double?
  /// What the ratio, or else the value, should not exceed.
  var target: Double?

  var meetsTarget: Bool? {
    guard let target else { return nil }
    return (ratio ?? value) <= target
  }
}

/// All findings, as a table for people and as JSON for programs.
struct Report {
  private(set) var findings: [Finding] = []

  /// The contestants of a comparison; `targets` holds for each one the largest ratio wanted to the
  /// first one.
  mutating func add(_ benchmark: String, _ timings: [Timing], targets: [Double?] = []) {
    for (index, timing) in timings.enumerated() {
      add(
        Finding(
          benchmark: benchmark, contestant: timing.name, value: timing.median,
          least: timing.least, ratio: index == 0 ? nil : timing.ratio, error: timing.error,
          target: index < targets.count ? targets[index] : nil))
    }
  }

  /// Adds a line and prints it at once: a benchmark is watched.
  mutating func add(_ finding: Finding) {
    if findings.last?.benchmark != finding.benchmark {
      print("\n\(finding.benchmark)")
    }
    findings.append(finding)
    print("  " + finding.line)
  }

  /// How many findings miss their target.
  var missed: Int { findings.count { $0.meetsTarget == false } }

  var json: String {
    func number(_ value: Double?) -> String {
      guard let value, value.isFinite else { return "null" }
      return "\(value)"
    }
    let entries = findings.map { finding in
      """
        {"benchmark": "\(finding.benchmark)", "contestant": "\(finding.contestant)", \
      "unit": "\(finding.unit)", "value": \(number(finding.value)), \
      "least": \(number(finding.least)), "ratio": \(number(finding.ratio)), \
      "error": \(number(finding.error)), "target": \(number(finding.target))}
      """
    }
    return "[\n" + entries.joined(separator: ",\n") + "\n]\n"
  }
}

extension Finding {
  fileprivate var line: String {
    var line = contestant.padded(to: 58)
    line += unit == "s" ? duration(value).aligned(to: 11) : "\(shortened(value)) \(unit)"
    if let least { line += "  least" + duration(least).aligned(to: 10) }
    if let rate { line += rate.aligned(to: 15) }
    if let ratio { line += "  ratio" + shortened(ratio).aligned(to: 7) }
    if let error {
      line += "  error" + (error < 1e-15 ? "< 1e-15" : shortened(error)).aligned(to: 9)
    }
    if let target, let meetsTarget {
      let wanted = ratio == nil && unit == "s" ? duration(target) : shortened(target)
      line += "  wanted ≤ \(wanted): \(meetsTarget ? "met" : "MISSED")"
    }
    return line
  }
}
