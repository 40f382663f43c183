import Synchronization

// Iterative refinement with a Krylov method inside: each cycle solves with the rounded operator Ã from the
// residual that `A` itself leaves, so that nothing of the rounding stays in the solution. A cycle removes all
// but `2⁻²²` of the residual, or `‖A − Ã‖ ‖A⁻¹‖` of it, whichever is more.

extension PreparedIterativeSolver {
  /// An operator near `A` for methods whose products are all with `A`.
  var roundedForm: (any LinearOperator)? {
    method.needsSymmetry ? probes.rounded?.form : nil
  }

  /// Of methods that used it.
  static var withRoundedEntries: String {
    "with entries in single precision between residuals in double"
  }

  /// Less than this of a residual has to be left, or the rounded operator is given up: `A` is so ill-conditioned
  /// that the rounding decides.
  private static var refinementLimit: Double { 0x1p-8 }

  /// After a cycle with the rounded operator. Where that failed, in whatever way, the method goes on with `A`.
  ///
  /// - Parameter known: what was known before the cycle.
  func verdict(
    on system: IterativeSystem, afterRounded cycle: Result<CycleOutcome, LinearSolveError>,
    knowing known: IterativeSystem.Spectrum, from previous: Double
  ) throws(LinearSolveError) -> IterativeProgress {
    guard case .success = cycle, (try? system.recomputeResidual()) != nil else {
      try system.abandonRounded(knowing: known, restarting: true)
      return .unfinished
    }
    let current = system.residualNorm
    if current <= system.target { return .solved }
    // `!(≤)`, so that NaN is no success.
    if !(current <= Self.refinementLimit * previous) {
      try system.abandonRounded(knowing: known, restarting: !(current < previous))
      return .unfinished
    }
    return acceptance.acceptsBackwardError(of: system.evidence) ? .solved : .unfinished
  }
}

/// The rounded form of an operator, made when first asked for, and then kept.
final class LazyRoundedForm: Sendable {
  private let base: any HasRoundedForm
  private let made = Mutex<(any LinearOperator)??>(nil)

  init(_ base: any HasRoundedForm) { self.base = base }

  var form: (any LinearOperator)? {
    made.withLock { made in
      if let made { return made }
      let form = base.roundedForm()
      made = .some(form)
      return form
    }
  }
}
