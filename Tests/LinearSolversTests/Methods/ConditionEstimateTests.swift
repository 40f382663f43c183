import Testing

@testable import LinearSolvers

@Suite struct ConditionEstimateTests {
  /// The estimate is a lower bound; the search may end at a local maximum, but rarely.
  @Test(arguments: [1, 2, 5, 20])
  func isNearTheNormOfTheInverse(n: Int) throws {
    var close = 0
    for seed in 1...40 as ClosedRange<UInt64> {
      let values = TestMatrix.geometric(n, condition: 1e5)
      let a = TestMatrix.spectral(values, symmetric: false, seed: seed)
      let prepared = try LUSolver().prepare(try denseOperator(a))
      var exact = 0.0
      for j in 0..<n {
        var unit = [Double](repeating: 0, count: n)
        unit[j] = 1
        exact = max(exact, try prepared.solve(unit).vector.reduce(0) { $0 + abs($1) })
      }
      let estimate = ConditionEstimate.inverseNorm(count: n) { b, transposed in
        let rhs = [Double](UnsafeBufferPointer(start: b, count: n))
        guard let x = try? prepared.solve(rhs, transposed: transposed) else { return }
        for i in 0..<n { b[i] = x.vector[i] }
      }
      #expect(estimate <= exact * (1 + 1e-9) && estimate >= exact / 10)
      if estimate >= exact / 3 { close += 1 }
    }
    #expect(close >= 38)
  }

  @Test func overflowIsInfinity() {
    let estimate = ConditionEstimate.inverseNorm(count: 3) { b, _ in b[1] = .infinity }
    #expect(estimate == .infinity)
    #expect(ConditionEstimate.inverseNorm(count: 0) { _, _ in } == 0)
  }
}
