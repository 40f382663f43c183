import Testing

import Kernels

@Suite("Dense: normal matrices")
struct DenseNormalMatrixTests {
  /// Rows and columns: below and above packing, edges of tiles and of all blocks.
  static let shapes: [(rows: Int, columns: Int)] =
    sizes.filter { $0 <= 65 }.map { ($0, $0) } + [
      (1, 9), (9, 1), (0, 5), (5, 0), (257, 12), (300, 33), (12, 97), (20, 130), (8, 514),
    ]

  /// Entry `(i, j)` in the order that is promised: ascending, in chunks of 256.
  func entry(
    _ x: TestMatrix, _ weights: [Double]?, _ i: Int, _ j: Int, alpha: Double, old: Double?
  ) -> Double {
    var result = old
    for chunk in stride(from: 0, to: x.rows, by: 256) {
      var sum = 0.0
      for p in chunk..<min(chunk + 256, x.rows) {
        sum += ((weights.map { alpha * $0[p] } ?? alpha) * x[p, i]) * x[p, j]
      }
      result = result.map { $0 + sum } ?? sum
    }
    return result ?? 0
  }

  @Test(
    "XᵀDX has the bits of the promised order, and nothing is done above the diagonal",
    .reproducible, arguments: shapes, [false, true])
  func bitwise(shape: (rows: Int, columns: Int), weighted: Bool) {
    let (m, n) = shape
    let x = TestMatrix(m, n, rowStride: n + 1, seed: 31 * m + n)
    // Xᵀ as stored, for the same product with the strides exchanged.
    var turned = TestMatrix(n, m, rowStride: m + 2, seed: 0)
    for i in 0..<m { for j in 0..<n { turned[j, i] = x[i, j] } }
    var numbers = SeededNumbers(seed: n)
    let d = numbers.array(m)
    let weights = weighted ? d : nil
    for adding in [false, true] {
      var start = TestMatrix(n, n, rowStride: n + 3, seed: m)
      for i in 0..<n { for j in (i + 1)..<max(n, i + 1) { start[i, j] = -3.5 } }
      var expected = start
      for i in 0..<n {
        for j in 0...i {
          expected[i, j] = entry(x, weights, i, j, alpha: -0.7, old: adding ? start[i, j] : nil)
        }
      }
      for (matrix, rowStride, columnStride) in [
        (x, x.rowStride, 1), (turned, 1, turned.rowStride),
      ] {
        var c = start
        var workspace = Array(
          repeating: Double.nan, count: Dense.workspaceCount(rows: n, inner: m, columns: n) + 1)
        workspace[workspace.count - 1] = 42
        d.withUnsafeBufferPointer { d in
          Dense.multiplyNormal(
            matrix.entries, rows: m, columns: n, rowStride: rowStride, columnStride: columnStride,
            weights: weighted ? d.baseAddress : nil, intoLower: &c.entries,
            rowStride: c.rowStride, scaledBy: -0.7, adding: adding, workspace: &workspace)
        }
        // Compared first: where a long array differs, a test takes very long to say how.
        let isEqual = bits(c.entries) == bits(expected.entries)
        #expect(isEqual)
        #expect(workspace[workspace.count - 1] == 42)
      }
    }
  }

  @Test(
    "XᵀDXv in one pass has the bits of the three products one by one", arguments: shapes,
    [false, true])
  func vector(shape: (rows: Int, columns: Int), weighted: Bool) {
    let (m, n) = shape
    let x = TestMatrix(m, n, rowStride: n + 1, seed: 37 * m + n)
    var numbers = SeededNumbers(seed: n + 1)
    let (d, v, start) = (numbers.array(m), numbers.array(n), numbers.array(n + 1))
    for adding in [false, true] {
      var (y, expected) = (start, start)
      d.withUnsafeBufferPointer { d in
        Dense.multiplyNormal(
          x.entries, rows: m, columns: n, rowStride: x.rowStride,
          weights: weighted ? d.baseAddress : nil, by: v, into: &y, scaledBy: 1.3, adding: adding)
      }
      var residual = Array(repeating: 0.0, count: m)
      Dense.multiply(
        x.entries, rows: m, columns: n, rowStride: x.rowStride, by: v, into: &residual,
        scaledBy: 1, adding: false)
      if weighted { for i in 0..<m { residual[i] = d[i] * residual[i] } }
      Dense.multiplyTransposed(
        x.entries, rows: m, columns: n, rowStride: x.rowStride, by: residual, into: &expected,
        scaledBy: 1.3, adding: adding)
      #expect(bits(y) == bits(expected))
    }
  }

