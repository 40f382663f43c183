import ForwardSolvers
import ImplicitDifferentiation
import Testing

struct NewtonRootFinderTests {
  /// `x² − a` from 2: `eₖ₊₁ = eₖ² / 2xₖ`, exactly.
  @Test func quadraticConvergence() throws {
    var points: [Double] = []
    let root = try NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-15)).root(
      of: { x in x * x - 2 }, from: Tensor([2]), observing: { points.append($0.point[0]) })
    let exact = 2.0.squareRoot()
    for (before, after) in zip(points, points.dropFirst()) {
      let error = before - exact
      // Rounding of the points.
      #expect((after - exact - error * error / (2 * before)).magnitude <= 4e-16)
    }
    #expect(root.iterations == 5)
    #expect(root.point[0].bitPattern.distance(to: exact.bitPattern).magnitude <= 1)
  }

  /// A nonsymmetric system: rotation and scaling, then a cubic; root at the origin's image.
  @Test func nonsymmetricSystem() throws {
    let A = Tensor([[2, 1, 0], [-1, 3, 0.5], [0.25, -2, 4]])
    let truth = Tensor([0.5, -1, 0.25])
    let b = matmul(A, truth) + pow(truth, 3)
    let root = try NewtonRootFinder().root(
      of: { x in matmul(A, x) + pow(x, 3) - b }, from: .zeros([3]))
    #expect(distance(root.point, truth) <= 1e-10)
    #expect(root.iterations <= 8)
    #expect(root.evaluations == root.iterations + 1)
  }

  /// Full steps diverge from here; shorter ones do not. The system of several tensors has a diagonal
  /// Jacobian.
  @Test func dampingAndStructures() throws {
    func F(_ x: [Tensor]) -> [Tensor] { x.map { $0 / sqrt(1 + $0 * $0) - 0.1 } }
    let root = try NewtonRootFinder().root(of: F, from: [Tensor([1.2, -1.3]), Tensor(1.5)])
    let exact = 0.1 / 0.99.squareRoot()
    #expect(root.point.count == 2)
    #expect(distance(root.point[0], Tensor([exact, exact])) <= 1e-10)
    #expect(distance(root.point[1], Tensor(exact)) <= 1e-10)
    #expect(root.evaluations > root.iterations + 1)
  }

  @Test func startAtTheSolution() throws {
    let root = try NewtonRootFinder().root(of: { x in x * x - 4 }, from: Tensor([2]))
    #expect(root.iterations == 0)
    let stayed = try NewtonRootFinder(stopping: .after(3)).root(
      of: { x in x * x - 4 }, from: Tensor([2]))
    #expect(stayed.iterations == 3)
    #expect(stayed.point == Tensor([2]))
  }

  @Test func errors() throws {
    func failure(
      _ F: (Tensor) throws -> Tensor, from start: Tensor,
      _ stopping: Stopping = Stopping(maximumIterations: 50)
    ) throws -> ForwardSolverError {
      try #require(throws: ForwardSolverError.self) {
        try NewtonRootFinder(stopping: stopping).root(of: F, from: start)
      }
    }
    #expect(
      try failure({ $0.slice(0..<1) }, from: Tensor([1, 2]))
        == .sizeMismatch(
          what: "the residual (one equation for each unknown)", expected: 2, found: 1))
    #expect(
      try failure({ log($0) }, from: Tensor([-1]))
        == .notFinite(iteration: 0, quantity: "the residual"))
    #expect(
      try failure({ $0 }, from: Tensor([.nan])) == .notFinite(iteration: 0, quantity: "the start"))
    // x² + 1 has no root: damping stalls, or the Jacobian at the minimum of ‖F‖ is singular.
    switch try failure({ $0 * $0 + 1 }, from: Tensor([2])) {
    case .residualStuck(_, let norm, _, _), .notConverged(_, let norm, _):
      #expect((1...1.1).contains(norm))
    case let other: Issue.record("\(other)")
    }
    guard case .newtonStep(1, _) = try failure({ $0 * $0 - 4 }, from: Tensor([0])) else {
      Issue.record("a zero Jacobian has no Newton step")
      return
    }
    let slow = Stopping(gradientTolerance: 1e-14, maximumIterations: 3)
    guard
      case .notConverged(3, let norm, 1e-14) = try failure({ pow($0, 3) }, from: Tensor([1]), slow)
    else {
      Issue.record("a triple root is approached linearly")
      return
    }
    // The error shrinks by 2/3 at each step: (2/3)³ cubed.
    #expect((norm - 512.0 / 19683).magnitude < 1e-15)
  }
}
