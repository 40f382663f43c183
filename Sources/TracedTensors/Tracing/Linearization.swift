import Kernels

/// A traced function, recorded once at a point and compiled: products with its Jacobian and the
/// transpose, as many as wanted.
///
/// ```swift
/// let tangentMap = try linearization(at: Tensor([1, 2])) { x in x * x }
/// print(tangentMap.value)                                  // [1, 4]
/// print(try tangentMap.pushforward(Tensor([1, 1])))        // [2, 4]
/// ```
///
/// Immutable and `Sendable`. Recording costs about one evaluation; each product replays the
/// compiled linear program and allocates little more than its result.
public struct Linearization<Point: TensorStructure, Value: TensorStructure>: Sendable {
  /// Where the function was recorded.
  public let point: Point

  /// Its value there.
  public let value: Value

  /// The Jacobian, with a row for each number of the value and a column for each number of the
  /// point (constants apart), both in the order of `flattened()`.
  public var jacobian: any LinearOperator { operation }

  let operation: ProgramOperator
  private var recording: Trace { operation.trace }

  fileprivate init(point: Point, value: Value, operation: ProgramOperator) {
    self.point = point
    self.value = value
    self.operation = operation
  }

  /// Bytes that the recording keeps for its products: what unrolled differentiation pays.
  public var recordedBytes: Int { recording.bytes }

  /// All that the recording keeps alive, point and value included.
  package var memoryBlocks: Set<MemoryBlock> {
    recording.memoryBlocks.union(point.memoryBlocks).union(value.memoryBlocks)
  }

  /// Linear terms that were recorded: the instructions that one sweep over the recording runs.
  public var recordedInstructions: Int { recording.terms.count }

  /// `J tangent`. Constants of the tangent are ignored.
  ///
  /// - Throws: `DifferentiationError.sizeMismatch` or `.shapeMismatch` when the tangent has another
  ///   size or other shapes than the point.
  public func pushforward(_ tangent: Point) throws -> Value {
    let numbers = try tangent.flattened(like: point, "the tangent", for: "pushforward")
    return value.refilled(try operation.executable(transposed: false).applied(to: numbers)) { $0 }
  }

  /// `Jᵀ cotangent`. Constants of the point get an empty tensor.
  ///
  /// - Throws: `DifferentiationError.sizeMismatch` or `.shapeMismatch` when the cotangent has another
  ///   size or other shapes than the value.
  public func pullback(_ cotangent: Value) throws -> Point {
    let numbers = try cotangent.flattened(like: value, "the cotangent", for: "pullback")
    return point.refilled(try operation.executable(transposed: true).applied(to: numbers)) { _ in
      Tensor([Double]())
    }
  }
}

package func requireSize(_ found: Int, _ expected: Int, _ what: String) throws(DifferentiationError)
{
  if found != expected { throw .sizeMismatch(what: what, expected: expected, found: found) }
}

extension TensorStructure {
  /// The numbers of a tangent or cotangent, tensor by tensor of the shape of what it belongs to:
  /// as many numbers in other shapes (a transposed matrix) would be a derivative of something else.
  package func flattened(
    like point: Self, _ what: String, for operation: String
  ) throws(DifferentiationError) -> [Double] {
    try requireShapes(like: point, what, for: operation)
    return flattened()
  }

  /// Throws unless the variables have the shapes of those of `point`.
  func requireShapes(
    like point: Self, _ what: String, for operation: String
  ) throws(DifferentiationError) {
    let expected = point.variables
    var (size, place) = (0, 0)
    var mismatch: (left: Shape, right: Shape)?
    forEachTensor(named: "", isConstant: false) { _, own, isConstant in
      if isConstant { return }
      size += own.count
      if mismatch == nil, place < expected.count,
        own.dimensions != expected[place].dimensions
      {
        mismatch = (expected[place].dimensions, own.dimensions)
      }
      place += 1
    }
    try requireSize(size, expected.reduce(0) { $0 + $1.count }, what)
    if let mismatch {
      throw .shapeMismatch(
        operation: operation, left: mismatch.left.extents, right: mismatch.right.extents)
    }
  }
}

/// Records `function` at `point`; see `Linearization`.
///
/// - Throws: what `function` throws; `DifferentiationError.shapeMismatch` when shapes inside it do
///   not fit.
public func linearization<Point: TensorStructure, Value: TensorStructure>(
  at point: Point, of function: (Point) throws -> Value
) throws -> Linearization<Point, Value> {
  let recorded = try record(at: point, of: function)
  return Linearization(
    point: point.withoutDerivative, value: recorded.value,
    operation: ProgramOperator(
      recorded.trace, inputs: recorded.inputs, outputs: recorded.outputs))
}

/// Runs `function` once on traced tensors, for compilation; shape mismatches are thrown.
package func record<Point: TensorStructure, Value: TensorStructure>(
  at point: Point, of function: (Point) throws -> Value
) throws -> (value: Value, trace: Trace, inputs: [Int32], outputs: [Int32]) {
  let (value, _, trace, inputs, outputs) = try recordTraced(at: point, of: function)
  return (value.withoutDerivative, trace, inputs, outputs)
}

/// The same, with the value as it was traced, and its variables.
package func recordTraced<Point: TensorStructure, Value: TensorStructure>(
  at point: Point, of function: (Point) throws -> Value
) throws -> (
  value: Value, variables: [Tensor], trace: Trace, inputs: [Int32], outputs: [Int32]
) {
  let trace = Trace()
  defer { trace.close() }
  var inputs: [Int32] = []
  let traced = point.mapTensors(isConstant: false) { tensor, isConstant in
    if isConstant { return tensor.withoutDerivative }
    inputs.append(Int32(trace.nodeCount))
    return trace.input(tensor.withoutDerivative)
  }
  let value = try RecordingFailure.throwing { try function(traced) }
  let variables = value.variables
  let outputs = variables.map { trace.output($0) }
  let capturesTrace =
    trace.coefficients.contains { $0.isTraced }
    || variables.contains { $0.lowered(below: trace).isTraced }
  if capturesTrace { stopForCapturedTrace("A function recorded for its derivative") }
  return (value, variables, trace, inputs, outputs)
}

/// What a function reads from an enclosing derivative must be passed to it.
package func stopForCapturedTrace(_ what: String) -> Never {
  stop(
    """
    \(what) uses a traced tensor of an enclosing function that was not passed to it, so derivatives \
    with respect to it would be lost. Pass it as part of the input, or use its `.withoutDerivative`.
    """)
}
