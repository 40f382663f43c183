import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import Synchronization
import Testing

/// A problem with a closed form, and everything that a comparison needs.
private struct Scenario<Input: TensorStructure, Output: TensorStructure> {
  let function: ImplicitFunction<Input, Output>
  let unrolled: (Input) throws -> Output
  let loss: (Output) -> Tensor
  let x: Input
  let gradient: Input

  func compare(
    _ directions: ComparisonDirections<Input> = .gradient
  ) throws -> GradientComparison {
    try GradientComparison(
      of: function, at: x, loss: loss, along: directions, unrolled: unrolled, reference: gradient)
  }
}

struct GradientComparisonTests {
  // MARK: Implicit = unrolled = differences = closed form

  /// Implicit and converged unrolled derivatives: rounding, amplified by a condition number of some
  /// hundreds at most.
  static let exact = 1e-10
  /// Central differences: ε^⅔ ≈ 4e-11, times the size of third derivatives.
  static let central = 1e-8
  /// One-sided ones: ε^½ ≈ 1.5e-8, times that of second derivatives.
  static let oneSided = 1e-5

  private func check(_ comparison: GradientComparison, _ directions: Int) throws {
    #expect(comparison.rows.map(\.method) == GradientComparison.Method.allCases)
    for row in comparison.rows {
      #expect(row.derivatives.count == directions)
      let error = try #require(row.error)
      switch row.method {
      case .implicitPullback, .implicitPushforward, .unrolledPullback, .unrolledPushforward:
        #expect(error <= Self.exact, "\(row.method): \(error)")
      case .centralDifferences: #expect(error <= Self.central, "\(error)")
      case .forwardDifferences, .backwardDifferences: #expect(error <= Self.oneSided, "\(error)")
      }
    }
    #expect(comparison.sweeps.count == directions)
    guard case .agreement(let deviation, let oneSided) = comparison.findings.first else {
      Issue.record("\(comparison)")
      return
    }
    #expect(comparison.findings.count == 1)
    #expect(deviation <= Self.central)
    let (forward, backward) = (comparison[.forwardDifferences], comparison[.backwardDifferences])
    #expect(try #require(oneSided) == max(forward?.deviation ?? 0, backward?.deviation ?? 0))
  }

