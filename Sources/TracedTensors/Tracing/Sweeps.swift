import Kernels

// Derivatives of traced functions in tensor operations: the recording's linear terms, walked
// forwards (pushforward) or backwards (pullback). The walk is itself made of `evaluate`, so it is
// recorded when coefficients or cotangents are traced on a lower level: second derivatives need
// nothing else.

extension Trace {
  /// `Σ Jᵀ cotangent`: the cotangents of `inputs`, from those of some nodes.
  ///
  /// Cotangents of intermediate nodes are dropped as soon as they have been used, and those that
  /// meet at a node are summed eight at a time: a long unrolled loop holds few of them at once.
  func pull(
    _ cotangents: [(node: Int32, value: Tensor)], to inputs: [Int32]
  ) throws -> [Tensor] {
    let (counts, terms, maps) = (self.counts, self.terms, self.maps)
    var pending = PendingPieces(nodeCount: nodeCount)
    func add(_ piece: Piece, to node: Int32) {
      if pending.append(piece, to: node) == 8 {
        let sum = collect(node)
        _ = pending.append(identity(sum), to: node)
      }
    }
    func identity(_ value: Tensor) -> Piece { Piece(value, StridedTerm(count: value.count)) }
    func collect(_ node: Int32) -> Tensor {
      pending.sum(at: node, Shape(vector: Int(counts[Int(node)])))
    }
    for (node, value) in cotangents { add(identity(value), to: node) }
    /// The places of the inputs in the result, by node.
    var places = [Int32](repeating: -1, count: nodeCount)
    for (place, node) in inputs.enumerated() { places[Int(node)] = Int32(place) }
    var collected = [Tensor?](repeating: nil, count: inputs.count)
    for node in stride(from: Int32(nodeCount) - 1, through: 0, by: -1)
    where !pending.isEmpty(at: node) {
      let cotangent = collect(node)
      let place = Int(places[Int(node)])
      if place >= 0 { collected[place] = cotangent }
      for index in termRange(into: Int(node)) {
        let term = terms[index].transposed
        if term.map >= 0 {
          let value = try maps[Int(term.map)].apply(
            cotangent.viewed(as: maps[Int(term.map)].outputShape), transposed: true)
          add(identity(value), to: term.destination)
        } else {
          add(Piece(term, of: self, on: cotangent), to: term.destination)
        }
      }
    }
    return zip(inputs, collected).map { node, cotangent in
      cotangent ?? Tensor(repeating: 0, shape: [Int(counts[Int(node)])])
    }
  }

  /// `J tangent`: the tangents of `outputs`, from those of some nodes. A node that no tangent
  /// reaches has the tangent `nil`, meaning zero.
  func push(
    _ tangents: [(node: Int32, value: Tensor)], to outputs: [Int32]
  ) throws -> [Tensor?] {
    var values = [Tensor?](repeating: nil, count: nodeCount)
    var uses = [Int](repeating: 0, count: nodeCount)
    for term in terms { uses[Int(term.source)] += 1 }
    for output in outputs { uses[Int(output)] += 1 }
    for (node, value) in tangents { values[Int(node)] = value }
    let (counts, terms, maps) = (self.counts, self.terms, self.maps)
    for node in 0..<nodeCount {
      var pieces: [Piece] = []
      for index in termRange(into: node) {
        let term = terms[index]
        let source = Int(term.source)
        guard let tangent = values[source] else { continue }
        if term.map >= 0 {
          let map = maps[Int(term.map)]
          let value = try map.apply(tangent.viewed(as: map.inputShape), transposed: false)
          pieces.append(Piece(value, StridedTerm(count: value.count)))
        } else {
          pieces.append(Piece(term, of: self, on: tangent))
        }
        uses[source] -= 1
        if uses[source] == 0 { values[source] = nil }
      }
      if !pieces.isEmpty {
        values[node] = evaluate(Shape(vector: Int(counts[node])), pieces)
      }
    }
    return outputs.map { values[Int($0)] }
  }
}

