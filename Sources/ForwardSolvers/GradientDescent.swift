import TracedTensors

/// Minimises by steps against the gradient, `x ← x − α ∇f(x)`.
///
/// With a fixed step `α ≤ 1/L` on a function whose Hessian has eigenvalues in `μ … L` the error
/// obeys
/// ```
/// ‖xₖ − x*‖₂ ≤ (1 − α μ)ᵏ ‖x₀ − x*‖₂
/// ```
/// so `κ = L/μ` says how slow it is: about `κ ln 10` iterations for each digit. One evaluation for
/// each iteration (and one for each refused step, when backtracking); of the black boxes it is the
/// simplest to unroll.
///
/// Sources: A. Cauchy, C. R. Acad. Sci. Paris 25 (1847), 536–538; L. Armijo, "Minimization of
/// functions having Lipschitz continuous first partial derivatives", Pacific J. Math. 16 (1966),
/// 1–3.
public struct GradientDescent: Minimizer {
  /// How far to go along the negative gradient.
  public enum StepSize: Sendable, Equatable {
    /// The same factor `α` at every iteration. Converges if `α < 2/L`.
    case fixed(Double)

    /// The first of `α, shrinkage · α, …` that decreases the objective by at least
    /// `sufficientDecrease · α ‖∇f‖²` (Armijo). The first `α` is `initial`, afterwards twice the
    /// one accepted last.
    ///
    /// On a quadratic this accepts `α ≤ 2 (1 − sufficientDecrease) / L`; close to `2/L` the iteration
    /// would only bounce from wall to wall, hence a default well above the customary 10⁻⁴.
    case backtracking(
      initial: Double = 1, shrinkage: Double = 0.5, sufficientDecrease: Double = 0.3)
  }

  /// How far to go along the negative gradient.
  public var stepSize: StepSize

  /// When to end.
  public var stopping: Stopping

  /// Gradient descent with the given steps.
  public init(stepSize: StepSize = .backtracking(), stopping: Stopping = Stopping()) {
    self.stepSize = stepSize
    self.stopping = stopping
  }

  /// Finds a minimum; see `Minimizer`.
  public func minimum<Point: TensorStructure>(
    of objective: (Point) throws -> Tensor, from start: Point,
    observing observe: (Iterate<Point>) throws -> Void
  ) throws -> Minimum<Point> {
    try validate()
    var descent = try Descent(objective, from: start, stopping)
    var nextStep: Double? = nil
    try observe(descent.iterate)
    while try !descent.isOver() {
      let direction = -descent.current.gradient
      switch stepSize {
      case .fixed(let step):
        try descent.move(to: descent.trial(objective, along: direction, stepLength: step))
      case .backtracking(let initial, let shrinkage, let decrease):
        let search = LineSearch(
          sufficientDecrease: decrease, curvature: nil, shrinkage: shrinkage)
        let accepted = try descent.advance(
          objective, along: direction, by: search, first: nextStep ?? initial)
        if let accepted { nextStep = 2 * accepted }
      }
      try observe(descent.iterate)
    }
    return descent.minimum
  }

  private func validate() throws(ForwardSolverError) {
    func positive(_ name: String, _ value: Double) throws(ForwardSolverError) {
      try require(value > 0 && value.isFinite, name, value, "positive and finite")
    }
    switch stepSize {
    case .fixed(let step): try positive("stepSize", step)
    case .backtracking(let initial, let shrinkage, let decrease):
      try positive("initial", initial)
      try require(shrinkage > 0 && shrinkage < 1, "shrinkage", shrinkage, "between 0 and 1")
      try require(
        decrease > 0 && decrease < 0.5, "sufficientDecrease", decrease, "between 0 and 1/2")
    }
  }
}
