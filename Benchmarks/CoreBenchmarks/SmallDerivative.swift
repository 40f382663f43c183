import AllocationCounter
import ImplicitDifferentiation
import Measurement
import PeerProblems

/// One pullback of the tridiagonal problem at a given solution, cold: record the conditions,
/// compile both programs, read the band, factorise, solve with the transpose, check, multiply
/// with `Bᵀ`. With `n = 10` nothing but overhead is measured.
func benchmarkSmallDerivative(
  count n: Int, _ settings: Settings, into report: inout Report
) throws {
  let problem = CubicTridiagonal(count: n, lower: 1, upper: 0.5)
  let unchecked = problem.function(conditionsTolerance: nil)
  let checked = problem.function(conditionsTolerance: 1e-6)
  let (x, y, v) = (Tensor(problem.inputs), Tensor(problem.solution), Tensor(problem.direction))
  let reference = problem.pullbackByElimination()

  var results: [[Double]] = [[], []]
  let timings = try alternate(
    rounds: settings.rounds, turn: settings.turn,
    [
      Contestant(
        name: "without the Newton correction",
        run: {
          results[0] = try unchecked.linearize(at: x, solution: y).pullback(v).value.scalars
        }, error: { relativeError(results[0], reference) }),
      Contestant(
        name: "with it (the default)",
        run: {
          results[1] = try checked.linearize(at: x, solution: y).pullback(v).value.scalars
        }, error: { relativeError(results[1], reference) }),
    ])
  let name = "tridiagonal pullback, cold, n = \(n)"
  for (index, timing) in timings.enumerated() {
    report.add(
      Finding(
        benchmark: name, contestant: timing.name, value: timing.median, least: timing.least,
        error: timing.error, target: n == 10 ? 30e-6 : nil))
    guard index == timings.count - 1 else { continue }
    let before = allocationCount()
    results[1] = try checked.linearize(at: x, solution: y).pullback(v).value.scalars
    report.add(
      Finding(
        benchmark: name, contestant: "requests for memory, default",
        value: Double(allocationCount() - before), unit: "requests"))
  }

  let linearized = try checked.linearize(at: x, solution: y)
  let warm = try alternate(
    rounds: settings.rounds, turn: settings.turn,
    [
      Contestant(
        name: "one more cotangent",
        run: { results[0] = try linearized.pullback(v).value.scalars },
        error: { relativeError(results[0], reference) })
    ])
  report.add("tridiagonal pullback, warm, n = \(n)", warm)
}
