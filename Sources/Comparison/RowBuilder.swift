import ImplicitDifferentiation

/// Makes the rows of a comparison, one route after the other.
struct RowBuilder {
  typealias Method = GradientComparison.Method

  let reference: [Double]?
  private(set) var rows: [GradientComparison.Row] = []

  init(reference: [Double]?) { self.reference = reference }

  private mutating func add(
    _ method: Method, _ derivatives: [Double], estimatedError: Double? = nil, forwardSolves: Int,
    operatorProducts: Int? = nil, linearIterations: Int? = nil, recordedBytes: Int? = nil,
    step: Double? = nil
  ) {
    rows.append(
      GradientComparison.Row(
        method: method, derivatives: derivatives,
        error: reference.map { relativeDistance(derivatives, $0) },
        deviation: relativeDistance(derivatives, rows.first?.derivatives ?? derivatives),
        estimatedError: estimatedError, forwardSolves: forwardSolves,
        operatorProducts: operatorProducts, linearIterations: linearIterations,
        recordedBytes: recordedBytes, step: step))
  }

  /// The pullback of the loss gradient, and the pushforward of each direction.
  mutating func addImplicit<Input, Output>(
    _ linearized: ImplicitLinearization<Input, Output>, _ lossGradient: Output,
    _ probe: Probe<Input>
  ) throws -> DerivativeReport {
    let pulled = try linearized.pullback(lossGradient)
    add(
      .implicitPullback, try probe.derivatives(ofGradient: pulled.value, "the pullback"),
      forwardSolves: 1, operatorProducts: pulled.report.operatorProducts,
      linearIterations: pulled.report.linearIterations, recordedBytes: linearized.recordedBytes)

    let cotangent = lossGradient.flattened()
    var (products, iterations) = (0, 0)
    let pushed = try probe.directions.map { direction in
      let result = try linearized.pushforward(try probe.tangent(direction))
      products += result.report.operatorProducts
      iterations += result.report.linearIterations
      return dot(cotangent, result.value.flattened())
    }
    add(
      .implicitPushforward, pushed, forwardSolves: 1, operatorProducts: products,
      linearIterations: iterations, recordedBytes: linearized.recordedBytes)
    return pulled.report
  }

  /// The solver's steps, recorded once and swept backwards, and forwards for each direction.
  mutating func addUnrolled<Input: TensorStructure, Output: TensorStructure>(
    _ solver: (Input) throws -> Output, at x: Input, _ loss: (Output) throws -> Tensor,
    _ probe: Probe<Input>
  ) throws -> Output {
    let recording = try linearization(at: x, of: solver)
    let lossGradient = try gradient(at: recording.value) { y in try oneNumber(try loss(y)) }
    let bytes = recording.recordedBytes
    let instructions = recording.recordedInstructions
    add(
      .unrolledPullback,
      try probe.derivatives(
        ofGradient: try recording.pullback(lossGradient), "the unrolled pullback"),
      forwardSolves: 1, operatorProducts: instructions, recordedBytes: bytes)
    let cotangent = lossGradient.flattened()
    let pushed = try probe.directions.map { direction in
      dot(cotangent, try recording.pushforward(try probe.tangent(direction)).flattened())
    }
    add(
      .unrolledPushforward, pushed, forwardSolves: 1,
      operatorProducts: instructions * probe.directions.count, recordedBytes: bytes)
    return recording.value
  }

  mutating func addDifferences(_ sweeps: [DifferenceSweep]) {
    let evaluations = sweeps.reduce(0) { $0 + $1.evaluations }
    func norm(_ values: [Double]) -> Double { Tensor(values).norm().scalar }
    func add(
      _ method: Method, error: (DifferenceSweep) -> Double,
      best: (DifferenceSweep) -> (derivative: Double, step: Double)
    ) {
      let chosen = sweeps.map(best)
      let derivatives = chosen.map(\.derivative)
      let size = norm(derivatives)
      let absolute = norm(sweeps.map(error))
      self.add(
        method, derivatives, estimatedError: size == 0 ? absolute : absolute / size,
        forwardSolves: evaluations, step: chosen.map(\.step).max())
    }
    add(.centralDifferences, error: \.estimatedError) {
      ($0.entries[$0.best].central, $0.entries[$0.best].step)
    }
    add(.forwardDifferences, error: \.estimatedOneSidedError) {
      ($0.entries[$0.bestOneSided].forward, $0.entries[$0.bestOneSided].step)
    }
    add(.backwardDifferences, error: \.estimatedOneSidedError) {
      ($0.entries[$0.bestOneSided].backward, $0.entries[$0.bestOneSided].step)
    }
  }
}
