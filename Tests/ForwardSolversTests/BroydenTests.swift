import ForwardSolvers
import ImplicitDifferentiation
import Testing

struct BroydenTests {
  private let A = Tensor([[2, 1, 0], [-1, 3, 0.5], [0.25, -2, 4]])
  private let truth = Tensor([0.5, -1, 0.25])

  /// `A x + x³ − b`, with a nonsymmetric Jacobian and one root.
  private func F(_ x: Tensor) -> Tensor {
    matmul(A, x) + pow(x, 3) - (matmul(A, truth) + pow(truth, 3))
  }

  /// In one unknown the method is the secant method, started with a Newton step.
  @Test func oneUnknownIsTheSecantMethod() throws {
    var points: [Double] = []
    let root = try Broyden(stopping: Stopping(gradientTolerance: 1e-14)).root(
      of: { x in x * x - 2 }, from: Tensor([2]), observing: { points.append($0.point[0]) })
    var expected = [2, 1.5]
    for _ in 2..<points.count {
      let (x, y) = (expected[expected.count - 2], expected[expected.count - 1])
      let (fx, fy) = (x * x - 2, y * y - 2)
      expected.append(y - fy * (y - x) / (fy - fx))
    }
    for (point, secant) in zip(points, expected) { #expect((point - secant).magnitude <= 1e-14) }
    #expect((root.point[0] - 2.0.squareRoot()).magnitude <= 1e-14)
    #expect(root.iterations <= 7)
  }

  @Test(arguments: [Broyden.InitialJacobian.exact, .identity(4)])
  func nonsymmetricSystem(_ first: Broyden.InitialJacobian) throws {
    var norms: [Double] = []
    let root = try Broyden(initialJacobian: first).root(
      of: F, from: .zeros([3]), observing: { norms.append($0.gradientNorm) })
    #expect(distance(root.point, truth) <= 1e-10)
    #expect(root.residualNorm <= 1e-10)
    for (before, after) in zip(norms, norms.dropFirst()) { #expect(after < before) }
    // Superlinear: the last step gains more than the first ones.
    let gains = zip(norms, norms.dropFirst()).map { $1 / $0 }
    #expect(gains[gains.count - 1] < 0.2 * gains[0])
  }

  /// On a linear system one exact Jacobian is enough.
  @Test func linearSystem() throws {
    let root = try Broyden().root(of: { x in matmul(A, x - truth) }, from: .zeros([3]))
    #expect(root.iterations == 1)
    #expect(distance(root.point, truth) <= 1e-14)
    // From a multiple of the identity, 2n steps (D. M. Gay, 1979).
    let blind = try Broyden(initialJacobian: .identity(3)).root(
      of: { x in matmul(A, x - truth) }, from: .zeros([3]))
    #expect(distance(blind.point, truth) <= 1e-10)
    #expect(blind.iterations <= 7)
  }

  /// A new Jacobian at each step is Newton's method; one at every other step is enough.
  @Test func shortMemory() throws {
    func points(_ find: ((Iterate<Tensor>) -> Void) throws -> Void) rethrows -> [Tensor] {
      var points: [Tensor] = []
      try find { points.append($0.point) }
      return points
    }
    let forgetful = try points { observe in
      _ = try Broyden(memory: 1).root(of: F, from: [5, 5, 5], observing: observe)
    }
    let newton = try points { observe in
      _ = try NewtonRootFinder().root(of: F, from: [5, 5, 5], observing: observe)
    }
    #expect(forgetful == newton)
    let root = try Broyden(memory: 2).root(of: F, from: [5, 5, 5])
    #expect(distance(root.point, truth) <= 1e-10)
  }

  /// Rosenbrock's valley as a system: from its bank the first Jacobian leads astray.
  @Test func curvedValley() throws {
    let root = try Broyden().root(
      of: { x -> [Tensor] in [10 * (x.at(1) - x.at(0) * x.at(0)), 1 - x.at(0)] },
      from: Tensor([-1.2, 1]))
    #expect(distance(root.point, [1, 1]) <= 1e-10)
  }

  @Test func startAtTheSolution() throws {
    #expect(try Broyden().root(of: { x in x * x - 4 }, from: Tensor([2])).iterations == 0)
    let stayed = try Broyden(stopping: .after(3)).root(of: { x in x * x - 4 }, from: Tensor([2]))
    #expect(stayed.iterations == 3)
    #expect(stayed.point == Tensor([2]))
  }

  /// `dx/db = J⁻¹` at the root, by unrolling; the error falls with that of the iterates.
  @Test(arguments: [Broyden.InitialJacobian.exact, .identity(4)])
  func unrolled(_ first: Broyden.InitialJacobian) throws {
    let method = Broyden(initialJacobian: first, stopping: Stopping(gradientTolerance: 1e-13))
    let b = matmul(A, truth) + pow(truth, 3)
    let u = Tensor([1, -1, 2])
    let (value, slope) = try valueAndGradient(at: b) { b in
      try method.root(of: { x in matmul(A, x) + pow(x, 3) - b }, from: .zeros([3])).point.dot(u)
    }
    let J = A + (3 * truth * truth).diagonal()
    #expect((value - truth.dot(u)).scalar.magnitude <= 1e-12)
    // One order of convergence behind the point.
    #expect(distance(slope, try solve(J.transposed(), u)) <= 1e-6)
  }

  @Test func errors() throws {
    func failure(
      _ F: (Tensor) throws -> Tensor, from start: Tensor, _ method: Broyden = Broyden()
    ) throws -> ForwardSolverError {
      try #require(throws: ForwardSolverError.self) { try method.root(of: F, from: start) }
    }
    #expect(
      try failure({ $0.slice(0..<1) }, from: [1, 2])
        == .sizeMismatch(
          what: "the residual (one equation for each unknown)", expected: 2, found: 1))
    #expect(
      try failure({ log($0) }, from: [-1])
        == .notFinite(iteration: 0, quantity: "the residual"))
    guard case .newtonStep(1, _) = try failure({ $0 * $0 - 4 }, from: [0]) else {
      Issue.record("a zero Jacobian has no Newton step")
      return
    }
    switch try failure({ $0 * $0 + 1 }, from: [2]) {
    case .residualStuck(_, let norm, _, _), .notConverged(_, let norm, _):
      #expect((1...1.1).contains(norm))
    case let other: Issue.record("\(other)")
    }
    #expect(
      try failure({ $0 }, from: [1], Broyden(memory: 0))
        == .invalidOption(name: "memory", value: "0", requirement: "at least 1"))
    #expect(
      try failure({ $0 }, from: [1], Broyden(initialJacobian: .identity(0)))
        == .invalidOption(name: "identity", value: "0.0", requirement: "finite and not zero"))
  }
}
