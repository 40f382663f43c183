/// The options of an executable: those that every tutorial has, and the sizes it declares.
///
/// Declaring an option reads it:
/// ```swift
/// let options = try Options(seed: 2026, tolerance: 1e-10)
/// let iterations = try options.integer(
///   "iterations", default: 10_000, quick: 300, in: 1...1_000_000, help: "steps to unroll")
/// try beginPage(options)
/// ```
/// `beginPage` then answers `--help` and refuses what no declaration has claimed. Nothing here
/// prints or exits: what is wrong with the arguments is thrown as a `UsageError`.
package final class Options {
  /// Sizes are reduced, as tests want it.
  package private(set) var quick = false
  /// Only errors are reported.
  package private(set) var quiet = false
  /// The options are to be listed instead of running.
  package private(set) var help = false
  /// Where the page is written; without it, the page is printed.
  package private(set) var output: String?
  /// The file that receives the times, which never stand on a page.
  package private(set) var timings: String?
  /// The seed of whatever is random.
  package private(set) var seed: UInt64 = 0
  /// The relative tolerance of the solves.
  package private(set) var tolerance: Double = 0

  /// What the command line holds and no declaration has claimed yet.
  private var remaining: [String]
  private var declared: [Declaration] = []

  private struct Declaration {
    var name: String
    var placeholder: String
    var help: String
  }

  /// Reads the options that all tutorials share.
  ///
  /// - Parameters:
  ///   - seed: used unless `--seed` says otherwise.
  ///   - tolerance: used unless `--tolerance` says otherwise.
  ///   - arguments: the command line without the name of the executable.
  package init(
    seed: UInt64, tolerance: Double,
    arguments: [String] = Array(CommandLine.arguments.dropFirst())
  ) throws(UsageError) {
    remaining = arguments
    try readCommon()
    self.seed = try integer("seed", default: seed, help: "seed of whatever is random")
    // Tighter, rounding stops a solver first; looser, the claims of the pages do not hold.
    self.tolerance = try real(
      "tolerance", default: tolerance, in: 1e-14...1e-9, help: "relative tolerance of the solves")
  }

  /// Reads the options that tutorials and the workbook share.
  package init(
    arguments: [String] = Array(CommandLine.arguments.dropFirst())
  ) throws(UsageError) {
    remaining = arguments
    try readCommon()
  }

  private func readCommon() throws(UsageError) {
    // First, because an option that follows it might be malformed and must not hide the help.
    if let index = remaining.firstIndex(of: "-h") { remaining[index] = "--help" }
    help = try flag("help", help: "list the options")
    quick = try flag("quick", help: "reduced sizes, for tests")
    quiet = try flag("quiet", help: "report errors only")
    output = try string("output", placeholder: "DIR", help: "write the page there")
    timings = try string("timings", placeholder: "FILE", help: "write the times there, as CSV")
  }

  // MARK: Declarations

  /// An integer. With `--quick` and no value given it is `quick`.
  package func integer<Value: FixedWidthInteger>(
    _ name: String, default standard: Value, quick reduced: Value? = nil,
    in range: ClosedRange<Value> = Value.min...Value.max, help: String
  ) throws(UsageError) -> Value {
    let usual = reduced.map { "\(standard), quick \($0)" } ?? "\(standard)"
    declare(name, "N", "\(help) [\(usual)]")
    guard let text = try takeValue(of: name) else { return quick ? reduced ?? standard : standard }
    guard let value = Value(text) else {
      // A number of digits that no integer holds is out of range rather than malformed.
      let digits = text.drop { $0 == "-" || $0 == "+" }
      guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
        return try refuse(.notAnInteger(option: name, value: text), else: standard)
      }
      return try refuse(outOfRange(name, text, range), else: standard)
    }
    guard range.contains(value) else {
      return try refuse(outOfRange(name, text, range), else: standard)
    }
    return value
  }

  /// A finite number. With `--quick` and no value given it is `quick`.
  package func real(
    _ name: String, default standard: Double, quick reduced: Double? = nil,
    in range: ClosedRange<Double>, help: String
  ) throws(UsageError) -> Double {
    let usual = reduced.map { "\(formatted(standard)), quick \(formatted($0))" }
    declare(name, "X", "\(help) [\(usual ?? formatted(standard))]")
    guard let text = try takeValue(of: name) else { return quick ? reduced ?? standard : standard }
    guard let value = Double(text), value.isFinite else {
      return try refuse(.notANumber(option: name, value: text), else: standard)
    }
    guard range.contains(value) else {
      return try refuse(
        .outOfRange(
          option: name, value: text, lower: formatted(range.lowerBound),
          upper: formatted(range.upperBound)), else: standard)
    }
    return value
  }

  /// One of several words.
  package func choice(
    _ name: String, default standard: String, among choices: [String], help: String
  ) throws(UsageError) -> String {
    declare(name, "WORD", "\(help): \(choices.joined(separator: ", ")) [\(standard)]")
    guard let text = try takeValue(of: name) else { return standard }
    guard choices.contains(text) else {
      return try refuse(.notAmong(option: name, value: text, choices: choices), else: standard)
    }
    return text
  }

  /// Any text, `nil` when it is not given.
  package func string(
    _ name: String, placeholder: String, help: String
  ) throws(UsageError) -> String? {
    declare(name, placeholder, help)
    return try takeValue(of: name)
  }

  /// A switch without a value.
  package func flag(_ name: String, help: String) throws(UsageError) -> Bool {
    declare(name, "", help)
    if remaining.contains(where: { $0.hasPrefix("--\(name)=") }) {
      return try refuse(.flagWithValue(option: name), else: false)
    }
    guard let index = remaining.firstIndex(of: "--\(name)") else { return false }
    remaining.remove(at: index)
    if remaining.contains("--\(name)") {
      return try refuse(.givenTwice(option: name), else: true)
    }
    return true
  }

  /// To be called after the last declaration.
  ///
  /// - Throws: `.unknownOption`, with the nearest declared name, or `.unexpectedArgument`.
  package func finish() throws(UsageError) {
    guard !help, let first = remaining.first else { return }
    guard first.hasPrefix("-"), first != "-" else { throw .unexpectedArgument(first) }
    let name = first.drop { $0 == "-" }.prefix { $0 != "=" }
    throw .unknownOption(
      first, nearest: nearestName(to: String(name), among: declared.map(\.name)))
  }

  /// The lines of `--help`, in the order of declaration, the tutorial's own options first.
  package func helpText(name: String, title: String) -> String {
    let common = ["help", "quick", "quiet", "output", "timings", "seed", "tolerance"]
    let own = declared.filter { !common.contains($0.name) }
    let shared = declared.filter { common.contains($0.name) }
    let heads = (own + shared).map { "  --\($0.name) \($0.placeholder)".trimmingTrailingSpaces }
    let width = (heads.map(\.count).max() ?? 0) + 2
    let lines = zip(heads, own + shared).map { head, declaration in
      head + String(repeating: " ", count: width - head.count) + declaration.help
    }
    return "\(title)\n\nUsage: swift run \(name) [options]\n\n"
      + lines.joined(separator: "\n") + "\n"
  }

  // MARK: Reading

  private func declare(_ name: String, _ placeholder: String, _ help: String) {
    declared.append(Declaration(name: name, placeholder: placeholder, help: help))
  }

  /// Removes `--name value` or `--name=value` and gives the value.
  private func takeValue(of name: String) throws(UsageError) -> String? {
    let option = "--\(name)"
    let isThis = { (text: String) in text == option || text.hasPrefix(option + "=") }
    guard let index = remaining.firstIndex(where: isThis) else { return nil }
    let token = remaining.remove(at: index)
    let value: String
    if token != option {
      value = String(token.dropFirst(option.count + 1))
    } else {
      guard index < remaining.count, !remaining[index].hasPrefix("--") else {
        return try refuse(.missingValue(option: name), else: nil)
      }
      value = remaining.remove(at: index)
    }
    if remaining.contains(where: isThis) {
      return try refuse(.givenTwice(option: name), else: nil)
    }
    guard !value.isEmpty else { return try refuse(.missingValue(option: name), else: nil) }
    return value
  }

  private func outOfRange<Value: FixedWidthInteger>(
    _ name: String, _ text: String, _ range: ClosedRange<Value>
  ) -> UsageError {
    .outOfRange(
      option: name, value: text, lower: "\(range.lowerBound)", upper: "\(range.upperBound)")
  }

  /// Someone who asks for help gets it, whatever else is wrong.
  private func refuse<Value>(_ error: UsageError, else value: Value) throws(UsageError) -> Value {
    if help { return value }
    throw error
  }
}
