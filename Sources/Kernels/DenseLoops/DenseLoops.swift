/// The loops of products with a dense matrix.
///
/// The files of this folder are compiled twice, in two modules: in `Kernels` for any processor of its
/// kind, and in `WideKernels`, where the folder is a symbolic link, for x86-64 processors with registers of
/// eight doubles (AVX-512). `Dense` asks the processor and calls the one or the other. Which one it calls
/// changes no bit: lanes and the order of sums are written down here, and no product is fused into a
/// sum.
///
/// This code uses nothing of the rest of `Kernels`; it declares no structure (there are tuples instead, which
/// both modules share), and it uses no function of the standard library that is not inlined. For of such
/// functions, and of what the compiler writes to copy a structure, every module has its copy, the linker
/// keeps one for the whole program, and that could be one that an older processor cannot run. `.ci/run`
/// looks for them.
package enum DenseLoops {
  /// `y ← α A x` or `y ← y + α A x`, with `A` of shape `m × n`, `x` of length `n`, `y` of
  /// length `m`. Costs `2 m n` operations and reads `A` once.
  ///
  /// Four rows run together, or eight, so that `x` is loaded once for them. Where a row stands among
  /// the others has no influence on the bits of its product.
  @inline(__always)
  package static func multiply(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    by x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scaledBy alpha: Double,
    adding: Bool
  ) {
    var i = 0
    while takesEightRows, i &+ 8 <= m {
      let r = alpha * eightRows(a + i &* rowStride, rowStride: rowStride, times: x, count: n)
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
  @inline(__always)
  package static func multiplyTransposed(
    _ a: UnsafePointer<Double>, rows m: Int, columns n: Int, rowStride: Int,
    by x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, scaledBy alpha: Double,
    adding: Bool
  ) {
    if !adding { y.update(repeating: 0, count: n) }
    var i = 0
    while takesEightRows, i &+ 8 <= m {
      addEightRows(
        a + i &* rowStride, rowStride: rowStride, scaledBy: alpha * x.eight(at: i), to: y, count: n)
      i &+= 8
    }
    while i &+ 4 <= m {
      addFourRows(
        a + i &* rowStride, rowStride: rowStride, scaledBy: alpha * x.four(at: i), to: y, count: n)
      i &+= 4
    }
    while i < m {
      addOneRow(a + i &* rowStride, scaledBy: alpha * x[i], to: y, count: n)
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
    while takesEightRows, j &+ 8 <= n {
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

  /// `y ← y + w r` with a row `r` of length `n`.
  @inline(__always)
  static func addOneRow<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, scaledBy w: Double, to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var j = 0
    while j &+ 8 <= n {
      y.store(y.eight(at: j) + w * a.eight(at: j), at: j)
      j &+= 8
    }
    while j < n {
      y[j] = y[j] + w * a[j].double
      j &+= 1
    }
  }
}
