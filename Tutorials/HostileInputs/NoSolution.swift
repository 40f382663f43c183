import Batches
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Optimality

// The point solves nothing, or not these conditions, or there is no point.

/// A solver that returns `y`, whatever it is given.
func returning(
  _ y: Tensor, conditions: Conditions<Tensor, Tensor>
) -> ImplicitFunction<Tensor, Tensor> {
  ImplicitFunction(forward: { _ in y }, conditions: conditions)
}

/// The square root by its condition.
private let square = Conditions<Tensor, Tensor>.root { x, y in y * y - x }

/// √2 between 0 and 2, by ten halvings.
private let bisected: Double = {
  var (low, high) = (0.0, 2.0)
  for _ in 0..<10 {
    let middle = (low + high) / 2
    if middle * middle < 2 { low = middle } else { high = middle }
  }
  return (low + high) / 2
}()

/// min ½(z − 2)² subject to z ≤ 1.
private let capped = ConstrainedProblem<Tensor, Tensor>(
  objective: { _, z in 0.5 * (z - 2).squaredNorm() }, inequalities: { x, z in z - x })

/// min ½‖z‖² subject to z₀ + z₁ = b.
private let closest = ConstrainedProblem<Tensor, Tensor>(
  objective: { _, z in 0.5 * z.squaredNorm() }, equalities: { b, z in z.sum() - b })

