import Optimality
import Testing

@testable import ImplicitDifferentiation

/// Proximal operators against their definition: optimality, and a search by brute force.
@Suite struct ProximalOperatorsTests {
  /// Entries of size 1: some roundings.
  static let tolerance = 1e-14

  static let points = (0..<20).map { seed in
    var numbers = SeededNumbers(UInt64(seed) + 100)
    return numbers.tensor([6]).scaled(by: 2)
  }

  /// `½(p − x)² + penalty(p)` on a grid around `p`: never below the value at `p`, beyond rounding.
  private static func isMinimal(
    _ p: Double, _ x: Double, _ penalty: (Double) -> Double
  ) -> Bool {
    func value(_ p: Double) -> Double { 0.5 * (p - x) * (p - x) + penalty(p) }
    let grid = (-300...300).map { Double($0) / 100 }
    let near = (-20...20).map { p + Double($0) * 0x1p-20 }
    return (grid + near).allSatisfy { value($0) >= value(p) - 1e-15 * max(1, value(p)) }
  }

  @Test("Lasso, elastic net and ridge minimise their definition", arguments: points)
  func separable(_ x: Tensor) throws {
    let (penalty, ridge, step) = (0.6, 0.9, 0.7)
    let lasso = try Proximal.lasso(x, penalty: Tensor(penalty), step: Tensor(step))
    let threshold = try Proximal.softThreshold(x, Tensor(step * penalty))
    #expect(lasso == threshold)
    let net = try Proximal.elasticNet(
      x, penalty: Tensor(penalty), ridge: Tensor(ridge), step: Tensor(step))
    let shrunk = try Proximal.ridge(x, ridge: Tensor(ridge), step: Tensor(step))
    for i in 0..<6 {
      #expect(Self.isMinimal(lasso[i], x[i]) { step * penalty * abs($0) })
      #expect(Self.isMinimal(net[i], x[i]) { step * (penalty * abs($0) + 0.5 * ridge * $0 * $0) })
      #expect(Self.isMinimal(shrunk[i], x[i]) { step * 0.5 * ridge * $0 * $0 })
      // Stationarity, with the ½: p − x + sγp = 0. Without it 2sγ would stand there.
      #expect(abs(shrunk[i] - x[i] + step * ridge * shrunk[i]) <= Self.tolerance)
    }
  }

  @Test("The ½ of the ridge: γ = 1 halves, and the elastic net with no penalty is the ridge")
  func ridgeFactor() throws {
    let x = Tensor([2, -4])
    #expect(try Proximal.ridge(x, ridge: 1).scalars == [1, -2])
    #expect(try Proximal.elasticNet(x, penalty: 0, ridge: 1).scalars == [1, -2])
    #expect(try Proximal.elasticNet(x, penalty: 1, ridge: 0).scalars == [1, -3])
  }

  /// `x − p` is `sλ p/‖p‖` for a group that lives, and no longer than `sλ` for one that does not.
  @Test("Group lasso satisfies its subgradient condition", arguments: points)
  func groupLasso(_ x: Tensor) throws {
    let (groups, penalties, step) = ([2, 0, 0, 1, 0, 2], [0.5, 0.9, 1.2], 0.7)
    let p = try Proximal.groupLasso(
      x, penalty: Tensor(penalties), groups: groups, step: Tensor(step))
    for group in 0..<3 {
      let members = groups.indices.filter { groups[$0] == group }
      let (pg, xg) = (members.map { p[$0] }, members.map { x[$0] })
      let normal = zip(xg, pg).map { $0 - $1 }
      let length = sumOfProducts(pg, pg).squareRoot()
      let limit = step * penalties[group]
      if length == 0 {
        #expect(sumOfProducts(normal, normal).squareRoot() <= limit + Self.tolerance)
      } else {
        #expect(largestGap(normal, pg.map { limit * $0 / length }) <= Self.tolerance)
      }
    }
  }

