import Testing

import Kernels

@Suite("Dense: triangular solves")
struct DenseTriangularTests {
  @Test("T x gives b back", arguments: sizes, [false, true])
  func residual(n: Int, unit: Bool) {
    // A diagonal of 1 to 2 and small entries elsewhere: well conditioned at every n. Above or
    // below the triangle at hand stands NaN, so reading it would show.
    for lower in [true, false] {
      var a = TestMatrix(n, n, rowStride: n + 2, seed: n)
      for i in 0..<n {
        for j in 0..<n {
          if i == j {
            a[i, i] = unit ? .nan : 1.5 + a[i, i] / 2
          } else if (j < i) == lower {
            a[i, j] = a[i, j] / Double(n)
          } else {
            a[i, j] = .nan
          }
        }
      }
      var clean = a
      for i in 0..<n {
        for j in 0..<n {
          if i == j && unit { clean[i, i] = 1 } else if a[i, j].isNaN { clean[i, j] = 0 }
        }
      }
      var numbers = SeededNumbers(seed: 5 * n)
      let b = numbers.array(n + 1)
      // Backward error of substitution: n u ‖T‖ ‖x‖ (Higham 2002, theorem 8.5); the residual is
      // formed with as much again. ‖T‖ ≤ 3, and ‖x‖ ≤ e² max|b| here.
      let limit = tolerance(count: 2 * n, magnitude: 3 * 7.4)
      var x = b
      if lower {
        Dense.solveLower(a.entries, count: n, rowStride: n + 2, unitDiagonal: unit, &x)
      } else {
        Dense.solveUpper(a.entries, count: n, rowStride: n + 2, unitDiagonal: unit, &x)
      }
      #expect(zip(clean.times(x), b).allSatisfy { abs($0 - $1) <= limit })
      #expect(x[n] == b[n])
      x = b
      if lower {
        Dense.solveLowerTransposed(a.entries, count: n, rowStride: n + 2, unitDiagonal: unit, &x)
      } else {
        Dense.solveUpperTransposed(a.entries, count: n, rowStride: n + 2, unitDiagonal: unit, &x)
      }
      #expect(zip(clean.transposedTimes(x), b).allSatisfy { abs($0 - $1) <= limit })
      #expect(x[n] == b[n])
    }
  }
}
