/// How the derivative of `N` steps `y ← T(x, y)` is taken, and what is kept for it.
///
/// With `A = ∂T/∂y` and `B = ∂T/∂x` at the steps:
///
/// | method | gives | keeps | recorded steps | steps run again |
/// |---|---|---|---|---|
/// | `everything` | the derivative of the `N` steps | `N` recordings | `N` | 0 |
/// | `everySteps(k)` | the same bits | `N/k` states, `k` recordings | `N` | `N − k` |
/// | `checkpoints(slots: s)` | the same bits | `s` states, 1 recording | `N` | `BinomialSchedule` |
/// | `truncated(last: k)` | `Σ_{j<k} AʲB`, along the last steps | `k` recordings | `k` | 0 |
/// | `oneStep` | `B` of the last step | 1 recording | 1 | 0 |
/// | `neumann(terms: k)` | `Σ_{j<k} AʲB` at the last state | 1 recording | 1 | 1 |
/// | `piggyback` | `Σ_{j<N} AʲB`, along all steps | 1 recording | `N` | 0 |
/// | `twoPhase` | `Σ AʲB` at the last state, to a tolerance | 1 recording | 1 | 1 |
///
/// The first three differentiate the solver, converged or not. The others approximate the
/// derivative of the *fixed point*, `(I − A)⁻¹B`; each comes with an estimate of its truncation error
/// (`TruncationEstimate`) and the warning that it must not be differentiated once more.
///
/// A pushforward needs no memory of past steps: all exact methods give the same there.
public enum UnrollingMethod: Sendable, Equatable {
  /// Every step is recorded on the way, and all recordings are kept.
  case everything

  /// The state is kept every `k` steps; going back, `k` steps at a time are recorded from there.
  ///
  /// `k = √N` or so keeps `2 √N` things instead of `N`, for one more run of the solver.
  case everySteps(Int)

  /// At most `slots` states are kept at any time, the start among them, where binomial
  /// checkpointing places them.
  ///
  /// Source: A. Griewank and A. Walther, "Algorithm 799: revolve", ACM TOMS 26 (2000), 19–45.
  case checkpoints(slots: Int)

  /// The derivative of the last steps alone, as if the state before them were a constant.
  case truncated(last: Int)

  /// The derivative of the very last step.
  ///
  /// Exact for Newton's method, poor for slow contractions: the error is `ρ` of what it should be.
  /// Source: J. Bolte, E. Pauwels and S. Vaiter, "One-step differentiation of iterative
  /// algorithms", NeurIPS (2023).
  case oneStep

  /// So many terms of the Neumann series of `(I − A)⁻¹` at the last state.
  case neumann(terms: Int)

  /// The derivative is iterated along with the states, from zero: tangents `ẏ ← A ẏ + B ẋ`, or
  /// adjoints `ȳ ← Aᵀȳ + w` with the loss gradient `w` at the newest state. Nothing is kept.
  ///
  /// Source: A. Griewank and C. Faure, "Piggyback differentiation and optimization", in *Large-Scale
  /// PDE-Constrained Optimization*, Springer (2003).
  case piggyback

  /// First the solver runs to its end, then the adjoint (or tangent) is iterated at the last state
  /// until a term is below `relativeTolerance` of the sum.
  ///
  /// Source: B. Christianson, "Reverse accumulation and attractive fixed points", Optim. Methods
  /// Softw. 3 (1994), 311–326.
  case twoPhase(relativeTolerance: Double = 1e-10, maximumTerms: Int = 10_000)

  /// Whether the derivative is that of the solver's steps, whatever they have reached.
  public var isExact: Bool {
    switch self {
    case .everything, .everySteps, .checkpoints: true
    case .truncated, .oneStep, .neumann, .piggyback, .twoPhase: false
    }
  }

  func validate(iterations: Int) throws(UnrollingError) {
    try require(iterations >= 0, "iterations", iterations, "at least 0")
    if !isExact {
      try require(iterations >= 1, "iterations", iterations, "at least 1 for this method")
    }
    switch self {
    case .everything, .oneStep, .piggyback: break
    case .everySteps(let k): try require(k >= 1, "everySteps", k, "at least 1")
    case .checkpoints(let slots): try require(slots >= 1, "slots", slots, "at least 1")
    case .truncated(let k):
      try require(
        (1...iterations).contains(k), "last", k, "from 1 to the \(iterations.counted("iteration"))")
    case .neumann(let k): try require(k >= 1, "terms", k, "at least 1")
    case .twoPhase(let tolerance, let limit):
      try require(
        tolerance > 0 && tolerance < 1, "relativeTolerance", tolerance, "between 0 and 1")
      try require(limit >= 1, "maximumTerms", limit, "at least 1")
    }
  }
}
