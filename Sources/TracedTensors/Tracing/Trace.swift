import Kernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where a traced tensor was recorded: a node of a trace, and the tag it has on the level below if
/// that level is being traced as well.
package struct Tag: Sendable {
  let trace: Trace
  let node: Int32
  // A structure cannot hold itself; nearly always there is nothing to hold.
  private let boxBelow: Box?

  private final class Box: Sendable {
    let tag: Tag
    init(_ tag: Tag) { self.tag = tag }
  }

  init(_ trace: Trace, _ node: Int32, below: Tag?) {
    self.trace = trace
    self.node = node
    boxBelow = below.map(Box.init)
  }

  /// That of the trace.
  var level: Int { trace.level }

  var below: Tag? { boxBelow?.tag }
}

/// A linear action that is not a strided term: a solve, an implicit function, a custom operation.
///
/// `apply` takes and returns tensors of the level below the trace that holds the map, so it may
/// itself be recorded there: that is what makes second derivatives of maps exist.
package protocol LinearMap: Sendable {
  /// The shapes of what goes in and what comes out (untransposed).
  var inputShape: Shape { get }
  var outputShape: Shape { get }

  func apply(_ v: Tensor, transposed: Bool) throws -> Tensor

  /// Whether the two actions are each other's transposes by the way they are made, or probed where
  /// they were made.
  var isProven: Bool { get }
}

extension LinearMap {
  package var isProven: Bool { true }
}

/// Positions along an axis, shared by the terms that use them.
final class IndexTable: @unchecked Sendable {
  // Unchecked, for the pointer: written once, here, and never again.
  let count: Int
  let base: UnsafePointer<Int32>
  private let memory: UnsafeMutablePointer<Int32>

  init(_ positions: [Int32]) {
    count = positions.count
    memory = UnsafeMutablePointer<Int32>.allocate(capacity: Swift.max(count, 1))
    for (index, position) in positions.enumerated() { memory[index] = position }
    base = UnsafePointer(memory)
  }

  deinit { memory.deallocate() }
}

/// One instruction of a recording, plain data: coefficients, tables and maps are indices into the
/// recording's arrays (−1: none), so that sorting and copying terms counts no references.
struct Term {
  var geometry: StridedTerm
  var scale: Double
  /// The factor itself when there is no coefficient.
  var bias: Double
  var source: Int32
  var destination: Int32
  var coefficient: Int32 = -1
  var table: Int32 = -1
  var tableSide: IndexedAxis.Side = .input
  var map: Int32 = -1
  /// For a map: whether it acts transposed.
  var mapTransposed = false

  /// Whether the term is a strided one: no table, no map. Only those compose.
  var isStrided: Bool { map < 0 && table < 0 }

  var transposed: Term {
    var term = self
    term.geometry = geometry.transposed
    swap(&term.source, &term.destination)
    term.tableSide = tableSide == .input ? .output : .input
    term.mapTransposed.toggle()
    return term
  }
}

