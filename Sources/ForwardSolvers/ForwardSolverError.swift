import ImplicitDifferentiation

/// Why a solver stopped without a solution. Each case carries its numbers, and `description` says
/// what to try.
public enum ForwardSolverError: Error, Equatable {
  /// The iteration limit came first. `gradientNorm` is `‖∇f‖₂` (for roots `‖F‖₂`) at the last
  /// point, `tolerance` what it had to reach.
  case notConverged(iterations: Int, gradientNorm: Double, tolerance: Double)

  /// The gradient (for roots the residual) has grown by more than 10³⁰ since the start.
  case diverged(iteration: Int, gradientNorm: Double)

  /// NaN or infinity at the point of an iteration; `quantity` names what was first seen.
  case notFinite(iteration: Int, quantity: String)

  /// No step along a descent direction was acceptable. `slope` is the directional derivative at
  /// the point, `shortestStep` the last step length tried.
  case lineSearchFailed(
    iteration: Int, slope: Double, shortestStep: Double, gradientNorm: Double, tolerance: Double)

  /// The objective falls without end: doubling the step went on improving it.
  case unboundedBelow(iteration: Int, objective: Double)

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
      "No convergence: after \(iterations) iterations the gradient (or residual) has norm "
        + "\(norm.shortened), and \(tolerance.shortened) was asked for. Allow more iterations, "
        + "improve the scaling of the unknowns, or use a faster method: L-BFGS for gradient "
        + "descent, Newton for L-BFGS."
    case .diverged(let iteration, let norm):
      "The iteration diverges: at iteration \(iteration) the gradient (or residual) has norm "
        + "\(norm.shortened). A fixed step must be below 2/L, with L the largest eigenvalue of "
        + "the Hessian; a step by backtracking finds its own length."
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
    case .unboundedBelow(let iteration, let objective):
      "The objective falls without end: at iteration \(iteration) it has reached "
        + "\(objective.shortened). It has no minimum in this direction: check its sign, or add a "
        + "penalty."
    case .newtonStep(let iteration, let error):
      "The linear system of Newton's step \(iteration) was not solved. \(error)"
    case .sizeMismatch(let what, let expected, let found):
      "Expected \(expected) numbers in \(what), found \(found)."
    case .invalidOption(let name, let value, let requirement):
      "The option `\(name)` is \(value); it must be \(requirement)."
    }
  }
}
