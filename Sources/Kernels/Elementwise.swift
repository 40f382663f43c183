/// Arithmetic of arrays, entry by entry. Each entry is one correctly rounded operation, so there is
/// no order to fix. The result may be written over an argument.
package enum Elementwise {
  /// `zᵢ ← xᵢ + yᵢ`.
  package static func add(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>,
    into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    combine(x, y, into: z, count: n, { $0 + $1 }, { $0 + $1 })
  }

  /// `zᵢ ← xᵢ − yᵢ`.
  package static func subtract(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>,
    into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    combine(x, y, into: z, count: n, { $0 - $1 }, { $0 - $1 })
  }

  /// `zᵢ ← xᵢ yᵢ`.
  package static func multiply(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>,
    into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    combine(x, y, into: z, count: n, { $0 * $1 }, { $0 * $1 })
  }

  /// `zᵢ ← xᵢ / yᵢ`.
  package static func divide(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>,
    into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    combine(x, y, into: z, count: n, { $0 / $1 }, { $0 / $1 })
  }

  /// `zᵢ ← xᵢ + a`.
  package static func add(
    _ x: UnsafePointer<Double>, _ a: Double, into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    map(x, into: z, count: n, { $0 + a }, { $0 + a })
  }

  /// `zᵢ ← a − xᵢ`.
  package static func subtract(
    _ a: Double, _ x: UnsafePointer<Double>, into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    map(x, into: z, count: n, { a - $0 }, { a - $0 })
  }

  /// `zᵢ ← a xᵢ`.
  package static func multiply(
    _ x: UnsafePointer<Double>, _ a: Double, into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    map(x, into: z, count: n, { $0 * a }, { $0 * a })
  }

  /// `zᵢ ← xᵢ / a`.
  package static func divide(
    _ x: UnsafePointer<Double>, _ a: Double, into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    map(x, into: z, count: n, { $0 / a }, { $0 / a })
  }

  /// `zᵢ ← a / xᵢ`.
  package static func divide(
    _ a: Double, _ x: UnsafePointer<Double>, into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    map(x, into: z, count: n, { a / $0 }, { a / $0 })
  }

  /// `zᵢ ← −xᵢ`.
  package static func negate(
    _ x: UnsafePointer<Double>, into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    map(x, into: z, count: n, { -$0 }, { -$0 })
  }

  /// `zᵢ ← √xᵢ`, NaN below 0.
  package static func squareRoot(
    _ x: UnsafePointer<Double>, into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    map(x, into: z, count: n, { $0.squareRoot() }, { $0.squareRoot() })
  }

  /// `zᵢ ← |xᵢ|`.
  package static func magnitude(
    _ x: UnsafePointer<Double>, into z: UnsafeMutablePointer<Double>, count n: Int
  ) {
    map(x, into: z, count: n, { Vector.magnitude($0) }, { $0.magnitude })
  }

  @inline(__always)
  private static func map(
    _ x: UnsafePointer<Double>, into z: UnsafeMutablePointer<Double>, count n: Int,
    _ ofEight: (SIMD8<Double>) -> SIMD8<Double>, _ ofOne: (Double) -> Double
  ) {
    var i = 0
    while i &+ 8 <= n {
      z.store(ofEight(x.eight(at: i)), at: i)
      i &+= 8
    }
    while i < n {
      z[i] = ofOne(x[i])
      i &+= 1
    }
  }

  @inline(__always)
  private static func combine(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>,
    into z: UnsafeMutablePointer<Double>, count n: Int,
    _ ofEight: (SIMD8<Double>, SIMD8<Double>) -> SIMD8<Double>,
    _ ofOne: (Double, Double) -> Double
  ) {
    var i = 0
    while i &+ 8 <= n {
      z.store(ofEight(x.eight(at: i), y.eight(at: i)), at: i)
      i &+= 8
    }
    while i < n {
      z[i] = ofOne(x[i], y[i])
      i &+= 1
    }
  }
}
