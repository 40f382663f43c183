import TracedTensors

/// A structure of tensors as one vector, and back, so that a solver handles a single tensor.
///
/// For a single vector both ways are the identity. Traced tensors stay traced.
struct Packing<Point: TensorStructure> {
  /// Gives the constants, and the shapes of the variables.
  let template: Point
  let count: Int

  init(_ point: Point) {
    template = point
    count = point.variableCount
  }

  func pack(_ point: Point) -> Tensor { vector(of: point.variables) }

  func unpack(_ vector: Tensor) -> Point {
    var position = 0
    return template.mapTensors(isConstant: false) { tensor, isConstant in
      if isConstant { return tensor }
      let range = position..<position + tensor.count
      position += tensor.count
      let part = range.count == vector.count ? vector : vector.slice(range)
      return part.reshaped(like: tensor)
    }
  }
}

/// The entries of some tensors, one tensor after the other.
func vector(of tensors: [Tensor]) -> Tensor {
  if tensors.count == 1 { return tensors[0].flattened() }
  if tensors.isEmpty { return Tensor([Double]()) }
  return .concatenate(tensors.map { $0.flattened() })
}

/// `‖a‖₂` as a plain number.
func plainNorm(_ a: Tensor) -> Double { a.withoutDerivative.norm().scalar }

/// `Σ aᵢ bᵢ` as a plain number.
func plainDot(_ a: Tensor, _ b: Tensor) -> Double {
  a.withoutDerivative.dot(b.withoutDerivative).scalar
}
