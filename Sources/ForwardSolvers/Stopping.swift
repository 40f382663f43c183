import TracedTensors

/// When an iteration ends.
///
/// ```swift
/// Stopping(gradientTolerance: 1e-10, maximumIterations: 5_000)
/// Stopping.after(100)    // exactly 100 iterations
/// ```
public struct Stopping: Sendable, Equatable {
  /// The solution is accepted once `‖∇f‖₂ ≤ max(gradientTolerance, relativeTolerance · ‖∇f₀‖₂)`,
  /// with `∇f₀` the gradient at the start (for roots: the residual `F` in place of `∇f`). In the
  /// units of the gradient.
  ///
  /// Rounding limits what can be reached, to about `ε κ` times the size of the terms that cancel in
  /// the gradient.
  public var gradientTolerance: Double

  /// See `gradientTolerance`; has no unit.
  public var relativeTolerance: Double

  /// The limit for the number of iterations; meeting it is an error.
  public var maximumIterations: Int

  /// If given, exactly so many iterations are made, whatever the gradient, and what they reach is
  /// returned without an error. For experiments with unrolled iterations.
  public var fixedIterations: Int?

  /// Stops at a tolerance.
  public init(
    gradientTolerance: Double = 1e-10, relativeTolerance: Double = 0,
    maximumIterations: Int = 10_000
  ) {
    self.gradientTolerance = gradientTolerance
    self.relativeTolerance = relativeTolerance
    self.maximumIterations = maximumIterations
  }

  /// Makes exactly `count` iterations.
  public static func after(_ count: Int) -> Stopping {
    var stopping = Stopping()
    stopping.fixedIterations = count
    return stopping
  }

  func validate() throws(ForwardSolverError) {
    try require(gradientTolerance >= 0, "gradientTolerance", gradientTolerance, "at least 0")
    try require(
      relativeTolerance >= 0 && relativeTolerance < 1, "relativeTolerance", relativeTolerance,
      "from 0 to below 1")
    try require(maximumIterations >= 0, "maximumIterations", maximumIterations, "at least 0")
    if let fixedIterations {
      try require(fixedIterations >= 0, "fixedIterations", fixedIterations, "at least 0")
    }
  }

  /// The norm at which the iteration ends, from that at the start.
  func target(initialNorm: Double) -> Double {
    Swift.max(gradientTolerance, relativeTolerance * initialNorm)
  }

  /// Whether to end with a point whose gradient has this norm.
  ///
  /// - Throws: `ForwardSolverError.notConverged` at the iteration limit.
  func isOver(iteration: Int, norm: Double, target: Double) throws(ForwardSolverError) -> Bool {
    if let fixedIterations { return iteration >= fixedIterations }
    if norm <= target { return true }
    if iteration >= maximumIterations {
      throw .notConverged(iterations: iteration, gradientNorm: norm, tolerance: target)
    }
    return false
  }
}

/// Throws `ForwardSolverError.invalidOption` unless `condition` holds (NaN never does).
func require<Value>(
  _ condition: Bool, _ name: String, _ value: Value, _ requirement: String
) throws(ForwardSolverError) {
  if !condition { throw .invalidOption(name: name, value: "\(value)", requirement: requirement) }
}
