/// What the machine itself makes of larger `n`: `k` vectors of `n` numbers are added up, each number read
/// once, 32 at a time. Where that takes longer per number, numbers come from farther away.
package struct PlainLoop {
  private let x: [Double]

  package init(vectors: Int, count n: Int) { x = [Double](repeating: 0.5, count: vectors * n) }

  /// The sum.
  package func run() -> Double {
    x.withUnsafeBytes { bytes in
      var sums = (SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero, SIMD8<Double>.zero)
      for place in stride(from: 0, to: bytes.count - 255, by: 256) {
        sums.0 += bytes.loadUnaligned(fromByteOffset: place, as: SIMD8<Double>.self)
        sums.1 += bytes.loadUnaligned(fromByteOffset: place + 64, as: SIMD8<Double>.self)
        sums.2 += bytes.loadUnaligned(fromByteOffset: place + 128, as: SIMD8<Double>.self)
        sums.3 += bytes.loadUnaligned(fromByteOffset: place + 192, as: SIMD8<Double>.self)
      }
      return ((sums.0 + sums.1) + (sums.2 + sums.3)).sum()
    }
  }
}
