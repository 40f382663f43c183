import ForwardSolvers
import Optimality
import Testing

@testable import ImplicitDifferentiation

@Suite struct ProximalGradientConditionsTests {
  private static func lasso(_ penalty: Double) throws -> Tensor {
    try ProximalGradient(stopping: tightStopping).minimum(
      of: Regression.loss,
      proximal: { y, step in try Proximal.lasso(y, penalty: Tensor(penalty), step: Tensor(step)) },
      from: Tensor.zeros([5])
    ).point
  }

  private static let lassoConditions = Conditions<Tensor, Tensor>.proximalGradient(
    of: { _, y in Regression.loss(y) },
    proximal: { penalty, y in try Proximal.lasso(y, penalty: penalty) })

  /// On the support, `XₛᵀXₛ dy/dλ = −sign(yₛ)`; off it nothing moves.
  @Test("The lasso against its closed form on the support", arguments: [0.3, 0.6, 1.2])
  func lassoDerivative(penalty: Double) throws {
    let y = try Self.lasso(penalty)
    let support = (0..<5).filter { y[$0] != 0 }
    #expect(support.count >= 2 && support.count <= 4)
    let slopes = eliminate(Regression.gram(support), support.map { y[$0] > 0 ? -1 : 1 })
    let J = try jacobian(Self.lassoConditions, at: Tensor(penalty), solution: y)
    for i in 0..<5 {
      if let place = support.firstIndex(of: i) {
        #expect(abs(J[i, 0] - slopes[place]) <= mappingTolerance)
      } else {
        // Not small: zero.
        #expect(J[i, 0] == 0)
      }
    }
  }

