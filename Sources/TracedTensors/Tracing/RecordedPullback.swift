import Kernels

/// The value of a traced function and its pullback, for any number of cotangents; recorded once.
///
/// Between `valueAndPullback(at:cotangent:of:)`, which pulls one cotangent and is over, and
/// `linearization(at:of:)`, which compiles: the recording is walked, in tensor operations. So it
/// nests, both where the point is traced and where a cotangent is, by an older trace or a newer
/// one. This is what another system of differentiation needs to know of an operation (the target
/// `CompilerDifferentiation` has no other source of derivatives).
///
/// Costs one evaluation, and memory for what the operations keep, for as long as the pullback lives.
/// Constants of the point get an empty tensor. The pullback throws what maps throw whose
/// transposes are linear solves; a cotangent of another shape than the value stops the program.
package func recordedPullback<
  Point: TensorStructure, Value: TensorStructure, Failure: Error
>(
  at point: Point, of function: (Point) throws(Failure) -> Value
) throws(Failure) -> (value: Value, pullback: (_ cotangent: Value) throws -> Point) {
  let trace = Trace()
  defer { trace.close() }
  var inputs: [Int32] = []
  let traced = point.mapTensors(isConstant: false) { tensor, isConstant in
    if isConstant { return tensor }
    inputs.append(Int32(trace.nodeCount))
    return trace.input(tensor)
  }
  let value = try function(traced)
  let outputs = value.tensors.map { (node: $0.node(in: trace), dimensions: $0.dimensions) }
  let below = value.mapTensors(isConstant: false) { tensor, _ in tensor.lowered(below: trace) }
  let shapes = point.tensors.map(\.dimensions)
  let nodes = inputs
  return (
    below,
    { cotangent in
      var seeds: [(node: Int32, value: Tensor)] = []
      for (output, seed) in zip(outputs, cotangent.tensors) {
        if output.dimensions != seed.dimensions {
          stop(
            "A cotangent has the shape of its value, \(output.dimensions), not \(seed.dimensions).")
        }
        if let node = output.node { seeds.append((node, seed)) }
      }
      let pulled = try trace.pull(seeds, to: nodes)
      var (index, leaf) = (0, 0)
      return point.mapTensors(isConstant: false) { _, isConstant in
        defer { leaf += 1 }
        if isConstant { return Tensor([Double]()) }
        defer { index += 1 }
        return pulled[index].viewed(as: shapes[leaf])
      }
    }
  )
}
