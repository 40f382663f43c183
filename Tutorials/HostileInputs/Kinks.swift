import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Optimality

// The solution moves differently to the two sides: slack and multiplier of an inequality both vanish.

/// min ½‖z‖² subject to z₀ + z₁ = b and z₀ − 2z₁ ≤ −½, which binds for b < 1.
private let leaning = ConstrainedMinimum(
  ConstrainedProblem<Tensor, Tensor>(
    objective: { _, z in 0.5 * z.squaredNorm() }, equalities: { b, z in z.sum() - b },
    inequalities: { _, z in z.dot([1, -2]) + 0.5 }),
  primalSolver: { b in
    if b >= 1 { return Tensor.stack([b / 2, b / 2]) }
    return Tensor.stack([(2 * b - 0.5) / 3, (b + 0.5) / 3])
  })

/// The projection onto `z ≥ 0`, a ReLU for each number, as the minimum that it is.
private let rectifier = ConstrainedProblem<Tensor, Tensor>(
  objective: { x, z in 0.5 * (z - x).squaredNorm() }, inequalities: { _, z in -z })

/// The lasso of one number at the threshold 1, by its proximal operator.
private let lasso = ImplicitFunction<Tensor, Tensor>(
  forward: { x in try Proximal.softThreshold(x, 1) },
  conditions: .proximalGradient(
    of: { x, y in 0.5 * (y - x).squaredNorm() },
    proximal: { _, point in try Proximal.softThreshold(point, 1) }))

