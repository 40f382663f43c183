import ForwardSolvers
import Optimality
import Testing

@testable import ImplicitDifferentiation

/// Where several constructors describe one problem, their derivatives agree.
@Suite struct AgreementTests {
  struct Route: CustomStringConvertible, Sendable {
    let description: String
    let conditions: Conditions<Tensor, Tensor>

    init(_ description: String, _ conditions: Conditions<Tensor, Tensor>) {
      self.description = description
      self.conditions = conditions
    }
  }

  // MARK: Without constraints

  static let penalty = 0.3
  @Sendable static func ridgeLoss(_ t: Tensor, _ y: Tensor) -> Tensor {
    0.5 * (matmul(Regression.features, y) - t).squaredNorm()
      + y.squaredNorm().scaled(by: 0.5 * penalty)
  }
  @Sendable static func smoothPart(_ t: Tensor, _ y: Tensor) -> Tensor {
    0.5 * (matmul(Regression.features, y) - t).squaredNorm()
  }
  private static let normalMatrix =
    matmul(Regression.features, Regression.features, transposingLeft: true)
    + Tensor.identity(5).scaled(by: penalty)

  static let ridgeRoutes: [Route] = [
    Route("stationary", .stationary(of: ridgeLoss)),
    Route("root", .root { t, y in gradient(at: y) { ridgeLoss(t, $0) } }),
    Route("fixed point", .fixedPoint { t, y in y - gradient(at: y) { ridgeLoss(t, $0) } }),
    Route("Newton's map", .newtonMap { t, y in gradient(at: y) { ridgeLoss(t, $0) } }),
    Route("projected gradient on all of space", .projectedGradient(of: ridgeLoss) { _, y in y }),
    Route(
      "proximal gradient, the penalty in the operator",
      .proximalGradient(of: smoothPart) { _, y in
        try Proximal.ridge(y, ridge: Tensor(penalty))
      }),
    Route(
      "block proximal gradient",
      .blockProximalGradient(
        of: smoothPart, proximal: [{ _, y in try Proximal.ridge(y, ridge: Tensor(penalty)) }])),
    Route(
      "mirror descent in Euclidean geometry",
      .mirrorDescent(of: ridgeLoss, geometry: .euclidean { _, y in y }, stepSize: 0.1)),
    Route(
      "nonlinear least squares",
      .nonlinearLeastSquares { t, y in
        [matmul(Regression.features, y) - t, y.scaled(by: penalty.squareRoot())]
      }),
    // Linear residuals have no second derivative to leave out.
    Route(
      "Gauss–Newton",
      .gaussNewton { t, y in
        [matmul(Regression.features, y) - t, y.scaled(by: penalty.squareRoot())]
      }),
    Route(
      "linear system",
      .linearSystem(
        matrix: { _ in normalMatrix },
        rightHandSide: { t in matmul(Regression.features, t, transposingLeft: true) })),
    Route(
      "linear system by its product",
      .linearSystem(
        product: { _, y in matmul(normalMatrix, y) },
        rightHandSide: { t in matmul(Regression.features, t, transposingLeft: true) })),
  ]

  @Test("Ridge regression", arguments: ridgeRoutes)
  func ridge(_ route: Route) throws {
    var G = Regression.gram(Array(0..<5))
    for k in 0..<5 { G[k][k] += Self.penalty }
    let right = matmul(Regression.features, Regression.target, transposingLeft: true)
    let y = Tensor(eliminate(G, right.scalars))
    let J = try jacobian(route.conditions, at: Regression.target, solution: y)
    for column in 0..<12 {
      let expected = eliminate(G, (0..<5).map { Regression.features[column, $0] })
      #expect(largestGap((0..<5).map { J[$0, column] }, expected) <= mappingTolerance)
    }
  }

  // MARK: On the simplex

  /// A positive definite quadratic whose minimiser on the simplex has positive entries only, so
  /// that the entropic geometry applies as well.
  static let Q = Tensor([
    [3, 0.5, -0.25, 0], [0.5, 2, 0.5, 0.25], [-0.25, 0.5, 4, 1], [0, 0.25, 1, 3],
  ])
  static let c = Tensor([0.2, 0.1, -0.3, 0.15])
  @Sendable static func quadratic(_ c: Tensor, _ y: Tensor) -> Tensor {
    0.5 * y.dot(matmul(Q, y)) - c.dot(y)
  }

