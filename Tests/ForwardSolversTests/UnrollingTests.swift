import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// Solvers run on traced tensors: the derivative is that of the steps as they were taken.
struct UnrollingTests {
  /// `k` steps `w ← w − α (H w − b)` and their derivative in the penalty, `ẇ ← ẇ − α (H ẇ + w)`,
  /// by hand.
  private func derivativeByHand(_ problem: RidgeProblem, steps: [Double]) -> (Tensor, Tensor) {
    let n = Tensor(Double(problem.target.count))
    let b = matmul(problem.features, problem.target, transposingLeft: true) / n
    var (w, dw) = (Tensor.zeros([5]), Tensor.zeros([5]))
    for step in steps {
      let change = matmul(problem.hessian, dw) + w
      dw = dw - change.scaled(by: step)
      w = w - (matmul(problem.hessian, w) - b).scaled(by: step)
    }
    return (w, dw)
  }

  @Test(arguments: [0, 1, 2, 10, 100])
  func gradientDescentIsItsOwnRecurrence(_ k: Int) throws {
    let problem = try RidgeProblem()
    let step = 1 / problem.largest
    let descent = GradientDescent(stepSize: .fixed(step), stopping: .after(k))
    let solver = { (penalty: Tensor) in
      try descent.minimum(of: { w in problem.objective(penalty, w) }, from: .zeros([5])).point
    }
    let (point, derivative) = derivativeByHand(problem, steps: Array(repeating: step, count: k))
    let recording = try linearization(at: problem.penalty, of: solver)
    // Rounding alone: a few ulps for each of the k steps.
    let tolerance = 1e-15 * Double(k + 5)
    #expect(distance(recording.value, point) <= tolerance)
    #expect(
      distance(try recording.pushforward(1), derivative)
        <= tolerance * (derivative.norm().scalar + 1))
    let cotangent = Tensor([1, -2, 0.5, 3, -1])
    let pulled = try recording.pullback(cotangent).scalar
    let expected = derivative.dot(cotangent).scalar
    #expect((pulled - expected).magnitude <= 10 * tolerance * (derivative.norm().scalar + 1))
    // Recording does not change the numbers.
    #expect(try solver(problem.penalty) == recording.value)
  }

  /// Recorded bytes grow with the steps, evenly.
  @Test func recordingGrowsLinearly() throws {
    let problem = try RidgeProblem()
    func bytes(_ k: Int) throws -> Int {
      let descent = GradientDescent(stepSize: .fixed(1), stopping: .after(k))
      return try linearization(at: problem.penalty) { penalty in
        try descent.minimum(of: { w in problem.objective(penalty, w) }, from: .zeros([5])).point
      }.recordedBytes
    }
    let (ten, twenty, thirty) = (try bytes(10), try bytes(20), try bytes(30))
    #expect(twenty > ten)
    #expect(thirty - twenty == twenty - ten)
  }

  /// `∂wₖ/∂w₀ = (I − H/L)ᵏ`: along an eigenvector `(1 − λ/L)ᵏ`.
  @Test func derivativeInTheStartDecays() throws {
    let problem = try RidgeProblem()
    let descent = GradientDescent(
      stepSize: .fixed(1 / problem.largest), stopping: .after(30))
    let lambda = problem.eigenvalues[2]
    let vector = Tensor(problem.eigenvectors[2])
    let pushed = try valueAndPushforward(at: Tensor.ones([5]), along: vector) { start in
      try descent.minimum(of: { w in problem.objective(problem.penalty, w) }, from: start).point
    }.tangent
    var factor = 1.0
    for _ in 0..<30 { factor *= 1 - lambda / problem.largest }
    #expect(distance(pushed, vector.scaled(by: factor)) <= 1e-14)
  }

  /// Step lengths that a search finds are constants of the derivative.
  @Test func backtrackingLengthsAreConstants() throws {
    let problem = try RidgeProblem()
    let descent = GradientDescent(
      stepSize: .backtracking(initial: 16, shrinkage: 0.4), stopping: .after(12))
    var steps: [Double] = []
    let (point, pushed) = try valueAndPushforward(at: problem.penalty, along: 1) { penalty in
      try descent.minimum(
        of: { w in problem.objective(penalty, w) }, from: .zeros([5]),
        observing: { if $0.iteration > 0 { steps.append($0.stepLength) } }
      ).point
    }
    #expect(Set(steps).count > 1)
    let (expectedPoint, expected) = derivativeByHand(problem, steps: steps)
    #expect(distance(point, expectedPoint) <= 1e-14)
    #expect(relativeDistance(pushed, expected) <= 1e-13)
  }

  static let solvers: [any Minimizer] = [
    LBFGS(stopping: .after(4)), LBFGS(memory: 2, stopping: .after(6)),
    Newton(stopping: .after(2)),
    Newton(linearSystem: .conjugateGradients(maximumIterations: 3), stopping: .after(2)),
  ]

  /// Few steps, far from convergence: the derivative is that of the computed iterate, so it agrees
  /// with differences of the same few steps (which here accept the same lengths on both sides).
  @Test(arguments: solvers.indices)
  func fewStepsAgreeWithDifferences(_ index: Int) throws {
    let problem = try RidgeProblem()
    let solver = UnrollingTests.solvers[index]
    func run(_ penalty: Tensor) throws -> Tensor {
      try solver.minimum(
        of: { w in problem.objective(penalty, w) + exp(w).sum() / 10 }, from: .zeros([5])
      ).point
    }
    let pushed = try valueAndPushforward(at: Tensor(0.3), along: 1, of: run).tangent
    let h = 1e-5
    let difference = (try run(Tensor(0.3 + h)) - run(Tensor(0.3 - h))) / Tensor(2 * h)
    // ε^⅔ ≈ 4e-11 for central differences, times a third derivative of 10 to 100.
    #expect(relativeDistance(pushed, difference) <= 1e-8)
    #expect(pushed.norm().scalar > 1e-3)
  }

  static let converging: [any Minimizer] = [
    GradientDescent(stepSize: .fixed(0.2), stopping: Stopping(gradientTolerance: 1e-12)),
    GradientDescent(stopping: Stopping(gradientTolerance: 1e-12)),
    LBFGS(stopping: Stopping(gradientTolerance: 1e-12)),
    Newton(stopping: Stopping(gradientTolerance: 1e-12)),
    Newton(linearSystem: .conjugateGradients(), stopping: Stopping(gradientTolerance: 1e-12)),
  ]

  /// `min Σ eˣ − a x` is at `log a`, with the derivative `1/a`; converged unrolling finds it, in
  /// loops of any form, ended by comparisons of traced tensors' values.
  @Test(arguments: converging.indices)
  func convergedUnrollingIsImplicit(_ index: Int) throws {
    let a = Tensor([0.5, 2, 3])
    let solver = UnrollingTests.converging[index]
    let recording = try linearization(at: a) { a in
      try solver.minimum(of: { x in (exp(x) - a * x).sum() }, from: .zeros([3])).point
    }
    #expect(distance(recording.value, log(a)) <= 1e-11)
    // Unrolled derivatives lag behind the iterates by a factor of the number of steps, about 100
    // for gradient descent; the last Newton step alone makes the derivative exact to first order,
    // which leaves the error before it: 1e-6.
    let tolerance = 1e-5
    #expect(distance(try recording.pushforward([1, 1, 1]), 1 / a) <= tolerance)
    let pulled = try recording.pullback([1, 0, -1])
    #expect(distance(pulled, Tensor([2, 0, -1.0 / 3])) <= tolerance)
  }

  @Test func newtonRoots() throws {
    let recording = try linearization(at: Tensor([2, 9, 0.25])) { x in
      try NewtonRootFinder().root(of: { y in y * y - x }, from: .ones([3])).point
    }
    let expected = Tensor([0.5 / 2.0.squareRoot(), 1.0 / 6, 1])
    // One step after the last residual above the tolerance: converged quadratically.
    #expect(distance(try recording.pushforward([1, 1, 1]), expected) <= 1e-10)
    #expect(distance(try recording.pullback([1, 1, 1]), expected) <= 1e-10)
  }

  /// A Jacobian that is not symmetric: `M y + y³ = x`, `dy/dx = (M + 3 diag y²)⁻¹`.
  @Test func nonsymmetricRoots() throws {
    let M = Tensor([[2, 1, 0], [-1, 3, 0.5], [0.25, -2, 4]])
    let recording = try linearization(at: Tensor([1, -2, 0.5])) { x in
      try NewtonRootFinder().root(of: { y in matmul(M, y) + pow(y, 3) - x }, from: .zeros([3]))
        .point
    }
    let y = recording.value
    let A = M + (3 * y * y).diagonal()
    let v = Tensor([1, 2, -1])
    #expect(try distance(recording.pushforward(v), solve(A, v)) <= 1e-10)
    #expect(try distance(recording.pullback(v), solve(A.transposed(), v)) <= 1e-10)
  }

  /// Derivatives nest: the second derivative in the penalty is `2 H⁻² w*`.
  @Test func secondDerivative() throws {
    let base = try RidgeProblem()
    let problem = try RidgeProblem(features: base.features, target: base.target, penalty: 0.5)
    let descent = GradientDescent(
      stepSize: .fixed(1 / problem.largest), stopping: .after(120))
    let second = try valueAndPushforward(at: problem.penalty, along: 1) { penalty in
      try valueAndPushforward(at: penalty, along: 1) { penalty in
        try descent.minimum(of: { w in problem.objective(penalty, w) }, from: .zeros([5])).point
      }.tangent
    }.tangent
    let expected = 2 * (try solve(problem.hessian, solve(problem.hessian, problem.solution)))
    // ρ = 1 − μ/L = 0.5: after 120 steps only rounding is left.
    #expect(relativeDistance(second, expected) <= 1e-13)
  }

  /// A solver as the black box of an implicit function.
  @Test func blackBox() throws {
    let problem = try RidgeProblem()
    let ridge = ImplicitFunction<Tensor, Tensor>(
      forward: { penalty in
        try LBFGS().minimum(of: { w in problem.objective(penalty, w) }, from: .zeros([5])).point
      },
      conditions: .stationary { penalty, w in problem.objective(penalty, w) })
    let derivative = try ridge.pushforward(at: problem.penalty, 1).value
    // ‖H⁻¹‖ times the distance of the iterate, itself at most 1e-10 / μ.
    #expect(
      distance(derivative, problem.derivative) <= 1e-10 / (problem.smallest * problem.smallest))
  }
}
