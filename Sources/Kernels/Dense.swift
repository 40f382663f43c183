/// Products with a dense matrix, and its factorisations.
///
/// A matrix is row-major: entry `(i, j)` of an `m × n` matrix `A` stands at `a[i · rowStride + j]`
/// with `rowStride ≥ n`. Where a column stride is asked for as well, a transpose costs nothing.
/// Outputs may not overlap inputs, except where "in place" is said. Nothing is allocated: what a
/// kernel needs is handed to it as `workspace`. As everywhere in this module the order of every
/// sum is fixed and no product is fused into a sum.
package enum Dense {
  /// `y ← α A x` or `y ← y + α A x`, with `A` of shape `m × n`, `x` of length `n`, `y` of
  /// length `m`. Costs `2 m n` operations and reads `A` once.
  ///
  /// Four rows run together, or eight, so that `x` is loaded once for them. Where a row stands among
  /// the others has no influence on the bits of its product.
  package static func multiply(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    by x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scaledBy alpha: Double,
    adding: Bool
  ) {
    var i = 0
    while takesEightRows, i &+ 8 <= m {
      let r = alpha * EightRows(a + i &* rowStride, rowStride: rowStride).times(x, count: n)
      y.store(adding ? y.eight(at: i) + r : r, at: i)
      i &+= 8
    }
    while i &+ 4 <= m {
      let r = alpha * fourRows(a + i &* rowStride, rowStride: rowStride, times: x, count: n)
      y.store(adding ? y.four(at: i) + r : r, at: i)
      i &+= 4
    }
    while i < m {
      let r = alpha * oneRow(a + i &* rowStride, times: x, count: n)
      y[i] = adding ? y[i] + r : r
      i &+= 1
    }
  }

  /// `y ← α Aᵀ x` or `y ← y + α Aᵀ x`, with `A` of shape `m × n`, `x` of length `m`, `y` of
  /// length `n`. Costs `2 m n` operations and reads `A` once, row by row as it lies in memory.
  package static func multiplyTransposed(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    by x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scaledBy alpha: Double,
    adding: Bool
  ) {
    if !adding { y.update(repeating: 0, count: n) }
    var i = 0
    while takesEightRows, i &+ 8 <= m {
      EightRows(a + i &* rowStride, rowStride: rowStride)
        .add(scaledBy: alpha * x.eight(at: i), to: y, count: n)
      i &+= 8
    }
    while i &+ 4 <= m {
      addFourRows(
        a + i &* rowStride, rowStride: rowStride, scaledBy: alpha * x.four(at: i), to: y, count: n)
      i &+= 4
    }
    while i < m {
      Vector.addScaledInline(alpha * x[i], a + i &* rowStride, to: y, count: n)
      i &+= 1
    }
  }

  /// The products of four neighbouring rows with `x`, both of length `n`.
  @inline(__always)
  static func fourRows<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, rowStride: Int, times x: UnsafePointer<Double>, count n: Int
  ) -> SIMD4<Double> {
    let b = a + rowStride
    let c = b + rowStride
    let d = c + rowStride
    // Four lanes for each of four rows: the accumulators fill half of the sixteen registers of
    // the plainest x86-64, which leaves room for what is loaded.
    var s = SIMD4<Double>.zero
    var t = SIMD4<Double>.zero
    var u = SIMD4<Double>.zero
    var v = SIMD4<Double>.zero
    var j = 0
    while j &+ 4 <= n {
      let xs = x.four(at: j)
      s += a.four(at: j) * xs
      t += b.four(at: j) * xs
      u += c.four(at: j) * xs
      v += d.four(at: j) * xs
      j &+= 4
    }
    var result = SIMD4(s.total, t.total, u.total, v.total)
    while j < n {
      result += SIMD4(a[j].double, b[j].double, c[j].double, d[j].double) * x[j]
      j &+= 1
    }
    return result
  }

  /// The product of one row with `x`: the bits of that row in `fourRows`.
  @inline(__always)
  static func oneRow<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, times x: UnsafePointer<Double>, count n: Int
  ) -> Double {
    var s = SIMD4<Double>.zero
    var j = 0
    while j &+ 4 <= n {
      s += a.four(at: j) * x.four(at: j)
      j &+= 4
    }
    var result = s.total
    while j < n {
      result += a[j].double * x[j]
      j &+= 1
    }
    return result
  }

  /// `y ← y + ((w₀ r₀ + w₁ r₁) + (w₂ r₂ + w₃ r₃))` with four neighbouring rows `r` of length `n`.
  @inline(__always)
  static func addFourRows<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, rowStride: Int, scaledBy w: SIMD4<Double>,
    to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    let b = a + rowStride
    let c = b + rowStride
    let d = c + rowStride
    let (w0, w1, w2, w3) = (w.x, w.y, w.z, w.w)
    var j = 0
    while Tile.native == .wide, j &+ 8 <= n {
      let upper = w0 * a.eight(at: j) + w1 * b.eight(at: j)
      let lower = w2 * c.eight(at: j) + w3 * d.eight(at: j)
      y.store(y.eight(at: j) + (upper + lower), at: j)
      j &+= 8
    }
    while j &+ 4 <= n {
      let upper = w0 * a.four(at: j) + w1 * b.four(at: j)
      let lower = w2 * c.four(at: j) + w3 * d.four(at: j)
      y.store(y.four(at: j) + (upper + lower), at: j)
      j &+= 4
    }
    while j < n {
      let upper = w0 * a[j].double + w1 * b[j].double
      let lower = w2 * c[j].double + w3 * d[j].double
      y[j] = y[j] + (upper + lower)
      j &+= 1
    }
  }
}
