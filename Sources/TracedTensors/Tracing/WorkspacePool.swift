import Kernels
import Synchronization

/// Workspaces of one size, kept between runs, so that replaying a program allocates nothing after
/// the first time. Any number of tasks may take from it; each gets one of its own.
struct WorkspacePool: ~Copyable, Sendable {
  private struct Block: @unchecked Sendable { let base: UnsafeMutablePointer<Double> }

  /// The blocks that nobody uses: of one task at a time there is one.
  private struct Idle {
    var first: Block?
    var others: [Block] = []
  }

  private let count: Int
  private let idle = Mutex(Idle())

  /// Stands for a workspace of no numbers.
  private static let nothing = Block(base: .allocate(capacity: 1))

  init(count: Int) { self.count = count }

  func take() -> UnsafeMutablePointer<Double> {
    if count == 0 { return Self.nothing.base }
    let block: Block? = idle.withLock { idle in
      if let last = idle.others.popLast() { return last }
      defer { idle.first = nil }
      return idle.first
    }
    return block?.base ?? NumberMemory.allocate(count: count)
  }

  func giveBack(_ base: UnsafeMutablePointer<Double>) {
    if count == 0 { return }
    let block = Block(base: base)
    idle.withLock { idle in
      if idle.first == nil { idle.first = block } else { idle.others.append(block) }
    }
  }

  deinit {
    idle.withLock { idle in
      if let first = idle.first { NumberMemory.release(first.base, count: count) }
      for block in idle.others { NumberMemory.release(block.base, count: count) }
    }
  }
}
