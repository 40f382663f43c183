// A single product with a recording, walked through as it is: compiling it pays from the second
// product on.

extension Linearization {
  /// `J tangent`, as `pushforward` gives it up to rounding, without compiling.
  package func sweptPushforward(_ tangent: Point) throws -> Value {
    try tangent.requireShapes(like: point, "the tangent", for: "pushforward")
    let seeds = zip(operation.inputs, tangent.variables).map { (node: $0, value: $1) }
    let pushed = try operation.trace.push(seeds, to: operation.outputs)
    let shapes = value.variables.map(\.dimensions)
    return value.replacingVariables(
      with: zip(pushed, shapes).map { tangent, shape in
        tangent?.viewed(as: shape) ?? Tensor.zeros(shape.extents)
      })
  }

  /// `Jᵀ cotangent`, as `pullback` gives it up to rounding, without compiling.
  package func sweptPullback(_ cotangent: Value) throws -> Point {
    try cotangent.requireShapes(like: value, "the cotangent", for: "pullback")
    let seeds = zip(operation.outputs, cotangent.variables).map { (node: $0, value: $1) }
    let pulled = try operation.trace.pull(seeds, to: operation.inputs)
    var index = 0
    return point.mapTensors(isConstant: false) { tensor, isConstant in
      if isConstant { return Tensor([Double]()) }
      defer { index += 1 }
      return pulled[index].viewed(as: tensor.dimensions)
    }
  }
}
