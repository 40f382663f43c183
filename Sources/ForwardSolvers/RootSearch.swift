import TracedTensors

/// The state that all root finders share: the current point with its residual, the counts, and the
/// tests that every new point has to pass.
struct RootSearch<Point: TensorStructure> {
  private let packing: Packing<Point>
  let stopping: Stopping
  let target: Double
  private let initialNorm: Double
  private(set) var point: Tensor
  private(set) var residual: Tensor
  private(set) var norm: Double
  private(set) var iteration = 0
  private(set) var evaluations = 1
  private var stepLength = 0.0

  /// The shortest fraction of a step that is tried; `2⁻⁴⁰` of it is rounding in most points.
  static var shortestStep: Double { 0x1p-40 }

  /// - Parameter F: the residual as a function of the packed point.
  init(
    from start: Point, _ packing: Packing<Point>, _ stopping: Stopping,
    _ F: (Tensor) throws -> Tensor
  ) throws {
    try stopping.validate()
    self.packing = packing
    self.stopping = stopping
    point = packing.pack(start)
    guard point.isFinite else {
      throw ForwardSolverError.notFinite(iteration: 0, quantity: "the start")
    }
    residual = try F(point)
    guard residual.count == point.count else {
      throw ForwardSolverError.sizeMismatch(
        what: "the residual (one equation for each unknown)", expected: point.count,
        found: residual.count)
    }
    guard residual.isFinite else {
      throw ForwardSolverError.notFinite(iteration: 0, quantity: "the residual")
    }
    norm = plainNorm(residual)
    initialNorm = norm
    target = stopping.target(initialNorm: norm)
  }

  func isOver() throws(ForwardSolverError) -> Bool {
    try stopping.isOver(iteration: iteration, norm: norm, target: target)
  }

  /// A point with its residual, not yet accepted.
  struct Trial {
    let point: Tensor
    let residual: Tensor
    let stepLength: Double
    let norm: Double

    var isFinite: Bool { norm.isFinite && point.isFinite }
  }

  mutating func trial(
    at point: Tensor, stepLength: Double, _ F: (Tensor) throws -> Tensor
  ) throws -> Trial {
    evaluations += 1
    let residual = try F(point)
    return Trial(
      point: point, residual: residual, stepLength: stepLength, norm: plainNorm(residual))
  }

  /// The first of the steps 1, ½, ¼, … along `direction` that decreases the norm sufficiently;
  /// `nil` if none does, down to `shortest`.
  mutating func search(
    along direction: Tensor, shortest: Double = RootSearch.shortestStep,
    _ F: (Tensor) throws -> Tensor
  ) throws -> Trial? {
    var step = 1.0
    while step >= shortest {
      let trial = try trial(at: point + direction.scaled(by: step), stepLength: step, F)
      if trial.norm <= (1 - 1e-4 * step) * norm { return trial }
      step *= 0.5
    }
    return nil
  }

  /// Makes a trial the current point.
  mutating func move(to trial: Trial) throws(ForwardSolverError) {
    iteration += 1
    (point, residual, norm) = (trial.point, trial.residual, trial.norm)
    stepLength = trial.stepLength
    if !point.isFinite { throw .notFinite(iteration: iteration, quantity: "the point") }
    if !norm.isFinite { throw .notFinite(iteration: iteration, quantity: "the residual") }
    // No iteration that converges goes so far up first.
    let scale = Swift.max(initialNorm, target)
    if scale > 0, norm > 1e30 * scale {
      throw .diverged(iteration: iteration, gradientNorm: norm)
    }
  }

  /// Counts an iteration that leaves the point where it is: nothing is left to gain, which only an
  /// iteration of a fixed number may find.
  mutating func stay() throws(ForwardSolverError) {
    iteration += 1
    stepLength = 0
    if stopping.fixedIterations == nil {
      throw .residualStuck(
        iteration: iteration, residualNorm: norm, shortestStep: RootSearch.shortestStep,
        tolerance: target)
    }
  }

  var iterate: Iterate<Point> {
    Iterate(
      iteration: iteration, point: packing.unpack(point).withoutDerivative,
      value: 0.5 * norm * norm, gradientNorm: norm, stepLength: stepLength)
  }

  var root: Root<Point> {
    Root(
      point: packing.unpack(point), residualNorm: norm, iterations: iteration,
      evaluations: evaluations)
  }
}

/// What a root finder found, with its evidence.
public struct Root<Point: TensorStructure>: Sendable {
  /// The point; traced if the start or the equations are.
  public let point: Point

  /// `‖F‖₂` there; of a fixed point `‖T(x) − x‖₂`.
  public let residualNorm: Double

  /// Iterations made.
  public let iterations: Int

  /// How often the residual was computed, apart from its Jacobians.
  public let evaluations: Int
}
