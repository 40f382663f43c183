import HostileInputs
import ImplicitDifferentiation
import PromptTasks
import Testing
import TutorialRuns

/// The page on missing derivatives: it runs with reduced sizes, says what it should, has all the
/// sentences of the inputs that it shows, and quotes those that stop a program as they are.
@Suite struct WhenThereIsNoDerivativeTests {
  @Test(arguments: ["WhenThereIsNoDerivative", "WhenThereIsNoDerivativeSolutions"])
  func runs(name: String) async throws {
    let page = try await TutorialRuns.shared.page(of: name)
    // A claim that does not hold ends the program; these are the ones that must be there.
    for claim in claims[name] ?? [] {
      #expect(page.contains("✓ " + claim), "missing on the page: \(claim)")
    }
  }

  private let claims = [
    "WhenThereIsNoDerivative": [
      "refused are the first two points and the last", "the good point has the largest residual",
      "wherever the library answers, the stated error", "no digit is promised that is not there",
      "all inputs gave the expected error or answer",
    ],
    "WhenThereIsNoDerivativeSolutions": [
      "their relative difference", "the point passes", "the library answers 1/2",
      "along ẋ and back is not along nothing", "the step buys at least five digits",
    ],
  ]

  @Test func showsEachInputWithItsLine() async throws {
    let page = try await TutorialRuns.shared.page(of: "WhenThereIsNoDerivative")
    let shown = HostileInput.all.filter(\.isShown)
    #expect(shown.count >= 30)
    for input in HostileInput.all {
      let link = "HostileInputs/\(input.file.split(separator: "/").last ?? "")#L\(input.line))"
      #expect(page.contains(link) == input.isShown, "\(input.title)")
    }
  }

  @Test(arguments: [(["--points", "0"], "--points"), (["--point", "3"], "--points")])
  func refusesBadOptions(arguments: [String], option: String) throws {
    let result = try runTutorial("WhenThereIsNoDerivative", arguments)
    #expect(result.status == 2)
    #expect(result.errors.contains(option))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  /// What stops a program cannot be caught, so the page quotes it from the source.
  @Test func quotesTheSentencesThatStop() async throws {
    let page = words(try await TutorialRuns.shared.page(of: "WhenThereIsNoDerivative"))
    let ofNumber = await promptly {
      await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        _ = gradient(at: Tensor(2)) { y in Tensor(y.scalar) * y }
      }
    }
    let ofCapture = await promptly {
      await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        _ = try gradient(at: Tensor(2)) { x in
          let shifted = ImplicitFunction<Tensor, Tensor>(
            forward: { t in t + x }, conditions: .root { t, y in y - t - x })
          return try shifted(1)
        }
      }
    }
    for (result, place) in [
      (ofNumber, "being differentiated**"), (ofCapture, "enclosing function**"),
    ] {
      let output = words(String(decoding: result?.standardErrorContent ?? [], as: UTF8.self))
      let section = try #require(page.firstRange(of: place)).upperBound
      let opening = try #require(page[section...].firstIndex(of: "“"))
      let closing = try #require(page[opening...].firstIndex(of: "”"))
      let sentence = page[page.index(after: opening)..<closing]
      #expect(sentence.count > 100)
      #expect(output.contains(sentence), "\(output.prefix(600))")
    }
  }

  /// The text with single spaces for all white space.
  private func words(_ text: String) -> String {
    text.split { $0.isWhitespace }.joined(separator: " ")
  }
}
