import Kernels

/// A compiled linear map `x ↦ J x` between flat vectors: what is left of a recording once dead
/// terms are dropped, chains composed and equal views merged.
///
/// Groups of terms, each group pulling one node together, in an order in which every node is
/// complete before it is read. Immutable; owns its coefficients and no workspace, so any number of
/// tasks may run it at once.
struct LinearProgram: Sendable {
  /// Terms with a common destination, `terms[first..<end]`.
  struct Group {
    var destination: Int32
    var first: Int32
    var end: Int32
    /// A later instalment of a destination with very many terms: adds to the earlier ones.
    var accumulates = false
  }

  /// Entries of each node, by its number in the recording.
  var counts: [Int32]
  /// The nodes whose numbers come in and go out, in order; the flat vectors are their
  /// concatenations.
  var inputs: [Int32]
  var outputs: [Int32]
  var groups: [Group] = []
  var terms: [Term] = []
  var coefficients: [Tensor] = []
  var tables: [IndexTable] = []
  var maps: [any LinearMap] = []

  var inputCount: Int { inputs.reduce(0) { $0 + Int(counts[Int($1)]) } }
  var outputCount: Int { outputs.reduce(0) { $0 + Int(counts[Int($1)]) } }

  /// Whether every term leads from an input straight to an output, in even steps: then the entries of
  /// the matrix are the coefficients, and can be read off. (Indexed terms lead to nodes of their own,
  /// never to an output.)
  var isDirect: Bool {
    guard maps.isEmpty else { return false }
    let isInput = marked(inputs)
    return terms.allSatisfy { isInput[Int($0.source)] && $0.table < 0 }
  }

  /// The program of `Jᵀ`: every term with its views exchanged, regrouped by what was its source,
  /// in reverse order. The same executor runs it, so a pullback costs what a pushforward costs.
  ///
  /// A node read in many places (the input of an unrolled loop) is pulled in instalments, each as
  /// soon as its terms are ready; otherwise all their cotangents would have to be kept.
  func transposed() -> LinearProgram {
    var result = self
    swap(&result.inputs, &result.outputs)
    result.groups = []
    result.terms = []
    result.terms.reserveCapacity(terms.count)
    // Terms that wait for their destination, as linked lists in flat arrays.
    var head = [Int32](repeating: -1, count: counts.count)
    var waiting = [Int32](repeating: 0, count: counts.count)
    var started = [Bool](repeating: false, count: counts.count)
    var isComplete = [Bool](repeating: false, count: counts.count)
    var next = [Int32](repeating: -1, count: terms.count)

    func emit(_ node: Int) {
      let first = Int32(result.terms.count)
      var index = head[node]
      while index >= 0 {
        result.terms.append(terms[Int(index)].transposed)
        index = next[Int(index)]
      }
      head[node] = -1
      waiting[node] = 0
      result.groups.append(
        Group(
          destination: Int32(node), first: first, end: Int32(result.terms.count),
          accumulates: started[node]))
      started[node] = true
    }
    func distribute(_ group: Group) {
      for index in Int(group.first)..<Int(group.end) {
        let source = Int(terms[index].source)
        next[index] = head[source]
        head[source] = Int32(index)
        waiting[source] += 1
        if waiting[source] == LinearProgram.instalment { emit(source) }
      }
    }
    // `self.outputs` are now inputs: complete from the start.
    let isSeed = marked(outputs)
    for group in groups.reversed() {
      let node = Int(group.destination)
      if !isSeed[node] {
        // All readers of a node come after the last instalment of it, which is met first here.
        if !isComplete[node], head[node] >= 0 || !started[node] { emit(node) }
        isComplete[node] = true
      }
      distribute(group)
    }
    for node in inputs where head[Int(node)] >= 0 || !started[Int(node)] { emit(Int(node)) }
    return result
  }

  /// Which nodes are among some.
  private func marked(_ nodes: [Int32]) -> [Bool] {
    var result = [Bool](repeating: false, count: counts.count)
    for node in nodes { result[Int(node)] = true }
    return result
  }

  /// From how many terms on a node is pulled in instalments.
  static let instalment: Int32 = 16

  /// Bytes of coefficients and instructions held.
  var bytes: Int {
    var seen = Set<ObjectIdentifier>()
    var bytes = terms.count * MemoryLayout<Term>.stride
    for coefficient in coefficients
    where seen.insert(ObjectIdentifier(coefficient.storage)).inserted {
      bytes += coefficient.storage.count * MemoryLayout<Double>.stride
    }
    return bytes
  }
}
