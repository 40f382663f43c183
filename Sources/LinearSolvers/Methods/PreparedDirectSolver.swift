import Kernels

/// A factorisation with its operator: normalises, solves, refines, checks.
///
/// Not generic over the factorisation: behind the protocol nothing would specialise it, and to look up the
/// types of its parts took longer than to solve ten equations.
struct PreparedDirectSolver: PreparedLinearSolver {
  let base: any LinearOperator
  let factors: any Factorization
  let acceptance: SolveAcceptance
  let methodDescription: String

  var condition: ConditionEvidence? { factors.condition }

  /// `reason` says why the method was chosen, if it was not asked for.
  init(
    base: any LinearOperator, factors: any Factorization, acceptance: SolveAcceptance,
    reason: String? = nil
  ) {
    self.base = base
    self.factors = factors
    self.acceptance = acceptance
    methodDescription = factors.description + (reason.map { " (\($0))" } ?? "")
  }

  /// The solver itself, once it is sure that the factors are those of the operator. Where pivots have grown,
  /// they may be those of another matrix (a regular one, of a singular matrix), and so may the condition
  /// number that they know; then a system with a random right-hand side is solved first.
  ///
  /// - Throws: ``LinearSolveError/singularityProbeFailed(reason:)``.
  func withProvenFactors() throws(LinearSolveError) -> PreparedDirectSolver {
    if factors.growth > Self.suspectGrowth { try requireRegularity(of: base) }
    return self
  }

  /// Random matrices with thousands of rows stay far below, by `n^(2/3)` (L. N. Trefethen and R. S. Schreiber,
  /// SIAM J. Matrix Anal. Appl. 11 (1990), 335–360).
  private static var suspectGrowth: Double { 0x1p10 }

  /// One step of refinement with the *operator's* own product makes the error small entry by entry
  /// (R. D. Skeel, Math. Comp. 35 (1980), 817–832), and shows when factors and operator disagree.
  /// More steps are made only if that one was not enough.
  private static var maximumRefinements: Int { 3 }

  /// More columns than this are solved in groups, which bounds the memory (five vectors for each).
  private static var columnsAtOnce: Int { 64 }

