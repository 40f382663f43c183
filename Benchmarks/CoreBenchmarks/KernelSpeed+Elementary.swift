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
          for i in 0..<n { library.start[i] = exp(x.start[i]) }
        },
        Contestant("Elementary.exp", ours, library) {
          Elementary.exp(x.start, into: ours.start, count: n)
        },
      ], into: &report)
    try compare(
      "log, n = \(n)", elements: n, target: nil,
      [
        Contestant("C library", library, library) {
          for i in 0..<n { library.start[i] = log(positive.start[i]) }
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
          var largest = x.start[0]
          for i in 1..<n where x.start[i] > largest { largest = x.start[i] }
          var sum = 0.0
          for i in 0..<n { sum += exp(x.start[i] - largest) }
          single.start[0] = largest + log(sum)
        },
        Contestant("ElementwiseKernels.logSumExp", result, expected) {
          ElementwiseKernels.logSumExp(x.start, outer: 1, count: n, inner: 1, into: result.start)
        },
      ], into: &report)
  }
}
