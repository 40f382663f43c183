import ImplicitDifferentiation

extension ImplicitFunction {
  /// The solutions at many inputs, side by side: one result for each, in order.
  public func solutions(
    at inputs: [Input], in batch: Batch = Batch()
  ) async -> [Result<Output, any Error>] {
    await batch.results(of: inputs) { try self($0) }
  }

  /// The solutions and their derivatives at many inputs, side by side: one result for each, in order.
  ///
  /// All of them, with their factors, are kept. Where one derivative of each is all that is needed,
  /// `derivatives(at:in:_:)` keeps only those under way.
  public func linearizations(
    at inputs: [Input], in batch: Batch = Batch()
  ) async -> [Result<ImplicitLinearization<Input, Output>, any Error>] {
    await batch.results(of: inputs) { try self.linearize(at: $0) }
  }

  /// What `body` makes of the solution and its derivatives at each of many inputs, side by side: one
  /// result for each, in order.
  ///
  /// ```swift
  /// let gradients = await allocation.derivatives(at: portfolios) { index, linearized in
  ///   try linearized.pullback(cotangents[index])
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - inputs: where.
  ///   - batch: how many at a time.
  ///   - body: gets the index of the input, and the function solved and recorded there.
  public func derivatives<Answer: Sendable>(
    at inputs: [Input], in batch: Batch = Batch(),
    _ body: @escaping @Sendable (Int, ImplicitLinearization<Input, Output>) async throws -> Answer
  ) async -> [Result<Answer, any Error>] {
    await batch.results(of: Array(inputs.enumerated())) { index, input in
      try await body(index, try self.linearize(at: input))
    }
  }
}

/// The loss of a batch and its gradient in the parameter that all items share.
public struct BatchGradient<Parameter: TensorStructure>: Sendable {
  /// `Σᵢ Lᵢ`, over the items that did not fail.
  public let loss: Double

  /// `Σᵢ dLᵢ/dθ`, over the same items, in their order. Constants get an empty tensor.
  public let gradient: Parameter

  /// The evidence for each item, in order; `nil` where it failed.
  public let reports: [DerivativeReport?]

  /// The items that failed, in order; empty unless they were to be left out.
  public let failures: [BatchFailure]
}

extension Batch {
  /// The gradient of `Σᵢ Lᵢ(yᵢ(θ))` in a parameter `θ` that all items share, each solved and
  /// pulled back in a task of its own.
  ///
  /// ```swift
  /// let step = try await Batch().gradient(
  ///   at: theta, over: samples,
  ///   function: { sample in equilibrium(of: sample) },
  ///   loss: { sample, y in (y - sample.observed).squaredNorm() })
  /// ```
  ///
  /// Each loss sees `θ` through its solution only. Sums, errors and cancellation are as in `sum`.
  ///
  /// - Parameters:
  ///   - parameter: `θ`.
  ///   - items: the data of the problems.
  ///   - failed: what to do about items that failed.
  ///   - function: the implicit function of an item, `θ ↦ yᵢ(θ)`.
  ///   - loss: `Lᵢ`, one number, in tensor operations.
  public func gradient<Item: Sendable, Parameter: TensorStructure, Output: TensorStructure>(
    at parameter: Parameter, over items: [Item], failed: FailedItems = .refuse,
    function: @escaping @Sendable (Item) throws -> ImplicitFunction<Parameter, Output>,
    loss: @escaping @Sendable (Item, Output) throws -> Tensor
  ) async throws -> BatchGradient<Parameter> {
    if items.isEmpty { throw BatchError.noItems }
    let results = await results(of: items) { item in
      let linearized = try function(item).linearize(at: parameter)
      let value = try valueAndGradient(at: linearized.solution) { y in
        let value = try loss(item, y)
        // One item's mistake must not stop the program, as it would below.
        if value.count != 1 { throw DifferentiationError.notScalar(shape: value.shape) }
        return value
      }
      let pulled = try linearized.pullback(value.gradient)
      return Term(
        contribution: Contribution(loss: value.value, gradient: pulled.value),
        report: try pulled.certifiedReport())
    }
    try Task.checkCancellation()
    let total = try Batch.sum(results.map { $0.map(\.contribution) }, failed: failed)
    let failedIndices = Set(total.failures.map(\.index))
    return BatchGradient(
      loss: total.value.loss.scalar, gradient: total.value.gradient,
      reports: results.enumerated().map { index, result in
        failedIndices.contains(index) ? nil : try? result.get().report
      },
      failures: total.failures)
  }
}

/// A loss beside its gradient, so that one sum adds up both.
private struct Contribution<Parameter: TensorStructure>: TensorStructure {
  var loss: Tensor
  var gradient: Parameter

  static var fields: [TensorField<Contribution>] {
    [.init("loss", \.loss), .init("gradient", \.gradient)]
  }
}

private struct Term<Parameter: TensorStructure>: Sendable {
  let contribution: Contribution<Parameter>
  let report: DerivativeReport
}
