import Synchronization
import TensorChecks
import Testing

@testable import ImplicitDifferentiation

@Suite struct LastSolveTests {
  /// `√x · scale`, with a constant, counting the runs of its solver.
  struct Scaled: TensorStructure {
    var x: Tensor
    var scale: Tensor
    static var fields: [TensorField<Scaled>] { [.init("x", \.x), .constant("scale", \.scale)] }
  }

  static func counted(_ runs: Counter) -> ImplicitFunction<Tensor, Tensor> {
    ImplicitFunction(
      forward: { x in
        runs.increment()
        return sqrt(x)
      },
      conditions: .root { x, y in y * y - x })
  }

  @Test("Value, derivatives and nested derivatives at one input run the solver once")
  func once() throws {
    let runs = Counter()
    let root = Self.counted(runs).memoized()
    let x = Tensor([4, 9])
    #expect(try root(x) == [2, 3])
    #expect(try root.pullback(at: x, [1, 1]).value == [1.0 / 4, 1.0 / 6])
    #expect(try root.jacobian(at: x).value == [[1.0 / 4, 0], [0, 1.0 / 6]])
    let second = try gradient(at: x) { x in try gradient(at: x) { try root($0).sum() }.sum() }
    #expect(largestDifference(second.scalars, [-1.0 / 32, -1.0 / 108]) <= 1e-16)
    #expect(runs.value == 1)
    // The same numbers in another tensor.
    #expect(try root(Tensor([4, 9])) == [2, 3])
    #expect(runs.value == 1)
    // A copy shares it, the function it was made from has none.
    let copy = root
    _ = try copy(x)
    #expect(runs.value == 1)
    let plain = Self.counted(runs)
    _ = try plain(x)
    _ = try plain(x)
    #expect(runs.value == 3 && plain.lastSolve == nil)
  }

  @Test("Every bit counts, and every shape")
  func key() throws {
    let runs = Counter()
    let root = Self.counted(runs).memoized()
    let inputs = [
      Tensor([4, 9]), Tensor([4, 9.000000000000002]), Tensor([0, 9]), Tensor([-0.0, 9]),
      Tensor([[4, 9]]), Tensor([[4], [9]]), Tensor([4, 9, 1]), Tensor([4]),
    ]
    for (index, x) in inputs.enumerated() {
      _ = try root(x)
      #expect(runs.value == index + 1)
    }
    // Only the last one is kept.
    _ = try root(inputs[0])
    #expect(runs.value == inputs.count + 1)
  }

  @Test("Constants belong to the input, and so does which tensors there are")
  func structures() throws {
    let runs = Counter()
    let scaled = ImplicitFunction<Scaled, Tensor>(
      forward: { input in
        runs.increment()
        return sqrt(input.x) * input.scale
      },
      conditions: .root { input, y in y * y - input.x * input.scale * input.scale }
    ).memoized()
    #expect(try scaled(Scaled(x: [4], scale: [1])) == [2])
    #expect(try scaled(Scaled(x: [4], scale: [3])) == [6])
    #expect(try scaled(Scaled(x: [4], scale: [3])) == [6])
    #expect(runs.value == 2)

    let total = ImplicitFunction<[Tensor], Tensor>(
      forward: { xs in
        runs.increment()
        return xs.reduce(Tensor([0])) { $0 + $1 }
      },
      conditions: .root { xs, y in y - xs.reduce(Tensor([0])) { $0 + $1 } }
    ).memoized()
    #expect(try total([[1], [2]]) == [3])
    #expect(try total([[1]]) == [1])
    #expect(try total([[1], [2]]) == [3])
    #expect(runs.value == 5)
  }

  @Test("Invalidating forgets, also what a running solver is about to return")
  func invalidate() throws {
    let runs = Counter()
    let target = Mutex(2.0)
    let box = Mutex<LastSolve<Tensor, Tensor>?>(nil)
    let invalidateInside = Mutex(false)
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        runs.increment()
        let factor = target.withLock { $0 }
        // Somebody changes what the solver depends on while it runs, and says so.
        if invalidateInside.withLock({ $0 }) {
          target.withLock { $0 = 5 }
          box.withLock { $0 }?.invalidate()
        }
        return x.scaled(by: factor)
      },
      conditions: .root { x, y in y - x.scaled(by: target.withLock { $0 }) }
    ).memoized()
    box.withLock { $0 = function.lastSolve }
    #expect(try function([1]) == [2])
    // What the documentation warns of: the solver depends on more than its input.
    target.withLock { $0 = 3 }
    #expect(try function([1]) == [2] && runs.value == 1)
    function.lastSolve?.invalidate()
    #expect(try function([1]) == [3] && runs.value == 2)

    invalidateInside.withLock { $0 = true }
    #expect(try function([2]) == [6] && runs.value == 3)
    invalidateInside.withLock { $0 = false }
    #expect(try function([2]) == [10] && runs.value == 4)
  }

  @Test("By-products are kept with the solution; errors leave what was there")
  func byProducts() throws {
    let runs = Counter()
    let root = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        runs.increment()
        if x.scalars[0] < 0 { throw LinearSolveError.productFailed("no root") }
        return (sqrt(x), 2.0)
      },
      conditions: { (power: Double) in .root { x, y in (power == 2 ? y * y : y) - x } }
    ).memoized()
    #expect(try root([4]) == [2])
    #expect(throws: LinearSolveError.self) { try root([-1]) }
    #expect(try root.pullback(at: [4], [1]).value == [0.25])
    #expect(runs.value == 2)
  }

  @Test("64 tasks at once: one run where the input is known, right answers where it changes")
  func tasks() async throws {
    let runs = Counter()
    let root = Self.counted(runs).memoized()
    let known = Tensor([1, 4, 9])
    _ = try root(known)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<64 {
        group.addTask { try root.pullback(at: known, [1, 1, 1]).value == [0.5, 0.25, 1.0 / 6] }
      }
      for try await isRight in group { #expect(isRight) }
    }
    #expect(runs.value == 1)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<64 {
        group.addTask {
          let base = Double(index % 3 + 1)
          let x = Tensor([base * base, 4 * base * base])
          return try root(x).scalars == [base, 2 * base]
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
    #expect((2...65).contains(runs.value))
  }
}
