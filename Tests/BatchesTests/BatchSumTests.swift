import ImplicitDifferentiation
import Testing

@testable import Batches

@Suite struct BatchSumTests {
  private struct Planted: Error, Equatable { let item: Int }

  @Test("Terms are added in the order of the items, whatever ends first", arguments: [1, 2, 8])
  func orderOfTheSum(tasksInFlight: Int) async throws {
    // In another order the last bits, and most of the sum, would be others.
    let terms = (0..<60).map { [1e16, 1, -1e16, 0.1, 3.7e-3][$0 % 5] * Double(1 + $0 % 7) }
    let serial = terms.dropFirst().reduce(terms[0]) { $0 + $1 }
    #expect(terms.dropLast().reversed().reduce(terms[59]) { $0 + $1 } != serial)
    let sum = try await Batch(tasksInFlight: tasksInFlight).sum(over: Array(terms.enumerated())) {
      index, term in
      // Early items tend to end late.
      for _ in 0..<((index * 37) % 23) { await Task.yield() }
      return Tensor(term)
    }
    #expect(sum.value.scalar == serial)
    #expect(sum.itemCount == 60 && sum.failures.isEmpty)
  }

  /// `θ`, and a constant that must not be summed.
  private struct Parameter: TensorStructure {
    var theta: Tensor
    var scale: Tensor
    static var fields: [TensorField<Parameter>] {
      [.init("theta", \.theta), .constant("scale", \.scale)]
    }
  }

  private struct Item: Sendable {
    let a: Tensor
    let w: Tensor

    var function: ImplicitFunction<Parameter, Tensor> {
      let a = a
      return ImplicitFunction<Parameter, Tensor>(
        forward: { x in sqrt(x.scale * x.theta * a) },
        conditions: .root { x, y in y * y - x.scale * x.theta * a })
    }
  }

  @Test("A shared parameter gets the sum of the gradients, not the mean; so does the loss")
  func sharedParameter() async throws {
    // y² = s θ a, componentwise, and L = Σ y w: dL/dθ = ½ √(s a / θ) w.
    let items = (0..<25).map { i -> Item in
      let (four, five) = (Double(i % 4), Double(i % 5))
      return Item(a: Tensor([1 + four, 2 + Double(i)]), w: Tensor([Double(i % 3), 1 + five]))
    }
    let point = Parameter(theta: [0.5, 3], scale: 2)
    let result = try await Batch(tasksInFlight: 3).gradient(
      at: point, over: items, function: { $0.function }, loss: { item, y in (y * item.w).sum() })
    var (loss, gradient) = (0.0, [0.0, 0.0])
    for item in items {
      for k in 0..<2 {
        let (theta, a, w) = (point.theta[k], item.a[k], item.w[k])
        loss += w * (2 * theta * a).squareRoot()
        gradient[k] += 0.5 * w * (2 * a / theta).squareRoot()
      }
    }
    #expect(abs(result.loss / loss - 1) < 1e-14)
    for k in 0..<2 { #expect(abs(result.gradient.theta[k] / gradient[k] - 1) < 1e-13) }
    #expect(result.gradient.scale.count == 0)
    #expect(result.failures.isEmpty)
    #expect(result.reports.count == 25)
    #expect(result.reports.allSatisfy { ($0?.newtonCorrection ?? 1) < 1e-12 })
  }

  private func term(_ item: Int) throws -> Tensor {
    if [2, 5].contains(item) { throw Planted(item: item) }
    return Tensor([Double(item), item == 7 ? .nan : 1])
  }

  @Test("A sum with failed items is refused, and names them")
  func refused() async throws {
    let error = await #expect(throws: BatchError.self) {
      try await Batch().sum(over: Array(0..<9)) { try term($0) }
    }
    guard case .itemsFailed(let failures, let count) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(failures.map(\.index) == [2, 5, 7] && count == 9)
    #expect(failures[1].error as? Planted == Planted(item: 5))
    guard case .notFinite(_, 1, _) = failures[2].error as? DifferentiationError else {
      Issue.record("\(failures[2].error)")
      return
    }
    #expect(error?.description.hasPrefix("3 of 9 items failed (2, 5, 7)") == true)
  }

  @Test("On request the sum is over the others, and says which failed")
  func partial() async throws {
    let sum = try await Batch().sum(over: Array(0..<9), failed: .leaveOut) { try term($0) }
    #expect(sum.value.scalars == [0 + 1 + 3 + 4 + 6 + 8, 6])
    #expect(sum.itemCount == 6)
    #expect(sum.failures.map(\.index) == [2, 5, 7])
  }

  @Test("A failed item of a gradient has no report, and its loss does not count")
  func partialGradient() async throws {
    let inputs = [0, 1, 2, 3].map { $0 == 2 ? BatchProblem.throwing : Double($0) + 1 }
    func gradient(_ failed: FailedItems) async throws -> BatchGradient<Tensor> {
      try await Batch().gradient(
        at: BatchProblem.input(4), over: inputs, failed: failed,
        function: { item in
          if item == BatchProblem.throwing { throw BatchProblem.SolverFailure(code: 5) }
          return BatchProblem.function
        }, loss: { item, y in item == 4 ? y : Tensor(item) * y.sum() })
    }
    let result = try await gradient(.leaveOut)
    // The last loss is no number: that is an error of its item.
    #expect(result.failures.map(\.index) == [2, 3])
    #expect(
      result.failures[1].error as? DifferentiationError
        == .notScalar(shape: [BatchProblem.unknownCount]))
    #expect(result.reports.map { $0 != nil } == [true, true, false, false])
    let y = try BatchProblem.function(BatchProblem.input(4))
    #expect(abs(result.loss / (3 * y.sum().scalar) - 1) < 1e-14)
    await #expect(throws: BatchError.self) { try await gradient(.refuse) }
  }

  @Test("Sums that have no value are errors")
  func errors() async throws {
    func thrown(_ items: [[Double]]) async -> BatchError? {
      await #expect(throws: BatchError.self) {
        try await Batch().sum(over: items, failed: .leaveOut) { Tensor($0) }
      }
    }
    guard case .noItems = await thrown([]),
      case .sizeMismatch(index: 1, expected: 2, found: 3) = await thrown([[1, 2], [1, 2, 3]]),
      case .overflow(entry: 1) = await thrown([[1, 1e308], [1, 1e308]]),
      case .itemsFailed(_, count: 2) = await thrown([[.nan], [.infinity]])
    else {
      Issue.record("another error")
      return
    }
  }

  @Test("A cancelled sum is cancelled, even where failed items may be left out")
  func cancelled() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.cancelAll()
      group.addTask {
        await #expect(throws: CancellationError.self) {
          try await Batch().sum(over: [1, 2], failed: .leaveOut) { Tensor(Double($0)) }
        }
      }
    }
  }
}
