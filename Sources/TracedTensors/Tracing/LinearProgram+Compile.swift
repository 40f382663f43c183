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
  init(_ trace: Trace, inputs: [Int32], outputs: [Int32], fuse: Bool = true) {
    counts = trace.counts
    self.inputs = inputs
    self.outputs = outputs
    coefficients = trace.coefficients
    tables = trace.tables
    maps = trace.maps
    var compiler = Compiler(trace, inputs: inputs, outputs: outputs)
    compiler.fuse(fuse, coefficients: &coefficients)
    compiler.emit(into: &self)
  }
}

/// The working state of one compilation.
private struct Compiler {
  let trace: Trace
  let outputs: [Int32]
  let nodeCount: Int
  var isInput: [Bool]
  /// Reached from an input; read, however indirectly, by an output.
  var isReached: [Bool]
  var isNeeded: [Bool]
  var readers: [Int32]
  /// The fused terms into node `k` are `fused[start[k]..<end[k]]`.
  var fused: [Term] = []
  var start: [Int32]
  var end: [Int32]
  /// The terms of the node at hand.
  var current: [Term] = []

  /// No node has more terms than this by composition alone: growth must end somewhere.
  static let maximumTerms = 12

  init(_ trace: Trace, inputs: [Int32], outputs: [Int32]) {
    self.trace = trace
    self.outputs = outputs
    nodeCount = trace.nodeCount
    isInput = [Bool](repeating: false, count: nodeCount)
    isReached = isInput
    isNeeded = isInput
    readers = [Int32](repeating: 0, count: nodeCount)
    start = readers
    end = readers
    fused.reserveCapacity(trace.terms.count)
    for node in inputs {
      isInput[Int(node)] = true
      isReached[Int(node)] = true
    }
    for node in 0..<nodeCount where !isReached[node] {
      for index in trace.termRange(into: node) where isReached[Int(trace.terms[index].source)] {
        isReached[node] = true
        break
      }
    }
    for node in outputs { isNeeded[Int(node)] = true }
    for node in stride(from: nodeCount - 1, through: 0, by: -1)
    where isNeeded[node] && isReached[node] && !isInput[node] {
      for index in trace.termRange(into: node) {
        let source = Int(trace.terms[index].source)
        guard isReached[source] else { continue }
        isNeeded[source] = true
        readers[source] += 1
      }
    }
  }

  // MARK: Fusing

  mutating func fuse(_ compose: Bool, coefficients: inout [Tensor]) {
    for node in 0..<nodeCount where isReached[node] && isNeeded[node] && !isInput[node] {
      current.removeAll(keepingCapacity: true)
      for index in trace.termRange(into: node) {
        var term = trace.terms[index]
        let source = Int(term.source)
        guard isReached[source], isInput[source] || end[source] > start[source],
          term.geometry.volume > 0
        else { continue }
        if term.isStrided { normalise(&term, coefficients) }
        if compose, term.isStrided, !isInput[source], isComposable(source),
          substitute(term, coefficients: &coefficients)
        {
          continue
        }
        merge(term, compose, &coefficients)
      }
      start[node] = Int32(fused.count)
      fused.append(contentsOf: current)
      end[node] = Int32(fused.count)
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
  private func isComposable(_ node: Int) -> Bool {
    let range = Int(start[node])..<Int(end[node])
    guard fused[range].allSatisfy({ $0.isStrided }) else { return false }
    if readers[node] == 1 { return true }
    return range.count <= 3 && fused[range].allSatisfy { $0.coefficient < 0 }
  }

  /// Replaces `term` by its compositions with all terms of its source; changes nothing and
  /// returns `false` if one of them is refused.
  private mutating func substitute(_ term: Term, coefficients: inout [Tensor]) -> Bool {
    let range = Int(start[Int(term.source)])..<Int(end[Int(term.source)])
    if current.count + range.count > Compiler.maximumTerms { return false }
    var composed: [Term] = []
    composed.reserveCapacity(range.count)
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
    for result in composed { merge(result, true, &coefficients) }
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

  /// Keeps the groups that the outputs still need, and the coefficients that these need.
  func emit(into program: inout LinearProgram) {
    var isAlive = [Bool](repeating: false, count: nodeCount)
    for node in outputs { isAlive[Int(node)] = true }
    for node in stride(from: nodeCount - 1, through: 0, by: -1) where isAlive[node] {
      for index in Int(start[node])..<Int(end[node]) { isAlive[Int(fused[index].source)] = true }
    }
    var renumbered = [Int32](repeating: -1, count: program.coefficients.count)
    var kept: [Tensor] = []
    let isOutput = Set(outputs)
    for node in 0..<nodeCount where isAlive[node] && !isInput[node] {
      guard end[node] > start[node] || isOutput.contains(Int32(node)) else { continue }
      let first = Int32(program.terms.count)
      for index in Int(start[node])..<Int(end[node]) {
        var term = fused[index]
        if term.coefficient >= 0 {
          let old = Int(term.coefficient)
          if renumbered[old] < 0 {
            renumbered[old] = Int32(kept.count)
            kept.append(program.coefficients[old])
          }
          term.coefficient = renumbered[old]
        }
        program.terms.append(term)
      }
      program.groups.append(
        LinearProgram.Group(
          destination: Int32(node), first: first, end: Int32(program.terms.count)))
    }
    program.coefficients = kept
    // Maps and tables are few: kept all together, or not at all. (Without a map, structure shows.)
    if program.terms.allSatisfy({ $0.map < 0 }) { program.maps = [] }
    if program.terms.allSatisfy({ $0.table < 0 }) { program.tables = [] }
  }
}
