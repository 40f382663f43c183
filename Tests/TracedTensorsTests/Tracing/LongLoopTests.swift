import Foundation
import Synchronization
import TensorChecks
import Testing

@testable import TracedTensors

/// Unrolled loops of ten thousand iterations.
@Suite struct LongLoopTests {
  /// `y ← y + 0.01 (x − y²)`, which tends to √x.
  static func descend(_ x: Tensor, _ iterations: Int) -> Tensor {
    var y = Tensor.ones(x.shape)
    for _ in 0..<iterations { y += 0.01 * (x - y * y) }
    return y
  }

  @Test("Recorded, differentiated and freed on a thread with a stack of 512 kB")
  func smallStack() throws {
    let results = Mutex<[Double]>([])
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      defer { done.signal() }
      let x = Tensor([2, 3])
      let walked = gradient(at: x) { Self.descend($0, 10_000).sum() }
      guard let linear = try? linearization(at: x, of: { Self.descend($0, 10_000) }),
        let pulled = try? linear.pullback([1, 1]), let pushed = try? linear.pushforward([1, 1])
      else { return }
      let second = gradient(at: Tensor([2])) {
        gradient(at: $0) { Self.descend($0, 3_000).sum() }.sum()
      }
      results.withLock { $0 = walked.scalars + pulled.scalars + pushed.scalars + second.scalars }
    }
    thread.stackSize = 512 * 1024
    thread.start()
    done.wait()
    let numbers = results.withLock { $0 }
    let slopes = [2.0, 3].map { 0.5 / $0.squareRoot() }
    // Converged: the derivative of the loop is that of √x, up to rounding in 10⁴ steps.
    let exact = slopes + slopes + slopes + [-0.25 / (2 * 2.0.squareRoot())]
    try #require(numbers.count == exact.count)
    #expect(largestDifference(numbers, exact) <= 1e-12)
  }

  @Test("What a recording keeps: about one vector for each iteration")
  func recordedBytes() throws {
    let iterations = 1000
    for (n, limit) in [(1000, 16_000), (10, 4_000)] {
      let x = Tensor(repeating: 2, shape: [n])
      let linear = try linearization(at: x) { Self.descend($0, iterations) }
      let recorded = linear.recordedBytes / iterations
      _ = try linear.pullback(Tensor.ones([n]))
      let program = linear.operation.program
      let compiled = program.bytes / iterations
      #expect(recorded <= limit && compiled <= limit, "n = \(n): \(recorded) and \(compiled) bytes")
      #expect(recorded >= 8 * n, "one coefficient for each iteration cannot be missing")
      // A few vectors of workspace, not one for each iteration.
      for executable in [ExecutableProgram(program), ExecutableProgram(program.transposed())] {
        #expect(executable.workspaceCount <= 64 * n, "\(executable.workspaceCount / n) vectors")
      }
    }
  }
}
