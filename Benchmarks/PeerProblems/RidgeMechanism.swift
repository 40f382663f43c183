import ImplicitDifferentiation
import Measurement

/// One pullback of ridge regression at a given solution: `−(H⁻¹ c) ∘ w` for a random cotangent `c`.
package struct RidgeMechanism: PeerProblem {
  package static let name = "ridge-mechanism"
  package static let sizes = [100, 500, 1000, 2000]

  package let ridge: Ridge
  package let cotangent: [Double]

  package init(count n: Int) {
    var generator = SplitMix64(seed: 112)
    ridge = Ridge(count: n)
    cotangent = generator.symmetric(count: n)
  }

  package var data: [(name: String, values: [Double])] { ridge.data + [("c", cotangent)] }

  package var tasks: [PeerTask] {
    get throws {
      let solution = ridge.solution()
      let (w, theta, c) = (Tensor(solution), Tensor(ridge.penalties), Tensor(cotangent))
      let weights = function(w)
      let reference = {
        zip(RidgeHessian(ridge).solve(cotangent), solution).map { -$0 * $1 }
      }
      let linearized = try weights.linearize(at: theta, solution: w)
      return [
        PeerTask(
          .cold,
          run: { try weights.linearize(at: theta, solution: w).pullback(c).value.scalars },
          reference: reference),
        PeerTask(.warm, run: { try linearized.pullback(c).value.scalars }, reference: reference),
      ]
    }
  }

  /// The pullback of the tasks, with its report.
  package func pullback() throws -> Derivative<Tensor> {
    let w = Tensor(ridge.solution())
    return try function(w).linearize(at: Tensor(ridge.penalties), solution: w)
      .pullback(Tensor(cotangent))
  }

  private func function(_ w: Tensor) -> ImplicitFunction<Tensor, Tensor> {
    ImplicitFunction(forward: { _ in w }, conditions: .stationary(of: ridge.objective))
  }
}
