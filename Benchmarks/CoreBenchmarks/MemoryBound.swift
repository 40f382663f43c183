import HandWritten
import ImplicitDifferentiation
import Measurement
import PeerProblems

/// A cold pullback of ridge regression whose matrix no cache holds, against what memory allows: the triad of
/// STREAM over as many bytes as the matrix has, once for each iteration.
func benchmarkMemoryBound(
  count n: Int, _ settings: Settings, into report: inout Report
) throws {
  let problem = RidgeMechanism(count: n)
  guard let task = try problem.tasks.first else { return }
  let expected = try task.reference()
  let pullback = try problem.pullback()
  var found = pullback.value.scalars
  let iterations = pullback.report.linearIterations
  // Three arrays as large as the matrix: a pass moves three times its bytes.
  let triad = Triad(count: problem.ridge.features.count)
  let passes = (iterations + 2) / 3
  let timings = try alternate(
    rounds: settings.rounds, turn: settings.turn,
    [
      Contestant(
        name: "triad, \(3 * passes) times the bytes of X",
        run: { for _ in 0..<passes { triad.run() } }, error: { 0 }),
      Contestant(
        name: "cold pullback, \(iterations) iterations", run: { found = try task.run() },
        error: { relativeError(found, expected) }),
    ])
  report.add("ridge mechanism beside memory, n = \(n)", timings, targets: [nil, 1.3])
}
