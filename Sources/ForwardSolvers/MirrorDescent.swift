import TracedTensors

/// Minimises over a set by gradient steps in dual coordinates: with a strictly convex `φ` and
/// `P(z) = argmin φ(p) − zᵀp` over the set,
/// ```
/// x ← P(∇φ(x) − s ∇f(x)).
/// ```
/// On the simplex with `φ` the negative entropy that is the *exponentiated gradient*: entries are
/// multiplied by `exp(−s ∂f/∂xᵢ)` and normalised.
///
/// ```swift
/// let weights = try MirrorDescent().minimumOnSimplex(
///   of: { x in 0.5 * (matmul(features, x) - target).squaredNorm() },
///   from: Tensor(repeating: 0.1, shape: [10]))
/// ```
///
/// Converges for `s ≤ 1/L` where `f` is convex and `L φ − f` too (*relative smoothness*); on the
/// simplex `L` is at most the largest `|∂²f/∂xᵢ∂xⱼ|`, whatever the dimension. Entries of the solution
/// that are zero are approached, never reached, and slowly so: there projected gradients are better.
///
/// The iteration ends when the last step, divided by `s`, is small. One gradient for each iteration
/// (and one for each refused step).
///
/// On traced tensors the iteration is unrolled; step lengths count as constants.
///
/// Sources: J. Kivinen and M. K. Warmuth, "Exponentiated gradient versus gradient descent for linear
/// predictors", Inf. Comput. 132 (1997), 1–63; H. H. Bauschke, J. Bolte and M. Teboulle, "A descent
/// lemma beyond Lipschitz gradient continuity", Math. Oper. Res. 42 (2017), 330–348.
public struct MirrorDescent: Sendable {
  /// How far to go along the negative gradient, in dual coordinates.
  public enum StepSize: Sendable, Equatable {
    /// The same factor `s` at every iteration; `s ≤ 1/L`.
    case fixed(Double)

    /// The first of `s, s/2, s/4, …` for which `(∇f(x′) − ∇f(x))ᵀd ≤ (∇φ(x′) − ∇φ(x))ᵀd/s` with
    /// `d = x′ − x`, which makes a convex objective fall. The first `s` is `initial`, afterwards
    /// 1¼ times the one accepted last.
    case backtracking(initial: Double = 1)
  }

  /// How far to go.
  public var stepSize: StepSize

  /// When to end, by the norm of the last step divided by `s`.
  public var stopping: Stopping

  /// The method with the given steps.
  public init(stepSize: StepSize = .backtracking(), stopping: Stopping = Stopping()) {
    self.stepSize = stepSize
    self.stopping = stopping
  }

  /// Finds a minimum over the simplex `x ≥ 0, Σ xᵢ = 1`, along the last axis of every tensor.
  ///
  /// The dual, `log x`, is kept through the iteration, so that entries may underflow to 0 and come
  /// back.
  ///
  /// - Parameters:
  ///   - objective: one number.
  ///   - start: positive entries; they are normalised.
  ///   - observe: called at the start and after every iteration, with plain numbers.
  /// - Throws: as `minimum(of:dual:projection:from:)`.
  public func minimumOnSimplex<Point: TensorStructure>(
    of objective: (Point) throws -> Tensor, from start: Point,
    observing observe: (Iterate<Point>) throws -> Void = { _ in }
  ) throws -> Minimum<Point> {
    func mapped(_ point: Point, _ body: (Tensor) -> Tensor) -> Point {
      point.mapTensors(isConstant: false) { tensor, isConstant in
        isConstant ? tensor : body(tensor)
      }
    }
    return try descend(
      objective, from: start,
      initialDual: { point in mapped(point) { log($0) } },
      dual: { z, _ in
        mapped(z) { z in
          let axis = z.rank - 1
          return z - z.logSumExp(alongAxis: axis).expanded(atAxis: axis)
        }
      },
      projection: { z in mapped(z) { $0.softmax(alongAxis: $0.rank - 1) } },
      observing: observe)
  }

