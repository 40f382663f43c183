import Kernels

/// A compiled linear map `x ↦ J x` between flat vectors: what is left of a recording once dead
/// terms are dropped, chains composed and equal views merged.
///
/// Groups of terms, each group pulling one node together, in an order in which every node is
/// complete before it is read. Immutable; owns its coefficients and no workspace, so any number of
/// tasks may run it at once.
final class LinearProgram: Sendable {
  /// Terms with a common destination, `terms[first..<end]`.
  struct Group {
    var destination: Int32
    var first: Int32
    var end: Int32
    /// A later instalment of a destination with very many terms: adds to the earlier ones.
    var accumulates = false
  }

  /// Entries of each node, by its number in the recording.
  let counts: [Int32]
  /// The nodes whose numbers come in and go out, in order; the flat vectors are their
  /// concatenations.
  let inputs: [Int32]
  let outputs: [Int32]
  let groups: [Group]
  let terms: [Term]
  let coefficients: [Tensor]
  let tables: [IndexTable]
  let maps: [any LinearMap]

  init(
    counts: [Int32], inputs: [Int32], outputs: [Int32], groups: [Group], terms: [Term],
    coefficients: [Tensor], tables: [IndexTable], maps: [any LinearMap]
  ) {
    self.counts = counts
    self.inputs = inputs
    self.outputs = outputs
    self.groups = groups
    self.terms = terms
    self.coefficients = coefficients
    self.tables = tables
    self.maps = maps
  }

  var inputCount: Int { inputs.reduce(0) { $0 + Int(counts[Int($1)]) } }
  var outputCount: Int { outputs.reduce(0) { $0 + Int(counts[Int($1)]) } }

  /// The program of `Jᵀ`: every term with its views exchanged, regrouped by what was its source,
  /// in reverse order. The same executor runs it, so a pullback costs what a pushforward costs.
  ///
  /// A node read in many places (the input of an unrolled loop) is pulled in instalments, each as
  /// soon as its terms are ready; otherwise all their cotangents would have to be kept.
  func transposed() -> LinearProgram {
    var groups: [Group] = []
    groups.reserveCapacity(self.groups.count + inputs.count)
    var terms: [Term] = []
    terms.reserveCapacity(self.terms.count)
    var nodes = [Transposition](repeating: Transposition(), count: counts.count)
    /// For each term, the next one that waits for the same destination; −1 for none.
    var next = [Int32](repeating: -1, count: self.terms.count)

    func emit(_ node: Int) {
      let first = Int32(terms.count)
      var index = nodes[node].head
      while index >= 0 {
        terms.append(self.terms[Int(index)].transposed)
        index = next[Int(index)]
      }
      nodes[node].head = -1
      nodes[node].waiting = 0
      groups.append(
        Group(
          destination: Int32(node), first: first, end: Int32(terms.count),
          accumulates: nodes[node].isStarted))
      nodes[node].isStarted = true
    }
    func distribute(_ group: Group) {
      for index in Int(group.first)..<Int(group.end) {
        let source = Int(self.terms[index].source)
        next[index] = nodes[source].head
        nodes[source].head = Int32(index)
        nodes[source].waiting += 1
        if nodes[source].waiting == LinearProgram.instalment { emit(source) }
      }
    }
    // `self.outputs` are now inputs: complete from the start.
    for node in outputs { nodes[Int(node)].isSeed = true }
    for group in self.groups.reversed() {
      let node = Int(group.destination)
      if !nodes[node].isSeed {
        // All readers of a node come after the last instalment of it, which is met first here.
        if !nodes[node].isComplete, nodes[node].head >= 0 || !nodes[node].isStarted { emit(node) }
        nodes[node].isComplete = true
      }
      distribute(group)
    }
    for node in inputs where nodes[Int(node)].head >= 0 || !nodes[Int(node)].isStarted {
      emit(Int(node))
    }
    return LinearProgram(
      counts: counts, inputs: outputs, outputs: inputs, groups: groups, terms: terms,
      coefficients: coefficients, tables: tables, maps: maps)
  }

  /// How far a node has come while a program is being transposed.
  private struct Transposition {
    /// The first of the terms that wait for it, a linked list in a flat array, and how many do.
    var head: Int32 = -1
    var waiting: Int32 = 0
    var isSeed = false
    /// Whether an instalment was emitted, and whether the last one was.
    var isStarted = false
    var isComplete = false
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
