import ForwardSolvers
import ImplicitDifferentiation
import Testing

struct FixedPointIterationTests {
  /// A nonsymmetric contraction `M x + b` with a known fixed point.
  private let M = Tensor([[0.5, 0.3, 0], [-0.2, 0.4, 0.1], [0.1, -0.3, 0.6]])
  private let truth = Tensor([1, -2, 0.5])
  private var b: Tensor { truth - matmul(M, truth) }

  private func T(_ x: Tensor) -> Tensor { matmul(M, x) + b }

  /// Without a memory the method is the iteration itself.
  @Test func plainIteration() throws {
    let plain = FixedPointIteration(memory: 0, stopping: .after(7))
    let found = try plain.fixedPoint(of: { T($0) }, from: .zeros([3]))
    var x = Tensor.zeros([3])
    // x + (T(x) − x), which rounds differently from T(x).
    for _ in 0..<7 { x += T(x) - x }
    #expect(found.point == x)
    #expect(found.iterations == 7)
    #expect(found.evaluations == 8)
    let damped = FixedPointIteration(memory: 0, damping: 0.5, stopping: .after(1))
    #expect(
      try damped.fixedPoint(of: { T($0) }, from: .zeros([3])).point == b.scaled(by: 0.5))
  }

  /// On a linear map of `n` unknowns the mixing ends after `n + 1` steps, also where the iteration
  /// itself diverges.
  @Test(arguments: [1, -3, 10])
  func linearMapsEndAfterSizePlusOne(_ factor: Double) throws {
    let N = M.scaled(by: factor)
    let c = truth - matmul(N, truth)
    let accelerated = FixedPointIteration(memory: 5, stopping: Stopping(gradientTolerance: 1e-11))
    let found = try accelerated.fixedPoint(of: { x in matmul(N, x) + c }, from: .zeros([3]))
    #expect(distance(found.point, truth) <= 1e-10)
    #expect(found.iterations <= 5)
  }

  /// `x = cos x` to rounding, in a fraction of the iterations.
  @Test func dottieNumber() throws {
    let stopping = Stopping(gradientTolerance: 1e-15)
    func count(_ memory: Int) throws -> Int {
      let found = try FixedPointIteration(memory: memory, stopping: stopping).fixedPoint(
        of: { cos($0) }, from: Tensor([1]))
      #expect((found.point[0] - 0.7390851332151607).magnitude <= 1e-15)
      #expect(found.residualNorm <= 1e-15)
      return found.iterations
    }
    let (plain, accelerated) = (try count(0), try count(3))
    #expect(plain > 60 && accelerated < 10)
  }

  /// A nonlinear map in many unknowns: the averages of neighbours through a hyperbolic tangent.
  @Test func manyUnknowns() throws {
    func map(_ x: Tensor) -> Tensor {
      tanh(0.49 * (x.shifted(by: 1) + x.shifted(by: -1))) + 0.1
    }
    let stopping = Stopping(gradientTolerance: 1e-12)
    let start = Tensor.zeros([200])
    let plain = try FixedPointIteration(memory: 0, stopping: stopping).fixedPoint(
      of: { map($0) }, from: start)
    let mixed = try FixedPointIteration(memory: 8, stopping: stopping).fixedPoint(
      of: { map($0) }, from: start)
    #expect(distance(mixed.point, map(mixed.point)) <= 1e-12)
    #expect(distance(mixed.point, plain.point) <= 1e-10)
    #expect(mixed.iterations < plain.iterations / 2)
  }

  /// Structures keep their shapes and their constants.
  @Test func structures() throws {
    let found = try FixedPointIteration().fixedPoint(
      of: { (x: TwoParts) in
        var image = x
        image.matrix = 0.5 * (x.matrix + x.offset)
        image.scalar = cos(x.scalar)
        return image
      }, from: TwoParts.start)
    #expect(distance(found.point.matrix, TwoParts.start.offset) <= 1e-9)
    #expect(found.point.offset == TwoParts.start.offset)
    #expect((found.point.scalar.scalar - 0.7390851332151607).magnitude <= 1e-9)
  }

  /// The mixture leaves the domain of the logarithm: the plain step is taken instead.
  @Test func safeguard() throws {
    var arguments: [Double] = []
    let found = try FixedPointIteration(memory: 3).fixedPoint(
      of: { x in
        arguments.append(x.withoutDerivative[0])
        return log(x) + 2
      }, from: Tensor([0.6]))
    #expect((found.point[0] - 3.146193220620583).magnitude <= 1e-10)
    #expect(arguments.contains { $0 <= 0 }, "the safeguard was not needed")
    #expect(found.evaluations > found.iterations + 1)
  }

  /// The unrolled derivative of `x = θ cos x` is `cos x / (1 + θ sin x)`.
  @Test(arguments: [0, 3])
  func unrolled(_ memory: Int) throws {
    let method = FixedPointIteration(memory: memory, stopping: Stopping(gradientTolerance: 1e-14))
    let theta = 0.9
    let (x, slope) = try valueAndGradient(at: Tensor(theta)) { theta in
      try method.fixedPoint(of: { x in theta * cos(x) }, from: Tensor([1])).point.sum()
    }
    let expected = cos(x).scalar / (1 + theta * sin(x).scalar)
    #expect((slope.scalar - expected).magnitude <= 1e-11)
  }

  @Test func unrolledLinearMap() throws {
    let method = FixedPointIteration(memory: 4, stopping: Stopping(gradientTolerance: 1e-13))
    let u = Tensor([1, -1, 2])
    let slope = try gradient(at: b) { b in
      try method.fixedPoint(of: { x in matmul(M, x) + b }, from: .zeros([3])).point.dot(u)
    }
    let expected = try solve((Tensor.identity(3) - M).transposed(), u)
    #expect(distance(slope, expected) <= 1e-9)
  }

  @Test func errors() throws {
    func failure(
      _ method: FixedPointIteration, _ T: (Tensor) throws -> Tensor, from start: Tensor = [1]
    ) throws -> ForwardSolverError {
      try #require(throws: ForwardSolverError.self) { try method.fixedPoint(of: T, from: start) }
    }
    let plain = FixedPointIteration(memory: 0, stopping: Stopping(maximumIterations: 5))
    guard case .notConverged(5, _, 1e-10) = try failure(plain, { cos($0) }) else {
      Issue.record("five iterations are not enough")
      return
    }
    // Doubling 100 times: the defect is 2ᵏ.
    guard
      case .diverged(100, _) = try failure(FixedPointIteration(memory: 0), { 2 * $0 })
    else {
      Issue.record("\(try failure(FixedPointIteration(memory: 0), { 2 * $0 }))")
      return
    }
    #expect(
      try failure(plain, { log($0 - 2) }) == .notFinite(iteration: 0, quantity: "the residual"))
    #expect(
      try failure(plain, { _ in [1, 2] })
        == .sizeMismatch(
          what: "the value of the map (as many as unknowns)", expected: 1, found: 2))
    #expect(
      try failure(FixedPointIteration(memory: -1), { $0 })
        == .invalidOption(name: "memory", value: "-1", requirement: "at least 0"))
    #expect(
      try failure(FixedPointIteration(damping: 0), { $0 })
        == .invalidOption(name: "damping", value: "0.0", requirement: "above 0 and at most 1"))
  }
}
