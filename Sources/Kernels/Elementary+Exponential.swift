// exp x = 2ⁿ eʳ with n = round(x / ln 2) and r = x − n ln 2, |r| ≤ ½ ln 2.
//
// ln 2 is subtracted in two parts, the first short enough for n times it to be exact (W. J. Cody
// and W. Waite, *Software Manual for the Elementary Functions*, 1980). eʳ is a polynomial of degree
// 11; what the sum 1 + r loses is kept and added with the small terms, so that almost nothing but the
// last rounding is left. 2ⁿ is added to the exponent bits.
//
// The formula is written twice, for a number and for eight: with the same operations in the same
// order, so with the same bits. (Swift's generic SIMD operators would lose the registers.)
extension Elementary {
  /// x between these gives a normal number, with room for 2ⁿ in the exponent bits.
  private static var lowest: Double { -708 }
  private static var highest: Double { 709 }

  private static var inverseOfLog2: Double { 0x1.71547652b82fep+0 }
  /// ln 2, rounded to 32 bits, and the rest: see `log` as well.
  static var log2High: Double { 0x1.62e42fee00000p-1 }
  static var log2Low: Double { 0x1.a39ef35793c76p-33 }
  /// 1.5 · 2⁵²: a number of moderate size added to it is rounded to an integer, which then stands
  /// in the low bits. (`rounded()` is a library call on plain x86-64.)
  private static var rounder: Double { 0x1.8p52 }

  @inline(__always)
  static func exponential(_ x: Double) -> Double {
    if x >= lowest && x <= highest {
      let t = x * inverseOfLog2 + rounder
      let n = t - rounder
      let reduced = polynomial(x - n * log2High, minus: n * log2Low)
      return Double(bitPattern: reduced.bitPattern &+ (t.bitPattern &<< 52))
    }
    return exponentialAtTheEnds(x)
  }

  @inline(__always)
  static func exponential(_ x: SIMD8<Double>) -> SIMD8<Double> {
    if all((x .>= lowest) .& (x .<= highest)) {
      let t = x * inverseOfLog2 + rounder
      let n = t - rounder
      let reduced = polynomial(x - n * log2High, minus: n * log2Low)
      let bits = unsafeBitCast(reduced, to: SIMD8<UInt64>.self)
      let shift = unsafeBitCast(t, to: SIMD8<UInt64>.self) &<< 52
      return unsafeBitCast(bits &+ shift, to: SIMD8<Double>.self)
    }
    return oneByOne(x)
  }

  @inline(never)
  private static func oneByOne(_ x: SIMD8<Double>) -> SIMD8<Double> {
    var y = x
    for lane in 0..<8 { y[lane] = exponential(x[lane]) }
    return y
  }

  /// The rest of the line: overflow, underflow, subnormal results, NaN.
  @inline(never)
  private static func exponentialAtTheEnds(_ x: Double) -> Double {
    if x.isNaN { return x }
    if x > 709.79 { return .infinity }
    if x < -745.14 { return 0 }
    let t = x * inverseOfLog2 + rounder
    let n = t - rounder
    let reduced = polynomial(x - n * log2High, minus: n * log2Low)
    // Two factors, each a normal number: the first product is exact, only the second rounds.
    let whole = Int(n)
    let half = whole / 2
    return reduced * powerOfTwo(half) * powerOfTwo(whole - half)
  }

  @inline(__always)
  private static func powerOfTwo(_ n: Int) -> Double {
    Double(bitPattern: UInt64(1023 + n) << 52)
  }

  @inline(__always)
  private static func polynomial(
    _ high: Double, minus low: Double
  ) -> Double {
    let r = high - low
    let r2 = r * r
    let r4 = r2 * r2
    let a = 0.5 + 0.16666666666666669 * r
    let b = 0.041666666666624164 + 0.008333333333330065 * r
    let c = 0.0013888888917196719 + 0.00019841269863040545 * r
    let d = 2.4801521322368692e-05 + 2.7557268480310024e-06 * r
    let f = 2.7620075879983367e-07 + 2.5100375832561234e-08 * r
    let sum = 1 + high
    let lost = high - (sum - 1)
    return sum + (r2 * ((a + b * r2) + r4 * ((c + d * r2) + r4 * f)) + (lost - low))
  }

  @inline(__always)
  private static func polynomial(
    _ high: SIMD8<Double>, minus low: SIMD8<Double>
  ) -> SIMD8<Double> {
    let r = high - low
    let r2 = r * r
    let r4 = r2 * r2
    let a = 0.5 + 0.16666666666666669 * r
    let b = 0.041666666666624164 + 0.008333333333330065 * r
    let c = 0.0013888888917196719 + 0.00019841269863040545 * r
    let d = 2.4801521322368692e-05 + 2.7557268480310024e-06 * r
    let f = 2.7620075879983367e-07 + 2.5100375832561234e-08 * r
    let sum = 1 + high
    let lost = high - (sum - 1)
    return sum + (r2 * ((a + b * r2) + r4 * ((c + d * r2) + r4 * f)) + (lost - low))
  }
}
