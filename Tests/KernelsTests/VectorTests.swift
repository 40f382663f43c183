import Testing

import Kernels

@Suite("Vector")
struct VectorTests {
  @Test("dot is the naive sum, up to its order", arguments: sizes)
  func dot(n: Int) {
    var numbers = SeededNumbers(seed: n)
    let (x, y) = (numbers.array(n), numbers.array(n))
    var naive = 0.0
    var magnitude = 0.0
    for i in 0..<n {
      naive += x[i] * y[i]
      magnitude += abs(x[i] * y[i])
    }
    let result = Vector.dot(x, y, count: n)
    #expect(abs(result - naive) <= tolerance(count: n, magnitude: magnitude))
    #expect(result == Vector.dot(y, x, count: n))
  }

  @Test("dot and sum are exact on small integers: every entry is met once", arguments: 0..<140)
  func countsEachEntryOnce(n: Int) {
    let x = (0..<n).map { Double($0 + 1) }
    let ones = Array(repeating: 1.0, count: n)
    #expect(Vector.sum(x, count: n) == Double(n * (n + 1) / 2))
    #expect(Vector.dot(x, ones, count: n) == Double(n * (n + 1) / 2))
    #expect(Vector.dot(x, x, count: n) == Double(n * (n + 1) * (2 * n + 1) / 6))
  }

  @Test("NaN comes through from every place", arguments: [1, 7, 8, 17, 40])
  func notANumber(n: Int) {
    for place in 0..<n {
      var x = Array(repeating: 1.0, count: n)
      x[place] = .nan
      #expect(Vector.dot(x, Array(repeating: 0, count: n), count: n).isNaN)
      #expect(Vector.sum(x, count: n).isNaN)
      var y = Array(repeating: 1.0, count: n)
      Vector.addScaled(0, x, to: &y, count: n)
      #expect(y[place].isNaN)
      #expect(y.count { $0.isNaN } == 1)
    }
  }

  @Test("updates equal the naive loop bit for bit, and touch nothing else", arguments: sizes)
  func updates(n: Int) {
    var numbers = SeededNumbers(seed: 100 + n)
    let (x, start) = (numbers.array(n), numbers.array(n + 3))
    let alpha = numbers.next()

    var y = start
    Vector.addScaled(alpha, x, to: &y, count: n)
    #expect(y == (0..<n).map { start[$0] + alpha * x[$0] } + start[n...])

    y = start
    Vector.scaleAndAdd(alpha, &y, adding: x, count: n)
    #expect(y == (0..<n).map { x[$0] + alpha * start[$0] } + start[n...])

    y = start
    Vector.scale(alpha, &y, count: n)
    #expect(y == (0..<n).map { alpha * start[$0] } + start[n...])
  }

  @Test("the fused update has the bits of the update and of dot", arguments: sizes)
  func fusedUpdate(n: Int) {
    var numbers = SeededNumbers(seed: 200 + n)
    let (x, start) = (numbers.array(n), numbers.array(n + 3))
    var (y, z) = (start, start)
    let square = Vector.addScaledReturningSquaredNorm(-0.3, x, to: &y, count: n)
    Vector.addScaled(-0.3, x, to: &z, count: n)
    #expect(y == z)
    #expect(square == Vector.dot(z, z, count: n))
  }
}
