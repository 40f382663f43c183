import TracedTensors

/// Minimises `f(x) + g(x)`, `f` smooth and `g` known by its proximal operator (for a constraint: by
/// the projection onto the feasible set), by steps
/// ```
/// x ← prox(y − s ∇f(y)),     y ← x + β (x − previous x).
/// ```
///
/// ```swift
/// let lasso = try ProximalGradient().minimum(
///   of: { x in 0.5 * (matmul(features, x) - target).squaredNorm() },
///   proximal: { x, step in try Proximal.lasso(x, penalty: 0.1, step: Tensor(step)) },
///   from: Tensor.zeros([10]))
/// let nearest = try ProximalGradient().minimum(
///   of: { x in (x - 2).squaredNorm() }, onto: { x in try Projection.simplex(x) },
///   from: Tensor([1, 0]))
/// ```
///
/// The momentum `β` grows as Nesterov's and starts again from 0 when a step points back against the
/// last one, so that nothing need be known about strong convexity. With a step `s ≤ 1/L`, `L` the
/// largest eigenvalue of the Hessian of a convex `f`, the objective falls as `O(1/k²)` (without
/// acceleration `O(1/k)`), and linearly near a solution with a positive definite Hessian on its
/// face, in about `√κ` iterations for each digit (without acceleration `κ`).
///
/// The iteration ends when the last step, divided by its length, `‖x − y‖₂/s`, is small; without a
/// penalty that is the norm of the gradient. One gradient and one proximal operator for each
/// iteration, and one value (for a step refused, one operator and one value more).
///
/// On traced tensors the iteration is unrolled; step lengths and momentum count as constants.
///
/// Sources: A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear
/// inverse problems", SIAM J. Imaging Sci. 2 (2009), 183–202, section 4; B. O'Donoghue and E. Candès,
/// "Adaptive restart for accelerated gradient schemes", Found. Comput. Math. 15 (2015), 715–732,
/// section 3.2.
public struct ProximalGradient: Sendable {
  /// How far to go along the negative gradient before the proximal operator is applied.
  public enum StepSize: Sendable, Equatable {
    /// The same factor `s` at every iteration; `s ≤ 1/L`.
    case fixed(Double)

    /// The longest of the steps `initial · 2ᵏ` that the first iteration accepts, shrunk whenever
    /// the quadratic bound `f(x) ≤ f(y) + ∇f(y)ᵀ(x − y) + ‖x − y‖²/2s` does not hold. Never grows
    /// again after the first iteration: the theory of acceleration wants that.
    case backtracking(initial: Double = 1, shrinkage: Double = 0.5)
  }

  /// How far to go.
  public var stepSize: StepSize

  /// Whether momentum is used.
  public var isAccelerated: Bool

  /// When to end, by the norm of the last step divided by its length.
  public var stopping: Stopping

  /// The method with the given steps.
  public init(
    stepSize: StepSize = .backtracking(), isAccelerated: Bool = true,
    stopping: Stopping = Stopping()
  ) {
    self.stepSize = stepSize
    self.isAccelerated = isAccelerated
    self.stopping = stopping
  }

  /// Finds a minimum over a set, by projected gradient steps; see `minimum(of:proximal:from:)`.
  ///
  /// - Parameter projection: the point of the set nearest to the given one.
  public func minimum<Point: TensorStructure>(
    of objective: (Point) throws -> Tensor, onto projection: (Point) throws -> Point,
    from start: Point, observing observe: (Iterate<Point>) throws -> Void = { _ in }
  ) throws -> Minimum<Point> {
    try minimum(
      of: objective, proximal: { point, _ in try projection(point) }, from: start,
      observing: observe)
  }

  /// Finds a minimum of a smooth objective plus a penalty.
  ///
  /// - Parameters:
  ///   - objective: the smooth part, one number; the values reported are those of this part.
  ///   - operation: `argmin ½‖p − point‖² + step · g(p)`.
  ///   - start: where the iteration starts; need not be feasible if the objective is defined there.
  ///   - observe: called at the start and after every iteration, with plain numbers.
  /// - Throws: `ForwardSolverError` when there is nothing to return that met the tolerance, and
  ///   what the two functions throw.
  public func minimum<Point: TensorStructure>(
    of objective: (Point) throws -> Tensor,
    proximal operation: (_ point: Point, _ step: Double) throws -> Point,
    from start: Point, observing observe: (Iterate<Point>) throws -> Void = { _ in }
  ) throws -> Minimum<Point> {
    try stopping.validate()
    try validate()
    var smooth = SmoothObjective(start)
    let packing = smooth.packing
    let begin = packing.pack(start)
    guard begin.isFinite else {
      throw ForwardSolverError.notFinite(iteration: 0, quantity: "the start")
    }
    func moved(_ from: Sample, _ step: Double) throws -> Tensor {
      let target = from.point - from.gradient.scaled(by: step)
      return try packing.packed(
        operation(packing.unpack(target), step), from: "the value of the proximal operator")
    }

    var (iteration, momentum, step) = (0, 1.0, firstStep)
    var base = try smooth.sample(objective, at: begin)
    try requireFinite(base, iteration: 0)
    var (point, value) = (begin, base.value)
    var next: Trial? = try trial(from: base, objective, moved, &smooth, &step, iteration: 1)
    var norm = next?.norm ?? 0
    let (initialNorm, target) = (norm, stopping.target(initialNorm: norm))
    func iterate(_ length: Double) -> Iterate<Point> {
      Iterate(
        iteration: iteration, point: packing.unpack(point).withoutDerivative,
        value: value.withoutDerivative.scalar, gradientNorm: norm, stepLength: length)
    }
    try observe(iterate(0))
    while try !stopping.isOver(iteration: iteration, norm: norm, target: target) {
      iteration += 1
      let accepted =
        try next ?? trial(from: base, objective, moved, &smooth, &step, iteration: iteration)
      next = nil
      let previous = point
      (point, value, norm) = (accepted.point, accepted.value, accepted.norm)
      if initialNorm > 0, norm > 1e30 * initialNorm {
        throw ForwardSolverError.diverged(iteration: iteration, gradientNorm: norm)
      }
      try observe(iterate(step))
      if try stopping.isOver(iteration: iteration, norm: norm, target: target) { break }
      var extrapolated = point
      if isAccelerated {
        // A step back against the last one: the momentum has gone too far.
        let turnsBack = plainDot(base.point - point, point - previous) > 0
        let grown = turnsBack ? 1 : 0.5 * (1 + (1 + 4 * momentum * momentum).squareRoot())
        if !turnsBack {
          extrapolated = point + (point - previous).scaled(by: (momentum - 1) / grown)
        }
        momentum = grown
      }
      base = try accepted.sample ?? smooth.sample(objective, at: extrapolated)
      try requireFinite(base, iteration: iteration)
    }
    return Minimum(
      point: packing.unpack(point), value: value, gradientNorm: norm, iterations: iteration,
      evaluations: smooth.evaluations)
  }

