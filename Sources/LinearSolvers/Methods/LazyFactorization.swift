import Synchronization

/// What a method prepares, when first asked for, and then kept. It depends on `A` alone, so that it
/// does not matter which solve, on which thread, asks first.
final class LazyFactorization: Sendable {
  private let base: any LinearOperator
  private let solver: any LinearSolver
  private let outcome = Mutex<Result<any PreparedLinearSolver, LinearSolveError>?>(nil)

  init(base: any LinearOperator, solver: any LinearSolver) {
    self.base = base
    self.solver = solver
  }

  func factorized() throws(LinearSolveError) -> any PreparedLinearSolver {
    let result = outcome.withLock { outcome in
      if let outcome { return outcome }
      let computed: Result<any PreparedLinearSolver, LinearSolveError>
      do throws(LinearSolveError) {
        computed = .success(try solver.prepare(base))
      } catch {
        computed = .failure(error)
      }
      outcome = computed
      return computed
    }
    return try result.get()
  }
}
