import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Memory for vectors of numbers. Large blocks that are given back are kept for the next vector of
/// about their size instead of being returned to the system.
///
/// A fresh page costs the operating system more time than computing the numbers on it: with
/// vectors of 10,000 numbers and more, half of the time of a derivative went into page faults before
/// this.
///
/// At most ``keptLimit`` bytes are kept; what would exceed it empties the store first, so that it never holds on to
/// the sizes of yesterday. With `-D UNPOOLED` nothing is kept, and memory checkers see every
/// block.
package enum NumberMemory {
  /// The most that is kept, in bytes.
  package static var keptLimit: Int { 128 << 20 }

  /// From this many numbers on (4 kB) blocks are kept; smaller ones the allocator hands out again by
  /// itself.
  private static var smallest: Int { 512 }

  /// Room for `count` numbers, which hold nothing until written, at a multiple of 64 bytes if there
  /// are many.
  package static func allocate(count: Int) -> UnsafeMutablePointer<Double> {
    #if !UNPOOLED
      if count >= smallest {
        let size = SizeClass(holding: count)
        if let block = kept.withLock({ $0.take(size) }) { return block.base }
        return fresh(byteCount: size.count * MemoryLayout<Double>.stride)
          .bindMemory(to: Double.self, capacity: size.count)
      }
    #endif
    return .allocate(capacity: Swift.max(count, 1))
  }

  /// A block of the system's. From 4 MB on Linux is asked for pages of 2 MB: a product that reads rows of a
  /// large matrix side by side would otherwise wait for the addresses of its pages, and a million fresh
  /// numbers would be two thousand page faults.
  private static func fresh(byteCount: Int) -> UnsafeMutableRawPointer {
    #if canImport(Glibc)
      if byteCount >= 4 << 20 {
        let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 2 << 20)
        // Advice: where it is not taken, pages are small.
        _ = madvise(block, byteCount, MADV_HUGEPAGE)
        return block
      }
    #endif
    return .allocate(byteCount: byteCount, alignment: 64)
  }

  /// Gives back what `allocate` returned for that count.
  package static func release(_ base: UnsafeMutablePointer<Double>, count: Int) {
    #if !UNPOOLED
      if count >= smallest {
        let block = Block(base: base)
        kept.withLock { $0.keep(block, SizeClass(holding: count)) }
        return
      }
    #endif
    base.deallocate()
  }

  private static let kept: Mutex<Kept> = {
    #if !UNPOOLED
      // Arrays do not come from here, and they are large too. The C library of Linux learns from the
      // largest block that a program gives back which sizes to keep for it (up to 32 MB); kept blocks
      // would never teach it. So one is given back, once, that was never touched and so never was
      // memory.
      UnsafeMutableRawPointer.allocate(byteCount: 31 << 20, alignment: 16).deallocate()
    #endif
    return Mutex(Kept())
  }()
}

/// Sizes grow by quarters of a power of two, so that at most a fifth of a block lies idle.
private struct SizeClass {
  let index: Int
  let count: Int

  init(holding wanted: Int) {
    // With 2ᵏ < wanted ≤ 2ᵏ⁺¹ the classes are 2ᵏ (1 + q/4), q = 1, 2, 3, 4.
    let k = Int.bitWidth - 1 - (wanted - 1).leadingZeroBitCount
    let step = 1 << (k - 2)
    let quarters = (wanted - (1 << k) + step - 1) >> (k - 2)
    index = 4 * k + quarters - 1
    count = (1 << k) + quarters * step
  }
}

private struct Block: @unchecked Sendable {
  let base: UnsafeMutablePointer<Double>
}

private struct Kept {
  private var blocks = [[Block]](repeating: [], count: 4 * Int.bitWidth)
  private var bytes = 0

  mutating func take(_ size: SizeClass) -> Block? {
    guard let block = blocks[size.index].popLast() else { return nil }
    bytes -= size.count * MemoryLayout<Double>.stride
    return block
  }

  mutating func keep(_ block: Block, _ size: SizeClass) {
    let added = size.count * MemoryLayout<Double>.stride
    if bytes + added > NumberMemory.keptLimit { removeAll() }
    if added > NumberMemory.keptLimit {
      UnsafeMutableRawPointer(block.base).deallocate()
      return
    }
    bytes += added
    blocks[size.index].append(block)
  }

  private mutating func removeAll() {
    for index in blocks.indices {
      for block in blocks[index] { UnsafeMutableRawPointer(block.base).deallocate() }
      blocks[index].removeAll()
    }
    bytes = 0
  }
}

/// A vector in such memory, given back when nobody refers to it any more. Written by whoever makes it
/// and never again, or else used by one task alone.
package final class NumberBuffer: @unchecked Sendable {
  package let count: Int
  package let base: UnsafeMutablePointer<Double>

  /// Uninitialised.
  package init(uninitializedCount count: Int) {
    self.count = count
    base = NumberMemory.allocate(count: count)
  }

  deinit { NumberMemory.release(base, count: count) }
}

/// A vector with value semantics in such memory: copies share it until one is written.
package struct Numbers: Sendable, Equatable {
  private var buffer: NumberBuffer

  package init(repeating value: Double, count: Int) {
    buffer = NumberBuffer(uninitializedCount: count)
    buffer.base.update(repeating: value, count: count)
  }

  package init(_ values: [Double]) {
    buffer = NumberBuffer(uninitializedCount: values.count)
    values.withUnsafeBufferPointer { values in
      if let start = values.baseAddress { buffer.base.update(from: start, count: values.count) }
    }
  }

  package var count: Int { buffer.count }

  package var array: [Double] {
    [Double](UnsafeBufferPointer(start: buffer.base, count: buffer.count))
  }

  package subscript(i: Int) -> Double {
    get { buffer.base[i] }
    set { withMutablePointer { $0[i] = newValue } }
  }

  package func withPointer<Result, Failure: Error>(
    _ body: (UnsafePointer<Double>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(buffer) {} }
    return try body(UnsafePointer(buffer.base))
  }

  package mutating func withMutablePointer<Result, Failure: Error>(
    _ body: (UnsafeMutablePointer<Double>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if !isKnownUniquelyReferenced(&buffer) {
      let copy = NumberBuffer(uninitializedCount: buffer.count)
      copy.base.update(from: buffer.base, count: buffer.count)
      buffer = copy
    }
    defer { withExtendedLifetime(buffer) {} }
    return try body(buffer.base)
  }

  package static func == (a: Numbers, b: Numbers) -> Bool {
    a.count == b.count && (0..<a.count).allSatisfy { a[$0] == b[$0] }
  }
}
