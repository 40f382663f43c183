import ImplicitDifferentiation
import LiteratePages
import Optimality

// A = ∂F/∂y is singular: the conditions leave the solution free along some direction, and ask along
// another for what they cannot give.

/// Three heights from their measured differences, once around: y₁ − y₀ = x₀, y₂ − y₁ = x₁,
/// y₀ − y₂ = x₂. Heights are determined up to a constant, and differences must add up to zero.
private func heights(
  _ gauge: Gauge<Tensor, Tensor>? = nil, _ solver: any LinearSolver = Automatic()
) -> ImplicitFunction<Tensor, Tensor> {
  ImplicitFunction(
    forward: { x in Tensor.stack([0, x.at(0), x.at(0) + x.at(1)]) },
    conditions: .root { x, y in y.gathered([1, 2, 0]) - y - x }, linearSolver: solver, gauge: gauge)
}

private let measured: Tensor = [1, 2, -3]

/// y₀ + y₁ = x₀ and y₀ + y₁ = x₁.
private func twice(_ solver: any LinearSolver) -> ImplicitFunction<Tensor, Tensor> {
  ImplicitFunction(
    forward: { x in 0.5 * x }, conditions: .root { x, y in y.sum() - x }, linearSolver: solver)
}

/// min ½‖z‖² subject to z₀ + z₁ = b₀ and, once more, 2z₀ + 2z₁ = b₁.
private let repeated = ConstrainedMinimum(
  ConstrainedProblem<Tensor, Tensor>(
    objective: { _, z in 0.5 * z.squaredNorm() },
    equalities: { b, z in Tensor.stack([z.sum(), 2 * z.sum()]) - b }),
  primalSolver: { b in 0.5 * b.at(0) * Tensor.ones([2]) })

