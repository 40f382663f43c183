import FaultOracle
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

  /// Returned where the oracle has no reference, since no solution is near
  /// the point that was planned.
  case notJudged
}

/// True and stated error of a derivative, absolutely, in 2-norms. A report that states none claims
/// that there is none.
package struct Accuracy: Sendable, Equatable {
  package var trueError: Double
  package var statedError: Double?
  package var referenceNorm: Double
  /// The part of the error that is not due to the point found: in comparison with the derivative
  /// of the conditions there. `nil` where that does not exist.
  package var errorAtPoint: Double?

  /// Relative to the reference.
  package var relativeError: Double {
    trueError == 0 ? 0 : referenceNorm == 0 ? .infinity : trueError / referenceNorm
  }

  /// Silent wrong answers are beyond both limits.
  package static let relativeLimit = 1e-8
  package static let statedFactor = 10.0
}

/// A problem with both verdicts.
package struct Judgement: Sendable {
  package let problem: HuntProblem
  /// `nil` without a reference.
  package let condition: Double?
  /// How far the point found is from the solution, relative to it; `nil` without a reference.
  package let distance: Double?
  /// Whether the conditions have both derivatives to one digit at the point found: a refusal where they have
  /// not is no loss.
  package let hasDigit: Bool
  package let forward: Verdict
  package let reverse: Verdict

  package init(_ problem: HuntProblem) {
    self.problem = problem
    let run = LibraryRun(problem)
    let oracle = Oracle(problem)
    condition = oracle?.condition
    distance = oracle.map { oracle in
      let gap = zip(problem.found, oracle.solution).map { ($1 + DoubleDouble(-$0)).high }
      return euclideanNorm(gap) / euclideanNorm(oracle.solution.map(\.high))
    }
    var hasForward = true
    var hasReverse = true
    if case .poison(let poison) = problem.plant {
      (hasForward, hasReverse) = (!poison.concerns.forward, !poison.concerns.reverse)
    }
    let there = Oracle(problem, at: problem.found)
    func isNear(_ found: [DoubleDouble], _ reference: [DoubleDouble]) -> Bool {
      let error = euclideanNorm(zip(found, reference).map { ($0 - $1).high })
      return error <= 0.1 * euclideanNorm(reference.map(\.high))
    }
    hasDigit =
      if let oracle, let there {
        isNear(there.forward, oracle.forward) && isNear(there.reverse, oracle.reverse)
      } else { false }
    let scale = problem.exponent
    forward = Judgement.verdict(
      run.forward, oracle?.forward, there?.forward, scale, exists: hasForward)
    reverse = Judgement.verdict(
      run.reverse, oracle?.reverse, there?.reverse, scale, exists: hasReverse)
  }

  /// - Parameter exists: whether the derivative exists; if not, any value is wrong.
  private static func verdict(
    _ outcome: Outcome, _ reference: [DoubleDouble]?, _ atPoint: [DoubleDouble]?, _ exponent: Int,
    exists: Bool
  ) -> Verdict {
    switch outcome {
    case .refused(let reason): return .refused(reason)
    case .returned(let value, let report):
      let back = HuntNumbers.powerOfTwo(-exponent)
      let stated = report.error.map { $0 * back }
      guard exists else {
        return .silentlyWrong(
          Accuracy(trueError: .infinity, statedError: stated, referenceNorm: 1))
      }
      guard let reference else { return .notJudged }
      guard value.count == reference.count else {
        return .silentlyWrong(
          Accuracy(trueError: .infinity, statedError: stated, referenceNorm: 1))
      }
      func error(_ reference: [DoubleDouble]) -> Double {
        euclideanNorm(zip(value, reference).map { ($1 + DoubleDouble(-($0 * back))).high })
      }
      let accuracy = Accuracy(
        trueError: error(reference), statedError: stated,
        referenceNorm: euclideanNorm(reference.map(\.high)), errorAtPoint: atPoint.map(error))
      let isStated =
        accuracy.statedError.map { accuracy.trueError <= Accuracy.statedFactor * $0 } ?? false
      // So that NaN is wrong.
      let isSmall = accuracy.relativeError <= Accuracy.relativeLimit
      return isStated || isSmall ? .right(accuracy) : .silentlyWrong(accuracy)
    }
  }

  /// No plant, a solver for all purposes, an equilibrated condition number below 1e10 and a point
  /// that has converged: a refusal is a loss here.
  package var isWellPosed: Bool {
    problem.plant == .none && problem.solver.isAllPurpose && (condition ?? .infinity) < 1e10
      && (distance ?? .infinity) < 1e-7
  }

  /// Forward and reverse.
  package var verdicts: [(direction: String, verdict: Verdict)] {
    [("forward", forward), ("reverse", reverse)]
  }
}

extension Judgement {
  /// Everything about one problem.
  package var details: String {
    func describe(_ verdict: Verdict) -> String {
      func numbers(_ accuracy: Accuracy) -> String {
        "error \(short(accuracy.trueError)) of \(short(accuracy.referenceNorm)), stated "
          + (accuracy.statedError.map(short) ?? "nothing")
          + (accuracy.errorAtPoint.map { ", \(short($0)) not due to the point" } ?? "")
      }
      return switch verdict {
      case .right(let accuracy): "right, \(numbers(accuracy))"
      case .refused(let reason): "refused: \(reason)"
      case .silentlyWrong(let accuracy): "SILENTLY WRONG, \(numbers(accuracy))"
      case .notJudged: "returned, without a reference"
      }
    }
    let lines =
      ["\(problem)", "equilibrated condition  \(condition.map(short) ?? "no reference")"]
      + verdicts.map { direction, verdict in
        "\(direction)                 ".prefix(24) + describe(verdict)
      }
    return lines.joined(separator: "\n")
  }
}
