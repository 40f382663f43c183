/// Functions of one number, applied to each entry of an array.
package enum UnaryFunction: UInt8, Sendable, CaseIterable {
  case exp, log, squareRoot, sin, cos, tanh, logistic, softplus, magnitude, sign, reciprocal
  case isFinite
}

/// Functions of two numbers, applied entry by entry.
package enum BinaryFunction: UInt8, Sendable, CaseIterable {
  case quotient, maximum, minimum, power, isLess, isLessOrEqual
}

/// Entrywise functions on arrays; see `UnaryFunction` and `BinaryFunction`.
package enum ElementwiseKernels {
  /// `y[i] = f(x[i])`, contiguous.
  package static func apply(
    _ function: UnaryFunction, _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>,
    count n: Int
  ) {
    switch function {
    case .exp: Elementary.exp(x, into: y, count: n)
    case .log: Elementary.log(x, into: y, count: n)
    case .squareRoot: for i in 0..<n { y[i] = x[i].squareRoot() }
    case .sin: Elementary.sin(x, into: y, count: n)
    case .cos: Elementary.cos(x, into: y, count: n)
    case .tanh: Elementary.tanh(x, into: y, count: n)
    case .logistic: Elementary.logistic(x, into: y, count: n)
    case .softplus: Elementary.softplus(x, into: y, count: n)
    case .magnitude: for i in 0..<n { y[i] = x[i].magnitude }
    case .sign:
      for i in 0..<n { y[i] = x[i] > 0 ? 1 : (x[i] < 0 ? -1 : (x[i] == 0 ? 0 : Double.nan)) }
    case .reciprocal: for i in 0..<n { y[i] = 1 / x[i] }
    case .isFinite: for i in 0..<n { y[i] = x[i].isFinite ? 1 : 0 }
    }
  }

  /// `out[o·k] = f(a[a·k], b[b·k])` over the box of `term`, whose `coefficient` view reads `a` and
  /// whose `input` view reads `b`. A NaN in either operand gives a NaN.
  package static func apply(
    _ function: BinaryFunction, _ term: StridedTerm, _ a: UnsafePointer<Double>,
    _ b: UnsafePointer<Double>, into out: UnsafeMutablePointer<Double>
  ) {
    switch function {
    case .quotient: loop(term, a, b, out) { $0 / $1 }
    case .maximum: loop(term, a, b, out) { $0 > $1 ? $0 : ($0.isNaN ? $0 : $1) }
    case .minimum: loop(term, a, b, out) { $0 < $1 ? $0 : ($0.isNaN ? $0 : $1) }
    case .power: loop(term, a, b, out) { Elementary.pow($0, $1) }
    case .isLess: loop(term, a, b, out) { $0 < $1 ? 1 : 0 }
    case .isLessOrEqual: loop(term, a, b, out) { $0 <= $1 ? 1 : 0 }
    }
  }

  /// `xⁿ` for each entry by repeated squaring: products only, so the bits are the same in every
  /// build. A negative exponent is the reciprocal of the positive power.
  package static func integerPower(
    _ x: UnsafePointer<Double>, _ exponent: Int, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      var result = SIMD8<Double>(repeating: 1)
      var base = x.eight(at: i)
      var remaining = exponent.magnitude
      while remaining > 0 {
        if remaining & 1 == 1 { result *= base }
        remaining >>= 1
        if remaining > 0 { base *= base }
      }
      y.store(exponent < 0 ? 1 / result : result, at: i)
      i &+= 8
    }
    while i < n {
      var result = 1.0
      var base = x[i]
      var remaining = exponent.magnitude
      while remaining > 0 {
        if remaining & 1 == 1 { result *= base }
        remaining >>= 1
        if remaining > 0 { base *= base }
      }
      y[i] = exponent < 0 ? 1 / result : result
      i &+= 1
    }
  }

  @inline(__always)
  private static func loop(
    _ term: StridedTerm, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>, _ f: (Double, Double) -> Double
  ) {
    let row = term.rowAxis
    let n = Int(term.extents[row])
    let stepA = Int(term.coefficient.strides[row])
    let stepB = Int(term.input.strides[row])
    let step = Int(term.output.strides[row])
    let (baseA, baseB) = (a + Int(term.coefficient.base), b + Int(term.input.base))
    let base = out + Int(term.output.base)
    term.forEachRow { o, c, i in
      let (p, q, y) = (baseA + c, baseB + i, base + o)
      for k in 0..<n { y[k &* step] = f(p[k &* stepA], q[k &* stepB]) }
    }
  }
}

extension ElementwiseKernels {
  /// `y[i] = mask[i] ≠ 0 ? a[i] : b[i]`, contiguous.
  package static func select(
    _ mask: UnsafePointer<Double>, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>,
    into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    for i in 0..<n { y[i] = mask[i] != 0 ? a[i] : b[i] }
  }

  /// The place of the first largest entry `x[o, k, i]` over `k`, for each `o`, `i` of a row-major
  /// `outer × n × inner` array; a NaN counts as the largest.
  package static func argmax(
    _ x: UnsafePointer<Double>, outer: Int, count n: Int, inner: Int,
    into places: UnsafeMutablePointer<Int32>
  ) {
    for o in 0..<outer {
      for i in 0..<inner {
        let start = o * n * inner + i
        var best = start
        for k in 1..<Swift.max(n, 1) {
          let place = start + k * inner
          if x[best].isNaN { break }
          if x[place] > x[best] || x[place].isNaN { best = place }
        }
        places[o * inner + i] = Int32(truncatingIfNeeded: best)
      }
    }
  }
}
