import Foundation
import Synchronization
import Testing

@testable import ImplicitDifferentiation

@Suite struct ConcurrencyTests {
  /// Runs `body` in 64 tasks at once and gives the results in order.
  private func inParallel(_ body: @escaping @Sendable (Int) throws -> [Double]) async throws
    -> [[Double]]
  {
    try await withThrowingTaskGroup(of: (Int, [Double]).self) { group in
      for index in 0..<64 { group.addTask { (index, try body(index)) } }
      var results = [[Double]](repeating: [], count: 64)
      for try await (index, numbers) in group { results[index] = numbers }
      return results
    }
  }

  @Test("One function in 64 tasks at once: each records its own, all with equal bits")
  func oneFunction() async throws {
    let function = ImplicitFunction(forward: Cubic.forward, conditions: .root(Cubic.residual))
    let results = try await inParallel { _ in
      let linear = try function.linearize(at: Cubic.x)
      let slope = try gradient(at: Cubic.x) { try function($0).squaredNorm() }
      return linear.solution.scalars + (try linear.jacobian().value.scalars) + slope.scalars
    }
    let bits = Set(results.map { $0.map(\.bitPattern) })
    #expect(bits.count == 1 && results[0].count == 2 + 6 + 3)
  }

  @Test("One linearization in 64 tasks at once: its programs and factors are shared")
  func oneLinearization() async throws {
    let n = 300
    let x = Tensor((0..<n).map { 1 + Double($0) / 100 })
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        var y = x
        for _ in 0..<60 { y = (x + 0.2 * (y.shifted(by: 1) - y.shifted(by: -1))) / 2 }
        return y
      },
      conditions: .root { x, y in 2 * y - 0.2 * (y.shifted(by: 1) - y.shifted(by: -1)) - x })
    let linear = try function.linearize(at: x)
    let results = try await inParallel { index in
      let t = Tensor((0..<n).map { Double(($0 * (index % 4 + 1)) % 7) })
      return try linear.pushforward(t).value.scalars + linear.pullback(t).value.scalars
    }
    for index in 0..<64 {
      #expect(results[index].map(\.bitPattern) == results[index % 4].map(\.bitPattern))
    }
    #expect(Set(results.map { $0.map(\.bitPattern) }).count == 4)
  }

  @Test("One compiled program with maps and workspace in 64 tasks at once")
  func oneProgram() async throws {
    let program = RandomProgram(seed: 7)
    let (x, v, u) = (program.inputs, program.tangent, program.cotangent)
    let linear = try linearization(at: x) { program.run($0) }
    let results = try await inParallel { _ in
      try linear.pushforward(v).flattened() + linear.pullback(u).flattened()
    }
    #expect(Set(results.map { $0.map(\.bitPattern) }).count == 1)
  }

  @Test("A value costs no derivative while another thread differentiates")
  func valuesBesideATrace() throws {
    let recorded = Mutex(0)
    let root = ImplicitFunction<Tensor, Tensor>(
      forward: { sqrt($0) },
      conditions: .root { x, y in
        recorded.withLock { $0 += 1 }
        return y * y - x
      })
    _ = try gradient(at: Tensor(2)) { x in
      let done = DispatchSemaphore(value: 0)
      let found = Mutex<Result<Tensor, any Error>?>(nil)
      Thread.detachNewThread {
        found.withLock { $0 = Result { try root(Tensor(4)) } }
        done.signal()
      }
      done.wait()
      #expect(try found.withLock { try $0?.get().scalar } == 2)
      #expect(recorded.withLock { $0 } == 0)
      // On this thread the conditions are recorded, to see whether they capture what is traced.
      _ = try root(Tensor(4))
      #expect(recorded.withLock { $0 } == 1)
      return x
    }
  }

  @Test("A value is no derivative: inside one it may lie where there is none")
  func valuesWithoutDerivative() throws {
    let root = ImplicitFunction<Tensor, Tensor>(
      forward: { sqrt($0) }, conditions: .root { x, y in y * y - x })
    #expect(throws: DifferentiationError.self) { try root.linearize(at: 0) }
    let slope = try gradient(at: Tensor(2)) { x in try x * root(Tensor(0)) + x }
    #expect(slope.scalar == 1)
  }
}
