import Kernels
import TensorChecks
import Testing

@testable import TracedTensors

@Suite struct CompositionTests {
  /// Small whole numbers, so that every order of every sum has the same bits.
  private static func coefficients(_ count: Int, _ choices: inout Choices) -> [Double] {
    (0..<count).map { _ in Double(choices.below(9) - 4) }
  }

  @Test("A composition is the product of the two matrices, and never writes outside")
  func compositionIsTheMatrixProduct() {
    var choices = Choices(seed: 11)
    var (composed, empty, refused) = (0, 0, 0)
    for _ in 0..<20_000 {
      let (first, second) = (TestTerm.random(&choices), TestTerm.random(&choices))
      let middle = max(first.outputCount, second.inputCount)
      let c1 = Self.coefficients(first.coefficientCount, &choices)
      let c2 = Self.coefficients(second.coefficientCount, &choices)
      let A = TestTerm.matrix(first.geometry, rows: middle, columns: first.inputCount) { c1[$0] }
      let B = TestTerm.matrix(second.geometry, rows: second.outputCount, columns: middle) { c2[$0] }
      var product = [Double](repeating: 0, count: second.outputCount * first.inputCount)
      for i in 0..<second.outputCount {
        for k in 0..<middle where B[i * middle + k] != 0 {
          for j in 0..<first.inputCount {
            product[i * first.inputCount + j] +=
              B[i * middle + k] * A[k * first.inputCount + j]
          }
        }
      }
      // As the compiler does it: terms in canonical form.
      switch Composition.join(
        first.geometry.canonical(hasCoefficient: true),
        second.geometry.canonical(hasCoefficient: true))
      {
      case .refused: refused += 1
      case .empty:
        empty += 1
        let none = TestTerm.matrix(first.geometry, rows: middle, columns: first.inputCount) { _ in 1
        }
        let reads = TestTerm.matrix(second.geometry, rows: second.outputCount, columns: middle) {
          _ in 1
        }
        let meets = (0..<middle).contains { k in
          (0..<first.inputCount).contains { none[k * first.inputCount + $0] != 0 }
            && (0..<second.outputCount).contains { reads[$0 * middle + k] != 0 }
        }
        #expect(!meets, "\(first.geometry) then \(second.geometry)")
      case .composed(let joint):
        composed += 1
        var result = [Double](repeating: 0, count: product.count)
        // The two coefficients are walked side by side, as coefficient and input of one box.
        let outputs = StridedTerm(
          extents: joint.extents, output: joint.output, coefficient: joint.first, input: joint.input
        )
        let others = StridedTerm(
          extents: joint.extents, output: joint.output, coefficient: joint.second,
          input: joint.input)
        var factors: [Double] = []
        TestTerm.forEachPoint(others) { _, c, _ in factors.append(c2[c]) }
        var point = 0
        TestTerm.forEachPoint(outputs) { o, c, i in
          result[o * first.inputCount + i] += c1[c] * factors[point]
          point += 1
        }
        #expect(result == product, "\(first.geometry) then \(second.geometry)")
      }
    }
    // The test would prove nothing if nearly everything were refused.
    #expect(
      composed > 4000 && empty > 100, "\(composed) composed, \(empty) empty, \(refused) refused")
  }

  @Test(
    "Rows: shifts of shifts are shifts, and ranges are intersected",
    arguments: [
      (0, 5, 0, 5), (2, 5, 0, 5), (0, 5, 3, 4), (4, 2, 0, 4), (0, 3, 3, 2),
    ])
  func rows(_ outputBase: Int, _ count1: Int, _ inputBase: Int, _ count2: Int) {
    let first = StridedTerm(count: count1, outputBase: outputBase, inputBase: 1)
    let second = StridedTerm(count: count2, outputBase: 2, inputBase: inputBase)
    let (low, high) = (max(outputBase, inputBase), min(outputBase + count1, inputBase + count2))
    switch Composition.join(first, second) {
    case .refused: Issue.record("refused")
    case .empty: #expect(high <= low)
    case .composed(let joint):
      #expect(joint.extents[0] == Int32(high - low))
      #expect(joint.input.base == Int32(1 + low - outputBase))
      #expect(joint.output.base == Int32(2 + low - inputBase))
    }
  }
}
