import TracedTensors

/// A point with what is known of the smooth objective there.
struct Sample {
  let point: Tensor
  let value: Tensor
  let gradient: Tensor

  var plainValue: Double { value.withoutDerivative.scalar }
  var isFinite: Bool { point.isFinite && value.isFinite && gradient.isFinite }
}

/// The smooth objective of a method for constrained or penalised problems, with its evaluations
/// counted. The function is passed to each call instead of being kept, so that it need not escape.
struct SmoothObjective<Point: TensorStructure> {
  let packing: Packing<Point>
  private(set) var evaluations = 0

  init(_ start: Point) { packing = Packing(start) }

  /// Value and gradient.
  mutating func sample(
    _ objective: (Point) throws -> Tensor, at x: Tensor
  ) throws -> Sample {
    evaluations += 1
    let (value, gradient) = try valueAndGradient(at: x) { x in
      try SmoothObjective.checked(objective(packing.unpack(x)))
    }
    return Sample(point: x, value: value.reshaped([]), gradient: gradient)
  }

  /// The value alone.
  mutating func value(_ objective: (Point) throws -> Tensor, at x: Tensor) throws -> Tensor {
    evaluations += 1
    return try SmoothObjective.checked(objective(packing.unpack(x))).reshaped([])
  }

  private static func checked(_ value: Tensor) throws(ForwardSolverError) -> Tensor {
    if value.count != 1 {
      throw .sizeMismatch(
        what: "the value of the objective", expected: 1, found: value.count)
    }
    return value
  }
}

extension Packing {
  /// A point that a user's map gave, as a vector.
  func packed(_ point: Point, from what: String) throws(ForwardSolverError) -> Tensor {
    let vector = pack(point)
    if vector.count != count {
      throw .sizeMismatch(what: what, expected: count, found: vector.count)
    }
    return vector
  }
}

/// Throws at a sample with a NaN or an infinity.
func requireFinite(_ sample: Sample, iteration: Int) throws(ForwardSolverError) {
  if !sample.point.isFinite { throw .notFinite(iteration: iteration, quantity: "the point") }
  if !sample.value.isFinite { throw .notFinite(iteration: iteration, quantity: "the objective") }
  if !sample.gradient.isFinite {
    throw .notFinite(iteration: iteration, quantity: "the gradient")
  }
}
