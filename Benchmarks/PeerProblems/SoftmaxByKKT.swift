import ImplicitDifferentiation
import Kernels
import Measurement

/// Softmax as the maximiser of `xᵀy − Σ y log y` over the simplex, differentiated through all `2n + 1`
/// of its KKT conditions, as the page on it writes them.
/// ```
/// y = softmax(x)      L = vᵀy      dL/dx
/// ```
package struct SoftmaxByKKT: PeerProblem {
  package static let name = "softmax"
  package static let sizes = [10, 100, 1000, 10_000]

  package let scores: [Double]
  package let direction: [Double]

  package init(count n: Int) {
    var generator = SplitMix64(seed: 110)
    scores = generator.symmetric(count: n).map { 3 * $0 }
    direction = generator.symmetric(count: n)
  }

  package var data: [(name: String, values: [Double])] { [("x", scores), ("v", direction)] }

  /// Shares, the multiplier of their sum, and the multipliers of their signs.
  private struct Optimum: TensorStructure {
    var y: Tensor
    var u: Tensor
    var v: Tensor
    static var fields: [TensorField<Optimum>] {
      [.init("y", \.y), .init("u", \.u), .init("v", \.v)]
    }
  }

  package var tasks: [PeerTask] {
    let shares = ImplicitFunction<Tensor, Optimum>(
      forward: { x in
        let u = 1 - x.logSumExp()
        return Optimum(y: exp(x - 1 + u), u: u, v: .zeros(x.shape))
      },
      conditions: .root { x, z in
        Optimum(y: x - log(z.y) - 1 + z.u + z.v, u: z.y.sum() - 1, v: z.v * z.y)
      })
    let (x, v) = (Tensor(scores), Tensor(direction))
    return [
      PeerTask(
        .solveAndGradient,
        run: {
          let cotangent = Optimum(y: v, u: 0, v: .zeros(x.shape))
          return try shares.linearize(at: x).pullback(cotangent).value.scalars
        }, reference: reference)
    ]
  }

  /// `y ∘ (v − yᵀv)`.
  func reference() -> [Double] {
    let largest = scores.max() ?? 0
    let powers = scores.map { Elementary.exp($0 - largest) }
    let sum = powers.reduce(0, +)
    let y = powers.map { $0 / sum }
    let mean = zip(y, direction).reduce(0) { $0 + $1.0 * $1.1 }
    return zip(y, direction).map { $0 * ($1 - mean) }
  }
}