  @Test(
    "XᵀDXv with X in single precision is, bit by bit, that of the same numbers in double",
    arguments: shapes, [false, true])
  func single(shape: (rows: Int, columns: Int), weighted: Bool) {
    let (m, n) = shape
    let x = TestMatrix(m, n, rowStride: n + 1, seed: 41 * m + n)
    var rounded = [Float](repeating: .nan, count: m * n)
    let size = Dense.round(x.entries, rows: m, columns: n, rowStride: x.rowStride, into: &rounded)
    let magnitudes = (0..<m).flatMap { i in (0..<n).map { abs(x[i, $0]) } }
    #expect(size == magnitudes.max() ?? 0)
    let isRounded = (0..<m).allSatisfy { i in
      (0..<n).allSatisfy { rounded[i * n + $0] == Float(x[i, $0]) }
    }
    #expect(isRounded)
    var numbers = SeededNumbers(seed: n + 2)
    let d = numbers.array(m)
    let weights = weighted ? d : nil
    for k in [1, 3] {
      let (v, start) = (numbers.array(n * k), numbers.array(n * k))
      var (y, expected) = (start, start)
      d.withUnsafeBufferPointer { d in
        let weights = weights.flatMap { _ in d.baseAddress }
        Dense.addNormal(
          rounded, rows: m, columns: n, weights: weights, byEach: v, into: &y, count: k,
          scaledBy: 1.3)
        for j in 0..<k {
          expected.withUnsafeMutableBufferPointer { expected in
            Dense.multiplyNormal(
              rounded.map(Double.init), rows: m, columns: n, rowStride: n, weights: weights,
              by: Array(v[(j * n)..<((j + 1) * n)]), into: expected.baseAddress! + j * n,
              scaledBy: 1.3, adding: true)
          }
        }
      }
      #expect(bits(y) == bits(expected))
    }
  }

  @Test(
    "the product with a vector is that with the matrix",
    arguments: [(7, 5), (40, 30), (100, 65), (300, 130), (33, 530)])
  func agreement(m: Int, n: Int) {
    let x = TestMatrix(m, n, seed: m + n)
    var numbers = SeededNumbers(seed: m)
    let (d, v) = (numbers.array(m), numbers.array(n))
    var c = TestMatrix(n, n, seed: 1)
    var workspace = Array(
      repeating: 0.0, count: Dense.workspaceCount(rows: n, inner: m, columns: n))
    Dense.multiplyNormal(
      x.entries, rows: m, columns: n, rowStride: n, columnStride: 1, weights: d,
      intoLower: &c.entries, rowStride: n, scaledBy: 1, adding: false, workspace: &workspace)
    for i in 0..<n { for j in 0..<i { c[j, i] = c[i, j] } }
    var y = Array(repeating: 0.0, count: n)
    Dense.multiplyNormal(
      x.entries, rows: m, columns: n, rowStride: n, weights: d, by: v, into: &y, scaledBy: 1,
      adding: false)
    // Each side within (m + n) u ∑ |x| |d| |x| |v| of the exact product; no entry exceeds 1.
    let limit = tolerance(count: m + n, magnitude: Double(m * n))
    #expect(zip(c.times(v), y).allSatisfy { abs($0 - $1) <= limit })
  }

  @Test("the lower triangle is reflected", arguments: sizes)
  func reflected(n: Int) {
    let a = TestMatrix(n, n, seed: n)
    var c = a
    Dense.reflectLower(&c.entries, count: n)
    for i in 0..<n { for j in 0..<n { #expect(c[i, j] == a[max(i, j), min(i, j)]) } }
  }
}
