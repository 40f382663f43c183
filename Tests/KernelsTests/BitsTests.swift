import Testing

import Kernels

/// The promise of the module: the same bits in debug and release builds, with and without the trait
/// `NativeCPU`, on every processor. Each kernel's results on seeded data are hashed and compared with
/// what was stored when the kernel was written. Functions of the C library are left out: they may
/// differ from one library to the next.
@Suite("Bits of the kernels")
struct BitsTests {
  /// FNV-1a over the bit patterns.
  struct Hash {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ x: Double) {
      for byte in 0..<8 {
        value = (value ^ (x.bitPattern >> UInt64(8 * byte)) & 0xff) &* 0x100_0000_01b3
      }
    }

    mutating func add(_ x: [Double]) { for v in x { add(v) } }
  }

  /// A workspace whose length says nothing about the numbers drawn after it.
  static func unwritten(_ count: Int) -> [Double] { Array(repeating: .nan, count: count) }

  static let hashedSizes = [1, 3, 8, 17, 40, 70, 133]

  struct Kernel: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let stored: UInt64
    let run: @Sendable (Int, inout SeededNumbers, inout Hash) -> Void

    init(
      _ name: String, _ stored: UInt64,
      _ run: @escaping @Sendable (Int, inout SeededNumbers, inout Hash) -> Void
    ) {
      testDescription = name
      self.stored = stored
      self.run = run
    }
  }

  static let kernels = [
    Kernel("vectors", 0x90a0_3e5e_7187_822b) { n, numbers, hash in
      let x = numbers.array(n)
      var y = numbers.array(n)
      hash.add(Vector.dot(x, y, count: n))
      hash.add(Vector.sum(x, count: n))
      Vector.addScaled(0.7, x, to: &y, count: n)
      Vector.scaleAndAdd(-0.3, &y, adding: x, count: n)
      hash.add(Vector.addScaledReturningSquaredNorm(0.1, x, to: &y, count: n))
      Vector.scale(1 / 3, &y, count: n)
      hash.add(y)
      hash.add(Vector.norm(y, count: n))
      let small = y.map { $0 * 0x1p-700 }
      hash.add(Vector.norm(small, count: n))
    },
    Kernel("matrix times vector", 0x2c5c_8656_b2a0_1e6f) { n, numbers, hash in
      let a = numbers.array((n + 2) * n)
      let x = numbers.array(n + 2)
      var y = numbers.array(n + 2)
      Dense.multiply(
        a, rows: n + 2, columns: n, rowStride: n, by: x, into: &y, scaledBy: 0.9, adding: true)
      hash.add(y)
      Dense.multiplyTransposed(
        a, rows: n + 2, columns: n, rowStride: n, by: x, into: &y, scaledBy: 0.9, adding: true)
      hash.add(y)
    },
    Kernel("log Σ exp", 0xf76f_f16e_5e2d_db15) { n, numbers, hash in
      for scale in [1.0, 30, 900] {
        let x = numbers.array(10 * n).map { scale * $0 }
        var y = numbers.array(10)
        ElementwiseKernels.logSumExp(x, outer: 10, count: n, inner: 1, into: &y)
        hash.add(y)
        ElementwiseKernels.logSumExp(x, outer: 1, count: n, inner: 10, into: &y)
        hash.add(y)
      }
    },
    Kernel("banded", 0x5e5d_00f0_4907_07ab) { n, numbers, hash in
      var a = Array(repeating: 0.0, count: Banded.storageCount(count: n, lower: 2, upper: 3))
      for i in 0..<n {
        for j in max(0, i - 2)..<min(n, i + 4) {
          a[Banded.index(row: i, column: j, lower: 2, upper: 3)] = numbers.next()
        }
      }
      var b = numbers.array(n)
      var pivots = Array(repeating: 0, count: n)
      #expect(Banded.factorLU(&a, count: n, lower: 2, upper: 3, pivots: &pivots) == nil)
      Banded.solveLU(a, count: n, lower: 2, upper: 3, pivots: pivots, &b)
      hash.add(b)
      Banded.solveLUTransposed(a, count: n, lower: 2, upper: 3, pivots: pivots, &b)
      hash.add(b)
    },
    Kernel("tridiagonal", 0x0903_287b_3db6_f637) { n, numbers, hash in
      var (l, d, u) = (numbers.array(n), numbers.array(n), numbers.array(n))
      var u2 = Array(repeating: 0.0, count: n)
      var exchanged = Array(repeating: false, count: n)
      var b = numbers.array(n)
      #expect(
        Banded.factorTridiagonal(
          lower: &l, diagonal: &d, upper: &u, upper2: &u2, exchanged: &exchanged, count: n) == nil)
      Banded.solveTridiagonal(
        lower: l, diagonal: d, upper: u, upper2: u2, exchanged: exchanged, count: n, &b)
      hash.add(b)
      Banded.solveTridiagonalTransposed(
        lower: l, diagonal: d, upper: u, upper2: u2, exchanged: exchanged, count: n, &b)
      hash.add(b)
    },
    Kernel("exp, log, logistic, softplus", 0x14af_d9e4_2fa3_eaa2) { n, numbers, hash in
      for scale in [0.01, 1, 6, 800] {
        let x = numbers.array(n).map { scale * $0 }
        var y = x
        Elementary.exp(x, into: &y, count: n)
        hash.add(y)
        Elementary.logistic(x, into: &y, count: n)
        hash.add(y)
        Elementary.softplus(x, into: &y, count: n)
        hash.add(y)
        Elementary.log(x.map { abs(1 + $0) }, into: &y, count: n)
        hash.add(y)
      }
    },
  ]

  /// Those that matrix products have a part in.
  static let products = [
    Kernel("matrix times matrix", 0x3d4f_2c3b_ca2b_5a7e) { n, numbers, hash in
      let k = 2 * n + 7
      let (a, b) = (numbers.array(n * k), numbers.array(n * k))
      var c = numbers.array(n * n)
      var workspace = unwritten(Dense.workspaceCount(rows: n, inner: k, columns: n))
      Dense.multiply(
        a, rowStride: k, columnStride: 1, b, rowStride: n, columnStride: 1, into: &c, rowStride: n,
        rows: n, inner: k, columns: n, scaledBy: 1.1, adding: true, workspace: &workspace)
      hash.add(c)
    },
    Kernel("LU", 0xdb63_7915_46dc_922b) { n, numbers, hash in
      var a = numbers.array(n * n)
      var b = numbers.array(n)
      var pivots = Array(repeating: 0, count: n)
      var workspace = unwritten(Dense.workspaceCount(rows: n, inner: n, columns: n))
      #expect(Dense.factorLU(&a, count: n, pivots: &pivots, workspace: &workspace) == nil)
      hash.add(a)
      Dense.solveLU(a, count: n, pivots: pivots, &b)
      hash.add(b)
      Dense.solveLUTransposed(a, count: n, pivots: pivots, &b)
      hash.add(b)
    },
    Kernel("Cholesky", 0x71ff_bebe_a296_f71e) { n, numbers, hash in
      var a = numbers.array(n * n)
      var b = numbers.array(n)
      for i in 0..<n { a[i * n + i] += Double(n + 1) }
      var workspace = unwritten(Dense.workspaceCount(rows: n, inner: n, columns: n))
      #expect(Dense.factorCholesky(&a, count: n, workspace: &workspace) == nil)
      hash.add(a)
      Dense.solveCholesky(a, count: n, &b)
      hash.add(b)
    },
    Kernel("normal matrix", 0xd627_278a_1b24_f597) { n, numbers, hash in
      let m = 2 * n + 7
      let (x, d, v) = (numbers.array(m * n), numbers.array(m), numbers.array(n))
      var (c, y) = (numbers.array(n * n), numbers.array(n))
      var workspace = unwritten(Dense.workspaceCount(rows: n, inner: m, columns: n))
      Dense.multiplyNormal(
        x, rows: m, columns: n, rowStride: n, columnStride: 1, weights: d, intoLower: &c,
        rowStride: n, scaledBy: 0.9, adding: true, workspace: &workspace)
      hash.add(c)
      Dense.multiplyNormal(
        x, rows: m, columns: n, rowStride: n, weights: d, by: v, into: &y, scaledBy: 0.9,
        adding: true)
      hash.add(y)
    },
  ]

  @Test("are those that were stored", arguments: kernels)
  func stored(kernel: Kernel) { check(kernel) }

  @Test("are those that were stored, with matrix products", .reproducible, arguments: products)
  func storedProducts(kernel: Kernel) { check(kernel) }

  func check(_ kernel: Kernel) {
    var hash = Hash()
    var numbers = SeededNumbers(seed: 2024)
    for n in Self.hashedSizes { kernel.run(n, &numbers, &hash) }
    #expect(
      hash.value == kernel.stored,
      "\(kernel.testDescription): 0x\(String(hash.value, radix: 16)) now")
  }
}
