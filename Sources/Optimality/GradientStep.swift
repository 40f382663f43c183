import ImplicitDifferentiation

/// `y − s ∇ᵧf(x, y)`, tensor by tensor; constants of the unknown stay.
///
/// - Throws: `DifferentiationError.notScalar` for an objective that is not one number.
func gradientStep<Input: TensorStructure, Output: TensorStructure>(
  _ x: Input, _ y: Output, stepSize: Double = 1, of objective: (Input, Output) throws -> Tensor
) throws -> Output {
  let slope = try objectiveGradient(x, y, of: objective)
  return try y.combined(with: slope) { y, slope in y - slope.scaled(by: stepSize) }
}

/// `∇ᵧf(x, y)`.
func objectiveGradient<Input: TensorStructure, Output: TensorStructure>(
  _ x: Input, _ y: Output, of objective: (Input, Output) throws -> Tensor
) throws -> Output {
  try gradient(at: y) { y in
    let value = try objective(x, y)
    if value.count != 1 { throw DifferentiationError.notScalar(shape: value.shape) }
    return value
  }
}

extension TensorStructure {
  /// This structure with each variable replaced by what `body` makes of it and of its counterpart
  /// in a structure of equal layout.
  ///
  /// - Throws: `DifferentiationError.sizeMismatch` for another number of tensors.
  func combined(
    with other: Self, _ body: (Tensor, Tensor) -> Tensor
  ) throws(DifferentiationError) -> Self {
    let partners = other.tensors
    if partners.count != tensors.count {
      throw .sizeMismatch(
        what: "two structures of equal layout (tensors)", expected: tensors.count,
        found: partners.count)
    }
    var index = 0
    return mapTensors(isConstant: false) { tensor, isConstant in
      defer { index += 1 }
      return isConstant ? tensor : body(tensor, partners[index])
    }
  }

  /// All variables as one vector, traced if they are.
  func packed() -> Tensor {
    let parts = variables
    if parts.count == 1 { return parts[0].flattened() }
    return parts.isEmpty ? Tensor([Double]()) : .concatenate(parts.map { $0.flattened() })
  }

  /// The inverse of `packed`: this structure with its variables read from a vector.
  func unpacked(_ vector: Tensor) -> Self {
    var position = 0
    return mapTensors(isConstant: false) { tensor, isConstant in
      if isConstant { return tensor }
      let range = position..<position + tensor.count
      position += tensor.count
      return (range.count == vector.count ? vector : vector.slice(range)).reshaped(tensor.shape)
    }
  }
}
