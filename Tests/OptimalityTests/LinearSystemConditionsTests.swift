import Optimality
import Testing

@testable import ImplicitDifferentiation

@Suite struct LinearSystemConditionsTests {
  struct System: TensorStructure {
    var matrix: Tensor
    var rightHandSide: Tensor
    static var fields: [TensorField<System>] {
      [.init("matrix", \.matrix), .init("rightHandSide", \.rightHandSide)]
    }
  }

  static let K = [[4, 1, -2], [0.5, 5, 1], [1, -1, 3]]

  /// `dy = K⁻¹(db − dK y)`, a column for each entry.
  @Test("Derivatives in the matrix and the right-hand side, against elimination")
  func closedForm() throws {
    let b = [1.0, -2, 3]
    let y = eliminate(Self.K, b)
    let conditions = Conditions<System, Tensor>.linearSystem(
      matrix: { $0.matrix }, rightHandSide: { $0.rightHandSide })
    let J = try jacobian(
      conditions, at: System(matrix: Tensor(Self.K), rightHandSide: Tensor(b)),
      solution: Tensor(y))
    for row in 0..<3 {
      let unit = eliminate(Self.K, (0..<3).map { $0 == row ? 1 : 0 })
      for column in 0..<3 {
        let place = 3 * row + column
        #expect(
          largestGap((0..<3).map { J[$0, place] }, unit.map { -y[column] * $0 })
            <= mappingTolerance)
      }
      #expect(largestGap((0..<3).map { J[$0, 9 + row] }, unit) <= mappingTolerance)
    }
  }

  @Test("Several right-hand sides")
  func severalRightHandSides() throws {
    let b = Tensor([[1, 0], [-2, 1], [3, 5]])
    let y = try solve(Tensor(Self.K), b)
    let conditions = Conditions<Tensor, Tensor>.linearSystem(
      matrix: { _ in Tensor(Self.K) }, rightHandSide: { $0 })
    let db = Tensor([[0.5, 1], [1, 2], [-1, 0.25]])
    let function = ImplicitFunction<Tensor, Tensor>(forward: { _ in y }, conditions: conditions)
    let dy = try function.pushforward(at: b, db).value
    #expect(largestGap(dy.scalars, try solve(Tensor(Self.K), db).scalars) <= mappingTolerance)
  }

  /// `(2 + s) yᵢ − yᵢ₋₁ − yᵢ₊₁ = bᵢ`: `dy/ds = −K⁻¹y`, and the band is found.
  @Test("A matrix given by its product, solved as the band it is")
  func product() throws {
    let n = 50
    let b = Tensor((0..<n).map { 1 + Double($0 % 3) })
    let shift: Tensor = 0.1
    let rows = (0..<n).map { i in
      (0..<n).map { j in i == j ? 2.1 : (abs(i - j) == 1 ? -1.0 : 0) }
    }
    let y = Tensor(eliminate(rows, b.scalars))
    let conditions = Conditions<Tensor, Tensor>.linearSystem(
      product: { s, y in (2 + s) * y - y.shifted(by: 1) - y.shifted(by: -1) },
      rightHandSide: { _ in b })
    let function = ImplicitFunction<Tensor, Tensor>(forward: { _ in y }, conditions: conditions)
    let dy = try function.pushforward(at: shift, 1)
    let expected = eliminate(rows, y.scalars.map { -$0 })
    #expect(largestGap(dy.value.scalars, expected) <= mappingTolerance)
    #expect(dy.report.linearSolver.contains("anded") || dy.report.linearSolver.contains("ridiag"))
  }

  @Test("A singular matrix is refused")
  func singular() {
    let conditions = Conditions<Tensor, Tensor>.linearSystem(
      matrix: { _ in [[1, 2], [2, 4]] }, rightHandSide: { $0 })
    #expect {
      try jacobian(conditions, at: [1, 2], solution: [1, 0])
    } throws: { error in
      if case DifferentiationError.linearSolve(.singular, _) = error { return true }
      return false
    }
  }
}