  @Test("Groups: rows of a matrix, all of a vector, single entries")
  func groups() throws {
    let x = Tensor([[3, 4], [0.3, 0.4]])
    let rows = try Proximal.groupLasso(x, penalty: 1)
    #expect(largestGap(rows.scalars, [2.4, 3.2, 0, 0]) <= Self.tolerance)
    let one = try Proximal.groupLasso(Tensor([3, 4]), penalty: 1)
    #expect(largestGap(one.scalars, [2.4, 3.2]) <= Self.tolerance)
    let single = try Proximal.groupLasso(x, penalty: 0.35, groups: [0, 1, 2, 3])
    let lasso = try Proximal.lasso(x, penalty: 0.35)
    #expect(largestGap(single.scalars, lasso.scalars) <= Self.tolerance)
    #expect(try Proximal.groupLasso(Tensor.zeros([3]), penalty: 0).scalars == [0, 0, 0])
  }

  @Test("Group lasso at sizes whose squares overflow or vanish", arguments: [1e-200, 1e200])
  func extremeSizes(_ size: Double) throws {
    let x = Tensor([3, 4]).scaled(by: size)
    let p = try Proximal.groupLasso(x, penalty: Tensor(size))
    #expect(largestGap(p.scalars.map { $0 / size }, [2.4, 3.2]) <= Self.tolerance)
  }

  @Test("The derivative is 0 at the threshold and 1 beyond it")
  func kinks() throws {
    let slopes = try valueAndPushforward(at: Tensor([1, -1, 1.5, -1.5, 0.5]), along: .ones([5])) {
      try Proximal.lasso($0, penalty: 1)
    }
    #expect(slopes.tangent.scalars == [0, 0, 1, 1, 0])
    let group = try linearization(at: Tensor([3, 4])) { try Proximal.groupLasso($0, penalty: 5) }
    #expect(try group.jacobian.denseMatrix() == [0, 0, 0, 0])
    let zero = try linearization(at: Tensor([0, 0])) { try Proximal.groupLasso($0, penalty: 0) }
    #expect(try zero.jacobian.denseMatrix() == [0, 0, 0, 0])
  }

  @Test("Refusals")
  func refusals() {
    let x = Tensor([1, 2])
    func invalid(_ operation: String, _ name: String, _ index: Int, _ value: Double)
      -> ProjectionError
    { .invalidPenalty(operation: operation, name: name, index: index, value: value) }
    #expect(throws: invalid("Proximal.lasso", "penalty", 0, -1)) {
      try Proximal.lasso(x, penalty: -1)
    }
    #expect(throws: invalid("Proximal.softThreshold", "threshold", 1, -2)) {
      try Proximal.softThreshold(x, [1, -2])
    }
    #expect(throws: invalid("Proximal.elasticNet", "ridge", 0, -3)) {
      try Proximal.elasticNet(x, penalty: 1, ridge: -3)
    }
    #expect(throws: invalid("Proximal.ridge", "step", 0, -0.5)) {
      try Proximal.ridge(x, ridge: 1, step: -0.5)
    }
    #expect(throws: invalid("Proximal.groupLasso", "penalty", 0, -1)) {
      try Proximal.groupLasso(x, penalty: -1)
    }
    #expect {
      try Proximal.lasso(x, penalty: Tensor(.nan))
    } throws: { error in
      if case ProjectionError.invalidPenalty(_, _, 0, let value) = error { return value.isNaN }
      return false
    }
    #expect(
      throws: ProjectionError.shapeMismatch(
        operation: "Proximal.groupLasso", what: "the groups (a number from 0 for each entry)",
        expected: [2], found: [3])
    ) { try Proximal.groupLasso(x, penalty: 1, groups: [0, 0, 1]) }
    #expect(
      throws: ProjectionError.shapeMismatch(
        operation: "Proximal.groupLasso", what: "the penalties (one, or one for each group)",
        expected: [1], found: [2])
    ) { try Proximal.groupLasso(x, penalty: [1, 2]) }
    #expect(
      throws: ProjectionError.notFinite(operation: "Proximal.groupLasso", what: "the point")
    ) { try Proximal.groupLasso(x / 0, penalty: 1) }
  }
}
