#if canImport(_Differentiation)
  import CompilerDifferentiation
  import PromptTasks
  import Synchronization
  import Testing

  /// Solves that fail where nothing can be thrown.
  @Suite struct DerivativeFailureTests {
    private struct NoSolution: Error, Equatable {}

    private static let root = ImplicitFunction<Tensor, Tensor>(
      forward: { x in sqrt(x) }, conditions: .compiler { x, y in y * y - x })

    @Test func aPullbackThatFailsIsThrownByTheScope() {
      #expect(
        throws: DifferentiationError.notFinite(what: "the cotangent", index: 0, value: .infinity)
      ) {
        try withThrownFailures {
          pullback(at: Tensor([1, 4])) { x in Self.root.solution(at: x) }(Tensor([.infinity, 1]))
        }
      }
    }

    /// The policy of the scope in which the value was computed, also where the pullback is used
    /// outside of it.
    @Test func aHandlerGetsTheErrorAndTheGradientIsNaN() {
      let failures = Mutex<[String]>([])
      let handler = DerivativeFailure.notANumber { error in
        failures.withLock { $0.append("\(error)") }
      }
      let pullback = DerivativeFailure.$policy.withValue(handler) {
        valueWithPullback(at: Tensor([1, 4])) { x in Self.root.solution(at: x) }.pullback
      }
      #expect(pullback([1, 1]) == [0.5, 0.25])
      #expect(failures.withLock { $0 } == [])
      let gradient = pullback(Tensor([.infinity, 1]))
      #expect(gradient.shape == [2])
      #expect(gradient.scalars.allSatisfy { $0.isNaN })
      #expect(failures.withLock { $0.count } == 1)
      #expect(failures.withLock { $0[0] }.contains("Entry 0 of the cotangent is inf"))
    }

    /// What does not depend on the cotangent fails with the value, before any pullback.
    @Test func conditionsAreCheckedWithTheValue() {
      let sloppy = ImplicitFunction<Tensor, Tensor>(
        forward: { x in 1.1 * sqrt(x) }, conditions: .compiler { x, y in y * y - x })
      let error = #expect(throws: DifferentiationError.self) {
        try withThrownFailures {
          valueWithPullback(at: Tensor([1, 4])) { x in sloppy.solution(at: x) }
        }
      }
      guard case .conditionsNotMet = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }

    @Test func aSingularConditionIsThrownWithTheValue() {
      #expect(throws: DifferentiationError.self) {
        try withThrownFailures {
          valueWithPullback(at: Tensor([0])) { x in Self.root.solution(at: x) }
        }
      }
    }

    @Test func aForwardSolverThatThrows() {
      let broken = ImplicitFunction<Tensor, Tensor>(
        forward: { _ in throw NoSolution() }, conditions: .compiler { x, y in y - x })
      #expect(throws: NoSolution()) {
        try withThrownFailures {
          gradient(at: Tensor([1, 2])) { x in
            broken.solution(at: x, orElse: .zeros([3])).at(2).scalar
          }
        }
      }
      // Without a placeholder, the NaN are those of the input.
      #expect(throws: NoSolution()) {
        try withThrownFailures {
          pullback(at: [1, 2]) { broken.solution(at: $0) * [1, 2] }([1, 1])
        }
      }
      #expect(throws: NoSolution()) {
        try withThrownFailures { broken.solution(at: [1, 2], orElse: .zeros([2])) }
      }
    }

    @Test func aSingularMatrix() {
      let singular = Tensor([[1, 2], [2, 4]])
      let error = #expect(throws: LinearSolveError.self) {
        try withThrownFailures {
          gradient(at: singular) { matrix in solved(matrix, [1, 1]).sum().scalar }
        }
      }
      guard case .singular = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(throws: LinearSolveError.self) {
        try withThrownFailures { solved(singular, [1, 1]) }
      }
    }

    @Test func whatTheBodyThrowsComesFirst() {
      #expect(throws: NoSolution()) { try withThrownFailures { throw NoSolution() } }
    }

    @Test func withoutAPolicyTheProgramStopsWithTheSentence() async throws {
      let result = await promptly {
        await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
          let root = ImplicitFunction<Tensor, Tensor>(
            forward: { x in sqrt(x) }, conditions: .compiler { x, y in y * y - x })
          _ = pullback(at: Tensor([1, 4])) { x in root.solution(at: x) }(Tensor([.nan, 1]))
        }
      }
      let words = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
      #expect(words.contains("where nothing can be thrown. Entry 0 of the cotangent is nan"))
    }

    /// Numbers in the middle of conditions leave the tensors that a pullback is recorded in.
    @Test func plainNumbersInsideConditionsStop() async throws {
      let result = await promptly {
        await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
          let root = ImplicitFunction<Tensor, Tensor>(
            forward: { x in sqrt(x) },
            conditions: .compiler { x, y in Tensor([y.scalars[0] * y.scalars[0]]) - x })
          _ = try root.linearize(at: [4])
        }
      }
      let words = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
      #expect(words.contains("`scalars` of a traced tensor would lose its derivative"))
    }
  }
#endif
