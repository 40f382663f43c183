import Synchronization
import TensorChecks
import Testing

@testable import ImplicitDifferentiation

@Suite struct ImplicitProblemTests {
  static let tolerance = 1e-12

  /// `y² = x`, by the Babylonian iteration.
  struct SquareRoot: ImplicitProblem {
    let steps: Int
    func optimality(_ x: Tensor, _ y: Tensor) -> Tensor { y * y - x }
    func solve(_ x: Tensor) -> Tensor { (0..<steps).reduce(x) { y, _ in (y + x / y) / 2 } }
  }

  /// Ridge regression, in its penalty; features and target are constants of the problem.
  struct Ridge: MinimizationProblem {
    let features: Tensor
    let target: Tensor
    func objective(_ penalty: Tensor, _ w: Tensor) -> Tensor {
      0.5 * (matmul(features, w) - target).squaredNorm() + 0.5 * penalty * w.squaredNorm()
    }
    func solve(_ penalty: Tensor) throws -> Tensor { try Fit(self, penalty).solution() }
  }

  /// The same as its own input. On purpose it reads the fields of `self` and not those of `x`.
  struct Fit: MinimizationProblem, TensorStructure {
    var penalty: Tensor
    var features: Tensor
    var target: Tensor
    static var fields: [TensorField<Fit>] {
      [
        .init("penalty", \.penalty), .constant("features", \.features), .init("target", \.target),
      ]
    }
    init(_ ridge: Ridge, _ penalty: Tensor) {
      (self.penalty, features, target) = (penalty, ridge.features, ridge.target)
    }
    var hessian: Tensor {
      matmul(features, features, transposingLeft: true)
        + penalty * Tensor.identity(features.shape[1])
    }
    func solution() throws -> Tensor {
      try ImplicitDifferentiation.solve(hessian, matmul(target, features))
    }
    func objective(_ x: Fit, _ w: Tensor) -> Tensor {
      0.5 * (matmul(features, w) - target).squaredNorm() + 0.5 * penalty * w.squaredNorm()
    }
    func solve(_ x: Fit) throws -> Tensor { try solution() }
  }

  static let ridge: Ridge = {
    var choices = Choices(seed: 3)
    return Ridge(features: choices.tensor([9, 4]), target: choices.tensor([9]))
  }()

  @Test("The example: every entry point agrees with dy/dx = 1/(2y)")
  func example() throws {
    let problem = SquareRoot(steps: 60)
    let x: Tensor = [4, 9]
    let slopes = [1.0 / 4, 1.0 / 6]
    func expect(_ found: Tensor, _ expected: [Double]) {
      #expect(largestDifference(found.scalars, expected) <= Self.tolerance)
    }
    expect(try problem(x), [2, 3])
    let (value, pullback) = try problem.valueWithPullback(at: x)
    expect(value, [2, 3])
    expect(try pullback([1, 1]).value, slopes)
    expect(try problem.valueWithPushforward(at: x).pushforward([1, 1]).value, slopes)
    expect(try problem.linearize(at: x).pushforward([0, 1]).value, [0, slopes[1]])
    expect(try problem.jacobian(at: x).value.flattened(), [slopes[0], 0, 0, slopes[1]])
    expect(try gradient(at: x) { x in try problem(x).sum() }, slopes)
    // d²/dx² √x = −1/(4 x^(3/2))
    expect(
      try gradient(at: x) { x in try gradient(at: x) { try problem($0).sum() }.sum() },
      [-1.0 / 32, -1.0 / 108])
  }

