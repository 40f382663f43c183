/// The triad of STREAM, `aᵢ ← bᵢ + s cᵢ`: what memory can do for plain arithmetic. Three numbers a step are
/// counted.
///
/// Source: J. D. McCalpin, "Memory Bandwidth and Machine Balance in Current High Performance
/// Computers", IEEE TCCA Newsletter (December 1995).
package final class Triad {
  private let count: Int
  private let numbers: UnsafeMutablePointer<Double>

  /// Three arrays of `count` numbers.
  package init(count: Int) {
    self.count = count
    numbers = .allocate(capacity: 3 * count)
    numbers.initialize(repeating: 1, count: 3 * count)
  }

  deinit { numbers.deallocate() }

  /// The bytes that one pass moves.
  package var bytes: Int { 3 * count * MemoryLayout<Double>.stride }

  package func run() {
    let (a, b, c) = (numbers, numbers + count, numbers + 2 * count)
    for i in 0..<count { a[i] = b[i] + 0.5 * c[i] }
  }
}
