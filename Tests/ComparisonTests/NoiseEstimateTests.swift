import Testing

@testable import Comparison

struct NoiseEstimateTests {
  /// Independent values with standard deviation 1, as in the paper's definition of noise, on a line.
  @Test func knownDeviation() throws {
    var ratios: [Double] = []
    for seed in 1...200 {
      let values = (0...8).map { k -> Double in
        let line = 3 + 0.1 * Double(k)
        return line + 3.0.squareRoot() * noise(at: Double(k + 1), seed: UInt64(seed))
      }
      if let found = NoiseEstimate.noise(of: values) { ratios.append(found) }
    }
    // The differences of nine values settle nearly always, and to within a factor.
    #expect(ratios.count >= 190)
    #expect(
      ratios.allSatisfy { (0.2...4).contains($0) }, "\(ratios.min() ?? 0), \(ratios.max() ?? 0)")
    let mean = ratios.reduce(0, +) / Double(ratios.count)
    #expect((0.8...1.2).contains(mean), "\(mean)")
  }

  /// Differences of polynomials vanish; differences of what is rough do not settle.
  @Test func smoothAndRough() {
    #expect(NoiseEstimate.noise(of: (0...8).map { Double($0 * $0) }) == nil)
    #expect(NoiseEstimate.noise(of: [Double](repeating: 4, count: 9)) == 0)
    #expect(NoiseEstimate.noise(of: (0...8).map { Double($0).squareRoot() }) == nil)
    // A single jump is noise of about its size.
    let jump = NoiseEstimate.noise(of: (0...8).map { $0 < 4 ? 0 : 1 })
    #expect((0.1...1).contains(jump ?? 0))
  }

  /// Never below the rounding of the value itself, even where values are equal.
  @Test func roundingIsTheLeast() {
    let found = NoiseEstimate.noise(around: 1, distance: 0x1p-7) { _ in 1 }
    #expect(found == 0x1p-53)
    let unknown = NoiseEstimate.noise(around: 1, distance: 0x1p-7) { _ in nil }
    #expect(unknown == 0x1p-53)
  }
}
