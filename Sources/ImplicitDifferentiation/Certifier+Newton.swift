import Kernels
import LinearSolvers

/// Whether the conditions hold.
extension Certifier {
  /// What the Newton step tells before any derivative is taken; `nil` where none is wanted, or where
  /// derivatives will tell.
  func newton() throws -> NewtonFinding? {
    if isLeftToDerivatives { return nil }
    state.withLock { $0.isKnownAtStart = true }
    return try newton(transposed: false)
  }

  /// What it tells a derivative that solves with `A`, or with `Aᵀ`.
  ///
  /// It depends on nothing but the direction, whatever was asked before and on whatever thread.
  func newton(transposed: Bool) throws -> NewtonFinding? {
    guard measureNewton != nil else { return nil }
    if let known = state.withLock({ $0.bounded[transposed] }) { return known }
    guard let bounded = boundedNewton(transposed: transposed) else { return try exactNewton() }
    state.withLock { $0.bounded[transposed] = bounded }
    return bounded
  }

  /// What a report says of it: the step itself, unless there are no factors, and a bound says as much.
  func reportedNewton(transposed: Bool) throws -> NewtonFinding? {
    guard solver.condition == nil else { return try exactNewton() }
    let finding = try newton(transposed: transposed)
    return finding?.saysEnough == false ? try exactNewton() : finding
  }

  /// The step itself, where a bound is known already.
  func exactNewton() throws -> NewtonFinding? {
    if let known = state.withLock({ $0.newton }) { return known }
    guard let finding = try measureNewton?(self) else { return nil }
    state.withLock { $0.newton = finding }
    return finding
  }

  /// A bound of the Newton correction takes its place up to this part of the tolerance.
  static var boundShare: Double { 0.5 }

  /// How many times the correction may be what `‖A⁻¹‖` makes of it, where that is an estimate of factors. It is known to miss
  /// by a thousand where a weak direction is that of few unknowns.
  private static var estimateDoubt: Double { 5e3 }

  /// Whether a bound may take the place of the Newton step, as long as no report is read: with an
  /// iterative method the step costs as much as a derivative (and a bound by a rough step a third of that), with the factors of a band half of that.
  var mayBound: Bool {
    (solver.condition == nil || knowsCondition) && certification.effort != .measure && isExact
      && !hasBranches
      && !(solver is PreparedGaugedSolver)
  }

  /// Whether the check of the conditions waits for the first derivative, which tells how large `A⁻¹` is by
  /// a try beside its own solve; before it, the try would take as much time as a third of the derivative.
  var isLeftToDerivatives: Bool {
    measureNewton != nil && mayBound && certification.effort == .estimate
      && trying?.triesBesideSolves == true && residualIsSmall
  }

  /// Whether nothing speaks against a bound that is small enough: the step is at least `‖F‖ / ‖A‖`.
  private var residualIsSmall: Bool {
    guard let size = trying?.operatorNormEstimate, let tolerance = conditionsTolerance else {
      return false
    }
    return residualNorm <= Self.boundShare * tolerance * size * solutionNorm
  }

  /// Whether the residual is so small that no solver would find another point, unless `A` is all but
  /// singular.
  var residualIsRounding: Bool {
    if let evidence = solver.condition {
      return knowsCondition && evidence.isRounding(residual, at: solution)
    }
    guard let size = trying?.operatorNormEstimate else { return false }
    return residualNorm <= Self.roundingUnits * .ulpOfOne * size * solutionNorm
  }

  /// How much more than its share an entry of a random step may be moved.
  static var shares: Double { 8 }

  /// Units of rounding in a residual that is as small as it can be.
  static var roundingUnits: Double { 16 }

  /// The step is at most `‖A⁻¹‖ ‖F‖`. If that is small enough, with the norm that the factors or a random
  /// right-hand side show, it is not needed. Nor is it where a rough solution tells as much.
  func boundedNewton(transposed: Bool) -> NewtonFinding? {
    guard mayBound else { return nil }
    // Nothing need be known of A then.
    if residualNorm == 0 { return finding(ofStepWithin: 0) }
    guard let (length, doubt) = stepBound(transposed: transposed) else { return nil }
    let limit = Self.boundShare * (conditionsTolerance ?? .infinity)
    let bound = length / solutionNorm
    if doubt * bound <= limit { return finding(ofStepWithin: length) }
    guard let length = roughStepBound(transposed: transposed), length / solutionNorm <= limit else {
      return nil
    }
    return finding(ofStepWithin: length)
  }

  private func finding(ofStepWithin length: Double) -> NewtonFinding {
    let smallest = solution.withUnsafeBufferPointer { y in
      y.baseAddress.map { Vector.minimumMagnitude($0, count: y.count) } ?? .infinity
    }
    // What rounding leaves is spread over all equations, and is taken to move no entry by more than
    // some shares of the step, as random numbers do.
    let share = Swift.min(1, Self.shares / Double(solution.count).squareRoot())
    let isSpread =
      residualIsRounding && ProbeVector.maximumMagnitude(residual) <= share * residualNorm
    let part = isSpread ? share : 1
    return NewtonFinding(
      step: nil, correction: length / solutionNorm,
      entryCorrection: length == 0 ? 0 : part * length / smallest)
  }

  private func stepBound(transposed: Bool) -> (length: Double, doubt: Double)? {
    if let evidence = solver.condition {
      let doubt = evidence.isBound ? 1 : Self.estimateDoubt
      return evidence.solutionBound(forLength: residualNorm).map { ($0, doubt) }
    }
    guard let evidence = try? regularity(transposed: transposed),
      let inverse = evidence.inverseNormEstimate
    else { return nil }
    return (inverse * residualNorm, evidence.inverseNormDoubt)
  }

  /// A bound by an iteration that ends early, at `A s = F − r`: the step is at most `‖s‖ + ‖A⁻¹‖ ‖r‖`. As the step
  /// itself, but for a third of the cost, and with what is known of `‖A⁻¹‖` for what is left over.
  private func roughStepBound(transposed: Bool) -> Double? {
    guard solver.condition == nil, residualIsSmall, let trying,
      // Where factors have told of A, iterations fail.
      (try? regularity(transposed: transposed))?.isOfFactors != true,
      let (length, doubt) = stepBound(transposed: transposed), let tolerance = conditionsTolerance
    else { return nil }
    // Not where what is left over would be too much.
    let rest = RegularityEvidence.coarseShare(count: residual.count) * doubt * length
    guard rest <= Self.boundShare * tolerance * solutionNorm else { return nil }
    let rough: RoughStep
    if let known = state.withLock({ $0.roughStep }) {
      rough = known
    } else {
      guard let found = trying.roughSolution(residual) else { return nil }
      rough = RoughStep(length: norm(found.vector), residualNorm: found.residualNorm)
      state.withLock { $0.roughStep = rough }
    }
    return rough.length + doubt * length * (rough.residualNorm / residualNorm)
  }

  /// An approximation of the Newton step.
  struct RoughStep {
    let length: Double
    let residualNorm: Double
  }
}
