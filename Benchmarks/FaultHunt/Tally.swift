import FaultOracle

/// The verdicts of many problems, counted.
package struct Tally: Sendable {
  /// Verdicts of one group of problems; each problem has two, forward and reverse.
  package struct Counts: Sendable, Equatable {
    package var problems = 0
    package var right = 0
    package var refused = 0
    package var silentlyWrong = 0
    package var notJudged = 0

    mutating func add(_ verdict: Verdict) {
      switch verdict {
      case .right: right += 1
      case .refused: refused += 1
      case .silentlyWrong: silentlyWrong += 1
      case .notJudged: notJudged += 1
      }
    }
  }

  /// How honest the errors are that were stated of derivatives with a reference.
  package struct Honesty: Sendable, Equatable {
    package var stated = 0
    /// The true error is larger.
    package var tooSmall = 0
    /// The true error (at least half a unit in the last place of the derivative) is more than 1000
    /// times smaller.
    package var tooLarge = 0

    mutating func add(_ accuracy: Accuracy) {
      guard let claim = accuracy.statedError else { return }
      stated += 1
      if accuracy.trueError > claim { tooSmall += 1 }
      if claim > 1000 * max(accuracy.trueError, accuracy.referenceNorm * 0x1p-53) { tooLarge += 1 }
    }
  }

  package private(set) var total = Counts()
  package private(set) var byPlant: [String: Counts] = [:]
  /// Refusals by plant and by the error.
  package private(set) var reasons: [String: [String: Int]] = [:]
  package private(set) var honesty = Honesty()
  /// The same by the linear solver that the caller names.
  package private(set) var honestyBySolver: [String: Honesty] = [:]
  /// Derivatives, and refusals among them, that should not be refused.
  package private(set) var wellPosed = (derivatives: 0, refused: 0, refusedWithDigits: 0)
  /// What is silently wrong or has no reference, and the well-posed problems refused.
  package private(set) var findings: [Finding] = []

  /// A derivative worth looking at.
  package struct Finding: Sendable {
    package var seed: UInt64
    package var index: Int
    package var kind: String
    package var plant: String
    package var solver: String
    package var direction: String
    package var verdict: String
    /// `nil` for a refusal, or without a reference.
    package var accuracy: Accuracy?
    package var condition: Double?
    package var text: String

    package var isSilentlyWrong: Bool { verdict == Finding.silentlyWrong }
    static let silentlyWrong = "silently wrong"
  }

  package init() {}

  package mutating func add(_ judgement: Judgement) {
    let group = judgement.problem.plant.group
    total.problems += 1
    byPlant[group, default: Counts()].problems += 1
    for (direction, verdict) in judgement.verdicts {
      total.add(verdict)
      byPlant[group, default: Counts()].add(verdict)
      if judgement.isWellPosed { wellPosed.derivatives += 1 }
      switch verdict {
      case .right(let accuracy): add(accuracy, of: judgement.problem)
      case .refused(let reason):
        reasons[group, default: [:]][reason, default: 0] += 1
        if judgement.isWellPosed {
          wellPosed.refused += 1
          if judgement.hasDigit { wellPosed.refusedWithDigits += 1 }
          note(judgement, direction, "refused: \(reason)", nil)
        }
      case .silentlyWrong(let accuracy):
        add(accuracy, of: judgement.problem)
        note(judgement, direction, Finding.silentlyWrong, accuracy)
      case .notJudged: note(judgement, direction, "returned without a reference", nil)
      }
    }
  }

  private mutating func add(_ accuracy: Accuracy, of problem: HuntProblem) {
    honesty.add(accuracy)
    honestyBySolver[problem.solver.rawValue, default: Honesty()].add(accuracy)
  }

  private mutating func note(
    _ judgement: Judgement, _ direction: String, _ verdict: String, _ accuracy: Accuracy?
  ) {
    let problem = judgement.problem
    let numbers = accuracy.map { accuracy in
      ", error \(short(accuracy.relativeError)) relative"
        + (accuracy.statedError.map { ", \(short($0 / accuracy.referenceNorm)) stated" } ?? "")
    }
    let condition = judgement.condition.map { ", condition \(short($0))" }
    findings.append(
      Finding(
        seed: problem.seed, index: problem.index, kind: problem.kind.rawValue,
        plant: "\(problem.plant)", solver: problem.solver.rawValue, direction: direction,
        verdict: verdict, accuracy: accuracy,
        condition: judgement.condition,
        text: "\(verdict): \(direction)\(numbers ?? "")\(condition ?? ""); \(problem)"))
  }
}
