import ForwardSolvers
import ImplicitDifferentiation
import Optimality
import Testing

/// A point of the plane by its coordinates: decision variables need not be one tensor.
private struct Plane: TensorStructure {
  var x: Tensor
  var y: Tensor
  static var fields: [TensorField<Plane>] { [.init("x", \.x), .init("y", \.y)] }
}

/// Parameters of objective, equality and inequality, each read by its own function.
private struct Ellipse: TensorStructure {
  var target: Tensor
  var line: Tensor
  var radius: Tensor
  static var fields: [TensorField<Ellipse>] {
    [.init("target", \.target), .init("line", \.line), .init("radius", \.radius)]
  }
}

/// Both sides are computed with a few dozen operations of numbers near one.
private let closedFormTolerance = 1e-13

private func expectClose(_ a: Tensor, _ b: Tensor, _ tolerance: Double = closedFormTolerance) {
  #expect(a.shape == b.shape)
  #expect((a - b).norm(.infinity).scalar <= tolerance)
}

@Suite struct ConstrainedProblemTests {
  /// min ½‖z − x‖² with ½(‖z‖² − 1) ≤ 0: z = x/‖x‖, λ = ‖x‖ − 1, dz/dx = (I − zzᵀ)/‖x‖.
  @Test(arguments: [ComplementarityForm.activeSet, .products])
  func theProjectionOnABall(_ form: ComplementarityForm) throws {
    let ball = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { x, z in 0.5 * (z - x).squaredNorm() },
        inequalities: { _, z in 0.5 * (z.squaredNorm() - 1) }),
      primalSolver: { x in x / max(x.norm(), 1) }, form: form)
    let x: Tensor = [1.2, -0.6, 0.9]
    let length = x.norm()
    let z = x / length
    let linearization = try ball.linearize(at: x)
    expectClose(linearization.solution.inequalityMultipliers, (length - 1).reshaped([1]))
    let jacobian = try linearization.jacobian().value
    expectClose(jacobian.slice(0..<3), (Tensor.identity(3) - outer(z, z)) / length)
    expectClose(jacobian.at(3), z)
    // Inside the ball nothing is active, and z = x.
    let inside = try ball.linearize(at: [0.1, 0.2, -0.3]).jacobian().value
    expectClose(inside.slice(0..<3), .identity(3))
    expectClose(inside.at(3), .zeros([3]))
  }

  /// The corrected KKT system of softmax: min zᵀ(log z) − zᵀθ with 1ᵀz = 1 and −z ≤ 0.
  @Test(arguments: [ComplementarityForm.activeSet, .products])
  func softmaxByItsKKTConditions(_ form: ComplementarityForm) throws {
    let softmax = ImplicitFunction<Tensor, KKTPoint<Tensor>>(
      forward: { theta in
        KKTPoint(
          primal: theta.softmax(),
          equalityMultipliers: (theta.logSumExp() - 1).reshaped([1]),
          inequalityMultipliers: .zeros(theta.shape))
      },
      conditions: .kkt(
        objective: { theta, z in z.dot(log(z)) - z.dot(theta) },
        equalities: { _, z in z.sum() - 1 }, inequalities: { _, z in -z }, form: form))
    let theta: Tensor = [0.3, -1, 0.5, 2]
    let z = theta.softmax()
    let jacobian = try softmax.jacobian(at: theta).value
    expectClose(jacobian.slice(0..<4), z.diagonal() - outer(z, z))
    expectClose(jacobian.at(4), z)
    expectClose(jacobian.slice(5..<9), .zeros([4, 4]))
  }

  /// Several decision tensors, separate parameters: the point of x + y = line nearest to a target,
  /// within a disc that it touches.
  @Test func structuredProblemsWithSeparateParameters() throws {
    let problem = ConstrainedProblem<Ellipse, Plane>(
      objective: { p, z in
        0.5 * (pow(z.x - p.target.at(0), 2) + pow(z.y - p.target.at(1), 2))
      },
      equalities: { p, z in z.x + z.y - p.line },
      inequalities: { p, z in z.x * z.x + z.y * z.y - p.radius * p.radius })
    // The line x + y = s meets the circle of radius r at ½s ± √(½r² − ¼s²).
    let minimum = ConstrainedMinimum(
      problem,
      primalSolver: { p in
        let half = sqrt(0.5 * p.radius * p.radius - 0.25 * p.line * p.line)
        return Plane(x: 0.5 * p.line + half, y: 0.5 * p.line - half)
      })
    let data = Ellipse(target: [3, -1], line: 1.4, radius: 1)
    let linearization = try minimum.linearize(at: data)
    #expect(try minimum.activeSet(at: data).active == [0])
    let gradient = try linearization.primalPullback(Plane(x: 1, y: 0)).value
    // x = ½s + √(½r² − ¼s²) = 0.8, so dx/ds = ½ − s/(4·0.1), dx/dr = r/(2·0.1).
    expectClose(gradient.target, [0, 0])
    expectClose(gradient.line, -3, 1e-12)
    expectClose(gradient.radius, 5, 1e-12)
    // V = ½((0.8 − 3)² + (0.6 + 1)²): dV = (0.8 − 3) dx + (0.6 + 1) dy, with y = s − x.
    let value = try minimum.optimalValueAndGradient(at: data)
    expectClose(Tensor(value.value), 3.7)
    expectClose(value.gradient.target, [2.2, -1.6], 1e-12)
    expectClose(value.gradient.line, Tensor(-3.8 * -3 + 1.6), 1e-11)
    expectClose(value.gradient.radius, Tensor(-3.8 * 5), 1e-11)
  }

  /// KKT conditions and projected gradient describe one solution: they agree.
  @Test(arguments: 0..<5) func projectedGradientAgrees(_ seed: Int) throws {
    var random = TestRandom(seed: 40 + UInt64(seed))
    let features = Tensor(random.matrix(7, 5))
    let x = Tensor(random.vector(7))
    let objective: @Sendable (Tensor, Tensor) -> Tensor = { x, z in
      0.5 * (matmul(features, z) - x).squaredNorm()
    }
    let solver: @Sendable (Tensor) throws -> KKTPoint<Tensor> = { x in
      let solution = try InteriorPoint().solve(
        Q: matmul(features, features, transposingLeft: true),
        c: -matmul(features, x, transposingLeft: true), A: .ones([1, 5]), b: [1],
        G: -Tensor.identity(5), h: .zeros([5]))
      return KKTPoint(
        primal: solution.point, equalityMultipliers: solution.equalityMultipliers,
        inequalityMultipliers: solution.inequalityMultipliers)
    }
    let kkt = ConstrainedMinimum(
      ConstrainedProblem(
        objective: objective, equalities: { _, z in z.sum() - 1 }, inequalities: { _, z in -z }),
      solver: solver)
    let projected = ImplicitFunction<Tensor, Tensor>(
      forward: { try solver($0).primal },
      conditions: .projectedGradient(of: objective, onto: { _, z in try Projection.simplex(z) }))
    #expect(try kkt.activeSet(at: x).complementarityMargin > 1e-3)
    let a = try kkt.linearize(at: x).jacobian().value.slice(0..<5)
    expectClose(a, try projected.jacobian(at: x).value, 1e-9)
  }

  /// The recorded steps of an interior-point method have the same derivative.
  @Test(arguments: [0, 1, 4, 9, 14]) func theUnrolledInteriorPointMethodAgrees(_ k: Int) throws {
    let random = RandomProgram.all[k]
    var generator = TestRandom(seed: UInt64(k))
    let weights = Tensor(generator.vector(random.solution.primal.count))
    let unrolled = try gradient(at: random.program) { program in
      try InteriorPoint().solve(
        Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h
      ).point.dot(weights)
    }
    let minimum = ConstrainedMinimum(
      QuadraticProgram.problem,
      solver: { program in
        let solution = try InteriorPoint().solve(
          Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h)
        return KKTPoint(
          primal: solution.point, equalityMultipliers: solution.equalityMultipliers,
          inequalityMultipliers: solution.inequalityMultipliers)
      })
    let implicit = try minimum.linearize(at: random.program).primalPullback(weights).value
    let scale = implicit.flattened().reduce(1) { max($0, $1.magnitude) }
    for (a, b) in zip(unrolled.flattened(), implicit.flattened()) {
      // Systems with condition numbers up to about 1e5.
      #expect((a - b).magnitude <= 1e-9 * scale)
    }
  }

  @Test func anObjectiveIsOneNumber() {
    let function = ImplicitFunction<Tensor, KKTPoint<Tensor>>(
      forward: { KKTPoint(primal: $0) }, conditions: .kkt(objective: { x, z in z - x }))
    #expect(throws: DifferentiationError.notScalar(shape: [2])) {
      try function.linearize(at: [1, 2])
    }
  }

  @Test func withoutConstraintsTheConditionsAreStationarity() throws {
    let function = ImplicitFunction<Tensor, KKTPoint<Tensor>>(
      forward: { x in KKTPoint(primal: 0.5 * x) },
      conditions: .kkt(objective: { x, z in z.squaredNorm() - x.dot(z) }))
    expectClose(try function.jacobian(at: [1, 2]).value, 0.5 * Tensor.identity(2))
  }
}
