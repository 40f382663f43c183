import Kernels

/// Scaling by powers of two, which changes exponents and no digit.
///
/// Solvers bring right-hand sides (and operators of extreme size) to size one this way: squares
/// neither overflow nor underflow, and the solution is scaled back exactly.
package enum PowerOfTwo {
  /// `x ← 2ᵏ x`, for any `k`: where `2ᵏ` is no `Double` it is applied in parts.
  package static func scale(_ x: UnsafeMutablePointer<Double>, count: Int, by exponent: Int) {
    var remaining = exponent
    while remaining > 1023 {
      Vector.scale(0x1p1023, x, count: count)
      remaining -= 1023
    }
    while remaining < -1022 {
      Vector.scale(0x1p-1022, x, count: count)
      remaining += 1022
    }
    if remaining != 0 {
      Vector.scale(Double(sign: .plus, exponent: remaining, significand: 1), x, count: count)
    }
  }

  /// `x ← 2ᵏ x` for the solution of a normalised system.
  ///
  /// - Throws: `notFinite` if an entry overflows, `underflow` if the largest one loses digits. (Where
  ///   that one keeps them, the others lose less than rounding does.)
  static func scaleBack(
    _ x: UnsafeMutablePointer<Double>, count: Int, by exponent: Int
  ) throws(LinearSolveError) {
    let largest = Vector.maximumMagnitude(x, count: count)
    let size = self.exponent(of: largest) + exponent
    if largest > 0 && size < -1022 { throw .underflow(exponent: size) }
    scale(x, count: count, by: exponent)
    if size > 1023 || !largest.isFinite {
      try requireFinite(x, count: count, "the solution (it overflows)")
    }
  }

  /// `2ᵏ x`.
  package static func scaled(_ x: [Double], by exponent: Int) -> [Double] {
    if exponent == 0 { return x }
    var result = x
    result.withUnsafeMutableBufferPointer { buffer in
      if let start = buffer.baseAddress { scale(start, count: buffer.count, by: exponent) }
    }
    return result
  }

  /// `2ᵏ x` for one number.
  package static func scaled(_ x: Double, by exponent: Int) -> Double {
    var result = x
    scale(&result, count: 1, by: exponent)
    return result
  }

  /// The `k` with `2ᵏ ≤ size < 2ᵏ⁺¹`, or zero for a size of zero.
  package static func exponent(of size: Double) -> Int {
    size > 0 && size.isFinite ? Int(size.exponent) : 0
  }
}
