import Kernels
import Testing

@Suite("Banded: products")
struct BandedProductTests {
  static let bands = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (1, 3), (4, 4), (0, 7), (9, 0)]

  /// Row by row, from the lowest diagonal to the highest: the order the kernel promises.
  private func expected(
    _ values: [Double], _ n: Int, _ lower: Int, _ upper: Int, _ x: [Double], transposed: Bool
  ) -> [Double] {
    (0..<n).map { row in
      var sum = 0.0
      for d in -lower...upper {
        let column = transposed ? row - d : row + d
        if column >= 0, column < n {
          sum += values[(d + lower) * n + (transposed ? column : row)] * x[column]
        }
      }
      return sum
    }
  }

  @Test("has the bits of sums over the diagonals, both ways", arguments: bands)
  func bits(lower: Int, upper: Int) {
    for n in [1, 2, 3, 8, 9, 17, 64, 1025, 2500] {
      var random = SeededNumbers(seed: 100 * n + 10 * lower + upper)
      var values = random.array((lower + upper + 1) * n)
      // What lies outside the matrix must not be read.
      for d in -lower...upper {
        for i in 0..<n where i + d < 0 || i + d >= n { values[(d + lower) * n + i] = .nan }
      }
      let x = random.array(n)
      for transposed in [false, true] {
        var y = [Double](repeating: .nan, count: n)
        Banded.multiply(
          values, count: n, lower: lower, upper: upper, transposed: transposed, by: x, into: &y)
        let sums = expected(values, n, lower, upper, x, transposed: transposed)
        #expect(y.map(\.bitPattern) == sums.map(\.bitPattern))
      }
    }
  }
}
