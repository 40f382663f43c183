import Testing
import TutorialRuns

/// The tutorial as a process: it runs with reduced sizes, and its page says what it should.
@Suite struct MetaLearningTests {
  @Test(arguments: ["MetaLearning", "MetaLearningSolutions"])
  func runs(name: String) async throws {
    let page = try await TutorialRuns.shared.page(of: name)
    // A claim that does not hold ends the program; these are the ones that must be there.
    for claim in claims[name] ?? [] {
      #expect(page.contains("✓ " + claim), "missing on the page: \(claim)")
    }
    #expect(!page.contains("NaN"))
  }

  private let claims = [
    "MetaLearning": [
      "relative difference of the second and the third column",
      "the implicit derivative is exactly zero along both directions",
      "largest distance of the second column from 1", "largest distance of the last column from 1",
      "relative error of the implicit meta-gradient, all 1057 entries",
      "unseen tasks are learned better from the learned start",
      "over the pooled model, adapted, the learned start gains less than one standard error",
    ],
    "MetaLearningSolutions": [
      "no row of the table has a larger difference", "relative error of Reptile's direction as ∇M",
      "relative error of the Hessian of M", "its relative distance from the value at t = 0.375",
      "largest difference from −mᵢ (yᵢ − xᵢ)",
    ],
  ]

  @Test func theRefusalsAreTheOnesMeant() async throws {
    let page = try await TutorialRuns.shared.page(of: "MetaLearning")
    #expect(page.contains("The matrix is singular to working precision"))
    #expect(page.contains("The matrix is not positive definite"))
    #expect(page.contains("The point does not solve the conditions"))
    #expect(page.contains("The objective falls without end"))
    #expect(page.contains("routes agree, to within"))
  }

  @Test(arguments: [
    (["--tasks", "6"], "--tasks"), (["--steps", "x"], "--steps"),
    (["--iterations=1"], "--iterations"),
  ])
  func refusesBadOptions(arguments: [String], option: String) throws {
    let result = try runTutorial("MetaLearning", arguments)
    #expect(result.status == 2)
    #expect(result.errors.contains(option))
    #expect(result.errors.split(separator: "\n").count == 1)
  }
}
