/// Level 1: operations on vectors of `n` doubles, `n` additions and multiplications each.
///
/// Goals, in this order:
/// 1. the same bits on every processor: sums run in one fixed order (two accumulators of eight
///    lanes, one more group of eight, then the tail one by one), and no product is fused into
///    a sum;
/// 2. NaN and infinity are never lost: no entry is skipped because a factor is zero;
/// 3. speed, from `n = 3` up to what the memory delivers.
///
/// The error of a sum of `n` terms is at most `(n/16 + 6 + n mod 8) u ∑ |terms|`, `u = 2⁻⁵³`
/// (N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., 2002, (4.4)).
///
/// An input may be the output itself, but they may not overlap otherwise. Nothing is allocated.
package enum Vector {
  /// Returns `∑ xᵢ yᵢ`.
  package static func dot(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, count n: Int
  ) -> Double {
    var s = SIMD8<Double>.zero
    var t = SIMD8<Double>.zero
    var i = 0
    while i &+ 16 <= n {
      s += x.eight(at: i) * y.eight(at: i)
      t += x.eight(at: i &+ 8) * y.eight(at: i &+ 8)
      i &+= 16
    }
    if i &+ 8 <= n {
      s += x.eight(at: i) * y.eight(at: i)
      i &+= 8
    }
    var result = (s + t).total
    while i < n {
      result += x[i] * y[i]
      i &+= 1
    }
    return result
  }

  /// Returns `∑ xᵢ`, in the order of `dot`.
  package static func sum(_ x: UnsafePointer<Double>, count n: Int) -> Double {
    var s = SIMD8<Double>.zero
    var t = SIMD8<Double>.zero
    var i = 0
    while i &+ 16 <= n {
      s += x.eight(at: i)
      t += x.eight(at: i &+ 8)
      i &+= 16
    }
    if i &+ 8 <= n {
      s += x.eight(at: i)
      i &+= 8
    }
    var result = (s + t).total
    while i < n {
      result += x[i]
      i &+= 1
    }
    return result
  }

  /// `y ← y + α x` ("axpy").
  package static func addScaled(
    _ alpha: Double, _ x: UnsafePointer<Double>, to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    DenseLoops.addOneRow(x, scaledBy: alpha, to: y, count: n)
  }

  /// `y ← y + α x`, and returns `∑ yᵢ²` of the new `y`: one pass over memory instead of two,
  /// with exactly the bits of `addScaled` followed by `dot(y, y)`.
  package static func addScaledReturningSquaredNorm(
    _ alpha: Double, _ x: UnsafePointer<Double>, to y: UnsafeMutablePointer<Double>, count n: Int
  ) -> Double {
    var s = SIMD8<Double>.zero
    var t = SIMD8<Double>.zero
    var i = 0
    while i &+ 16 <= n {
      let v = y.eight(at: i) + alpha * x.eight(at: i)
      let w = y.eight(at: i &+ 8) + alpha * x.eight(at: i &+ 8)
      y.store(v, at: i)
      y.store(w, at: i &+ 8)
      s += v * v
      t += w * w
      i &+= 16
    }
    if i &+ 8 <= n {
      let v = y.eight(at: i) + alpha * x.eight(at: i)
      y.store(v, at: i)
      s += v * v
      i &+= 8
    }
    var result = (s + t).total
    while i < n {
      let v = y[i] + alpha * x[i]
      y[i] = v
      result += v * v
      i &+= 1
    }
    return result
  }

  /// `y ← x + β y`: the next direction of conjugate gradients.
  package static func scaleAndAdd(
    _ beta: Double, _ y: UnsafeMutablePointer<Double>, adding x: UnsafePointer<Double>,
    count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      y.store(x.eight(at: i) + beta * y.eight(at: i), at: i)
      i &+= 8
    }
    while i < n {
      y[i] = x[i] + beta * y[i]
      i &+= 1
    }
  }

  /// `x ← α x`.
  package static func scale(
    _ alpha: Double, _ x: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      x.store(alpha * x.eight(at: i), at: i)
      i &+= 8
    }
    while i < n {
      x[i] = alpha * x[i]
      i &+= 1
    }
  }
}