/// The summands of the cotangents of all nodes, in the order in which they came: linked lists in one
/// array, since nearly every node has a single one, and few nodes have any at a time.
private struct PendingPieces {
  private struct Entry {
    var piece: Piece?
    /// The next one of its node, or the next one that is free; −1 for none.
    var next: Int32
  }

  private struct List {
    var first: Int32 = -1
    var last: Int32 = -1
    var count: Int32 = 0
  }

  private var lists: [List]
  private var entries: [Entry] = []
  private var firstFree: Int32 = -1

  init(nodeCount: Int) { lists = [List](repeating: List(), count: nodeCount) }

  func isEmpty(at node: Int32) -> Bool { lists[Int(node)].count == 0 }

  /// Returns how many the node has now.
  mutating func append(_ piece: Piece, to node: Int32) -> Int32 {
    let place: Int32
    if firstFree >= 0 {
      place = firstFree
      firstFree = entries[Int(place)].next
      entries[Int(place)] = Entry(piece: piece, next: -1)
    } else {
      place = Int32(entries.count)
      entries.append(Entry(piece: piece, next: -1))
    }
    let last = lists[Int(node)].last
    if last >= 0 { entries[Int(last)].next = place } else { lists[Int(node)].first = place }
    lists[Int(node)].last = place
    lists[Int(node)].count += 1
    return lists[Int(node)].count
  }

  /// The sum of the pieces of a node, which are forgotten.
  mutating func sum(at node: Int32, _ shape: Shape) -> Tensor {
    let list = lists[Int(node)]
    lists[Int(node)] = List()
    if list.count == 1, let piece = remove(list.first) { return evaluate(shape, piece) }
    var pieces: [Piece] = []
    pieces.reserveCapacity(Int(list.count))
    var place = list.first
    while place >= 0 {
      let next = entries[Int(place)].next
      if let piece = remove(place) { pieces.append(piece) }
      place = next
    }
    return evaluate(shape, pieces)
  }

  private mutating func remove(_ place: Int32) -> Piece? {
    entries[Int(place)].next = firstFree
    firstFree = place
    return entries[Int(place)].piece.take()
  }
}

/// Throws an error of a sweep as the error type of the differentiated function. A function that
/// throws nothing has only operations that cannot fail in a sweep.
private func rethrow<Failure: Error>(_ error: any Error, as type: Failure.Type) throws(Failure)
  -> Never
{
  if let error = error as? Failure { throw error }
  stop("A derivative could not be computed: \(error)")
}

/// The value and the gradient of a function with one number as its value.
///
/// ```swift
/// let (value, slope) = valueAndGradient(at: Tensor([3, 4])) { x in x.squaredNorm() }
/// // value 25, slope [6, 8]
/// ```
///
/// Inside a function that is itself being differentiated the gradient is recorded like anything
/// else, so derivatives nest: a Hessian–vector product is the gradient of `∇f · v`. The gradient
/// costs a few evaluations of `f`, and memory for what its operations need to keep.
///
/// - Parameters:
///   - point: where; any structure of tensors. Fields listed as constant are not differentiated;
///     their part of the gradient is an empty tensor.
///   - function: the function, of any control flow. A value that is not one number stops the
///     program.
public func valueAndGradient<Point: TensorStructure, Failure: Error>(
  at point: Point, of function: (Point) throws(Failure) -> Tensor
) throws(Failure) -> (value: Tensor, gradient: Point) {
  let trace = Trace()
  defer { trace.close() }
  var inputs: [Int32] = []
  let traced = point.mapTensors(isConstant: false) { tensor, isConstant in
    if isConstant { return tensor }
    inputs.append(Int32(trace.nodeCount))
    return trace.input(tensor)
  }
  let value = try function(traced)
  if value.count != 1 {
    stop(DifferentiationError.notScalar(shape: value.shape).description)
  }
  var cotangents: [(node: Int32, value: Tensor)] = []
  if let node = value.node(in: trace) { cotangents = [(node, Tensor([1]))] }
  do {
    let gradients = try trace.pull(cotangents, to: inputs)
    var index = 0
    let gradient = point.mapTensors(isConstant: false) { tensor, isConstant in
      if isConstant { return Tensor([Double]()) }
      defer { index += 1 }
      return gradients[index].viewed(as: tensor.dimensions)
    }
    return (value.lowered(below: trace), gradient)
  } catch { try rethrow(error, as: Failure.self) }
}

