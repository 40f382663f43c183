import Comparison
import ForwardSolvers
import Optimality
import Testing

@testable import ImplicitDifferentiation

@Suite struct ProjectedGradientConditionsTests {
  private static func solve(
    onto projection: (Tensor) throws -> Tensor
  ) throws -> Tensor {
    try ProjectedProblem.minimum(Regression.loss, onto: projection)
  }

  /// On the free entries `X_fᵀX_f dy_f = X_fᵀ(dt − X_b dbound)`; those at a bound follow it.
  @Test("Least squares in a box, against the reduced system")
  func box() throws {
    let (low, high) = (Tensor([-1, -0.5, 0, 0.1, -1]), Tensor([1, 1, 2, 1, 1]))
    let y = try Self.solve { try Projection.box($0, lower: low, upper: high) }
    let free = (0..<5).filter { y[$0] > low[$0] && y[$0] < high[$0] }
    let (atLow, atHigh) = (
      (0..<5).filter { y[$0] == low[$0] }, (0..<5).filter { y[$0] == high[$0] }
    )
    #expect(!free.isEmpty && !atLow.isEmpty && !atHigh.isEmpty)
    let conditions = Conditions<[Tensor], Tensor>.projectedGradient(
      of: { x, y in 0.5 * (matmul(Regression.features, y) - x[0]).squaredNorm() },
      onto: { x, y in try Projection.box(y, lower: x[1], upper: x[2]) })
    let J = try jacobian(conditions, at: [Regression.target, low, high], solution: y)
    let G = Regression.gram(free)
    for column in 0..<12 {
      let slopes = eliminate(G, free.map { Regression.features[column, $0] })
      for (place, i) in free.enumerated() {
        #expect(abs(J[i, column] - slopes[place]) <= mappingTolerance)
      }
      for i in atLow + atHigh { #expect(abs(J[i, column]) <= mappingTolerance) }
    }
    let full = Regression.gram(Array(0..<5))
    for (bounds, offset) in [(atLow, 12), (atHigh, 17)] {
      for j in bounds {
        let slopes = eliminate(G, free.map { -full[$0][j] })
        for (place, i) in free.enumerated() {
          #expect(abs(J[i, offset + j] - slopes[place]) <= mappingTolerance)
        }
        #expect(abs(J[j, offset + j] - 1) <= mappingTolerance)
      }
    }
    // An inactive bound moves nothing.
    for j in atHigh { for i in 0..<5 { #expect(abs(J[i, 12 + j]) <= mappingTolerance) } }
  }

  /// The KKT system on the support: [[G, 1], [1ᵀ, 0]] (dy, dν) = (Xᵀdt, ds).
  @Test("Least squares on the simplex, against the KKT system on the support")
  func simplex() throws {
    let y = try Self.solve { try Projection.simplex($0, sum: 1.2) }
    let support = (0..<5).filter { y[$0] > 0 }
    #expect(support.count >= 2 && support.count < 5)
    let conditions = Conditions<[Tensor], Tensor>.projectedGradient(
      of: { x, y in 0.5 * (matmul(Regression.features, y) - x[0]).squaredNorm() },
      onto: { x, y in try Projection.simplex(y, sum: x[1]) })
    let J = try jacobian(conditions, at: [Regression.target, 1.2], solution: y)
    let K = Regression.gram(support).map { $0 + [1] } + [support.map { _ in 1 } + [0]]
    for column in 0...12 {
      let isSum = column == 12
      let slopes = eliminate(
        K, support.map { isSum ? 0 : Regression.features[column, $0] } + [isSum ? 1 : 0])
      for i in 0..<5 {
        let expected = support.firstIndex(of: i).map { slopes[$0] } ?? 0
        #expect(abs(J[i, column] - expected) <= mappingTolerance)
      }
    }
  }

  /// `min ½‖Xy − t‖², ‖y‖ = r`: `(G + νI) dy + y dν = Xᵀdt`, `yᵀdy = r dr`.
  @Test("Least squares in an l2 ball, against the system with the multiplier of the sphere")
  func l2Ball() throws {
    let radius = 1.0
    let y = try Self.solve { try Projection.l2Ball($0, radius: Tensor(radius)) }
    let slope = gradient(at: y) { Regression.loss($0) }
    let multiplier = slope.norm().scalar / radius
    var K = Regression.gram(Array(0..<5))
    for i in 0..<5 {
      K[i][i] += multiplier
      K[i].append(y[i])
    }
    K.append(y.scalars + [0])
    let conditions = Conditions<[Tensor], Tensor>.projectedGradient(
      of: { x, y in 0.5 * (matmul(Regression.features, y) - x[0]).squaredNorm() },
      onto: { x, y in try Projection.l2Ball(y, radius: x[1]) })
    let J = try jacobian(conditions, at: [Regression.target, Tensor(radius)], solution: y)
    for column in 0...12 {
      let right =
        column == 12
        ? [0, 0, 0, 0, 0, radius] : (0..<5).map { Regression.features[column, $0] } + [0]
      let expected = eliminate(K, right)
      #expect(
        largestGap((0..<5).map { J[$0, column] }, Array(expected[..<5])) <= mappingTolerance)
    }
  }

  /// `[[G, Cᵀ], [C, 0]] (dy, dν) = (0, db)`.
  @Test("Least squares on an affine set, against its KKT matrix")
  func affineSet() throws {
    let C = [[1, 1, 0, 2, -1], [0, 1, -1, 0.5, 1]]
    let b = Tensor([0.5, 1])
    let y = try Self.solve {
      try Projection.affineSet($0, matrix: Tensor(C), rightHandSide: b)
    }
    let conditions = Conditions<Tensor, Tensor>.projectedGradient(
      of: { _, y in Regression.loss(y) },
      onto: { b, y in try Projection.affineSet(y, matrix: Tensor(C), rightHandSide: b) })
    let J = try jacobian(conditions, at: b, solution: y)
    let G = Regression.gram(Array(0..<5))
    let K = (0..<5).map { G[$0] + [C[0][$0], C[1][$0]] } + C.map { $0 + [0, 0] }
    for column in 0..<2 {
      let expected = eliminate(K, [0, 0, 0, 0, 0] + (0..<2).map { $0 == column ? 1 : 0 })
      #expect(
        largestGap((0..<5).map { J[$0, column] }, Array(expected[..<5])) <= mappingTolerance)
    }
  }

  @Test("Any step in the mapping gives the same derivative")
  func stepOfTheMapping() throws {
    let y = try Self.solve { try Projection.simplex($0, sum: 1.2) }
    let unit = Conditions<Tensor, Tensor>.projectedGradient(
      of: { t, y in 0.5 * (matmul(Regression.features, y) - t).squaredNorm() },
      onto: { _, y in try Projection.simplex(y, sum: 1.2) })
    let expected = try jacobian(unit, at: Regression.target, solution: y)
    for step in [0.01, 0.3, 5] {
      let stretched = Conditions<Tensor, Tensor>.fixedPoint { t, y in
        let slope = gradient(at: y) {
          0.5 * (matmul(Regression.features, $0) - t).squaredNorm()
        }
        return try Projection.simplex(y - slope.scaled(by: step), sum: 1.2)
      }
      let found = try jacobian(stretched, at: Regression.target, solution: y)
      #expect(largestGap(found.scalars, expected.scalars) <= mappingTolerance)
    }
  }

  /// `min ½(y − x)²` over `y ≥ 0` at `x = 0`, where the bound is weakly active.
  @Test("At a weakly active bound: the documented side, and the audit says kink")
  func weaklyActive() throws {
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in max(x, 0) },
      conditions: .projectedGradient(
        of: { x, y in 0.5 * (y - x).squaredNorm() },
        onto: { _, y in Projection.nonNegative(y) }))
    #expect(try function.jacobian(at: [0]).value.scalars == [1])
    let audit = try GradientComparison(of: function, at: [0], loss: { y in y.sum() })
    let isKink = audit.findings.contains {
      guard case .kink(0, let backward, let forward) = $0 else { return false }
      return abs(backward) <= 1e-9 && abs(forward - 1) <= 1e-9
    }
    #expect(isKink)
  }
}

private enum ProjectedProblem {
  static func minimum(
    _ objective: (Tensor) throws -> Tensor, onto projection: (Tensor) throws -> Tensor
  ) throws -> Tensor {
    try ProximalGradient(stopping: tightStopping).minimum(
      of: objective, onto: projection, from: Tensor.zeros([5])
    ).point
  }
}