extension HostileInput {
  static let undetermined: [HostileInput] = [
    .refused(
      .undetermined, "$y^2 = x$ at $x = 0$",
      {
        let root = ImplicitFunction<Tensor, Tensor>(
          forward: { x in sqrt(x) }, conditions: .root { x, y in y * y - x })
        _ = try root.pullback(at: 0, 1)
      },
      by: { isSingular($0, pivot: 0) }),
    .answered(
      .undetermined, "$y^2 = x$ at $x = 10^{-20}$: near a singular point is not at it",
      {
        let root = ImplicitFunction<Tensor, Tensor>(
          forward: { x in sqrt(x) }, conditions: .root { x, y in y * y - x })
        let slope = try root.pullback(at: 1e-20, 1)
        return (
          "The derivative is \(formatted(slope.value.scalar)), with "
            + "\(slope.report.trustedDigits ?? 0) digits to be trusted.",
          near(slope.value.scalar, 5e9, within: 1e-14)
        )
      }),
    .refused(
      .undetermined, "minimise $(y - x)^4$: the minimum is there, and flat", isShown: false,
      {
        let flat = ImplicitFunction<Tensor, Tensor>(
          forward: { x in x },
          conditions: .stationary { x, y in (y - x).squaredNorm() * (y - x).squaredNorm() })
        _ = try flat.pullback(at: 3, 1)
      },
      by: { isSingular($0, pivot: 0) }),
    .refused(
      .undetermined, "$y_0 + y_1 = x_0$ and $y_0 + y_1 = x_1$, at $x = (2, 2)$",
      { _ = try twice(Automatic()).pushforward(at: [2, 2], [1, 1]) },
      by: { isSingular($0, pivot: 1) }),
    .refused(
      .undetermined, "the same with LSMR, along $\\dot x = (1, 0)$, which makes the two contradict",
      { _ = try twice(LSMR()).pushforward(at: [2, 2], [1, 0]) },
      by: { error in
        guard
          case DifferentiationError.linearSolve(.inconsistent(let residual, let normal), _) = error
        else { return false }
        return near(residual, 0.5.squareRoot()) && normal < 1e-12
      }),
    .refused(
      .undetermined,
      "the same with LSMR, along $\\dot x = (1, 1)$, which keeps them consistent: LSMR has a solution, and "
        + "its error cannot be told",
      { _ = try twice(LSMR()).pushforward(at: [2, 2], [1, 1]) },
      by: { error in
        guard case DifferentiationError.inaccurate(let truncation, _, _, _) = error else {
          return false
        }
        return truncation == .infinity
      }),
    .answered(
      .undetermined,
      "the same with `certification = .off`: of all solutions the shortest, because that is what LSMR "
        + "stands for, and nobody asks how far it is from a true one",
      {
        var shortest = twice(LSMR())
        shortest.certification = .off
        let answer = try shortest.pushforward(at: [2, 2], [1, 1])
        return (
          "The derivative along $(1, 1)$ is \(PageCell(answer.value.scalars).text).",
          answer.value.scalars.allSatisfy { near($0, 0.5, within: 1e-14) }
        )
      }),
    .refused(
      .undetermined, "the same, asked first whether the matrix is regular (`singularityProbe`)",
      { _ = try twice(LSMR(singularityProbe: true)).pushforward(at: [2, 2], [1, 1]) },
      by: { error in
        guard
          case DifferentiationError.linearSolve(
            .singularityProbeFailed(.inconsistent), _) = error
        else { return false }
        return true
      }),
    .refused(
      .undetermined,
      "three heights $y$ from their differences once around, $y_1 - y_0 = x_0$, $y_2 - y_1 = x_1$, "
        + "$y_0 - y_2 = x_2$: all heights may rise together",
      { _ = try heights().pushforward(at: measured, [1, -1, 0]) },
      by: { isSingular($0, pivot: 2) }),
    .answered(
      .undetermined,
      "the same heights, with the free direction declared: `Gauge(right: [1, 1, 1])`",
      {
        let answer = try heights(Gauge(right: [1, 1, 1])).pushforward(at: measured, [1, -1, 0])
        let expected = [-1.0 / 3, 2.0 / 3, -1.0 / 3]
        return (
          "The derivative along $(1, -1, 0)$ is \(PageCell(answer.value.scalars).text), the one without a "
            + "common rise.",
          zip(answer.value.scalars, expected).allSatisfy { ($0 - $1).magnitude < 1e-14 }
        )
      }),
    .refused(
      .undetermined, "the same, with $(1, 1, -1)$ declared",
      { _ = try heights(Gauge(right: [1, 1, -1])).pushforward(at: measured, [1, -1, 0]) },
      by: { error in
        guard
          case DifferentiationError.linearSolve(.notNullVector(.right, 0, let ratio, _), _) = error
        else { return false }
        return ratio > 0.1
      }),
    .refused(
      .undetermined,
      "the same, with the right direction, along $\\dot x = (1, 0, 0)$: the way around no longer "
        + "adds up to zero",
      { _ = try heights(Gauge(right: [1, 1, 1])).pushforward(at: measured, [1, 0, 0]) },
      by: { isInconsistent($0, .left, 1 / 3.0.squareRoot()) }),
    .refused(
      .undetermined, "the same, and a loss that reads the height $y_0$",
      { _ = try heights(Gauge(right: [1, 1, 1])).pullback(at: measured, [1, 0, 0]) },
      by: { isInconsistent($0, .right, 1 / 3.0.squareRoot()) }),
    .refused(
      .undetermined,
      "the closest point to the origin on $z_0 + z_1 = b_0$, with the constraint given a second "
        + "time as $2z_0 + 2z_1 = b_1$: how do its multipliers move?",
      { _ = try repeated.pushforward(at: [2, 4], along: [1, 2]) },
      by: exactly(KKTError.multipliersNotUnique(rank: 1, count: 2))),
    .answered(
      .undetermined, "the same: and how does the point move?",
      {
        let answer = try repeated.linearize(at: [2, 4]).pushforward([1, 2]).value.primal
        return (
          "By \(PageCell(answer.scalars).text).",
          answer.scalars.allSatisfy { near($0, 0.5, within: 1e-14) }
        )
      }),
    .refused(
      .undetermined,
      "the same along $\\dot b = (1, 0)$, which makes the two constraints contradict",
      isShown: false,
      { _ = try repeated.linearize(at: [2, 4]).pushforward([1, 0]) },
      by: { isInconsistent($0, .left, 2 / 5.0.squareRoot()) }),
    .refused(
      .undetermined, "minimise $z_0$ subject to $z_0 \\ge -1$, and nothing said of $z_1$",
      {
        let program = QuadraticProgram(Q: .zeros([2, 2]), c: [1, 0], G: [[-1, 0]], h: [1])
        let minimum = ConstrainedMinimum(
          QuadraticProgram.problem,
          solver: { _ in KKTPoint(primal: [-1, 0.5], inequalityMultipliers: [1]) })
        _ = try minimum.linearize(at: program)
      },
      by: exactly(KKTError.noUniqueSolution(estimatedCondition: .infinity))),
  ]
}

/// A pivot of exactly zero, met when the matrix was factorised.
private func isSingular(_ error: any Error, pivot: Int) -> Bool {
  guard
    case DifferentiationError.linearSolve(.singular(pivot, let condition), let during) = error
  else { return false }
  return condition == .infinity && during.contains("A = ∂F/∂y")
}

/// A component along a null vector that is far from rounding.
private func isInconsistent(_ error: any Error, _ side: GaugeSide, _ component: Double) -> Bool {
  guard
    case DifferentiationError.linearSolve(
      .inconsistentWithGauge(side, 0, let found, let size, 1e-8), _) = error
  else { return false }
  return near(found.magnitude, component) && near(size, 1)
}
