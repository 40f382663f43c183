import Kernels

/// An iterative method with its operator: normalises, runs cycles, checks, scales back.
///
/// It is no generic of the method: what runs at every step stands in the method's own recurrence, and code
/// that is not specialised spends more on looking up types than a small product costs.
struct PreparedIterativeSolver: PreparedLinearSolver {
  let method: any IterativeMethod
  let base: any LinearOperator
  let methodDescription: String

  /// What was learned about `base` beforehand.
  let probes: IterativeProbes

  /// What `base` knows of itself by the way it is made, so that it need not be tried.
  let definiteness: RegularityEvidence?

  /// Checks the shapes, and what the method needs against what was probed.
  init(
    method: any IterativeMethod, base: any LinearOperator, probes: IterativeProbes
  ) throws(LinearSolveError) {
    self.method = method
    self.base = base
    self.probes = probes
    definiteness = RegularityEvidence(
      knownTo: base, norm: PowerOfTwo.scaled(probes.operatorNorm, by: -probes.operatorExponent))
    let n = base.columnCount
    if let preconditioner = method.preconditioner {
      try requireCount(preconditioner.rowCount, n, "the rows of the preconditioner")
      try requireCount(preconditioner.columnCount, n, "the columns of the preconditioner")
      if method.needsSymmetry {
        let defect = try preconditioner.symmetryDefect()
        if !(defect <= probeTolerance) { throw .notSymmetric(relativeDefect: defect) }
      }
    }
    if method.needsSymmetry { try probes.requireSymmetry() }
    if method.needsDefiniteness { try probes.requireDefiniteness(count: n) }
    let symmetry = method.needsSymmetry ? ", symmetric as probed" : ""
    methodDescription = "\(method.name) \(base.rowCount)×\(n)\(symmetry)"
  }

