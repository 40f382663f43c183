import ImplicitDifferentiation
import Measurement

/// `Fᵢ = 4yᵢ + yᵢ³ − lo·yᵢ₋₁ − up·yᵢ₊₁ − xᵢ`, with `x` made so that a given `y` solves it, and a
/// solution that is off by a small relative error, as a solver would leave it: at the exact one the
/// residual is zero and its Newton correction costs nothing.
package struct CubicTridiagonal: Sendable {
  package let lower: Double
  package let upper: Double
  package let solution: [Double]
  package let inputs: [Double]
  package let direction: [Double]

  package init(
    count n: Int, lower: Double, upper: Double, relativeError: Double = 1e-10, seed: UInt64 = 111
  ) {
    var generator = SplitMix64(seed: seed)
    let y = generator.symmetric(count: n)
    solution = y.map { $0 * (1 + relativeError) }
    direction = generator.symmetric(count: n)
    self.lower = lower
    self.upper = upper
    inputs = (0..<n).map { i in
      let below = i > 0 ? y[i - 1] : 0
      let above = i + 1 < n ? y[i + 1] : 0
      return 4 * y[i] + y[i] * y[i] * y[i] - lower * below - upper * above
    }
  }

  package func function(conditionsTolerance: Double?) -> ImplicitFunction<Tensor, Tensor> {
    let solution = Tensor(solution)
    let (lo, up) = (Tensor(lower), Tensor(upper))
    return ImplicitFunction(
      forward: { _ in solution },
      conditions: .root { x, y in
        4 * y + y * y * y - lo * y.shifted(by: 1) - up * y.shifted(by: -1) - x
      }, conditionsTolerance: conditionsTolerance)
  }

  /// `u` with `Aᵀ u = v`: the pullback, since `B = −I`.
  package func pullbackByElimination() -> [Double] { elimination(transposed: true) }

  /// `A⁻¹ v`, or `A⁻ᵀ v`. By elimination without exchanges, which a diagonally dominant matrix
  /// allows.
  package func elimination(transposed: Bool) -> [Double] {
    let (below, above) = transposed ? (upper, lower) : (lower, upper)
    let n = solution.count
    var diagonal = solution.map { 4 + 3 * $0 * $0 }
    var u = direction
    // Row i holds −below in column i − 1 and −above in column i + 1.
    for i in 1..<n {
      let factor = -below / diagonal[i - 1]
      diagonal[i] -= factor * -above
      u[i] -= factor * u[i - 1]
    }
    u[n - 1] /= diagonal[n - 1]
    for i in stride(from: n - 2, through: 0, by: -1) {
      u[i] = (u[i] + above * u[i + 1]) / diagonal[i]
    }
    return u
  }
}
