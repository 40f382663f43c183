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

/// A number as a matrix holds it. Whatever that is, products and sums are of doubles.
protocol StoredNumber {
  /// The four numbers from an address on, as doubles.
  static func four(at p: UnsafePointer<Self>) -> SIMD4<Double>

  /// The eight numbers from an address on, as doubles.
  static func eight(at p: UnsafePointer<Self>) -> SIMD8<Double>

  /// The number as a double.
  var double: Double { get }
}

extension Double: StoredNumber {
  @inline(__always)
  static func four(at p: UnsafePointer<Double>) -> SIMD4<Double> { p.four(at: 0) }

  @inline(__always)
  static func eight(at p: UnsafePointer<Double>) -> SIMD8<Double> { p.eight(at: 0) }

  @inline(__always)
  var double: Double { self }
}

extension Float: StoredNumber {
  @inline(__always)
  static func four(at p: UnsafePointer<Float>) -> SIMD4<Double> {
    SIMD4(p[0].double, p[1].double, p[2].double, p[3].double)
  }

  @inline(__always)
  static func eight(at p: UnsafePointer<Float>) -> SIMD8<Double> {
    SIMD8(lowHalf: four(at: p), highHalf: four(at: p + 4))
  }

  @inline(__always)
  var double: Double { Double(self) }
}

extension UnsafePointer where Pointee: StoredNumber {
  /// The four numbers from index `i` on.
  @inline(__always)
  func four(at i: Int) -> SIMD4<Double> { Pointee.four(at: self + i) }

  /// The eight numbers from index `i` on.
  @inline(__always)
  func eight(at i: Int) -> SIMD8<Double> { Pointee.eight(at: self + i) }
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
