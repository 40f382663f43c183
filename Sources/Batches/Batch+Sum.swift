import ImplicitDifferentiation

/// A sum over the items of a batch.
public struct BatchSum<Value: TensorStructure>: Sendable {
  /// The sum over the items that did not fail, in their order.
  public let value: Value

  /// How many items the sum is over.
  public let itemCount: Int

  /// The items that failed, in order; empty unless they were to be left out.
  public let failures: [BatchFailure]
}

extension Batch {
  /// The sum of what `body` gives for each item, such as the gradient in a parameter that all items
  /// share.
  ///
  /// By the chain rule a shared parameter gets the *sum* of the items' gradients, not their mean:
  /// ```
  /// L(θ) = Σᵢ Lᵢ(θ)   ⟹   ∇L = Σᵢ ∇Lᵢ
  /// ```
  /// The terms are added in the order of the items, `((g₀ + g₁) + g₂) + …`, once all are there: the
  /// sum has the same bits whatever ends first. Constants of the structure are those of the first
  /// term. Memory: the terms of all items.
  ///
  /// - Parameters:
  ///   - items: what the terms are computed from.
  ///   - failed: what to do about items that failed, or gave NaN or infinity.
  ///   - body: the term of an item.
  /// - Throws: `BatchError`; `CancellationError` when the surrounding task was cancelled, whatever
  ///   `failed` says: nobody asked to leave out what was not started.
  public func sum<Item: Sendable, Value: TensorStructure>(
    over items: [Item], failed: FailedItems = .refuse,
    _ body: @escaping @Sendable (Item) async throws -> Value
  ) async throws -> BatchSum<Value> {
    if items.isEmpty { throw BatchError.noItems }
    let results = await results(of: items, body)
    try Task.checkCancellation()
    return try Batch.sum(results, failed: failed)
  }

  static func sum<Value: TensorStructure>(
    _ results: [Result<Value, any Error>], failed: FailedItems
  ) throws -> BatchSum<Value> {
    var failures: [BatchFailure] = []
    var first: Value?
    var total: [Double] = []
    for (index, result) in results.enumerated() {
      let term: [Double]
      switch result {
      case .failure(let error):
        failures.append(BatchFailure(index: index, error: error))
        continue
      case .success(let value):
        term = value.flattened()
        if let place = term.firstIndex(where: { !$0.isFinite }) {
          failures.append(
            BatchFailure(
              index: index,
              error: DifferentiationError.notFinite(
                what: "the term of the sum", index: place, value: term[place])))
          continue
        }
        if first == nil {
          first = value
          total = term
          continue
        }
      }
      if term.count != total.count {
        throw BatchError.sizeMismatch(index: index, expected: total.count, found: term.count)
      }
      for k in total.indices { total[k] += term[k] }
    }
    guard let first, failures.isEmpty || failed == .leaveOut else {
      throw BatchError.itemsFailed(failures, count: results.count)
    }
    if let entry = total.firstIndex(where: { !$0.isFinite }) {
      throw BatchError.overflow(entry: entry)
    }
    return BatchSum(
      value: try first.rebuilt(from: total), itemCount: results.count - failures.count,
      failures: failures)
  }
}
