import Testing

import Kernels

@Suite("Banded: tridiagonal")
struct BandedTridiagonalTests {
  struct Tridiagonal {
    var lower: [Double]
    var diagonal: [Double]
    var upper: [Double]
    var upper2: [Double]
    var exchanged: [Bool]
    var count: Int { diagonal.count }

    init(_ a: TestMatrix) {
      let n = a.rows
      lower = (1..<max(n, 1)).map { a[$0, $0 - 1] }
      diagonal = (0..<n).map { a[$0, $0] }
      upper = (1..<max(n, 1)).map { a[$0 - 1, $0] }
      // The last cell of each is a guard: nothing may be written there.
      upper2 = Array(repeating: 99, count: max(n - 2, 0) + 1)
      exchanged = Array(repeating: true, count: max(n - 1, 0) + 1)
    }

    mutating func factor() -> Int? {
      Banded.factorTridiagonal(
        lower: &lower, diagonal: &diagonal, upper: &upper, upper2: &upper2, exchanged: &exchanged,
        count: count)
    }

    func solve(_ b: [Double], transposed: Bool) -> [Double] {
      var x = b
      if transposed {
        Banded.solveTridiagonalTransposed(
          lower: lower, diagonal: diagonal, upper: upper, upper2: upper2, exchanged: exchanged,
          count: count, &x)
      } else {
        Banded.solveTridiagonal(
          lower: lower, diagonal: diagonal, upper: upper, upper2: upper2, exchanged: exchanged,
          count: count, &x)
      }
      return x
    }
  }

  /// Diagonals from dominant to zero: the smaller, the more rows are exchanged.
  static let shifts = [3.0, 1.0, 0.3]

  func matrix(_ n: Int, shift: Double) -> TestMatrix {
    var a = TestMatrix(n, n, seed: 41 * n)
    for i in 0..<n {
      for j in 0..<n where abs(i - j) > 1 { a[i, j] = 0 }
      a[i, i] += a[i, i] < 0 ? -shift : shift
    }
    return a
  }

  @Test("both solves have a small residual", arguments: sizes, shifts)
  func solves(n: Int, shift: Double) {
    let a = matrix(n, shift: shift)
    var factors = Tridiagonal(a)
    #expect(factors.factor() == nil)
    #expect(factors.upper2.last == 99)
    #expect(factors.exchanged.last == true)
    if n >= 15 && shift == 0.3 { #expect(factors.exchanged.dropLast().contains(true)) }
    if shift == 3 { #expect(!factors.exchanged.dropLast().contains(true)) }
    var numbers = SeededNumbers(seed: n)
    let b = numbers.array(n)
    // Three terms to a row; exchanges let entries grow at most twofold, twice (Higham 2002,
    // section 9.6), and a reciprocal adds a rounding to each division.
    let x = factors.solve(b, transposed: false)
    let limit = tolerance(count: 10, magnitude: 4 * a.rowNorm * maximum(x))
    #expect(zip(a.times(x), b).allSatisfy { abs($0 - $1) <= limit })
    let z = factors.solve(b, transposed: true)
    let limitTransposed = tolerance(count: 10, magnitude: 4 * a.columnNorm * maximum(z))
    #expect(zip(a.transposedTimes(z), b).allSatisfy { abs($0 - $1) <= limitTransposed })
  }

  @Test("the second difference: closed form", arguments: [1, 2, 3, 10, 100, 1000])
  func secondDifference(n: Int) {
    var factors = Tridiagonal(TestMatrix(0, 0, seed: 0))
    factors.lower = Array(repeating: -1, count: n - 1)
    factors.upper = factors.lower
    factors.diagonal = Array(repeating: 2, count: n)
    factors.upper2 = Array(repeating: 0, count: n)
    factors.exchanged = Array(repeating: false, count: n)
    #expect(factors.factor() == nil)
    let x = factors.solve(Array(repeating: 1, count: n), transposed: false)
    // −x″ = 1 on a grid: a parabola. κ ≈ (n + 1)² / 2.
    let limit = Double((n + 1) * (n + 1)) * unitRoundoff
    for i in 0..<n {
      let exact = Double((i + 1) * (n - i)) / 2
      #expect(abs(x[i] - exact) <= limit * exact)
    }
  }

  @Test("a zero diagonal only needs exchanges; a zero column is refused")
  func pivoting() {
    var a = TestMatrix(6, 6, seed: 0)
    for i in 0..<6 { for j in 0..<6 { a[i, j] = abs(i - j) == 1 ? Double(1 + i + 2 * j) : 0 } }
    var factors = Tridiagonal(a)
    #expect(factors.factor() == nil)
    let b: [Double] = [1, -2, 3, -4, 5, -6]
    let x = factors.solve(b, transposed: false)
    #expect(zip(a.times(x), b).allSatisfy { abs($0 - $1) < 1e-13 })
    for column in 0..<6 {
      var singular = matrix(6, shift: 1)
      for i in 0..<6 { singular[i, column] = 0 }
      var refused = Tridiagonal(singular)
      #expect(refused.factor() == column)
    }
  }

  @Test("a NaN, an infinity or a pivot without reciprocal is refused", arguments: [1, 2, 3, 9])
  func nonFinite(n: Int) {
    for bad in [Double.nan, .infinity, -.infinity, 0x1p-1074] {
      for i in 0..<n {
        var a = matrix(n, shift: 3)
        for j in 0..<n where j != i {
          a[i, j] = 0
          a[j, i] = 0
        }
        a[i, i] = bad
        var factors = Tridiagonal(a)
        #expect(factors.factor() == i)
      }
    }
    if n > 1 {
      for bad in [Double.nan, .infinity] {
        var a = matrix(n, shift: 3)
        a[n - 1, n - 2] = bad
        var factors = Tridiagonal(a)
        #expect(factors.factor() != nil)
        a = matrix(n, shift: 3)
        a[0, 1] = bad
        factors = Tridiagonal(a)
        #expect(factors.factor() != nil)
      }
    }
  }
}
