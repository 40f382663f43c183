import Kernels

/// The numbers of a tensor: a block of memory that is written once, by whoever makes it, and never
/// again. That is what makes sharing it between tensors, tasks and programs safe.
///
/// All memory for tensors comes from here.
package final class Storage: @unchecked Sendable {
  let count: Int
  package let base: UnsafeMutablePointer<Double>

  /// Uninitialised: the caller writes every entry before anyone else sees the object.
  package init(uninitializedCount count: Int) {
    self.count = count
    base = NumberMemory.allocate(count: count)
  }

  convenience init(count: Int, initializingWith body: (UnsafeMutablePointer<Double>) -> Void) {
    self.init(uninitializedCount: count)
    body(base)
  }

  convenience init(repeating value: Double, count: Int) {
    self.init(uninitializedCount: count)
    base.update(repeating: value, count: count)
  }

  convenience init(_ values: some Collection<Double>) {
    self.init(uninitializedCount: values.count)
    var place = base
    for value in values {
      place.pointee = value
      place += 1
    }
  }

  package convenience init(_ values: UnsafePointer<Double>, count: Int) {
    self.init(uninitializedCount: count)
    base.update(from: values, count: count)
  }

  deinit { NumberMemory.release(base, count: count) }

  package var values: UnsafePointer<Double> { UnsafePointer(base) }
}
