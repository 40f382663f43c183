import Kernels

/// One summand of a linear or bilinear operation: a strided term, and the tensors it reads.
struct Piece {
  var x: Tensor
  var coefficient: Tensor?
  var term: StridedTerm
  var scale: Double
  var bias: Double
  var table: IndexTable?
  var tableSide: IndexedAxis.Side = .input

  /// `bias · x`, through the term's views.
  init(_ x: Tensor, _ term: StridedTerm, factor: Double = 1) {
    self.x = x
    self.term = term
    scale = 0
    bias = factor
  }

  /// `scale · c · x`, through the term's views.
  init(_ x: Tensor, times coefficient: Tensor, _ term: StridedTerm, scale: Double = 1) {
    self.x = x
    self.coefficient = coefficient
    self.term = term
    self.scale = scale
    bias = 0
  }

  /// A recorded term acting on `x`.
  init(_ term: Term, of trace: Trace, on x: Tensor) {
    self.x = x
    self.term = term.geometry
    scale = term.scale
    bias = term.bias
    if term.coefficient >= 0 { coefficient = trace.coefficients[Int(term.coefficient)] }
    if term.table >= 0 {
      table = trace.tables[Int(term.table)]
      tableSide = term.tableSide
    }
  }
}

/// Computes `Σ (scale · c + bias) · x` over the pieces' boxes, and records it at the innermost
/// trace among the operands, whose coefficients are then tensors of the level below: the recursion
/// ends where nothing is traced any more, with the kernel that also replays programs.
///
/// Every linear and bilinear operation of the library is a call of this function.
///
/// - Parameter disjoint: the pieces write different entries (a concatenation), each once.
func evaluate(
  _ shape: Shape, _ pieces: consuming [Piece], disjoint: Bool = false
) -> Tensor {
  pieces.withUnsafeMutableBufferPointer { evaluate(shape, $0, disjoint: disjoint) }
}

/// The same for one piece, without an array.
func evaluate(_ shape: Shape, _ piece: consuming Piece, disjoint: Bool = false) -> Tensor {
  withUnsafeMutablePointer(to: &piece) {
    evaluate(shape, UnsafeMutableBufferPointer(start: $0, count: 1), disjoint: disjoint)
  }
}

/// The same for two pieces.
func evaluate(
  _ shape: Shape, _ first: consuming Piece, _ second: consuming Piece
) -> Tensor {
  // A tuple of equal types lies in memory as an array does.
  var pieces = (first, second)
  return withUnsafeMutablePointer(to: &pieces) {
    let start = UnsafeMutableRawPointer($0).assumingMemoryBound(to: Piece.self)
    return evaluate(shape, UnsafeMutableBufferPointer(start: start, count: 2), disjoint: false)
  }
}

/// The same for the pieces that a few terms make, nearly always a single one.
func evaluate(
  _ shape: Shape, _ terms: StridedTerms, disjoint: Bool, _ piece: (StridedTerm) -> Piece
) -> Tensor {
  terms.count == 1
    ? evaluate(shape, piece(terms[0]), disjoint: disjoint)
    : evaluate(shape, terms.map(piece), disjoint: disjoint)
}

/// Through pointers: copying pieces would count up to five references for each.
private func evaluate(
  _ shape: Shape, _ pieces: UnsafeMutableBufferPointer<Piece>, disjoint: Bool
) -> Tensor {
  guard let trace = innermostTrace(UnsafeBufferPointer(pieces)) else {
    return execute(shape, UnsafeBufferPointer(pieces), disjoint: disjoint)
  }
  trace.check()
  let node = trace.addNode(count: shape.count)
  for index in pieces.indices { pieces[index].record(in: trace) }
  let value = evaluate(shape, pieces, disjoint: disjoint)
  return Tensor(value.storage, shape, tag: Tag(trace, node, below: value.tag))
}

extension Piece {
  /// Appends the terms of this piece to the newest node of a trace, and leaves the piece as the
  /// level below sees it.
  fileprivate mutating func record(in trace: Trace) {
    let (source, coefficientSource) = (x.node(in: trace), coefficient?.node(in: trace))
    if source != nil { x.lower() }
    if coefficientSource != nil { coefficient?.lower() }
    if let source {
      trace.append(
        term, scale: scale, bias: bias, coefficient: coefficient, source: source, table: table,
        tableSide: tableSide)
    }
    if let coefficientSource {
      trace.append(
        term.coefficientAsInput, scale: scale, bias: 0, coefficient: x, source: coefficientSource)
    }
  }
}

private func innermostTrace(_ pieces: UnsafeBufferPointer<Piece>) -> Trace? {
  var innermost: Trace?
  var level = 0
  for index in pieces.indices {
    if let tag = pieces[index].x.tag, tag.level > level {
      innermost = tag.trace
      level = tag.level
    }
    if let tag = pieces[index].coefficient?.tag, tag.level > level {
      innermost = tag.trace
      level = tag.level
    }
  }
  return innermost
}

