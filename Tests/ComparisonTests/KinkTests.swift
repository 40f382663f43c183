import Testing

@testable import Comparison

struct KinkTests {
  /// Differences of a function with derivatives 1 and `1 + jump` on the two sides, and second
  /// derivative `2`.
  private func entries(jump: Double) -> [DifferenceSweep.Entry] {
    DifferenceSteps().relativeSteps.map { h in
      DifferenceSweep.Entry(
        step: h, central: 1 + 0.5 * jump, forward: 1 + jump + h, backward: 1 - h)
    }
  }

  /// The same jump counts or not, by what noise explains at the smallest steps used.
  @Test func noiseCanExplainAJump() {
    #expect(Kink.exists(in: entries(jump: 0.05), noise: 1e-16))
    #expect(Kink.exists(in: entries(jump: 1), noise: 1e-9))
    // Steps are used down to h = 4 η / 0.02, where noise makes 12 η / h = 0.06.
    #expect(!Kink.exists(in: entries(jump: 0.05), noise: 1e-9))
    #expect(!Kink.exists(in: entries(jump: 0.05), noise: 1e-6))
    #expect(!Kink.exists(in: entries(jump: 0), noise: 1e-16))
  }

  /// Nothing is said where noise leaves fewer than five steps.
  @Test func noiseCanHideAJump() {
    #expect(!Kink.exists(in: entries(jump: 1), noise: 1e-3))
    #expect(!Kink.exists(in: [], noise: 0))
  }

  private typealias Kink = DifferenceSweep.Kink
}
