import Kernels

/// The working vectors of one solve, in one allocation. They hold nothing until written: memory
/// that an early convergence never needs is never touched.
///
/// An operator's products take spans, the kernels pointers; the arena gives both.
struct VectorArena: ~Copyable {
  private let storage: UnsafeMutablePointer<Double>
  private let count: Int
  private let stride: Int

  /// `vectors` vectors of `length` numbers each.
  init(vectors: Int, length: Int) {
    // A multiple of eight numbers keeps every vector as aligned as the first.
    stride = (length + 7) / 8 * 8
    count = stride * vectors
    storage = NumberMemory.allocate(count: count)
  }

  deinit { NumberMemory.release(storage, count: count) }

  /// Vector `k`.
  subscript(k: Int) -> UnsafeMutablePointer<Double> { storage + k * stride }
}
