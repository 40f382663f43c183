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

extension Dense {
  /// The forms of tiles.
  package enum Tile: CaseIterable, Sendable {
    case narrow, medium, wide

    /// The one for the vector registers of the processor that this is compiled for: two doubles on
    /// plain x86-64 and arm64, four with AVX, eight with AVX-512.
    @inline(__always)
    package static var native: Tile {
      switch registerWidth {
      case 8: .wide
      case 4: .medium
      default: .narrow
      }
    }

    /// A constant behind a name of its own, or the compiler would warn of the cases that it excludes.
    @inline(__always)
    private static var registerWidth: Int32 { DOUBLES_PER_VECTOR_REGISTER }
  }

  /// 4 × 4, for sixteen registers of two doubles, half of which its sums fill. Each entry of `A` is
  /// stored twice: then its product with two neighbours of `B` needs no shuffle, which is worth a
  /// fifth of the speed on plain x86-64.
  enum NarrowTile: ProductTile {
    static var rows: Int { 4 }
    static var columns: Int { 4 }
    static var copies: Int { 2 }

    @inline(__always)
    static func multiply(
      _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, inner k: Int,
      into c: UnsafeMutablePointer<Double>, rowStride: Int, adding: Bool
    ) {
      typealias Pair = SIMD2<Double>
      var (s0, t0, s1, t1) = (Pair.zero, Pair.zero, Pair.zero, Pair.zero)
      var (s2, t2, s3, t3) = (Pair.zero, Pair.zero, Pair.zero, Pair.zero)
      var pa = UnsafeRawPointer(a)
      var pb = UnsafeRawPointer(b)
      for _ in 0..<k {
        let b0 = pb.loadUnaligned(as: Pair.self)
        let b1 = pb.loadUnaligned(fromByteOffset: 16, as: Pair.self)
        let a0 = pa.loadUnaligned(as: Pair.self)
        s0 += a0 * b0
        t0 += a0 * b1
        let a1 = pa.loadUnaligned(fromByteOffset: 16, as: Pair.self)
        s1 += a1 * b0
        t1 += a1 * b1
        let a2 = pa.loadUnaligned(fromByteOffset: 32, as: Pair.self)
        s2 += a2 * b0
        t2 += a2 * b1
        let a3 = pa.loadUnaligned(fromByteOffset: 48, as: Pair.self)
        s3 += a3 * b0
        t3 += a3 * b1
        pa += 64
        pb += 32
      }
      put(SIMD4(lowHalf: s0, highHalf: t0), c, adding)
      put(SIMD4(lowHalf: s1, highHalf: t1), c + rowStride, adding)
      put(SIMD4(lowHalf: s2, highHalf: t2), c + 2 &* rowStride, adding)
      put(SIMD4(lowHalf: s3, highHalf: t3), c + 3 &* rowStride, adding)
    }
  }

  /// 4 × 8, for sixteen registers of four doubles.
  enum MediumTile: ProductTile {
    static var rows: Int { 4 }
    static var columns: Int { 8 }
    static var copies: Int { 1 }

    @inline(__always)
    static func multiply(
      _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, inner k: Int,
      into c: UnsafeMutablePointer<Double>, rowStride: Int, adding: Bool
    ) {
      typealias Four = SIMD4<Double>
      var (s0, t0, s1, t1) = (Four.zero, Four.zero, Four.zero, Four.zero)
      var (s2, t2, s3, t3) = (Four.zero, Four.zero, Four.zero, Four.zero)
      var (pa, pb) = (a, b)
      for _ in 0..<k {
        let (b0, b1) = (pb.four(at: 0), pb.four(at: 4))
        s0 += pa[0] * b0
        t0 += pa[0] * b1
        s1 += pa[1] * b0
        t1 += pa[1] * b1
        s2 += pa[2] * b0
        t2 += pa[2] * b1
        s3 += pa[3] * b0
        t3 += pa[3] * b1
        pa += 4
        pb += 8
      }
      put(SIMD8(lowHalf: s0, highHalf: t0), c, adding)
      put(SIMD8(lowHalf: s1, highHalf: t1), c + rowStride, adding)
      put(SIMD8(lowHalf: s2, highHalf: t2), c + 2 &* rowStride, adding)
      put(SIMD8(lowHalf: s3, highHalf: t3), c + 3 &* rowStride, adding)
    }
  }

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
  private static func put(_ v: SIMD4<Double>, _ c: UnsafeMutablePointer<Double>, _ adding: Bool) {
    c.store(adding ? c.four(at: 0) + v : v, at: 0)
  }

  @inline(__always)
  private static func put(_ v: SIMD8<Double>, _ c: UnsafeMutablePointer<Double>, _ adding: Bool) {
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
