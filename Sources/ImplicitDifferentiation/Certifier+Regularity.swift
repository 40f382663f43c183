import LinearSolvers

/// Whether there is one derivative.
extension Certifier {
  /// What a random right-hand side shows, once for all derivatives in one direction: a derivative's own
  /// may be in the range of a singular `A`. `nil` for methods that cannot be asked.
  func regularity(transposed: Bool) throws -> RegularityEvidence? {
    guard let trying else { return nil }
    // What was known at the start serves both directions.
    let (known, direction) = state.withLock { state in
      let direction = transposed && !state.isKnownAtStart
      return (state.regularity[direction], direction)
    }
    if let known { return known }
    do {
      let found = try trying.triedRegularity(transposed: direction)
      state.withLock { $0.regularity[direction] = found }
      return found
    } catch {
      throw DifferentiationError.linearSolve(error, during: Self.ofTheDerivative)
    }
  }

  /// Solves for a derivative, and tries beside it whether the operator is regular, if that is to be
  /// known and is not.
  ///
  /// - Throws: the error of the first column that was not solved, and then that of the try.
  func solve(
    _ columns: [[Double]], transposed: Bool, during: String
  ) throws(DifferentiationError) -> [LinearSolution] {
    if columns.isEmpty { return [] }
    guard certification.effort == .estimate, solver.condition == nil,
      let trying, trying.triesBesideSolves,
      state.withLock({ !$0.isKnownAtStart && $0.regularity[transposed] == nil })
    else {
      return try certified(during) { () throws(LinearSolveError) in
        columns.count == 1
          ? [try solver.solve(columns[0], transposed: transposed)]
          : try solver.solve(columns: columns, transposed: transposed)
      }
    }
    let (solved, evidence) = trying.solveEachTryingRegularity(columns, transposed: transposed)
    let solutions = try certified(during) { () throws(LinearSolveError) in
      var solutions: [LinearSolution] = []
      for outcome in solved { solutions.append(try outcome.get()) }
      return solutions
    }
    let found = try certified(Self.ofTheDerivative) { () throws(LinearSolveError) in
      try evidence.get()
    }
    state.withLock { $0.regularity[transposed] = found }
    return solutions
  }

  static var ofTheDerivative: String { "of the derivative, with A = ∂F/∂y," }
}
