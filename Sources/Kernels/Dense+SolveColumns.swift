// Solves with a factorised matrix for several right-hand sides at once.
//
// The right-hand sides are the columns of a row-major matrix `B`, and the work is done on whole rows
// of it: each entry of the factor is read once for all columns, which pays from about four columns
// on. Rounding differs in the last bits from that of the same solves one by one; it does not depend
// on how many columns there are.
extension Dense {
  /// Solves `A X = B` with what `factorLU` left. `B` is `n × k`; it becomes `X`. Costs `2 n² k`.
  package static func solveLU(
    _ lu: UnsafePointer<Double>, count n: Int, pivots: UnsafePointer<Int>,
    _ b: UnsafeMutablePointer<Double>, columns k: Int, rowStride: Int
  ) {
    for i in 0..<n where pivots[i] != i {
      swapRows(b + i &* rowStride, b + pivots[i] &* rowStride, count: k)
    }
    solveLower(lu, count: n, unitDiagonal: true, b, columns: k, rowStride: rowStride)
    var i = n
    while i > 0 {
      i &-= 1
      let factors = lu + (i &* n &+ i)
      let row = b + i &* rowStride
      multiplyTransposed(
        row + rowStride, rows: n &- i &- 1, columns: k, rowStride: rowStride, by: factors + 1,
        into: row, scaledBy: -1, adding: true)
      divide(row, by: factors[0], count: k)
    }
  }

  /// Solves `Aᵀ X = B` with what `factorLU` left. `B` is `n × k`; it becomes `X`. Costs `2 n² k`.
  package static func solveLUTransposed(
    _ lu: UnsafePointer<Double>, count n: Int, pivots: UnsafePointer<Int>,
    _ b: UnsafeMutablePointer<Double>, columns k: Int, rowStride: Int
  ) {
    for i in 0..<n {
      let factors = lu + i &* n
      let row = b + i &* rowStride
      divide(row, by: factors[i], count: k)
      for j in (i &+ 1)..<max(i &+ 1, n) {
        DenseLoops.addOneRow(row, scaledBy: -factors[j], to: b + j &* rowStride, count: k)
      }
    }
    solveLowerTransposed(lu, count: n, unitDiagonal: true, b, columns: k, rowStride: rowStride)
    var i = n
    while i > 0 {
      i &-= 1
      if pivots[i] != i { swapRows(b + i &* rowStride, b + pivots[i] &* rowStride, count: k) }
    }
  }

  /// Solves `A X = B` with what `factorCholesky` left. `B` is `n × k`; it becomes `X`. Costs `2 n² k`.
  package static func solveCholesky(
    _ l: UnsafePointer<Double>, count n: Int,
    _ b: UnsafeMutablePointer<Double>, columns k: Int, rowStride: Int
  ) {
    solveLower(l, count: n, unitDiagonal: false, b, columns: k, rowStride: rowStride)
    solveLowerTransposed(l, count: n, unitDiagonal: false, b, columns: k, rowStride: rowStride)
  }

  private static func solveLower(
    _ l: UnsafePointer<Double>, count n: Int, unitDiagonal: Bool,
    _ b: UnsafeMutablePointer<Double>, columns k: Int, rowStride: Int
  ) {
    for i in 0..<n {
      let factors = l + i &* n
      let row = b + i &* rowStride
      multiplyTransposed(
        b, rows: i, columns: k, rowStride: rowStride, by: factors, into: row, scaledBy: -1,
        adding: true)
      if !unitDiagonal { divide(row, by: factors[i], count: k) }
    }
  }

  private static func solveLowerTransposed(
    _ l: UnsafePointer<Double>, count n: Int, unitDiagonal: Bool,
    _ b: UnsafeMutablePointer<Double>, columns k: Int, rowStride: Int
  ) {
    var i = n
    while i > 0 {
      i &-= 1
      let factors = l + i &* n
      let row = b + i &* rowStride
      if !unitDiagonal { divide(row, by: factors[i], count: k) }
      for j in 0..<i {
        DenseLoops.addOneRow(row, scaledBy: -factors[j], to: b + j &* rowStride, count: k)
      }
    }
  }

  /// `x ← x / d`, by division: a reciprocal could overflow, and would round once more.
  @inline(__always)
  private static func divide(_ x: UnsafeMutablePointer<Double>, by d: Double, count n: Int) {
    var i = 0
    while i &+ 8 <= n {
      x.store(x.eight(at: i) / d, at: i)
      i &+= 8
    }
    while i < n {
      x[i] = x[i] / d
      i &+= 1
    }
  }
}
