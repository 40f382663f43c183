import Kernels

/// `A + α L Rᵀ`, with orthonormal columns in `L` and `R`.
struct RankShiftedOperator: LinearOperator {
  let base: any LinearOperator
  let left: [[Double]]
  let right: [[Double]]
  let factor: Double

  var rowCount: Int { base.rowCount }
  var columnCount: Int { base.columnCount }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    try base.matvec(x, into: &y)
    addShift(x, into: &y, through: right, along: left)
  }

  func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.transposeMatvec(x, into: &y)
    addShift(x, into: &y, through: left, along: right)
  }

  func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try base.matmat(x, columns: k, into: &y)
    try forEachColumn(of: x, and: &y, count: k) { x, y in
      addShift(x, into: &y, through: right, along: left)
    }
  }

  func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try base.transposeMatmat(x, columns: k, into: &y)
    try forEachColumn(of: x, and: &y, count: k) { x, y in
      addShift(x, into: &y, through: left, along: right)
    }
  }

  func denseMatrix() throws(LinearSolveError) -> [Double] {
    var entries = try base.denseMatrix()
    let n = columnCount
    for (l, r) in zip(left, right) {
      for i in 0..<rowCount {
        for j in 0..<n { entries[i * n + j] += factor * (l[i] * r[j]) }
      }
    }
    return entries
  }

  private func addShift(
    _ x: Span<Double>, into y: inout MutableSpan<Double>, through: [[Double]],
    along: [[Double]]
  ) {
    for (read, written) in zip(through, along) {
      let component = x.withUnsafeBufferPointer { x in
        x.baseAddress.map { Vector.dot(read, $0, count: x.count) } ?? 0
      }
      LinearSolvers.addScaled(factor * component, written.span, to: &y)
    }
  }
}
