/// Everything that data can get wrong when a derivative is asked for. Each case carries its
/// numbers; `description` says in a sentence what happened and what to try.
public enum DifferentiationError: Error, Equatable {
  /// An operation inside the conditions met two shapes that do not fit.
  case shapeMismatch(operation: String, left: [Int], right: [Int])

  /// The residual has another number of entries than there are unknowns, or a tangent, cotangent
  /// or solution has another size than the point it belongs to. `what` names the vector.
  case sizeMismatch(what: String, expected: Int, found: Int)

  /// NaN or infinity, at the place where it was first seen. `what` names the vector.
  case notFinite(what: String, index: Int, value: Double)

  /// The largest entry of `what` is about `2^exponent`, more than any number.
  case overflow(what: String, exponent: Int)

  /// The largest entry of `what` is about `2^exponent`, less than the smallest number of full
  /// precision, `2⁻¹⁰²²`: its digits would be lost, or it would be zero.
  ///
  /// Only the largest entry counts. Where that one has all its digits, entries beside it that lose
  /// theirs change the vector by less than `√n · 2⁻⁵³` of its length, as rounding does anyway. Nor is
  /// anything said of what underflows inside the conditions, whose arithmetic is the user's: there
  /// `1e-200 * 1e-200` is zero.
  case underflow(what: String, exponent: Int)

  /// The point is no solution of the conditions: Newton's method would move it by
  /// `newtonCorrection`, relative to its own size or, if that is zero, to the lengths of the
  /// problem (`DerivativeReport.newtonCorrection`).
  case conditionsNotMet(residualNorm: Double, newtonCorrection: Double, tolerance: Double)

  /// As `conditionsNotMet`, and Newton's steps from there find no solution close by either: the point
  /// may be no approximation of anything.
  case noSolutionNearby(residualNorm: Double, newtonCorrection: Double, tolerance: Double)

  /// The conditions have a kink within the accuracy of the solution: at `distance` from it, relative
  /// to its size. The derivative may be that of the wrong side.
  case kinkNearby(distance: Double)

  /// The linear system of the derivative was not solved, or cannot be; `during` says which.
  case linearSolve(LinearSolveError, during: String)

  /// The error of the derivative may exceed its limit: the numbers are in 2-norms, relative to the size
  /// that the derivative would have if none of its terms cancelled. Where the linear systems were
  /// regularised knowingly (`Ridge`), `bias` is the `DerivativeReport.relativeBias` of the solve, and
  /// what it does to the derivative is part of `truncation`.
  case inaccurate(truncation: Double, rounding: Double, limit: Double, bias: Double? = nil)

  /// A function to be differentiated once more gave something else than one number.
  case notScalar(shape: [Int])
}

extension DifferentiationError: CustomStringConvertible {
  /// A sentence with the numbers, and one with what to try.
  public var description: String {
    switch self {
    case .shapeMismatch(let operation, let left, let right):
      return "`\(operation)` cannot combine the shapes \(Shape(left)) and \(Shape(right)). "
        + "Shapes are aligned at the right and only extents of 1 stretch: check the order of the "
        + "operands, or reshape one of them."
    case .sizeMismatch(let what, let expected, let found):
      return "Expected \(expected.counted("number")) in \(what), found \(found). Compare its shape "
        + "with that of the input or the solution to which it belongs."
    case .notFinite(let what, let index, let value):
      return "Entry \(index) of \(what) is \(value). Look for missing data, a division by zero, "
        + "a logarithm of zero or an overflow in what computes it."
    case .overflow(let what, let exponent):
      return "\(capitalised(what)) is too large for a number: its largest entry is about "
        + "2^\(exponent), and numbers end at 2^1024. Scale the tangent or cotangent down, or choose "
        + "other units."
    case .underflow(let what, let exponent):
      return "\(capitalised(what)) is too small for a number: its largest entry is about "
        + "2^\(exponent), and below 2^-1022 digits are lost. Scale the tangent or cotangent up, or "
        + "choose other units."
    case .conditionsNotMet(let residualNorm, let correction, let tolerance):
      return "The point does not solve the conditions: one Newton step would still move it by "
        + "\(correction.shortened) of its size, and \(tolerance.shortened) is allowed (the "
        + "residual is \(residualNorm.shortened)). The derivative would belong to another "
        + "function: let the solver run longer or tighten its tolerance, and check that the "
        + "conditions are those that the solver solves."
    case .noSolutionNearby(let residualNorm, let correction, let tolerance):
      return
        "The point does not solve the conditions, and no solution is close by: one Newton step "
        + "would still move it by \(correction.shortened) of its size, \(tolerance.shortened) is "
        + "allowed, and further steps do not settle (the residual is \(residualNorm.shortened)). Does "
        + "a solution exist for this input? Look for an end of the solutions, as past a fold, "
        + "and check that the conditions are those that the solver solves."
    case .kinkNearby(let distance):
      return
        "The conditions have a kink within \(distance.shortened) of the solution, relative to its "
        + "size, and the solution is known no better than that: the derivative may be that of the "
        + "wrong side. Let the solver run longer; if the kink is at the solution itself, there is no "
        + "derivative for all directions, and the input must move away from it."
    case .linearSolve(let error, let during):
      return "The linear system \(during) could not be solved. \(error)"
    case .inaccurate(let truncation, _, _, _) where !truncation.isFinite:
      return "The error of the derivative could not be measured: at the solution that one more "
        + "Newton step gives, the conditions or their linear systems fail. The conditions are "
        + "singular here, or nearly so: check that there is a solution close by."
    case .inaccurate(let truncation, let rounding, let limit, let bias):
      let isBiased = (bias ?? 0) > 0
      return "The derivative may be wrong by \((truncation + rounding).shortened) of its size, and "
        + "\(limit.shortened) is allowed: by \(truncation.shortenedRatio) because "
        + (isBiased ? "the linear systems were regularised knowingly or " : "")
        + "the solver stopped before the solution, by \(rounding.shortenedRatio) because of rounding. "
        + (truncation > rounding
          ? isBiased
            ? "Take a smaller shift, or ask the ridge for refinements."
            : "The conditions are nearly singular here, or strongly curved: let the solver run longer, "
              + "or ask for a Newton polish."
          : "The linear system is too ill-conditioned for double precision: rescale the problem, "
            + "or state it in other unknowns.")
    case .notScalar(let shape):
      return "A gradient is that of one number; the function returned the shape \(Shape(shape)). "
        + "Sum it, or ask for a pullback."
    }
  }
}

private func capitalised(_ text: String) -> String {
  text.prefix(1).uppercased() + text.dropFirst()
}
