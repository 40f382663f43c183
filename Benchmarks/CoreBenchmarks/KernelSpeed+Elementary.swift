import HandWritten
import Measurement
import Kernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension KernelBench {
  /// `exp`, `log` and `log Σ exp` of `n` numbers, against the C library's functions one by one.
  func elementary(_ n: Int, into report: inout Report) throws {
    var generator = SplitMix64(seed: 304)
    let x = KernelBuffer(generator.symmetric(count: n).map { 20 * $0 })
    let positive = KernelBuffer(generator.symmetric(count: n).map { exp(10 * $0) })
    let (library, ours) = (KernelBuffer(zeros: n), KernelBuffer(zeros: n))
    try compare(
      "exp, n = \(n)", elements: n, target: nil,
      [
        Contestant("C library", library, library) {
          ElementaryLoops.exp(x.start, into: library.start, count: n)
        },
        Contestant("Elementary.exp", ours, library) {
          Elementary.exp(x.start, into: ours.start, count: n)
        },
      ], into: &report)
    try compare(
      "log, n = \(n)", elements: n, target: nil,
      [
        Contestant("C library", library, library) {
          ElementaryLoops.log(positive.start, into: library.start, count: n)
        },
        Contestant("Elementary.log", ours, library) {
          Elementary.log(positive.start, into: ours.start, count: n)
        },
      ], into: &report)
    let (single, result, expected) = (
      KernelBuffer(zeros: 1), KernelBuffer(zeros: 1), KernelBuffer(zeros: 1)
    )
    var total = CompensatedSum()
    for i in 0..<n { total.add(exp(x.start[i] - 20)) }
    expected.start[0] = 20 + log(total.value)
    try compare(
      "log Σ exp, n = \(n)", elements: n, target: nil,
      [
        Contestant("C library", single, expected) {
          single.start[0] = ElementaryLoops.logSumExp(x.start, count: n)
        },
        Contestant("ElementwiseKernels.logSumExp", result, expected) {
          ElementwiseKernels.logSumExp(x.start, outer: 1, count: n, inner: 1, into: result.start)
        },
      ], into: &report)
  }
}
