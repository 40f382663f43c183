import ImplicitDifferentiation

extension GradientComparison {
  /// The heads of the columns of `cells`. The error has its own column when there is a reference.
  public var columns: [String] {
    let error = rows.contains { $0.error != nil } ? ["error"] : []
    return ["method", "derivative"] + error
      + ["from implicit", "own estimate", "step", "solves", "products", "bytes"]
  }

  /// The table as text, a row for each method, as many cells as `columns`.
  ///
  /// Of a gradient with several entries the norm is shown. Distances below 10⁻¹³ are rounding, which
  /// differs between machines, and print as `< 1e-13`.
  public var cells: [[String]] {
    let hasReference = rows.contains { $0.error != nil }
    return rows.map { row in
      let value =
        row.derivatives.count == 1
        ? row.derivatives[0] : Tensor(row.derivatives).norm().scalar
      let error = hasReference ? [row.error.map(Self.distance) ?? ""] : []
      return [row.method.rawValue, Self.number(value)] + error + [
        Self.distance(row.deviation),
        row.estimatedError.map(Self.distance) ?? "",
        row.step?.shortened ?? "",
        row.forwardSolvesText,
        row.operatorProducts.map { "\($0)" } ?? "",
        row.recordedBytes.map { "\($0)" } ?? "",
      ]
    }
  }

  private static func distance(_ value: Double) -> String {
    value < 1e-13 ? "< 1e-13" : value.shortened
  }

  /// Seven significant digits.
  private static func number(_ value: Double) -> String {
    let magnitude = value.magnitude
    guard value.isFinite, magnitude >= 1e-4, magnitude < 1e7 else { return value.shortened }
    var unit = 1.0
    var decimals = 6
    while magnitude >= 10 * unit {
      unit *= 10
      decimals -= 1
    }
    while magnitude < unit {
      unit /= 10
      decimals += 1
    }
    var shift = 1.0
    for _ in 0..<Swift.max(decimals, 0) { shift *= 10 }
    let digits = "\(Int((magnitude * shift).rounded()))"
    let padded = String(repeating: "0", count: Swift.max(0, decimals + 1 - digits.count)) + digits
    let sign = value < 0 ? "-" : ""
    if decimals <= 0 { return sign + padded }
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }
}

extension GradientComparison.Row {
  /// `forwardSolves` for a table. Central, forward and backward differences come from the same sweep,
  /// so each of their rows says `71, shared`: the three together took 71 runs.
  public var forwardSolvesText: String {
    switch method {
    case .implicitPullback, .implicitPushforward, .unrolledPullback, .unrolledPushforward:
      "\(forwardSolves)"
    case .centralDifferences, .forwardDifferences, .backwardDifferences:
      "\(forwardSolves), shared"
    }
  }
}

extension GradientComparison: CustomStringConvertible {
  /// The table with aligned columns, and the findings below it.
  public var description: String {
    let table = [columns] + cells
    let widths = columns.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    let lines = table.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += column == 0 ? cell + space : "  " + space + cell
      }
      return line
    }
    return (lines + [""] + findings.map(\.description)).joined(separator: "\n")
  }
}