  /// What a step from a sample leads to.
  private struct Trial {
    let point: Tensor
    let value: Tensor
    /// The length of the step divided by the step size.
    let norm: Double
    /// With the gradient, where the next step starts from there (no momentum).
    var sample: Sample?
  }

  private var firstStep: Double {
    switch stepSize {
    case .fixed(let step): step
    case .backtracking(let initial, _): initial
    }
  }

  /// The step from `base`; `step` is shortened (at the first iteration also doubled) as needed.
  private func trial<Point: TensorStructure>(
    from base: Sample, _ objective: (Point) throws -> Tensor,
    _ moved: (Sample, Double) throws -> Tensor, _ smooth: inout SmoothObjective<Point>,
    _ step: inout Double, iteration: Int
  ) throws -> Trial {
    func attempt(_ step: Double) throws -> (trial: Trial, isAccepted: Bool) {
      let point = try moved(base, step)
      let difference = point.withoutDerivative - base.point.withoutDerivative
      var sample: Sample? = nil
      let value: Tensor
      if isAccelerated {
        value = try smooth.value(objective, at: point)
      } else {
        let new = try smooth.sample(objective, at: point)
        (sample, value) = (new, new.value)
      }
      let norm = plainNorm(difference) / step
      let trial = Trial(point: point, value: value, norm: norm, sample: sample)
      if case .fixed = stepSize { return (trial, true) }
      guard point.isFinite, value.isFinite else { return (trial, false) }
      // The bound, ‖d‖²/2s ≥ f(x) − f(y) − ∇f(y)ᵀd. Where rounding of the values hides it, the
      // slopes decide: for a quadratic both are the same.
      let bound = 0.5 * norm * norm * step
      if bound > LineSearch.noise * base.plainValue.magnitude {
        let rise = value.withoutDerivative.scalar - base.plainValue
        return (trial, rise - plainDot(base.gradient, difference) <= bound)
      }
      let there = try sample ?? smooth.sample(objective, at: point.withoutDerivative)
      let change = plainDot(there.gradient, difference) - plainDot(base.gradient, difference)
      let rounding = 0x1p-50 * plainNorm(base.gradient) * norm * step
      return (trial, change <= 2 * bound + rounding)
    }

    var (current, isAccepted) = try attempt(step)
    guard case .backtracking(_, let shrinkage) = stepSize else {
      if !current.point.isFinite || !current.value.isFinite {
        let quantity = current.point.isFinite ? "the objective" : "the point"
        throw ForwardSolverError.notFinite(iteration: iteration, quantity: quantity)
      }
      return current
    }
    if isAccepted, iteration == 1 {
      // At most 2²⁰: a linear objective accepts every step.
      for _ in 0..<20 where current.norm > 0 {
        let longer = try attempt(2 * step)
        if !longer.isAccepted { break }
        step *= 2
        current = longer.trial
      }
      return current
    }
    let firstNorm = current.norm
    while !isAccepted {
      step *= shrinkage
      if step < 0x1p-60 * firstStep {
        throw ForwardSolverError.lineSearchFailed(
          iteration: iteration, slope: -firstNorm * firstNorm, shortestStep: step,
          gradientNorm: firstNorm, tolerance: stopping.gradientTolerance)
      }
      (current, isAccepted) = try attempt(step)
    }
    return current
  }

  private func validate() throws(ForwardSolverError) {
    func positive(_ name: String, _ value: Double) throws(ForwardSolverError) {
      try require(value > 0 && value.isFinite, name, value, "positive and finite")
    }
    switch stepSize {
    case .fixed(let step): try positive("stepSize", step)
    case .backtracking(let initial, let shrinkage):
      try positive("initial", initial)
      try require(shrinkage > 0 && shrinkage < 1, "shrinkage", shrinkage, "between 0 and 1")
    }
  }
}