  @Test("The derived gradient of the objective is that of `.stationary`, with the bits of it")
  func objective() throws {
    let ridge = Self.ridge
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: ridge.solve, conditions: .stationary(of: ridge.objective))
    let penalty = Tensor(0.3)
    let slope = try ridge.linearize(at: penalty).pushforward(1)
    #expect(try slope.value == function.pushforward(at: penalty, 1).value)
    let fit = Fit(ridge, penalty)
    let exact = -(try solve(fit.hessian, fit.solution()))
    #expect(largestDifference(slope.value.scalars, exact.scalars) <= Self.tolerance)
  }

  // MARK: Its own input

  @Test("A problem that is its own input: gradients are problems, constants have none")
  func ownTensors() throws {
    let fit = Fit(Self.ridge, 0.3)
    let w = try fit.solution()
    #expect(try fit() == w)
    let cotangent: Tensor = [1, -2, 0.5, 3]
    let (value, pullback) = try fit.valueWithPullback()
    let found = try pullback(cotangent).value
    let u = try solve(fit.hessian, cotangent)
    #expect(value == w)
    #expect(found.features.count == 0)
    // w = H⁻¹ Xᵀ t, so the gradients are −u·w in the penalty and X u in the target.
    #expect(abs(found.penalty.scalar + u.dot(w).scalar) <= Self.tolerance)
    #expect(
      largestDifference(found.target.scalars, matmul(fit.features, u).scalars) <= Self.tolerance)

    // ⟨w̄, dw⟩ = ⟨pullback(w̄), change of the problem⟩
    var change = fit
    var choices = Choices(seed: 8)
    change.penalty = 0.7
    change.target = choices.tensor([9])
    let pushed = try fit.valueWithPushforward().pushforward(change).value
    let right = 0.7 * found.penalty.scalar + found.target.dot(change.target).scalar
    #expect(abs(cotangent.dot(pushed).scalar - right) <= Self.tolerance)
    #expect(try fit.linearize().pushforward(change).value == pushed)
  }

  @Test("At another point, and known as nothing but an implicit problem, it is still the input")
  func otherPoint() throws {
    func slope<Problem: ImplicitProblem>(
      _ problem: Problem, at x: Problem.Input, _ cotangent: Problem.Output
    ) throws -> Problem.Input {
      try problem.implicitFunction.pullback(at: x, cotangent).value
    }
    let here = Fit(Self.ridge, 0.3)
    let there = Fit(Self.ridge, 5)
    let cotangent: Tensor = [1, -2, 0.5, 3]
    let found = try slope(here, at: there, cotangent)
    let exact = -(try solve(there.hessian, cotangent)).dot(try there.solution())
    #expect(abs(found.penalty.scalar - exact.scalar) <= Self.tolerance)
  }

  @Test("Built from traced tensors, it passes derivatives on")
  func insideAnother() throws {
    let ridge = Self.ridge
    let slope = try gradient(at: Tensor(0.3)) { penalty in try Fit(ridge, penalty)().sum() }
    let exact = try ridge.valueWithPullback(at: 0.3).pullback([1, 1, 1, 1]).value
    #expect(abs(slope.scalar - exact.scalar) <= Self.tolerance)
  }

  // MARK: Settings

  /// The mean of an equation of two unknowns: singular along (1, −1), stopped early, and all said.
  struct Custom: ImplicitProblem {
    var error = 0.0
    var linearSolver: any LinearSolver = LUSolver()
    var conditionsTolerance: Double? = 1e-6
    var policy = CertificationPolicy.throw
    var gauge: Gauge<Tensor, Tensor>?
    func optimality(_ x: Tensor, _ y: Tensor) -> Tensor { Tensor([1, 1]) * (y.sum() - x) }
    func solve(_ x: Tensor) -> Tensor { (x / 2 + Tensor(error)) * Tensor([1, 1]) }
  }

  @Test("Settings are requirements with defaults: those of the type reach the implicit function")
  func settings() throws {
    let defaults = SquareRoot(steps: 60).implicitFunction
    let plain = ImplicitFunction<Tensor, Tensor>(
      forward: { $0 }, conditions: .root { x, y in y - x })
    #expect(defaults.linearSolver is Automatic && plain.linearSolver is Automatic)
    #expect(defaults.conditionsTolerance == plain.conditionsTolerance)
    #expect(defaults.gauge == nil)

    var custom = Custom()
    #expect(custom.implicitFunction.linearSolver is LUSolver)
    #expect(throws: DifferentiationError.self) { try custom.linearize(at: 3).pushforward(1) }
    custom.gauge = Gauge(right: Tensor([1, -1]))
    let moved = try custom.linearize(at: 3).pushforward(1).value
    #expect(largestDifference(moved.scalars, [0.5, 0.5]) <= Self.tolerance)

    custom.error = 0.1
    #expect(throws: DifferentiationError.self) { try custom.linearize(at: 3) }
    custom.policy = .warn
    #expect(try custom.linearize(at: 3).pushforward(1).report.warnings.count == 1)
    custom.conditionsTolerance = nil
    #expect(try custom.linearize(at: 3).pushforward(1).report.newtonCorrection == nil)
  }

  @Test("Known only as `any ImplicitProblem`, a type keeps its settings and its own input")
  func existential() throws {
    let problems: [any ImplicitProblem<Tensor, Tensor>] = [
      SquareRoot(steps: 60), Custom(gauge: Gauge(right: Tensor([1, -1]))),
    ]
    for problem in problems {
      #expect((problem.implicitFunction.linearSolver is LUSolver) == (problem is Custom))
    }
    #expect(abs(try problems[0](4).scalar - 2) <= Self.tolerance)
  }

  // MARK: What a type can get wrong

  /// `y = x/2`, whose gradient is written by hand.
  final class ByHand: MinimizationProblem {
    let calls = Mutex(0)
    func objective(_ x: Tensor, _ y: Tensor) -> Tensor { (y * y - x * y).sum() }
    func optimality(_ x: Tensor, _ y: Tensor) -> Tensor {
      calls.withLock { $0 += 1 }
      return 2 * y - x
    }
    func solve(_ x: Tensor) -> Tensor { x / 2 }
  }

  @Test("A gradient written by hand takes the place of the derived one")
  func handWrittenGradient() throws {
    let problem = ByHand()
    #expect(try problem.linearize(at: [1, 2]).pushforward([1, 1]).value == [0.5, 0.5])
    #expect(problem.calls.withLock { $0 } > 0)
  }

  struct TwoNumbers: MinimizationProblem {
    func objective(_ x: Tensor, _ y: Tensor) -> Tensor { (y - x) * (y - x) }
    func solve(_ x: Tensor) -> Tensor { x }
  }

  @Test("An objective of several numbers, and a solver that stops early, are refused")
  func refusals() throws {
    let shape = #expect(throws: DifferentiationError.self) {
      try TwoNumbers().linearize(at: [1, 2])
    }
    #expect(shape == .notScalar(shape: [2]))
    let early = #expect(throws: DifferentiationError.self) {
      try SquareRoot(steps: 2).linearize(at: 9)
    }
    guard case .conditionsNotMet(_, let correction, 1e-6) = early else {
      Issue.record("\(String(describing: early))")
      return
    }
    // From 9 two steps give 3.4, and Newton's next step is (3.4 − 9/3.4)/2 long.
    #expect(abs(correction - (3.4 - 9 / 3.4) / 2 / 3.4) <= Self.tolerance)
  }
}
