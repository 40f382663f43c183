import Kernels

extension LinearProgram {
  /// Compiles the part of a recording that leads from `inputs` to `outputs`.
  ///
  /// Nodes are visited in the order of evaluation. A term is *composed* with the terms of the node
  /// it reads where that is no more work, so elementwise chains, shifts and sums disappear into
  /// their readers; terms with equal views are merged; what the outputs do not need is dropped.
  ///
  /// All coefficients must be untraced: only the outermost recording is compiled.
  ///
  /// - Parameter fuse: `false` keeps one group per recorded operation (for tests).
  convenience init(_ trace: Trace, inputs: [Int32], outputs: [Int32], fuse: Bool = true) {
    var compiler = Compiler(trace, inputs: inputs, outputs: outputs)
    var coefficients = trace.coefficients
    compiler.fuse(fuse, coefficients: &coefficients)
    let (groups, terms) = compiler.emitted(&coefficients)
    // Maps and tables are few: kept all together, or not at all. (Without a map, structure shows.)
    self.init(
      counts: trace.counts, inputs: inputs, outputs: outputs, groups: groups, terms: terms,
      coefficients: coefficients,
      tables: terms.allSatisfy({ $0.table < 0 }) ? [] : trace.tables,
      maps: terms.allSatisfy({ $0.map < 0 }) ? [] : trace.maps)
  }
}

/// The working state of one compilation.
struct Compiler: ~Copyable {
  /// The terms of the recording, and where those into each node begin.
  let recorded: [Term]
  let firstTerm: [Int32]
  var nodes: [Node]
  var fused: [Term] = []
  /// The terms of the node at hand, and those of one of its terms composed with its source's.
  var current: [Term] = []
  var composed: [Term] = []

  /// What is known of a node.
  struct Node {
    var isInput = false
    var isOutput = false
    /// Reached from an input; read, however indirectly, by an output.
    var isReached = false
    var isNeeded = false
    /// Needed after fusion as well.
    var isAlive = false
    var readers: Int32 = 0
    /// The fused terms into the node are `fused[start..<end]`.
    var start: Int32 = 0
    var end: Int32 = 0

    var fusedRange: Range<Int> { Int(start)..<Int(end) }
  }

  /// No node has more terms than this by composition alone: growth must end somewhere.
  static let maximumTerms = 12

  init(_ trace: Trace, inputs: [Int32], outputs: [Int32]) {
    recorded = trace.terms
    firstTerm = trace.firstTerm
    nodes = [Node](repeating: Node(), count: trace.nodeCount)
    fused.reserveCapacity(recorded.count)
    current.reserveCapacity(Compiler.maximumTerms)
    composed.reserveCapacity(Compiler.maximumTerms)
    for node in inputs {
      nodes[Int(node)].isInput = true
      nodes[Int(node)].isReached = true
    }
    for node in nodes.indices where !nodes[node].isReached {
      for index in recordedRange(into: node) where nodes[Int(recorded[index].source)].isReached {
        nodes[node].isReached = true
        break
      }
    }
    for node in outputs {
      nodes[Int(node)].isNeeded = true
      nodes[Int(node)].isOutput = true
    }
    for node in nodes.indices.reversed()
    where nodes[node].isNeeded && nodes[node].isReached && !nodes[node].isInput {
      for index in recordedRange(into: node) {
        let source = Int(recorded[index].source)
        guard nodes[source].isReached else { continue }
        nodes[source].isNeeded = true
        nodes[source].readers += 1
      }
    }
  }

  private func recordedRange(into node: Int) -> Range<Int> {
    Int(firstTerm[node])..<Int(firstTerm[node + 1])
  }

  // MARK: Fusing

  mutating func fuse(_ compose: Bool, coefficients: inout [Tensor]) {
    for node in nodes.indices
    where nodes[node].isReached && nodes[node].isNeeded && !nodes[node].isInput {
      current.removeAll(keepingCapacity: true)
      for index in recordedRange(into: node) {
        var term = recorded[index]
        let source = nodes[Int(term.source)]
        guard source.isReached, source.isInput || source.end > source.start,
          term.geometry.volume > 0
        else { continue }
        if term.isStrided { normalise(&term, coefficients) }
        if compose, term.isStrided, !source.isInput, isComposable(source),
          substitute(term, coefficients: &coefficients)
        {
          continue
        }
        merge(term, compose, &coefficients)
      }
      nodes[node].start = Int32(fused.count)
      fused.append(contentsOf: current)
      nodes[node].end = Int32(fused.count)
    }
  }

  /// Canonical axes; coefficients that are one number become part of the factor.
  func normalise(_ term: inout Term, _ coefficients: [Tensor]) {
    if term.coefficient >= 0 {
      let coefficient = coefficients[Int(term.coefficient)]
      if coefficient.count == 1 || term.geometry.coefficient.strides == .zero || term.scale == 0 {
        let place = Int(term.geometry.coefficient.base)
        term.bias += term.scale == 0 ? 0 : term.scale * coefficient.storage.base[place]
        term.scale = 0
        term.coefficient = -1
        term.geometry.coefficient = StridedView()
      }
    }
    // A single row is canonical already. (Any other box may hold axes of extent 1 before longer
    // ones, which the row kernels would take for the end.)
    let e = term.geometry.extents
    if e[0] == 1 || e[1] != 1 || e[2] != 1 || e[3] != 1 {
      term.geometry = term.geometry.canonical(hasCoefficient: term.coefficient >= 0)
    }
  }

  /// A node disappears into its reader if that is its only one, or if it is a few aliases, shifts
  /// or broadcasts. (The second clause lets `(S − f/ε)` cancel `f` inside Sinkhorn's conditions.)
  private func isComposable(_ node: Node) -> Bool {
    let range = node.fusedRange
    let isSimple = node.readers == 1 || range.count <= 3
    for index in range {
      guard fused[index].isStrided else { return false }
      if node.readers != 1, fused[index].coefficient >= 0 { return false }
    }
    return isSimple
  }

  // MARK: Emitting

  /// The groups that the outputs still need, and their terms; of the coefficients those are left
  /// that these need.
  mutating func emitted(
    _ coefficients: inout [Tensor]
  ) -> (groups: [LinearProgram.Group], terms: [Term]) {
    var (groupCount, termCount) = (0, 0)
    for node in nodes.indices.reversed() where nodes[node].isAlive || nodes[node].isOutput {
      nodes[node].isAlive = true
      groupCount += 1
      termCount += nodes[node].fusedRange.count
      for index in nodes[node].fusedRange { nodes[Int(fused[index].source)].isAlive = true }
    }
    var renumbered = [Int32](repeating: -1, count: coefficients.count)
    var kept: [Tensor] = []
    var groups: [LinearProgram.Group] = []
    groups.reserveCapacity(groupCount)
    var terms: [Term] = []
    terms.reserveCapacity(termCount)
    for (number, node) in nodes.enumerated() where node.isAlive && !node.isInput {
      guard node.end > node.start || node.isOutput else { continue }
      let first = Int32(terms.count)
      for index in node.fusedRange {
        var term = fused[index]
        if term.coefficient >= 0 {
          let old = Int(term.coefficient)
          if renumbered[old] < 0 {
            if kept.isEmpty { kept.reserveCapacity(termCount) }
            renumbered[old] = Int32(kept.count)
            kept.append(coefficients[old])
          }
          term.coefficient = renumbered[old]
        }
        terms.append(term)
      }
      groups.append(
        LinearProgram.Group(destination: Int32(number), first: first, end: Int32(terms.count)))
    }
    coefficients = kept
    return (groups, terms)
  }
}
