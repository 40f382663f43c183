import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// Solvers of `ForwardSolvers` written as steps: the same points, the same derivatives.
struct StepSolverTests {
  private let M: Tensor = [[2, 0.5, 0], [0.5, 1, -0.25], [0, -0.25, 3]]

  @Sendable private func objective(_ x: Tensor, _ y: Tensor) -> Tensor {
    0.5 * y.dot(matmul(M, y)) + (softplus(y) * x).sum()
  }

  @Test func gradientDescent() throws {
    let x = Tensor([1, -0.5, 2])
    let steps = UnrolledSolver.gradientDescent(
      of: { [M] x, y in 0.5 * y.dot(matmul(M, y)) + (softplus(y) * x).sum() }, stepSize: 0.3,
      from: .zeros([3]), iterations: 40)
    let forward = { (x: Tensor) in
      try GradientDescent(stepSize: .fixed(0.3), stopping: .after(40))
        .minimum(of: { y in objective(x, y) }, from: .zeros([3])).point
    }
    let recording = try linearization(at: x, of: forward)
    let w = Tensor([1, 2, -1])
    let pulled = try steps.pullback(at: x, cotangent: w, method: .checkpoints(slots: 4))
    #expect(pulled.solution == recording.value)
    #expect(relativeError(pulled.value, try recording.pullback(w)) <= 1e-12)
    let pushed = try steps.pushforward(at: x, along: w, method: .everything)
    #expect(relativeError(pushed.value, try recording.pushforward(w)) <= 1e-12)
  }

  @Test func fixedPoint() throws {
    let x = Tensor([0.3, 0.8])
    let T: @Sendable (Tensor, Tensor) -> Tensor = { x, y in 0.5 * cos(y) + x * y.sum() / 4 }
    let steps = UnrolledSolver.fixedPoint(of: T, from: { x in x }, iterations: 25)
    let recording = try linearization(at: x) { x in
      try FixedPointIteration(memory: 0, stopping: .after(25)).fixedPoint(
        of: { y in T(x, y) }, from: x
      ).point
    }
    let pulled = try steps.pullback(at: x, cotangent: [1, -3], method: .everySteps(5))
    // The forward solver adds the defect, y + (T − y): rounding apart the same.
    #expect(relativeError(pulled.solution, recording.value) <= 1e-15)
    #expect(relativeError(pulled.value, try recording.pullback([1, -3])) <= 1e-12)
  }

  /// Potentials of entropic transport; the masses `a` are the input.
  private struct Potentials: TensorStructure {
    var u: Tensor
    var v: Tensor
    static var fields: [TensorField<Potentials>] { [.init("u", \.u), .init("v", \.v)] }
  }

  @Test func sinkhorn() throws {
    let cost: Tensor = [[0, 1, 2.5], [1, 0.25, 1], [2, 1.5, 0]]
    let a = Tensor([0.2, 0.5, 0.3])
    let b = Tensor([0.4, 0.35, 0.25])
    let epsilon = 0.5
    let kernel = cost.scaled(by: -1 / epsilon)
    let logB = log(b)
    let steps = UnrolledSolver<Tensor, Potentials>(
      start: { _ in Potentials(u: .zeros([3]), v: .zeros([3])) },
      step: { a, state in
        let u = log(a) - (kernel + state.v).logSumExp(alongAxis: 1)
        return Potentials(u: u, v: logB - (kernel + u.reshaped([3, 1])).logSumExp(alongAxis: 0))
      }, iterations: 30)
    let recording = try linearization(at: a) { a in
      try Sinkhorn(epsilon: epsilon, stopping: .after(30))
        .transport(cost: cost, from: a, to: b).plan
    }
    func plan(_ state: Potentials) -> Tensor {
      exp(kernel + state.u.reshaped([3, 1]) + state.v)
    }
    let weights: Tensor = [[1, -1, 0.5], [0, 2, 1], [0.25, 0, -1]]
    let pulled = try steps.pullback(
      at: a,
      cotangent: { state in gradient(at: state) { state in (weights * plan(state)).sum() } },
      method: .checkpoints(slots: 3))
    #expect(relativeError(plan(pulled.solution), recording.value) <= 1e-14)
    // The gradient is that of masses on the plane Σ a = 1: the constant is a matter of extension.
    func onPlane(_ v: Tensor) -> Tensor { v - v.mean() }
    #expect(
      relativeError(onPlane(pulled.value), onPlane(try recording.pullback(weights))) <= 1e-12)
  }
}
