import Testing

import Kernels
import VectorRegisters
import WideKernels

/// Both compilations of the same loops: for every processor, and for registers of eight doubles. Where
/// the processor has none, the tests are skipped, and say so.
@Suite(
  "Wide kernels: the bits of the plain ones",
  .enabled(
    if: processor_has_registers_of_eight_doubles() != 0,
    "This processor has no registers of eight doubles, or Package.swift knows nothing of them."))
struct WideKernelsTests {
  /// Around four and eight rows, around registers, and past a strip of the transposed product.
  static let shapes: [(rows: Int, columns: Int)] =
    [(0, 0), (1, 1), (3, 9), (4, 7), (7, 3), (8, 8), (9, 16), (12, 17), (15, 31), (16, 33)] + [
      (23, 64), (24, 100), (33, 65), (5, 260), (40, 523), (130, 12), (9, 2060),
    ]

  /// What a row of numbers may hold beside ordinary ones.
  enum Entries: CaseIterable, Sendable {
    case ordinary, notFinite, subnormal

    /// Every eleventh number is another one.
    func array(_ count: Int, _ numbers: inout SeededNumbers) -> [Double] {
      let plain = numbers.array(count)
      let rare: [Double]
      switch self {
      case .ordinary: return plain
      case .notFinite: rare = [.infinity, .nan, -.infinity, 0, -0.0]
      case .subnormal: rare = [0x1p-1060, -0x1p-540, 0x1p510, -0x1.8p-1070]
      }
      return plain.enumerated().map { i, x in i % 11 == 5 ? rare[i / 11 % rare.count] : x }
    }
  }

  /// The numbers of one product with `k` vectors.
  struct Problem {
    let (rows, columns, rowStride, count): (Int, Int, Int, Int)
    let matrix: [Double]
    /// Vectors as long as a row, and as long as a column, with room between them.
    let (across, down): ([Double], [Double])
    var acrossStride: Int { columns + 1 }
    var downStride: Int { rows + 2 }

    init(_ shape: (rows: Int, columns: Int), _ count: Int, _ entries: Entries) {
      (rows, columns) = shape
      rowStride = columns + 3
      self.count = count
      var numbers = SeededNumbers(seed: 1000 * rows + 10 * columns + count)
      matrix = entries.array(rows * rowStride, &numbers)
      across = entries.array(count * (columns + 1), &numbers)
      down = entries.array(count * (rows + 2), &numbers)
    }
  }

  /// A NaN is a NaN: which of two operands' bits it takes is the processor's affair.
  private func isEqual(_ x: [Double], _ y: [Double]) -> Bool {
    x.count == y.count
      && zip(x, y).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
  }

