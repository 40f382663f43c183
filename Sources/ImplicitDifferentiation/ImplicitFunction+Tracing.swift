import Kernels

// An implicit function inside a function that is being differentiated: one recorded instruction.

extension ImplicitFunction {
  /// Records a call at the innermost trace: the inputs packed into one node, one map whose forward
  /// action is a pushforward and whose transposed action is a pullback, the outputs unpacked.
  func record(_ x: Input, by trace: Trace) throws -> Output {
    trace.check()
    let below = x.mapTensors(isConstant: false) { tensor, isConstant in
      isConstant ? tensor : tensor.lowered(below: trace)
    }
    if innermostTrace(of: below.variables) != nil {
      stop(
        """
        An implicit function was called inside two nested derivatives. Its second derivative is \
        not available yet, and would be incomplete in silence: take the outer derivative by \
        differences of the inner one.
        """)
    }
    let linearization = try linearize(at: below)
    let inputs = x.variables
    let packedCount = inputs.reduce(0) { $0 + $1.count }
    let packed = trace.addNode(count: packedCount)
    var position = 0
    for input in inputs {
      if let source = input.node(in: trace), input.count > 0 {
        trace.append(
          StridedTerm(count: input.count, outputBase: position), scale: 0, bias: 1,
          coefficient: nil, source: source)
      }
      position += input.count
    }
    let map = ImplicitMap(linearization: linearization)
    let solved = trace.addNode(count: map.outputShape.count)
    trace.append(map, source: packed)
    position = 0
    return linearization.solution.mapTensors(isConstant: false) { tensor, isConstant in
      if isConstant { return tensor }
      let node = trace.addNode(count: tensor.count)
      trace.append(
        StridedTerm(count: tensor.count, inputBase: position), scale: 0, bias: 1,
        coefficient: nil, source: solved)
      position += tensor.count
      return Tensor(
        tensor.storage, tensor.dimensions, tag: Tag(trace, node, below: nil))
    }
  }
}

func stopForTracedConstant(_ name: String) -> Never {
  stop(
    """
    `\(name)`, a constant of the input of an implicit function, is traced, and its derivative would \
    be lost in silence. List it as a field that is not constant, or pass its `.withoutDerivative`.
    """)
}

func innermostTrace(of tensors: [Tensor]) -> Trace? {
  var innermost: Trace?
  for tensor in tensors {
    if let trace = tensor.tag?.trace, trace.level > innermost?.level ?? 0 { innermost = trace }
  }
  return innermost
}

/// The derivative of an implicit function at a point, as an instruction.
private struct ImplicitMap<Input: TensorStructure, Output: TensorStructure>: LinearMap {
  let linearization: ImplicitLinearization<Input, Output>

  var inputShape: Shape { Shape(vector: linearization.B.columnCount) }
  var outputShape: Shape { Shape(vector: linearization.B.rowCount) }

  func apply(_ v: Tensor, transposed: Bool) throws -> Tensor {
    if v.isTraced {
      stop(
        """
        A derivative of an implicit function was differentiated once more. Its second derivative \
        is not available yet, and would be incomplete in silence: take the outer derivative by \
        differences of the inner one.
        """)
    }
    let numbers = v.rawScalars
    if transposed {
      let cotangent = try linearization.solution.rebuilt(from: numbers)
      return Tensor(try linearization.pullback(cotangent).value.flattened())
    }
    let tangent = try linearization.point.rebuilt(from: numbers)
    return Tensor(try linearization.pushforward(tangent).value.flattened())
  }
}
