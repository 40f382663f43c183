import LinearSolvers
import Testing

@Suite struct DirectAcceptanceTests {
  /// Entries and products of one matrix agree to rounding; an answer is refused for its backward error
  /// alone where less than rounding is asked for.
  @Test func theLimitAskedForIsKept() throws {
    let n = 30
    let entries = (0..<n * n).map { k in
      1 / Double(1 + k / n + k % n) + (k / n == k % n ? 1 : 0)
    }
    let A = try DenseOperator(rowCount: n, columnCount: n, entries: entries)
    let b = (0..<n).map { 1 / Double($0 + 3) }
    let strict = SolveAcceptance(backwardErrorLimit: 1e-30, growthLimit: .infinity)
    for solver in [LUSolver(acceptance: strict), CholeskySolver(acceptance: strict)]
      as [any LinearSolver]
    {
      do {
        _ = try solver.solve(A, b)
        Issue.record("no answer is as good as that")
      } catch {
        guard case .inaccurate(let backwardError, limit: 1e-30) = error else {
          Issue.record(error)
          continue
        }
        #expect(backwardError > 1e-30 && backwardError < 1e-14)
      }
    }
    #expect(try LUSolver().solve(A, b).backwardError < 1e-14)
  }
}
