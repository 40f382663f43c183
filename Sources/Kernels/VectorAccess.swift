// Loads and stores of several neighbouring doubles at once, and the one way lanes are summed.
//
// Everything here is inlined into the kernels of this module. Addresses need no alignment beyond
// that of a `Double`. A `SIMD8` is four, two or one machine registers, as the processor has
// them: the lanes, and so the results, are the same.

extension UnsafePointer where Pointee == Double {
  /// The four doubles from index `i` on.
  @inline(__always)
  func four(at i: Int) -> SIMD4<Double> {
    UnsafeRawPointer(self + i).loadUnaligned(as: SIMD4<Double>.self)
  }

  /// The eight doubles from index `i` on.
  @inline(__always)
  func eight(at i: Int) -> SIMD8<Double> {
    UnsafeRawPointer(self + i).loadUnaligned(as: SIMD8<Double>.self)
  }
}

extension UnsafeMutablePointer where Pointee == Double {
  /// The four doubles from index `i` on.
  @inline(__always)
  func four(at i: Int) -> SIMD4<Double> { UnsafePointer(self).four(at: i) }

  /// The eight doubles from index `i` on.
  @inline(__always)
  func eight(at i: Int) -> SIMD8<Double> { UnsafePointer(self).eight(at: i) }

  /// Overwrites the four doubles from index `i` on.
  @inline(__always)
  func store(_ v: SIMD4<Double>, at i: Int) {
    UnsafeMutableRawPointer(self + i).storeBytes(of: v, as: SIMD4<Double>.self)
  }

  /// Overwrites the eight doubles from index `i` on.
  @inline(__always)
  func store(_ v: SIMD8<Double>, at i: Int) {
    UnsafeMutableRawPointer(self + i).storeBytes(of: v, as: SIMD8<Double>.self)
  }
}

extension SIMD4<Double> {
  /// `(x₀ + x₂) + (x₁ + x₃)`: always in this order.
  @inline(__always)
  var total: Double {
    let pair = lowHalf + highHalf
    return pair.x + pair.y
  }
}

extension SIMD8<Double> {
  /// The halves are added, then the total of the four is taken: always in this order.
  @inline(__always)
  var total: Double { (lowHalf + highHalf).total }
}
