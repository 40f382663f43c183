extension Dense {
  /// The forms of tiles.
  package enum Tile: CaseIterable, Sendable {
    case narrow, medium, wide

    /// The one for the vector registers of the processor: eight doubles with AVX-512, which it is asked
    /// for. Otherwise for what this is compiled for: four with AVX, two on plain x86-64 and arm64.
    @inline(__always)
    package static var native: Tile {
      takesEightRows ? .wide : DenseLoops.registerWidth == 4 ? .medium : .narrow
    }
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
      DenseLoops.put(SIMD4(lowHalf: s0, highHalf: t0), c, adding)
      DenseLoops.put(SIMD4(lowHalf: s1, highHalf: t1), c + rowStride, adding)
      DenseLoops.put(SIMD4(lowHalf: s2, highHalf: t2), c + 2 &* rowStride, adding)
      DenseLoops.put(SIMD4(lowHalf: s3, highHalf: t3), c + 3 &* rowStride, adding)
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
      DenseLoops.put(SIMD8(lowHalf: s0, highHalf: t0), c, adding)
      DenseLoops.put(SIMD8(lowHalf: s1, highHalf: t1), c + rowStride, adding)
      DenseLoops.put(SIMD8(lowHalf: s2, highHalf: t2), c + 2 &* rowStride, adding)
      DenseLoops.put(SIMD8(lowHalf: s3, highHalf: t3), c + 3 &* rowStride, adding)
    }
  }
}
