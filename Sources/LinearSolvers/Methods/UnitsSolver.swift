/// Solves in given units: `(R A C)(C⁻¹ x) = R b` by any method. What that sees does not depend on the
/// units that a problem is stated in, so that no digit of its answers does.
///
/// Powers of two are multiplied, at a cost of `O(n)` for each product and right-hand side. Errors and
/// `LinearSolution.residualNorm` are those of the scaled system.
struct UnitsSolver: LinearSolver {
  let base: any LinearSolver
  let units: SystemUnits

  func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    try requireCount(units.rows.count, A.rowCount, "the units of the equations")
    try requireCount(units.columns.count, A.columnCount, "the units of the unknowns")
    return PreparedInUnits(
      base: try base.prepare(OperatorInUnits(base: A, units: units)), units: units)
  }
}

private struct PreparedInUnits: PreparedLinearSolver {
  let base: any PreparedLinearSolver
  let units: SystemUnits

  var methodDescription: String { base.methodDescription }

  var condition: ConditionEvidence? { base.condition?.inUnits(units) }

  /// The factors before and behind the solve: of a right-hand side, and of a solution.
  private func factors(transposed: Bool) -> (before: [Double], behind: [Double]) {
    transposed ? (units.columns, units.rows) : (units.rows, units.columns)
  }

  func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    let (right, exponent) = try rightHandSide(b, transposed: transposed)
    let behind = factors(transposed: transposed).behind
    let guess = initialGuess.map { guess in
      zip(PowerOfTwo.scaled(guess, by: -exponent), behind).map { $0 / $1 }
    }
    return try given(
      try base.solve(right, transposed: transposed, initialGuess: guess), exponent,
      transposed: transposed)
  }

  func solveEach(
    _ columns: [[Double]], transposed: Bool
  ) -> [Result<LinearSolution, LinearSolveError>] {
    let scaled = columns.map { b in
      outcome { () throws(LinearSolveError) in try rightHandSide(b, transposed: transposed) }
    }
    let fit = scaled.compactMap { try? $0.get().vector }
    var solved = base.solveEach(fit, transposed: transposed).makeIterator()
    return scaled.map { scaled in
      outcome { () throws(LinearSolveError) in
        let exponent = try scaled.get().exponent
        guard let solution = solved.next() else { throw .productFailed("a column is missing") }
        return try given(try solution.get(), exponent, transposed: transposed)
      }
    }
  }

  /// `2^-exponent R b`, of size one before it is multiplied by `R`.
  private func rightHandSide(
    _ b: [Double], transposed: Bool
  ) throws(LinearSolveError) -> (vector: [Double], exponent: Int) {
    let before = factors(transposed: transposed).before
    try requireRightHandSide(b, count: before.count)
    let exponent = PowerOfTwo.exponent(of: ProbeVector.maximumMagnitude(b))
    let vector = zip(PowerOfTwo.scaled(b, by: -exponent), before).map { $0 * $1 }
    return (vector, exponent)
  }

  /// The solution in the units given.
  private func given(
    _ solution: LinearSolution, _ exponent: Int, transposed: Bool
  ) throws(LinearSolveError) -> LinearSolution {
    var solution = solution
    solution.residual = nil
    let size = PowerOfTwo.exponent(of: ProbeVector.maximumMagnitude(solution.vector))
    solution.vector = zip(
      PowerOfTwo.scaled(solution.vector, by: -size), factors(transposed: transposed).behind
    ).map { $0 * $1 }
    var failure: LinearSolveError?
    solution.vector.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      do throws(LinearSolveError) {
        try PowerOfTwo.scaleBack(start, count: buffer.count, by: exponent + size)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    solution.residualNorm = PowerOfTwo.scaled(solution.residualNorm, by: exponent)
    return solution
  }
}

extension PreparedInUnits: KeepsFactors {
  /// Those of the scaled matrix, for others in the same units.
  var nearbyFactors: NearbyFactors? { (base as? any KeepsFactors)?.nearbyFactors }
}

extension PreparedInUnits: TriesRegularity {
  var operatorNormEstimate: Double? { nil }

  func triedRegularity(
    transposed: Bool, fully: Bool
  ) throws(LinearSolveError) -> RegularityEvidence {
    guard let base = base as? any TriesRegularity else { return .none }
    // A norm of `A⁻¹` would be that of the scaled operator.
    return try base.triedRegularity(transposed: transposed, fully: fully).withoutInverseNorm
  }
}

extension PreparedInUnits: KnowsEntries {
  /// Scaling changes no ratio of it.
  func componentwiseBackwardError(
    of x: [Double], _ b: [Double], transposed: Bool
  ) throws(LinearSolveError) -> Double? {
    guard let base = base as? any KnowsEntries else { return nil }
    let (before, behind) = factors(transposed: transposed)
    return try base.componentwiseBackwardError(
      of: zip(x, behind).map { $0 / $1 }, zip(b, before).map { $0 * $1 },
      transposed: transposed)
  }
}
