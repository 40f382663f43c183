import Testing
import TutorialRuns

/// The tutorial as a process: it runs with reduced sizes, and its page says what it should.
@Suite struct CheaperThanUnrollingTests {
  @Test(arguments: ["CheaperThanUnrolling", "CheaperThanUnrollingSolutions"])
  func runs(name: String) async throws {
    let page = try await TutorialRuns.shared.page(of: name)
    // A claim that does not hold ends the program; these are the ones that must be there.
    for claim in claims[name] ?? [] {
      #expect(page.contains("✓ " + claim), "missing on the page: \(claim)")
    }
    #expect(!page.contains("NaN"))
  }

  private let claims = [
    "CheaperThanUnrolling": [
      "difference between single steps and one recording of the loop",
      "all these derivatives are the same as with every step recorded, bit by bit",
      "the steps run again are as many as the binomial formula says",
      "with three states r is the cube root of 6 N",
      "steps to a drift of a millionth, found against expected", "momentum 0.95, 400 steps",
      "error ≤ estimate ≤ ‖B‖ϱᵏ‖w̄‖/(1 − ϱ) in every row",
      "the estimate is within a factor of ten of the error",
      "the first term and the rule are zero, the estimate is 8",
      "the estimate covers the error in every row of both tables",
      "one step, error of the first derivative", "and its second derivative is zero",
      "second derivative by all steps, by the last 40, and implicit",
      "their second derivative: how far it is from 0, and from twice the truth",
      "last term over sum", "conjugate gradients against LU",
      "two-phase: the error is the tolerance times 1/(1 − ϱ)",
    ],
    "CheaperThanUnrollingSolutions": [
      "38 states are enough, 37 are not", "the best of these k", "estimate over error against 19",
      "momentum 0.9 creeps, 0.95 does not", "momentum 0.01 above it",
      "one is below a millionth, the other above it",
    ],
  ]

  /// What goes wrong is said in the library's words.
  @Test func quotesTheErrors() async throws {
    let page = try await TutorialRuns.shared.page(of: "CheaperThanUnrolling")
    #expect(page.contains("Running 200 steps backwards did not lead to their start"))
    #expect(page.contains("The input is being differentiated by an enclosing function"))
    #expect(page.contains("The solver has not converged"))
    #expect(page.contains("after 100 terms the last one is 1.67 of their sum"))
  }

  @Test(arguments: [
    (["--iterations", "7"], "--iterations"), (["--iterations=x"], "--iterations"),
  ])
  func refusesBadOptions(arguments: [String], option: String) throws {
    let result = try runTutorial("CheaperThanUnrolling", arguments)
    #expect(result.status == 2)
    #expect(result.errors.contains(option))
    #expect(result.errors.split(separator: "\n").count == 1)
  }
}
