/// Which flat array a position refers to.
package enum ProgramSpace: UInt8, Sendable { case input, output, workspace }

/// One elementwise row of a group: `out[outStart + k] += (scale · c[k·cs] + bias) · x[k·xs]`.
package struct ProgramLane {
  package var space: ProgramSpace
  /// Position of the first number read, in its space.
  package var offset: Int
  package var stride: Int
  package var outStart: Int
  package var count: Int
  package var coefficient: UnsafePointer<Double>?
  package var coefficientStride: Int
  package var scale: Double
  package var bias: Double

  package init(
    space: ProgramSpace, offset: Int, stride: Int, outStart: Int, count: Int,
    coefficient: UnsafePointer<Double>?, coefficientStride: Int, scale: Double, bias: Double
  ) {
    self.space = space
    self.offset = offset
    self.stride = stride
    self.outStart = outStart
    self.count = count
    self.coefficient = coefficient
    self.coefficientStride = coefficientStride
    self.scale = scale
    self.bias = bias
  }
}

extension ProgramLane {
  /// The positions between the first and the last number read.
  fileprivate var reads: Range<Int> {
    if count == 0 { return offset..<offset }
    let last = offset + (count - 1) * stride
    return Swift.min(offset, last)..<(Swift.max(offset, last) + 1)
  }
}

/// Any other term of a group.
package struct ProgramTerm {
  package var term: StridedTerm
  package var space: ProgramSpace
  package var offset: Int
  package var coefficient: UnsafePointer<Double>?
  package var scale: Double
  package var bias: Double
  package var indexed: IndexedAxis?

  package init(
    term: StridedTerm, space: ProgramSpace, offset: Int, coefficient: UnsafePointer<Double>?,
    scale: Double, bias: Double, indexed: IndexedAxis?
  ) {
    self.term = term
    self.space = space
    self.offset = offset
    self.coefficient = coefficient
    self.scale = scale
    self.bias = bias
    self.indexed = indexed
  }
}

/// A node to be pulled together: its lanes, then its other terms.
package struct ProgramInstruction {
  package var space: ProgramSpace
  package var offset: Int
  package var count: Int
  package var lanes: Range<Int>
  package var terms: Range<Int>
  /// The first lane (or, without lanes, the first term) writes every entry: it stores.
  package var firstStores: Bool
  /// Adds to what an earlier instalment left.
  package var accumulates: Bool
  /// Multiplies with a matrix, `r = X v`, and the next instruction with its transpose, `Xᵀ r`: both run in
  /// one pass over the rows of `X`.
  package var streamsIntoNext = false

  package init(
    space: ProgramSpace, offset: Int, count: Int, lanes: Range<Int>, terms: Range<Int>,
    firstStores: Bool, accumulates: Bool
  ) {
    self.space = space
    self.offset = offset
    self.count = count
    self.lanes = lanes
    self.terms = terms
    self.firstStores = firstStores
    self.accumulates = accumulates
  }
}

/// Several inputs of a program, one after the other in memory, and as many outputs and workspaces.
package struct ProgramColumns {
  package var count: Int
  /// The numbers of one input, one output, one workspace.
  package var inputStride: Int
  package var outputStride: Int
  package var workspaceStride: Int

  package init(count: Int, inputStride: Int, outputStride: Int, workspaceStride: Int) {
    self.count = count
    self.inputStride = inputStride
    self.outputStride = outputStride
    self.workspaceStride = workspaceStride
  }

  /// A single input.
  package static var one: ProgramColumns {
    ProgramColumns(count: 1, inputStride: 0, outputStride: 0, workspaceStride: 0)
  }

  @inline(__always)
  func stride(_ space: ProgramSpace) -> Int {
    switch space {
    case .input: inputStride
    case .output: outputStride
    case .workspace: workspaceStride
    }
  }
}

