// Functions of arrays. In each, the entry `yᵢ` has the bits of the function of `xᵢ` alone, and `y`
// may be `x`.
extension Elementary {
  /// `yᵢ ← sin xᵢ`.
  package static func sin(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    for i in 0..<n { y[i] = sin(x[i]) }
  }

  /// `yᵢ ← cos xᵢ`.
  package static func cos(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    for i in 0..<n { y[i] = cos(x[i]) }
  }

  /// `yᵢ ← tanh xᵢ`.
  package static func tanh(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    for i in 0..<n { y[i] = tanh(x[i]) }
  }

  /// Returns the logistic function `1 / (1 + e⁻ˣ)`, within 3 units in the last place.
  ///
  /// Computed from `e^(−|x|) ≤ 1`: nothing overflows, and far to the left it decays like `eˣ`
  /// instead of breaking off at 0.
  @inline(never)
  package static func logistic(_ x: Double) -> Double {
    let e = exponential(-x.magnitude)
    return (x >= 0 ? 1 : e) / (1 + e)
  }

  /// `yᵢ ← 1 / (1 + exp(−xᵢ))`.
  package static func logistic(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      let v = x.eight(at: i)
      let e = exponential(-Vector.magnitude(v))
      y.store(e.replacing(with: 1, where: v .>= 0) / (1 + e), at: i)
      i &+= 8
    }
    while i < n {
      y[i] = logistic(x[i])
      i &+= 1
    }
  }

  /// Returns `log(1 + eˣ)`, a smooth `max(x, 0)`, within 3 units in the last place.
  ///
  /// Computed as `max(x, 0) + log(1 + e^(−|x|))`: nothing overflows, and far to the left it decays
  /// like `eˣ`.
  @inline(never)
  package static func softplus(_ x: Double) -> Double {
    let e = exponential(-x.magnitude)
    return (x < 0 ? 0 : x) + logarithmOfOnePlus(e)
  }

  /// `yᵢ ← log(1 + exp xᵢ)`.
  package static func softplus(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      let v = x.eight(at: i)
      let e = exponential(-Vector.magnitude(v))
      y.store(v.replacing(with: 0, where: v .< 0) + logarithmOfOnePlus(e), at: i)
      i &+= 8
    }
    while i < n {
      y[i] = softplus(x[i])
      i &+= 1
    }
  }

  /// `log(1 + e)` for `0 ≤ e ≤ 1`: the logarithm of `u = 1 + e` as rounded, and the first term of
  /// what the rounding took away.
  @inline(__always)
  private static func logarithmOfOnePlus(_ e: Double) -> Double {
    let u = 1 + e
    return logarithm(u) + (e - (u - 1)) / u
  }

  @inline(__always)
  private static func logarithmOfOnePlus(_ e: SIMD8<Double>) -> SIMD8<Double> {
    let u = 1 + e
    return logarithm(u) + (e - (u - 1)) / u
  }
}
