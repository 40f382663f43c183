import ImplicitDifferentiation
import Optimality
import PromptTasks
import Testing
import TutorialRuns

/// The page on second and higher derivatives: it runs with reduced sizes, says what it should, and
/// the sentences it quotes are those that the library stops with.
@Suite struct OrderTwoAndBeyondTests {
  @Test(arguments: ["OrderTwoAndBeyond", "OrderTwoAndBeyondSolutions"])
  func runs(name: String) async throws {
    let page = try await TutorialRuns.shared.page(of: name)
    // A claim that does not hold ends the program; these are the ones that must be there.
    for claim in claims[name] ?? [] {
      #expect(page.contains("✓ " + claim), "missing on the page: \(claim)")
    }
    #expect(!page.contains("NaN"))
  }

  private let claims = [
    "OrderTwoAndBeyond": [
      "relative error of all four", "some seventy steps of descent", "largest distance between",
      "-τ < smallest λ < 0 at the minimum", "largest deviation from τ/(τ + λ)",
      "largest difference between the first three", "largest relative error",
      "largest error of all", "right are 0, 1, 3, and all four orders",
      "error of the gradient by one Newton step", "distance of the curvatures from 5/9 and 1/2",
      "differences of gradients beat those of values",
      "with the whole Hessian, each of them gains about twice as many digits",
      "smallest λ < -τ at the start, and no other", "largest difference between slope and τ",
      "two solves with the matrix at hand", "the counts differ for h = 1/16",
      "the error of the Hessian is between half and 1.1 times",
    ],
    "OrderTwoAndBeyondSolutions": [
      "largest relative error", "relative error of one Newton step, all three orders",
      "with a frozen Hessian the first derivative is right", "largest relative difference",
      "relative difference of V″v",
    ],
  ]

  @Test(arguments: [(["--steps", "7"], "--steps"), (["--step", "100"], "--steps")])
  func refusesBadOptions(arguments: [String], option: String) throws {
    let result = try runTutorial("OrderTwoAndBeyond", arguments)
    #expect(result.status == 2)
    #expect(result.errors.contains(option))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  /// What a second derivative stops with cannot be caught, so the page quotes it from the source.
  @Test func quotesTheSentencesOfTheLibrary() async throws {
    let page = words(try await TutorialRuns.shared.page(of: "OrderTwoAndBeyond"))
    let ofProducts = await promptly {
      await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        let root = ImplicitFunction<Tensor, Tensor>(
          forward: { sqrt($0) },
          conditions: .products(
            residual: { x, y in y * y - x },
            solutionProduct: { _, y, v in Tensor(2 * y.scalar * v.scalar) },
            transposedSolutionProduct: { _, y, u in Tensor(2 * y.scalars[0] * u.scalars[0]) },
            inputProduct: { _, _, v in -v }, transposedInputProduct: { _, _, u in -u }))
        _ = try gradient(at: Tensor(4)) { x in try gradient(at: x) { try root($0) } }
      }
    }
    let ofGauge = await promptly {
      await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        let sum = ImplicitFunction<Tensor, [Tensor]>(
          forward: { x in [0.5 * x, 0.5 * x] },
          conditions: .root { x, y in [y[0] + y[1] - x, y[0] + y[1] - x] },
          gauge: Gauge(right: { x, _ in [[x, -x]] }))
        _ = try gradient(at: Tensor(2)) { x in
          try gradient(at: x) { x in
            let y = try sum(x)
            return (y[0] + y[1]).squaredNorm()
          }
        }
      }
    }
    for (result, place) in [(ofProducts, "leave tensors.**"), (ofGauge, "gauge that varies.**")] {
      let output = words(String(decoding: result?.standardErrorContent ?? [], as: UTF8.self))
      let section = try #require(page.range(of: place)).upperBound
      let opening = try #require(page[section...].firstIndex(of: "“"))
      let closing = try #require(page[opening...].firstIndex(of: "”"))
      let sentence = page[page.index(after: opening)..<closing]
      #expect(sentence.count > 100)
      #expect(output.contains(sentence), "\(output.prefix(600))")
    }
  }

  /// The value of a program with a weakly active constraint at `b = 1` has the curvature 5/9 to the
  /// left of it and 1/2 to the right.
  @Test(arguments: [(0.8, 5.0 / 9), (0.99, 5.0 / 9), (1.01, 0.5), (3, 0.5)])
  func theCurvatureJumps(b: Double, curvature: Double) throws {
    let closest = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { _, z in 0.5 * z.squaredNorm() }, equalities: { b, z in z.sum() - b },
        inequalities: { _, z in z.dot([1, -2]) + 0.5 }),
      primalSolver: { b in
        if b >= 1 { return Tensor.stack([b / 2, b / 2]) }
        return Tensor.stack([(2 * b - 0.5) / 3, (b + 0.5) / 3])
      })
    let second = try gradient(at: Tensor(b)) { b in
      try gradient(at: b) { b in 0.5 * (try closest(b)).primal.squaredNorm() }
    }
    #expect((second.scalar - curvature).magnitude < 1e-13)
  }

  /// The text with single spaces for all white space.
  private func words(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
