import ImplicitDifferentiation

/// What data can get wrong in a projection or a proximal operator.
public enum ProjectionError: Error, Equatable {
  /// No point satisfies the constraints of `set`; `reason` has the numbers.
  case emptySet(set: String, reason: String)

  /// A penalty, a weight or a step of a proximal operator is negative or not a number.
  case invalidPenalty(operation: String, name: String, index: Int, value: Double)

  /// The point to be projected, or a description of the set, has a NaN or an infinity.
  case notFinite(operation: String, what: String)

  /// The tensors of a set have other shapes than its points.
  case shapeMismatch(operation: String, what: String, expected: [Int], found: [Int])
}

extension ProjectionError: CustomStringConvertible {
  /// A sentence with the numbers, and one with what to try.
  public var description: String {
    switch self {
    case .emptySet(let set, let reason):
      "The \(set) is empty: \(reason). Nothing can be projected onto it: check the numbers that "
        + "describe it, and the order of its bounds."
    case .invalidPenalty(let operation, let name, let index, let value):
      "`\(operation)` has the \(name) \(value) (entry \(index)); it must be a number of at least 0. "
        + "A parameter that a search may make negative is better given as the exponential of "
        + "another."
    case .notFinite(let operation, let what):
      "`\(operation)` met a NaN or an infinity in \(what). If it appears after some iterations, "
        + "the step of the solver is too long."
    case .shapeMismatch(let operation, let what, let expected, let found):
      "`\(operation)` expects the shape \(expected) for \(what), and found \(found). "
        + "Compare the tensors that describe the set with its points."
    }
  }
}

/// Throws unless every entry is finite; works on traced tensors.
func requireFinite(
  _ x: Tensor, _ operation: String, _ what: String
) throws(ProjectionError) {
  if !x.isFinite { throw .notFinite(operation: operation, what: what) }
}

/// Throws unless every entry is at least 0; NaN never is. Works on traced tensors.
func requirePenalty(
  _ x: Tensor, _ operation: String, _ name: String
) throws(ProjectionError) {
  let numbers = x.withoutDerivative.scalars
  if let index = numbers.firstIndex(where: { !($0 >= 0) }) {
    throw .invalidPenalty(operation: operation, name: name, index: index, value: numbers[index])
  }
}

func requireShape(
  _ x: Tensor, _ expected: [Int], _ operation: String, _ what: String
) throws(ProjectionError) {
  if x.shape != expected {
    throw .shapeMismatch(operation: operation, what: what, expected: expected, found: x.shape)
  }
}