extension HostileInput {
  static let kinks: [HostileInput] = [
    .refused(
      .kink,
      "minimise $\\tfrac12\\lVert z\\rVert^2$ subject to $z_0 + z_1 = b$ and $z_0 - 2z_1 \\le -\\tfrac12$, "
        + "at $b = 1$, where the inequality begins to bind",
      { _ = try leaning.pushforward(at: 1, along: 1) },
      by: { isWeaklyActive($0, [0]) }),
    .answered(
      .kink, "the same, asked for the derivative to one side (`oneSidedPushforward`)",
      {
        let forward = try leaning.oneSidedPushforward(at: 1, along: 1).value.primal.scalars
        let backward = try leaning.oneSidedPushforward(at: 1, along: -1).value.primal.scalars
        return (
          "\(PageCell(forward).text) along $\\dot b = 1$, and \(PageCell(backward).text) along "
            + "$\\dot b = -1$.",
          zip(forward + backward, [0.5, 0.5, -2.0 / 3, -1.0 / 3]).allSatisfy {
            ($0 - $1).magnitude < 1e-14
          }
        )
      }),
    .refused(
      .kink, "the projection of $x = (2, 0, -1)$ onto $z \\ge 0$: a ReLU, written as a minimum",
      isShown: false,
      {
        _ = try ConstrainedMinimum(rectifier, primalSolver: { x in max(x, 0) })
          .linearize(at: [2, 0, -1])
      },
      by: { isWeaklyActive($0, [1]) }),
    .refused(
      .kink,
      "the projection of $(1, 0)$ onto the simplex: the second share is zero, and nothing presses it "
        + "there", isShown: false,
      {
        let simplex = ConstrainedMinimum(
          ConstrainedProblem<Tensor, Tensor>(
            objective: { x, z in 0.5 * (z - x).squaredNorm() }, equalities: { _, z in z.sum() - 1 },
            inequalities: { _, z in -z }),
          primalSolver: { x in try Projection.simplex(x) })
        _ = try simplex.linearize(at: [1, 0])
      },
      by: { isWeaklyActive($0, [1]) }),
    .refused(
      .kink,
      "minimise $\\tfrac12(y - x)^2 + \\lvert y\\rvert$ at $x = 1$, with the modulus as a variable $t$ above "
        + "$y$ and $-y$",
      {
        let modulus = ConstrainedMinimum(
          ConstrainedProblem<Tensor, Tensor>(
            objective: { x, z in 0.5 * (z.at(0) - x).squaredNorm() + z.at(1) },
            inequalities: { _, z in
              Tensor.stack([z.at(0) - z.at(1), -z.at(0) - z.at(1)])
            }),
          primalSolver: { _ in [0, 0] })
        _ = try modulus.linearize(at: 1)
      },
      by: { isWeaklyActive($0, [1]) }),
    .answered(
      .kink,
      "the same by its proximal operator, $y = \\operatorname{sign}(x)\\max(\\lvert x\\rvert - 1, 0)$: no "
        + "multiplier here that could vanish",
      {
        let slope = try lasso.pullback(at: 1, 1).value.scalar
        let comparison = try GradientComparison(of: lasso, at: 1, loss: { $0 })
        var words: String?
        for finding in comparison.findings {
          guard case .kink(0, let backward, let forward) = finding else { continue }
          let isRight = backward.magnitude < 1e-6 && (forward - 1).magnitude < 1e-6
          words = isRight ? "\(finding)" : nil
        }
        return (
          "The derivative is given as \(formatted(slope)). `GradientComparison` says: “\(words ?? "no kink")”",
          words != nil
        )
      }),
    .refused(
      .kink,
      "$y_0 = x_0$ and $y_1 + \\tfrac12\\lvert y_1\\rvert = x_1$ at $x = (1, -10^{-9})$, by a solver that "
        + "returns $(1, 10^{-8})$: close enough to the solution, and on the wrong side",
      {
        let bent = returning(
          [1, 1e-8],
          conditions: .root { x, y in y + [0, 0.5] * abs(y) - x })
        _ = try bent.pullback(at: [1, -1e-9], [0, 1])
      },
      by: { error in
        guard case DifferentiationError.kinkNearby(let distance) = error else { return false }
        return distance > 1e-8 && distance < 1e-7
      }),
    .refused(
      .kink, "sixty-five ReLUs at zero at once, and the derivative to one side",
      {
        _ = try rectifier.oneSidedPushforward(
          at: .zeros([65]),
          solution: KKTPoint(primal: .zeros([65]), inequalityMultipliers: .zeros([65])),
          along: .ones([65]))
      },
      by: exactly(KKTError.tooManyWeaklyActive(count: 65, limit: 64))),
    .refused(
      .kink,
      "minimise $\\tfrac12(z_0^2 - z_1^2) + x z_1$ subject to $z_1 \\le 0$ at $x = 0$: a saddle, and the "
        + "constraint begins to bind",
      isShown: false,
      {
        let saddle = ConstrainedProblem<Tensor, Tensor>(
          objective: { x, z in (z * z * [0.5, -0.5]).sum() + x * z.at(1) },
          inequalities: { _, z in z.at(1) })
        _ = try saddle.oneSidedPushforward(
          at: 0, solution: KKTPoint(primal: [0, 0], inequalityMultipliers: [0]), along: 1)
      },
      by: { error in
        guard case KKTError.oneSidedNotSolved = error else { return false }
        return true
      }),
    .refused(
      .kink,
      "gradient descent on $\\lvert y\\rvert + \\lvert y - 1\\rvert/2$, a kink at the minimum itself",
      {
        _ = try GradientDescent().minimum(
          of: { y in (abs(y) + 0.5 * abs(y - 1)).sum() }, from: Tensor(0.7))
      },
      by: { error in
        guard case ForwardSolverError.lineSearchFailed(_, _, _, let norm, 1e-10) = error else {
          return false
        }
        return norm > 0.1
      }),
  ]
}

private func isWeaklyActive(_ error: any Error, _ expected: [Int]) -> Bool {
  guard case KKTError.weaklyActive(let constraints, tolerance: 1e-6) = error else { return false }
  return constraints.map(\.constraint) == expected
    && constraints.allSatisfy { $0.slack.magnitude < 1e-14 && $0.multiplier.magnitude < 1e-14 }
}
