import Optimality
import Testing

@testable import ImplicitDifferentiation

@Suite struct NewtonMapConditionsTests {
  /// Two equations with an asymmetric Jacobian and a root in closed form:
  /// `y₀² + y₁ = a, y₀ − y₁ = b` with `y₀ = (−1 + √(1 + 4(a + b)))/2`.
  @Sendable static func equations(_ x: Tensor, _ y: Tensor) -> Tensor {
    [y.at(0) * y.at(0) + y.at(1) - x.at(0), y.at(0) - y.at(1) - x.at(1)]
  }
  static let x = Tensor([2, 0.5])
  static let root: Tensor = {
    let first = 0.5 * (-1 + (1 + 4 * 2.5).squareRoot())
    return Tensor([first, first - 0.5])
  }()

  @Test("One differentiated Newton step is exact to first order")
  func firstOrder() throws {
    let slope = 1 / (1 + 4 * 2.5).squareRoot()
    let J = try jacobian(
      Conditions<Tensor, Tensor>.newtonMap(of: Self.equations), at: Self.x, solution: Self.root)
    #expect(largestGap(J.scalars, [slope, slope, slope, slope - 1]) <= 1e-14)
    let plain = try jacobian(
      Conditions<Tensor, Tensor>.root(Self.equations), at: Self.x, solution: Self.root)
    #expect(largestGap(J.scalars, plain.scalars) <= 1e-14)
  }

  @Test("A = −I at a root")
  func trivialSystem() throws {
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Self.root }, conditions: .newtonMap(of: Self.equations))
    let linearization = try function.linearize(at: Self.x)
    #expect(largestGap(try linearization.A.denseMatrix(), [-1, 0, 0, -1]) <= 1e-14)
  }

  /// For `F = y² − x` at `x = 4`: `y″ = −1/32`, and one step from the constant 2 has `T″ = 0`.
  @Test("The second derivative of a single step is wrong, as documented")
  func secondOrder() throws {
    func step(_ x: Tensor) throws -> Tensor {
      let y: Tensor = 2
      let slope = gradient(at: y) { $0 * $0 - x }
      return y - (y * y - x) / slope
    }
    let second = try gradient(at: 4) { x in try gradient(at: x, of: step) }
    #expect(second.scalar == 0)
  }

  struct Pair: TensorStructure {
    var u: Tensor
    var scale: Tensor
    var v: Tensor
    static var fields: [TensorField<Pair>] {
      [.init("u", \.u), .constant("scale", \.scale), .init("v", \.v)]
    }
  }

  @Test("Structures with constants, and residuals in several tensors")
  func structures() throws {
    let F: @Sendable (Tensor, Pair) -> [Tensor] = { x, y in
      [y.u * y.u + y.scale * y.v - x.at(0), y.u - y.v - x.at(1)]
    }
    let y = Pair(u: Self.root.at(0), scale: 1, v: Self.root.at(1))
    let newton = try jacobian(
      Conditions<Tensor, Pair>.newtonMap(of: F), at: Self.x, solution: y)
    let plain = try jacobian(Conditions<Tensor, Pair>.root(F), at: Self.x, solution: y)
    #expect(largestGap(newton.scalars, plain.scalars) <= 1e-14)
  }

  @Test("Refusals: too few equations, a singular Jacobian")
  func refusals() {
    let short = Conditions<Tensor, Tensor>.newtonMap { x, y in y.slice(0..<1) - x.slice(0..<1) }
    #expect {
      try jacobian(short, at: Self.x, solution: Self.root)
    } throws: { error in
      if case DifferentiationError.sizeMismatch(_, expected: 2, found: 1) = error { return true }
      return false
    }
    let flat = Conditions<Tensor, Tensor>.newtonMap { x, y in y * y - 0 * x }
    #expect {
      try jacobian(flat, at: Self.x, solution: Tensor([0, 0]))
    } throws: { error in
      if case LinearSolveError.singular = error { return true }
      return false
    }
  }
}
