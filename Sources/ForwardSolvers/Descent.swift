import TracedTensors

/// The state that all minimisers share: the current point with its value and gradient, the count
/// of evaluations, and the tests that every new point has to pass.
struct Descent<Point: TensorStructure> {
  /// A point on the way from the current one, evaluated.
  struct Trial {
    let point: Tensor
    let value: Tensor
    let gradient: Tensor
    let stepLength: Double

    var plainValue: Double { value.withoutDerivative.scalar }
    var isFinite: Bool { value.isFinite && gradient.isFinite }
  }

  let packing: Packing<Point>
  let stopping: Stopping
  let target: Double
  private let initialNorm: Double
  private(set) var current: Trial
  private(set) var gradientNorm: Double
  private(set) var iteration = 0
  private(set) var evaluations = 1

  init(_ objective: (Point) throws -> Tensor, from start: Point, _ stopping: Stopping) throws {
    try stopping.validate()
    packing = Packing(start)
    self.stopping = stopping
    let packed = packing.pack(start)
    guard packed.isFinite else {
      throw ForwardSolverError.notFinite(iteration: 0, quantity: "the start")
    }
    current = try Descent.evaluate(objective, packing, at: packed, stepLength: 0)
    gradientNorm = plainNorm(current.gradient)
    initialNorm = gradientNorm
    target = stopping.target(initialNorm: gradientNorm)
    try requireFinite(current)
  }

  private static func evaluate(
    _ objective: (Point) throws -> Tensor, _ packing: Packing<Point>, at x: Tensor,
    stepLength: Double
  ) throws -> Trial {
    let (value, gradient) = try valueAndGradient(at: x) { x in
      let value = try objective(packing.unpack(x))
      if value.count != 1 {
        throw ForwardSolverError.sizeMismatch(
          what: "the value of the objective", expected: 1, found: value.count)
      }
      return value
    }
    return Trial(
      point: x, value: value.reshaped([]), gradient: gradient, stepLength: stepLength)
  }

  /// The objective at `point + stepLength · direction`; need not be finite.
  mutating func trial(
    _ objective: (Point) throws -> Tensor, along direction: Tensor, stepLength: Double
  ) throws -> Trial {
    evaluations += 1
    return try Descent.evaluate(
      objective, packing, at: current.point + direction.scaled(by: stepLength),
      stepLength: stepLength)
  }

  /// Makes a trial the current point.
  mutating func move(to trial: Trial) throws(ForwardSolverError) {
    iteration += 1
    current = trial
    gradientNorm = plainNorm(trial.gradient)
    try requireFinite(trial)
    // No iteration that converges goes so far up first.
    let scale = Swift.max(initialNorm, target)
    if scale > 0, gradientNorm > 1e30 * scale {
      throw .diverged(iteration: iteration, gradientNorm: gradientNorm)
    }
  }

  /// Counts an iteration that leaves the point where it is.
  mutating func stay() { iteration += 1 }

  func isOver() throws(ForwardSolverError) -> Bool {
    try stopping.isOver(iteration: iteration, norm: gradientNorm, target: target)
  }

  var iterate: Iterate<Point> {
    Iterate(
      iteration: iteration, point: packing.unpack(current.point).withoutDerivative,
      value: current.plainValue, gradientNorm: gradientNorm, stepLength: current.stepLength)
  }

  var minimum: Minimum<Point> {
    Minimum(
      point: packing.unpack(current.point), value: current.value, gradientNorm: gradientNorm,
      iterations: iteration, evaluations: evaluations)
  }

  private func requireFinite(_ trial: Trial) throws(ForwardSolverError) {
    if !trial.point.isFinite { throw .notFinite(iteration: iteration, quantity: "the point") }
    if !trial.value.isFinite { throw .notFinite(iteration: iteration, quantity: "the objective") }
    if !trial.gradient.isFinite {
      throw .notFinite(iteration: iteration, quantity: "the gradient")
    }
  }
}
