#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

// The functions that are the C library's. Within one C library on one machine their results are
// fixed; elsewhere last digits may differ.
//
// Each is called from exactly one place, which is never inlined: the compiler sees no argument and
// can neither work out a value beforehand nor turn a call into another, as it does with `pow(x, 2)`
// or with a sine next to a cosine. The square root is an instruction: `x.squareRoot()`.
extension Elementary {
  /// Returns the sine of `x`.
  @inline(never)
  package static func sin(_ x: Double) -> Double { librarySin(x) }

  /// Returns the cosine of `x`.
  @inline(never)
  package static func cos(_ x: Double) -> Double { libraryCos(x) }

  /// Returns the tangent of `x`.
  @inline(never)
  package static func tan(_ x: Double) -> Double { libraryTan(x) }

  /// Returns the arc sine of `x`, NaN outside [−1, 1].
  @inline(never)
  package static func asin(_ x: Double) -> Double { libraryAsin(x) }

  /// Returns the arc cosine of `x`, NaN outside [−1, 1].
  @inline(never)
  package static func acos(_ x: Double) -> Double { libraryAcos(x) }

  /// Returns the arc tangent of `x`.
  @inline(never)
  package static func atan(_ x: Double) -> Double { libraryAtan(x) }

  /// Returns the hyperbolic sine of `x`.
  @inline(never)
  package static func sinh(_ x: Double) -> Double { librarySinh(x) }

  /// Returns the hyperbolic cosine of `x`.
  @inline(never)
  package static func cosh(_ x: Double) -> Double { libraryCosh(x) }

  /// Returns the hyperbolic tangent of `x`.
  @inline(never)
  package static func tanh(_ x: Double) -> Double { libraryTanh(x) }

  /// Returns the inverse hyperbolic sine of `x`.
  @inline(never)
  package static func asinh(_ x: Double) -> Double { libraryAsinh(x) }

  /// Returns the inverse hyperbolic cosine of `x`, NaN below 1.
  @inline(never)
  package static func acosh(_ x: Double) -> Double { libraryAcosh(x) }

  /// Returns the inverse hyperbolic tangent of `x`, NaN outside [−1, 1].
  @inline(never)
  package static func atanh(_ x: Double) -> Double { libraryAtanh(x) }

  /// Returns `eˣ − 1`, without cancellation near 0.
  @inline(never)
  package static func expm1(_ x: Double) -> Double { libraryExpm1(x) }

  /// Returns `log(1 + x)`, without cancellation near 0; NaN below −1.
  @inline(never)
  package static func log1p(_ x: Double) -> Double { libraryLog1p(x) }

  /// Returns the error function `2/√π ∫₀ˣ e^(−t²) dt`.
  @inline(never)
  package static func erf(_ x: Double) -> Double { libraryErf(x) }

  /// Returns the cube root of `x`.
  @inline(never)
  package static func cbrt(_ x: Double) -> Double { libraryCbrt(x) }

  /// Returns `xʸ`. Integer powers are better written as products, and `x^½` as `x.squareRoot()`.
  @inline(never)
  package static func pow(_ x: Double, _ y: Double) -> Double { libraryPow(x, y) }

  /// Returns the angle of the point `(x, y)`, between −π and π. The first argument is `y`.
  @inline(never)
  package static func atan2(_ y: Double, _ x: Double) -> Double { libraryAtan2(y, x) }

  /// Returns `√(x² + y²)`, without overflow or underflow on the way.
  @inline(never)
  package static func hypot(_ x: Double, _ y: Double) -> Double { libraryHypot(x, y) }
}

// Outside of `Elementary`, these names mean the C library's functions.
private func librarySin(_ x: Double) -> Double { sin(x) }
private func libraryCos(_ x: Double) -> Double { cos(x) }
private func libraryTan(_ x: Double) -> Double { tan(x) }
private func libraryAsin(_ x: Double) -> Double { asin(x) }
private func libraryAcos(_ x: Double) -> Double { acos(x) }
private func libraryAtan(_ x: Double) -> Double { atan(x) }
private func librarySinh(_ x: Double) -> Double { sinh(x) }
private func libraryCosh(_ x: Double) -> Double { cosh(x) }
private func libraryTanh(_ x: Double) -> Double { tanh(x) }
private func libraryAsinh(_ x: Double) -> Double { asinh(x) }
private func libraryAcosh(_ x: Double) -> Double { acosh(x) }
private func libraryAtanh(_ x: Double) -> Double { atanh(x) }
private func libraryExpm1(_ x: Double) -> Double { expm1(x) }
private func libraryLog1p(_ x: Double) -> Double { log1p(x) }
private func libraryErf(_ x: Double) -> Double { erf(x) }
private func libraryCbrt(_ x: Double) -> Double { cbrt(x) }
private func libraryPow(_ x: Double, _ y: Double) -> Double { pow(x, y) }
private func libraryAtan2(_ y: Double, _ x: Double) -> Double { atan2(y, x) }
private func libraryHypot(_ x: Double, _ y: Double) -> Double { hypot(x, y) }