/// The gradient of a function with one number as its value; see `valueAndGradient(at:of:)`.
public func gradient<Point: TensorStructure, Failure: Error>(
  at point: Point, of function: (Point) throws(Failure) -> Tensor
) throws(Failure) -> Point {
  try valueAndGradient(at: point, of: function).gradient
}

/// The value of a traced function and its directional derivative `J tangent`, by one forward walk.
///
/// Nests like `valueAndGradient(at:of:)`. A tangent of another shape than its tensor stops the
/// program.
public func valueAndPushforward<
  Point: TensorStructure, Value: TensorStructure, Failure: Error
>(
  at point: Point, along tangent: Point, of function: (Point) throws(Failure) -> Value
) throws(Failure) -> (value: Value, tangent: Value) {
  let trace = Trace()
  defer { trace.close() }
  var inputs: [(node: Int32, value: Tensor)] = []
  let directions = tangent.tensors
  var leaf = 0
  let traced = point.mapTensors(isConstant: false) { tensor, isConstant in
    defer { leaf += 1 }
    if isConstant { return tensor }
    if leaf >= directions.count || directions[leaf].dimensions != tensor.dimensions {
      stop("A tangent has the shape of its point, \(tensor.dimensions); tensor \(leaf) differs.")
    }
    inputs.append((Int32(trace.nodeCount), directions[leaf]))
    return trace.input(tensor)
  }
  let value = try function(traced)
  let outputs = value.tensors
  do {
    let tangents = try trace.push(inputs, to: outputs.map { trace.output($0) })
    var index = 0
    let pushed = value.mapTensors(isConstant: false) { tensor, _ in
      defer { index += 1 }
      return tangents[index]?.viewed(as: tensor.dimensions) ?? Tensor.zeros(tensor.shape)
    }
    return (
      value.mapTensors(isConstant: false) { tensor, _ in tensor.lowered(below: trace) }, pushed
    )
  } catch { try rethrow(error, as: Failure.self) }
}

/// The value of a traced function and, for one cotangent of it, `Jᵀ cotangent`, by one backward
/// walk. Nests like `valueAndGradient(at:of:)`.
public func valueAndPullback<
  Point: TensorStructure, Value: TensorStructure, Failure: Error
>(
  at point: Point, cotangent: (Value) -> Value, of function: (Point) throws(Failure) -> Value
) throws(Failure) -> (value: Value, cotangent: Point) {
  let trace = Trace()
  defer { trace.close() }
  var inputs: [Int32] = []
  let traced = point.mapTensors(isConstant: false) { tensor, isConstant in
    if isConstant { return tensor }
    inputs.append(Int32(trace.nodeCount))
    return trace.input(tensor)
  }
  let value = try function(traced)
  let below = value.mapTensors(isConstant: false) { tensor, _ in tensor.lowered(below: trace) }
  var seeds: [(node: Int32, value: Tensor)] = []
  for (output, seed) in zip(value.tensors, cotangent(below).tensors) {
    if output.dimensions != seed.dimensions {
      stop("A cotangent has the shape of its value, \(output.dimensions), not \(seed.dimensions).")
    }
    if let node = output.node(in: trace) { seeds.append((node, seed)) }
  }
  do {
    let pulled = try trace.pull(seeds, to: inputs)
    var index = 0
    let result = point.mapTensors(isConstant: false) { tensor, isConstant in
      if isConstant { return Tensor([Double]()) }
      defer { index += 1 }
      return pulled[index].viewed(as: tensor.dimensions)
    }
    return (below, result)
  } catch { try rethrow(error, as: Failure.self) }
}
