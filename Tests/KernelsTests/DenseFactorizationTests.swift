import Testing

import Kernels

/// Factorisations at sizes around every block, of matrices that are not kind: judged on products with
/// a vector, entry by entry, which is cheap enough for 500 unknowns.
@Suite("Dense: factorisations, backward errors")
struct DenseFactorizationTests {
  static let orders = [0, 1, 2, 4, 7, 31, 32, 33, 63, 64, 65, 95, 96, 97, 128, 129, 200, 257, 500]

  enum Kind: CaseIterable {
    /// Entries between −1 and 1.
    case random
    /// Rows from 1 down to 2⁻⁶⁰⁰.
    case gradedRows
    /// Columns likewise.
    case gradedColumns
    /// Both at once: pivots far from the diagonal of what is large.
    case gradedBothWays
    /// The largest entries below, so that every step exchanges rows.
    case reversed

    func matrix(_ n: Int) -> TestMatrix {
      var a = TestMatrix(n, n, seed: 53 * n)
      func weight(_ i: Int) -> Double {
        Double(sign: .plus, exponent: -600 * i / max(n, 1), significand: 1)
      }
      for i in 0..<n {
        for j in 0..<n {
          switch self {
          case .random: break
          case .gradedRows: a[i, j] *= weight(i)
          case .gradedColumns: a[i, j] *= weight(j)
          case .gradedBothWays: a[i, j] *= weight((i + j) / 2)
          case .reversed: a[i, j] += i + j == n - 1 ? 4 : 0
          }
        }
      }
      return a
    }
  }

  /// `T z` and `|T| |z|` with a triangle of `a`, ones on the diagonal where it says so.
  func triangle(
    _ a: [Double], count n: Int, lower: Bool, unit: Bool, times z: [Double], magnitudes: Bool
  ) -> [Double] {
    (0..<n).map { i in
      var sum = unit ? z[i] : a[i * n + i] * z[i]
      if magnitudes { sum = abs(sum) }
      for j in lower ? 0..<i : (i + 1)..<max(n, i + 1) {
        let term = a[i * n + j] * z[j]
        sum += magnitudes ? abs(term) : term
      }
      return sum
    }
  }

  @Test("LU: |P A z − L U z| ≤ γ |L| |U| |z|", arguments: orders, Kind.allCases)
  func lu(n: Int, kind: Kind) {
    let a = kind.matrix(n)
    var lu = a.entries
    var pivots = Array(repeating: -1, count: n)
    var workspace = Array(
      repeating: Double.nan, count: Dense.workspaceCount(rows: n, inner: n, columns: n))
    #expect(Dense.factorLU(&lu, count: n, pivots: &pivots, workspace: &workspace) == nil)
    var numbers = SeededNumbers(seed: n)
    let z = numbers.array(n)
    var product = a.times(z)
    for i in 0..<n { product.swapAt(i, pivots[i]) }
    let upper = triangle(lu, count: n, lower: false, unit: false, times: z, magnitudes: false)
    let both = triangle(lu, count: n, lower: true, unit: true, times: upper, magnitudes: false)
    let upperSize = triangle(lu, count: n, lower: false, unit: false, times: z, magnitudes: true)
    let size = triangle(lu, count: n, lower: true, unit: true, times: upperSize, magnitudes: true)
    // Higham 2002, theorem 9.3, and as much again twice for the products of this test.
    for i in 0..<n {
      #expect(abs(product[i] - both[i]) <= tolerance(count: 3 * n, magnitude: size[i]))
      for j in 0..<i { #expect(abs(lu[i * n + j]) <= 1) }
    }
  }

  @Test("Cholesky: |A z − L Lᵀ z| ≤ γ |L| |Lᵀ| |z|", arguments: orders, [false, true])
  func cholesky(n: Int, graded: Bool) {
    // Diagonally dominant, so positive definite; graded from both sides by the same powers of two.
    var a = TestMatrix(n, n, seed: 59 * n)
    for i in 0..<n {
      a[i, i] = Double(n + 1)
      for j in 0..<i { a[j, i] = a[i, j] }
    }
    if graded {
      for i in 0..<n {
        for j in 0..<n {
          a[i, j] *= Double(sign: .plus, exponent: -(400 * (i + j)) / max(n, 1), significand: 1)
          if j < i { a[i, j] = a[j, i] }
        }
      }
    }
    var l = a.entries
    var workspace = Array(
      repeating: Double.nan, count: Dense.workspaceCount(rows: n, inner: n, columns: n))
    #expect(Dense.factorCholesky(&l, count: n, workspace: &workspace) == nil)
    var transpose = l
    for i in 0..<n { for j in 0..<n { transpose[i * n + j] = l[j * n + i] } }
    var numbers = SeededNumbers(seed: n)
    let z = numbers.array(n)
    let inner = triangle(
      transpose, count: n, lower: false, unit: false, times: z, magnitudes: false)
    let both = triangle(l, count: n, lower: true, unit: false, times: inner, magnitudes: false)
    let innerSize = triangle(
      transpose, count: n, lower: false, unit: false, times: z, magnitudes: true)
    let size = triangle(l, count: n, lower: true, unit: false, times: innerSize, magnitudes: true)
    // Higham 2002, theorem 10.3, and as much again twice for the products of this test.
    let product = a.times(z)
    for i in 0..<n {
      #expect(abs(product[i] - both[i]) <= tolerance(count: 3 * n, magnitude: size[i]))
    }
  }
}
