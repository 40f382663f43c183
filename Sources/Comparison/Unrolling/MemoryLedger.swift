import ImplicitDifferentiation

/// Adds up what is held at a time. A block that several holders share counts once.
struct MemoryLedger {
  private var holders: [MemoryBlock: Int] = [:]
  private(set) var bytes = 0
  private(set) var peak = 0

  mutating func hold(_ blocks: Set<MemoryBlock>) {
    for block in blocks {
      let count = holders[block, default: 0]
      if count == 0 { bytes += block.bytes }
      holders[block] = count + 1
    }
    peak = Swift.max(peak, bytes)
  }

  /// The same blocks as were held before.
  mutating func release(_ blocks: Set<MemoryBlock>) {
    for block in blocks {
      guard let count = holders[block] else { continue }
      holders[block] = count > 1 ? count - 1 : nil
      if count == 1 { bytes -= block.bytes }
    }
  }
}
