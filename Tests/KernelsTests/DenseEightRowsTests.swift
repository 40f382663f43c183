import Testing

@testable import Kernels

/// Whatever processor the tests run on: products take eight rows on some, and four on others.
@Suite("Dense: eight rows")
struct DenseEightRowsTests {
  @Test("have the bits of four rows and four more", arguments: sizes, [0, 3])
  func bitsOfFourRows(n: Int, gap: Int) {
    let a = TestMatrix(8, n, rowStride: n + gap, seed: n + 1)
    var numbers = SeededNumbers(seed: 17 * n)
    let (x, y) = (numbers.array(n), numbers.array(n))
    let (v, w) = (numbers.array(8), numbers.array(8))
    /// `A x` and `y + Aᵀ v`, by four rows at a time.
    func products(with x: [Double]) -> [Double] {
      var result = [Double](repeating: 0, count: 8)
      for i in [0, 4] {
        result.withUnsafeMutableBufferPointer { result in
          Dense.multiply(
            Array(a.entries[(i * a.rowStride)...]), rows: 4, columns: n, rowStride: a.rowStride,
            by: x, into: result.baseAddress! + i, scaledBy: 1, adding: false)
        }
      }
      return result
    }
    func sum(_ start: [Double], _ v: [Double]) -> [Double] {
      var result = start
      for i in [0, 4] {
        Dense.multiplyTransposed(
          Array(a.entries[(i * a.rowStride)...]), rows: 4, columns: n, rowStride: a.rowStride,
          by: Array(v[i...]), into: &result, scaledBy: 1, adding: true)
      }
      return result
    }
    a.entries.withUnsafeBufferPointer { entries in
      guard let start = entries.baseAddress else { return }
      let stride = a.rowStride
      let one = DenseLoops.eightRows(start, rowStride: stride, times: x, count: n)
      let (first, second) = DenseLoops.eightRows(
        start, rowStride: stride, times: x, and: y, count: n)
      #expect(bits(array(one)) == bits(products(with: x)))
      #expect(bits(array(first)) == bits(products(with: x)))
      #expect(bits(array(second)) == bits(products(with: y)))

      var alone = x
      DenseLoops.addEightRows(start, rowStride: stride, scaledBy: SIMD8(v), to: &alone, count: n)
      #expect(bits(alone) == bits(sum(x, v)))
      var (p, q) = (x, y)
      DenseLoops.addEightRows(
        start, rowStride: stride, scaledBy: SIMD8(v), to: &p, andBy: SIMD8(w), to: &q, count: n)
      #expect(bits(p) == bits(sum(x, v)))
      #expect(bits(q) == bits(sum(y, w)))
    }
  }

  private func array(_ v: SIMD8<Double>) -> [Double] { (0..<8).map { v[$0] } }
}
