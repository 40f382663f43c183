import Measurement

/// Reproducible random numbers, the same bits in any language: integers from `SplitMix64`, and from
/// them doubles by additions and multiplications alone, no logarithm among them.
package struct HuntNumbers: Sendable {
  private var generator: SplitMix64

  /// The numbers of one problem of a series: every problem can be made alone.
  package init(seed: UInt64, index: Int) {
    var ofSeries = SplitMix64(seed: seed)
    generator = SplitMix64(seed: ofSeries.next() ^ (UInt64(index) &* 0xD134_2543_DE82_EF95))
  }

  package mutating func next() -> UInt64 { generator.next() }

  /// In `[0, 1)`.
  package mutating func unit() -> Double { generator.unit() }

  /// In `[−1, 1)`.
  package mutating func symmetric() -> Double { generator.symmetric() }

  package mutating func symmetric(count: Int) -> [Double] { generator.symmetric(count: count) }

  /// Of either sign and of size between ½ and 3/2: an entry that no kink or pole is near to.
  package mutating func awayFromZero() -> Double {
    let size = 0.5 + unit()
    return next() & 1 == 0 ? size : -size
  }

  /// From 0 up to, not including, `count`.
  package mutating func index(below count: Int) -> Int { Int(next() % UInt64(count)) }

  /// Between 1 and `2^octaves`, about log-uniform; see ``exponential(_:)``.
  package mutating func logUniform(octaves: Double) -> Double {
    HuntNumbers.exponential(unit() * octaves)
  }

  /// `2^t` for integers `t ≥ 0` and linear in between: 6 % above the exponential at most, and
  /// reproducible to the last bit.
  package static func exponential(_ t: Double) -> Double {
    let whole = t.rounded(.down)
    return (1 + (t - whole)) * powerOfTwo(Int(whole))
  }

  /// `2^exponent`, for exponents of normal numbers.
  package static func powerOfTwo(_ exponent: Int) -> Double {
    Double(sign: .plus, exponent: exponent, significand: 1)
  }
}
