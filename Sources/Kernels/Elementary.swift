/// Elementary functions: the only place of the project where one is called.
///
/// Goals, in this order:
/// 1. the same bits for a number alone, in an array and in the tail of an array, in debug and in
///    release builds, with and without wide vector registers;
/// 2. at most 0.9 units in the last place for `exp` and `log`, which are our own, over the whole
///    range of arguments: subnormal numbers, overflow, infinities and NaN included;
/// 3. speed for arrays.
///
/// The other functions are the C library's, called from one place each (so that the compiler cannot
/// work one out beforehand with another last bit). They have the accuracy of that library.
package enum Elementary {
  /// Returns `eˣ`, within 0.9 units in the last place: 0 below −745.14, infinite above 709.79.
  @inline(never)
  package static func exp(_ x: Double) -> Double { exponential(x) }

  /// `yᵢ ← exp xᵢ`, the bits of `exp(xᵢ)`. `y` may be `x`.
  package static func exp(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      y.store(exponential(x.eight(at: i)), at: i)
      i &+= 8
    }
    while i < n {
      y[i] = exp(x[i])
      i &+= 1
    }
  }

  /// Returns the natural logarithm, within 0.9 units in the last place: −∞ at ±0, NaN below 0.
  @inline(never)
  package static func log(_ x: Double) -> Double { logarithm(x) }

  /// `yᵢ ← log xᵢ`, the bits of `log(xᵢ)`. `y` may be `x`.
  package static func log(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      y.store(logarithm(x.eight(at: i)), at: i)
      i &+= 8
    }
    while i < n {
      y[i] = log(x[i])
      i &+= 1
    }
  }
}
