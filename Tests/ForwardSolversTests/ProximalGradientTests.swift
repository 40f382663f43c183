import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// Problems with constraints and penalties, and what characterises their solutions.
private enum Problem {
  /// Columns of different sizes and correlated: κ of the Gram matrix is about 700.
  static let features = Tensor(
    (0..<20).map { i in
      (0..<6).map { j in
        let angle = Tensor(Double((i + 1) * (j + 1)) + 1)
        let size = (1 + 3 * Double(j)) / 4
        return sin(angle).scalar * (j % 2 == 0 ? size : -size)
      }
    })
  static let target = Tensor((0..<20).map { i in -cos(Tensor(0.5 * Double(i + 1))).scalar })

  static func loss(_ x: Tensor) -> Tensor { 0.5 * (matmul(features, x) - target).squaredNorm() }

  static func slope(_ x: Tensor) -> [Double] { gradient(at: x, of: loss).scalars }

  static func softThreshold(_ x: Tensor, _ t: Double) -> Tensor {
    max(x - Tensor(t), 0) - max(-x - Tensor(t), 0)
  }

  /// Six unknowns, solutions of size 1, gradients to 1e-11: κ of that.
  static let tolerance = 1e-10
  static let stopping = Stopping(gradientTolerance: 1e-11, maximumIterations: 20_000)

  static let methods: [ProximalGradient] = [
    ProximalGradient(stopping: stopping),
    ProximalGradient(isAccelerated: false, stopping: stopping),
    ProximalGradient(
      stepSize: .backtracking(initial: 100, shrinkage: 0.7), stopping: stopping),
    ProximalGradient(stepSize: .backtracking(initial: 1e-4), stopping: stopping),
    ProximalGradient(stepSize: .fixed(0.004), stopping: stopping),
    ProximalGradient(stepSize: .fixed(0.004), isAccelerated: false, stopping: stopping),
  ]
}

@Suite struct ProximalGradientTests {
  /// `∂f/∂xᵢ = −λ sign(xᵢ)` where `xᵢ ≠ 0`, and at most `λ` in size elsewhere.
  @Test("The lasso satisfies its subgradient condition", arguments: Problem.methods)
  func lasso(_ method: ProximalGradient) throws {
    let penalty = 1.5
    let minimum = try method.minimum(
      of: Problem.loss,
      proximal: { x, step in Problem.softThreshold(x, step * penalty) },
      from: Tensor.zeros([6]))
    let (x, slope) = (minimum.point.scalars, Problem.slope(minimum.point))
    for (value, slope) in zip(x, slope) {
      if value == 0 {
        #expect(abs(slope) <= penalty)
      } else {
        #expect(abs(slope + (value > 0 ? penalty : -penalty)) <= Problem.tolerance)
      }
    }
    #expect(x.contains(0) && x.contains { $0 != 0 })
    #expect(minimum.gradientNorm <= 1e-11)
    #expect(minimum.value == Problem.loss(minimum.point))
  }

  /// `∂f/∂xᵢ ≥ 0`, and `= 0` where `xᵢ > 0`.
  @Test("Non-negative least squares", arguments: Problem.methods)
  func nonNegative(_ method: ProximalGradient) throws {
    let x = try method.minimum(
      of: Problem.loss, onto: { max($0, 0) }, from: Tensor.ones([6])
    ).point
    for (value, slope) in zip(x.scalars, Problem.slope(x)) {
      #expect(value >= 0)
      #expect(value == 0 ? slope >= 0 : abs(slope) <= Problem.tolerance)
    }
    #expect(x.scalars.contains(0) && x.scalars.contains { $0 > 0 })
  }

  @Test("With no penalty it is gradient descent, and ends where Newton's method does")
  func unpenalised() throws {
    let newton = try Newton(stopping: Problem.stopping).minimum(
      of: Problem.loss, from: Tensor.zeros([6]))
    for method in Problem.methods {
      let x = try method.minimum(of: Problem.loss, onto: { $0 }, from: Tensor.zeros([6])).point
      let gap = (x - newton.point).norm(.infinity).scalar
      #expect(gap <= 1e-9)
    }
  }