  /// `y = √x` as a root; the loss `Σ y³` has the gradient `3√x / 2`.
  private func squareRoot() -> Scenario<Tensor, Tensor> {
    Scenario(
      function: ImplicitFunction(
        forward: { x in sqrt(x) }, conditions: .root { x, y in y * y - x }),
      unrolled: { x in
        try NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-14)).root(
          of: { y in y * y - x }, from: .ones([3])
        ).point
      },
      loss: { y in (y * y * y).sum() }, x: [2, 3, 4], gradient: sqrt([2, 3, 4]) * 1.5)
  }

  @Test func squareRootAgrees() throws {
    try check(try squareRoot().compare(), 3)
    try check(try squareRoot().compare(.along([1, -2, 3])), 1)
    try check(try squareRoot().compare(.random(seed: 5)), 1)
  }

  /// Ridge regression with a penalty for each feature, `w = H⁻¹ Xᵀy`, `H = XᵀX + diag(θ)`; the
  /// gradient of `‖w − t‖²/2` is `−(H⁻¹(w − t)) ∘ w`.
  private func ridge() throws -> Scenario<Tensor, Tensor> {
    let X = Tensor([[1, 0.5, -1], [0, 2, 0.3], [-1, 1, 1], [0.5, 0.2, -0.7]])
    let (y, t) = (Tensor([1, -1, 2, 0.5]), Tensor([1, 1, 1]))
    let theta = Tensor([0.1, 0.5, 2])
    @Sendable func objective(_ theta: Tensor, _ w: Tensor) -> Tensor {
      ((matmul(X, w) - y).squaredNorm() + (theta * w * w).sum()) / 2
    }
    let H = matmul(X, X, transposingLeft: true) + theta.diagonal()
    let w = try solve(H, matmul(X, y, transposingLeft: true))
    let stopping = Stopping(gradientTolerance: 1e-13)
    return Scenario(
      function: ImplicitFunction(
        forward: { theta in
          try LBFGS(stopping: stopping).minimum(of: { objective(theta, $0) }, from: .zeros([3]))
            .point
        },
        conditions: .stationary(of: objective)),
      unrolled: { theta in
        try GradientDescent(stepSize: .fixed(0.14), stopping: .after(400)).minimum(
          of: { objective(theta, $0) }, from: .zeros([3])
        ).point
      },
      loss: { w in (w - t).squaredNorm() / 2 }, x: theta, gradient: -(try solve(H, w - t)) * w)
  }

  @Test func ridgeAgrees() throws { try check(try ridge().compare(), 3) }

  struct Inputs: TensorStructure {
    var a: Tensor
    var matrix: Tensor
    var b: Tensor
    static var fields: [TensorField<Inputs>] {
      [.init("a", \.a), .constant("matrix", \.matrix), .init("b", \.b)]
    }
  }

  /// `M y + a tanh y = C b`, nonsymmetric in both arguments, 3 unknowns, 1 + 2 inputs and a
  /// constant. `A = M + a diag(1 − tanh²y)`, `B = (tanh y, −C)`.
  private func system() throws -> Scenario<Inputs, Tensor> {
    let M = Tensor([[2, 1, 0], [-1, 3, 0.5], [0.25, -2, 4]])
    let C = Tensor([[1, 2], [0, -1], [3, 0.5]])
    let weights = Tensor([1, -2, 0.5])
    @Sendable func F(_ x: Inputs, _ y: Tensor) -> Tensor {
      matmul(x.matrix, y) + x.a * tanh(y) - matmul(C, x.b)
    }
    let finder = NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-14))
    let x = Inputs(a: 0.7, matrix: M, b: [0.4, -0.3])
    let y = try finder.root(of: { F(x, $0) }, from: .zeros([3])).point
    let A = M + 0.7 * (1 - tanh(y) * tanh(y)).diagonal()
    let u = try solve(A.transposed(), 2 * weights * y)
    return Scenario(
      function: ImplicitFunction(
        forward: { x in try finder.root(of: { F(x, $0) }, from: .zeros([3])).point },
        conditions: .root(F)),
      unrolled: { x in try finder.root(of: { F(x, $0) }, from: .zeros([3])).point },
      loss: { y in (weights * y * y).sum() }, x: x,
      gradient: Inputs(
        a: -u.dot(tanh(y)), matrix: [], b: matmul(C, u, transposingLeft: true)))
  }

  @Test func nonsymmetricSystemAgrees() throws {
    try check(try system().compare(), 3)
    try check(try system().compare(.random(seed: 1)), 1)
  }

  // MARK: What is wrong is said

  /// Hand-written products with one wrong sign: the implicit gradient is the negative of what
  /// differences and unrolling find.
  @Test func wrongSignIsExposed() throws {
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in sqrt(x) },
      conditions: .products(
        residual: { x, y in y * y - x },
        solutionProduct: { _, y, dy in 2 * y * dy },
        transposedSolutionProduct: { _, y, u in 2 * y * u },
        inputProduct: { _, _, dx in dx },
        transposedInputProduct: { _, _, u in u }))
    let scenario = squareRoot()
    let comparison = try GradientComparison(
      of: function, at: scenario.x, loss: scenario.loss, unrolled: scenario.unrolled,
      reference: scenario.gradient)
    let exposed = comparison.findings.compactMap { finding -> GradientComparison.Method? in
      guard case .disagreement(let method, let deviation, _) = finding else { return nil }
      #expect((deviation - 2).magnitude < 1e-6)
      return method
    }
    #expect(exposed == [.unrolledPullback, .unrolledPushforward, .centralDifferences])
    #expect(try #require(comparison[.implicitPullback]?.error) > 1.9)
    #expect(try #require(comparison[.centralDifferences]?.error) < Self.central)
    #expect(comparison.description.contains("the same signs"))
  }

  /// A wrong transpose is found out before there is an implicit derivative to compare.
  @Test func wrongTransposeIsExposed() throws {
    let M = Tensor([[2, 1], [0, 3]])
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in try solve(M, x) },
      conditions: .products(
        residual: { x, y in matmul(M, y) - x },
        solutionProduct: { _, _, dy in matmul(M, dy) },
        transposedSolutionProduct: { _, _, u in matmul(M, u, transposingLeft: true) },
        inputProduct: { _, _, dx in matmul(Tensor([[-1, 1], [0, -1]]), dx) },
        transposedInputProduct: { _, _, u in -u }))
    let comparison = try GradientComparison(of: function, at: [1, 2], loss: { $0.squaredNorm() })
    #expect(
      comparison.findings.contains {
        guard case .implicitRefused(let reason) = $0 else { return false }
        return reason.contains("The two products of the operator belong to different matrices")
      })
  }

  /// A solver that stops early: differences are flat, and the floor stated is the error made.
  @Test(arguments: [1e-4, 1e-6])
  func noisySolverIsFlat(tolerance: Double) throws {
    let noisy = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        try GradientDescent(
          stepSize: .fixed(0.03), stopping: Stopping(gradientTolerance: tolerance)
        ).minimum(of: { y in (y * y - x).squaredNorm() }, from: .ones([3])).point
      },
      conditions: .root { x, y in y * y - x }, conditionsTolerance: 1e-3)
    let scenario = squareRoot()
    let comparison = try GradientComparison(
      of: noisy, at: scenario.x, loss: scenario.loss, along: .random(seed: 3),
      reference: scenario.gradient)
    let stated = comparison.findings.compactMap { finding -> Double? in
      guard case .flatDifferences(let floor, let noise, _) = finding else { return nil }
      #expect(noise > 1e-12 && noise < tolerance)
      return floor
    }
    let floor = try #require(stated.first)
    let error = try #require(comparison[.centralDifferences]?.error)
    #expect((0.1...10).contains(error / floor), "error \(error), floor \(floor)")
    // No step of the sweep is better by more than that factor, but for those that meet the right
    // value by chance.
    let exact = try #require(comparison[.implicitPullback]?.derivatives.first)
    let better = comparison.sweeps[0].entries.filter {
      (($0.central - exact) / exact).magnitude < 0.1 * floor
    }
    #expect(better.count <= 2)
    // The implicit derivative is off by the solver's error only.
    #expect(try #require(comparison[.implicitPullback]?.error) < 0.1 * floor + tolerance)
    #expect(comparison.description.contains("flat"))
  }

  @Test(arguments: [0.5, -0.5])
  func kinkIsNamed(other: Double) throws {
    let positivePart = ImplicitFunction<Tensor, Tensor>(
      forward: { x in max(x, 0) }, conditions: .root { x, y in y - max(x, 0) })
    let comparison = try GradientComparison(
      of: positivePart, at: Tensor([0, other]), loss: { y in 3 * y.sum() })
    #expect(comparison.findings.count == 1)
    guard case .kink(direction: 0, let backward, let forward) = comparison.findings.first else {
      Issue.record("\(comparison)")
      return
    }
    // Rounding of the loss, over the best step.
    #expect(backward.magnitude <= 1e-13)
    #expect((forward - 3).magnitude <= 1e-13)
    let central = try #require(comparison[.centralDifferences]?.derivatives)
    #expect((central[0] - 1.5).magnitude <= 1e-13)
    #expect(comparison.description.contains("kink"))
  }

  @Test func unrolledElsewhereIsSaid() throws {
    let scenario = squareRoot()
    let comparison = try GradientComparison(
      of: scenario.function, at: scenario.x, loss: scenario.loss,
      unrolled: { x in
        try NewtonRootFinder(stopping: .after(2)).root(of: { y in y * y - x }, from: .ones([3]))
          .point
      }, differences: nil)
    let distance = try #require(comparison.unrolledSolutionDistance)
    #expect(distance > 1e-3)
    #expect(comparison.findings.first == .unrolledElsewhere(distance: distance))
    #expect(comparison.findings.count == 3)
    #expect(comparison.rows.count == 4)
    #expect(comparison.sweeps.isEmpty)
  }

  // MARK: Costs

  @Test func costsAreThoseCounted() throws {
    let calls = Mutex(0)
    let scenario = squareRoot()
    let counted = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        calls.withLock { $0 += 1 }
        return sqrt(x)
      },
      conditions: .root { x, y in y * y - x })
    let comparison = try GradientComparison(
      of: counted, at: scenario.x, loss: scenario.loss, unrolled: scenario.unrolled)
    let differences = try #require(comparison[.centralDifferences]?.forwardSolves)
    // One more for the implicit derivative.
    #expect(calls.withLock { $0 } == differences + 1)
    #expect(comparison[.implicitPullback]?.forwardSolves == 1)
  }

  /// A pullback sweeps the recording once, pushforwards once for each direction.
  @Test func sweepsAreCounted() throws {
    let comparison = try squareRoot().compare()
    let pullback = try #require(comparison[.unrolledPullback]?.operatorProducts)
    #expect(pullback > 0)
    #expect(comparison[.unrolledPushforward]?.operatorProducts == 3 * pullback)
  }

  /// Steps have the size of the entries that they move: a small entry next to a large one gets
  /// small steps, and one that is zero the size of its neighbours.
  @Test func stepsSuitTheEntries() throws {
    let comparison = try GradientComparison(
      of: ImplicitFunction<Tensor, Tensor>(
        forward: { x in x * x }, conditions: .root { x, y in y - x * x }),
      at: [1e-6, 4, 0], loss: { $0.sum() })
    let sizes: [Double] = [1e-6, 4, (16 + 1e-12).squareRoot()]
    #expect(comparison.sweeps.count == sizes.count)
    for (sweep, size) in zip(comparison.sweeps, sizes) {
      let ratio: Double = sweep.entries[0].step / 0.1 / size
      #expect((ratio - 1).magnitude < 1e-12)
    }
  }

  /// Unrolling records every step, the implicit derivative its conditions alone.
  @Test func bytesGrowWithStepsForUnrollingOnly() throws {
    let scenario = try ridge()
    func bytes(_ steps: Int) throws -> (implicit: Int, unrolled: Int) {
      let comparison = try GradientComparison(
        of: scenario.function, at: scenario.x, loss: scenario.loss,
        unrolled: { theta in
          try GradientDescent(stepSize: .fixed(0.1), stopping: .after(steps)).minimum(
            of: { w in w.squaredNorm() + theta.dot(w) }, from: .zeros([3])
          ).point
        }, differences: nil)
      return (
        try #require(comparison[.implicitPullback]?.recordedBytes),
        try #require(comparison[.unrolledPullback]?.recordedBytes)
      )
    }
    let (few, many) = (try bytes(100), try bytes(200))
    #expect(few.implicit == many.implicit)
    #expect(few.implicit > 0)
    #expect((1.9...2.1).contains(Double(many.unrolled) / Double(few.unrolled)))
  }

  // MARK: Table

  @Test func tableIsAligned() throws {
    let comparison = try squareRoot().compare(.along([1, 0, 0]))
    #expect(comparison.cells.count == 7)
    // The three kinds of differences took so many runs together.
    let solves = try #require(comparison.columns.firstIndex(of: "solves"))
    let runs = try #require(comparison[.centralDifferences]?.forwardSolves)
    #expect(
      comparison.cells.map { $0[solves] }
        == ["1", "1", "1", "1"] + Array(repeating: "\(runs), shared", count: 3))
    #expect(comparison.cells.allSatisfy { $0.count == comparison.columns.count })
    #expect(comparison.columns.contains("error"))
    #expect(comparison.description.contains("one-sided differences, which are coarser, to within"))
    let lines = comparison.description.split(separator: "\n", omittingEmptySubsequences: false)
    let table = lines.prefix(8)
    #expect(Set(table.map(\.count)).count == 1)
    #expect(lines[8].isEmpty)
    // 3√2/2 = 2.1213203…
    #expect(table.allSatisfy { $0.contains("derivative") || $0.contains("2.12132") })
    #expect(comparison.cells[0][1] == "2.121320")
    let without = try GradientComparison(
      of: squareRoot().function, at: [2, 3, 4], loss: squareRoot().loss, differences: nil)
    #expect(!without.columns.contains("error"))
    #expect(
      without.findings.first?.description.hasPrefix("All routes agree, to within ") == true)
    #expect(without.cells.allSatisfy { $0.count == without.columns.count })
  }

  @Test func sameInputSameBits() throws {
    let (first, second) = (try ridge().compare(), try ridge().compare())
    #expect(first.description == second.description)
    for (a, b) in zip(first.rows, second.rows) { #expect(a.derivatives == b.derivatives) }
  }

  // MARK: Errors

  @Test func errors() throws {
    let scenario = squareRoot()
    func failure(
      along directions: ComparisonDirections<Tensor> = .gradient, reference: Tensor? = nil,
      loss: ((Tensor) -> Tensor)? = nil
    ) throws -> ComparisonError {
      try #require(throws: ComparisonError.self) {
        try GradientComparison(
          of: scenario.function, at: scenario.x, loss: loss ?? scenario.loss, along: directions,
          reference: reference)
      }
    }
    #expect(try failure(along: .along([0, 0, 0])) == .zeroDirection)
    #expect(
      try failure(along: .along([1, 2]))
        == .sizeMismatch(what: "the direction", expected: 3, found: 2))
    #expect(
      try failure(reference: [1])
        == .sizeMismatch(what: "the reference", expected: 3, found: 1))
    #expect(
      try failure(loss: { $0 })
        == .sizeMismatch(what: "the value of the loss", expected: 1, found: 3))
  }

  @Test func aRefusedImplicitDerivativeIsAFindingOrAnError() throws {
    let wrong = ImplicitFunction<Tensor, Tensor>(
      forward: { x in sqrt(x) }, conditions: .root { x, y in y * y + x })
    #expect(throws: DifferentiationError.self) {
      try GradientComparison(of: wrong, at: [2.0, 3], loss: { $0.sum() }, differences: nil)
    }
    let comparison = try GradientComparison(of: wrong, at: [2.0, 3], loss: { $0.sum() })
    #expect(comparison[.implicitPullback] == nil)
    #expect(comparison[.centralDifferences] != nil)
    let isRefused = comparison.findings.contains {
      if case .implicitRefused = $0 { true } else { false }
    }
    #expect(isRefused)
  }
}