extension HostileInput {
  static let noSolution: [HostileInput] = [
    .refused(
      .noSolution, "$y^2 = 2$ by ten halvings of the interval from 0 to 2, and no more",
      { _ = try returning(Tensor(bisected), conditions: square).pullback(at: 2, 1) },
      by: { error in
        guard case DifferentiationError.conditionsNotMet(_, let correction, 1e-6) = error else {
          return false
        }
        let step = (bisected * bisected - 2) / (2 * bisected)
        return near(correction, (step / bisected).magnitude)
      }),
    .answered(
      .noSolution, "the same with `polish = true`: Newton's steps are added to the solver's answer",
      {
        var root = returning(Tensor(bisected), conditions: square)
        root.polish = true
        let slope = try root.pullback(at: 2, 1)
        let polish = slope.report.polish?.description ?? "none"
        return (
          "The derivative is \(formatted(slope.value.scalar)). The polish: \(polish).",
          near(slope.value.scalar, 0.5 / 2.0.squareRoot(), within: 1e-14)
            && slope.report.polish?.steps ?? 0 >= 2
        )
      }),
    .refused(
      .noSolution,
      "$y^2 + x = 0$ at $x = 10^{-10}$, which has no real solution; the solver stops at "
        + "$y = 10^{-5}$, because there $F = 2\\cdot 10^{-10}$",
      {
        let past = returning(1e-5, conditions: .root { x, y in y * y + x })
        _ = try past.pullback(at: 1e-10, 1)
      },
      by: { error in
        guard
          case DifferentiationError.noSolutionNearby(let residual, let correction, 1e-6) = error
        else { return false }
        return near(residual, 2e-10) && near(correction, 1)
      }),
    .refused(
      .noSolution, "the same with `polish = true`, which makes nothing of nothing",
      isShown: false,
      {
        var past = returning(1e-5, conditions: .root { x, y in y * y + x })
        past.polish = true
        _ = try past.pullback(at: 1e-10, 1)
      },
      by: { error in
        switch error {
        case DifferentiationError.noSolutionNearby(_, let correction, 1e-6): correction > 1e-6
        case DifferentiationError.linearSolve(.singular, _): true
        default: false
        }
      }),
    .refused(
      .noSolution, "$y^2 + x = 0$ at $x = 1$, by Newton's method from $y = 1/2$",
      {
        let past = ImplicitFunction<Tensor, Tensor>(
          forward: { x in
            try NewtonRootFinder().root(of: { y in y * y + x }, from: Tensor(0.5)).point
          },
          conditions: .root { x, y in y * y + x })
        _ = try past.pullback(at: 1, 1)
      },
      by: { error in
        guard case ForwardSolverError.residualStuck(_, let residual, _, _) = error else {
          return false
        }
        return near(residual, 1, within: 1e-3)
      }),
    .refused(
      .noSolution, "gradient descent on $\\tfrac12\\cdot 4y^2$ with steps of 1, from $y = 1$",
      isShown: false,
      {
        _ = try GradientDescent(stepSize: .fixed(1)).minimum(
          of: { y in 2 * y.squaredNorm() }, from: Tensor(1))
      },
      by: { error in
        guard case ForwardSolverError.diverged(_, let norm) = error else { return false }
        return norm > 1e6
      }),
    .refused(
      .noSolution,
      "gradient descent on $\\tfrac12(y_0^2 + y_1^2/1000)$ with steps of 1, at most 50 of them",
      {
        let stopping = Stopping(maximumIterations: 50)
        _ = try GradientDescent(stepSize: .fixed(1), stopping: stopping).minimum(
          of: { y in 0.5 * (y * y * [1, 0.001]).sum() }, from: [1, 1] as Tensor)
      },
      by: { error in
        guard case ForwardSolverError.notConverged(50, let norm, 1e-10) = error else {
          return false
        }
        // 50 steps shrink the flat direction by 0.999 each.
        var expected = 0.001
        for _ in 0..<50 { expected *= 0.999 }
        return near(norm, expected)
      }),
    .refused(
      .noSolution, "minimise $y$", isShown: false,
      { _ = try GradientDescent().minimum(of: { y in y.sum() }, from: Tensor(0)) },
      by: { error in
        guard case ForwardSolverError.unboundedBelow(_, let objective) = error else {
          return false
        }
        return objective < -1e3
      }),
    .refused(
      .noSolution, "minimise $y - \\log y$ from $y = 0$", isShown: false,
      { _ = try Newton().minimum(of: { y in (y - log(y)).sum() }, from: Tensor(0)) },
      by: exactly(ForwardSolverError.notFinite(iteration: 0, quantity: "the objective"))),
    .refused(
      .noSolution, "Newton's method on $y^2 = 2$ from $y = 0$, where the slope is zero",
      isShown: false,
      { _ = try NewtonRootFinder().root(of: { y in y * y - 2 }, from: Tensor(0)) },
      by: { error in
        guard case ForwardSolverError.newtonStep(_, .singular(0, _)) = error else { return false }
        return true
      }),
    .refused(
      .noSolution, "minimise $z$ subject to $z \\ge 1$ and $z \\le 0$",
      { _ = try InteriorPoint().solve(c: [1], G: [[-1], [1]], h: [-1, 0]) },
      by: { error in
        guard case ForwardSolverError.infeasible(let shortfall, let residual) = error else {
          return false
        }
        // Half of each: 0 ≤ −½.
        return near(shortfall, 0.5, within: 1e-6) && residual < 1e-6
      }),
    .refused(
      .noSolution, "minimise $-z$ subject to $z \\ge 0$", isShown: false,
      { _ = try InteriorPoint().solve(c: [-1], G: [[-1]], h: [0]) },
      by: { error in
        guard case ForwardSolverError.unboundedDirection(let slope, _) = error else {
          return false
        }
        return near(slope, -1, within: 1e-6)
      }),
    .refused(
      .noSolution,
      "a quadratic program with the matrix `[[1, 2], [2, 1]]`, which curves "
        + "downwards along $(1, -1)$", isShown: false,
      { _ = try InteriorPoint().solve(Q: [[1, 2], [2, 1]], c: [0, 0]) },
      by: exactly(ForwardSolverError.notConvex(index: 1))),
    .refused(
      .noSolution, "a transport plan from masses with the sum 1 to masses with the sum 1.5",
      isShown: false,
      {
        _ = try Sinkhorn(epsilon: 0.1).transport(
          cost: [[0, 1], [1, 0]], from: [0.5, 0.5], to: [0.5, 1])
      },
      by: exactly(ForwardSolverError.massesDiffer(row: 1, column: 1.5))),
    .refused(
      .noSolution, "a transport plan from masses of which one is zero", isShown: false,
      {
        _ = try Sinkhorn(epsilon: 0.1).transport(
          cost: [[0, 1], [1, 0]], from: [1, 0], to: [0.5, 0.5])
      },
      by: exactly(ForwardSolverError.massNotPositive(marginal: "a", index: 1, value: 0))),
    .refused(
      .noSolution, "a transport plan by three steps of Sinkhorn's iteration", isShown: false,
      {
        let hasty = Sinkhorn(epsilon: 0.1, stopping: Stopping(maximumIterations: 3))
        _ = try hasty.transport(cost: [[0, 1], [0.5, 0]], from: [0.2, 0.8], to: [0.7, 0.3])
      },
      by: { error in
        guard case ForwardSolverError.marginalsNotMet(3, let marginals, 1e-10) = error else {
          return false
        }
        return marginals > 1e-10
      }),
    .refused(
      .noSolution, "a quadratic program with one iteration to solve it", isShown: false,
      {
        _ = try InteriorPoint(maximumIterations: 1, polishes: false).solve(
          Q: [[1, 0], [0, 1]], c: [-1, -2], G: [[1, 3], [2, 1]], h: [1, 1])
      },
      by: { error in
        guard case ForwardSolverError.programNotSolved(1, let found, 1e-10) = error else {
          return false
        }
        return found > 1e-10
      }),
    .refused(
      .noSolution, "a proximal step with the penalty $-1$", isShown: false,
      { _ = try Proximal.lasso([0.5], penalty: -1) },
      by: { error in
        guard case ProjectionError.invalidPenalty(_, _, 0, -1) = error else { return false }
        return true
      }),
    .refused(
      .noSolution, "the projection onto the box from 1 to 0", isShown: false,
      { _ = try Projection.box([0.5], lower: [1], upper: [0]) },
      by: { error in
        guard case ProjectionError.emptySet("box", _) = error else { return false }
        return true
      }),
    .refused(
      .noSolution, "a solver that returns NaN in its second number",
      {
        _ = try returning([1, Tensor(Double.nan)], conditions: .root { x, y in y - x }).pullback(
          at: [1, 2], [1, 1])
      },
      by: { error in
        guard case DifferentiationError.notFinite("the solution", 1, let value) = error else {
          return false
        }
        return value.isNaN
      }),
    .refused(
      .noSolution, "a solver that returns $1/x$ at $x = 0$", isShown: false,
      {
        let inverse = ImplicitFunction<Tensor, Tensor>(
          forward: { x in 1 / x }, conditions: .root { x, y in x * y - 1 })
        _ = try inverse.pullback(at: 0, 1)
      },
      by: exactly(
        DifferentiationError.notFinite(what: "the solution", index: 0, value: .infinity))),
    .refused(
      .noSolution, "a solver that returns three numbers, with conditions $y - x = 0$ for two",
      {
        _ = try returning([1, 2, 3], conditions: .root { x, y in y - x }).pullback(
          at: [1, 2], [1, 1, 1])
      },
      by: exactly(DifferentiationError.shapeMismatch(operation: "-", left: [3], right: [2]))),
    .refused(
      .noSolution, "one equation, $y_0 + y_1 = x$, for two unknowns",
      {
        _ = try returning([1, 1], conditions: .root { x, y in y.sum() - x }).pullback(
          at: 2, [1, 1])
      },
      by: exactly(
        DifferentiationError.sizeMismatch(
          what: "the residual (one equation for each unknown)", expected: 2, found: 1))),
    .refused(
      .noSolution, "two equations, $y = x$ and $y^2 = x^2$, for one unknown", isShown: false,
      {
        let twice = returning(
          2, conditions: .root { x, y in Tensor.stack([y - x, y * y - x * x]) })
        _ = try twice.pullback(at: 2, 1)
      },
      by: exactly(
        DifferentiationError.sizeMismatch(
          what: "the residual (one equation for each unknown)", expected: 1, found: 2))),
    .refused(
      .noSolution,
      "conditions of another problem: the solver minimises $\\tfrac12(y - 1)^2 + \\tfrac12 x y^2$, and "
        + "the conditions were written without the ½ before $x$",
      {
        let ridge = ImplicitFunction<Tensor, Tensor>(
          forward: { x in 1 / (1 + x) },
          conditions: .stationary { x, y in 0.5 * (y - 1).squaredNorm() + x * y.squaredNorm() })
        _ = try ridge.pullback(at: 0.1, 1)
      },
      by: { error in
        guard case DifferentiationError.conditionsNotMet(_, let correction, _) = error else {
          return false
        }
        // F = 1/11, A = 1.2, y = 1/1.1.
        return near(correction, 1.0 / 12)
      }),
    .refused(
      .noSolution,
      "minimise $\\tfrac12(z-2)^2$ subject to $z \\le x = 1$, by a solver that forgot the constraint",
      {
        _ = try ConstrainedMinimum(
          capped, solver: { _ in KKTPoint(primal: 2, inequalityMultipliers: [0]) }
        ).linearize(at: 1)
      },
      by: { error in
        guard case KKTError.infeasible(0, let violation, 1e-6) = error else { return false }
        return near(violation, 0.5)
      }),
    .refused(
      .noSolution, "the same by a solver whose multipliers have the other sign",
      {
        _ = try ConstrainedMinimum(
          capped, solver: { _ in KKTPoint(primal: 1, inequalityMultipliers: [-1]) }
        ).linearize(at: 1)
      },
      by: { error in
        guard case KKTError.negativeMultiplier(0, let multiplier, 1e-6) = error else {
          return false
        }
        return near(multiplier, -1)
      }),
    .refused(
      .noSolution,
      "the closest point to the origin on $z_0 + z_1 = 2$, by a solver that returns $(0, 2)$",
      { _ = try ConstrainedMinimum(closest, primalSolver: { _ in [0, 2] }).linearize(at: 2) },
      by: { error in
        guard case KKTError.notStationary(let imbalance, _) = error else { return false }
        return imbalance > 0.1
      }),
    .refused(
      .noSolution,
      "the optimal value of the closest point to the origin, by a solver that returns $(1, 0.9)$",
      isShown: false,
      {
        let off = ConstrainedMinimum(
          closest, solver: { _ in KKTPoint(primal: [1, 0.9], equalityMultipliers: [-0.95]) })
        _ = try off.optimalValueAndGradient(at: 2)
      },
      by: { error in
        guard case KKTError.equalityViolated(0, let violation, _) = error else { return false }
        return violation > 0.01
      }),
    .refused(
      .noSolution,
      "the optimal value of the first, by a solver that mixes up $x = 1$ and $x = 2.5$",
      isShown: false,
      {
        _ = try ConstrainedMinimum(
          capped, solver: { _ in KKTPoint(primal: 2, inequalityMultipliers: [0.5]) }
        ).optimalValueAndGradient(at: 2.5)
      },
      by: { error in
        guard case KKTError.notComplementary(0, let slack, let multiplier) = error else {
          return false
        }
        return near(slack, 0.25) && multiplier > 0.1
      }),
    .refused(
      .noSolution,
      "the gradient of $\\sum_i \\sqrt{x_i}$ over a batch, where one item of three is $-1$",
      {
        let root = ImplicitFunction<Tensor, Tensor>(forward: { x in sqrt(x) }, conditions: square)
        let loss = try await Batch().gradient(
          at: Tensor(1), over: [4.0, -1, 9],
          function: { item in
            ImplicitFunction(
              forward: { scale in
                let x = scale * Tensor(item)
                if x < 0 { throw NoRoot(x: item) }
                return try root(x)
              }, conditions: .root { scale, y in y * y - scale * Tensor(item) })
          }, loss: { _, y in y })
        _ = loss
      },
      by: { error in
        guard case BatchError.itemsFailed(let failures, count: 3) = error else { return false }
        return failures.map(\.index) == [1] && failures[0].error is NoRoot
      }),
  ]
}

/// What a solver of one's own may throw: it is passed on as it is.
private struct NoRoot: Error, CustomStringConvertible {
  let x: Double
  var description: String { "\(x) has no real square root." }
}
