import ForwardSolvers
import ImplicitDifferentiation
import Testing

@Suite struct MirrorDescentTests {
  static let Q = Tensor([
    [3, 0.5, -0.25, 0], [0.5, 2, 0.5, 0.25], [-0.25, 0.5, 4, 1], [0, 0.25, 1, 3],
  ])
  static let c = Tensor([0.2, 0.1, 0.6, 0.3])
  static func quadratic(_ y: Tensor) -> Tensor { 0.5 * y.dot(matmul(Q, y)) - c.dot(y) }

  static let stopping = Stopping(gradientTolerance: 1e-12, maximumIterations: 20_000)
  /// Gradients to 1e-12 on the simplex, times the condition of `Q` there and steps below 1.
  static let tolerance = 1e-10

  /// `[[Q, 1], [1ᵀ, 0]] (y, ν) = (c, 1)`.
  static func solution(_ c: Tensor) throws -> Tensor {
    let border = Tensor.ones([4, 1])
    let matrix = Tensor.concatenate(
      [
        Tensor.concatenate([Q, border], alongAxis: 1),
        Tensor.concatenate([border.transposed(), Tensor.zeros([1, 1])], alongAxis: 1),
      ], alongAxis: 0)
    return try solve(matrix, Tensor.concatenate([c, [1]])).slice(0..<4)
  }

  @Test(
    "A quadratic on the simplex",
    arguments: [
      MirrorDescent.StepSize.backtracking(), .backtracking(initial: 1e3),
      .backtracking(initial: 1e-3),
      .fixed(0.25),
    ])
  func quadraticOnSimplex(_ stepSize: MirrorDescent.StepSize) throws {
    let minimum = try MirrorDescent(stepSize: stepSize, stopping: Self.stopping).minimumOnSimplex(
      of: Self.quadratic, from: Tensor([1, 2, 3, 4]))
    let expected = try Self.solution(Self.c)
    #expect(expected.min() > 0.01)
    #expect((minimum.point - expected).norm(.infinity).scalar <= Self.tolerance)
    #expect(abs(minimum.point.sum().scalar - 1) <= 1e-15 * 4)
    #expect(minimum.gradientNorm <= 1e-12)
  }

  @Test("Backtracking makes a convex objective fall at every step")
  func descent() throws {
    var values: [Double] = []
    _ = try MirrorDescent(stepSize: .backtracking(initial: 50), stopping: Self.stopping)
      .minimumOnSimplex(
        of: Self.quadratic, from: Tensor([0.97, 0.01, 0.01, 0.01]),
        observing: { values.append($0.value) })
    // Up to rounding of the values, at the end.
    #expect(zip(values, values.dropFirst()).allSatisfy { $1 <= $0 + 1e-15 })
    #expect(values.count > 5)
  }

  @Test("Entropy in the objective: one step of size 1 is the softmax")
  func oneStep() throws {
    let theta = Tensor([0.5, -1, 2])
    let minimum = try MirrorDescent(stepSize: .fixed(1), stopping: Self.stopping).minimumOnSimplex(
      of: { y in (y * log(y)).sum() - theta.dot(y) }, from: Tensor([0.2, 0.5, 0.3]))
    #expect((minimum.point - theta.softmax()).norm(.infinity).scalar <= 1e-15)
    #expect(minimum.iterations <= 2)
  }

  @Test("Rows of a matrix are simplices of their own")
  func rows() throws {
    let goal = Tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    let minimum = try MirrorDescent(stopping: Self.stopping).minimumOnSimplex(
      of: { ($0 - goal).squaredNorm() }, from: Tensor.ones([2, 3]))
    #expect((minimum.point - goal).norm(.infinity).scalar <= Self.tolerance)
  }

