#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The functions of the C library, number by number.
package enum ElementaryLoops {
  /// `yᵢ ← exp xᵢ`.
  package static func exp(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    for i in 0..<n { y[i] = libraryExp(x[i]) }
  }

  /// `yᵢ ← log xᵢ`.
  package static func log(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    for i in 0..<n { y[i] = libraryLog(x[i]) }
  }

  /// `log Σ exp xᵢ`, of at least one number.
  package static func logSumExp(_ x: UnsafePointer<Double>, count n: Int) -> Double {
    var largest = x[0]
    for i in 1..<n where x[i] > largest { largest = x[i] }
    var sum = 0.0
    for i in 0..<n { sum += libraryExp(x[i] - largest) }
    return largest + libraryLog(sum)
  }
}

// Under names that the functions above do not hide.

@inline(__always)
private func libraryExp(_ x: Double) -> Double { exp(x) }

@inline(__always)
private func libraryLog(_ x: Double) -> Double { log(x) }
