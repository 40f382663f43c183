// A = L Lᵀ for a symmetric positive definite matrix, in place, and the solve with it.
//
// Source: G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th ed., 2013, section 4.2.
extension Dense {
  private static var choleskyPanel: Int { 64 }

  /// Factorises `A = L Lᵀ` in place (row stride `n`), in `1/3 n³` operations. Only the lower
  /// triangle of `a` is read, and only it is written. `workspace` has room for
  /// `workspaceCount(rows: n, inner: n, columns: n)`.
  ///
  /// Returns `nil`, or the first step whose pivot is not a positive finite number: the matrix is
  /// not positive definite, or contains a NaN or an infinity. `a` is then of no use.
  package static func factorCholesky(
    _ a: UnsafeMutablePointer<Double>, count n: Int, workspace: UnsafeMutablePointer<Double>
  ) -> Int? {
    var k = 0
    while k < n {
      let end = min(k &+ choleskyPanel, n)
      if let step = factorDiagonalBlock(a, count: n, from: k, to: end) { return step }
      solvePanelBelow(a, count: n, from: k, to: end)
      let rest = n &- end
      if rest > 0 {
        let below = a + end &* n + k
        multiply(
          (start: UnsafePointer(below), rowStride: n, columnStride: 1),
          (start: UnsafePointer(below), rowStride: 1, columnStride: n),
          into: a + end &* n + end, rowStride: n, rows: rest, inner: end &- k, columns: rest,
          scaledBy: -1, adding: true, lowerTriangleOnly: true, workspace: workspace)
      }
      k = end
    }
    return nil
  }

  /// Factorises the block of rows and columns `start..<end`, column by column.
  private static func factorDiagonalBlock(
    _ a: UnsafeMutablePointer<Double>, count n: Int, from start: Int, to end: Int
  ) -> Int? {
    for j in start..<end {
      let row = a + j &* n + start
      let done = j &- start
      let square = row[done] - DenseLoops.oneRow(row, times: row, count: done)
      // NaN fails this comparison, too.
      guard square > 0 && square < .infinity else { return j }
      let pivot = square.squareRoot()
      row[done] = pivot
      finishColumn(
        row, done: done, pivot: pivot, rows: end &- j &- 1, below: row + n, rowStride: n)
    }
    return nil
  }

  /// The rows below the block, four at a time: each is the solution of a triangular system with it.
  private static func solvePanelBelow(
    _ a: UnsafeMutablePointer<Double>, count n: Int, from start: Int, to end: Int
  ) {
    var i = end
    while i < n {
      let height = min(4, n &- i)
      for j in start..<end {
        let row = a + j &* n + start
        finishColumn(
          row, done: j &- start, pivot: row[j &- start], rows: height,
          below: a + i &* n + start, rowStride: n)
      }
      i &+= height
    }
  }

  /// Entry `done` of each of some rows: what is left of it, divided by the pivot.
  @inline(__always)
  private static func finishColumn(
    _ row: UnsafePointer<Double>, done: Int, pivot: Double, rows m: Int,
    below: UnsafeMutablePointer<Double>, rowStride: Int
  ) {
    var lower = below
    var i = 0
    while i &+ 4 <= m {
      let products = DenseLoops.fourRows(lower, rowStride: rowStride, times: row, count: done)
      let entry = lower + done
      let old = SIMD4(
        entry[0], entry[rowStride], entry[2 &* rowStride], entry[3 &* rowStride])
      let new = (old - products) / pivot
      entry[0] = new.x
      entry[rowStride] = new.y
      entry[2 &* rowStride] = new.z
      entry[3 &* rowStride] = new.w
      lower += 4 &* rowStride
      i &+= 4
    }
    while i < m {
      lower[done] = (lower[done] - DenseLoops.oneRow(lower, times: row, count: done)) / pivot
      lower += rowStride
      i &+= 1
    }
  }

  /// Solves `A x = b` with the `L` that `factorCholesky` left, in `2 n²` operations; `b` becomes
  /// `x`. The matrix is symmetric: this is the solve with its transpose as well.
  package static func solveCholesky(
    _ l: UnsafePointer<Double>, count n: Int, _ b: UnsafeMutablePointer<Double>
  ) {
    solveLower(l, count: n, rowStride: n, unitDiagonal: false, b)
    solveLowerTransposed(l, count: n, rowStride: n, unitDiagonal: false, b)
  }
}
