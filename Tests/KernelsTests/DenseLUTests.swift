import Testing

import Kernels

@Suite("Dense: LU")
struct DenseLUTests {
  func factor(_ a: TestMatrix) -> (lu: [Double], pivots: [Int], failure: Int?) {
    let n = a.rows
    var lu = a.entries
    var pivots = Array(repeating: -1, count: n)
    var workspace = Array(
      repeating: Double.nan, count: Dense.workspaceCount(rows: n, inner: n, columns: n))
    let failure = Dense.factorLU(&lu, count: n, pivots: &pivots, workspace: &workspace)
    return (lu, pivots, failure)
  }

  @Test("P A = L U, with multipliers of at most 1", arguments: sizes + [97, 200])
  func factors(n: Int) {
    let a = TestMatrix(n, n, seed: 11 * n + 1)
    let (lu, pivots, failure) = factor(a)
    #expect(failure == nil)
    var permuted = a
    for i in 0..<n where pivots[i] != i {
      for j in 0..<n {
        let v = permuted[i, j]
        permuted[i, j] = permuted[pivots[i], j]
        permuted[pivots[i], j] = v
      }
    }
    for i in 0..<n {
      #expect(pivots[i] >= i && pivots[i] < n)
      for j in 0..<n {
        var sum = 0.0
        var magnitude = 0.0
        for p in 0...min(i, j) {
          let term = (p == i ? 1 : lu[i * n + p]) * lu[p * n + j]
          sum += term
          magnitude += abs(term)
        }
        // |L U − P A| ≤ n u |L| |U|, entry by entry (Higham 2002, theorem 9.3).
        #expect(abs(sum - permuted[i, j]) <= tolerance(count: n, magnitude: magnitude))
        if j < i { #expect(abs(lu[i * n + j]) <= 1) }
      }
    }
  }

  @Test("both solves have a small residual", arguments: sizes + [97, 200])
  func solves(n: Int) {
    let a = TestMatrix(n, n, seed: 13 * n + 5)
    let (lu, pivots, _) = factor(a)
    var numbers = SeededNumbers(seed: n)
    let b = numbers.array(n)
    // Backward error 3 n u ‖|L| |U|‖ ‖x‖; with random entries growth keeps ‖|L||U|‖ below √n ‖A‖.
    let growth = Double(max(n, 1)).squareRoot()
    var x = b
    Dense.solveLU(lu, count: n, pivots: pivots, &x)
    let limit = tolerance(count: 2 * n, magnitude: growth * a.rowNorm * maximum(x))
    #expect(zip(a.times(x), b).allSatisfy { abs($0 - $1) <= limit })
    var z = b
    Dense.solveLUTransposed(lu, count: n, pivots: pivots, &z)
    let limitTransposed = tolerance(count: 2 * n, magnitude: growth * a.columnNorm * maximum(z))
    #expect(zip(a.transposedTimes(z), b).allSatisfy { abs($0 - $1) <= limitTransposed })
  }

  @Test("a permutation is solved exactly", arguments: [2, 3, 10, 64, 65, 100])
  func permutation(n: Int) {
    var a = TestMatrix(n, n, seed: 0)
    for i in 0..<n { for j in 0..<n { a[i, j] = j == (7 * i + 1) % n ? 1 : 0 } }
    // 7 has no common factor with these n, except where it makes a cycle of its own.
    let (lu, pivots, failure) = factor(a)
    #expect(failure == nil)
    let b = (0..<n).map { Double($0) }
    var x = b
    Dense.solveLU(lu, count: n, pivots: pivots, &x)
    #expect(a.times(x) == b)
    x = b
    Dense.solveLUTransposed(lu, count: n, pivots: pivots, &x)
    #expect(a.transposedTimes(x) == b)
  }

  @Test(
    "a singular matrix is refused at the step where it shows", arguments: [1, 2, 5, 64, 65, 100])
  func singular(n: Int) {
    for step in Set([0, n / 2, n - 1]) {
      var a = TestMatrix(n, n, seed: n)
      for i in 0..<n { for j in 0..<n { a[i, j] = j < i ? 0 : a[i, j] + 2 } }
      for j in step..<n { a[step, j] = 0 }
      #expect(factor(a).failure == step)
    }
  }

  @Test("a NaN or infinity anywhere is found, in its column", arguments: [1, 2, 7, 64, 66, 99])
  func nonFinite(n: Int) {
    for bad in [Double.nan, .infinity, -.infinity] {
      for (i, j) in [
        (0, 0), (n - 1, 0), (0, n - 1), (n / 2, n - 1), (n - 1, n - 1), (n - 1, n / 2),
      ] {
        var a = TestMatrix(n, n, seed: n)
        a[i, j] = bad
        #expect(factor(a).failure == j)
      }
    }
  }
}
