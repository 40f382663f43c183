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

  fileprivate func lowered(below trace: Trace) -> Piece {
    var piece = self
    piece.x = x.lowered(below: trace)
    piece.coefficient = coefficient?.lowered(below: trace)
    return piece
  }
}

/// Computes `Σ (scale · c + bias) · x` over the pieces' boxes, and records it at the innermost
/// trace among the operands, whose coefficients are then tensors of the level below: the recursion
/// ends where nothing is traced any more, with the kernel that also replays programs.
///
/// Every linear and bilinear operation of the library is a call of this function.
///
/// - Parameter disjoint: the pieces write different entries (a concatenation), each once.
func evaluate(_ shape: Shape, _ pieces: [Piece], disjoint: Bool = false) -> Tensor {
  guard let trace = innermostTrace(pieces) else {
    return execute(shape, pieces, disjoint: disjoint)
  }
  trace.check()
  let lowered = pieces.map { $0.lowered(below: trace) }
  let value = evaluate(shape, lowered, disjoint: disjoint)
  let node = trace.addNode(count: shape.count)
  for (piece, below) in zip(pieces, lowered) {
    if let source = piece.x.node(in: trace) {
      trace.append(
        piece.term, scale: piece.scale, bias: piece.bias, coefficient: below.coefficient,
        source: source, table: piece.table, tableSide: piece.tableSide)
    }
    if let source = piece.coefficient?.node(in: trace) {
      trace.append(
        piece.term.coefficientAsInput, scale: piece.scale, bias: 0, coefficient: below.x,
        source: source)
    }
  }
  return Tensor(value.storage, shape, tag: Tag(trace, node, below: value.tag))
}

private func innermostTrace(_ pieces: [Piece]) -> Trace? {
  var innermost: Trace?
  for piece in pieces {
    if let trace = piece.x.tag?.trace, trace.level > innermost?.level ?? 0 { innermost = trace }
    if let trace = piece.coefficient?.tag?.trace, trace.level > innermost?.level ?? 0 {
      innermost = trace
    }
  }
  return innermost
}

/// The innermost trace that any of the tensors belongs to.
func innermostTrace(_ tensors: Tensor...) -> Trace? {
  var innermost: Trace?
  for tensor in tensors {
    if let trace = tensor.tag?.trace, trace.level > innermost?.level ?? 0 { innermost = trace }
  }
  return innermost
}

/// Computes pieces of which nothing is traced.
private func execute(_ shape: Shape, _ pieces: [Piece], disjoint: Bool) -> Tensor {
  let result = Storage(uninitializedCount: shape.count)
  let out = result.base
  var isZeroed = false
  // The first piece may store instead of adding when it writes every entry once.
  let first = pieces.first.map { $0.writesEachEntryOnce && $0.term.volume == shape.count } ?? false
  let storesAll = disjoint && pieces.reduce(0) { $0 + $1.term.volume } == shape.count
  if !first && !storesAll {
    out.update(repeating: 0, count: shape.count)
    isZeroed = true
  }
  for (index, piece) in pieces.enumerated() where piece.term.volume > 0 {
    let hasCoefficient = piece.coefficient != nil
    let c = piece.coefficient?.storage.values
    let term =
      piece.table == nil ? piece.term.canonical(hasCoefficient: hasCoefficient) : piece.term
    if piece.table == nil, disjoint || (index == 0 && !isZeroed) {
      TermExecutor.store(
        term, scale: piece.scale, bias: piece.bias, coefficient: c, input: piece.x.storage.values,
        output: out)
      continue
    }
    let scratchCount = TermExecutor.scratchCount(term, hasCoefficient: hasCoefficient)
    let scratch =
      scratchCount > 0 ? UnsafeMutablePointer<Double>.allocate(capacity: scratchCount) : nil
    defer { scratch?.deallocate() }
    if let table = piece.table {
      TermExecutor.add(
        term, scale: piece.scale, bias: piece.bias, coefficient: c,
        input: piece.x.storage.values, output: out,
        indexed: IndexedAxis(side: piece.tableSide, table: table.base))
    } else {
      TermExecutor.add(
        term, scale: piece.scale, bias: piece.bias, coefficient: c, input: piece.x.storage.values,
        output: out, scratch: scratch)
    }
  }
  return Tensor(result, shape)
}

extension Piece {
  /// Whether no axis of the box is summed over: every product has an entry of its own.
  fileprivate var writesEachEntryOnce: Bool {
    guard table == nil else { return false }
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

/// Applies a linear map to a traced tensor: `value` is its result on the level below.
func recorded(_ value: Tensor, by trace: Trace, _ map: any LinearMap, of operand: Tensor) -> Tensor
{
  trace.check()
  guard let source = operand.node(in: trace) else { return value }
  let node = trace.addNode(count: value.count)
  trace.append(map, source: source)
  return Tensor(value.storage, value.dimensions, tag: Tag(trace, node, below: value.tag))
}
