import ImplicitDifferentiation
import Optimality
import Testing

@Suite struct ConcurrentMinimumTests {
  @Test("One constrained minimum in 64 tasks at once: first, second and one-sided derivatives")
  func oneMinimum() async throws {
    // The projection onto the ball ‖z‖ ≤ 1, cut by z₀ ≤ ½.
    let minimum = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { x, z in 0.5 * (z - x).squaredNorm() },
        inequalities: { _, z in
          Tensor.stack([0.5 * (z.squaredNorm() - 1), z.at(0) - 0.5])
        }),
      primalSolver: { x in x / max(x.norm(), 1) })
    let inputs: [Tensor] = [[0.3, -2, 0.9], [0.1, 0.2, -0.3]]
    let shared = try minimum.linearize(at: inputs[0])
    let results = try await withThrowingTaskGroup(of: (Int, [Double]).self) { group in
      for index in 0..<64 {
        group.addTask {
          let x = inputs[index % 2]
          let linear = try minimum.linearize(at: x)
          let w: Tensor = [1, -1, 2]
          let numbers =
            try linear.primalPullback(w).value.scalars
            + shared.primalPullback(w).value.scalars
            + minimum.oneSidedPushforward(at: x, along: w).value.primal.scalars
            + gradient(at: x) { x in
              try gradient(at: x) { try minimum($0).primal.dot(w) }.squaredNorm()
            }.scalars
          return (index, numbers)
        }
      }
      var results = [[Double]](repeating: [], count: 64)
      for try await (index, numbers) in group { results[index] = numbers }
      return results
    }
    for index in 0..<64 {
      #expect(results[index].map(\.bitPattern) == results[index % 2].map(\.bitPattern))
    }
    #expect(results[0].count == 12 && results[0] != results[1])
  }
}
