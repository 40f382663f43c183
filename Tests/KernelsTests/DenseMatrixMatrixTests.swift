import Testing

import Kernels

@Suite("Dense: matrix times matrix")
struct DenseMatrixMatrixTests {
  /// Rows, inner size, columns: below and above packing, edges of tiles and of all three blocks.
  static let shapes: [(Int, Int, Int)] =
    sizes.filter { $0 <= 65 }.map { ($0, $0, $0) } + [
      (1, 300, 1), (3, 520, 3), (20, 0, 20), (2, 40, 50), (50, 40, 2), (40, 2, 50), (17, 16, 16),
      (9, 257, 10), (97, 20, 33), (33, 20, 97), (12, 5, 514), (100, 70, 100), (130, 9, 13),
    ]

  /// The order of summation that is promised: ascending, in chunks of 256.
  func reference(
    _ a: TestMatrix, _ b: TestMatrix, transposeA: Bool, transposeB: Bool, inner k: Int,
    alpha: Double, row i: Int, column j: Int, adding: Bool, old: Double
  ) -> Double {
    var result = adding ? old : 0
    var isFirst = !adding
    for chunk in stride(from: 0, to: k, by: 256) {
      var sum = 0.0
      for p in chunk..<min(chunk + 256, k) {
        sum += (alpha * (transposeA ? a[p, i] : a[i, p])) * (transposeB ? b[j, p] : b[p, j])
      }
      result = isFirst ? sum : result + sum
      isFirst = false
    }
    return result
  }

  @Test(
    "every entry has the bits of the promised order, with every tile", arguments: shapes)
  func bitwise(shape: (Int, Int, Int)) {
    let (m, k, n) = shape
    for (transposeA, transposeB, adding) in [
      (false, false, false), (false, false, true), (true, false, true), (false, true, false),
      (true, true, true),
    ] {
      let a = transposeA ? TestMatrix(k, m, rowStride: m + 2, seed: m) : TestMatrix(m, k, seed: m)
      let b = transposeB ? TestMatrix(n, k, rowStride: k + 1, seed: n) : TestMatrix(k, n, seed: n)
      let start = TestMatrix(m, n, rowStride: n + 3, seed: k)
      var expected = start
      for i in 0..<m {
        for j in 0..<n {
          expected[i, j] = reference(
            a, b, transposeA: transposeA, transposeB: transposeB, inner: k, alpha: -0.7, row: i,
            column: j, adding: adding, old: start[i, j])
        }
      }
      for tile in Dense.Tile.allCases {
        var c = start
        var workspace = Array(
          repeating: Double.nan, count: Dense.workspaceCount(rows: m, inner: k, columns: n) + 1)
        workspace[workspace.count - 1] = 42
        Dense.multiply(
          a.entries, rowStride: transposeA ? 1 : a.rowStride,
          columnStride: transposeA ? a.rowStride : 1,
          b.entries, rowStride: transposeB ? 1 : b.rowStride,
          columnStride: transposeB ? b.rowStride : 1,
          into: &c.entries, rowStride: c.rowStride, rows: m, inner: k, columns: n, scaledBy: -0.7,
          adding: adding, workspace: &workspace, tile: tile)
        // The padding between rows is compared as well.
        let isEqual = c.entries == expected.entries
        #expect(isEqual, "\(tile)")
        #expect(workspace[workspace.count - 1] == 42, "\(tile)")
      }
    }
  }

  @Test("without a tile named, every entry is within the bound of its sum", arguments: shapes)
  func accuracy(m: Int, k: Int, n: Int) {
    for (transposed, adding) in [(false, false), (false, true), (true, true)] {
      let (a, b) = (TestMatrix(m, k, seed: m), TestMatrix(k, n, rowStride: n + 1, seed: n))
      var turned = TestMatrix(k, m, rowStride: m + 2, seed: 0)
      for i in 0..<m { for p in 0..<k { turned[p, i] = a[i, p] } }
      let left = transposed ? turned : a
      let start = TestMatrix(m, n, rowStride: n + 3, seed: k)
      var c = start
      var workspace = Array(
        repeating: Double.nan, count: Dense.workspaceCount(rows: m, inner: k, columns: n))
      Dense.multiply(
        left.entries, rowStride: transposed ? 1 : left.rowStride,
        columnStride: transposed ? left.rowStride : 1, b.entries, rowStride: b.rowStride,
        columnStride: 1, into: &c.entries, rowStride: c.rowStride, rows: m, inner: k, columns: n,
        scaledBy: -0.7, adding: adding, workspace: &workspace)
      var misses = 0
      for i in 0..<m {
        for j in 0..<c.rowStride {
          var expected = adding || j >= n ? start.entries[i * c.rowStride + j] : 0
          if j < n { for p in 0..<k { expected += -0.7 * a[i, p] * b[p, j] } }
          let limit = j < n ? tolerance(count: k + 3, magnitude: Double(k + 1)) : 0
          if !(abs(c.entries[i * c.rowStride + j] - expected) <= limit) { misses += 1 }
        }
      }
      #expect(misses == 0)
    }
  }

  @Test("a NaN reaches its row or column, and only that", arguments: [5, 16, 20, 35])
  func notANumber(n: Int) {
    var a = TestMatrix(n, n, seed: 1)
    let b = TestMatrix(n, n, seed: 2)
    a[n - 2, 1] = .nan
    a[0, 0] = .infinity
    var c = Array(repeating: Double.nan, count: n * n)
    var workspace = Array(
      repeating: Double.infinity, count: Dense.workspaceCount(rows: n, inner: n, columns: n))
    Dense.multiply(
      a.entries, rowStride: n, columnStride: 1, b.entries, rowStride: n, columnStride: 1, into: &c,
      rowStride: n, rows: n, inner: n, columns: n, scaledBy: 1, adding: false,
      workspace: &workspace)
    for i in 0..<n {
      for j in 0..<n {
        #expect(c[i * n + j].isNaN == (i == n - 2))
        #expect(c[i * n + j].isInfinite == (i == 0))
      }
    }
  }

  @Test("workspace grows with each size")
  func workspaceIsMonotonic() {
    let some = [0, 1, 3, 4, 7, 8, 9, 16, 17, 40, 96, 97, 256, 257, 512, 513, 2000]
    for m in some {
      for n in some {
        for (smaller, larger) in zip(some, some.dropFirst()) {
          let count = Dense.workspaceCount(rows: m, inner: n, columns: smaller)
          #expect(count <= Dense.workspaceCount(rows: m, inner: n, columns: larger))
          let count2 = Dense.workspaceCount(rows: m, inner: smaller, columns: n)
          #expect(count2 <= Dense.workspaceCount(rows: m, inner: larger, columns: n))
          let count3 = Dense.workspaceCount(rows: smaller, inner: m, columns: n)
          #expect(count3 <= Dense.workspaceCount(rows: larger, inner: m, columns: n))
        }
      }
    }
    #expect(Dense.workspaceCount(rows: 4000, inner: 4000, columns: 4000) < 190_000)
  }
}
