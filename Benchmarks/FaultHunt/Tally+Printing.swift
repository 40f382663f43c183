import FaultOracle

extension Tally: CustomStringConvertible {
  /// Tables of verdicts and refusals, and how far from the goals the honesty of statements is.
  package var description: String {
    var lines = [row("", ["problems", "right", "refused", "silent", "unjudged"])]
    for (name, counts) in byPlant.sorted(by: { $0.key < $1.key }) {
      lines.append(row(name, cells(counts)))
    }
    lines.append(row("all", cells(total)))
    lines.append("")
    lines.append(
      "Verdicts are of two derivatives for each problem. silent: wrong beyond 1e-8 and ten times "
        + "the error stated;")
    lines.append(
      "unjudged: returned, without a solution nearby.")
    for (group, counts) in reasons.sorted(by: { $0.key < $1.key }) {
      lines += ["", "refused, \(group)"]
      for (reason, count) in counts.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
        lines.append(row("  " + reason, ["\(count)"]))
      }
    }
    lines += [
      "",
      "well-posed problems refused    \(share(wellPosed.refused, wellPosed.derivatives)) "
        + "(goal: below 0.5 %)",
      "… that have a digit there      \(share(wellPosed.refusedWithDigits, wellPosed.derivatives))",
    ]
    lines += [
      "true error above the stated    \(share(honesty.tooSmall, honesty.stated)) (goal: below 1 %)",
      "stated above 1000 times true   \(share(honesty.tooLarge, honesty.stated)) (goal: below 20 %)",
      "", row("by linear solver", ["stated", "too small", "too large"]),
    ]
    for (solver, counts) in honestyBySolver.sorted(by: { $0.key < $1.key }) {
      lines.append(
        row("  " + solver, [counts.stated, counts.tooSmall, counts.tooLarge].map { "\($0)" }))
    }
    return lines.joined(separator: "\n")
  }

  private func cells(_ counts: Counts) -> [String] {
    [
      counts.problems, counts.right, counts.refused, counts.silentlyWrong, counts.notJudged,
    ].map { "\($0)" }
  }

  private func row(_ name: String, _ cells: [String]) -> String {
    name + String(repeating: " ", count: max(1, (cells.count == 1 ? 46 : 20) - name.count))
      + cells.map { String(repeating: " ", count: max(1, 10 - $0.count)) + $0 }.joined()
  }

  private func share(_ part: Int, _ whole: Int) -> String {
    let perMille = whole == 0 ? 0 : (10_000 * part + whole / 2) / whole
    return
      "\(part) of \(whole), \(perMille / 100).\(perMille % 100 < 10 ? "0" : "")\(perMille % 100) %"
  }

  /// The counts and the findings.
  package var json: String {
    func number(_ value: Double?) -> String {
      guard let value, value.isFinite else { return "null" }
      return "\(value)"
    }
    func object(_ counts: Counts) -> String {
      """
      {"problems": \(counts.problems), "right": \(counts.right), "refused": \(counts.refused), \
      "silentlyWrong": \(counts.silentlyWrong), "notJudged": \(counts.notJudged)}
      """
    }
    let groups = byPlant.sorted { $0.key < $1.key }.map { "    \"\($0.key)\": \(object($0.value))" }
    let refusals = reasons.sorted { $0.key < $1.key }.map { group, counts in
      let entries = counts.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
      return "    \"\(group)\": {\(entries.joined(separator: ", "))}"
    }
    let entries = findings.map { finding in
      """
          {"seed": \(finding.seed), "index": \(finding.index), "kind": "\(finding.kind)", \
      "plant": "\(finding.plant)", "linearSolver": "\(finding.solver)", "direction": "\(finding.direction)", \
      "verdict": "\(finding.verdict)", "trueError": \(number(finding.accuracy?.trueError)), \
      "statedError": \(number(finding.accuracy?.statedError)), \
      "referenceNorm": \(number(finding.accuracy?.referenceNorm)), \
      "errorAtPoint": \(number(finding.accuracy?.errorAtPoint)), \
      "condition": \(number(finding.condition))}
      """
    }
    return """
      {
        "total": \(object(total)),
        "byPlant": {
      \(groups.joined(separator: ",\n"))
        },
        "refusals": {
      \(refusals.joined(separator: ",\n"))
        },
        "wellPosed": {"derivatives": \(wellPosed.derivatives), "refused": \(wellPosed.refused), \
      "refusedWithDigits": \(wellPosed.refusedWithDigits)},
        "honesty": {"stated": \(honesty.stated), "tooSmall": \(honesty.tooSmall), \
      "tooLarge": \(honesty.tooLarge)},
        "findings": [
      \(entries.joined(separator: ",\n"))
        ]
      }

      """
  }
}
