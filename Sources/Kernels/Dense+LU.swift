// P A = L U with partial pivoting, in place, and the solves with it.
//
// Source: G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th ed., 2013, sections 3.4 (the
// pivots) and 3.2.11 (the blocks).
extension Dense {
  private static var panelWidth: Int { 32 }

  /// Factorises `P A = L U` in place (row stride `n`), in `2/3 n³` operations. `U` takes the upper
  /// triangle, `L` (ones on its diagonal) the rest; at step `i` rows `i` and `pivots[i] ≥ i` were
  /// exchanged. `workspace` has room for `workspaceCount(rows: n, inner: n, columns: n)`.
  ///
  /// Returns `nil`, or the first step whose pivot is exactly zero or not finite (NaN or infinity
  /// met in that column); `a` is then of no use. A NaN anywhere in `a` is found in this way.
  package static func factorLU(
    _ a: UnsafeMutablePointer<Double>, count n: Int, pivots: UnsafeMutablePointer<Int>,
    workspace: UnsafeMutablePointer<Double>
  ) -> Int? {
    if n <= 64 { return factorPanel(a, count: n, from: 0, to: n, pivots: pivots) }
    var k = 0
    while k < n {
      let end = min(k &+ panelWidth, n)
      if let step = factorPanel(a, count: n, from: k, to: end, pivots: pivots) { return step }
      let rest = n &- end
      if rest > 0 {
        let right = a + k &* n + end
        for i in 1..<(end &- k) {
          multiplyTransposed(
            right, rows: i, columns: rest, rowStride: n, by: a + (k &+ i) &* n + k,
            into: right + i &* n, scaledBy: -1, adding: true)
        }
        multiply(
          a + end &* n + k, rowStride: n, columnStride: 1,
          right, rowStride: n, columnStride: 1,
          into: a + end &* n + end, rowStride: n, rows: rest, inner: end &- k, columns: rest,
          scaledBy: -1, adding: true, workspace: workspace)
      }
      k = end
    }
    return nil
  }

  /// Eliminates in columns `start..<end`, exchanging whole rows; columns from `end` on wait.
  private static func factorPanel(
    _ a: UnsafeMutablePointer<Double>, count n: Int, from start: Int, to end: Int,
    pivots: UnsafeMutablePointer<Int>
  ) -> Int? {
    for k in start..<max(start, end) {
      var pivotRow = k
      var largest = 0.0
      var entry = a + k &* n + k
      for i in k..<n {
        let size = entry[0].magnitude
        if size > largest {
          largest = size
          pivotRow = i
        } else if size.isNaN {
          return k
        }
        entry += n
      }
      if largest == 0 || largest == .infinity { return k }
      pivots[k] = pivotRow
      if pivotRow != k { swapRows(a + k &* n, a + pivotRow &* n, count: n) }

      let top = a + k &* n + k
      let pivot = top[0]
      let width = end &- k &- 1
      var row = top + n
      for _ in (k &+ 1)..<max(k &+ 1, n) {
        let factor = row[0] / pivot
        row[0] = factor
        DenseLoops.addOneRow(top + 1, scaledBy: -factor, to: row + 1, count: width)
        row += n
      }
    }
    return nil
  }

  static func swapRows(
    _ x: UnsafeMutablePointer<Double>, _ y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      let v = x.eight(at: i)
      x.store(y.eight(at: i), at: i)
      y.store(v, at: i)
      i &+= 8
    }
    while i < n {
      let v = x[i]
      x[i] = y[i]
      y[i] = v
      i &+= 1
    }
  }

  /// Solves `A x = b` with what `factorLU` left, in `2 n²` operations; `b` becomes `x`.
  package static func solveLU(
    _ lu: UnsafePointer<Double>, count n: Int, pivots: UnsafePointer<Int>,
    _ b: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<n {
      let other = pivots[i]
      let v = b[i]
      b[i] = b[other]
      b[other] = v
    }
    solveLower(lu, count: n, rowStride: n, unitDiagonal: true, b)
    solveUpper(lu, count: n, rowStride: n, unitDiagonal: false, b)
  }

  /// Solves `Aᵀ x = b` with what `factorLU` left, in `2 n²` operations; `b` becomes `x`.
  package static func solveLUTransposed(
    _ lu: UnsafePointer<Double>, count n: Int, pivots: UnsafePointer<Int>,
    _ b: UnsafeMutablePointer<Double>
  ) {
    solveUpperTransposed(lu, count: n, rowStride: n, unitDiagonal: false, b)
    solveLowerTransposed(lu, count: n, rowStride: n, unitDiagonal: true, b)
    var i = n
    while i > 0 {
      i &-= 1
      let other = pivots[i]
      let v = b[i]
      b[i] = b[other]
      b[other] = v
    }
  }
}