  /// Finds a minimum over the set of a geometry.
  ///
  /// - Parameters:
  ///   - objective: one number.
  ///   - dual: `∇φ`.
  ///   - projection: `P`, from a dual point to a point of the set.
  ///   - start: a point at which `∇φ` is finite.
  ///   - observe: called at the start and after every iteration, with plain numbers.
  /// - Throws: `ForwardSolverError` when there is nothing to return that met the tolerance, and
  ///   what the functions throw.
  public func minimum<Point: TensorStructure>(
    of objective: (Point) throws -> Tensor, dual: (Point) throws -> Point,
    projection: (Point) throws -> Point, from start: Point,
    observing observe: (Iterate<Point>) throws -> Void = { _ in }
  ) throws -> Minimum<Point> {
    try descend(
      objective, from: start, initialDual: dual, dual: { _, point in try dual(point) },
      projection: projection, observing: observe)
  }

  /// - Parameter dual: the dual of a point, from what it was projected from and itself.
  private func descend<Point: TensorStructure>(
    _ objective: (Point) throws -> Tensor, from start: Point,
    initialDual: (Point) throws -> Point,
    dual: (_ unprojected: Point, _ point: Point) throws -> Point,
    projection: (Point) throws -> Point, observing observe: (Iterate<Point>) throws -> Void
  ) throws -> Minimum<Point> {
    try stopping.validate()
    try validate()
    var smooth = SmoothObjective(start)
    let packing = smooth.packing
    func project(_ z: Tensor) throws -> Tensor {
      try packing.packed(projection(packing.unpack(z)), from: "the value of the projection")
    }
    var z = try packing.packed(initialDual(start), from: "the dual of the start")
    guard z.isFinite else {
      throw ForwardSolverError.notFinite(iteration: 0, quantity: "the dual of the start")
    }
    var current = try smooth.sample(objective, at: project(z))
    try requireFinite(current, iteration: 0)
    func dualPoint(_ unprojected: Tensor, _ point: Tensor) throws -> Tensor {
      try packing.packed(
        dual(packing.unpack(unprojected), packing.unpack(point)), from: "the dual of a point")
    }
    z = try dualPoint(z, current.point)

    var (iteration, step, length) = (0, firstStep, 0.0)
    /// The step from the current point; shortens `step` as needed.
    func advanced() throws -> (sample: Sample, dual: Tensor, norm: Double) {
      var firstNorm: Double?
      while true {
        let unprojected = z - current.gradient.scaled(by: step)
        let point = try project(unprojected)
        let sample = try smooth.sample(objective, at: point)
        let difference = point.withoutDerivative - current.point.withoutDerivative
        let norm = plainNorm(difference) / step
        let newDual = try dualPoint(unprojected, point)
        guard case .backtracking = stepSize else {
          try requireFinite(sample, iteration: iteration + 1)
          return (sample, newDual, norm)
        }
        if sample.isFinite, newDual.isFinite {
          let curvature =
            plainDot(sample.gradient, difference) - plainDot(current.gradient, difference)
          let growth = plainDot(newDual, difference) - plainDot(z, difference)
          let rounding =
            0x1p-50 * plainNorm(difference) * (plainNorm(current.gradient) + plainNorm(z) / step)
          if curvature <= growth / step + rounding { return (sample, newDual, norm) }
        }
        let first = firstNorm ?? norm
        firstNorm = first
        step *= 0.5
        if step < 0x1p-60 * firstStep {
          throw ForwardSolverError.lineSearchFailed(
            iteration: iteration + 1, slope: -first * first, shortestStep: step,
            gradientNorm: first, tolerance: stopping.gradientTolerance)
        }
      }
    }

    var next: (sample: Sample, dual: Tensor, norm: Double)? = try advanced()
    var norm = next?.norm ?? 0
    let target = stopping.target(initialNorm: norm)
    func iterate() -> Iterate<Point> {
      Iterate(
        iteration: iteration, point: packing.unpack(current.point).withoutDerivative,
        value: current.plainValue, gradientNorm: norm, stepLength: length)
    }
    try observe(iterate())
    while try !stopping.isOver(iteration: iteration, norm: norm, target: target) {
      let accepted = try next ?? advanced()
      next = nil
      iteration += 1
      (current, z, norm, length) = (accepted.sample, accepted.dual, accepted.norm, step)
      if case .backtracking = stepSize { step *= 1.25 }
      try observe(iterate())
    }
    return Minimum(
      point: packing.unpack(current.point), value: current.value, gradientNorm: norm,
      iterations: iteration, evaluations: smooth.evaluations)
  }

  private var firstStep: Double {
    switch stepSize {
    case .fixed(let step), .backtracking(let step): step
    }
  }

  private func validate() throws(ForwardSolverError) {
    try require(
      firstStep > 0 && firstStep.isFinite, "stepSize", firstStep, "positive and finite")
  }
}
