import ImplicitDifferentiation

/// Softmax again, with conditions in `y` alone: it stays where it is in a step of mirror descent.
/// ```
/// y = softmax(½ log y + ½ (x − 1))      L = vᵀy      dL/dx
/// ```
package struct SoftmaxByMirrorDescent: PeerProblem {
  package static let name = "softmax-mirror"
  package static let sizes = SoftmaxByKKT.sizes

  private let problem: SoftmaxByKKT

  package init(count n: Int) { problem = SoftmaxByKKT(count: n) }

  package var data: [(name: String, values: [Double])] { problem.data }

  package var tasks: [PeerTask] {
    let shares = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x.softmax() },
      conditions: .fixedPoint { x, y in (0.5 * log(y) + 0.5 * (x - 1)).softmax() })
    let (x, v) = (Tensor(problem.scores), Tensor(problem.direction))
    return [
      PeerTask(
        .solveAndGradient,
        run: { try shares.linearize(at: x).pullback(v).value.scalars },
        reference: problem.reference)
    ]
  }
}
