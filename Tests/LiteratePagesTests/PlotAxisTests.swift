import Testing

@testable import LiteratePages

@Suite struct PlotAxisTests {
  @Test(
    arguments: [
      ([0.0, 20], ["0", "5", "10", "15", "20"]),
      ([0.0, 1], ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
      ([-0.3, 0.3], ["-0.3", "-0.2", "-0.1", "0", "0.1", "0.2", "0.3"]),
      ([3.0, 3], ["2.7", "2.8", "2.9", "3", "3.1", "3.2", "3.3"]),
      ([0.0], ["-1", "-0.5", "0", "0.5", "1"]),
      ([1e-9, 4e-9], ["1e-9", "1.5e-9", "2e-9", "2.5e-9", "3e-9", "3.5e-9", "4e-9"]),
      ([0.0, 12_345], ["0", "2000", "4000", "6000", "8000", "10000", "12000", "14000"]),
    ] as [([Double], [String])])
  func linearTicks(values: [Double], labels: [String]) throws {
    let axis = try #require(PlotAxis(values: values, scale: .linear, tickCount: 7))
    #expect(axis.ticks.map(\.label) == labels)
  }

  @Test(
    arguments: [
      ([1.0, 1e4], ["10⁰", "10¹", "10²", "10³", "10⁴"]),
      ([2e-16, 1], ["10⁻¹⁸", "10⁻¹⁵", "10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "10⁰"]),
      ([3.0, 40], ["2", "5", "10", "20", "50"]),
      ([7.0, 7], ["5", "10"]),
      ([1.0, 1], ["1", "2"]),
      ([10.0], ["10", "20"]),
    ] as [([Double], [String])])
  func logarithmicTicks(values: [Double], labels: [String]) throws {
    let axis = try #require(PlotAxis(values: values, scale: .logarithmic, tickCount: 6))
    #expect(axis.ticks.map(\.label) == labels)
  }

  /// Whatever the values: they lie between the ends, ticks rise from end to end, and there are
  /// neither too few nor too many of them.
  @Test(arguments: [AxisScale.linear, .logarithmic])
  func anyValues(scale: AxisScale) throws {
    var generator = SplitMix(seed: 3)
    for _ in 0..<2_000 {
      let values = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
        Bool.random(using: &generator)
          ? Double(bitPattern: generator.next())
          : Double.random(in: -1...1, using: &generator)
      }
      let shown = values.filter { PlotAxis.shows($0, on: scale) }
      guard let axis = PlotAxis(values: values, scale: scale, tickCount: 6) else {
        #expect(shown.isEmpty)
        continue
      }
      let slack = 1e-6
      #expect(shown.allSatisfy { (-slack...1 + slack).contains(axis.position($0)) }, "\(values)")
      #expect((2...15).contains(axis.ticks.count), "\(values)")
      #expect(zip(axis.ticks, axis.ticks.dropFirst()).allSatisfy { $0.value < $1.value })
      #expect(Set(axis.ticks.map(\.label)).count == axis.ticks.count, "\(values)")
    }
  }
}