  @Test("Off the support the rows of A are those of −I")
  func offSupportRows() throws {
    let y = try Self.lasso(0.6)
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in y }, conditions: Self.lassoConditions)
    let A = try function.linearize(at: 0.6).A.denseMatrix()
    for i in 0..<5 where y[i] == 0 {
      #expect(Array(A[(5 * i)..<(5 * i + 5)]) == (0..<5).map { $0 == i ? -1 : 0 })
    }
  }

  @Test("A penalty for each entry, and the target, against closed forms")
  func lassoInAllArguments() throws {
    let conditions = Conditions<[Tensor], Tensor>.proximalGradient(
      of: { x, y in 0.5 * (matmul(Regression.features, y) - x[0]).squaredNorm() },
      proximal: { x, y in try Proximal.lasso(y, penalty: x[1]) })
    let y = try Self.lasso(0.6)
    let support = (0..<5).filter { y[$0] != 0 }
    let J = try jacobian(
      conditions, at: [Regression.target, Tensor(repeating: 0.6, shape: [5])], solution: y)
    let G = Regression.gram(support)
    for column in 0..<12 {
      let slopes = eliminate(G, support.map { Regression.features[column, $0] })
      for (place, i) in support.enumerated() {
        #expect(abs(J[i, column] - slopes[place]) <= mappingTolerance)
      }
    }
    for (k, j) in support.enumerated() {
      let unit = support.indices.map { $0 == k ? (y[j] > 0 ? -1.0 : 1) : 0 }
      let slopes = eliminate(G, unit)
      for (place, i) in support.enumerated() {
        #expect(abs(J[i, 12 + j] - slopes[place]) <= mappingTolerance)
      }
    }
  }

  /// `(XᵀX + γI) y = Xᵀt` on the support: `dy/dγ = −(XᵀX + γI)⁻¹ y` there.
  @Test("The elastic net and the ridge against closed forms", arguments: [0, 0.6])
  func elasticNet(penalty: Double) throws {
    let ridge = 0.8
    let y = try ProximalGradient(stopping: tightStopping).minimum(
      of: Regression.loss,
      proximal: { y, step in
        try Proximal.elasticNet(
          y, penalty: Tensor(penalty), ridge: Tensor(ridge), step: Tensor(step))
      }, from: Tensor.zeros([5])
    ).point
    let support = (0..<5).filter { y[$0] != 0 }
    #expect((support.count == 5) == (penalty == 0))
    let conditions = Conditions<Tensor, Tensor>.proximalGradient(
      of: { _, y in Regression.loss(y) },
      proximal: { ridge, y in
        penalty == 0
          ? try Proximal.ridge(y, ridge: ridge)
          : try Proximal.elasticNet(y, penalty: Tensor(penalty), ridge: ridge)
      })
    let J = try jacobian(conditions, at: Tensor(ridge), solution: y)
    var G = Regression.gram(support)
    for k in support.indices { G[k][k] += ridge }
    let slopes = eliminate(G, support.map { -y[$0] })
    for (place, i) in support.enumerated() {
      #expect(abs(J[i, 0] - slopes[place]) <= mappingTolerance)
    }
    for i in 0..<5 where y[i] == 0 { #expect(J[i, 0] == 0) }
  }

  /// On a group that lives: `(XᵀX + λ(I/ℓ − yyᵀ/ℓ³)) dy/dλ = −y/ℓ`, `ℓ = ‖y‖`.
  @Test("The group lasso against a dense system on its living groups")
  func groupLasso() throws {
    let (groups, penalty) = ([0, 0, 0, 1, 1], 0.7)
    let y = try ProximalGradient(stopping: tightStopping).minimum(
      of: Regression.loss,
      proximal: { y, step in
        try Proximal.groupLasso(y, penalty: Tensor(penalty), groups: groups, step: Tensor(step))
      }, from: Tensor.zeros([5])
    ).point
    let living = (0..<5).filter { y[$0] != 0 }
    #expect(living == [0, 1, 2])
    let length = sumOfProducts(living.map { y[$0] }, living.map { y[$0] }).squareRoot()
    var G = Regression.gram(living)
    for (a, i) in living.enumerated() {
      for (b, j) in living.enumerated() {
        let curvature = (a == b ? 1 : 0) - y[i] * y[j] / (length * length)
        G[a][b] += penalty / length * curvature
      }
    }
    let slopes = eliminate(G, living.map { -y[$0] / length })
    let conditions = Conditions<Tensor, Tensor>.proximalGradient(
      of: { _, y in Regression.loss(y) },
      proximal: { penalty, y in try Proximal.groupLasso(y, penalty: penalty, groups: groups) })
    let J = try jacobian(conditions, at: Tensor(penalty), solution: y).scalars
    #expect(largestGap(J, slopes + [0, 0]) <= mappingTolerance)
  }

  @Test("The mapping does not depend on the step of the solver")
  func stepOfTheSolver() throws {
    let y = try Self.lasso(0.6)
    for step in [0.01, 0.3, 1, 5] {
      let stretched = Conditions<Tensor, Tensor>.fixedPoint { penalty, y in
        let slope = gradient(at: y) { Regression.loss($0) }
        return try Proximal.lasso(
          y - slope.scaled(by: step), penalty: penalty, step: Tensor(step))
      }
      let expected = try jacobian(Self.lassoConditions, at: 0.6, solution: y)
      let found = try jacobian(stretched, at: 0.6, solution: y)
      #expect(largestGap(found.scalars, expected.scalars) <= mappingTolerance)
    }
  }

  @Test("A point that is no solution is refused; so is an objective of several numbers")
  func refusals() throws {
    let y = try Self.lasso(0.6)
    #expect {
      try jacobian(Self.lassoConditions, at: 0.6, solution: y * 1.01)
    } throws: { error in
      if case DifferentiationError.conditionsNotMet = error { return true }
      return false
    }
    let vector = Conditions<Tensor, Tensor>.proximalGradient(
      of: { _, y in y }, proximal: { _, y in y })
    #expect(throws: DifferentiationError.notScalar(shape: [5])) {
      try jacobian(vector, at: 0.6, solution: y)
    }
  }
}
