import TracedTensors

/// Why a solver stopped without a solution. Each case carries its numbers, and `description` says
/// what to try.
public enum ForwardSolverError: Error, Equatable {
  /// The iteration limit came first. `gradientNorm` is `‖∇f‖₂` (for roots `‖F‖₂`) at the last
  /// point, `tolerance` what it had to reach.
  case notConverged(iterations: Int, gradientNorm: Double, tolerance: Double)

  /// The gradient (for roots the residual) has grown by more than 10³⁰ since the start.
  case diverged(iteration: Int, gradientNorm: Double)

  /// NaN or infinity at the point of an iteration, 0 for the start and the data; `quantity` names
  /// what was first seen.
  case notFinite(iteration: Int, quantity: String)

  /// No step along a descent direction was acceptable. `slope` is the directional derivative at
  /// the point, `shortestStep` the last step length tried.
  case lineSearchFailed(
    iteration: Int, slope: Double, shortestStep: Double, gradientNorm: Double, tolerance: Double)

  /// A root finder is stuck: no part of its step, down to `shortestStep` of it, decreases `‖F‖₂`
  /// sufficiently. Far from the tolerance this is the sign of a minimum of `‖F‖₂` that is no root.
  case residualStuck(
    iteration: Int, residualNorm: Double, shortestStep: Double, tolerance: Double)

  /// The objective falls without end: doubling the step went on improving it.
  case unboundedBelow(iteration: Int, objective: Double)

  /// No point satisfies all constraints of a quadratic program. Proof: a sum of them, each with a
  /// weight (those of inequalities positive, their magnitudes adding up to 1), reads
  /// `rᵀy ≤ −shortfall` with `‖r‖∞ = certificateResidual`, zero up to rounding.
  case infeasible(shortfall: Double, certificateResidual: Double)

  /// A quadratic program has no minimum: along a direction of largest entry 1 the objective falls
  /// with `slope` for ever, and no constraint stops it. `certificateResidual` is what `Q`, `A` and
  /// `G` say against it, relative to the size of their rows: zero up to rounding.
  case unboundedDirection(slope: Double, certificateResidual: Double)

  /// The matrix `Q` of a quadratic program has a direction of negative curvature among its first
  /// `index + 1` unknowns.
  case notConvex(index: Int)

  /// The interior-point method ended without a solution and without a proof that there is none.
  case programNotSolved(iterations: Int, error: Double, tolerance: Double)

  /// A marginal has an entry that is not positive.
  case massNotPositive(marginal: String, index: Int, value: Double)

  /// The two marginals of a transport problem have different sums.
  case massesDiffer(row: Double, column: Double)

  /// Sinkhorn's iteration ended before the plan had its marginals; the errors are sums of
  /// magnitudes.
  case marginalsNotMet(iterations: Int, marginalError: Double, tolerance: Double)

  /// The linear system of a Newton step was not solved.
  case newtonStep(iteration: Int, LinearSolveError)

  /// An objective is one number, a residual has as many as there are unknowns.
  case sizeMismatch(what: String, expected: Int, found: Int)

  /// An option has a value that makes no sense.
  case invalidOption(name: String, value: String, requirement: String)
}

