import Kernels
import Synchronization

/// Workspaces of one size, kept between runs, so that replaying a program allocates nothing after
/// the first time. Any number of tasks may take from it; each gets one of its own.
final class WorkspacePool: Sendable {
  private struct Block: @unchecked Sendable { let base: UnsafeMutablePointer<Double> }

  private let count: Int
  private let idle = Mutex<[Block]>([])

  init(count: Int) { self.count = count }

  func take() -> UnsafeMutablePointer<Double> {
    if let block = idle.withLock({ $0.popLast() }) { return block.base }
    return NumberMemory.allocate(count: count)
  }

  func giveBack(_ base: UnsafeMutablePointer<Double>) {
    let block = Block(base: base)
    idle.withLock { $0.append(block) }
  }

  deinit {
    idle.withLock { blocks in
      for block in blocks { NumberMemory.release(block.base, count: count) }
    }
  }
}
