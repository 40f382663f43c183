import Testing

@testable import Comparison

struct StepChoiceTests {
  private func entries(_ error: (Double) -> Double) -> [DifferenceSweep.Entry] {
    DifferenceSteps().relativeSteps.map { h in
      let value = 1 + error(h)
      return DifferenceSweep.Entry(step: h, central: value, forward: value, backward: value)
    }
  }

  /// `c h² + η/h` is least at `(η/2c)^⅓`, `c h + 2η/h` at `(2η/c)^½`.
  @Test func balancesBothErrors() throws {
    let (c, eta) = (2.0, 1e-12)
    let central = entries { h in c * h * h }
    let second = StepChoice(central, order: 2, noise: eta) { $0.central }
    // (η/2c)^⅓ = 6.3e-5, to within the factor between steps.
    #expect((0.5...2).contains(central[second.index].step / 6.3e-5))
    // 1.5 · (2 c η²)^⅓ = 2.4e-8.
    #expect((0.8...1.3).contains(second.error / 2.4e-8))
    let oneSided = entries { h in c * h }
    let first = StepChoice(oneSided, order: 1, noise: 2 * eta) { $0.forward }
    #expect((0.5...2).contains(oneSided[first.index].step / 1e-6))
    #expect((0.8...1.3).contains(first.error / 4e-6))
  }

  /// Without truncation the largest step is best.
  @Test func linear() {
    let choice = StepChoice(entries { _ in 0 }, order: 2, noise: 1e-12) { $0.central }
    #expect(choice.index == 0)
    #expect(choice.error == 1e-11)
  }

  /// Scatter that the noise does not account for is believed all the same: the error stated is
  /// not smaller than what the sweep shows.
  @Test func scatterCounts() {
    let scattered = entries { h in noise(at: h, seed: 9) * 1e-6 / h }
    let choice = StepChoice(scattered, order: 2, noise: 0) { $0.central }
    // 1e-5 at the largest step, more at all others.
    #expect(choice.error > 1e-6)
  }
}
