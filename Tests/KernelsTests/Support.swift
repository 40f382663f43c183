import Testing

import Kernels

/// Uniform numbers from a seed: the same ones in every run ("SplitMix64", G. L. Steele, D. Lea and
/// C. H. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
struct SeededNumbers {
  private var state: UInt64

  init(seed: Int) { state = UInt64(truncatingIfNeeded: seed) }

  mutating func nextBits() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// Between −1 and 1.
  mutating func next() -> Double { Double(nextBits() >> 11) * 0x1p-52 - 1 }

  /// `count` numbers between −1 and 1.
  mutating func array(_ count: Int) -> [Double] { (0..<count).map { _ in next() } }
}

/// Sizes around every width at which a kernel changes its stride: 4, 8, 16, 32, 64.
let sizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 130]

/// Half a unit in the last place of 1.
let unitRoundoff = 0x1p-53

/// What two different orders of one sum of `count` products may be apart, `magnitude` being the sum
/// of the magnitudes: each is within `count · u · magnitude` of the exact sum (Higham 2002, (3.5)).
func tolerance(count: Int, magnitude: Double) -> Double {
  2 * Double(count + 1) * unitRoundoff * magnitude
}

/// A row-major matrix with room between its rows, filled with `padding`.
struct TestMatrix {
  var rows: Int
  var columns: Int
  var rowStride: Int
  var entries: [Double]

  static let padding = -7.25

  init(_ rows: Int, _ columns: Int, rowStride: Int? = nil, seed: Int) {
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride ?? columns
    entries = Array(repeating: Self.padding, count: rows * self.rowStride)
    var numbers = SeededNumbers(seed: seed)
    for i in 0..<rows { for j in 0..<columns { self[i, j] = numbers.next() } }
  }

  subscript(i: Int, j: Int) -> Double {
    get { entries[i * rowStride + j] }
    set { entries[i * rowStride + j] = newValue }
  }

  func times(_ x: [Double]) -> [Double] {
    (0..<rows).map { i in (0..<columns).reduce(0) { $0 + self[i, $1] * x[$1] } }
  }

  func transposedTimes(_ x: [Double]) -> [Double] {
    (0..<columns).map { j in (0..<rows).reduce(0) { $0 + self[$1, j] * x[$1] } }
  }

  /// The largest sum of magnitudes of a row.
  var rowNorm: Double {
    (0..<rows).map { i in (0..<columns).reduce(0) { $0 + abs(self[i, $1]) } }.max() ?? 0
  }

  /// The largest sum of magnitudes of a column.
  var columnNorm: Double {
    (0..<columns).map { j in (0..<rows).reduce(0) { $0 + abs(self[$1, j]) } }.max() ?? 0
  }
}

/// `max |xᵢ|`.
func maximum(_ x: [Double]) -> Double { x.map(abs).max() ?? 0 }

/// The bits of every entry.
func bits(_ x: [Double]) -> [UInt64] { x.map(\.bitPattern) }

extension Trait where Self == ConditionTrait {
  /// For tests that compare bits which matrix products have a part in.
  static var reproducible: Self {
    .enabled(
      if: !Dense.usesSystemLibrary,
      "With the trait LAPACK the order of the sums is that of the system's library.")
  }
}
