import Kernels

/// `A + α L Rᵀ`, with orthonormal columns in `L` and `R`.
package struct RankShiftedOperator: LinearOperator {
  package let base: any LinearOperator
  package let left: [[Double]]
  package let right: [[Double]]
  package let factor: Double

  package init(base: any LinearOperator, left: [[Double]], right: [[Double]], factor: Double) {
    self.base = base
    self.left = left
    self.right = right
    self.factor = factor
  }

  package var rowCount: Int { base.rowCount }
  package var columnCount: Int { base.columnCount }

  package func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError)
  {
    try base.matvec(x, into: &y)
    addShift(x, into: &y, through: right, along: left)
  }

  package func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.transposeMatvec(x, into: &y)
    addShift(x, into: &y, through: left, along: right)
  }

  package func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try base.matmat(x, columns: k, into: &y)
    try forEachColumn(of: x, and: &y, count: k) { x, y in
      addShift(x, into: &y, through: right, along: left)
    }
  }

  package func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try base.transposeMatmat(x, columns: k, into: &y)
    try forEachColumn(of: x, and: &y, count: k) { x, y in
      addShift(x, into: &y, through: left, along: right)
    }
  }

  package func denseMatrix() throws(LinearSolveError) -> [Double] {
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
      LinearOperators.addScaled(factor * component, written.span, to: &y)
    }
  }
}
