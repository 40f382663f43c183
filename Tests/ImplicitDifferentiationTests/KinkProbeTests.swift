import Testing

@testable import ImplicitDifferentiation

/// Solutions that are known no better than the distance to a border between two pieces of their
/// conditions.
///
/// Both problems minimise `½ yᵀQy − xᵀy` with `Q = (2 1; 1 2)` and `x = (4, x₂)`: one with `|y₁| + |y₂|`
/// added, the other for `−½ ≤ y ≤ 1½`. In both, `y₂` sticks to a value up to a certain `x₂`, and is free
/// beyond.
@Suite struct KinkProbeTests {
  enum Problem: CaseIterable {
    /// Proximal gradient steps: the threshold is one quarter.
    case lasso
    /// Projected gradient steps.
    case box

    /// The conditions, the fixed points of a step of length ¼. It reads `x₂` only.
    func step(_ x2: Tensor, _ y: Tensor) -> Tensor {
      let gradient = matmul(Tensor([[2, 1], [1, 2]]), y) - Tensor([4, 0]) - x2 * Tensor([0, 1])
      let v = y - 0.25 * gradient
      switch self {
      case .lasso: return max(v - 0.25, 0) + min(v + 0.25, 0)
      case .box: return clamp(v, -0.5, 1.5)
      }
    }

    /// Where `y₂` begins to move: `y₁ = 1½` there in both, and `y₂` is 0 or −½.
    var border: Double { self == .lasso ? 2.5 : 0.5 }

    /// `y` at `x₂ = border + d`, and `dy₂/dx₂`: both free beyond the border for the lasso, `y₁` at
    /// its bound for the box.
    func solution(beyondBorderBy d: Double) -> (y: [Double], slope: Double) {
      switch self {
      case .lasso: return d > 0 ? ([1.5 - d / 3, 2 * d / 3], 2.0 / 3) : ([1.5, 0], 0)
      case .box: return d > 0 ? ([1.5, -0.5 + d / 2], 0.5) : ([1.5, -0.5], 0)
      }
    }

    /// The solution up to an error, as a function of `x₂`.
    func function(
      beyondBorderBy d: Double, error: [Double]
    ) -> ImplicitFunction<Tensor, Tensor> {
      let y = Tensor(zip(solution(beyondBorderBy: d).y, error).map { $0 + $1 })
      return ImplicitFunction(
        forward: { _ in y }, conditions: .fixedPoint { x2, y in step(x2, y) })
    }

    func input(beyondBorderBy d: Double) -> Tensor { Tensor(border + d) }
  }

  /// What the solver left, in either entry.
  static let errors = [[1e-9, 0], [-1e-9, 0], [0, 1e-9], [1e-9, -1e-9]]

  /// The argument of the threshold, or of `clamp`, is `¼ d` away from the border where `y₂` sticks, and
  /// `⅔ d` or `½ d` where it is free: about 1e-10.
  static let inside = [-4e-10, 1.5e-10]

  private func expectRefusal(_ problem: Problem, _ d: Double, _ error: [Double]) {
    let function = problem.function(beyondBorderBy: d, error: error)
    do {
      _ = try function.linearize(at: problem.input(beyondBorderBy: d))
      Issue.record("\(problem): no kink at \(d) with the error \(error)")
    } catch DifferentiationError.kinkNearby(let distance) {
      #expect(distance > 1e-10 && distance < 1e-7, "\(distance)")
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test(
    "A solution to 1e-9 does not tell the side of a kink at 1e-10", arguments: Problem.allCases,
    inside)
  func kinkWithinAccuracy(_ problem: Problem, _ d: Double) {
    for error in Self.errors { expectRefusal(problem, d, error) }
  }

  @Test(
    "Away from the kink, or solved to rounding, the derivative is that of its side",
    arguments: Problem.allCases)
  func kinkOutsideAccuracy(_ problem: Problem) throws {
    let away = [-1e-3, -1e-6, 1e-6, 1e-3].flatMap { d in Self.errors.map { (d, $0) } }
    for (d, error) in away + Self.inside.map({ ($0, [0, 0]) }) {
      let function = problem.function(beyondBorderBy: d, error: error)
      let result = try function.linearize(at: problem.input(beyondBorderBy: d)).pushforward(1)
      let slope = problem.solution(beyondBorderBy: d).slope
      #expect((result.value.scalars[1] - slope).magnitude < 1e-14, "\(problem), \(d), \(error)")
      #expect(result.report.warnings.isEmpty)
    }
  }

  @Test("On the kink itself no accuracy helps", arguments: Problem.allCases)
  func onTheKink(_ problem: Problem) {
    let function = problem.function(beyondBorderBy: 0, error: [0, 0])
    do {
      _ = try function.linearize(at: problem.input(beyondBorderBy: 0))
      Issue.record("\(problem): a derivative on the kink")
    } catch DifferentiationError.kinkNearby(let distance) {
      #expect(distance < 1e-14)
    } catch {
      Issue.record("\(error)")
    }
  }

  /// `y + ½|y| = x`, `y = ⅔x`: found to 1e-3 only, as zero, where the kink is.
  @Test("Near a solution of size zero every distance is infinite")
  func noSize() {
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in [0] }, conditions: .root { x, y in y + 0.5 * abs(y) - x },
      conditionsTolerance: 10)
    #expect(throws: DifferentiationError.kinkNearby(distance: .infinity)) {
      try function.linearize(at: [1e-3])
    }
  }

  @Test("Under the policy .warn the kink is a warning", arguments: Problem.allCases, inside)
  func warning(_ problem: Problem, _ d: Double) throws {
    for error in Self.errors {
      var function = problem.function(beyondBorderBy: d, error: error)
      function.policy = .warn
      let report = try function.linearize(at: problem.input(beyondBorderBy: d)).report
      #expect(report.warnings.count == 1)
      #expect(
        report.warnings.allSatisfy { $0.contains("The conditions have a kink within") })
    }
  }

  @Test("Switched off, nothing is said, and the derivative may be that of the wrong side")
  func off() throws {
    // y₁ is too small by 1e-9, which lets y₂ move.
    let d = Self.inside[0]
    var function = Problem.lasso.function(beyondBorderBy: d, error: [-1e-9, 0])
    function.certification = .off
    let result = try function.linearize(at: Problem.lasso.input(beyondBorderBy: d)).pushforward(1)
    #expect(result.report.warnings.isEmpty)
    #expect((result.value.scalars[1] - 2.0 / 3).magnitude < 1e-14)
    #expect(Problem.lasso.solution(beyondBorderBy: d).slope == 0)
  }
}
