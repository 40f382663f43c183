import ImplicitDifferentiation
import Kernels

/// Runs independent problems side by side, each in a task of its own, and gives a result for each.
///
/// ```swift
/// let results = await Batch().results(of: portfolios) { portfolio in
///   try allocation.pullback(at: portfolio, cotangent).value
/// }
/// ```
///
/// - One failure costs one item: its error is its result, all others have their answers. Results
///   stand in the order of the items.
/// - Answers have the bits of a loop over the items, whatever the number of tasks: no item sees
///   another one.
/// - When the surrounding task is cancelled no further item is started, and those left have the
///   result `CancellationError`. Items under way run to their end, unless their code asks
///   `Task.checkCancellation()` itself.
///
/// At most `tasksInFlight` items are under way at a time, started in order, the next one when one
/// ends. This also bounds the memory of factorisations and recordings. A task costs
/// microseconds: items much shorter than that are better grouped first.
public struct Batch: Sendable {
  /// The largest number of items under way at a time.
  public let tasksInFlight: Int

  /// - Parameter tasksInFlight: by default the number of active processors; more
  ///   pay only where items wait (for a file, a network). Less than one stops the program.
  public init(tasksInFlight: Int? = nil) {
    let count = tasksInFlight ?? ActiveProcessors.count
    if count < 1 { stop("A batch needs at least one task in flight, not \(count).") }
    self.tasksInFlight = count
  }

  /// What `body` gives for each item, or the error that it throws, in the order of the items.
  public func results<Item: Sendable, Answer: Sendable>(
    of items: [Item], _ body: @escaping @Sendable (Item) async throws -> Answer
  ) async -> [Result<Answer, any Error>] {
    // What is never started keeps this result.
    var results = [Result<Answer, any Error>](
      repeating: .failure(CancellationError()), count: items.count)
    await withTaskGroup(of: (index: Int, result: Result<Answer, any Error>).self) { group in
      var started = 0
      func startNext(_ group: inout TaskGroup<(index: Int, result: Result<Answer, any Error>)>) {
        guard started < items.count else { return }
        let (index, item) = (started, items[started])
        let isStarted = group.addTaskUnlessCancelled {
          do {
            // Cancelled between being added and being run: not started either.
            try Task.checkCancellation()
            return (index, .success(try await body(item)))
          } catch {
            return (index, .failure(error))
          }
        }
        if isStarted { started += 1 }
      }
      for _ in 0..<tasksInFlight { startNext(&group) }
      while let (index, result) = await group.next() {
        results[index] = result
        startNext(&group)
      }
    }
    return results
  }
}
