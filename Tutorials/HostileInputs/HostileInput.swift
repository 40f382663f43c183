import LiteratePages

/// An input without a derivative, or with one that is hard to come by, and what the library must say.
///
/// The inputs are shared by the page *When there is no derivative*, which prints the words, and by the
/// tests, which compare type and numbers of the error. Neither can change without the other.
package struct HostileInput: Sendable {
  /// Why there is no derivative.
  package enum Reason: String, Sendable, CaseIterable {
    /// The point solves nothing, or not these conditions.
    case noSolution
    /// The conditions leave the solution free.
    case undetermined
    /// The solution has derivatives to both sides, and they differ.
    case kink
    /// The method cannot solve the linear system that it was given.
    case linearSystem
    /// The numbers themselves: NaN, sizes, overflow, lost digits.
    case numbers
  }

  /// What came of an input.
  package struct Outcome: Sendable {
    /// What a user reads: the error's sentences, or the answer.
    package var words: String

    /// Whether the library refused.
    package var isRefusal: Bool

    /// Whether this is the expected error with the expected numbers, or the right answer.
    package var isExpected: Bool
  }

  /// What came back where no error is due: a sentence, and whether it is right.
  package typealias Answer = (words: String, isRight: Bool)

  /// The input, in words and formulas (markdown).
  package let title: String

  package let reason: Reason

  /// Whether it stands on the page. Those that would say the same once more are only tested.
  package let isShown: Bool

  /// Where it is written, for a link.
  package let line: Int
  package let file: String

  private let run: @Sendable () async -> Outcome

  /// An input that must be refused.
  ///
  /// - Parameters:
  ///   - isShown: see the property.
  ///   - body: what must throw.
  ///   - isExpected: compares type and numbers of the error.
  static func refused(
    _ reason: Reason, _ title: String, isShown: Bool = true, line: Int = #line,
    file: String = #filePath, _ body: @escaping @Sendable () async throws -> Void,
    by isExpected: @escaping @Sendable (any Error) -> Bool
  ) -> HostileInput {
    HostileInput(title: title, reason: reason, isShown: isShown, line: line, file: file) {
      do {
        try await body()
      } catch {
        return Outcome(words: "\(error)", isRefusal: true, isExpected: isExpected(error))
      }
      return Outcome(words: "An answer came back.", isRefusal: false, isExpected: false)
    }
  }

  /// An input that looks hostile and has an answer.
  static func answered(
    _ reason: Reason, _ title: String, isShown: Bool = true, line: Int = #line,
    file: String = #filePath, _ body: @escaping @Sendable () async throws -> Answer
  ) -> HostileInput {
    HostileInput(title: title, reason: reason, isShown: isShown, line: line, file: file) {
      do {
        let answer = try await body()
        return Outcome(words: answer.words, isRefusal: false, isExpected: answer.isRight)
      } catch {
        return Outcome(words: "\(error)", isRefusal: true, isExpected: false)
      }
    }
  }

  private init(
    title: String, reason: Reason, isShown: Bool, line: Int, file: String,
    _ run: @escaping @Sendable () async -> Outcome
  ) {
    self.title = title
    self.reason = reason
    self.isShown = isShown
    self.line = line
    self.file = file
    self.run = run
  }

  /// Hands the input to the library.
  package func outcome() async -> Outcome { await run() }

  /// All inputs, in the order of the page.
  package static let all =
    noSolution + undetermined + kinks + linearSystems + numbers

  /// Those with one reason.
  package static func all(_ reason: Reason) -> [HostileInput] { all.filter { $0.reason == reason } }
}

extension HostileInput: CustomStringConvertible {
  package var description: String { title }
}

// MARK: Comparing

/// Whether an error is exactly this one; for errors without computed numbers.
func exactly<Failure: Error & Equatable>(_ expected: Failure) -> @Sendable (any Error) -> Bool {
  { ($0 as? Failure) == expected }
}

/// Whether a number is the expected one, up to a relative error.
func near(_ x: Double, _ expected: Double, within tolerance: Double = 1e-9) -> Bool {
  (x - expected).magnitude <= tolerance * expected.magnitude
}