  func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    if let initialGuess { try requireInitialGuess(initialGuess, count: factors.count) }
    return try solveGroup([b], transposed: transposed, asBlock: false)[0].get()
  }

  func solveEach(
    _ columns: [[Double]], transposed: Bool
  ) -> [Result<LinearSolution, LinearSolveError>] {
    stride(from: 0, to: columns.count, by: Self.columnsAtOnce).flatMap { first in
      solveGroup(
        columns[first..<min(first + Self.columnsAtOnce, columns.count)], transposed: transposed,
        asBlock: columns.count > 1)
    }
  }

  /// A column that is neither zero nor unfit, on its way.
  private struct Column {
    /// Which one it is.
    let place: Int
    /// It was multiplied by `2^-exponent`.
    let exponent: Int
    let rhsNorm: Double
    var error = 0.0
    var products = 1
    var refinements = 0
    var failure: LinearSolveError?

    mutating func record(_ error: Result<Double, LinearSolveError>) {
      switch error {
      case .success(let error): self.error = error
      case .failure(let failure): self.failure = failure
      }
    }
  }

  private func solveGroup(
    _ group: ArraySlice<[Double]>, transposed: Bool, asBlock: Bool
  ) -> [Result<LinearSolution, LinearSolveError>] {
    let n = factors.count
    let scaling = factors.scaling
    // Vector `j` of each array starts at `j n`.
    let arena = VectorArena(vectors: 5, length: n * group.count)
    let (rhs, x, residual) = (arena[0], arena[1], arena[2])
    let (candidate, candidateResidual) = (arena[3], arena[4])
    var columns: [Column] = []
    columns.reserveCapacity(group.count)
    /// What is known of the other columns, in order.
    var early: [Result<LinearSolution, LinearSolveError>] = []
    for (place, b) in group.enumerated() {
      let size = ProbeVector.maximumMagnitude(b)
      if b.count != n || !size.isFinite {
        do {
          try requireRightHandSide(b, count: n)
        } catch {
          early.append(.failure(error))
          continue
        }
      }
      if size == 0 {
        early.append(.success(.zero(count: n, method: methodDescription)))
        continue
      }
      var exponent = PowerOfTwo.exponent(of: size)
      let normalised = rhs + columns.count * n
      normalised.update(from: b, count: n)
      PowerOfTwo.scale(normalised, count: n, by: -exponent)
      var scaledSize = PowerOfTwo.scaled(size, by: -exponent)
      if !scaling.isIdentity {
        // What the factors see is to have size one: with equations in different units, a small entry
        // may be the largest there.
        let seen = scaling.rightHandSideNorm(normalised, transposed: transposed)
        let further = PowerOfTwo.exponent(of: seen)
        PowerOfTwo.scale(normalised, count: n, by: -further)
        exponent += further
        scaledSize = PowerOfTwo.scaled(seen, by: -further)
      }
      columns.append(Column(place: place, exponent: exponent, rhsNorm: scaledSize))
    }

    var active = Array(0..<columns.count)
    x.update(from: rhs, count: columns.count * n)
    solveScaled(x, count: columns.count, transposed: transposed, asBlock: asBlock)
    recordBackwardErrors(x, of: active, in: &columns, rhs, into: residual, transposed: transposed) {
      $1.record($2)
    }

    active.removeAll { j in
      columns[j].failure != nil || !(columns[j].error > 0)
        || columns[j].error <= acceptance.backwardErrorLimit
          && factors.isRefined(
            x + j * n, rightHandSide: rhs + j * n, residual: residual + j * n,
            transposed: transposed)
    }
    while !active.isEmpty {
      for (k, j) in active.enumerated() {
        (candidate + k * n).update(from: residual + j * n, count: n)
      }
      solveScaled(candidate, count: active.count, transposed: transposed, asBlock: asBlock)
      for (k, j) in active.enumerated() {
        Vector.addScaled(1, x + j * n, to: candidate + k * n, count: n)
      }
      var unfinished: [Int] = []
      recordBackwardErrors(
        candidate, of: active, in: &columns, rhs, into: candidateResidual, transposed: transposed
      ) { k, column, error in
        column.products += 1
        column.refinements += 1
        // At rounding level the step is as likely to lose as to gain, and the better one is kept.
        if case .success(let next) = error, !(next <= column.error) { return }
        column.record(error)
        if column.failure != nil { return }
        let j = active[k]
        (x + j * n).update(from: candidate + k * n, count: n)
        (residual + j * n).update(from: candidateResidual + k * n, count: n)
        if column.error > acceptance.backwardErrorLimit,
          column.refinements < Self.maximumRefinements
        {
          unfinished.append(j)
        }
      }
      active = unfinished
    }
    var outcomes: [Result<LinearSolution, LinearSolveError>] = []
    outcomes.reserveCapacity(group.count)
    for (j, column) in columns.enumerated() {
      while outcomes.count < column.place { outcomes.append(early[outcomes.count - j]) }
      outcomes.append(
        outcome { () throws(LinearSolveError) in
          try accepted(column, x + j * n, rhs: rhs + j * n, residual: residual + j * n)
        })
    }
    outcomes += early[(outcomes.count - columns.count)...]
    return outcomes
  }

  /// The solution scaled back, if its backward error is small enough.
  private func accepted(
    _ column: Column, _ x: UnsafeMutablePointer<Double>, rhs: UnsafePointer<Double>,
    residual: UnsafePointer<Double>
  ) throws(LinearSolveError) -> LinearSolution {
    let n = factors.count
    if let failure = column.failure { throw failure }
    if !(column.error <= acceptance.backwardErrorLimit) {
      throw .inaccurate(backwardError: column.error, limit: acceptance.backwardErrorLimit)
    }
    let residualNorm = Vector.norm(residual, count: n)
    let relativeResidual = residualNorm / Vector.norm(rhs, count: n)
    try PowerOfTwo.scaleBack(x, count: n, by: column.exponent)
    return LinearSolution(
      vector: [Double](UnsafeBufferPointer(start: x, count: n)), iterations: column.refinements,
      operatorProducts: column.products,
      residualNorm: PowerOfTwo.scaled(residualNorm, by: column.exponent),
      relativeResidual: relativeResidual, backwardError: column.error,
      conditionEstimate: factors.condition.conditionNumber, method: methodDescription)
  }

  /// `b ← A⁻¹b`, or `A⁻ᵀb`, for each of `k` vectors.
  private func solveScaled(
    _ b: UnsafeMutablePointer<Double>, count k: Int, transposed: Bool, asBlock: Bool
  ) {
    let n = factors.count
    if !asBlock {
      for j in 0..<k { factors.solveScaled(b + j * n, transposed: transposed) }
      return
    }
    for j in 0..<k { factors.scaling.scaleRightHandSide(b + j * n, transposed: transposed) }
    factors.solve(b, columns: k, transposed: transposed)
    for j in 0..<k { factors.scaling.scaleSolution(b + j * n, transposed: transposed) }
  }

  /// Has `record` note the backward errors in the scaled system of the vectors at `x`, one for each of
  /// the columns `places`; their residuals `b − A x` are written.
  private func recordBackwardErrors(
    _ x: UnsafePointer<Double>, of places: [Int], in columns: inout [Column],
    _ rhs: UnsafePointer<Double>, into residual: UnsafeMutablePointer<Double>, transposed: Bool,
    _ record: (_ k: Int, inout Column, _ error: Result<Double, LinearSolveError>) -> Void
  ) {
    let n = factors.count
    let scaling = factors.scaling
    let operatorNorm = transposed ? factors.norms.columns : factors.norms.rows
    let failures = base.multiplyEach(
      x, columns: places.count, into: residual, transposed: transposed)
    for (k, j) in places.enumerated() {
      let (x, residual) = (x + k * n, residual + k * n)
      let error = outcome { () throws(LinearSolveError) in
        let solutionNorm = scaling.solutionNorm(x, transposed: transposed)
        // Norms with a scaling may pass over NaN; without one they tell it.
        let isTold = scaling.isIdentity && solutionNorm.isFinite
        if !isTold { try requireFinite(x, count: n, "the solution") }
        if let failure = failures[k] { throw failure }
        if !isTold { try requireFinite(residual, count: n, "a product with the operator") }
        Vector.scaleAndAdd(-1, residual, adding: rhs + j * n, count: n)
        let residualNorm = scaling.rightHandSideNorm(residual, transposed: transposed)
        if !residualNorm.isFinite {
          try requireFinite(residual, count: n, "a product with the operator")
        }
        return SolveAcceptance.Evidence(
          residualNorm: residualNorm, operatorNorm: operatorNorm, solutionNorm: solutionNorm,
          rightHandSideNorm: columns[j].rhsNorm
        ).backwardError
      }
      record(k, &columns[j], error)
    }
  }
}

extension PreparedDirectSolver: KeepsFactors {
  /// As an operator, if they are dear.
  var nearbyFactors: NearbyFactors? {
    factors.areDear
      ? NearbyFactors(
        inverse: InverseOperator(factors: factors), description: factors.description,
        condition: factors.condition) : nil
  }
}
