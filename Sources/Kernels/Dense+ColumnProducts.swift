// Products of a matrix with several vectors at once.
//
// The vectors lie one after the other, and each product has the bits that it has alone: four rows of
// the matrix, once in the first-level cache, meet all vectors before the next four are read. (A
// packed matrix product would add in another order, and on plain x86-64 is not faster: both are
// bound by the multiplications.)
extension Dense {
  /// `yⱼ ← α A xⱼ` or `yⱼ ← yⱼ + α A xⱼ` for `k` vectors `xⱼ` of length `n`, each `xStride` after the
  /// one before, and as many `yⱼ` of length `m`. Costs `2 m n k` operations and reads `A` once.
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
    while i &+ 4 <= m {
      let rows = a + i &* rowStride
      var j = 0
      while takesPairs, j &+ 2 <= k {
        let (v, out) = (x + j &* xStride, y + j &* yStride)
        let (r, s) = fourRows(
          rows, rowStride: rowStride, timesBoth: v, v + xStride, count: n)
        let next = out + yStride
        out.store(adding ? out.four(at: i) + alpha * r : alpha * r, at: i)
        next.store(adding ? next.four(at: i) + alpha * s : alpha * s, at: i)
        j &+= 2
      }
      while j < k {
        let out = y + j &* yStride
        let r = alpha * fourRows(rows, rowStride: rowStride, times: x + j &* xStride, count: n)
        out.store(adding ? out.four(at: i) + r : r, at: i)
        j &+= 1
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
      while i &+ 4 <= m {
        let rows = strip + i &* rowStride
        var j = 0
        while takesPairs, j &+ 2 <= k {
          let (v, out) = (x + j &* xStride, y + (j &* yStride &+ from))
          addFourRows(
            rows, rowStride: rowStride, scaledBy: alpha * v.four(at: i), to: out,
            andBy: alpha * (v + xStride).four(at: i), to: out + yStride, count: width)
          j &+= 2
        }
        while j < k {
          addFourRows(
            rows, rowStride: rowStride, scaledBy: alpha * (x + j &* xStride).four(at: i),
            to: y + (j &* yStride &+ from), count: width)
          j &+= 1
        }
        i &+= 4
      }
      while i < m {
        for j in 0..<k {
          Vector.addScaledInline(
            alpha * x[j &* xStride &+ i], strip + i &* rowStride, to: y + (j &* yStride &+ from),
            count: width)
        }
        i &+= 1
      }
      from &+= width
    }
  }

  /// Whether two vectors cost as much as one: where a register holds four numbers of each, beside each
  /// other. Narrower ones have no room for the sums of both.
  @inline(__always)
  private static var takesPairs: Bool { Tile.native == .wide }

  /// The products of four neighbouring rows with two vectors: the bits of `fourRows` with each.
  @inline(__always)
  private static func fourRows(
    _ a: UnsafePointer<Double>, rowStride: Int, timesBoth x: UnsafePointer<Double>,
    _ y: UnsafePointer<Double>, count n: Int
  ) -> (SIMD4<Double>, SIMD4<Double>) {
    let b = a + rowStride
    let c = b + rowStride
    let d = c + rowStride
    /// Four numbers of a row, once for either vector.
    @inline(__always)
    func twice(_ row: UnsafePointer<Double>, _ j: Int) -> SIMD8<Double> {
      let four = row.four(at: j)
      return SIMD8(lowHalf: four, highHalf: four)
    }
    var s = SIMD8<Double>.zero
    var t = SIMD8<Double>.zero
    var u = SIMD8<Double>.zero
    var v = SIMD8<Double>.zero
    var j = 0
    while j &+ 4 <= n {
      let both = SIMD8(lowHalf: x.four(at: j), highHalf: y.four(at: j))
      s += twice(a, j) * both
      t += twice(b, j) * both
      u += twice(c, j) * both
      v += twice(d, j) * both
      j &+= 4
    }
    var ofX = SIMD4(s.lowHalf.total, t.lowHalf.total, u.lowHalf.total, v.lowHalf.total)
    var ofY = SIMD4(s.highHalf.total, t.highHalf.total, u.highHalf.total, v.highHalf.total)
    while j < n {
      let column = SIMD4(a[j], b[j], c[j], d[j])
      ofX += column * x[j]
      ofY += column * y[j]
      j &+= 1
    }
    return (ofX, ofY)
  }

  /// Adds four neighbouring rows with their factors to two vectors: the bits of `addFourRows` with each.
  @inline(__always)
  private static func addFourRows(
    _ a: UnsafePointer<Double>, rowStride: Int, scaledBy v: SIMD4<Double>,
    to x: UnsafeMutablePointer<Double>, andBy w: SIMD4<Double>,
    to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    let b = a + rowStride
    let c = b + rowStride
    let d = c + rowStride
    let whole = n &- n % 8
    var j = 0
    while j < whole {
      let (a, b, c, d) = (a.eight(at: j), b.eight(at: j), c.eight(at: j), d.eight(at: j))
      x.store(x.eight(at: j) + ((v.x * a + v.y * b) + (v.z * c + v.w * d)), at: j)
      y.store(y.eight(at: j) + ((w.x * a + w.y * b) + (w.z * c + w.w * d)), at: j)
      j &+= 8
    }
    let rest = n &- whole
    addFourRows(a + whole, rowStride: rowStride, scaledBy: v, to: x + whole, count: rest)
    addFourRows(a + whole, rowStride: rowStride, scaledBy: w, to: y + whole, count: rest)
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
