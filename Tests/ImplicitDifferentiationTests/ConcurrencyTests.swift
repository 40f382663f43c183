import Foundation
import Synchronization
import TensorChecks
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

  @Test("One memoized function in 64 tasks at once, at four inputs, invalidated now and then")
  func memoizedFunction() async throws {
    let function = ImplicitFunction(forward: Cubic.forward, conditions: .root(Cubic.residual))
    let memoized = function.memoized()
    let inputs = (0..<4).map { Cubic.x + Tensor(Double($0) / 10) }
    @Sendable func numbers(
      _ function: ImplicitFunction<Tensor, Tensor>, _ x: Tensor
    ) throws -> [Double] {
      let value = try function(x)
      return try value.scalars + function.pullback(at: x, [1, -1]).value.scalars
        + gradient(at: x) { try function($0).squaredNorm() }.scalars
    }
    let expected = try inputs.map { try numbers(function, $0) }
    let results = try await inParallel { index in
      if index % 16 == 5 { memoized.lastSolve?.invalidate() }
      return try numbers(memoized, inputs[index % 4])
    }
    for index in 0..<64 { #expect(results[index] == expected[index % 4]) }
  }

  @Test("One linearization by iterative solvers, alone and as blocks, in 64 tasks at once")
  func iterativeSolvers() async throws {
    let n = 60
    let x = Tensor((0..<n).map { 1 + Double($0) / 100 })
    let solvers: [any LinearSolver] = [
      ConjugateGradient(), MINRES(), GMRES(), BiCGStab(), LSMR(),
      Automatic(denseThreshold: 0, materializationLimit: 0),
    ]
    let point = ImplicitFunction<Tensor, Tensor>(
      forward: { $0 },
      conditions: .root { x, y in
        2.5 * y - y.shifted(by: 1) - y.shifted(by: -1)
          - (2.5 * x - x.shifted(by: 1) - x.shifted(by: -1))
      })
    let linears = try solvers.map { solver in
      var function = point
      function.linearSolver = solver
      return try function.linearize(at: x)
    }
    let results = try await inParallel { index in
      let linear = linears[index % linears.count]
      let t = Tensor((0..<n).map { Double(($0 * 3) % 7) - 2 })
      let block = try linear.pullbacks([t, 2 * t - 1, -t])
      return try linear.pushforward(t).value.scalars + block.flatMap(\.value.scalars)
    }
    for index in 0..<64 {
      let first = results[index % linears.count]
      #expect(results[index].map(\.bitPattern) == first.map(\.bitPattern))
    }
  }

  @Test("One function with a gauge in 64 tasks at once")
  func gauge() async throws {
    // Differences of neighbours on a ring: the mean is free.
    @Sendable func ring(_ z: Tensor) -> Tensor {
      2 * z - matmul(Self.cycle, z) - matmul(Self.cycle.transposed(), z)
    }
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { $0 - $0.mean() }, conditions: .root { x, y in ring(y) - ring(x) },
      gauge: Gauge(right: Tensor.ones([5])))
    let shared = try function.linearize(at: [1, 4, 2, 8, 5])
    let results = try await inParallel { _ in
      let own = try function.linearize(at: [1, 4, 2, 8, 5])
      let u: Tensor = [1, -1, 2, 0, -2]
      return try own.pullback(u).value.scalars + shared.pullback(u).value.scalars
        + shared.pushforward(u).value.scalars
    }
    #expect(Set(results.map { $0.map(\.bitPattern) }).count == 1)
    #expect(Array(results[0][0..<5]) == Array(results[0][5..<10]))
  }

  /// The permutation that takes each entry to the next place of a ring of five.
  private static let cycle = Tensor([
    [0, 0, 0, 0, 1], [1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0],
  ])

  @Test("Second derivatives, and an implicit function inside another, in 64 tasks at once")
  func nestedDerivatives() async throws {
    let inner = ImplicitFunction(forward: Cubic.forward, conditions: .root(Cubic.residual))
      .memoized()
    // y² = s(x)₀² + 1, with s the inner solution.
    let outer = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        let s = try inner(x).at(0)
        return sqrt(s * s + 1)
      },
      conditions: .root { x, y in
        let s = try inner(x).at(0)
        return y * y - s * s - 1
      })
    let results = try await inParallel { index in
      let x = Cubic.x + Tensor(Double(index % 2) / 8)
      return try (0..<3).flatMap { k in
        try gradient(at: x) { x in try gradient(at: x) { try outer($0) }.at(k) }.scalars
      }
    }
    for index in 0..<64 {
      #expect(results[index].map(\.bitPattern) == results[index % 2].map(\.bitPattern))
    }
    #expect(results[0] != results[1])
    // The Hessian is symmetric.
    for (i, j) in [(0, 1), (0, 2), (1, 2)] {
      #expect(abs(results[0][3 * i + j] - results[0][3 * j + i]) <= 1e-13)
    }
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
