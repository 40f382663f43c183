import FaultHunt
import FaultOracle
import Testing

/// A thousand random problems, differentiated by the library and judged by the oracle.
@Suite("The fault hunt")
struct HuntTests {
  @Test("No derivative is wrong without a word")
  func noSilentWrongAnswer() {
    for finding in StoredProblems.tally.findings where finding.isSilentlyWrong {
      Issue.record("\(finding.text)")
    }
  }

  /// Found by longer hunts, by seed and index: a fold half a Newton step away, and terms inside of a
  /// residual whose rounding is larger than that of its products.
  @Test(
    "Nor where it was once", arguments: [(3, 4368), (4, 3912), (11, 2), (18, 3672)])
  func mendedProblems(_ seed: UInt64, _ index: Int) {
    for (direction, verdict) in Judgement(HuntProblem(seed: seed, index: index)).verdicts {
      if case .silentlyWrong(let accuracy) = verdict { Issue.record("\(direction): \(accuracy)") }
    }
  }

  @Test("What is returned is right where the problem is well-conditioned and honestly posed")
  func wellConditioned() {
    var count = 0
    for judgement in StoredProblems.judgements
    where judgement.isWellPosed && judgement.condition ?? .infinity < 1e3
      && judgement.problem.solver != .automaticIterative
    {
      for (direction, verdict) in judgement.verdicts {
        count += 1
        guard case .right(let accuracy) = verdict, accuracy.relativeError <= 1e-8 else {
          Issue.record("\(direction): \(verdict), \(judgement.problem)")
          continue
        }
      }
    }
    #expect(count > 50)
  }

  @Test("A point that is far from the solution is refused")
  func earlyStops() {
    var count = 0
    for judgement in StoredProblems.judgements
    where judgement.problem.plant == .earlyStop && judgement.distance ?? 0 > 1e-5 {
      // Beyond that the point may be near another solution.
      guard judgement.condition ?? .infinity < 1e6 else { continue }
      for (direction, verdict) in judgement.verdicts {
        count += 1
        guard case .refused = verdict else {
          Issue.record("\(direction): \(verdict), \(judgement.problem)")
          continue
        }
      }
    }
    #expect(count > 30)
  }

  @Test("A declaration that does not hold is refused, or does no harm")
  func falseDeclarations() {
    // Every tenth problem is falsely declared, in eleven ways that take turns.
    var count = 0
    for index in 0..<660 {
      let problem = HuntProblem(seed: 5, index: 10 * index + 1)
      guard case .wrongDeclaration(let declaration) = problem.plant else {
        Issue.record("\(problem)")
        continue
      }
      guard declaration.isSeenByProducts else { continue }
      let judgement = Judgement(problem)
      guard judgement.condition ?? .infinity < 1e4 else { continue }
      for (direction, verdict) in judgement.verdicts {
        count += 1
        switch verdict {
        case .right, .refused: break
        default:
          Issue.record("\(direction): \(verdict), \(problem)")
        }
      }
    }
    #expect(count > 200)
  }

  @Test("Hardly any well-posed problem is refused")
  func refusals() {
    let wellPosed = StoredProblems.tally.wellPosed
    #expect(wellPosed.derivatives > 500)
    #expect(Double(wellPosed.refused) < 0.005 * Double(wellPosed.derivatives))
  }

  @Test("Stated errors are honest")
  func honesty() {
    let honesty = StoredProblems.tally.honesty
    #expect(honesty.stated > 500)
    #expect(Double(honesty.tooSmall) < 0.01 * Double(honesty.stated))
    #expect(Double(honesty.tooLarge) < 0.2 * Double(honesty.stated))
  }

  @Test("Every plant and every kind of conditions has its share")
  func shares() {
    let counts = StoredProblems.tally.byPlant.mapValues(\.problems)
    #expect(
      counts == [
        "no plant": 600, "near a kink": 100, "wrong declaration": 100, "early stop": 100,
        "poisoned": 100,
      ])
    for kind in ConditionKind.allCases {
      let count = StoredProblems.judgements.count { judgement in
        judgement.problem.plant == .none && judgement.problem.kind == kind
      }
      #expect((50...60).contains(count), "\(kind)")
    }
  }

  @Test("A problem is the same whenever it is made, and another in another series")
  func reproducible() {
    let problem = HuntProblem(seed: 3, index: 41)
    #expect(problem.fingerprint == HuntProblem(seed: 3, index: 41).fingerprint)
    #expect(problem.fingerprint != HuntProblem(seed: 4, index: 41).fingerprint)
    #expect("\(problem)".hasPrefix("problem 41 of seed 3: "))
  }
}
