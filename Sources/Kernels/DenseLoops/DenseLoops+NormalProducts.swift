// Products with `XᵀX` that read the matrix once.
extension DenseLoops {
  /// `y ← y + α Xᵀ D X v`, with so many rows, eight or four, at a time.
  @inline(__always)
  package static func addNormal(
    _ x: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    weights: UnsafePointer<Double>?, by v: UnsafePointer<Double>,
    into y: UnsafeMutablePointer<Double>, scaledBy alpha: Double, rowsTogether: Int
  ) {
    addNormalProducts(
      x, rows: m, columns: n, rowStride: rowStride, weights: weights, byEach: v, into: y, count: 1,
      scaledBy: alpha, rowsTogether: rowsTogether)
  }

  /// `yⱼ ← yⱼ + α Xᵀ D X vⱼ` for `k` vectors, with a matrix in single precision.
  @inline(__always)
  package static func addNormal(
    _ x: UnsafePointer<Float>, rows m: Int, columns n: Int, weights: UnsafePointer<Double>?,
    byEach v: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count k: Int,
    scaledBy alpha: Double
  ) {
    addNormalProducts(
      x, rows: m, columns: n, rowStride: n, weights: weights, byEach: v, into: y, count: k,
      scaledBy: alpha, rowsTogether: takesEightRows ? 8 : 4)
  }

  /// Four rows, or eight, meet all vectors and are added to all results, once for each kind of number.
  @inline(__always)
  private static func addNormalProducts<Stored: StoredNumber>(
    _ x: UnsafePointer<Stored>, rows m: Int, columns n: Int, rowStride: Int,
    weights: UnsafePointer<Double>?, byEach v: UnsafePointer<Double>,
    into y: UnsafeMutablePointer<Double>, count k: Int, scaledBy alpha: Double,
    rowsTogether together: Int
  ) {
    var i = 0
    while takesEightRows, together == 8, i &+ 8 <= m {
      let rows = x + i &* rowStride
      for j in 0..<k {
        var r = eightRows(rows, rowStride: rowStride, times: v + j &* n, count: n)
        if let weights { r = weights.eight(at: i) * r }
        addEightRows(rows, rowStride: rowStride, scaledBy: alpha * r, to: y + j &* n, count: n)
      }
      i &+= 8
    }
    while i &+ 4 <= m {
      let rows = x + i &* rowStride
      for j in 0..<k {
        var r = fourRows(rows, rowStride: rowStride, times: v + j &* n, count: n)
        if let weights { r = weights.four(at: i) * r }
        addFourRows(rows, rowStride: rowStride, scaledBy: alpha * r, to: y + j &* n, count: n)
      }
      i &+= 4
    }
    while i < m {
      let row = x + i &* rowStride
      for j in 0..<k {
        var r = oneRow(row, times: v + j &* n, count: n)
        if let weights { r = weights[i] * r }
        DenseLoops.addOneRow(row, scaledBy: alpha * r, to: y + j &* n, count: n)
      }
      i &+= 1
    }
  }
}