/// Runs the instructions of a compiled linear program, pulling each destination together once.
/// Allocates nothing.
package enum ProgramExecutor {
  /// Lanes are run over this many numbers at a time, which stay in the first-level cache.
  private static let chunk = 1024

  /// Up to this many lanes, stretches on which the same ones are active are looked for (which
  /// takes the square of their number).
  private static let fusionLimit = 16

  /// Below this, looking for stretches takes longer than it saves.
  private static let shortest = 32

  /// Several columns run with the instructions outside and the columns inside, so that each
  /// coefficient is read once for all; every column has the bits that it has alone.
  ///
  /// - Parameters:
  ///   - scratch: for packed matrix products, as long as the largest need among the terms.
  package static func run(
    _ instructions: UnsafeBufferPointer<ProgramInstruction>,
    lanes: UnsafePointer<ProgramLane>?, terms: UnsafePointer<ProgramTerm>?,
    input: UnsafePointer<Double>, output: UnsafeMutablePointer<Double>,
    workspace: UnsafeMutablePointer<Double>, scratch: UnsafeMutablePointer<Double>?,
    columns: ProgramColumns = .one
  ) {
    var next = 0
    while next < instructions.count {
      let instruction = instructions[next]
      if instruction.streamsIntoNext, next + 1 < instructions.count, let terms {
        runBoth(
          instruction, instructions[next + 1], lanes, terms, input: input, output: output,
          workspace: workspace, columns)
        next += 2
        continue
      }
      next += 1
      let destination = (instruction.space == .output ? output : workspace) + instruction.offset
      let outputStride = columns.stride(instruction.space)
      for j in 0..<columns.count {
        runLanes(
          instruction, lanes, input: input + j &* columns.inputStride,
          output: output + j &* columns.outputStride,
          workspace: workspace + j &* columns.workspaceStride, destination + j &* outputStride)
      }
      guard let terms else { continue }
      for index in instruction.terms {
        let item = terms[index]
        let source = base(item.space, input, output, workspace) + item.offset
        let inputStride = columns.stride(item.space)
        if index == instruction.terms.lowerBound, instruction.lanes.isEmpty,
          instruction.firstStores
        {
          for j in 0..<columns.count {
            TermExecutor.store(
              item.term, scale: item.scale, bias: item.bias, coefficient: item.coefficient,
              input: source + j &* inputStride, output: destination + j &* outputStride)
          }
        } else {
          TermExecutor.add(
            item.term, scale: item.scale, bias: item.bias, coefficient: item.coefficient,
            input: source, output: destination, indexed: item.indexed, scratch: scratch,
            columns: TermColumns(
              count: columns.count, inputStride: inputStride, outputStride: outputStride))
        }
      }
    }
  }

  /// `r = X v` and `Xᵀ r`, a few rows of `X` at a time, which are in the cache when they are needed
  /// again. Both products take as many rows together, so the bits are those of two passes.
  private static func runBoth(
    _ first: ProgramInstruction, _ second: ProgramInstruction,
    _ lanes: UnsafePointer<ProgramLane>?, _ terms: UnsafePointer<ProgramTerm>,
    input: UnsafePointer<Double>, output: UnsafeMutablePointer<Double>,
    workspace: UnsafeMutablePointer<Double>, _ columns: ProgramColumns
  ) {
    for j in 0..<columns.count {
      for instruction in [first, second] {
        let destination = (instruction.space == .output ? output : workspace) + instruction.offset
        runLanes(
          instruction, lanes, input: input + j &* columns.inputStride,
          output: output + j &* columns.outputStride,
          workspace: workspace + j &* columns.workspaceStride,
          destination + j &* columns.stride(instruction.space))
      }
    }
    let (product, transposed) = (terms[first.terms.lowerBound], terms[second.terms.lowerBound])
    guard let coefficient = product.coefficient else { return }
    let geometry = product.term
    let X = coefficient + Int(geometry.coefficient.base)
    let (m, n) = (Int(geometry.extents[0]), Int(geometry.extents[1]))
    let rowStride = Int(geometry.coefficient.strides[0])
    let v =
      base(product.space, input, output, workspace) + product.offset + Int(geometry.input.base)
    let r = workspace + first.offset + Int(geometry.output.base)
    let y =
      (second.space == .output ? output : workspace) + second.offset
      + Int(transposed.term.output.base)
    let together = Dense.rowsTogether(columns: n, vectors: columns.count)
    let tile = Swift.max(together, tileSize / Swift.max(n, 1) / together * together)
    for row in stride(from: 0, to: m, by: tile) {
      let count = Swift.min(tile, m - row)
      Dense.multiply(
        X + row &* rowStride, rows: count, columns: n, rowStride: rowStride, byEach: v,
        stride: columns.stride(product.space), into: r + row, stride: columns.workspaceStride,
        count: columns.count, scaledBy: product.scale, adding: true)
      Dense.multiplyTransposed(
        X + row &* rowStride, rows: count, columns: n, rowStride: rowStride,
        byEach: UnsafePointer(r + row), stride: columns.workspaceStride, into: y,
        stride: columns.stride(second.space), count: columns.count, scaledBy: transposed.scale,
        adding: true)
    }
  }

  /// Numbers of a matrix that two products share while they are in the first-level cache: 16 kB.
  private static let tileSize = 2048

  /// Whether the second instruction can take up the rows of the first as they come.
  package static func canStream(
    _ first: ProgramInstruction, _ second: ProgramInstruction, lanes: [ProgramLane],
    terms: [ProgramTerm]
  ) -> Bool {
    guard first.space == .workspace, first.terms.count == 1, second.terms.count == 1,
      !first.accumulates, !second.accumulates, !second.firstStores || !second.lanes.isEmpty
    else { return false }
    let (product, transposed) = (terms[first.terms.lowerBound], terms[second.terms.lowerBound])
    let (a, b) = (product.term, transposed.term)
    guard product.coefficient != nil, product.coefficient == transposed.coefficient,
      a.coefficient == b.coefficient, a.extents == b.extents, a.extents[0] > 1, a.extents[1] > 1,
      a.extents[2] == 1, a.extents[3] == 1, product.indexed == nil, transposed.indexed == nil,
      product.scale != 0, transposed.scale != 0, product.bias == 0, transposed.bias == 0,
      a.coefficient.strides[1] == 1, a.coefficient.strides[0] >= a.extents[1],
      a.output.strides[0] == 1, a.output.strides[1] == 0, a.input.strides[0] == 0,
      a.input.strides[1] == 1, b.output.strides[0] == 0, b.output.strides[1] == 1,
      b.input.strides[0] == 1, b.input.strides[1] == 0
    else { return false }
    // What the second reads is what the first writes, and nothing else of it.
    let rows = first.offset..<(first.offset + first.count)
    guard transposed.space == .workspace,
      transposed.offset + Int(b.input.base) == first.offset + Int(a.output.base)
    else { return false }
    for lane in second.lanes {
      let lane = lanes[lane]
      if lane.space == .workspace, lane.reads.overlaps(rows) { return false }
    }
    // The second may write while the first still reads: not to the same memory.
    let target = second.offset..<(second.offset + second.count)
    if second.space == .workspace, target.overlaps(rows) { return false }
    let source = product.offset..<(product.offset + Int(a.input.base) + Int(a.extents[1]))
    if product.space == second.space, target.overlaps(source) { return false }
    for lane in first.lanes {
      let lane = lanes[lane]
      if lane.space == second.space, lane.reads.overlaps(target) { return false }
    }
    return true
  }

  @inline(__always)
  private static func base(
    _ space: ProgramSpace, _ input: UnsafePointer<Double>,
    _ output: UnsafeMutablePointer<Double>, _ workspace: UnsafeMutablePointer<Double>
  ) -> UnsafePointer<Double> {
    switch space {
    case .input: input
    case .output: UnsafePointer(output)
    case .workspace: UnsafePointer(workspace)
    }
  }

  private static func runLanes(
    _ instruction: ProgramInstruction, _ lanes: UnsafePointer<ProgramLane>?,
    input: UnsafePointer<Double>, output: UnsafeMutablePointer<Double>,
    workspace: UnsafeMutablePointer<Double>, _ destination: UnsafeMutablePointer<Double>
  ) {
    let n = instruction.count
    let storing = instruction.firstStores && !instruction.lanes.isEmpty
    if !storing, !instruction.accumulates, !(instruction.firstStores && instruction.lanes.isEmpty) {
      destination.update(repeating: 0, count: n)
    }
    guard let lanes, !instruction.lanes.isEmpty else { return }
    if n > shortest, (2...fusionLimit).contains(instruction.lanes.count) {
      runFused(instruction, lanes, storing: storing, input, output, workspace, destination)
      return
    }
    var from = 0
    while from < n {
      let to = Swift.min(from &+ chunk, n)
      for index in instruction.lanes {
        let lane = lanes + index
        let first = Swift.max(from, lane.pointee.outStart)
        let last = Swift.min(to, lane.pointee.outStart &+ lane.pointee.count)
        guard first < last else { continue }
        run(
          lane, from: first, to: last, storing: storing && index == instruction.lanes.lowerBound,
          base(lane.pointee.space, input, output, workspace), destination)
      }
      from = to
    }
  }

  /// Stretch by stretch: up to where a lane begins or ends, the same lanes are active, and those
  /// that read contiguously are added up in registers.
  private static func runFused(
    _ instruction: ProgramInstruction, _ lanes: UnsafePointer<ProgramLane>, storing: Bool,
    _ input: UnsafePointer<Double>, _ output: UnsafeMutablePointer<Double>,
    _ workspace: UnsafeMutablePointer<Double>, _ destination: UnsafeMutablePointer<Double>
  ) {
    let n = instruction.count
    var from = 0
    while from < n {
      var to = Swift.min(from &+ chunk, n)
      for index in instruction.lanes {
        let start = lanes[index].outStart
        let end = start &+ lanes[index].count
        if start > from { to = Swift.min(to, start) } else if end > from { to = Swift.min(to, end) }
      }
      var fused = FusedLanes(
        destination + from, count: to &- from, stores: storing, UnsafePointer(destination))
      for index in instruction.lanes {
        let lane = lanes + index
        let k = from &- lane.pointee.outStart
        guard k >= 0, k < lane.pointee.count else { continue }
        let source = base(lane.pointee.space, input, output, workspace)
        let step = lane.pointee.coefficient == nil ? 1 : lane.pointee.coefficientStride
        if lane.pointee.stride == 1, step == 1 {
          fused.append(
            FusedLanes.Entry(
              x: source + (lane.pointee.offset &+ k), c: lane.pointee.coefficient.map { $0 + k },
              scale: lane.pointee.scale, bias: lane.pointee.bias))
        } else {
          fused.flush()
          run(
            lane, from: from, to: to, storing: storing && index == instruction.lanes.lowerBound,
            source, destination)
          fused.addsFromHereOn()
        }
      }
      fused.flush()
      from = to
    }
  }

  /// Entries `first ..< last` of one lane, all of which it covers.
  private static func run(
    _ lane: UnsafePointer<ProgramLane>, from first: Int, to last: Int, storing: Bool,
    _ source: UnsafePointer<Double>, _ destination: UnsafeMutablePointer<Double>
  ) {
    let k = first &- lane.pointee.outStart
    let x = source + lane.pointee.offset + k &* lane.pointee.stride
    let c = lane.pointee.coefficient.map { $0 + k &* lane.pointee.coefficientStride }
    if storing {
      TermExecutor.storeRow(
        last &- first, lane.pointee.scale, lane.pointee.bias, c, lane.pointee.coefficientStride, x,
        lane.pointee.stride, destination + first, 1)
    } else {
      TermExecutor.addRow(
        last &- first, lane.pointee.scale, lane.pointee.bias, c, lane.pointee.coefficientStride, x,
        lane.pointee.stride, destination + first, 1)
    }
  }
}
