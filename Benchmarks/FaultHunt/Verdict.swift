import ImplicitDifferentiation

/// What became of one derivative, judged by the oracle.
package enum Verdict: Sendable, Equatable {
  /// Returned, and as good as it was said to be.
  case right(Accuracy)

  /// An error instead of a number.
  case refused(String)

  /// Returned without an error although it is wrong: the true error exceeds ten times the one that
  /// was stated and 1e-8 of the derivative, or there is no derivative at all.
  case silentlyWrong(Accuracy)

  /// The oracle has no reference, because no solution is near the point that was planned.
  case notJudged
}

/// True and stated error of a derivative, absolutely, in 2-norms.
package struct Accuracy: Sendable, Equatable {
  package var trueError: Double
  package var statedError: Double?
  package var referenceNorm: Double

  package var relativeError: Double {
    trueError == 0 ? 0 : referenceNorm == 0 ? .infinity : trueError / referenceNorm
  }

  /// Silent wrong answers are beyond both limits.
  package static let relativeLimit = 1e-8
  package static let statedFactor = 10.0
}

/// The error that a report states for a derivative: its 2-norm, or `nil` where it states none.
///
/// The only place where the hunt asks for it.
func statedError(_ report: DerivativeReport, of value: [Double]) -> Double? {
  nil
}

/// A problem with both verdicts.
package struct Judgement: Sendable {
  package let problem: HuntProblem
  /// `nil` without a reference.
  package let condition: Double?
  package let forward: Verdict
  package let reverse: Verdict

  package init(_ problem: HuntProblem) {
    self.problem = problem
    let run = LibraryRun(problem)
    let oracle = Oracle(problem)
    condition = oracle?.condition
    var hasForward = true
    var hasReverse = true
    if case .poison(let poison) = problem.plant {
      (hasForward, hasReverse) = (!poison.concerns.forward, !poison.concerns.reverse)
    }
    let scale = problem.exponent
    forward = Judgement.verdict(run.forward, oracle?.forward, scale, exists: hasForward)
    reverse = Judgement.verdict(run.reverse, oracle?.reverse, scale, exists: hasReverse)
  }

  /// - Parameter exists: whether the derivative exists; if not, any value is wrong.
  private static func verdict(
    _ outcome: Outcome, _ reference: [DoubleDouble]?, _ exponent: Int, exists: Bool
  ) -> Verdict {
    switch outcome {
    case .refused(let reason): return .refused(reason)
    case .returned(let value, let report):
      let back = HuntNumbers.powerOfTwo(-exponent)
      let stated = statedError(report, of: value).map { $0 * back }
      guard exists else {
        return .silentlyWrong(
          Accuracy(trueError: .infinity, statedError: stated, referenceNorm: 1))
      }
      guard let reference else { return .notJudged }
      guard value.count == reference.count else {
        return .silentlyWrong(
          Accuracy(trueError: .infinity, statedError: stated, referenceNorm: 1))
      }
      let differences = zip(value, reference).map { ($1 + DoubleDouble(-($0 * back))).high }
      let accuracy = Accuracy(
        trueError: euclideanNorm(differences), statedError: stated,
        referenceNorm: euclideanNorm(reference.map(\.high)))
      let isStated =
        accuracy.statedError.map { accuracy.trueError <= Accuracy.statedFactor * $0 } ?? false
      // So that NaN is wrong.
      let isSmall = accuracy.relativeError <= Accuracy.relativeLimit
      return isStated || isSmall ? .right(accuracy) : .silentlyWrong(accuracy)
    }
  }

  /// No plant, a solver for all purposes, and an equilibrated condition number below 1e10: a refusal
  /// is a loss here.
  package var isWellPosed: Bool {
    problem.plant == .none && problem.solver.isAllPurpose && (condition ?? .infinity) < 1e10
  }

  package var verdicts: [(direction: String, verdict: Verdict)] {
    [("forward", forward), ("reverse", reverse)]
  }
}
