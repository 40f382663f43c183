/// The generator of all benchmark problems: the same few lines in any language, so that all
/// contestants solve bit-identical input.
///
/// Source: G. L. Steele, D. Lea and C. H. Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA (2014), figure 17 (the mixing constants are D. Stafford's variant 13).
package struct SplitMix64: Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// In `[0, 1)`.
  package mutating func unit() -> Double { Double(next() &>> 11) * 0x1p-53 }

  /// In `[−1, 1)`.
  package mutating func symmetric() -> Double { 2 * unit() - 1 }

  package mutating func unit(count: Int) -> [Double] { (0..<count).map { _ in unit() } }

  package mutating func symmetric(count: Int) -> [Double] { (0..<count).map { _ in symmetric() } }

  /// The numbers that a generator seeded with 42 starts with, wherever it was written.
  package static let firstOfSeed42 = [
    0.7415648787718233, 0.1599103928769201, 0.27860113025513866, 0.34419071652363753,
    0.03803016854024621,
  ]

  /// Whether this generator is the one of the published problems.
  package static var isAsPublished: Bool {
    var generator = SplitMix64(seed: 42)
    return firstOfSeed42.allSatisfy { generator.unit() == $0 }
  }
}
