import Kernels

/// A linear program laid out for the executor: positions instead of nodes, pointers instead of
/// tensors. Intermediate nodes share workspace as soon as the last reader has run.
final class ExecutableProgram: @unchecked Sendable {
  // Unchecked, for the pointers: they point into storage that `program` keeps alive and that is
  // never written again.

  let program: LinearProgram
  let inputCount: Int
  let outputCount: Int
  /// Doubles of workspace that a run wants.
  let workspaceCount: Int
  private let scratchOffset: Int
  let instructions: [ProgramInstruction]
  private let lanes: [ProgramLane]
  private let terms: [ProgramTerm]
  /// Maps, each run after the instruction `after`.
  private let mapCalls: [MapCall]
  private let pool: WorkspacePool
  /// Workspaces for `columnsAtOnce` inputs.
  private let blockPool: WorkspacePool

  /// More columns than this are run in groups: by then every coefficient serves many of them, and
  /// the intermediate nodes of all columns should stay in a cache.
  private static let columnsAtOnce = 16

  private struct MapCall {
    var after: Int
    var map: any LinearMap
    var transposed: Bool
    var source: (space: ProgramSpace, offset: Int, count: Int)
    var destination: (space: ProgramSpace, offset: Int, count: Int)
  }

  /// Where the numbers of a node are, and the group after which they are not read any more.
  private struct Node {
    var place: (space: ProgramSpace, offset: Int) = (.workspace, -1)
    var lastUse: Int32 = -1
  }

  init(_ program: LinearProgram) {
    self.program = program
    inputCount = program.inputCount
    outputCount = program.outputCount
    var nodes = [Node](repeating: Node(), count: program.counts.count)
    var position = 0
    for node in program.inputs {
      nodes[Int(node)].place = (.input, position)
      position += Int(program.counts[Int(node)])
    }
    position = 0
    for node in program.outputs {
      nodes[Int(node)].place = (.output, position)
      position += Int(program.counts[Int(node)])
    }
    for (index, group) in program.groups.enumerated() {
      for term in Int(group.first)..<Int(group.end) {
        nodes[Int(program.terms[term].source)].lastUse = Int32(index)
      }
    }
    var slots = WorkspaceSlots()
    var scratch = 0
    var instructions: [ProgramInstruction] = []
    var lanes: [ProgramLane] = []
    var terms: [ProgramTerm] = []
    var mapCalls: [MapCall] = []
    instructions.reserveCapacity(program.groups.count)
    lanes.reserveCapacity(program.terms.count)
    for (index, group) in program.groups.enumerated() {
      let node = Int(group.destination)
      let count = Int(program.counts[node])
      if nodes[node].place.offset < 0 { nodes[node].place.offset = slots.take(count) }
      let place = nodes[node].place
      let mark = (lanes.count, terms.count)
      var storingLane = -1
      for index in Int(group.first)..<Int(group.end) {
        let term = program.terms[index]
        let source = nodes[Int(term.source)].place
        let sourceCount = Int(program.counts[Int(term.source)])
        if term.map >= 0 {
          mapCalls.append(
            MapCall(
              after: instructions.count, map: program.maps[Int(term.map)],
              transposed: term.mapTransposed, source: (source.space, source.offset, sourceCount),
              destination: (place.space, place.offset, count)))
          continue
        }
        let c =
          term.coefficient >= 0 ? program.coefficients[Int(term.coefficient)].storage.values : nil
        let g = term.geometry
        if term.table < 0, g.extents[1] == 1, g.output.strides[0] == 1 || g.extents[0] == 1 {
          let lane = ProgramLane(
            space: source.space, offset: source.offset + Int(g.input.base),
            stride: Int(g.input.strides[0]), outStart: Int(g.output.base),
            count: Int(g.extents[0]), coefficient: c.map { $0 + Int(g.coefficient.base) },
            coefficientStride: Int(g.coefficient.strides[0]), scale: term.scale, bias: term.bias)
          if storingLane < 0, lane.count == count { storingLane = lanes.count - mark.0 }
          lanes.append(lane)
          continue
        }
        var indexed: IndexedAxis?
        if term.table >= 0 {
          indexed = IndexedAxis(
            side: term.tableSide, table: program.tables[Int(term.table)].base)
        } else {
          scratch = Swift.max(
            scratch, TermExecutor.scratchCount(g, hasCoefficient: term.coefficient >= 0))
        }
        terms.append(
          ProgramTerm(
            term: g, space: source.space, offset: source.offset, coefficient: c,
            scale: term.scale, bias: term.bias, indexed: indexed))
      }
      if storingLane > 0, !group.accumulates { lanes.swapAt(mark.0, mark.0 + storingLane) }
      var firstStores = storingLane >= 0 && !group.accumulates
      if lanes.count == mark.0, terms.count > mark.1, !group.accumulates {
        let first = terms[mark.1]
        let long = first.term.extents .> SIMD4<Int32>(repeating: 1)
        firstStores =
          first.indexed == nil && first.term.volume == count
          && !any(long .& (first.term.output.strides .== SIMD4<Int32>.zero))
      }
      instructions.append(
        ProgramInstruction(
          space: place.space, offset: place.offset, count: count,
          lanes: mark.0..<lanes.count, terms: mark.1..<terms.count, firstStores: firstStores,
          accumulates: group.accumulates))
      for term in Int(group.first)..<Int(group.end) {
        let source = Int(program.terms[term].source)
        guard nodes[source].lastUse == Int32(index) else { continue }
        if nodes[source].place.space == .workspace {
          slots.release(nodes[source].place.offset, Int(program.counts[source]))
        }
        nodes[source].lastUse = -1
      }
    }
    for k in instructions.indices.dropLast() {
      instructions[k].streamsIntoNext = ProgramExecutor.canStream(
        instructions[k], instructions[k + 1], lanes: lanes, terms: terms)
      // A pair is a pair: what streams is not streamed into.
      if k > 0, instructions[k - 1].streamsIntoNext { instructions[k].streamsIntoNext = false }
    }
    self.instructions = instructions
    self.lanes = lanes
    self.terms = terms
    self.mapCalls = mapCalls
    scratchOffset = slots.extent
    workspaceCount = slots.extent + scratch
    pool = WorkspacePool(count: workspaceCount)
    blockPool = WorkspacePool(count: Self.columnsAtOnce * slots.extent + scratch)
  }

