/// Elementwise rows: the inner loops of replayed programs, eight numbers at a time.
///
/// `store…` overwrites its destination, `add…` adds to it. Every product and every sum is rounded
/// on its own (no fused multiply-add), so the bits do not depend on the instruction set.
package enum LaneKernels {
  @inline(__always)
  static func load(_ p: UnsafePointer<Double>, _ i: Int) -> SIMD8<Double> {
    UnsafeRawPointer(p + i).loadUnaligned(as: SIMD8<Double>.self)
  }

  @inline(__always)
  static func load(_ p: UnsafeMutablePointer<Double>, _ i: Int) -> SIMD8<Double> {
    UnsafeRawPointer(p + i).loadUnaligned(as: SIMD8<Double>.self)
  }

  @inline(__always)
  static func store(_ v: SIMD8<Double>, _ p: UnsafeMutablePointer<Double>, _ i: Int) {
    UnsafeMutableRawPointer(p + i).storeBytes(of: v, as: SIMD8<Double>.self)
  }

  /// `y += (scale · c + bias) · x`, all contiguous.
  package static func addProduct(
    _ scale: Double, _ c: UnsafePointer<Double>, _ bias: Double, _ x: UnsafePointer<Double>,
    to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    if scale == 1, bias == 0 {
      while i &+ 8 <= n {
        store(load(y, i) + load(c, i) * load(x, i), y, i)
        i &+= 8
      }
      while i < n {
        y[i] += c[i] * x[i]
        i &+= 1
      }
      return
    }
    while i &+ 8 <= n {
      store(load(y, i) + (scale * load(c, i) + bias) * load(x, i), y, i)
      i &+= 8
    }
    while i < n {
      y[i] += (scale * c[i] + bias) * x[i]
      i &+= 1
    }
  }

  /// `y = (scale · c + bias) · x`, all contiguous.
  package static func storeProduct(
    _ scale: Double, _ c: UnsafePointer<Double>, _ bias: Double, _ x: UnsafePointer<Double>,
    to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    if scale == 1, bias == 0 {
      while i &+ 8 <= n {
        store(load(c, i) * load(x, i), y, i)
        i &+= 8
      }
      while i < n {
        y[i] = c[i] * x[i]
        i &+= 1
      }
      return
    }
    while i &+ 8 <= n {
      store((scale * load(c, i) + bias) * load(x, i), y, i)
      i &+= 8
    }
    while i < n {
      y[i] = (scale * c[i] + bias) * x[i]
      i &+= 1
    }
  }

  /// `y = factor · x`, contiguous.
  package static func storeScaled(
    _ factor: Double, _ x: UnsafePointer<Double>, to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    if factor == 1 {
      y.update(from: x, count: n)
      return
    }
    var i = 0
    while i &+ 8 <= n {
      store(factor * load(x, i), y, i)
      i &+= 8
    }
    while i < n {
      y[i] = factor * x[i]
      i &+= 1
    }
  }

  /// `y += factor · c + shift`, contiguous.
  package static func addAffine(
    _ factor: Double, _ c: UnsafePointer<Double>, _ shift: Double,
    to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      store(load(y, i) + (factor * load(c, i) + shift), y, i)
      i &+= 8
    }
    while i < n {
      y[i] += factor * c[i] + shift
      i &+= 1
    }
  }
}