  func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    guard let solve = try start(b, transposed: transposed, initialGuess: initialGuess) else {
      return zero(transposed: transposed)
    }
    do {
      return try solution(of: solve, try finish(solve.system, from: try opening(solve)))
    } catch {
      throw error.scaled(by: solve.exponent)
    }
  }

  func solveEach(
    _ columns: [[Double]], transposed: Bool
  ) -> [Result<LinearSolution, LinearSolveError>] {
    if columns.count > 1, method.isStepped {
      return solveInLockstep(columns, transposed: transposed)
    }
    return columns.map { b in
      outcome { () throws(LinearSolveError) in
        try solve(b, transposed: transposed, initialGuess: nil)
      }
    }
  }

  // MARK: One right-hand side, between cycles

  /// The normalised system; `nil` for a right-hand side of zero.
  ///
  /// - Parameter fully: whether to all digits; else a rounded operator would not pay.
  func start(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?, fully: Bool = true
  ) throws(LinearSolveError) -> IterativeSolve? {
    let system = IterativeSystem(
      base: base, transposed: transposed, preconditioner: method.preconditioner,
      operatorExponent: probes.operatorExponent, operatorNorm: probes.operatorNorm,
      maximumIterations: method.iterationLimit(count: max(base.rowCount, base.columnCount)))
    let (m, n) = (system.rowCount, system.columnCount)
    try requireRightHandSide(b, count: m)
    if let initialGuess { try requireInitialGuess(initialGuess, count: n) }
    let size = ProbeVector.maximumMagnitude(b)
    if size == 0 { return nil }

    let exponent = PowerOfTwo.exponent(of: size)
    system.rightHandSide.update(from: b, count: m)
    PowerOfTwo.scale(system.rightHandSide, count: m, by: -exponent)
    system.measureRightHandSide()
    if let initialGuess {
      // 2ᵏA · x′ = 2⁻ᵉ b with x = 2ᵉ⁺ᵏ x′.
      system.x.update(from: initialGuess, count: n)
      PowerOfTwo.scale(system.x, count: n, by: -(exponent + probes.operatorExponent))
    } else {
      system.x.update(repeating: 0, count: n)
    }
    if fully { system.rounded = roundedForm }
    system.target = max(
      method.relativeTolerance * system.rightHandSideNorm,
      PowerOfTwo.scaled(method.absoluteTolerance, by: -exponent))
    return IterativeSolve(system: system, exponent: exponent, startsAtZero: initialGuess == nil)
  }

  /// The solution for a right-hand side of zero.
  func zero(transposed: Bool) -> LinearSolution {
    .zero(
      count: transposed ? base.rowCount : base.columnCount, method: methodDescription)
  }

  /// The residual of the first guess, which may do.
  func opening(_ solve: IterativeSolve) throws(LinearSolveError) -> IterativeProgress {
    try solve.system.recomputeResidual(xIsZero: solve.startsAtZero)
    // `!(≤)` here and below, so that NaN never passes for convergence.
    return !(solve.system.residualNorm <= solve.system.target) ? .unfinished : .solved
  }

  /// Cycles until the solve has ended.
  func finish(
    _ system: IterativeSystem, from progress: IterativeProgress
  ) throws(LinearSolveError) -> IterativeProgress {
    var progress = progress
    while case .unfinished = progress {
      let previous = try residualToImprove(system)
      system.beginCycle()
      let cycle = outcome { () throws(LinearSolveError) in try method.cycle(system) }
      progress = try verdict(on: system, after: cycle, from: previous)
    }
    return progress
  }

  /// The residual norm that the next cycle starts from; throws if there are no iterations left.
  func residualToImprove(_ system: IterativeSystem) throws(LinearSolveError) -> Double {
    if system.isAtLimit { throw system.notConverged }
    return system.residualNorm
  }

  /// After a cycle: done if the *recomputed* residual meets the target or is as small as rounding
  /// allows, else whether another cycle is worth while.
  func verdict(
    on system: IterativeSystem, after cycle: Result<CycleOutcome, LinearSolveError>,
    from previous: Double
  ) throws(LinearSolveError) -> IterativeProgress {
    if let known = system.endRoundedCycle() {
      return try verdict(on: system, afterRounded: cycle, knowing: known, from: previous)
    }
    let outcome = try cycle.get()
    if case .claimsConvergence = outcome, system.takesResidualOfRecurrence() { return .solved }
    let acceptance = self.acceptance
    try system.recomputeResidual()
    let current = system.residualNorm
    if current <= system.target || acceptance.acceptsBackwardError(of: system.evidence) {
      return .solved
    }
    switch outcome {
    case .limit:
      throw system.notConverged
    case .claimsConvergence:
      // The recurrence was wrong. From the true residual a cycle gains digits as iterative
      // refinement does; once it gains less than one bit it never will.
      if !(current <= 0.5 * previous) { throw system.stagnated }
    case .cycleEnd:
      if !(current <= 0.999 * previous) { throw system.stagnated }
    case .leastSquares(let normalResidual):
      guard method.acceptsLeastSquares else {
        throw .inconsistent(residualNorm: current, normalResidual: normalResidual)
      }
      if try isLeastSquaresSolution(system, acceptance) { return .leastSquares }
      if !(current <= 0.999 * previous) { throw system.stagnated }
    case .suspectsLeastSquares:
      if let normalResidual = try orthogonality(of: system) {
        throw .inconsistent(residualNorm: current, normalResidual: normalResidual)
      }
      system.mayBeSingular = false
    case .stopped(let reason):
      if !(current <= 0.5 * previous) { throw reason }
    }
    return .unfinished
  }

  /// The solution scaled back, if it has not grown beyond what numbers can tell.
  func solution(
    of solve: IterativeSolve, _ progress: IterativeProgress
  ) throws(LinearSolveError) -> LinearSolution {
    let (system, n) = (solve.system, solve.system.columnCount)
    let evidence = system.evidence
    // Cycles with a rounded operator begin anew, and see the same few directions again.
    let usesRounded = system.longestRounded > 0 && system.rounded != nil
    let hasSeenFew = usesRounded && system.longestRounded < KrylovSpace.fewSteps
    if case .solved = progress { try acceptance.requireModestGrowth(evidence) }
    try PowerOfTwo.scaleBack(system.x, count: n, by: solve.exponent + probes.operatorExponent)
    var solution = LinearSolution(
      vector: [Double](UnsafeBufferPointer(start: system.x, count: n)),
      iterations: system.iterations, operatorProducts: system.products,
      residualNorm: PowerOfTwo.scaled(system.residualNorm, by: solve.exponent),
      relativeResidual: system.residualNorm / system.rightHandSideNorm,
      backwardError: evidence.backwardError,
      conditionEstimate: hasSeenFew ? nil : system.conditionEstimate,
      method: usesRounded
        ? "\(methodDescription), \(Self.withRoundedEntries)" : methodDescription)
    PowerOfTwo.scale(system.residual, count: system.rowCount, by: solve.exponent)
    solution.residual = [Double](
      UnsafeBufferPointer(start: system.residual, count: system.rowCount))
    return solution
  }

  /// A lower bound of `‖A‖₂`, from products with random vectors.
  var probedOperatorNorm: Double {
    PowerOfTwo.scaled(probes.operatorNorm, by: -probes.operatorExponent)
  }

  var acceptance: SolveAcceptance {
    .roundingLevel(count: max(base.rowCount, base.columnCount))
  }
}

