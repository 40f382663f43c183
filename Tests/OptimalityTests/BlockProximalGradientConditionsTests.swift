import ForwardSolvers
import Optimality
import Testing

@testable import ImplicitDifferentiation

@Suite struct BlockProximalGradientConditionsTests {
  /// Three features with an l1 penalty, two on the simplex.
  @Sendable static func loss(_ y: [Tensor]) -> Tensor { Regression.loss(.concatenate(y)) }

  static let solution: [Tensor]? = try? ProximalGradient(stopping: tightStopping).minimum(
    of: loss,
    proximal: { y, step in
      [
        try Proximal.lasso(y[0], penalty: 0.6, step: Tensor(step)),
        try Projection.simplex(y[1]),
      ]
    }, from: [Tensor.zeros([3]), Tensor([0.5, 0.5])]
  ).point

  @Test("Blocks with penalties of their own, against one operator on all of them")
  func againstOneOperator() throws {
    let y = try #require(Self.solution)
    let blocks = Conditions<Tensor, [Tensor]>.blockProximalGradient(
      of: { _, y in Self.loss(y) },
      proximal: [
        { penalty, y in try Proximal.lasso(y, penalty: penalty) },
        { _, y in try Projection.simplex(y) },
      ])
    let whole = Conditions<Tensor, Tensor>.proximalGradient(
      of: { _, y in Regression.loss(y) },
      proximal: { penalty, y in
        let parts = [y.slice(0..<3), y.slice(3..<5)]
        return .concatenate([
          try Proximal.lasso(parts[0], penalty: penalty), try Projection.simplex(parts[1]),
        ])
      })
    let J = try jacobian(blocks, at: 0.6, solution: y)
    let expected = try jacobian(whole, at: 0.6, solution: .concatenate(y))
    #expect(largestGap(J.scalars, expected.scalars) <= mappingTolerance)

    // And against the reduced system on the free entries, with the multiplier of the sum.
    let values = Tensor.concatenate(y).scalars
    let free = (0..<5).filter { values[$0] != 0 }
    let inSum = free.map { $0 >= 3 ? 1.0 : 0 }
    let K =
      zip(Regression.gram(free), inSum).map { $0 + [$1] } + [inSum + [0]]
    let right = free.map { $0 >= 3 ? 0 : (values[$0] > 0 ? -1.0 : 1) } + [0]
    let slopes = eliminate(K, right)
    for i in 0..<5 {
      let reference = free.firstIndex(of: i).map { slopes[$0] } ?? 0
      #expect(abs(J[i, 0] - reference) <= mappingTolerance)
    }
  }

  @Test("Another number of operators than of blocks")
  func refusal() throws {
    let y = try #require(Self.solution)
    let conditions = Conditions<Tensor, [Tensor]>.blockProximalGradient(
      of: { _, y in Self.loss(y) }, proximal: [{ _, y in y }])
    #expect(
      throws: DifferentiationError.sizeMismatch(
        what: "the proximal operators (one for each tensor of the unknown)", expected: 2, found: 1)
    ) { try jacobian(conditions, at: 0.6, solution: y) }
  }
}
