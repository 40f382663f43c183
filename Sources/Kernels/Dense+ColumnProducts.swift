internal import WideKernels

// Products of a matrix with several vectors at once, and its transpose.
//
// The vectors lie one after the other, and each product has the bits that it has alone.
extension Dense {
  /// `yⱼ ← α A xⱼ` or `yⱼ ← yⱼ + α A xⱼ` for `k` vectors `xⱼ` of length `n`, each `xStride` after the
  /// one before, and as many `yⱼ` of length `m`. Costs `2 m n k` operations and reads `A` once.
  package static func multiply(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    byEach x: UnsafePointer<Double>, stride xStride: Int, into y: UnsafeMutablePointer<Double>,
    stride yStride: Int, count k: Int, scaledBy alpha: Double, adding: Bool
  ) {
    if callsWideKernels {
      WideKernels.DenseLoops.multiply(
        a, rows: m, columns: n, rowStride: rowStride, byEach: x, stride: xStride, into: y,
        stride: yStride, count: k, scaledBy: alpha, adding: adding)
    } else {
      DenseLoops.multiply(
        a, rows: m, columns: n, rowStride: rowStride, byEach: x, stride: xStride, into: y,
        stride: yStride, count: k, scaledBy: alpha, adding: adding)
    }
  }

  /// `yⱼ ← α Aᵀ xⱼ` or `yⱼ ← yⱼ + α Aᵀ xⱼ` for `k` vectors `xⱼ` of length `m`, and as many `yⱼ` of
  /// length `n`; otherwise as the product without transposition.
  ///
  /// Runs over strips of the columns of `A`, so that the parts of all `yⱼ` that are being added to
  /// stay in the cache.
  package static func multiplyTransposed(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    byEach x: UnsafePointer<Double>, stride xStride: Int, into y: UnsafeMutablePointer<Double>,
    stride yStride: Int, count k: Int, scaledBy alpha: Double, adding: Bool
  ) {
    if callsWideKernels {
      WideKernels.DenseLoops.multiplyTransposed(
        a, rows: m, columns: n, rowStride: rowStride, byEach: x, stride: xStride, into: y,
        stride: yStride, count: k, scaledBy: alpha, adding: adding)
    } else {
      DenseLoops.multiplyTransposed(
        a, rows: m, columns: n, rowStride: rowStride, byEach: x, stride: xStride, into: y,
        stride: yStride, count: k, scaledBy: alpha, adding: adding)
    }
  }

  /// Writes the transpose of a row-major `m × n` matrix, an `n × m` one.
  package static func transpose(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, into b: UnsafeMutablePointer<Double>
  ) {
    // Squares of 16 by 16, so that the lines of the cache that are written are still there.
    for i0 in stride(from: 0, to: m, by: 16) {
      for j0 in stride(from: 0, to: n, by: 16) {
        for i in i0..<Swift.min(i0 &+ 16, m) {
          for j in j0..<Swift.min(j0 &+ 16, n) { b[j &* m &+ i] = a[i &* n &+ j] }
        }
      }
    }
  }
}