  static let simplexRoutes: [Route] = [
    Route(
      "projected gradient",
      .projectedGradient(of: quadratic) { _, y in try Projection.simplex(y) }),
    Route(
      "projected gradient, the simplex as a box section",
      .projectedGradient(of: quadratic) { _, y in
        try Projection.boxSection(
          y, lower: 0, upper: Tensor(.infinity), weights: Tensor.ones([4]), total: 1)
      }),
    Route(
      "projected gradient, no bound active: an affine set",
      .projectedGradient(of: quadratic) { _, y in
        try Projection.affineSet(y, matrix: Tensor.ones([1, 4]), rightHandSide: [1])
      }),
    Route(
      "projected gradient, no bound active: a hyperplane",
      .projectedGradient(of: quadratic) { _, y in
        try Projection.hyperplane(y, normal: Tensor.ones([4]), offset: 1)
      }),
    Route(
      "projected gradient, the l1 ball",
      .projectedGradient(of: { c, y in quadratic(c, y) - 9 * y.sum() }) { _, y in
        try Projection.l1Ball(y)
      }),
    Route(
      "proximal gradient with a projection",
      .proximalGradient(of: quadratic) { _, y in try Projection.simplex(y) }),
    Route(
      "block proximal gradient",
      .blockProximalGradient(of: quadratic, proximal: [{ _, y in try Projection.simplex(y) }])),
    Route("mirror descent, η = 1", .mirrorDescent(of: quadratic, geometry: .simplex)),
    Route(
      "mirror descent, η = ½", .mirrorDescent(of: quadratic, geometry: .simplex, stepSize: 0.5)),
    Route(
      "mirror descent in Euclidean geometry",
      .mirrorDescent(
        of: quadratic, geometry: .euclidean { _, y in try Projection.simplex(y) }, stepSize: 0.1)),
  ]

  @Test("A quadratic on the simplex", arguments: simplexRoutes)
  func simplex(_ route: Route) throws {
    // [[Q, 1], [1ᵀ, 0]] (y, ν) = (c, 1), differentiated in c.
    let K = (0..<4).map { i in (0..<4).map { Self.Q[i, $0] } + [1] } + [[1, 1, 1, 1, 0]]
    let y = Array(eliminate(K, Self.c.scalars + [1])[..<4])
    #expect(y.allSatisfy { $0 > 0.05 })
    let J = try jacobian(route.conditions, at: Self.c, solution: Tensor(y))
    for column in 0..<4 {
      let expected = eliminate(K, (0..<5).map { $0 == column ? 1 : 0 })
      #expect(
        largestGap((0..<4).map { J[$0, column] }, Array(expected[..<4])) <= mappingTolerance)
    }
  }

  // MARK: A multiclass support vector machine

  /// The dual of a multiclass support vector machine: 20 flowers of three clusters, five features,
  /// a point of the simplex for each. The derivative in the penalty, by the mapping of projected
  /// gradients, against differences of solving again.
  @Test("Multiclass support vector machine: simplex-valued rows")
  func supportVectorMachine() throws {
    var numbers = SeededNumbers(41)
    let labels = (0..<20).map { $0 % 3 }
    let rows = labels.map { label -> [Double] in
      let row = (0..<5).map { k in (k == label ? 1.0 : 0) + 0.6 * numbers.number() }
      let length = sumOfProducts(row, row).squareRoot()
      return row.map { $0 / length }
    }
    let X = Tensor(rows)
    let Y = Tensor(labels.map { label in (0..<3).map { $0 == label ? 1.0 : 0 } })
    let objective: @Sendable (Tensor, Tensor) -> Tensor = { penalty, beta in
      let W = matmul(X, Y - beta, transposingLeft: true)
      return 0.5 / penalty * W.squaredNorm() + (beta * (Y - 1)).sum()
    }
    let machine = ImplicitFunction<Tensor, Tensor>(
      forward: { penalty in
        try ProximalGradient(stopping: tightStopping).minimum(
          of: { objective(penalty, $0) }, onto: { try Projection.simplex($0) },
          from: Tensor(repeating: 1.0 / 3, shape: [20, 3])
        ).point
      },
      conditions: .projectedGradient(of: objective) { _, beta in try Projection.simplex(beta) })
    let penalty: Tensor = 2
    let solution = try machine(penalty)
    let inside = solution.scalars.filter { $0 > 1e-6 && $0 < 1 - 1e-6 }
    #expect(inside.count > 4)
    let slope = try machine.pushforward(at: penalty, 1).value.scalars
    let h = 0x1p-12
    let forward = try machine(penalty + Tensor(h)).scalars
    let backward = try machine(penalty - Tensor(h)).scalars
    let quotient = zip(forward, backward).map { ($0 - $1) / (2 * h) }
    // Truncation h² ≈ 6e-8, and solutions to 1e-11 divided by h.
    #expect(largestGap(slope, quotient) <= 1e-6)
    #expect(slope.contains { abs($0) > 0.01 })
  }
}
