import Testing

import Kernels

@Suite("Banded")
struct BandedTests {
  static let bands: [(lower: Int, upper: Int)] = [
    (0, 0), (0, 2), (2, 0), (1, 1), (1, 3), (2, 1), (3, 3), (5, 9),
  ]

  func matrix(_ n: Int, lower: Int, upper: Int, seed: Int) -> TestMatrix {
    var a = TestMatrix(n, n, seed: seed)
    for i in 0..<n { for j in 0..<n where j < i - lower || j > i + upper { a[i, j] = 0 } }
    return a
  }

  func band(_ a: TestMatrix, lower: Int, upper: Int) -> [Double] {
    let n = a.rows
    var band = Array(
      repeating: 0.0, count: Banded.storageCount(count: n, lower: lower, upper: upper))
    for i in 0..<n {
      for j in max(0, i - lower)..<max(0, min(n, i + upper + 1)) {
        band[Banded.index(row: i, column: j, lower: lower, upper: upper)] = a[i, j]
      }
    }
    return band
  }

  @Test("both solves have a small residual", arguments: sizes, bands)
  func solves(n: Int, shape: (lower: Int, upper: Int)) {
    let (kl, ku) = shape
    // Random, with a diagonal just large enough to stay far from singular, and small enough for
    // row exchanges to be needed.
    var a = matrix(n, lower: kl, upper: ku, seed: 31 * n + 7 * kl + ku)
    for i in 0..<n { a[i, i] += a[i, i] < 0 ? -0.5 : 0.5 }
    var lu = band(a, lower: kl, upper: ku)
    var pivots = Array(repeating: -1, count: n)
    #expect(Banded.factorLU(&lu, count: n, lower: kl, upper: ku, pivots: &pivots) == nil)
    var numbers = SeededNumbers(seed: n)
    let b = numbers.array(n)
    // Backward error 3 w u ‖|L| |U|‖ ‖x‖ with w the width of the band. Growth is bounded by 2^(2 kl)
    // at worst and is about 1 on random bands; a factor of 8 allows for it.
    let width = 2 * kl + ku + 1
    var x = b
    Banded.solveLU(lu, count: n, lower: kl, upper: ku, pivots: pivots, &x)
    let limit = tolerance(count: 3 * width, magnitude: 8 * a.rowNorm * maximum(x))
    #expect(zip(a.times(x), b).allSatisfy { abs($0 - $1) <= limit })
    var z = b
    Banded.solveLUTransposed(lu, count: n, lower: kl, upper: ku, pivots: pivots, &z)
    let limitTransposed = tolerance(count: 3 * width, magnitude: 8 * a.columnNorm * maximum(z))
    #expect(zip(a.transposedTimes(z), b).allSatisfy { abs($0 - $1) <= limitTransposed })
  }

  @Test("rows are exchanged: a zero diagonal is no obstacle")
  func zeroDiagonal() {
    let n = 40
    var a = matrix(n, lower: 2, upper: 1, seed: 5)
    for i in 0..<n { a[i, i] = 0 }
    for i in 1..<n { a[i, i - 1] = 4 }
    a[0, n - 1] = 0
    var lu = band(a, lower: 2, upper: 1)
    var pivots = Array(repeating: 0, count: n)
    #expect(Banded.factorLU(&lu, count: n, lower: 2, upper: 1, pivots: &pivots) == nil)
    #expect(pivots.indices.contains { pivots[$0] != $0 })
  }

  @Test("singular and non-finite matrices are refused", arguments: [1, 2, 6, 33])
  func refused(n: Int) {
    for (kl, ku) in Self.bands where kl < n {
      let a = matrix(n, lower: kl, upper: ku, seed: n)
      for bad in [Double.nan, .infinity] {
        for (i, j) in [(0, 0), (n - 1, n - 1), (n / 2, n / 2), (0, min(ku, n - 1))] {
          var b = a
          b[i, j] = bad
          var lu = band(b, lower: kl, upper: ku)
          var pivots = Array(repeating: 0, count: n)
          let failure = Banded.factorLU(&lu, count: n, lower: kl, upper: ku, pivots: &pivots)
          var x = Array(repeating: 1.0, count: n)
          if failure == nil {
            Banded.solveLU(lu, count: n, lower: kl, upper: ku, pivots: pivots, &x)
          }
          #expect(failure != nil || x.contains { !$0.isFinite })
        }
      }
      // A column of zeros: the step is the column.
      var b = a
      for i in 0..<n { b[i, n / 2] = 0 }
      var lu = band(b, lower: kl, upper: ku)
      var pivots = Array(repeating: 0, count: n)
      #expect(Banded.factorLU(&lu, count: n, lower: kl, upper: ku, pivots: &pivots) == n / 2)
    }
  }
}
