// A Krylov method sees the operator on the space that its right-hand side spans. Where `A` is
// singular and the right-hand side in its range, nothing that it computes shows the null vector: it
// returns one of many solutions, and the residual is small. A random right-hand side is outside the
// range of a singular `A` almost surely, and every regular `A` can solve with it.

extension PreparedLinearSolver {
  /// Throws ``LinearSolveError/singularityProbeFailed(reason:)`` unless the system with a seeded random
  /// right-hand side is solved, one solve. With more equations than unknowns that is the system of
  /// `Aᵀ`, which can be solved if the columns of `A` are independent.
  func requireRegularity(of A: any LinearOperator) throws(LinearSolveError) {
    let isTall = A.rowCount > A.columnCount
    let b = ProbeVector.make(count: isTall ? A.columnCount : A.rowCount, seed: 5)
    do throws(LinearSolveError) {
      _ = try solve(b, transposed: isTall)
    } catch {
      if error.isAboutInput { throw error }
      throw .singularityProbeFailed(reason: error)
    }
  }
}

/// What is prepared already, after the probe.
struct ProbedForSingularity: LinearSolver {
  let method: any PreparedLinearSolver

  func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    try method.requireRegularity(of: A)
    return method
  }
}