  @Test("Momentum pays: fewer iterations by a factor of three at least")
  func acceleration() throws {
    func iterations(_ isAccelerated: Bool) throws -> Int {
      try ProximalGradient(
        isAccelerated: isAccelerated, stopping: Stopping(gradientTolerance: 1e-6)
      ).minimum(
        of: Problem.loss, onto: { max($0, -1) }, from: Tensor.zeros([6])
      ).iterations
    }
    #expect(try 3 * iterations(true) <= iterations(false))
  }

  /// A quadratic with κ = 1000, step 1/L. Each restart costs some √κ ≈ 32 iterations and gains at
  /// least a digit; ever growing momentum would decay only as fast as plain steps, κ/2 per factor e.
  @Test("Restarts keep the rate near √κ")
  func restarts() throws {
    let method = ProximalGradient(
      stepSize: .fixed(1),
      stopping: Stopping(gradientTolerance: 1e-12, maximumIterations: 32 * 30))
    #expect(throws: Never.self) {
      try method.minimum(
        of: { x in 0.5 * (Tensor([1, 0.1, 0.001]) * x * x).sum() }, onto: { $0 },
        from: Tensor([1, -1, 1]))
    }
  }

  @Test("Structures with constants")
  func structures() throws {
    struct Model: TensorStructure {
      var slope: Tensor
      var features: Tensor
      var offset: Tensor
      static var fields: [TensorField<Model>] {
        [.init("slope", \.slope), .constant("features", \.features), .init("offset", \.offset)]
      }
    }
    let start = Model(slope: [0, 0], features: [[1, 2], [3, -1], [0, 1]], offset: 0)
    let minimum = try ProximalGradient(stopping: Problem.stopping).minimum(
      of: { m in (matmul(m.features, m.slope) + m.offset - [3, 2, 1]).squaredNorm() },
      onto: { m in Model(slope: m.slope, features: m.features, offset: max(m.offset, 1)) },
      from: start)
    // Unconstrained: offset 0; with offset 1 what is left is least squares for (2, 1, 0).
    let expected = try solve([[10, -1], [-1, 6]], [5, 3])
    #expect(minimum.point.offset.scalar == 1)
    #expect((minimum.point.slope - expected).norm(.infinity).scalar <= Problem.tolerance)
  }

  @Test("A solution to start from needs no iteration, and a fixed number is a fixed number")
  func counts() throws {
    let method = ProximalGradient(stopping: Problem.stopping)
    let none = try method.minimum(
      of: { $0.squaredNorm() }, onto: { max($0, 1) }, from: Tensor([1, 1]))
    #expect(none.iterations == 0)
    #expect(none.point.scalars == [1, 1])
    for count in [0, 1, 7] {
      var seen: [Int] = []
      let some = try ProximalGradient(stopping: .after(count)).minimum(
        of: Problem.loss, onto: { max($0, 0) }, from: Tensor.ones([6]),
        observing: { seen.append($0.iteration) })
      #expect(some.iterations == count)
      #expect(seen == Array(0...count))
    }
  }

  /// Against `FISTA` written out for a fixed step, without restarts (none is due so early).
  @Test("The first iterations are those of the paper")
  func writtenOut() throws {
    let step = 1e-4
    let start = Tensor.zeros([6])
    var (x, y, t) = (start, start, 1.0)
    for _ in 0..<8 {
      let next = Problem.softThreshold(
        y - gradient(at: y, of: Problem.loss).scaled(by: step), step * 1.5)
      let grown = 0.5 * (1 + (1 + 4 * t * t).squareRoot())
      y = next + (next - x).scaled(by: (t - 1) / grown)
      (x, t) = (next, grown)
    }
    let minimum = try ProximalGradient(stepSize: .fixed(step), stopping: .after(8)).minimum(
      of: Problem.loss, proximal: { x, step in Problem.softThreshold(x, step * 1.5) },
      from: start)
    #expect((minimum.point - x).norm(.infinity).scalar <= 1e-14)
  }

  @Test("Unrolled: the derivative of the steps tends to the implicit one")
  func unrolled() throws {
    func lasso(_ penalty: Tensor, _ stopping: Stopping) throws -> Tensor {
      try ProximalGradient(stopping: stopping).minimum(
        of: Problem.loss,
        proximal: { x, step in
          let t = penalty.scaled(by: step)
          return max(x - t, 0) - max(-x - t, 0)
        }, from: Tensor.zeros([6])
      ).point
    }
    let penalty: Tensor = 1.5
    let (value, slope) = try valueAndPushforward(at: penalty, along: 1) {
      try lasso($0, Problem.stopping)
    }
    let support = (0..<6).filter { value[$0] != 0 }
    let columns = Problem.features.gathered(support, alongAxis: 1)
    let signs = Tensor(support.map { value[$0] > 0 ? -1.0 : 1 })
    let expected = try solve(matmul(columns, columns, transposingLeft: true), signs)
      .scattered(support, count: 6)
    // The derivative converges one power of the iteration count behind the solution.
    #expect((slope - expected).norm(.infinity).scalar <= 1e-8)
    // Backwards, the same number; and with few steps another one.
    let pulled = try gradient(at: penalty) { try lasso($0, Problem.stopping).sum() }
    #expect(abs(pulled.scalar - slope.sum().scalar) <= 1e-12)
    let early = try valueAndPushforward(at: penalty, along: 1) { try lasso($0, .after(3)) }.tangent
    #expect((early - expected).norm().scalar > 0.1 * expected.norm().scalar)
  }

  @Test("Refusals")
  func refusals() throws {
    let start = Tensor.zeros([6])
    func run(_ method: ProximalGradient) throws {
      _ = try method.minimum(of: Problem.loss, onto: { max($0, 0) }, from: start)
    }
    #expect {
      try run(ProximalGradient(stopping: Stopping(maximumIterations: 3)))
    } throws: { error in
      guard case ForwardSolverError.notConverged(3, let norm, 1e-10) = error else { return false }
      return norm > 1e-10 && norm.isFinite
    }
    #expect(
      throws: ForwardSolverError.invalidOption(
        name: "stepSize", value: "0.0", requirement: "positive and finite")
    ) { try run(ProximalGradient(stepSize: .fixed(0))) }
    #expect(
      throws: ForwardSolverError.invalidOption(
        name: "shrinkage", value: "1.0", requirement: "between 0 and 1")
    ) { try run(ProximalGradient(stepSize: .backtracking(shrinkage: 1))) }
    #expect {
      _ = try ProximalGradient(stepSize: .fixed(10)).minimum(
        of: Problem.loss, onto: { $0 }, from: Tensor.ones([6]))
    } throws: { error in
      if case ForwardSolverError.diverged(_, let norm) = error { return norm > 1e30 }
      return false
    }
    #expect(throws: ForwardSolverError.notFinite(iteration: 0, quantity: "the start")) {
      try ProximalGradient().minimum(of: Problem.loss, onto: { $0 }, from: start / 0)
    }
    #expect(throws: ForwardSolverError.notFinite(iteration: 0, quantity: "the objective")) {
      try ProximalGradient().minimum(of: { log($0 - 1).sum() }, onto: { $0 }, from: start)
    }
    #expect(
      throws: ForwardSolverError.sizeMismatch(
        what: "the value of the objective", expected: 1, found: 6)
    ) { try ProximalGradient().minimum(of: { $0 }, onto: { $0 }, from: start) }
    #expect(
      throws: ForwardSolverError.sizeMismatch(
        what: "the value of the proximal operator", expected: 6, found: 5)
    ) {
      try ProximalGradient().minimum(
        of: Problem.loss, onto: { $0.slice(0..<5) }, from: start)
    }
  }

  @Test("No step is acceptable where the objective has no value")
  func outsideTheDomain() {
    #expect {
      _ = try ProximalGradient().minimum(
        of: { log($0).sum() }, onto: { min($0, -1) }, from: Tensor([3, 4]))
    } throws: { error in
      guard case ForwardSolverError.lineSearchFailed(1, let slope, let step, let norm, _) = error
      else { return false }
      // The first trial: from (3, 4) − (⅓, ¼) to (−1, −1), with step 1.
      return abs(norm - 41.0.squareRoot()) < 1e-14 && abs(slope + 41) < 1e-13 && step < 0x1p-60
    }
  }
}
