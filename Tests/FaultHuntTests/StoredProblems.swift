import FaultHunt
import FaultOracle
import Foundation

/// The problems of `Oracle/references.csv` and as many of another series, judged once for all tests.
enum StoredProblems {
  /// As the script was run.
  static let seed: UInt64 = 1

  static let references: Result<[StoredReference], any Error> = Result {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Oracle/references.csv")
    return try StoredReference.rows(of: String(contentsOf: file, encoding: .utf8))
  }

  static let judgements: [Judgement] =
    (0..<500).map { Judgement(HuntProblem(seed: seed, index: $0)) }
    + (0..<500).map { Judgement(HuntProblem(seed: 2, index: $0)) }

  static let tally: Tally = {
    var tally = Tally()
    for judgement in judgements { tally.add(judgement) }
    return tally
  }()
}