/// A system on its way, for `2^-exponent` of the right-hand side given.
struct IterativeSolve {
  let system: IterativeSystem
  let exponent: Int
  let startsAtZero: Bool
}

/// How far a solve has come.
enum IterativeProgress {
  case unfinished
  case solved
  /// Accepted although no solution exists.
  case leastSquares
}

extension PreparedIterativeSolver {
  /// Whether `‖Aᵀr‖`, computed afresh, is within the tolerance of `‖A‖‖r‖`, or as small as the
  /// rounding of `r` allows.
  private func isLeastSquaresSolution(
    _ system: IterativeSystem, _ acceptance: SolveAcceptance
  ) throws(LinearSolveError) -> Bool {
    let gradient = VectorArena(vectors: 1, length: system.columnCount)
    try system.multiplyTransposed(system.residual, into: gradient[0])
    let solutionNorm = Vector.norm(system.x, count: system.columnCount)
    let rounding =
      acceptance.backwardErrorLimit
      * (system.operatorNorm * solutionNorm + system.rightHandSideNorm)
    // The recurrence estimates ‖A‖ by what it has met; a factor of two covers the difference.
    let limit = 2 * method.relativeTolerance * system.residualNorm + rounding
    return Vector.norm(gradient[0], count: system.columnCount) <= system.operatorNorm * limit
  }

  /// Tests whether a symmetric `A` has a null vector close to the residual `r`: then no `x` can
  /// remove it, and `‖A v‖ / (‖A‖‖v‖)` is returned for the null vector `v` found.
  ///
  /// `A z = A r` has a solution whatever `A` is. With a regular `A` it is `z = r`; with a singular one
  /// the method finds the `z` in the range of `A`, and `v = r − z` is what is left of `r`.
  private func orthogonality(of system: IterativeSystem) throws(LinearSolveError) -> Double? {
    let n = system.columnCount
    let (image, exponent) = try system.systemForImageOfResidual()
    let scale = system.operatorNorm * system.residualNorm
    image.target = PowerOfTwo.scaled(SolveAcceptance.orthogonalityLevel / 4 * scale, by: exponent)
    image.mayBeSingular = false
    try image.recomputeResidual(xIsZero: true)
    defer { system.addCosts(of: image) }
    for _ in 0..<3 where image.residualNorm > image.target && !image.isAtLimit {
      _ = try method.cycle(image)
      try image.recomputeResidual()
    }
    PowerOfTwo.scale(image.x, count: n, by: -exponent)
    Vector.scale(-1, image.x, count: n)
    Vector.addScaled(1, system.residual, to: image.x, count: n)
    let nullNorm = Vector.norm(image.x, count: n)
    guard nullNorm > 0.5 * system.residualNorm else { return nil }
    let imageNorm = PowerOfTwo.scaled(image.residualNorm, by: -exponent)
    let ratio = imageNorm / (system.operatorNorm * nullNorm)
    return ratio <= SolveAcceptance.orthogonalityLevel ? ratio : nil
  }
}

extension IterativeSystem {
  /// The error for reaching the iteration limit.
  var notConverged: LinearSolveError {
    .notConverged(iterations: iterations, residualNorm: residualNorm, tolerance: target)
  }

  /// The error for a residual that stopped falling.
  var stagnated: LinearSolveError {
    .stagnated(iterations: iterations, residualNorm: residualNorm, tolerance: target)
  }
}

extension LinearSolveError {
  /// The error in the units of the right-hand side, which was `2^exponent` times the one solved.
  func scaled(by exponent: Int) -> LinearSolveError {
    func back(_ x: Double) -> Double { PowerOfTwo.scaled(x, by: exponent) }
    switch self {
    case .notConverged(let k, let residual, let tolerance):
      return .notConverged(
        iterations: k, residualNorm: back(residual), tolerance: back(tolerance))
    case .stagnated(let k, let residual, let tolerance):
      return .stagnated(iterations: k, residualNorm: back(residual), tolerance: back(tolerance))
    case .diverged(let k, let residual, let tolerance):
      return .diverged(iterations: k, residualNorm: back(residual), tolerance: back(tolerance))
    case .inconsistent(let residual, let normalResidual):
      return .inconsistent(residualNorm: back(residual), normalResidual: normalResidual)
    default:
      return self
    }
  }
}
