import Kernels

/// The implicit function theorem at one solution: `A ẏ = −B ẋ` with `A = ∂F/∂y` and `B = ∂F/∂x`,
/// recorded, checked and ready to be solved for any number of tangents and cotangents.
///
/// With `n` unknowns and `m` inputs, `A` is `n × n` and `B` is `n × m`. A pushforward costs one
/// product with `B` and one solve with `A`; a pullback one solve with `Aᵀ` and one product with
/// `Bᵀ`. A factorisation is made once and kept. Immutable and `Sendable`: many tasks may use it.
public struct ImplicitLinearization<Input: TensorStructure, Output: TensorStructure>: Sendable {
  /// Where the derivative is taken.
  public let point: Input

  /// The solution there.
  public let solution: Output

  /// `∂F/∂y` at the solution, in the order of `flattened()`.
  public var A: any LinearOperator { flat.A }

  /// `∂F/∂x` at the solution.
  public var B: any LinearOperator { flat.B }

  /// The residual `F(x, y)`.
  public let residual: [Double]

  /// How well the conditions hold, and the linear solver chosen; no derivative has been taken yet.
  ///
  /// Where the residual is small a bound tells the first derivative that they hold well enough, and a
  /// report measures how well; asked before it, this does so, for at most the cost of a derivative. What a
  /// derivative would throw then is a warning here.
  public var report: DerivativeReport {
    var report = flat.report
    do {
      try flat.addNewtonCorrection(to: &report, transposed: false)
    } catch {
      // A derivative would throw it.
      report.warnings.append("\(error)")
    }
    return report
  }

  /// Bytes that the recording of the conditions keeps for products with `A` and `B`, however long the
  /// solver ran. Factors are not counted, nor matrices of squares that ``Automatic`` holds in single precision as well.
  public var recordedBytes: Int { recording?.bytes ?? 0 }

  private let recording: Trace?

  let flat: FlatLinearization

