import Kernels

/// Seeded random numbers, the same on every machine.
///
/// Source: G. L. Steele, D. Lea and C. H. Flood, "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA (2014), figure 17 (the mixing constants are D. Stafford's variant 13).
struct SplitMix64 {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z &>> 31)
  }

  /// In `[−1, 1)`.
  mutating func symmetric() -> Double { 2 * (Double(next() &>> 11) * 0x1p-53) - 1 }

  /// Two independent normal numbers of mean 0 and variance 1.
  ///
  /// Source: G. Marsaglia and T. A. Bray, "A Convenient Method for Generating Normal Variables",
  /// SIAM Review 6 (1964), 260–264 (the polar method).
  mutating func normalPair() -> (Double, Double) {
    while true {
      let (u, v) = (symmetric(), symmetric())
      let s = u * u + v * v
      if s > 0 && s < 1 {
        let factor = (-2 * Elementary.log(s) / s).squareRoot()
        return (factor * u, factor * v)
      }
    }
  }

  /// `count` independent normal numbers of mean 0 and variance 1.
  mutating func normal(count: Int) -> [Double] {
    var result: [Double] = []
    result.reserveCapacity(count + 1)
    while result.count < count {
      let (a, b) = normalPair()
      result.append(a)
      result.append(b)
    }
    if result.count > count { result.removeLast() }
    return result
  }
}