extension ForwardSolverError: CustomStringConvertible {
  /// A sentence with the numbers, and one with what to try.
  public var description: String {
    switch self {
    case .notConverged(let iterations, let norm, let tolerance):
      "No convergence: after \(iterations.counted("iteration")) the gradient (or residual) has norm "
        + "\(norm.shortened), and \(tolerance.shortened) was asked for. Allow more iterations, "
        + "improve the scaling of the unknowns, or use a faster method. For a smooth objective L-BFGS "
        + "is faster than gradient descent, and Newton's method faster than L-BFGS; with a proximal "
        + "or projected step, acceleration; for equations Newton's method is faster than a "
        + "fixed-point iteration."
    case .diverged(let iteration, let norm):
      "The iteration diverges: at iteration \(iteration) the gradient (or residual) has norm "
        + "\(norm.shortened). A fixed step must be below 2/L, with L the largest eigenvalue of "
        + "the Hessian; a step by backtracking finds its own length."
    case .notFinite(0, let quantity):
      "NaN or infinity in \(quantity) before the first iteration. Look for missing data, a logarithm "
        + "of zero, a division by zero or an overflow there, or start elsewhere."
    case .notFinite(let iteration, let quantity):
      "NaN or infinity in \(quantity) at iteration \(iteration). Look for missing data, a "
        + "logarithm of zero or an overflow there; if it appears only after some iterations, the "
        + "step is too long or the start too far away."
    case .lineSearchFailed(let iteration, let slope, let step, let norm, let tolerance):
      "No step improves the objective at iteration \(iteration), down to length "
        + "\(step.shortened) along a slope of \(slope.shortened). The gradient has norm "
        + "\(norm.shortened), and \(tolerance.shortened) was asked for. If that is close, rounding "
        + "lets no more through: loosen the tolerance. If not, the objective may have kinks or "
        + "jumps."
    case .residualStuck(let iteration, let norm, let step, let tolerance):
      "No step decreases the residual at iteration \(iteration), down to \(step.shortened) of the "
        + "full one. The residual has norm \(norm.shortened), and \(tolerance.shortened) was asked "
        + "for. If that is close, rounding lets no more through: loosen the tolerance. If not, the "
        + "iteration is at a point where ‖F‖ is smallest nearby without being zero: start elsewhere, or ask "
        + "whether these equations have a root at all."
    case .unboundedBelow(let iteration, let objective):
      "The objective falls without end: at iteration \(iteration) it has reached "
        + "\(objective.shortened). It has no minimum in this direction: check its sign, or add a "
        + "penalty."
    case .infeasible(let shortfall, let residual):
      "The constraints contradict each other: a combination of them, with weights that add up to 1, "
        + "says 0 ≤ −\(shortfall.shortened) (size of its left-hand side \(residual.shortenedRatio)). "
        + "Look for bounds that cross or an equality that leaves them, and give way by at least "
        + "as much."
    case .unboundedDirection(let slope, let residual):
      "The quadratic program has no minimum: along a direction of size 1 that no constraint stops "
        + "(their slopes along it \(residual.shortenedRatio)), the objective falls with slope \(slope.shortened) for "
        + "ever. Check the sign of the objective, or add bounds."
    case .notConvex(let index):
      "The matrix Q is not positive semidefinite: elimination meets negative curvature at unknown "
        + "\(index). Interior points find minima of convex programs alone: check the sign of Q; a "
        + "kernel matrix needs a valid kernel."
    case .programNotSolved(let iterations, let error, let tolerance):
      "The quadratic program was not solved: after \(iterations.counted("iteration")) the relative error is "
        + "\(error.shortened), and \(tolerance.shortened) was asked for. Allow more iterations or "
        + "loosen the tolerance; constraints that are feasible by a hair's breadth show like this."
    case .massNotPositive(let marginal, let index, let value):
      "Entry \(index) of the marginal `\(marginal)` is \(value.shortened); every mass must be "
        + "positive, since its logarithm is taken. Leave the point out, or add a small mass "
        + "everywhere."
    case .massesDiffer(let row, let column):
      "The marginals have different sums, \(row) and \(column): what leaves must arrive. Divide "
        + "each by its sum."
    case .marginalsNotMet(let iterations, let error, let tolerance):
      "No convergence: after \(iterations.counted("iteration")) the marginals of the plan are wrong by "
        + "\(error.shortened), and \(tolerance.shortened) was asked for. Allow more iterations "
        + "(the smaller ε, the more are needed), start from the potentials of a larger ε, or enlarge ε."
    case .newtonStep(let iteration, let error):
      "The linear system of Newton's step \(iteration) was not solved. \(error)"
    case .sizeMismatch(let what, let expected, let found):
      "Expected \(expected.counted("number")) in \(what), found \(found). An objective gives one number, "
        + "a residual one for each unknown."
    case .invalidOption(let name, let value, let requirement):
      "The option `\(name)` is \(value); it must be \(requirement)."
    }
  }
}
