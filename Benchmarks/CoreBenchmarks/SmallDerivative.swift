import AllocationCounter
import ImplicitDifferentiation

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

/// `Fᵢ = 4yᵢ + yᵢ³ − lo·yᵢ₋₁ − up·yᵢ₊₁ − xᵢ`, with `x` made so that a given `y` solves it, and a
/// solution that is off by a small relative error, as a solver would leave it: at the exact one the
/// residual is zero and its Newton correction costs nothing.
struct CubicTridiagonal: Sendable {
  let lower: Double
  let upper: Double
  let solution: [Double]
  let inputs: [Double]
  let direction: [Double]

  init(
    count n: Int, lower: Double, upper: Double, relativeError: Double = 1e-10, seed: UInt64 = 111
  ) {
    var generator = SplitMix64(seed: seed)
    let y = generator.symmetric(count: n)
    solution = y.map { $0 * (1 + relativeError) }
    direction = generator.symmetric(count: n)
    self.lower = lower
    self.upper = upper
    inputs = (0..<n).map { i in
      let below = i > 0 ? y[i - 1] : 0
      let above = i + 1 < n ? y[i + 1] : 0
      return 4 * y[i] + y[i] * y[i] * y[i] - lower * below - upper * above
    }
  }

  func function(conditionsTolerance: Double?) -> ImplicitFunction<Tensor, Tensor> {
    let solution = Tensor(solution)
    let (lo, up) = (Tensor(lower), Tensor(upper))
    return ImplicitFunction(
      forward: { _ in solution },
      conditions: .root { x, y in
        4 * y + y * y * y - lo * y.shifted(by: 1) - up * y.shifted(by: -1) - x
      }, conditionsTolerance: conditionsTolerance)
  }

  /// `u` with `Aᵀ u = v`: the pullback, since `B = −I`. By elimination without exchanges, which a
  /// diagonally dominant matrix allows.
  func pullbackByElimination() -> [Double] {
    let n = solution.count
    var diagonal = solution.map { 4 + 3 * $0 * $0 }
    var u = direction
    // Row i of Aᵀ holds −up in column i − 1 and −lo in column i + 1.
    for i in 1..<n {
      let factor = -upper / diagonal[i - 1]
      diagonal[i] -= factor * -lower
      u[i] -= factor * u[i - 1]
    }
    u[n - 1] /= diagonal[n - 1]
    for i in stride(from: n - 2, through: 0, by: -1) {
      u[i] = (u[i] + lower * u[i + 1]) / diagonal[i]
    }
    return u
  }
}
