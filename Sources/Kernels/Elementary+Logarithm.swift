// log x = e ln 2 + log m with x = 2ᵉ m, m between √½ and √2.
//
// With s = (m − 1) / (m + 1), log m = 2 s + 2/3 s³ + …, and its tail is a polynomial in s²; what
// is then subtracted from m − 1 is small, so that the last digits survive. The reduction and the
// coefficients are those of FreeBSD's msun (e_log.c, Sun Microsystems, 1993).
//
// Written twice, for a number and for eight, as `exp` is.
extension Elementary {
  /// The bits of √½: what is above them in `x` is the exponent of 2.
  private static var rootOfHalf: UInt64 { 0x3fe6_a09e_667f_3bcd }
  /// 1023 in the exponent bits, which keeps the exponent of 2 from becoming negative.
  private static var bias: UInt64 { 1023 << 52 }
  private static var fraction: UInt64 { 0x000f_ffff_ffff_ffff }
  /// Bits of 2⁵²: an integer added to them is a double once 2⁵² is subtracted.
  private static var integerBits: UInt64 { 0x4330_0000_0000_0000 }

  @inline(__always)
  static func logarithm(_ x: Double) -> Double {
    if x >= 0x1p-1022 && x < .infinity { return logarithmOfNormal(x) }
    return logarithmAtTheEnds(x)
  }

  @inline(__always)
  static func logarithm(_ x: SIMD8<Double>) -> SIMD8<Double> {
    // A little inside of the normal numbers: on the exact bounds the compiler sees a question about
    // exponent bits, and asks it in integer comparisons that plain x86-64 has not got.
    if all((x .>= 0x1p-1020) .& (x .<= 0x1p1020)) { return logarithmOfNormal(x) }
    return oneByOne(x)
  }

  @inline(never)
  private static func oneByOne(_ x: SIMD8<Double>) -> SIMD8<Double> {
    var y = x
    for lane in 0..<8 { y[lane] = logarithm(x[lane]) }
    return y
  }

  @inline(never)
  private static func logarithmAtTheEnds(_ x: Double) -> Double {
    if x.isNaN || x == .infinity { return x }
    if x == 0 { return -.infinity }
    if x < 0 { return .nan }
    // A subnormal number: 2⁵⁴ x is normal, and its exponent is corrected before anything rounds.
    return logarithmOfNormal(x * 0x1p54, exponentOffset: -54)
  }

  @inline(__always)
  private static func logarithmOfNormal(_ x: Double, exponentOffset: Double = 0) -> Double {
    let k = x.bitPattern &- rootOfHalf &+ bias
    let m = Double(bitPattern: (k & fraction) &+ rootOfHalf)
    let biased = Double(bitPattern: (k &>> 52) | integerBits)
    let e = biased - (0x1p52 + 1023) + exponentOffset
    let f = m - 1
    let s = f / (f + 2)
    let z = s * s
    let w = z * z
    let a = 6.666666666666735130e-01 + 3.999999999940941908e-01 * z
    let b = 2.857142874366239149e-01 + 2.222219843214978396e-01 * z
    let c = 1.818357216161805012e-01 + 1.531383769920937332e-01 * z
    let tail = z * ((a + b * w) + (w * w) * (c + 1.479819860511658591e-01 * w))
    let h = 0.5 * f * f
    return e * log2High - ((h - (s * (h + tail) + e * log2Low)) - f)
  }

  @inline(__always)
  private static func logarithmOfNormal(_ x: SIMD8<Double>) -> SIMD8<Double> {
    let k = unsafeBitCast(x, to: SIMD8<UInt64>.self) &- rootOfHalf &+ bias
    let m = unsafeBitCast((k & fraction) &+ rootOfHalf, to: SIMD8<Double>.self)
    let biased = unsafeBitCast((k &>> 52) | integerBits, to: SIMD8<Double>.self)
    let e = biased - (0x1p52 + 1023)
    let f = m - 1
    let s = f / (f + 2)
    let z = s * s
    let w = z * z
    let a = 6.666666666666735130e-01 + 3.999999999940941908e-01 * z
    let b = 2.857142874366239149e-01 + 2.222219843214978396e-01 * z
    let c = 1.818357216161805012e-01 + 1.531383769920937332e-01 * z
    let tail = z * ((a + b * w) + (w * w) * (c + 1.479819860511658591e-01 * w))
    let h = 0.5 * f * f
    return e * log2High - ((h - (s * (h + tail) + e * log2Low)) - f)
  }
}
