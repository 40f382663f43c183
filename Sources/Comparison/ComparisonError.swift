import ImplicitDifferentiation

/// Why differences or a comparison could not be made. What the solvers and the implicit function
/// throw themselves is passed on as it is.
public enum ComparisonError: Error, Equatable {
  /// The function could be evaluated at too few steps; `reason` is its first failure.
  case tooFewSteps(left: Int, reason: String)

  /// NaN or infinity at the point itself.
  case notFinite(what: String, value: Double)

  /// The steps of a sweep do not descend.
  case invalidSteps(largest: Double, smallest: Double, ratio: Double)

  /// A direction, a reference or a loss of another size than it needs.
  case sizeMismatch(what: String, expected: Int, found: Int)

  /// A direction of length zero has no derivative along it.
  case zeroDirection

  /// Differences of conditions would give derivatives with a relative error of about
  /// `estimatedError`, and `tolerance` is allowed.
  case inaccurateDifferences(estimatedError: Double, tolerance: Double)

  /// A second derivative was asked for of conditions that are differentiated by differences.
  case secondDerivative
}

extension ComparisonError: CustomStringConvertible {
  /// A sentence with the numbers, and one with what to try.
  public var description: String {
    switch self {
    case .tooFewSteps(let left, let reason):
      "Differences need at least 4 steps, and the function could be evaluated at \(left): "
        + "\(reason). Use smaller steps, or move the point away from the edge of the domain."
    case .notFinite(let what, let value):
      "The value of \(what) at the point itself is \(value). Look for missing data, a division by "
        + "zero or a logarithm of zero."
    case .invalidSteps(let largest, let smallest, let ratio):
      "Steps from \(largest) down to \(smallest) by factors of \(ratio) do not make a sweep: the "
        + "largest must exceed the smallest, both be positive, and the factor be at least 1.2."
    case .sizeMismatch(let what, let expected, let found):
      "Expected \(expected.counted("number")) in \(what), found \(found). Compare its shape with that "
        + "of the input or the output to which it belongs."
    case .zeroDirection:
      "The direction is zero: there is nothing to differentiate along. Give a nonzero one."
    case .inaccurateDifferences(let error, let tolerance):
      "Differences of the conditions give derivatives with a relative error of about "
        + "\(error.shortened), and \(tolerance.shortened) is allowed. If the residual is noisy, "
        + "use a larger step; if its numbers differ much in size, state their typical sizes; and "
        + "look whether the conditions are singular at the solution."
    case .secondDerivative:
      "A second derivative was asked for of conditions that are differentiated by differences: "
        + "differences of differences would keep hardly a digit. Write the conditions in tensor "
        + "operations, or give their products by hand."
    }
  }
}
