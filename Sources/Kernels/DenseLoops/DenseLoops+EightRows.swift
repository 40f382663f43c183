// Products with eight neighbouring rows of a matrix, for processors with thirty-two registers of eight
// doubles.
//
// Twice as many rows as elsewhere meet a vector while it is in registers, and memory is read in eight
// places at once, which it answers sooner: a tenth to a quarter of the time of a product, whether
// the matrix is in the second-level cache or in none. The bits are those of four rows and four more.
extension DenseLoops {
  /// The products of eight neighbouring rows with `x`, both of length `n`.
  @inline(__always)
  static func eightRows<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, rowStride: Int, times x: UnsafePointer<Double>, count n: Int
  ) -> SIMD8<Double> {
    typealias Four = SIMD4<Double>
    let (b, c, d) = (a + rowStride, a + 2 &* rowStride, a + 3 &* rowStride)
    let e = a + 4 &* rowStride
    let (f, g, h) = (e + rowStride, e + 2 &* rowStride, e + 3 &* rowStride)
    var (s0, s1, s2, s3) = (Four.zero, Four.zero, Four.zero, Four.zero)
    var (s4, s5, s6, s7) = (Four.zero, Four.zero, Four.zero, Four.zero)
    var j = 0
    while j &+ 4 <= n {
      let xs = x.four(at: j)
      s0 += a.four(at: j) * xs
      s1 += b.four(at: j) * xs
      s2 += c.four(at: j) * xs
      s3 += d.four(at: j) * xs
      s4 += e.four(at: j) * xs
      s5 += f.four(at: j) * xs
      s6 += g.four(at: j) * xs
      s7 += h.four(at: j) * xs
      j &+= 4
    }
    var result = SIMD8(
      s0.total, s1.total, s2.total, s3.total, s4.total, s5.total, s6.total, s7.total)
    while j < n {
      result += column(a + j, rowStride: rowStride) * x[j]
      j &+= 1
    }
    return result
  }

  /// The products of eight neighbouring rows with two vectors, for little more than those with one: a
  /// register holds four numbers of either, beside each other.
  @inline(__always)
  static func eightRows<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, rowStride: Int, times x: UnsafePointer<Double>,
    and y: UnsafePointer<Double>, count n: Int
  ) -> (SIMD8<Double>, SIMD8<Double>) {
    typealias Eight = SIMD8<Double>
    /// Four numbers of a row, once for either vector.
    @inline(__always)
    func twice(_ row: UnsafePointer<Stored>, _ j: Int) -> SIMD8<Double> {
      let four = row.four(at: j)
      return SIMD8(lowHalf: four, highHalf: four)
    }
    let (b, c, d) = (a + rowStride, a + 2 &* rowStride, a + 3 &* rowStride)
    let e = a + 4 &* rowStride
    let (f, g, h) = (e + rowStride, e + 2 &* rowStride, e + 3 &* rowStride)
    var (s0, s1, s2, s3) = (Eight.zero, Eight.zero, Eight.zero, Eight.zero)
    var (s4, s5, s6, s7) = (Eight.zero, Eight.zero, Eight.zero, Eight.zero)
    var j = 0
    while j &+ 4 <= n {
      let both = Eight(lowHalf: x.four(at: j), highHalf: y.four(at: j))
      s0 += twice(a, j) * both
      s1 += twice(b, j) * both
      s2 += twice(c, j) * both
      s3 += twice(d, j) * both
      s4 += twice(e, j) * both
      s5 += twice(f, j) * both
      s6 += twice(g, j) * both
      s7 += twice(h, j) * both
      j &+= 4
    }
    var ofX = Eight(
      s0.lowHalf.total, s1.lowHalf.total, s2.lowHalf.total, s3.lowHalf.total,
      s4.lowHalf.total, s5.lowHalf.total, s6.lowHalf.total, s7.lowHalf.total)
    var ofY = Eight(
      s0.highHalf.total, s1.highHalf.total, s2.highHalf.total, s3.highHalf.total,
      s4.highHalf.total, s5.highHalf.total, s6.highHalf.total, s7.highHalf.total)
    while j < n {
      let column = column(a + j, rowStride: rowStride)
      ofX += column * x[j]
      ofY += column * y[j]
      j &+= 1
    }
    return (ofX, ofY)
  }

  /// Adds eight neighbouring rows with their factors to a vector: the first four, and then the others.
  @inline(__always)
  static func addEightRows<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, rowStride: Int, scaledBy w: SIMD8<Double>,
    to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    let (b, c, d) = (a + rowStride, a + 2 &* rowStride, a + 3 &* rowStride)
    let e = a + 4 &* rowStride
    let (f, g, h) = (e + rowStride, e + 2 &* rowStride, e + 3 &* rowStride)
    var j = 0
    while j &+ 8 <= n {
      let upper = sum(w.lowHalf, a.eight(at: j), b.eight(at: j), c.eight(at: j), d.eight(at: j))
      let lower = sum(w.highHalf, e.eight(at: j), f.eight(at: j), g.eight(at: j), h.eight(at: j))
      y.store((y.eight(at: j) + upper) + lower, at: j)
      j &+= 8
    }
    if j < n {
      addTwiceFourRows(a + j, rowStride: rowStride, scaledBy: w, to: y + j, count: n &- j)
    }
  }

  /// Adds eight neighbouring rows with their factors to two vectors.
  @inline(__always)
  static func addEightRows<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, rowStride: Int, scaledBy v: SIMD8<Double>,
    to x: UnsafeMutablePointer<Double>, andBy w: SIMD8<Double>,
    to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    let (r1, r2, r3) = (a + rowStride, a + 2 &* rowStride, a + 3 &* rowStride)
    let r4 = a + 4 &* rowStride
    let (r5, r6, r7) = (r4 + rowStride, r4 + 2 &* rowStride, r4 + 3 &* rowStride)
    var j = 0
    while j &+ 8 <= n {
      let (a, b, c, d) = (a.eight(at: j), r1.eight(at: j), r2.eight(at: j), r3.eight(at: j))
      let (e, f, g, h) = (r4.eight(at: j), r5.eight(at: j), r6.eight(at: j), r7.eight(at: j))
      x.store((x.eight(at: j) + sum(v.lowHalf, a, b, c, d)) + sum(v.highHalf, e, f, g, h), at: j)
      y.store((y.eight(at: j) + sum(w.lowHalf, a, b, c, d)) + sum(w.highHalf, e, f, g, h), at: j)
      j &+= 8
    }
    if j < n {
      addTwiceFourRows(a + j, rowStride: rowStride, scaledBy: v, to: x + j, count: n &- j)
      addTwiceFourRows(a + j, rowStride: rowStride, scaledBy: w, to: y + j, count: n &- j)
    }
  }

  /// The sum of four vectors with their factors.
  @inline(__always)
  private static func sum(
    _ w: SIMD4<Double>, _ a: SIMD8<Double>, _ b: SIMD8<Double>, _ c: SIMD8<Double>,
    _ d: SIMD8<Double>
  ) -> SIMD8<Double> {
    let upper = w.x * a + w.y * b
    let lower = w.z * c + w.w * d
    return upper + lower
  }

  /// Eight entries below each other.
  @inline(__always)
  private static func column<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, rowStride: Int
  ) -> SIMD8<Double> {
    let e = a + 4 &* rowStride
    return SIMD8(
      a[0].double, a[rowStride].double, a[2 &* rowStride].double, a[3 &* rowStride].double,
      e[0].double, e[rowStride].double, e[2 &* rowStride].double, e[3 &* rowStride].double)
  }

  @inline(__always)
  private static func addTwiceFourRows<Stored: StoredNumber>(
    _ a: UnsafePointer<Stored>, rowStride: Int, scaledBy w: SIMD8<Double>,
    to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    addFourRows(a, rowStride: rowStride, scaledBy: w.lowHalf, to: y, count: n)
    addFourRows(
      a + 4 &* rowStride, rowStride: rowStride, scaledBy: w.highHalf, to: y, count: n)
  }
}
