import HostileInputs
import Testing

/// Each input of the page *When there is no derivative* gives the error that belongs to it, with its
/// numbers, or the right answer.
@Suite struct HostileInputTests {
  @Test(arguments: HostileInput.all)
  func givesItsSentence(_ input: HostileInput) async {
    let outcome = await input.outcome()
    #expect(outcome.isExpected, "\(input.title): \(outcome.words)")
    // A sentence for people: it ends as one, and is no dump of a value.
    #expect(outcome.words.hasSuffix(".") || outcome.words.hasSuffix("”"), "\(outcome.words)")
    #expect(!outcome.words.contains("Error("), "\(outcome.words)")
  }

  /// Each reason has its inputs, on the page too, and each input a line of its own.
  @Test func thereAreEnoughOfEachKind() {
    #expect(HostileInput.all.count >= 90)
    for reason in HostileInput.Reason.allCases {
      let inputs = HostileInput.all(reason)
      #expect(inputs.count { $0.isShown } >= 5, "\(reason)")
      #expect(Set(inputs.map(\.line)).count == inputs.count)
    }
  }
}
