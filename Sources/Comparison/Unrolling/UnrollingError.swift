import ImplicitDifferentiation

/// Why a derivative through the steps of a solver could not be taken. What the step itself throws is
/// passed on as it is.
public enum UnrollingError: Error, Equatable {
  /// NaN or infinity in a state or an adjoint; `iteration` is the step that made it.
  case notFinite(what: String, iteration: Int)

  /// An option has a value that makes no sense.
  case invalidOption(name: String, value: String, requirement: String)

  /// The input is traced by an enclosing derivative, which these methods would lose.
  case tracedInput

  /// The terms of a two-phase derivative did not fall below the tolerance; `lastTerm` is the length
  /// of the last one taken, relative to the sum that contains it.
  case adjointNotConverged(terms: Int, lastTerm: Double, tolerance: Double)

  /// Steps run backwards did not arrive where the solver had started; `drift` is relative.
  case reversalDrifted(drift: Double, tolerance: Double, iterations: Int)
}

extension UnrollingError: CustomStringConvertible {
  /// A sentence with the numbers, and one with what to try.
  public var description: String {
    switch self {
    case .notFinite(let what, let iteration):
      "NaN or infinity in \(what) at step \(iteration). Look for a step that is too long, missing "
        + "data or a logarithm of zero."
    case .invalidOption(let name, let value, let requirement):
      "The option `\(name)` is \(value); it must be \(requirement)."
    case .tracedInput:
      "The input is being differentiated by an enclosing function, and the derivative through "
        + "single steps would be lost there in silence. Call the solver itself on the traced input "
        + "to unroll it, or use an implicit function, whose derivatives nest."
    case .adjointNotConverged(let terms, let last, let tolerance):
      "No convergence of the derivative: after \(terms.counted("term")) the last one is "
        + "\(last.shortened) of their sum, and \(tolerance.shortened) was asked for. Is the step a "
        + "contraction near its fixed point? If so allow more terms; if not, solve the linear "
        + "system by an implicit function."
    case .reversalDrifted(let drift, let tolerance, let iterations):
      "Running \(iterations.counted("step")) backwards did not lead to their start: rounding has grown to "
        + "\(drift.shortened) of its size, and \(tolerance.shortened) is allowed. Every step back "
        + "divides by the momentum, and errors with it: take fewer steps, a momentum closer to 1, "
        + "or checkpoints."
    }
  }
}

/// Throws `UnrollingError.invalidOption` unless `condition` holds (NaN never does).
func require<Value>(
  _ condition: Bool, _ name: String, _ value: Value, _ requirement: String
) throws(UnrollingError) {
  if !condition { throw .invalidOption(name: name, value: "\(value)", requirement: requirement) }
}
