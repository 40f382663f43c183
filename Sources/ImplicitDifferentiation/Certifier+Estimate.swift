import LinearSolvers

/// Errors estimated, and measured where an estimate promises too little.
extension Certifier {
  /// Rounding errors of a coefficient or a product, in units of `ε`.
  static var roundings: Double { 10 }

  /// Near a fold a Newton step tells the truncation error within a small factor only, and the
  /// rounding of a residual is known by samples.
  static var safety: Double { 6 }

  /// What an estimate takes for the relative change of `A` and `B` when the solution changes by its own
  /// size.
  static var curvature: Double { 4 }

  /// Up to this many unknowns, iterative solves are certified by a factorisation.
  static var factorisedCount: Int { 128 }

  /// Two perturbations: that both do little by accident is a matter of one in hundreds.
  static var seeds: [UInt64] { [11, 23] }

  /// - Parameters:
  ///   - size: the norm of the derivative.
  ///   - componentwise: the componentwise backward error of the solve.
  ///   - termsNorm: the norm that it would have if nothing in it cancelled.
  ///   - measure: how much it changes at a better solution, and by perturbations of relative size one
  ///     of all coefficients.
  func error(
    of answer: LinearSolution, size: Double, transposed: Bool, componentwise: () throws -> Double,
    termsNorm: () throws -> Double,
    measure: ([LinearizedConditions]) throws -> (truncation: Double, perturbations: [Double])
  ) throws -> DerivativeErrorEstimate? {
    if certification.effort == .none { return nil }
    let terms: Double
    if certification.effort == .estimate {
      guard let newton = try reportedNewton(transposed: transposed), isExact else { return nil }
      terms = Swift.max(size, try termsNorm())
      // Where nothing is known of the condition, no estimate can promise anything.
      let condition = try conditionNumber(for: answer, transposed: transposed)
      let defect =
        solver.condition == nil && condition.isFinite ? try componentwise() : answer.backwardError
      let rounding = condition * Swift.max(Self.roundings * .ulpOfOne, defect)
      // The condition of a scaled matrix is not that of the changes that a Newton step makes to it.
      let isTold = solver.condition.map { !$0.isScaled } ?? condition.isFinite
      /// The estimate, if it promises enough.
      func estimate(
        _ newton: NewtonFinding, change: Double = 0
      ) -> DerivativeErrorEstimate? {
        // No residual tells the solution better than to κ ε, however small it was computed to be.
        let distance = newton.entryCorrection + condition * .ulpOfOne
        let wrong =
          Swift.max(Self.curvature * condition * distance, 2 * change)
          + (answer.relativeBias ?? 0)
        let estimate = DerivativeErrorEstimate(
          truncation: terms == 0 ? 0 : wrong * terms,
          rounding: terms == 0 ? 0 : rounding * terms, derivativeNorm: size, termsNorm: terms,
          isMeasured: false)
        let isEnough =
          estimate.relative <= certification.measuredAbove && certification.accepts(estimate)
        return isEnough ? estimate : nil
      }
      if isTold {
        var newton = newton
        // A bound is what is wanting, perhaps; the step itself costs less than to measure.
        if estimate(newton) == nil, newton.step == nil, let exact = try exactNewton() {
          newton = exact
        }
        if estimate(newton) != nil {
          let change = (try? changeOverStep()) ?? .infinity
          if let estimate = estimate(newton, change: change) { return estimate }
        }
      }
    } else {
      terms = Swift.max(size, try termsNorm())
    }
    let (truncation, perturbations): (Double, [Double])
    let growth: Double
    do {
      guard let better = try betterSolutions() else { return nil }
      (truncation, perturbations) = try measure(better.conditions)
      // A gradient may be small because its terms cancel, and change by all of its size.
      let whole = transposed ? terms : size
      growth = better.growth(change: whole > 0 ? truncation / whole : 0)
    } catch {
      // A better solution at which there are no conditions, or a random right-hand side for which
      // there is no solution, tells as much as a large number.
      return DerivativeErrorEstimate(
        truncation: .infinity, rounding: 0, derivativeNorm: size, termsNorm: terms,
        isMeasured: true)
    }
    let noise = norm(perturbations) / Double(perturbations.count).squareRoot()
    return DerivativeErrorEstimate(
      truncation: truncation == 0 ? 0 : Self.safety * growth * truncation,
      rounding: Self.roundings * .ulpOfOne * noise,
      derivativeNorm: size, termsNorm: terms, isMeasured: true)
  }

  /// Whether the error may wait until the report is read. It may if the estimate is so far from the limit
  /// that no measurement would refuse the derivative: where the solution is as good as rounding allows, a
  /// better one, at which to measure, is this one for all that is known; elsewhere the derivative may change
  /// by far more than estimated. A limit that asks for digits does not wait.
  func mayWait(_ answer: LinearSolution, transposed: Bool) throws -> Bool {
    if certification.effort == .measure { return false }
    guard let newton = try newton(transposed: transposed) else { return false }
    guard certification.effort == .estimate, isExact else { return true }
    guard let limit = certification.errorLimit else { return true }
    if limit < 1 { return false }
    let condition = try conditionNumber(for: answer, transposed: transposed)
    // An equation in small units may be off by all of its size.
    let defect = solver.condition == nil ? 1 : answer.backwardError
    let distance = newton.entryCorrection + condition * .ulpOfOne
    let truncation = Self.curvature * condition * distance + (answer.relativeBias ?? 0)
    let rounding = condition * Swift.max(Self.roundings * .ulpOfOne, defect)
    // The condition number of a scaled matrix tells little of the error.
    let isTold = solver.condition.map { knowsCondition && !$0.isScaled } ?? true
    if isTold && truncation + rounding <= certification.measuredAbove { return true }
    let accepted = isTold ? limit : Self.waitingShare * limit
    let truncationShare = residualIsRounding ? 1 : Self.waitingShare
    return rounding <= accepted && truncation <= truncationShare * (accepted - rounding)
  }

  /// How far below the limit an estimate has to be where it may be wrong by orders of magnitude.
  static var waitingShare: Double { 1e-4 }

  /// The condition number; infinity where it is unknown, or an iterative method may have found one of
  /// many solutions.
  func conditionNumber(
    for answer: LinearSolution, transposed: Bool
  ) throws -> Double {
    if let evidence = solver.condition { return evidence.conditionNumber }
    // A random right-hand side that is solved with in a few steps has met all there is: its components
    // along other directions are as large as what was left of it.
    let met = answer.iterations >= KrylovSpace.fewSteps ? answer.conditionEstimate : nil
    let regularity =
      try met == nil
      ? try? regularity(transposed: transposed) : regularity(transposed: transposed)
    guard let regularity, regularity.isRegular else { return .infinity }
    // Any of these numbers is a lower bound.
    let known = [met, regularity.conditionEstimate].compactMap { $0 }
    return known.isEmpty
      ? .infinity : Swift.max(known.max() ?? 0, answer.conditionEstimate ?? 0)
  }

  /// The length of a solution, with that of entries which may err by as much as the largest.
  func length(of x: [Double], transposed: Bool) -> Double {
    solver.condition?.length(of: x, transposed: transposed) ?? norm(x)
  }
}
