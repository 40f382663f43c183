import ImplicitDifferentiation
import PromptTasks
import Synchronization
import Testing

@testable import Batches

/// A counter that tasks share.
private final class Counter: Sendable {
  private let number = Atomic<Int>(0)

  var value: Int { number.load(ordering: .relaxed) }

  func increase() { number.add(1, ordering: .relaxed) }
}

@Suite struct BatchTests {
  @Test("100 problems with three planted failures: 97 answers and three errors, each in its place")
  func plantedFailures() async throws {
    let inputs = BatchProblem.hundredInputs
    let results = await BatchProblem.function.derivatives(at: inputs) { _, linearized in
      (linearized.solution, try linearized.pullback(BatchProblem.cotangent).value)
    }
    #expect(results.count == 100)
    var answers = 0
    for (index, result) in results.enumerated() {
      guard let (y, gradient) = try? result.get() else { continue }
      answers += 1
      let residual = BatchProblem.residual(inputs[index], y).norm().scalar
      #expect(residual < 1e-12, "item \(index)")
      let expected = BatchProblem.pullback(at: y)
      for (found, exact) in zip(gradient.scalars, expected) {
        #expect(abs(found - exact) <= 1e-13 * 6, "item \(index)")
      }
    }
    #expect(answers == 97)
    #expect(throws: BatchProblem.SolverFailure(code: 5)) { try results[17].get() }
    let unsolved = #expect(throws: DifferentiationError.self) { try results[42].get() }
    guard case .conditionsNotMet = unsolved else {
      Issue.record("item 42: \(String(describing: unsolved))")
      return
    }
    let singular = #expect(throws: DifferentiationError.self) { try results[77].get() }
    guard case .linearSolve(.singular, _) = singular else {
      Issue.record("item 77: \(String(describing: singular))")
      return
    }
  }

  @Test("The bits are those of a loop, for any number of tasks", arguments: [1, 2, 7, 64])
  func sameBits(tasksInFlight: Int) async throws {
    let inputs = (0..<40).map { BatchProblem.input($0) }
    let function = BatchProblem.function
    let serial = try inputs.map { x in
      let linearized = try function.linearize(at: x)
      return bits(linearized.solution) + bits(try linearized.jacobian().value)
    }
    let batch = Batch(tasksInFlight: tasksInFlight)
    let results = await function.derivatives(at: inputs, in: batch) { _, linearized in
      bits(linearized.solution) + bits(try linearized.jacobian().value)
    }
    #expect(try results.map { try $0.get() } == serial)
    let solutions = try await function.solutions(at: inputs, in: batch).map { try $0.get() }
    #expect(solutions.map(bits) == serial.map { Array($0.prefix(BatchProblem.unknownCount)) })
    let linearizations = try await function.linearizations(at: inputs, in: batch)
      .map { try $0.get() }
    #expect(
      try linearizations.map { bits($0.solution) + bits(try $0.jacobian().value) } == serial)
  }

  @Test("No more items are under way than allowed", arguments: [1, 3])
  func boundedNumberOfTasks(tasksInFlight: Int) async {
    let running = Mutex((now: 0, most: 0))
    let results = await Batch(tasksInFlight: tasksInFlight).results(of: Array(0..<30)) { item in
      running.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      // Others get their turn, whatever the number of processors.
      for _ in 0..<10 { await Task.yield() }
      running.withLock { $0.now -= 1 }
      return item
    }
    #expect(running.withLock(\.most) <= tasksInFlight)
    #expect(results.compactMap { try? $0.get() } == Array(0..<30))
  }

  @Test("As many items are under way as allowed: each waits for all of them")
  func concurrent() async {
    let count = 4
    let arrived = Counter()
    let results = await Batch(tasksInFlight: count).results(of: Array(0..<count)) { _ in
      arrived.increase()
      let clock = ContinuousClock()
      let end = clock.now + .seconds(20)
      while arrived.value < count && clock.now < end { await Task.yield() }
      return arrived.value
    }
    #expect(results.compactMap { try? $0.get() } == [count, count, count, count])
  }

  @Test("After cancellation items under way are finished, and the others report it")
  func cancellation() async throws {
    let reached = Counter()
    let released = Counter()
    try await withThrowingTaskGroup(of: [Result<Int, any Error>].self) { group in
      group.addTask {
        await Batch(tasksInFlight: 1).results(of: Array(0..<20)) { item in
          if item == 3 {
            reached.increase()
            while released.value == 0 { await Task.yield() }
          }
          return item
        }
      }
      while reached.value == 0 { await Task.yield() }
      group.cancelAll()
      released.increase()
      let results = try #require(try await group.next())
      #expect(results.count == 20)
      #expect(results.prefix(4).map { try? $0.get() } == [0, 1, 2, 3])
      for result in results.dropFirst(4) {
        #expect(throws: CancellationError.self) { try result.get() }
      }
    }
  }

  @Test("A task that is cancelled already starts nothing")
  func cancelledBefore() async throws {
    let started = Counter()
    await withTaskGroup(of: [Result<Int, any Error>].self) { group in
      group.cancelAll()
      group.addTask {
        await Batch(tasksInFlight: 3).results(of: Array(0..<5)) { item in
          started.increase()
          return item
        }
      }
      for await results in group {
        #expect(results.count == 5)
        for result in results {
          #expect(throws: CancellationError.self) { try result.get() }
        }
      }
    }
    #expect(started.value == 0)
  }

  @Test("No items, no results; as many tasks as processors by default")
  func smallThings() async {
    #expect(await Batch().results(of: [Int]()) { $0 }.isEmpty)
    #expect(Batch().tasksInFlight == ActiveProcessors.count)
    #expect(Batch(tasksInFlight: 5).tasksInFlight == 5)
  }

  @Test("A batch without tasks stops the program")
  func noTasks() async {
    let result = await promptly {
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Batch(tasksInFlight: 0)
      }
    }
    let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(words.contains("needs at least one task in flight, not 0"))
  }
}
