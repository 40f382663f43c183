import Testing
import TutorialRuns

/// The tutorial as a process: it runs with reduced sizes, and its page says what it should.
@Suite struct SoftmaxAsOptimizationTests {
  @Test(arguments: ["SoftmaxAsOptimization", "SoftmaxAsOptimizationSolutions"])
  func runs(name: String) async throws {
    let page = try await TutorialRuns.shared.page(of: name)
    // A claim that does not hold ends the program; these are the ones that must be there.
    for claim in claims[name] ?? [] {
      #expect(page.contains("✓ " + claim), "missing on the page: \(claim)")
    }
    #expect(!page.contains("NaN"))
  }

  private let claims = [
    "SoftmaxAsOptimization": [
      "error of dx/dθ", "error of du/dθ", "largest entry of dv/dθ",
      "largest | det + 1 | of the corrected matrix", "largest | det + u | of the note's",
      "largest difference from the formula", "all second derivatives against the formula",
      "Hessian of cᵀx, by the gradient of a gradient", "the third number, the largest",
      "the condition number of the scaled matrix, the largest",
      "a hundredth colder or warmer the implicit derivative is smaller",
      "relative error of 1/(4τ) at the tie", "unrolling the bisection is wrong",
      "largest difference of the two curves", "error of the Jacobian",
    ],
    "SoftmaxAsOptimizationSolutions": [
      "error of the Jacobian", "squared distance after", "error of dx/dτ", "error of dx/dq",
      "distance from the formula, all steps",
    ],
  ]

  @Test func theKinkIsCalledByItsName() async throws {
    let page = try await TutorialRuns.shared.page(of: "SoftmaxAsOptimization")
    #expect(page.contains("There is a kink at this point"))
    #expect(page.contains("0.5 from the left and 0 from the right"))
  }

  @Test(arguments: [
    (["--images", "7"], "--images"), (["--steps", "x"], "--steps"), (["--tau=1"], "--tau"),
  ])
  func refusesBadOptions(arguments: [String], option: String) throws {
    let result = try runTutorial("SoftmaxAsOptimization", arguments)
    #expect(result.status == 2)
    #expect(result.errors.contains(option))
    #expect(result.errors.split(separator: "\n").count == 1)
  }
}