  /// `output = J input`, in memory of the caller; allocates nothing unless the program has maps.
  func run(
    _ input: UnsafePointer<Double>, into output: UnsafeMutablePointer<Double>,
    workspace: UnsafeMutablePointer<Double>
  ) throws {
    let scratch = workspace + scratchOffset
    try instructions.withUnsafeBufferPointer { instructions in
      try lanes.withUnsafeBufferPointer { lanes in
        try terms.withUnsafeBufferPointer { terms in
          var from = 0
          for call in mapCalls {
            ProgramExecutor.run(
              UnsafeBufferPointer(rebasing: instructions[from..<(call.after + 1)]),
              lanes: lanes.baseAddress, terms: terms.baseAddress, input: input, output: output,
              workspace: workspace, scratch: scratch)
            from = call.after + 1
            try run(call, input, output, workspace)
          }
          ProgramExecutor.run(
            UnsafeBufferPointer(rebasing: instructions[from...]), lanes: lanes.baseAddress,
            terms: terms.baseAddress, input: input, output: output, workspace: workspace,
            scratch: scratch)
        }
      }
    }
  }

  /// `output = J input`, with a workspace from the program's own pool.
  func run(_ input: UnsafePointer<Double>, into output: UnsafeMutablePointer<Double>) throws {
    let workspace = pool.take()
    defer { pool.giveBack(workspace) }
    try run(input, into: output, workspace: workspace)
  }

  /// `J X` for `k` inputs, one after the other in memory; the outputs likewise. Each has the bits
  /// of a run of its own.
  func run(
    columns k: Int, _ input: UnsafePointer<Double>, into output: UnsafeMutablePointer<Double>
  ) throws {
    if k == 1 || !mapCalls.isEmpty {
      for j in 0..<k { try run(input + j * inputCount, into: output + j * outputCount) }
      return
    }
    let workspace = blockPool.take()
    defer { blockPool.giveBack(workspace) }
    let scratch = workspace + Self.columnsAtOnce * scratchOffset
    instructions.withUnsafeBufferPointer { instructions in
      lanes.withUnsafeBufferPointer { lanes in
        terms.withUnsafeBufferPointer { terms in
          for first in stride(from: 0, to: k, by: Self.columnsAtOnce) {
            ProgramExecutor.run(
              instructions, lanes: lanes.baseAddress, terms: terms.baseAddress,
              input: input + first * inputCount, output: output + first * outputCount,
              workspace: workspace, scratch: scratch,
              columns: ProgramColumns(
                count: Swift.min(Self.columnsAtOnce, k - first), inputStride: inputCount,
                outputStride: outputCount, workspaceStride: scratchOffset))
          }
        }
      }
    }
  }

  /// `J x` as a new array.
  func applied(to x: [Double]) throws -> [Double] {
    var result = [Double](repeating: 0, count: outputCount)
    try x.withUnsafeBufferPointer { input in
      try result.withUnsafeMutableBufferPointer { output in
        guard let out = output.baseAddress else { return }
        // A program without inputs reads nothing; any address will do.
        try run(input.baseAddress ?? UnsafePointer(out), into: out)
      }
    }
    return result
  }

  private func run(
    _ call: MapCall, _ input: UnsafePointer<Double>, _ output: UnsafeMutablePointer<Double>,
    _ workspace: UnsafeMutablePointer<Double>
  ) throws {
    let source: UnsafePointer<Double>
    switch call.source.space {
    case .input: source = input + call.source.offset
    case .output: source = UnsafePointer(output + call.source.offset)
    case .workspace: source = UnsafePointer(workspace + call.source.offset)
    }
    let shape = call.transposed ? call.map.outputShape : call.map.inputShape
    let value = try call.map.apply(
      Tensor(Storage(source, count: call.source.count), shape), transposed: call.transposed)
    let destination =
      (call.destination.space == .output ? output : workspace) + call.destination.offset
    Vector.addScaled(1, value.storage.values, to: destination, count: call.destination.count)
  }
}

/// Places in a workspace, handed out and taken back while a program is laid out.
private struct WorkspaceSlots {
  private var free: [(offset: Int, count: Int)] = []
  private(set) var extent = 0

  mutating func take(_ count: Int) -> Int {
    for index in free.indices where free[index].count >= count {
      let slot = free[index]
      if slot.count == count {
        free.remove(at: index)
      } else {
        free[index] = (slot.offset + count, slot.count - count)
      }
      return slot.offset
    }
    defer { extent += count }
    return extent
  }

  mutating func release(_ offset: Int, _ count: Int) { free.append((offset, count)) }
}
