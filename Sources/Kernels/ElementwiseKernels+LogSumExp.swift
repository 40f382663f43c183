extension ElementwiseKernels {
  /// `log Σₖ exp(x[o, k, i])` for each `o`, `i` of a row-major `outer × n × inner` array: the
  /// largest entry is taken out first, so nothing overflows.
  ///
  /// A NaN among the entries gives NaN; otherwise an infinite largest entry is the result, as it is
  /// for no entries at all (−∞). With `inner = 1` the sum runs in the order of `Vector.sum`, else
  /// with `k` ascending. Reads `x` twice; an exponential for each entry.
  package static func logSumExp(
    _ x: UnsafePointer<Double>, outer: Int, count n: Int, inner: Int,
    into y: UnsafeMutablePointer<Double>
  ) {
    for o in 0..<outer {
      let block = x + o &* n &* inner
      if inner == 1 {
        y[o] = logSumExp(ofRow: block, count: n)
        continue
      }
      let out = y + o &* inner
      var i = 0
      while i &+ 8 <= inner {
        out.store(logSumExp(ofEightColumns: block + i, count: n, step: inner), at: i)
        i &+= 8
      }
      while i < inner {
        out[i] = logSumExp(ofColumn: block + i, count: n, step: inner)
        i &+= 1
      }
    }
  }

  private static func logSumExp(ofRow x: UnsafePointer<Double>, count n: Int) -> Double {
    let largest = largestEntry(x, count: n)
    if !largest.isFinite { return largest }
    var s = SIMD8<Double>.zero
    var t = SIMD8<Double>.zero
    var i = 0
    while i &+ 16 <= n {
      s += Elementary.exponential(x.eight(at: i) - largest)
      t += Elementary.exponential(x.eight(at: i &+ 8) - largest)
      i &+= 16
    }
    if i &+ 8 <= n {
      s += Elementary.exponential(x.eight(at: i) - largest)
      i &+= 8
    }
    var sum = (s + t).total
    while i < n {
      sum += Elementary.exp(x[i] - largest)
      i &+= 1
    }
    return largest + Elementary.log(sum)
  }

  /// NaN if an entry is NaN, −∞ for no entries.
  private static func largestEntry(_ x: UnsafePointer<Double>, count n: Int) -> Double {
    var largest = SIMD8<Double>(repeating: -.infinity)
    // A comparison with NaN is false, so the maximum steps over it; this remembers it.
    var unordered = largest .!= largest
    var i = 0
    while i &+ 8 <= n {
      let v = x.eight(at: i)
      unordered .|= v .!= v
      largest.replace(with: v, where: v .> largest)
      i &+= 8
    }
    if any(unordered) { return .nan }
    var result = largest.max()
    while i < n {
      if x[i].isNaN { return .nan }
      if x[i] > result { result = x[i] }
      i &+= 1
    }
    return result
  }

  /// Eight neighbouring columns, each with the bits that it has alone.
  private static func logSumExp(
    ofEightColumns x: UnsafePointer<Double>, count n: Int, step: Int
  ) -> SIMD8<Double> {
    // A comparison with NaN is false, so the maximum steps over it; in the sum it does show.
    var largest = SIMD8<Double>(repeating: -.infinity)
    for k in 0..<n {
      let v = x.eight(at: k &* step)
      largest.replace(with: v, where: v .> largest)
    }
    // False for infinities: ∞ − ∞ is NaN.
    guard all(largest - largest .== 0) else {
      var result = largest
      for lane in 0..<8 { result[lane] = logSumExp(ofColumn: x + lane, count: n, step: step) }
      return result
    }
    var sum = SIMD8<Double>.zero
    for k in 0..<n { sum += Elementary.exponential(x.eight(at: k &* step) - largest) }
    return largest + Elementary.logarithm(sum)
  }

  private static func logSumExp(
    ofColumn x: UnsafePointer<Double>, count n: Int, step: Int
  ) -> Double {
    var largest = -Double.infinity
    for k in 0..<n {
      let value = x[k &* step]
      if value.isNaN { return .nan }
      if value > largest { largest = value }
    }
    if !largest.isFinite { return largest }
    var sum = 0.0
    for k in 0..<n { sum += Elementary.exp(x[k &* step] - largest) }
    return largest + Elementary.log(sum)
  }
}
