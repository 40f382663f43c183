internal import WideKernels

// Normal matrices `Xᵀ D X`, `D` a diagonal of weights: the Hessians of least squares and of
// generalised linear models. Made whole, or multiplied with a vector without being made.
extension Dense {
  /// `C ← α Xᵀ D X` or `C ← C + α Xᵀ D X` in the lower triangle of the `n × n` matrix `C`, whose upper
  /// triangle is neither read nor written. `X` is of shape `m × n`; with its strides exchanged this
  /// is `X D Xᵀ`.
  ///
  /// Half of a matrix product: `m n²` operations, in the blocks and the order of `multiply`, each
  /// entry `∑ₚ ((α dₚ) xₚᵢ) xₚⱼ`. `workspace` has room for `workspaceCount(rows: n, inner: m,
  /// columns: n)`.
  ///
  /// - Parameter weights: the `m` entries of `D`; `nil` for ones.
  package static func multiplyNormal(
    _ x: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int, columnStride: Int,
    weights: UnsafePointer<Double>?, intoLower c: UnsafeMutablePointer<Double>,
    rowStride cRowStride: Int, scaledBy alpha: Double, adding: Bool,
    workspace: UnsafeMutablePointer<Double>
  ) {
    multiply(
      (start: x, rowStride: columnStride, columnStride: rowStride),
      weights: weights,
      (start: x, rowStride: rowStride, columnStride: columnStride),
      into: c, rowStride: cRowStride, rows: n, inner: m, columns: n, scaledBy: alpha,
      adding: adding, lowerTriangleOnly: true, workspace: workspace)
  }

  /// Writes the lower triangle of a row-major `n × n` matrix into the upper one.
  package static func reflectLower(_ c: UnsafeMutablePointer<Double>, count n: Int) {
    // Squares of 16 by 16, so that the lines of the cache that are written are still there.
    for i0 in stride(from: 0, to: n, by: 16) {
      for j0 in stride(from: 0, through: i0, by: 16) {
        for i in i0..<Swift.min(i0 &+ 16, n) {
          for j in j0..<Swift.min(j0 &+ 16, i) { c[j &* n &+ i] = c[i &* n &+ j] }
        }
      }
    }
  }

  /// `y ← α Xᵀ D X v` or `y ← y + α Xᵀ D X v`, with `X` of shape `m × n`, `v` and `y` of length `n`.
  /// Costs `4 m n` operations and reads `X` once: four rows, or eight, meet `v`, and while they are
  /// in the cache they are added to `y`.
  ///
  /// The bits are those of `multiply`, a product with the weights, and `multiplyTransposed`.
  ///
  /// - Parameter weights: the `m` entries of `D`; `nil` for ones.
  package static func multiplyNormal(
    _ x: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    weights: UnsafePointer<Double>?, by v: UnsafePointer<Double>,
    into y: UnsafeMutablePointer<Double>, scaledBy alpha: Double, adding: Bool
  ) {
    if !adding { y.update(repeating: 0, count: n) }
    if callsWideKernels {
      WideKernels.DenseLoops.addNormal(
        x, rows: m, columns: n, rowStride: rowStride, weights: weights, by: v, into: y,
        scaledBy: alpha, rowsTogether: rowsTogether(columns: n))
    } else {
      DenseLoops.addNormal(
        x, rows: m, columns: n, rowStride: rowStride, weights: weights, by: v, into: y,
        scaledBy: alpha, rowsTogether: rowsTogether(columns: n))
    }
  }

  /// `yⱼ ← yⱼ + α Xᵀ D X vⱼ` for `k` vectors, one after the other, with a matrix in single precision, row
  /// after row. All arithmetic is that of doubles: the product is that of the matrix as it is stored,
  /// up to the rounding of `multiplyNormal`. Half as many bytes are read.
  package static func addNormal(
    _ x: UnsafePointer<Float>, rows m: Int, columns n: Int, weights: UnsafePointer<Double>?,
    byEach v: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count k: Int,
    scaledBy alpha: Double
  ) {
    if callsWideKernels {
      WideKernels.DenseLoops.addNormal(
        x, rows: m, columns: n, weights: weights, byEach: v, into: y, count: k, scaledBy: alpha)
    } else {
      DenseLoops.addNormal(
        x, rows: m, columns: n, weights: weights, byEach: v, into: y, count: k, scaledBy: alpha)
    }
  }

  /// The entries of an `m × n` matrix rounded to single precision, row after row.
  ///
  /// - Returns: the largest magnitude of the entries given; NaN, with rows left out, if there is one.
  package static func round(
    _ x: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    into rounded: UnsafeMutablePointer<Float>
  ) -> Double {
    var size = 0.0
    for i in 0..<m {
      let (row, out) = (x + i &* rowStride, rounded + i &* n)
      let largest = Vector.maximumMagnitude(row, count: n)
      if largest.isNaN { return .nan }
      size = max(size, largest)
      for j in 0..<n { out[j] = Float(row[j]) }
    }
    return size
  }
}
