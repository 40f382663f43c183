import Kernels
import Testing

@Suite("Elementwise arithmetic")
struct ElementwiseTests {
  /// One more cell than entries: what is written beyond the end would show.
  func result(_ n: Int, _ run: (UnsafeMutablePointer<Double>) -> Void) -> [UInt64] {
    var z = Array(repeating: 42.0, count: n + 1)
    run(&z)
    #expect(z[n] == 42)
    return bits(Array(z.prefix(n)))
  }

  @Test("each is the operation of numbers", arguments: sizes)
  func operations(n: Int) {
    var numbers = SeededNumbers(seed: n)
    var (x, y) = (numbers.array(n), numbers.array(n))
    let a = 0.3
    if n > 9 {
      x[9] = -0.0
      y[9] = 0
      x[1] = .infinity
      y[1] = -0x1p-1074
    }
    let (u, v) = (x, y)
    typealias E = Elementwise
    #expect(result(n) { E.add(u, v, into: $0, count: n) } == bits(zip(u, v).map { $0 + $1 }))
    #expect(result(n) { E.subtract(u, v, into: $0, count: n) } == bits(zip(u, v).map { $0 - $1 }))
    #expect(result(n) { E.multiply(u, v, into: $0, count: n) } == bits(zip(u, v).map { $0 * $1 }))
    let positive = v.map { abs($0) + 1 }
    #expect(
      result(n) { E.divide(u, positive, into: $0, count: n) }
        == bits(zip(u, positive).map { $0 / $1 }))
    #expect(result(n) { E.add(u, a, into: $0, count: n) } == bits(u.map { $0 + a }))
    #expect(result(n) { E.subtract(a, u, into: $0, count: n) } == bits(u.map { a - $0 }))
    #expect(result(n) { E.multiply(u, a, into: $0, count: n) } == bits(u.map { $0 * a }))
    #expect(result(n) { E.divide(u, a, into: $0, count: n) } == bits(u.map { $0 / a }))
    #expect(result(n) { E.divide(a, u, into: $0, count: n) } == bits(u.map { a / $0 }))
    #expect(result(n) { E.negate(u, into: $0, count: n) } == bits(u.map { -$0 }))
    #expect(result(n) { E.magnitude(u, into: $0, count: n) } == bits(u.map { abs($0) }))
    #expect(
      result(n) { E.squareRoot(positive, into: $0, count: n) }
        == bits(positive.map { $0.squareRoot() }))
  }
}
