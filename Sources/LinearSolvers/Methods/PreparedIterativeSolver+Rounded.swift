import Synchronization

// Iterative refinement with a Krylov method inside: each cycle solves with the rounded operator Ã from the
// residual that `A` itself leaves. A cycle removes all but `2⁻²²` of the residual, or `‖A − Ã‖ ‖A⁻¹‖` of it, whichever is
// more. So `A` has to be known as definite and well-conditioned beforehand: the rounded form of a singular
// matrix is regular, and would solve systems that have no solution.

extension PreparedIterativeSolver {
  /// An operator near `A`, for methods whose products are all with `A`, where `A` knows of itself that no
  /// eigenvalue is below about a hundredth of the largest.
  var roundedForm: (any LinearOperator)? {
    method.needsSymmetry && definiteness != nil ? probes.rounded?.form : nil
  }

  /// Of methods that used it.
  static var withRoundedEntries: String {
    "with entries in single precision between residuals in double"
  }

  /// More than this of a residual must not be left, or the rounded operator is given up: it is not so near after all.
  private static var refinementLimit: Double { 0x1p-8 }

  /// After a cycle with the rounded operator. What counts is the residual of `A`: at rounding level, and wherever
  /// a cycle failed, in whatever way, the method goes on with `A` itself.
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
    // A cycle that was to gain less, since the target was near, need not.
    let enough = max(Self.refinementLimit * previous, min(2 * system.target, 0.5 * previous))
    // `!(≤)`, so that NaN is no success.
    if !(current <= enough) || system.isAtLimit {
      try system.abandonRounded(knowing: known, restarting: !(current < previous))
    }
    return .unfinished
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
