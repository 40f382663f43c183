internal import VectorRegisters

/// The innermost part of a matrix product: a tile of `C` that stays in registers while the panels
/// that it is the product of are read once.
///
/// Which tile is best depends on the registers of the processor; the bits of the product do not
/// depend on the tile.
protocol ProductTile {
  static var rows: Int { get }
  static var columns: Int { get }
  /// How many times each entry of the left panel is stored, side by side.
  static var copies: Int { get }

  /// `C ← A B` or `C ← C + A B`, with panels as `packRows` and `packColumns` make them.
  static func multiply(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, inner k: Int,
    into c: UnsafeMutablePointer<Double>, rowStride: Int, adding: Bool)
}

extension DenseLoops {
  /// How many doubles fit a vector register of the processor that this is compiled for.
  @inline(__always)
  static var registerWidth: Int { Int(DOUBLES_PER_VECTOR_REGISTER) }

  /// Whether this is compiled for a processor with registers for eight rows at once.
  @inline(__always)
  package static var takesEightRows: Bool { registerWidth == 8 }

  /// 8 × 16, for thirty-two registers of eight doubles, half of which its sums fill.
  enum WideTile: ProductTile {
    static var rows: Int { 8 }
    static var columns: Int { 16 }
    static var copies: Int { 1 }

    @inline(__always)
    static func multiply(
      _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, inner k: Int,
      into c: UnsafeMutablePointer<Double>, rowStride: Int, adding: Bool
    ) {
      typealias Eight = SIMD8<Double>
      var (s0, t0, s1, t1) = (Eight.zero, Eight.zero, Eight.zero, Eight.zero)
      var (s2, t2, s3, t3) = (Eight.zero, Eight.zero, Eight.zero, Eight.zero)
      var (s4, t4, s5, t5) = (Eight.zero, Eight.zero, Eight.zero, Eight.zero)
      var (s6, t6, s7, t7) = (Eight.zero, Eight.zero, Eight.zero, Eight.zero)
      var (pa, pb) = (a, b)
      for _ in 0..<k {
        let (b0, b1) = (pb.eight(at: 0), pb.eight(at: 8))
        s0 += pa[0] * b0
        t0 += pa[0] * b1
        s1 += pa[1] * b0
        t1 += pa[1] * b1
        s2 += pa[2] * b0
        t2 += pa[2] * b1
        s3 += pa[3] * b0
        t3 += pa[3] * b1
        s4 += pa[4] * b0
        t4 += pa[4] * b1
        s5 += pa[5] * b0
        t5 += pa[5] * b1
        s6 += pa[6] * b0
        t6 += pa[6] * b1
        s7 += pa[7] * b0
        t7 += pa[7] * b1
        pa += 8
        pb += 16
      }
      put(s0, t0, c, adding)
      put(s1, t1, c + rowStride, adding)
      put(s2, t2, c + 2 &* rowStride, adding)
      put(s3, t3, c + 3 &* rowStride, adding)
      put(s4, t4, c + 4 &* rowStride, adding)
      put(s5, t5, c + 5 &* rowStride, adding)
      put(s6, t6, c + 6 &* rowStride, adding)
      put(s7, t7, c + 7 &* rowStride, adding)
    }
  }

  @inline(__always)
  static func put(_ v: SIMD4<Double>, _ c: UnsafeMutablePointer<Double>, _ adding: Bool) {
    c.store(adding ? c.four(at: 0) + v : v, at: 0)
  }

  @inline(__always)
  static func put(_ v: SIMD8<Double>, _ c: UnsafeMutablePointer<Double>, _ adding: Bool) {
    c.store(adding ? c.eight(at: 0) + v : v, at: 0)
  }

  @inline(__always)
  private static func put(
    _ v: SIMD8<Double>, _ w: SIMD8<Double>, _ c: UnsafeMutablePointer<Double>, _ adding: Bool
  ) {
    put(v, c, adding)
    put(w, c + 8, adding)
  }
}