  init(
    point: Input, solved: Solved<Input, Output>, linearSolver: any LinearSolver,
    conditionsTolerance: Double?, certification: Certification, policy: CertificationPolicy
  ) throws {
    let (solution, conditions) = (solved.y, solved.conditions)
    let linearized = try conditions.linearize(point, solution)
    let n = solution.variableCount
    residual = linearized.residual
    recording = linearized.recording
    try requireSize(residual.count, n, "the residual (one equation for each unknown)")
    try requireFinite(residual, "the residual of the conditions")
    self.point = point
    self.solution = solution
    do {
      // Products that the user wrote are tried with random vectors: `B` here, `A` where it is
      // prepared. `B` is only multiplied with, so products by differences may pass.
      try linearized.B.requireTransposedProduct(tolerance: 1e-8)
    } catch {
      throw DifferentiationError.linearSolve(
        error, during: "of the derivative, whose right-hand sides are products with B = ∂F/∂x,")
    }
    let needsNewton = conditionsTolerance != nil || certification.effort == .measure
    let hasBranches = linearized.recording?.hasBranches == true
    let residualNorm = ProbeVector.norm(residual)
    let position = solution.flattened()
    let positionNorm = ProbeVector.norm(position)
    // The Newton step comes cheap while the factors are made. A bound will do where the residual is at
    // rounding level (of `y`: in most units), or where factors prove one; then it costs more than it is worth.
    let takesStep =
      needsNewton
      && (certification.effort == .measure || hasBranches
        || residualNorm > 1e-12 * positionNorm)
    let needsExactStep = certification.effort == .measure || hasBranches
    let boundSuffices =
      needsExactStep ? 0 : Certifier.boundShare * (conditionsTolerance ?? 0) * positionNorm
    let prepared: any PreparedLinearSolver
    let passingStep: [Double]?
    do {
      let solver = linearized.units?.solver(linearSolver) ?? linearSolver
      (prepared, passingStep) =
        try takesStep
        ? solver.prepare(linearized.A, solving: residual, unlessShorterThan: boundSuffices)
        : (solver.prepare(linearized.A), nil)
    } catch {
      throw DifferentiationError.linearSolve(error, during: "of the derivative, with A = ∂F/∂y,")
    }
    var report = DerivativeReport(
      residualNorm: residualNorm, newtonCorrection: nil, linearSolver: prepared.methodDescription,
      linearSolves: 0, linearIterations: 0, operatorProducts: 0, relativeResidual: 0,
      backwardError: 0, conditionNumber: prepared.condition?.conditionNumber,
      inverseNorm: prepared.condition?.inverseNorm,
      isUniquenessChecked: prepared.condition != nil, polish: solved.polish,
      warnings: conditions.warnings)
    let linearize = { @Sendable (numbers: [Double]) in
      try conditions.linearize(point, solution.refilled(numbers) { $0 })
    }
    let measureNewton = { @Sendable (certifier: Certifier) throws -> NewtonFinding in
      let (step, correction) = try NewtonCorrection(
        point: point, solution: solution, conditions: conditions, linearized: linearized,
        prepared: prepared, step: passingStep, tolerance: conditionsTolerance ?? 1e-6
      ).measured()
      var finding = NewtonFinding(
        step: step, correction: correction,
        entryCorrection: ProbeVector.largestRatio(step, to: position))
      // `!(≤)`, so that NaN is refused too. A step within what rounding makes of the residual is no
      // sign of a solver that stopped early: in ill-conditioned systems no point has a smaller one.
      if let tolerance = conditionsTolerance, !(correction <= tolerance), !certifier.isNoise(step) {
        // A solution that Newton's method finds from here tells one that the solver stopped early;
        // where it finds none, there may be nothing to differentiate.
        let isEarly = solved.leadsToSolution(at: point, tolerance: tolerance) { _ in linearSolver }
        let error: DifferentiationError =
          isEarly
          ? .conditionsNotMet(
            residualNorm: residualNorm, newtonCorrection: correction, tolerance: tolerance)
          : .noSolutionNearby(
            residualNorm: residualNorm, newtonCorrection: correction, tolerance: tolerance)
        finding.warnings.append(try policy.warning(error))
      }
      return finding
    }
    let certifier = Certifier(
      certification, conditionsTolerance: conditionsTolerance, conditions: linearized,
      residualNorm: residualNorm, solver: prepared, input: { point.flattened() },
      solution: position, solutionNorm: positionNorm,
      measureNewton: needsNewton ? measureNewton : nil, linearize: linearize)
    if let finding = try certifier.newton() {
      if finding.step != nil || prepared.condition == nil && finding.saysEnough {
        report.newtonCorrection = finding.correction
      }
      report.warnings += finding.warnings
      if let step = finding.step, certification.effort != .none, hasBranches,
        let noiseStep = try? certifier.noiseStep()
      {
        let probe = KinkProbe(
          conditions: linearized, solution: position, newtonStep: step, noiseStep: noiseStep,
          linearize: linearize)
        if let distance = try probe.distance() {
          report.warnings.append(
            try policy.warning(DifferentiationError.kinkNearby(distance: distance)))
        }
      }
    }
    if let review = linearized.review {
      // With a gauge, by its regular system: rounding is consistent with no gauge.
      let solver = (prepared as? PreparedGaugedSolver)?.regular ?? prepared
      report.warnings += try review { b in
        do throws(LinearSolveError) {
          return try solver.solve(b, transposed: false).vector
        } catch {
          throw DifferentiationError.linearSolve(
            error, during: "of the review of differences, with A = ∂F/∂y,")
        }
      }
    }
    flat = FlatLinearization(
      A: linearized.A, B: linearized.B, prepared: prepared, certifier: certifier, policy: policy,
      report: report)
  }

  /// How many directions the conditions leave free, by the declared gauge.
  public var gaugeDimension: Int {
    (flat.prepared as? PreparedGaugedSolver)?.right.count ?? 0
  }

  // MARK: Derivatives

  /// `ẏ = −A⁻¹B ẋ`: how the solution moves when the input moves along `tangent`.
  ///
  /// Constants of the tangent are ignored. The tangent may have any scale: multiplied by a power of
  /// two, it gives the same digits multiplied by it, as long as they can be represented (see
  /// `DifferentiationError.underflow`).
  ///
  /// - Throws: `DifferentiationError`: a size or shape that differs, a number that is not finite, a
  ///   linear system that was not solved, a result that is too large or too small for a number.
  public func pushforward(_ tangent: Input) throws -> Derivative<Output> {
    try pushforward(tangent, from: nil)
  }

