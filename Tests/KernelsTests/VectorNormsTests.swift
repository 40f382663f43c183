import Testing

import Kernels

@Suite("Vector norms")
struct VectorNormsTests {
  /// Scales over which squares overflow or underflow, and the ends of the range.
  static let scales = [
    0x1p-1074, 0x1p-1050, 0x1p-1000, 0x1p-540, 0x1p-481, 0x1p-479, 1, 0x1p499, 0x1p501, 0x1p1000,
  ]

  @Test("the norm scales with the vector", arguments: scales)
  func scaling(scale: Double) {
    for n in [1, 2, 7, 8, 9, 40] {
      // 3 : 4 repeated: the norm is 5 √(pairs), and multiples of 2^-1074 are exact.
      var x = (0..<n).map { $0 % 2 == 0 ? 3 * scale : -4 * scale }
      if n % 2 == 1 { x[n - 1] = 0 }
      // Scaled last: 5 · 2⁻¹⁰⁷⁴ · √pairs has to be rounded to the few digits it has.
      let exact = 5 * Double(n / 2).squareRoot() * scale
      let error = abs(Vector.norm(x, count: n) - exact)
      // Rounding of the sum and the root, or the spacing of subnormal numbers.
      #expect(error <= max(Double(n + 4) * unitRoundoff * exact, 0x1p-1074))
    }
  }

  @Test("entries far apart in size", arguments: [0x1p-1000, 0x1p-300, 0x1p-30, 0x1p-27])
  func spread(small: Double) {
    for big in [0x1p-1022, 0x1p-481, 1, 0x1p510, 0x1p1023] {
      let x = [small * big, big, 0, small * big]
      let exact = big * (1 + 2 * small * small).squareRoot()
      #expect(abs(Vector.norm(x, count: 4) - exact) <= 4 * unitRoundoff * exact)
    }
  }

  @Test("zero, infinity, NaN, overflow")
  func special() {
    #expect(Vector.norm([], count: 0) == 0)
    #expect(Vector.norm([0, -0.0, 0], count: 3) == 0)
    #expect(Vector.norm([1, -.infinity, 2], count: 3) == .infinity)
    #expect(Vector.norm([1, .nan, .infinity], count: 3).isNaN)
    #expect(Vector.norm([.nan], count: 1).isNaN)
    let large = Array(repeating: Double.greatestFiniteMagnitude, count: 9)
    #expect(Vector.norm(large, count: 9) == .infinity)
    #expect(Vector.norm(large, count: 1) == .greatestFiniteMagnitude)
  }

  @Test("maximum magnitude", arguments: sizes)
  func maximumMagnitude(n: Int) {
    var numbers = SeededNumbers(seed: 300 + n)
    let x = numbers.array(n)
    #expect(Vector.maximumMagnitude(x, count: n) == maximum(x))
    for place in 0..<n {
      var y = x
      y[place] = -3
      #expect(Vector.maximumMagnitude(y, count: n) == 3)
      y[place] = .nan
      #expect(Vector.maximumMagnitude(y, count: n).isNaN)
      y[(place + 5) % n] = -.infinity
      #expect(n == 1 || n == 5 || Vector.maximumMagnitude(y, count: n).isNaN)
      y[place] = 0
      y[(place + 5) % n] = -.infinity
      #expect(Vector.maximumMagnitude(y, count: n) == .infinity)
    }
  }

  @Test("first entry that is not finite", arguments: sizes)
  func firstNonFinite(n: Int) {
    let extremes = [Double.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0x1p-1074, -0.0]
    let x = (0..<n).map { extremes[$0 % 4] }
    #expect(Vector.firstNonFinite(x, count: n) == nil)
    for place in 0..<n {
      for bad in [Double.nan, .infinity, -.infinity] {
        var y = x
        y[place] = bad
        y[n - 1] = bad
        #expect(Vector.firstNonFinite(y, count: n) == place)
        #expect(Vector.firstNonFinite(y, count: place) == nil)
      }
    }
  }

  @Test("by how much a diagonal dominates", arguments: sizes)
  func leastDominance(n: Int) {
    var numbers = SeededNumbers(seed: n)
    let d = numbers.array(n)
    let s = numbers.array(n).map { 3 * abs($0) }
    let expected = zip(d, s).map { 2 * abs($0) - $1 }.min() ?? .infinity
    #expect(Vector.leastDominance(of: d, in: s, count: n) == expected)
    for i in 0..<n {
      var broken = s
      broken[i] = .nan
      #expect(Vector.leastDominance(of: d, in: broken, count: n).isNaN)
    }
  }
}