/// The innermost trace that either of the tensors belongs to.
@inline(__always)
func innermostTrace(_ a: Tensor, _ b: Tensor) -> Trace? {
  guard let first = a.tag else { return b.tag?.trace }
  guard let second = b.tag else { return first.trace }
  return second.level > first.level ? second.trace : first.trace
}

package func innermostTrace(of tensors: [Tensor]) -> Trace? {
  var innermost: Trace?
  for tensor in tensors {
    if let trace = tensor.tag?.trace, trace.level > innermost?.level ?? 0 { innermost = trace }
  }
  return innermost
}

/// Computes pieces of which nothing is traced.
private func execute(
  _ shape: Shape, _ pieces: UnsafeBufferPointer<Piece>, disjoint: Bool
) -> Tensor {
  let result = Storage(uninitializedCount: shape.count)
  let out = result.base
  // The first piece may store instead of adding when it writes every entry once.
  var isZeroed = true
  if !pieces.isEmpty, pieces[0].term.volume == shape.count, pieces[0].writesEachEntryOnce {
    isZeroed = false
  } else if disjoint, pieces.indices.reduce(0, { $0 + pieces[$1].term.volume }) == shape.count {
    isZeroed = false
  } else {
    out.update(repeating: 0, count: shape.count)
  }
  for index in pieces.indices {
    pieces[index].execute(into: out, storing: disjoint || (index == 0 && !isZeroed))
  }
  return Tensor(result, shape)
}

extension Piece {
  /// Adds the piece to `out`, or overwrites what it writes there (never a gather or scatter).
  fileprivate func execute(into out: UnsafeMutablePointer<Double>, storing: Bool) {
    if term.volume == 0 { return }
    let hasCoefficient = coefficient != nil
    let c = coefficient?.storage.values
    if let table {
      TermExecutor.add(
        term, scale: scale, bias: bias, coefficient: c, input: x.storage.values, output: out,
        indexed: IndexedAxis(side: tableSide, table: table.base))
      return
    }
    let term = term.isRow ? term : term.canonical(hasCoefficient: hasCoefficient)
    if storing {
      TermExecutor.store(
        term, scale: scale, bias: bias, coefficient: c, input: x.storage.values, output: out)
      return
    }
    let scratchCount = TermExecutor.scratchCount(term, hasCoefficient: hasCoefficient)
    let scratch =
      scratchCount > 0 ? NumberMemory.allocate(count: scratchCount) : nil
    defer { if let scratch { NumberMemory.release(scratch, count: scratchCount) } }
    TermExecutor.add(
      term, scale: scale, bias: bias, coefficient: c, input: x.storage.values, output: out,
      scratch: scratch)
  }
}

extension Piece {
  /// Whether no axis of the box is summed over: every product has an entry of its own.
  fileprivate var writesEachEntryOnce: Bool {
    guard table == nil else { return false }
    if term.isRow { return term.output.strides[0] != 0 }
    let zero = term.output.strides .== SIMD4<Int32>.zero
    let long = term.extents .> SIMD4<Int32>(repeating: 1)
    return !any(zero .& long)
  }
}

/// Records a nonlinear operation whose value is already known: `value` of the level below, and for
/// each operand the coefficient of its differential.
func recorded(
  _ value: Tensor, by trace: Trace, _ differentials: [(operand: Tensor, piece: Piece)]
) -> Tensor {
  trace.check()
  let node = trace.addNode(count: value.count)
  for (operand, piece) in differentials {
    guard let source = operand.node(in: trace) else { continue }
    trace.append(
      piece.term, scale: piece.scale, bias: piece.bias, coefficient: piece.coefficient,
      source: source, table: piece.table, tableSide: piece.tableSide)
  }
  return Tensor(value.storage, value.dimensions, tag: Tag(trace, node, below: value.tag))
}

/// The same for a function of one tensor.
func recorded(_ value: Tensor, by trace: Trace, _ operand: Tensor, _ piece: Piece) -> Tensor {
  trace.check()
  let node = trace.addNode(count: value.count)
  if let source = operand.node(in: trace) {
    trace.append(
      piece.term, scale: piece.scale, bias: piece.bias, coefficient: piece.coefficient,
      source: source, table: piece.table, tableSide: piece.tableSide)
  }
  return Tensor(value.storage, value.dimensions, tag: Tag(trace, node, below: value.tag))
}

/// Applies a linear map to a traced tensor: `value` is its result on the level below.
package func recorded(_ value: Tensor, by trace: Trace, _ map: any LinearMap, of operand: Tensor)
  -> Tensor
{
  trace.check()
  guard let source = operand.node(in: trace) else { return value }
  let node = trace.addNode(count: value.count)
  trace.append(map, source: source)
  return Tensor(value.storage, value.dimensions, tag: Tag(trace, node, below: value.tag))
}
