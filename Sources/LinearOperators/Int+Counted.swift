extension Int {
  /// The number with what it counts, for messages: `1 step`, `2 steps`.
  package func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}
