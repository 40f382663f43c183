import ImplicitDifferentiation

/// One pullback and one pushforward of a tridiagonal system at a given solution that is not
/// symmetric: `CubicTridiagonal` with 1 below and ½ above the diagonal.
package struct NonsymmetricTridiagonal: PeerProblem {
  package static let name = "tridiagonal"
  package static let sizes = [10, 100, 1000, 10_000, 100_000]

  package let system: CubicTridiagonal

  package init(count n: Int) { system = CubicTridiagonal(count: n, lower: 1, upper: 0.5) }

  package var data: [(name: String, values: [Double])] { system.data }
  package var tasks: [PeerTask] { get throws { try system.tasks } }
}

/// The same with ones on either side of the diagonal.
package struct SymmetricTridiagonal: PeerProblem {
  package static let name = "tridiagonal-symmetric"
  package static let sizes = [10, 100, 1000, 10_000, 100_000]

  package let system: CubicTridiagonal

  package init(count n: Int) { system = CubicTridiagonal(count: n, lower: 1, upper: 1) }

  package var data: [(name: String, values: [Double])] { system.data }
  package var tasks: [PeerTask] { get throws { try system.tasks } }
}

extension CubicTridiagonal {
  fileprivate var data: [(name: String, values: [Double])] {
    [("y", solution), ("v", direction), ("x", inputs)]
  }

  fileprivate var tasks: [PeerTask] {
    get throws {
      let function = function(conditionsTolerance: 1e-6)
      let (x, y, v) = (Tensor(inputs), Tensor(solution), Tensor(direction))
      let linearized = try function.linearize(at: x, solution: y)
      let backward = { elimination(transposed: true) }
      let forward = { elimination(transposed: false) }
      return [
        PeerTask(
          .cold,
          run: { try function.linearize(at: x, solution: y).pullback(v).value.scalars },
          reference: backward),
        PeerTask(.warm, run: { try linearized.pullback(v).value.scalars }, reference: backward),
        PeerTask(
          .coldPushforward,
          run: { try function.linearize(at: x, solution: y).pushforward(v).value.scalars },
          reference: forward),
        PeerTask(
          .warmPushforward, run: { try linearized.pushforward(v).value.scalars },
          reference: forward),
      ]
    }
  }
}