  @Test("these are compiled for registers of eight doubles")
  func compiledFor() { #expect(WideKernels.DenseLoops.takesEightRows) }

  @Test("products with a vector", arguments: shapes, Entries.allCases)
  func vector(shape: (rows: Int, columns: Int), entries: Entries) {
    let p = Problem(shape, 1, entries)
    for adding in [false, true] {
      var (y, z) = (p.down, p.down)
      WideKernels.DenseLoops.multiply(
        p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, by: p.across, into: &y,
        scaledBy: 1.7, adding: adding)
      Kernels.DenseLoops.multiply(
        p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, by: p.across, into: &z,
        scaledBy: 1.7, adding: adding)
      #expect(isEqual(y, z))
      (y, z) = (p.across, p.across)
      WideKernels.DenseLoops.multiplyTransposed(
        p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, by: p.down, into: &y,
        scaledBy: -0.3, adding: adding)
      Kernels.DenseLoops.multiplyTransposed(
        p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, by: p.down, into: &z,
        scaledBy: -0.3, adding: adding)
      #expect(isEqual(y, z))
    }
  }

  @Test("products with several vectors", arguments: shapes, 1...5)
  func vectors(shape: (rows: Int, columns: Int), count k: Int) {
    for entries in Entries.allCases {
      let p = Problem(shape, k, entries)
      for adding in [false, true] {
        var (y, z) = (p.down, p.down)
        WideKernels.DenseLoops.multiply(
          p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, byEach: p.across,
          stride: p.acrossStride, into: &y, stride: p.downStride, count: k, scaledBy: 1.7,
          adding: adding)
        Kernels.DenseLoops.multiply(
          p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, byEach: p.across,
          stride: p.acrossStride, into: &z, stride: p.downStride, count: k, scaledBy: 1.7,
          adding: adding)
        #expect(isEqual(y, z))
        (y, z) = (p.across, p.across)
        WideKernels.DenseLoops.multiplyTransposed(
          p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, byEach: p.down,
          stride: p.downStride, into: &y, stride: p.acrossStride, count: k, scaledBy: -0.3,
          adding: adding)
        Kernels.DenseLoops.multiplyTransposed(
          p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, byEach: p.down,
          stride: p.downStride, into: &z, stride: p.acrossStride, count: k, scaledBy: -0.3,
          adding: adding)
        #expect(isEqual(y, z))
      }
    }
  }

  @Test("products with XᵀDX, in double and in single precision", arguments: shapes, [false, true])
  func normal(shape: (rows: Int, columns: Int), weighted: Bool) {
    for entries in Entries.allCases {
      let p = Problem(shape, 3, entries)
      p.down.withUnsafeBufferPointer { down in
        let weights = weighted ? down.baseAddress : nil
        for together in [4, 8] {
          var (y, z) = (p.across, p.across)
          WideKernels.DenseLoops.addNormal(
            p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, weights: weights,
            by: p.across, into: &y, scaledBy: 1.7, rowsTogether: together)
          Kernels.DenseLoops.addNormal(
            p.matrix, rows: p.rows, columns: p.columns, rowStride: p.rowStride, weights: weights,
            by: p.across, into: &z, scaledBy: 1.7, rowsTogether: together)
          #expect(isEqual(y, z))
        }
        let rounded = p.matrix.map { Float($0) }
        var (y, z) = (p.across, p.across)
        WideKernels.DenseLoops.addNormal(
          rounded, rows: p.rows, columns: p.columns, weights: weights, byEach: p.across, into: &y,
          count: p.count, scaledBy: 1.7)
        Kernels.DenseLoops.addNormal(
          rounded, rows: p.rows, columns: p.columns, weights: weights, byEach: p.across, into: &z,
          count: p.count, scaledBy: 1.7)
        #expect(isEqual(y, z))
      }
    }
  }

  @Test(
    "products of matrices, whole and the lower triangle", arguments: shapes, Entries.allCases)
  func matrices(shape: (rows: Int, columns: Int), entries: Entries) {
    let p = Problem(shape, 1, entries)
    // A chunk of the sum has at most 256 terms.
    let depth = min(p.columns, 256)
    let right = Problem((p.columns, 37), 1, entries)
    let start = Problem((p.rows, 37), 1, entries).matrix
    for (lowerTriangleOnly, adding) in [(false, false), (false, true), (true, true)] {
      var products: [[Double]] = []
      for isWide in [false, true] {
        var c = start
        var workspace = [Double](
          repeating: .nan, count: 200_000)
        let multiply =
          isWide
          ? WideKernels.DenseLoops.multiplyInWideTiles : Kernels.DenseLoops.multiplyInWideTiles
        p.matrix.withUnsafeBufferPointer { a in
          right.matrix.withUnsafeBufferPointer { b in
            p.across.withUnsafeBufferPointer { weights in
              guard let a = a.baseAddress, let b = b.baseAddress else { return }
              multiply(
                (a, p.rowStride, 1), (b, right.rowStride, 1), &c, right.rowStride,
                (p.rows, depth, 37, -0.7, weights.baseAddress, adding, lowerTriangleOnly),
                &workspace)
            }
          }
        }
        products.append(c)
      }
      #expect(isEqual(products[0], products[1]))
    }
  }
}
