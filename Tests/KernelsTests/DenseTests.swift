import Testing

import Kernels

@Suite("Dense: matrix times vector")
struct DenseTests {
  static let shapes: [(rows: Int, columns: Int)] =
    sizes.map { ($0, $0) } + [
      (1, 130), (130, 1), (3, 17), (17, 3), (5, 100), (100, 6), (0, 4), (4, 0),
    ]

  @Test("both products are the naive ones", arguments: shapes, [0, 3])
  func products(shape: (rows: Int, columns: Int), gap: Int) {
    let (m, n) = shape
    let a = TestMatrix(m, n, rowStride: n + gap, seed: 7 * m + n)
    var numbers = SeededNumbers(seed: m + 1000 * n)
    let (x, u) = (numbers.array(n), numbers.array(m))
    let (startY, startZ) = (numbers.array(m + 2), numbers.array(n + 2))
    let alpha = -1.75  // exact in products with what is already rounded: scaling adds one rounding
    for adding in [false, true] {
      var y = startY
      Dense.multiply(
        a.entries, rows: m, columns: n, rowStride: a.rowStride, by: x, into: &y, scaledBy: alpha,
        adding: adding)
      let naive = a.times(x)
      for i in 0..<m {
        let expected = (adding ? startY[i] : 0) + alpha * naive[i]
        #expect(abs(y[i] - expected) <= tolerance(count: n + 2, magnitude: 1.75 * Double(n) + 1))
      }
      #expect(y[m...] == startY[m...])

      var z = startZ
      Dense.multiplyTransposed(
        a.entries, rows: m, columns: n, rowStride: a.rowStride, by: u, into: &z, scaledBy: alpha,
        adding: adding)
      let naiveTransposed = a.transposedTimes(u)
      for j in 0..<n {
        let expected = (adding ? startZ[j] : 0) + alpha * naiveTransposed[j]
        #expect(abs(z[j] - expected) <= tolerance(count: m + 2, magnitude: 1.75 * Double(m) + 1))
      }
      #expect(z[n...] == startZ[n...])
    }
  }

  @Test("small integers: exact, so nothing is left out or met twice", arguments: shapes)
  func exact(shape: (rows: Int, columns: Int)) {
    let (m, n) = shape
    var a = TestMatrix(m, n, rowStride: n + 1, seed: 0)
    for i in 0..<m { for j in 0..<n { a[i, j] = Double((3 * i + 5 * j) % 17 - 8) } }
    let x = (0..<n).map { Double($0 % 11 - 5) }
    let u = (0..<m).map { Double($0 % 13 - 6) }
    var y = Array(repeating: 0.0, count: m)
    var z = Array(repeating: 0.0, count: n)
    Dense.multiply(
      a.entries, rows: m, columns: n, rowStride: n + 1, by: x, into: &y, scaledBy: 1, adding: false)
    Dense.multiplyTransposed(
      a.entries, rows: m, columns: n, rowStride: n + 1, by: u, into: &z, scaledBy: 1, adding: false)
    #expect(y == a.times(x))
    #expect(z == a.transposedTimes(u))
  }

  @Test("the bits of a row's product do not depend on where the row stands")
  func rowsAreIndependent() {
    let (m, n) = (11, 37)
    let a = TestMatrix(m, n, seed: 3)
    var numbers = SeededNumbers(seed: 4)
    let x = numbers.array(n)
    var all = Array(repeating: 0.0, count: m)
    Dense.multiply(
      a.entries, rows: m, columns: n, rowStride: n, by: x, into: &all, scaledBy: 0.3, adding: false)
    for i in 0..<m {
      var one = [0.0]
      Dense.multiply(
        Array(a.entries[(i * n)...]), rows: 1, columns: n, rowStride: n, by: x, into: &one,
        scaledBy: 0.3, adding: false)
      #expect(one[0] == all[i])
    }
  }

  @Test("old contents, NaN included, are overwritten unless added to; NaN in A comes through 0")
  func notANumber() {
    for n in [1, 4, 5, 9] {
      let a = TestMatrix(n, n, seed: n)
      let zero = Array(repeating: 0.0, count: n)
      var y = Array(repeating: Double.nan, count: n)
      Dense.multiply(
        a.entries, rows: n, columns: n, rowStride: n, by: zero, into: &y, scaledBy: 1, adding: false
      )
      #expect(y == zero)
      y = Array(repeating: Double.nan, count: n)
      Dense.multiplyTransposed(
        a.entries, rows: n, columns: n, rowStride: n, by: zero, into: &y, scaledBy: 1, adding: false
      )
      #expect(y == zero)
      var b = a
      b[n - 1, n / 2] = .nan
      Dense.multiply(
        b.entries, rows: n, columns: n, rowStride: n, by: zero, into: &y, scaledBy: 1, adding: false
      )
      #expect(y.map(\.isNaN) == (0..<n).map { $0 == n - 1 })
      Dense.multiplyTransposed(
        b.entries, rows: n, columns: n, rowStride: n, by: zero, into: &y, scaledBy: 1, adding: false
      )
      #expect(y.map(\.isNaN) == (0..<n).map { $0 == n / 2 })
    }
  }

  @Test("several vectors: the bits of each by itself", arguments: shapes + [(37, 600)], [1, 2, 5])
  func columns(shape: (rows: Int, columns: Int), count: Int) {
    let (m, n) = shape
    let a = TestMatrix(m, n, rowStride: n + 3, seed: 5 * m + n)
    var numbers = SeededNumbers(seed: m + 77 * n)
    let (xStride, yStride) = (n + 2, m + 1)
    let (x, u) = (numbers.array(count * xStride), numbers.array(count * yStride))
    for adding in [false, true] {
      let (startY, startZ) = (numbers.array(count * yStride), numbers.array(count * xStride))
      var (y, z, expectedY, expectedZ) = (startY, startZ, startY, startZ)
      Dense.multiply(
        a.entries, rows: m, columns: n, rowStride: a.rowStride, byEach: x, stride: xStride,
        into: &y, stride: yStride, count: count, scaledBy: -0.3, adding: adding)
      Dense.multiplyTransposed(
        a.entries, rows: m, columns: n, rowStride: a.rowStride, byEach: u, stride: yStride,
        into: &z, stride: xStride, count: count, scaledBy: -0.3, adding: adding)
      for j in 0..<count {
        expectedY.withUnsafeMutableBufferPointer { y in
          x.withUnsafeBufferPointer { x in
            guard let x = x.baseAddress, let y = y.baseAddress else { return }
            Dense.multiply(
              a.entries, rows: m, columns: n, rowStride: a.rowStride, by: x + j * xStride,
              into: y + j * yStride, scaledBy: -0.3, adding: adding)
          }
        }
        expectedZ.withUnsafeMutableBufferPointer { z in
          u.withUnsafeBufferPointer { u in
            guard let u = u.baseAddress, let z = z.baseAddress else { return }
            Dense.multiplyTransposed(
              a.entries, rows: m, columns: n, rowStride: a.rowStride, by: u + j * yStride,
              into: z + j * xStride, scaledBy: -0.3, adding: adding)
          }
        }
      }
      #expect(y == expectedY)
      #expect(z == expectedZ)
    }
  }

  @Test("transposition", arguments: shapes)
  func transposition(shape: (rows: Int, columns: Int)) {
    let (m, n) = shape
    let a = (0..<m * n).map(Double.init)
    var b = [Double](repeating: -1, count: m * n)
    Dense.transpose(a, rows: m, columns: n, into: &b)
    #expect(b == (0..<m * n).map { a[($0 % max(m, 1)) * n + $0 / max(m, 1)] })
  }
}
