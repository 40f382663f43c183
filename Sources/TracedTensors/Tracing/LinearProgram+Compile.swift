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
private struct Compiler: ~Copyable {
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
  private func normalise(_ term: inout Term, _ coefficients: [Tensor]) {
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

  /// Replaces `term` by its compositions with all terms of its source; changes nothing and
  /// returns `false` if one of them is refused.
  private mutating func substitute(_ term: Term, coefficients: inout [Tensor]) -> Bool {
    let range = nodes[Int(term.source)].fusedRange
    if current.count + range.count > Compiler.maximumTerms { return false }
    composed.removeAll(keepingCapacity: true)
    let volume = term.geometry.volume
    for index in range {
      let inner = fused[index]
      switch Composition.join(inner.geometry, term.geometry) {
      case .empty: continue
      case .refused: return false
      case .composed(let joint):
        var result = Term(
          geometry: StridedTerm(
            extents: joint.extents, output: joint.output, input: joint.input),
          scale: 0, bias: inner.bias * term.bias, source: inner.source,
          destination: term.destination)
        let work = result.geometry.volume
        // Never a larger box than the larger of the two: `u (vᵀ x)` must not become a matrix.
        if work > Swift.max(volume, inner.geometry.volume) { return false }
        switch (inner.coefficient >= 0, term.coefficient >= 0) {
        case (false, false): break
        case (true, false):
          result.coefficient = inner.coefficient
          result.geometry.coefficient = joint.first
          result.scale = inner.scale * term.bias
        case (false, true):
          result.coefficient = term.coefficient
          result.geometry.coefficient = joint.second
          result.scale = term.scale * inner.bias
        case (true, true):
          // Never a larger array than the smaller box: `D · X` must not copy the matrix.
          let limit = Swift.min(volume, inner.geometry.volume)
          guard
            let product = affineProduct(
              joint, inner, term, limit: limit, coefficients: coefficients)
          else { return false }
          result.coefficient = Int32(coefficients.count)
          coefficients.append(product.tensor)
          result.geometry.coefficient = product.view
          result.scale = 1
          result.bias = 0
        }
        normalise(&result, coefficients)
        composed.append(result)
      }
    }
    for index in composed.indices { merge(composed[index], true, &coefficients) }
    return true
  }

  /// `(s₁c₁ + b₁)(s₂c₂ + b₂)` as a new array over the axes on which either varies.
  private func affineProduct(
    _ joint: Composition, _ first: Term, _ second: Term, limit: Int, coefficients: [Tensor]
  ) -> (tensor: Tensor, view: StridedView)? {
    var extents = SIMD4<Int32>(repeating: 1)
    var view = StridedView()
    var count = 1
    for axis in stride(from: 3, through: 0, by: -1)
    where joint.extents[axis] != 1
      && (joint.first.strides[axis] != 0 || joint.second.strides[axis] != 0)
    {
      extents[axis] = joint.extents[axis]
      view.strides[axis] = Int32(count)
      count *= Int(joint.extents[axis])
    }
    if count > limit { return nil }
    let storage = Storage(uninitializedCount: count)
    TermExecutor.affineProduct(
      StridedTerm(extents: extents, output: view, coefficient: joint.first, input: joint.second),
      first.scale, coefficients[Int(first.coefficient)].storage.values, first.bias,
      second.scale, coefficients[Int(second.coefficient)].storage.values, second.bias,
      into: storage.base)
    return (Tensor(storage, Shape(vector: count)), view)
  }

  /// Adds a term to those of the node at hand, into one with equal views if there is one.
  private mutating func merge(_ term: Term, _ mayMerge: Bool, _ coefficients: inout [Tensor]) {
    if mayMerge, term.isStrided {
      for place in current.indices
      where current[place].source == term.source && current[place].isStrided
        && current[place].geometry.extents == term.geometry.extents
        && current[place].geometry.output == term.geometry.output
        && current[place].geometry.input == term.geometry.input
      {
        let other = current[place]
        switch (other.coefficient >= 0, term.coefficient >= 0) {
        case (_, false):
          current[place].bias += term.bias
        case (false, true):
          current[place] = term
          current[place].bias += other.bias
        case (true, true):
          let sameArray =
            coefficients[Int(other.coefficient)].storage
            === coefficients[Int(term.coefficient)].storage
          if sameArray, other.geometry.coefficient == term.geometry.coefficient {
            current[place].scale += term.scale
            current[place].bias += term.bias
          } else {
            guard
              let sum = affineSum(other, term, limit: term.geometry.volume, coefficients)
            else { continue }
            current[place].coefficient = Int32(coefficients.count)
            coefficients.append(sum.tensor)
            current[place].geometry.coefficient = sum.view
            current[place].scale = 1
            current[place].bias = 0
          }
        }
        // What cancelled must go, or structure would show bands that are not there.
        if current[place].coefficient >= 0, current[place].scale == 0 {
          current[place].coefficient = -1
          current[place].geometry = current[place].geometry.canonical(hasCoefficient: false)
        }
        if current[place].coefficient < 0, current[place].bias == 0 { current.remove(at: place) }
        return
      }
    }
    if term.isStrided, term.coefficient < 0, term.bias == 0 { return }
    current.append(term)
  }

  /// `s₁c₁ + s₂c₂ + b₁ + b₂` as a new array, if both vary over the whole box.
  private func affineSum(
    _ first: Term, _ second: Term, limit: Int, _ coefficients: [Tensor]
  ) -> (tensor: Tensor, view: StridedView)? {
    let long = first.geometry.extents .> SIMD4<Int32>(repeating: 1)
    let fixed1 = first.geometry.coefficient.strides .== SIMD4<Int32>.zero
    let fixed2 = second.geometry.coefficient.strides .== SIMD4<Int32>.zero
    // Where both are constant along an axis (a matrix, repeated) one array per term is cheaper.
    if any(long .& (fixed1 .| fixed2)) { return nil }
    let extents = first.geometry.extents
    var view = StridedView()
    var count = 1
    for axis in stride(from: 3, through: 0, by: -1) where extents[axis] != 1 {
      view.strides[axis] = Int32(count)
      count *= Int(extents[axis])
    }
    if count > limit { return nil }
    let storage = Storage(uninitializedCount: count)
    TermExecutor.affineSum(
      StridedTerm(
        extents: extents, output: view, coefficient: first.geometry.coefficient,
        input: second.geometry.coefficient),
      first.scale, coefficients[Int(first.coefficient)].storage.values,
      second.scale, coefficients[Int(second.coefficient)].storage.values,
      first.bias + second.bias, into: storage.base)
    return (Tensor(storage, Shape(vector: count)), view)
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