  /// `x̄ = −Bᵀ A⁻ᵀ ȳ`: the gradient in the input of a loss whose gradient in the solution is
  /// `cotangent`. Constants of the input get an empty tensor.
  ///
  /// The cotangent may have any scale, as the tangent of ``pushforward(_:)``.
  ///
  /// - Throws: as `pushforward`.
  public func pullback(_ cotangent: Output) throws -> Derivative<Input> {
    try pullback(cotangent, from: nil)
  }

  /// The pushforward, with an iterative solver starting from another one: that of a tangent close to
  /// this, at this point or one nearby. A good start saves iterations; the answer is tested as
  /// always. Direct solvers need no start.
  ///
  /// - Throws: as `pushforward`.
  public func pushforward(
    _ tangent: Input, startingFrom other: Derivative<Output>
  ) throws -> Derivative<Output> { try pushforward(tangent, from: other.solved) }

  /// The pullback, starting from that of a similar cotangent nearby; as
  /// ``pushforward(_:startingFrom:)``.
  public func pullback(
    _ cotangent: Output, startingFrom other: Derivative<Input>
  ) throws -> Derivative<Input> { try pullback(cotangent, from: other.solved) }

  /// The pushforwards of several tangents, each with its own evidence. They are one block: a dense
  /// factorisation is run through once, conjugate gradients, MINRES and GMRES work on all tangents in lockstep
  /// (see `PreparedLinearSolver.solveEach`). Memory grows with their number.
  ///
  /// - Throws: as `pushforward`, for the first tangent that is unfit or whose system is not solved.
  public func pushforwards(_ tangents: [Input]) throws -> [Derivative<Output>] {
    try flat.pushforwards(try tangents.map(numbers(ofTangent:))).map(pushforward(_:))
  }

  /// The pullbacks of several cotangents, as one block; as ``pushforwards(_:)``.
  public func pullbacks(_ cotangents: [Output]) throws -> [Derivative<Input>] {
    try flat.pullbacks(try cotangents.map(numbers(ofCotangent:))).map(pullback(_:))
  }

  private func pushforward(
    _ tangent: Input, from start: ScaledVector?
  ) throws -> Derivative<Output> {
    try pushforward(
      flat.pushforwards([try numbers(ofTangent: tangent)], startingFrom: start)[0])
  }

  private func pullback(_ cotangent: Output, from start: ScaledVector?) throws -> Derivative<Input>
  {
    try pullback(flat.pullbacks([try numbers(ofCotangent: cotangent)], startingFrom: start)[0])
  }

  private func numbers(ofTangent tangent: Input) throws -> [Double] {
    let numbers = try tangent.flattened(like: point, "the tangent", for: "pushforward")
    try requireFinite(numbers, "the tangent")
    return numbers
  }

  private func numbers(ofCotangent cotangent: Output) throws -> [Double] {
    let numbers = try cotangent.flattened(like: solution, "the cotangent", for: "pullback")
    try requireFinite(numbers, "the cotangent")
    return numbers
  }

  private func pushforward(_ scaled: ScaledDerivative) throws -> Derivative<Output> {
    try scaled.derivative("the pushforward").map { solution.refilled($0) { $0 } }
  }

  private func pullback(_ scaled: ScaledDerivative) throws -> Derivative<Input> {
    try scaled.derivative("the pullback").map { point.refilled($0) { _ in Tensor([Double]()) } }
  }

  /// The Jacobian `dy/dx = −A⁻¹B`, an `n × m` matrix in the order of `flattened()`: a row for each
  /// unknown, a column for each number of the input.
  ///
  /// Costs `min(n, m)` solves, in blocks, with one factorisation, and `n · m` numbers of memory. Where
  /// errors have to be measured, reading the report takes these solves again.
  ///
  /// - Throws: as `pushforward`.
  public func jacobian() throws -> Derivative<Tensor> { try flat.jacobian() }
}
