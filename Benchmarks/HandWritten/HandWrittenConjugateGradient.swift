/// Conjugate gradients for one tridiagonal matrix with −1 beside its diagonal, as somebody writes
/// it who wants it fast: memory allocated once, eight numbers at a time in two accumulators, the
/// product with the matrix fused with the dot product that follows it.
///
/// This is the yardstick of the Krylov benchmark and shares no code with the library.
package final class HandWrittenConjugateGradient {
  private let n: Int
  private let diagonal: [Double]
  private let rightHandSide: [Double]
  private let memory: UnsafeMutablePointer<Double>

  package init(_ diagonal: [Double], _ rightHandSide: [Double]) {
    self.diagonal = diagonal
    self.rightHandSide = rightHandSide
    n = diagonal.count
    memory = UnsafeMutablePointer<Double>.allocate(capacity: 4 * n + 2)
    memory.update(repeating: 0, count: 4 * n + 2)
  }

  deinit { memory.deallocate() }

  /// Iterates from zero and returns `‖r‖ / ‖b‖`.
  package func run(iterations: Int) -> Double {
    diagonal.withUnsafeBufferPointer { diagonal in
      rightHandSide.withUnsafeBufferPointer { b in
        guard let d = diagonal.baseAddress, let b = b.baseAddress else { return 0 }
        return run(d, b, iterations)
      }
    }
  }

  private func run(
    _ d: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ iterations: Int
  ) -> Double {
    // `p` has a zero on either side, so that the first and the last row need no branch.
    let (x, r, q, p) = (memory, memory + n, memory + 2 * n, memory + 3 * n + 1)
    x.update(repeating: 0, count: n)
    r.update(from: b, count: n)
    p.update(from: b, count: n)
    let start = dot(r, r)
    var rr = start
    for _ in 0..<iterations {
      let alpha = rr / product(d, p, q)
      let next = update(alpha, p, q, x, r)
      let beta = next / rr
      var i = 0
      while i &+ 8 <= n {
        put(eight(r + i) + beta * eight(p + i), p + i)
        i &+= 8
      }
      while i < n {
        p[i] = r[i] + beta * p[i]
        i &+= 1
      }
      rr = next
    }
    return (rr / start).squareRoot()
  }

  /// `q ← A p`, and `p · q`.
  private func product(
    _ d: UnsafePointer<Double>, _ p: UnsafeMutablePointer<Double>,
    _ q: UnsafeMutablePointer<Double>
  ) -> Double {
    var s = SIMD8<Double>.zero
    var t = s
    var i = 0
    while i &+ 16 <= n {
      let (u, v) = (eight(p + i), eight(p + i + 8))
      let a = eight(d + i) * u - eight(p + i - 1) - eight(p + i + 1)
      let c = eight(d + i + 8) * v - eight(p + i + 7) - eight(p + i + 9)
      put(a, q + i)
      put(c, q + i + 8)
      s += u * a
      t += v * c
      i &+= 16
    }
    var sum = (s + t).sum()
    while i < n {
      q[i] = d[i] * p[i] - p[i - 1] - p[i + 1]
      sum += p[i] * q[i]
      i &+= 1
    }
    return sum
  }

  /// `x ← x + α p`, `r ← r − α q`, and `r · r`.
  private func update(
    _ alpha: Double, _ p: UnsafeMutablePointer<Double>, _ q: UnsafeMutablePointer<Double>,
    _ x: UnsafeMutablePointer<Double>, _ r: UnsafeMutablePointer<Double>
  ) -> Double {
    var s = SIMD8<Double>.zero
    var i = 0
    while i &+ 8 <= n {
      put(eight(x + i) + alpha * eight(p + i), x + i)
      let v = eight(r + i) - alpha * eight(q + i)
      put(v, r + i)
      s += v * v
      i &+= 8
    }
    var sum = s.sum()
    while i < n {
      x[i] += alpha * p[i]
      r[i] -= alpha * q[i]
      sum += r[i] * r[i]
      i &+= 1
    }
    return sum
  }

  private func dot(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>) -> Double {
    var sum = 0.0
    for i in 0..<n { sum += a[i] * b[i] }
    return sum
  }

  @inline(__always)
  private func eight(_ p: UnsafePointer<Double>) -> SIMD8<Double> {
    UnsafeRawPointer(p).loadUnaligned(as: SIMD8<Double>.self)
  }

  @inline(__always)
  private func eight(_ p: UnsafeMutablePointer<Double>) -> SIMD8<Double> {
    UnsafeRawPointer(p).loadUnaligned(as: SIMD8<Double>.self)
  }

  @inline(__always)
  private func put(_ v: SIMD8<Double>, _ p: UnsafeMutablePointer<Double>) {
    UnsafeMutableRawPointer(p).storeBytes(of: v, as: SIMD8<Double>.self)
  }
}