/// What one traced call recorded: nodes (flat arrays of numbers, only their counts are kept) and
/// the linear terms between them, in the order of evaluation.
///
/// Coefficients are tensors of the level below, so what is recorded is already linear, and may
/// itself be traced. A recording keeps coefficients alive and no other value.
///
/// A trace belongs to the call that opened it. Using one of its tensors on another thread, or
/// after the call returned, stops with a sentence.
package final class Trace: @unchecked Sendable {
  // Unchecked: the arrays below are only touched after `check()`, which admits the opening thread
  // alone and only while the call runs.

  /// Later traces have higher levels: the innermost trace among operands has the highest.
  let level: Int
  private let owner: UInt
  private let isOpen = Atomic<Bool>(true)

  /// Whether an operation chose between two formulas by comparing traced numbers: what was recorded
  /// may then be one piece of a function with kinks.
  package var hasBranches = false

  private var recorded = Recorded()

  /// What has been recorded, in one place: each access to a variable of an object is guarded.
  private struct Recorded {
    var counts: [Int32] = []
    var firstTerm: [Int32] = []
    var terms: [Term] = []
    var coefficients: [Tensor] = []
    var tables: [IndexTable] = []
    var maps: [any LinearMap] = []

    init() {
      terms.reserveCapacity(24)
      counts.reserveCapacity(16)
      firstTerm.reserveCapacity(17)
      coefficients.reserveCapacity(12)
      firstTerm.append(0)
    }

    /// A term into the newest node.
    mutating func append(_ term: Term) {
      terms.append(term)
      firstTerm[counts.count] = Int32(terms.count)
    }
  }

  var counts: [Int32] { recorded.counts }
  /// The terms into node `k` are `terms[firstTerm[k]..<firstTerm[k + 1]]`.
  var firstTerm: [Int32] { recorded.firstTerm }
  var terms: [Term] { recorded.terms }
  var coefficients: [Tensor] { recorded.coefficients }
  var tables: [IndexTable] { recorded.tables }
  var maps: [any LinearMap] { recorded.maps }

  private static let levels = Atomic<Int>(0)
  /// The thread of each open trace.
  private static let owners = Mutex<[UInt]>([])

  /// Whether this thread has a trace open.
  package static var isAnyOpen: Bool {
    let thread = currentThread()
    return owners.withLock { $0.contains(thread) }
  }

  init() {
    level = Trace.levels.add(1, ordering: .relaxed).newValue
    let thread = Trace.currentThread()
    owner = thread
    Trace.owners.withLock { $0.append(thread) }
  }

  /// Ends recording. Tensors that still carry this trace can no longer be used.
  func close() {
    isOpen.store(false, ordering: .relaxed)
    Trace.owners.withLock { owners in
      if let index = owners.lastIndex(of: owner) { owners.remove(at: index) }
    }
  }

  /// Stops unless the caller is the thread that opened the trace, while it is open.
  @inline(__always)
  package func check() {
    if !isOpen.load(ordering: .relaxed) {
      stop(
        """
        A traced tensor was used after the function that traced it returned. Return it from that \
        function instead of storing it, or store `.withoutDerivative`.
        """)
    }
    if owner != Trace.currentThread() {
      stop(
        """
        A traced tensor was used on another thread than the one that traces it. Do concurrent work \
        outside the differentiated function, or pass `.withoutDerivative`.
        """)
    }
  }

  @inline(__always)
  private static func currentThread() -> UInt {
    #if canImport(Darwin)
      UInt(bitPattern: pthread_self())
    #else
      UInt(pthread_self())
    #endif
  }

  // MARK: Recording

  var nodeCount: Int { recorded.counts.count }

  /// Adds a node of `count` numbers; the terms appended until the next one lead into it.
  func addNode(count: Int) -> Int32 {
    func add(_ recorded: inout Recorded) -> Int32 {
      recorded.counts.append(Int32(count))
      recorded.firstTerm.append(Int32(recorded.terms.count))
      return Int32(recorded.counts.count - 1)
    }
    return add(&recorded)
  }

  /// Adds a term into the newest node.
  func append(
    _ geometry: StridedTerm, scale: Double, bias: Double, coefficient: Tensor?, source: Int32,
    table: IndexTable? = nil, tableSide: IndexedAxis.Side = .input
  ) {
    func add(_ recorded: inout Recorded) {
      var term = Term(
        geometry: geometry, scale: scale, bias: bias, source: source,
        destination: Int32(recorded.counts.count - 1))
      if let coefficient {
        term.coefficient = Int32(recorded.coefficients.count)
        recorded.coefficients.append(coefficient)
      }
      if let table {
        term.table = Int32(recorded.tables.count)
        term.tableSide = tableSide
        recorded.tables.append(table)
      }
      recorded.append(term)
    }
    add(&recorded)
  }

  /// Adds a map into the newest node.
  func append(_ map: any LinearMap, source: Int32) {
    func add(_ recorded: inout Recorded) {
      var term = Term(
        geometry: StridedTerm(count: 1), scale: 0, bias: 1, source: source,
        destination: Int32(recorded.counts.count - 1))
      term.map = Int32(recorded.maps.count)
      recorded.maps.append(map)
      recorded.append(term)
    }
    add(&recorded)
  }

  func termRange(into node: Int) -> Range<Int> {
    Int(recorded.firstTerm[node])..<Int(recorded.firstTerm[node + 1])
  }

  // MARK: Traced tensors

  /// The same numbers as `value`, as an independent variable of this trace.
  func input(_ value: Tensor) -> Tensor {
    let node = addNode(count: value.count)
    return Tensor(value.storage, value.dimensions, tag: Tag(self, node, below: value.tag))
  }

  /// A node of its own for an output, so that no output is read by anything else.
  func output(_ value: Tensor) -> Int32 {
    guard let source = value.node(in: self) else { return addNode(count: value.count) }
    let node = addNode(count: value.count)
    append(StridedTerm(count: value.count), scale: 0, bias: 1, coefficient: nil, source: source)
    return node
  }

  /// Bytes of coefficients and instructions held.
  package var bytes: Int { memoryBlocks.reduce(0) { $0 + $1.bytes } }
}

extension Tensor {
  /// This tensor's node in `trace`, if it is recorded there.
  @inline(__always)
  package func node(in trace: Trace) -> Int32? {
    guard let tag, tag.trace === trace else { return nil }
    return tag.node
  }

  /// This tensor as the level below `trace` sees it.
  @inline(__always)
  package func lowered(below trace: Trace) -> Tensor {
    guard let tag, tag.trace === trace else { return self }
    return Tensor(storage, dimensions, tag: tag.below)
  }

  /// Replaces a tensor recorded at some trace by what the level below sees.
  @inline(__always)
  mutating func lower() { tag = tag?.below }

  /// This tensor with another shape of as many entries; nodes are flat, so nothing is recorded.
  @inline(__always)
  func viewed(as dimensions: Shape) -> Tensor { Tensor(storage, dimensions, tag: tag) }
}
