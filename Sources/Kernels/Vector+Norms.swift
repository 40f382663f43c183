extension Vector {
  /// Returns `‖x‖₂ = √∑ xᵢ²`, without overflow or underflow on the way.
  ///
  /// The sum of squares is used as it comes when it lies where neither can have done harm. Only
  /// otherwise are the entries scaled, by a power of two, and summed again. NaN when an entry is
  /// NaN, infinite when one is infinite (and none NaN) or when the norm itself overflows.
  package static func norm(_ x: UnsafePointer<Double>, count n: Int) -> Double {
    let plain = dot(x, x, count: n)
    // Below 2⁻⁹⁶⁰ a square lost to underflow (at most 2⁻¹⁰⁷⁵ each) could begin to show.
    if plain >= 0x1p-960 && plain < .infinity { return plain.squareRoot() }
    if plain.isNaN { return plain }
    // Entries of a large vector come down by 2⁻⁶⁰⁰, of a small one up by 2⁶⁰⁰: in both cases
    // the square of the largest is far from either end of the range.
    let down = plain > 1
    let factor = down ? 0x1p-600 : 0x1p600
    // In the order of `dot`: a vector multiplied by a power of two has the norm multiplied by it.
    var s = SIMD8<Double>.zero
    var t = SIMD8<Double>.zero
    var i = 0
    while i &+ 16 <= n {
      let (v, w) = (factor * x.eight(at: i), factor * x.eight(at: i &+ 8))
      s += v * v
      t += w * w
      i &+= 16
    }
    if i &+ 8 <= n {
      let v = factor * x.eight(at: i)
      s += v * v
      i &+= 8
    }
    var squares = (s + t).total
    while i < n {
      let v = factor * x[i]
      squares += v * v
      i &+= 1
    }
    return squares.squareRoot() * (down ? 0x1p600 : 0x1p-600)
  }

  /// Returns `max |xᵢ|` (0 for an empty vector), or NaN when any entry is NaN.
  package static func maximumMagnitude(_ x: UnsafePointer<Double>, count n: Int) -> Double {
    var largest = SIMD8<Double>.zero
    // A comparison with NaN is false, so the maximum steps over it; this remembers it.
    var unordered = largest .!= largest
    var i = 0
    while i &+ 16 <= n {
      let v = magnitude(x.eight(at: i))
      let w = magnitude(x.eight(at: i &+ 8))
      unordered .|= (v .!= v) .| (w .!= w)
      let larger = v.replacing(with: w, where: w .> v)
      largest.replace(with: larger, where: larger .> largest)
      i &+= 16
    }
    if any(unordered) { return .nan }
    var result = largest.max()
    while i < n {
      let v = x[i].magnitude
      if v.isNaN { return .nan }
      if v > result { result = v }
      i &+= 1
    }
    return result
  }

  /// Returns `∑ |xᵢ|`, in the order of `sum`.
  package static func sumOfMagnitudes(_ x: UnsafePointer<Double>, count n: Int) -> Double {
    var s = SIMD8<Double>.zero
    var t = SIMD8<Double>.zero
    var i = 0
    while i &+ 16 <= n {
      s += magnitude(x.eight(at: i))
      t += magnitude(x.eight(at: i &+ 8))
      i &+= 16
    }
    if i &+ 8 <= n {
      s += magnitude(x.eight(at: i))
      i &+= 8
    }
    var result = (s + t).total
    while i < n {
      result += x[i].magnitude
      i &+= 1
    }
    return result
  }

  /// Adds `|xᵢ|` to each `yᵢ`.
  package static func addMagnitudes(
    of x: UnsafePointer<Double>, to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      y.store(y.eight(at: i) + magnitude(x.eight(at: i)), at: i)
      i &+= 8
    }
    while i < n {
      y[i] += x[i].magnitude
      i &+= 1
    }
  }

  /// Adds `|aᵢ xᵢ|` to each `yᵢ`.
  package static func addMagnitudes(
    ofProducts a: UnsafePointer<Double>, _ x: UnsafePointer<Double>,
    to y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      y.store(y.eight(at: i) + magnitude(a.eight(at: i) * x.eight(at: i)), at: i)
      i &+= 8
    }
    while i < n {
      y[i] += (a[i] * x[i]).magnitude
      i &+= 1
    }
  }

  /// Returns `max |xᵢ / yᵢ|`, where zero divided by zero counts as zero.
  package static func largestRatio(
    _ x: UnsafePointer<Double>, to y: UnsafePointer<Double>, count n: Int
  ) -> Double {
    var largest = SIMD8<Double>.zero
    var i = 0
    while i &+ 8 <= n {
      let v = x.eight(at: i)
      // A comparison with NaN is false: 0/0 is stepped over, and entries are finite otherwise.
      let ratio = magnitude(v / y.eight(at: i))
      largest.replace(with: ratio, where: ratio .> largest)
      i &+= 8
    }
    var result = largest.max()
    while i < n {
      let ratio = (x[i] / y[i]).magnitude
      if ratio > result { result = ratio }
      i &+= 1
    }
    return result
  }

  /// Whether `|xᵢ| ≤ factor · yᵢ` for all entries; `false` if a NaN is among them.
  package static func areBounded(
    _ x: UnsafePointer<Double>, by y: UnsafePointer<Double>, times factor: Double, count n: Int
  ) -> Bool {
    var i = 0
    var isBounded = SIMD8<Double>.zero .== 0
    while i &+ 8 <= n {
      isBounded .&= magnitude(x.eight(at: i)) .<= factor * y.eight(at: i)
      i &+= 8
    }
    if !all(isBounded) { return false }
    while i < n {
      if !(x[i].magnitude <= factor * y[i]) { return false }
      i &+= 1
    }
    return true
  }

  /// Writes the signs of the entries, ±1; that of a zero or NaN is 1.
  package static func signs(
    of x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    let one = SIMD8<Double>(repeating: 1)
    var i = 0
    while i &+ 8 <= n {
      y.store(one.replacing(with: -1, where: x.eight(at: i) .< 0), at: i)
      i &+= 8
    }
    while i < n {
      y[i] = x[i] < 0 ? -1 : 1
      i &+= 1
    }
  }

  /// Returns `min |xᵢ|`; infinity for no entries. NaN if one is NaN.
  package static func minimumMagnitude(_ x: UnsafePointer<Double>, count n: Int) -> Double {
    var least = SIMD8<Double>(repeating: .infinity)
    var unordered = least .!= least
    var i = 0
    while i &+ 8 <= n {
      let v = magnitude(x.eight(at: i))
      unordered .|= v .!= v
      least.replace(with: v, where: v .< least)
      i &+= 8
    }
    if any(unordered) { return .nan }
    var result = least.min()
    while i < n {
      let v = x[i].magnitude
      if v.isNaN { return .nan }
      if v < result { result = v }
      i &+= 1
    }
    return result
  }

  /// Returns `min (2 |dᵢ| − sᵢ)`, by how much the entries `d` of a diagonal exceed all others of their row
  /// (or column) together, of which `s` is the sum of the magnitudes, `d` included; infinity for no
  /// entries, NaN if one is NaN.
  package static func leastDominance(
    of d: UnsafePointer<Double>, in s: UnsafePointer<Double>, count n: Int
  ) -> Double {
    var least = SIMD8<Double>(repeating: .infinity)
    var unordered = least .!= least
    var i = 0
    while i &+ 8 <= n {
      let v = 2 * magnitude(d.eight(at: i)) - s.eight(at: i)
      unordered .|= v .!= v
      least.replace(with: v, where: v .< least)
      i &+= 8
    }
    if any(unordered) { return .nan }
    var result = least.min()
    while i < n {
      let v = 2 * d[i].magnitude - s[i]
      if v.isNaN { return .nan }
      if v < result { result = v }
      i &+= 1
    }
    return result
  }

  /// Returns the index of the first NaN or infinity, or `nil` when all entries are finite.
  package static func firstNonFinite(_ x: UnsafePointer<Double>, count n: Int) -> Int? {
    // 0 · v is a zero when v is finite and NaN when it is not: one sum tells about all entries.
    var s = SIMD8<Double>.zero
    var t = SIMD8<Double>.zero
    var i = 0
    while i &+ 16 <= n {
      s += 0 * x.eight(at: i)
      t += 0 * x.eight(at: i &+ 8)
      i &+= 16
    }
    let start = (s + t).total == 0 ? i : 0
    for j in start..<max(start, n) where !x[j].isFinite { return j }
    return nil
  }

  /// The absolute values, lane by lane.
  @inline(__always)
  static func magnitude(_ v: SIMD8<Double>) -> SIMD8<Double> {
    let bits = unsafeBitCast(v, to: SIMD8<UInt64>.self)
    return unsafeBitCast(bits & 0x7fff_ffff_ffff_ffff, to: SIMD8<Double>.self)
  }
}
