import Testing

import Kernels

@Suite("Dense: Cholesky")
struct DenseCholeskyTests {
  /// `M Mᵀ / n + I`, with NaN above the diagonal: it must not be read.
  func definite(_ n: Int) -> (full: TestMatrix, lower: TestMatrix) {
    let m = TestMatrix(n, n, seed: 17 * n)
    var full = m
    for i in 0..<n {
      for j in 0..<n {
        var sum = 0.0
        for p in 0..<n { sum += m[i, p] * m[j, p] }
        full[i, j] = sum / Double(n) + (i == j ? 1 : 0)
      }
    }
    var lower = full
    for i in 0..<n { for j in 0..<n where j > i { lower[i, j] = .nan } }
    return (full, lower)
  }

  func factor(_ a: TestMatrix) -> (l: [Double], failure: Int?) {
    let n = a.rows
    var l = a.entries
    var workspace = Array(
      repeating: Double.nan, count: Dense.workspaceCount(rows: n, inner: n, columns: n))
    let failure = Dense.factorCholesky(&l, count: n, workspace: &workspace)
    return (l, failure)
  }

  @Test(
    "A = L Lᵀ, nothing above the diagonal touched, and the solve", arguments: sizes + [97, 200])
  func factorAndSolve(n: Int) {
    let (full, lower) = definite(n)
    let (l, failure) = factor(lower)
    #expect(failure == nil)
    for i in 0..<n {
      for j in 0...i {
        var sum = 0.0
        var magnitude = 0.0
        for p in 0...j {
          sum += l[i * n + p] * l[j * n + p]
          magnitude += abs(l[i * n + p] * l[j * n + p])
        }
        // |L Lᵀ − A| ≤ (n + 1) u |L| |Lᵀ|, entry by entry (Higham 2002, theorem 10.3).
        #expect(abs(sum - full[i, j]) <= tolerance(count: n, magnitude: magnitude))
      }
      for j in (i + 1)..<max(i + 1, n) { #expect(l[i * n + j].isNaN) }
    }
    var numbers = SeededNumbers(seed: n)
    let b = numbers.array(n)
    var x = b
    Dense.solveCholesky(l, count: n, &x)
    // Backward error 3 n u ‖|L| |Lᵀ|‖ ‖x‖, and ‖|L| |Lᵀ|‖ ≤ n ‖A‖₂ ≤ 3 n here (theorem 10.4).
    let limit = tolerance(count: 3 * n, magnitude: 3 * Double(n) * maximum(x))
    #expect(zip(full.times(x), b).allSatisfy { abs($0 - $1) <= limit })
  }

  @Test("an indefinite matrix is refused at its step", arguments: [1, 2, 5, 63, 64, 65, 100, 130])
  func indefinite(n: Int) {
    let lower = definite(n).lower
    for step in Set([0, n / 3, n - 1]) {
      for bad in [-1.0, 0, .nan, .infinity] {
        var a = lower
        // Row and column `step` hold nothing but the bad pivot, so its value is exact.
        for j in 0..<step { a[step, j] = 0 }
        a[step, step] = bad
        #expect(factor(a).failure == step)
      }
    }
  }

  @Test("a NaN anywhere in the lower triangle is found", arguments: [2, 7, 65, 130])
  func notANumber(n: Int) {
    let lower = definite(n).lower
    for (i, j) in [(1, 0), (n - 1, 0), (n - 1, n - 1), (n - 1, n / 2)] {
      for bad in [Double.nan, .infinity] {
        var a = lower
        a[i, j] = bad
        #expect(factor(a).failure != nil)
      }
    }
  }
}
