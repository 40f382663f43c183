// Products of a matrix with several vectors at once.
//
// Four rows of the matrix, or eight, once in the first-level cache, meet all vectors before the next are
// read. (A packed matrix product would add in another order, and on plain x86-64 is not faster: both are
// bound by the multiplications.)
extension DenseLoops {
  /// `yⱼ ← α A xⱼ` or `yⱼ ← yⱼ + α A xⱼ` for `k` vectors `xⱼ` of length `n`, each `xStride` after the
  /// one before, and as many `yⱼ` of length `m`. Costs `2 m n k` operations and reads `A` once.
  @inline(__always)
  package static func multiply(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    byEach x: UnsafePointer<Double>, stride xStride: Int, into y: UnsafeMutablePointer<Double>,
    stride yStride: Int, count k: Int, scaledBy alpha: Double, adding: Bool
  ) {
    if k == 1 {
      multiply(
        a, rows: m, columns: n, rowStride: rowStride, by: x, into: y, scaledBy: alpha,
        adding: adding)
      return
    }
    var i = 0
    while takesEightRows, i &+ 8 <= m {
      let rows = a + i &* rowStride
      var j = 0
      while j &+ 2 <= k {
        let (v, out) = (x + j &* xStride, y + j &* yStride)
        let (r, s) = eightRows(rows, rowStride: rowStride, times: v, and: v + xStride, count: n)
        let next = out + yStride
        out.store(adding ? out.eight(at: i) + alpha * r : alpha * r, at: i)
        next.store(adding ? next.eight(at: i) + alpha * s : alpha * s, at: i)
        j &+= 2
      }
      if j < k {
        let out = y + j &* yStride
        let r = alpha * eightRows(rows, rowStride: rowStride, times: x + j &* xStride, count: n)
        out.store(adding ? out.eight(at: i) + r : r, at: i)
      }
      i &+= 8
    }
    while i &+ 4 <= m {
      let rows = a + i &* rowStride
      for j in 0..<k {
        let out = y + j &* yStride
        let r = alpha * fourRows(rows, rowStride: rowStride, times: x + j &* xStride, count: n)
        out.store(adding ? out.four(at: i) + r : r, at: i)
      }
      i &+= 4
    }
    while i < m {
      for j in 0..<k {
        let out = y + j &* yStride
        let r = alpha * oneRow(a + i &* rowStride, times: x + j &* xStride, count: n)
        out[i] = adding ? out[i] + r : r
      }
      i &+= 1
    }
  }

  /// `yⱼ ← α Aᵀ xⱼ` or `yⱼ ← yⱼ + α Aᵀ xⱼ` for `k` vectors `xⱼ` of length `m`, and as many `yⱼ` of
  /// length `n`; otherwise as the product without transposition.
  ///
  /// Runs over strips of the columns of `A`, so that the parts of all `yⱼ` that are being added to
  /// stay in the cache.
  @inline(__always)
  package static func multiplyTransposed(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    byEach x: UnsafePointer<Double>, stride xStride: Int, into y: UnsafeMutablePointer<Double>,
    stride yStride: Int, count k: Int, scaledBy alpha: Double, adding: Bool
  ) {
    if k == 1 {
      multiplyTransposed(
        a, rows: m, columns: n, rowStride: rowStride, by: x, into: y, scaledBy: alpha,
        adding: adding)
      return
    }
    if !adding { for j in 0..<k { (y + j &* yStride).update(repeating: 0, count: n) } }
    let stripWidth = Swift.max(256, 4096 / Swift.max(k, 1) / 8 * 8)
    var from = 0
    while from < n {
      let width = Swift.min(stripWidth, n &- from)
      let strip = a + from
      var i = 0
      while takesEightRows, i &+ 8 <= m {
        let rows = strip + i &* rowStride
        var j = 0
        while j &+ 2 <= k {
          let (v, out) = (x + j &* xStride, y + (j &* yStride &+ from))
          addEightRows(
            rows, rowStride: rowStride, scaledBy: alpha * v.eight(at: i), to: out,
            andBy: alpha * (v + xStride).eight(at: i), to: out + yStride, count: width)
          j &+= 2
        }
        if j < k {
          addEightRows(
            rows, rowStride: rowStride, scaledBy: alpha * (x + j &* xStride).eight(at: i),
            to: y + (j &* yStride &+ from),
            count: width)
        }
        i &+= 8
      }
      while i &+ 4 <= m {
        for j in 0..<k {
          addFourRows(
            strip + i &* rowStride, rowStride: rowStride,
            scaledBy: alpha * (x + j &* xStride).four(at: i), to: y + (j &* yStride &+ from),
            count: width)
        }
        i &+= 4
      }
      while i < m {
        for j in 0..<k {
          addOneRow(
            strip + i &* rowStride, scaledBy: alpha * x[j &* xStride &+ i],
            to: y + (j &* yStride &+ from), count: width)
        }
        i &+= 1
      }
      from &+= width
    }
  }
}