  @Test("Entries may underflow to zero on the way and come back")
  func underflow() throws {
    // A linear objective for 200 iterations of step 10 takes two entries to exp(−2000) = 0 …
    var minimum = try MirrorDescent(stepSize: .fixed(10), stopping: .after(200)).minimumOnSimplex(
      of: { -$0.at(0) }, from: Tensor.ones([3]))
    #expect(minimum.point.scalars == [1, 0, 0])
    // … and so does this one, which then pulls back with as much force for as long, and more.
    var count = 0
    minimum = try MirrorDescent(stepSize: .fixed(10), stopping: .after(480)).minimumOnSimplex(
      of: { x in
        count += 1
        return count <= 200 ? -x.at(0) : -x.at(1)
      }, from: Tensor.ones([3]))
    #expect(minimum.point.scalars == [0, 1, 0])
  }

  /// `min Σ (y log y − y) − θᵀy` over positive numbers: `exp θ`; and weighted squares.
  @Test("Other geometries: positive numbers, and Euclidean with a projection")
  func otherGeometries() throws {
    let theta = Tensor([0.5, -1, 2])
    let positive = try MirrorDescent(stopping: Self.stopping).minimum(
      of: { y in (y * log(y) - y).sum() - theta.dot(y) }, dual: { log($0) },
      projection: { exp($0) }, from: Tensor.ones([3]))
    #expect((positive.point - exp(theta)).norm(.infinity).scalar <= 1e-10)
    let box = try MirrorDescent(stopping: Self.stopping).minimum(
      of: { y in (y * [1, 2, 3] - 1).squaredNorm() }, dual: { $0 },
      projection: { clamp($0, 0.4, 0.8) }, from: Tensor.ones([3]))
    #expect((box.point - [0.8, 0.5, 0.4]).norm(.infinity).scalar <= Self.tolerance)
  }

  @Test("Unrolled: the derivative of the steps tends to that of the solution")
  func unrolled() throws {
    func minimiser(_ c: Tensor, _ stopping: Stopping) throws -> Tensor {
      try MirrorDescent(stepSize: .fixed(0.25), stopping: stopping).minimumOnSimplex(
        of: { y in 0.5 * y.dot(matmul(Self.Q, y)) - c.dot(y) }, from: Tensor.ones([4])
      ).point
    }
    let direction = Tensor([1, -0.5, 0.25, 2])
    let expected = try valueAndPushforward(at: Self.c, along: direction, of: Self.solution).tangent
    let late = try valueAndPushforward(at: Self.c, along: direction) {
      try minimiser($0, Self.stopping)
    }.tangent
    #expect((late - expected).norm(.infinity).scalar <= 1e-8)
    let early = try valueAndPushforward(at: Self.c, along: direction) {
      try minimiser($0, .after(3))
    }.tangent
    #expect((early - expected).norm(.infinity).scalar > 1e-3)
  }

  @Test("Refusals")
  func refusals() {
    #expect(throws: ForwardSolverError.notFinite(iteration: 0, quantity: "the dual of the start")) {
      try MirrorDescent().minimumOnSimplex(of: Self.quadratic, from: Tensor([1, 0, 1, 1]))
    }
    #expect(
      throws: ForwardSolverError.invalidOption(
        name: "stepSize", value: "-1.0", requirement: "positive and finite")
    ) {
      try MirrorDescent(stepSize: .fixed(-1)).minimumOnSimplex(
        of: Self.quadratic, from: Tensor.ones([4]))
    }
    #expect {
      try MirrorDescent(stopping: Stopping(maximumIterations: 2)).minimumOnSimplex(
        of: Self.quadratic, from: Tensor.ones([4]))
    } throws: { error in
      if case ForwardSolverError.notConverged(2, _, 1e-10) = error { return true }
      return false
    }
    #expect(
      throws: ForwardSolverError.sizeMismatch(
        what: "the value of the projection", expected: 4, found: 3)
    ) {
      try MirrorDescent().minimum(
        of: Self.quadratic, dual: { $0 }, projection: { $0.slice(0..<3) }, from: Tensor.ones([4]))
    }
    #expect(throws: ForwardSolverError.notFinite(iteration: 1, quantity: "the objective")) {
      try MirrorDescent(stepSize: .fixed(1)).minimum(
        of: { y in -sqrt(2 - y).sum() }, dual: { $0 }, projection: { $0 + 2 },
        from: Tensor([-1]))
    }
  }
}
