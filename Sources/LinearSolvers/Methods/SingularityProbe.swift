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

/// What a system with a random right-hand side has shown about an operator, or the way it is made.
package struct RegularityEvidence: Sendable {
  /// Whether it was solved, or need not be: no null vector is in the way. Where not, nothing is known.
  package let isRegular: Bool

  /// A lower bound of the condition number from its Krylov space, if the method gives one; that of factors.
  package let conditionEstimate: Double?

  /// A lower bound of `‖A⁻¹‖₂`, likewise; or a bound from above, at most 128 times as large, where an
  /// operator knows one by the way it is made; or `√n ‖A⁻¹‖₁`, estimated by factors.
  package let inverseNormEstimate: Double?

  /// How many times `‖A⁻¹‖₂` may be that number at most, as a rule: once for a bound. The Lanczos matrix of a
  /// random vector comes close to the ends of a symmetric spectrum; of other operators, few of its steps may
  /// miss by far (`I + c u vᵀ` by `√n` and more).
  package let inverseNormDoubt: Double

  /// Whether factors have shown it, because no iteration can solve with a random right-hand side.
  package private(set) var isOfFactors = false

  /// The doubt of symmetric methods, and that of the others.
  static var symmetricDoubt: Double { 16 }
  static var generalDoubt: Double { 5e3 }

  /// The residual of a try, relative to its right-hand side.
  package static func coarseShare(count n: Int) -> Double {
    0x1p-8 / Double(max(n, 1)).squareRoot()
  }

  /// The same, with nothing said of `‖A⁻¹‖`.
  var withoutInverseNorm: RegularityEvidence {
    RegularityEvidence(
      isRegular: isRegular, conditionEstimate: conditionEstimate, inverseNormEstimate: nil,
      inverseNormDoubt: .infinity)
  }

  static let none = RegularityEvidence(
    isRegular: false, conditionEstimate: nil, inverseNormEstimate: nil,
    inverseNormDoubt: .infinity)
}

extension RegularityEvidence {
  /// What an operator knows of itself by the way it is made; `nil` where that is nothing. (A bound far
  /// below the largest eigenvalue would make errors look larger than they are by as much: there a try
  /// is worth its cost.)
  init?(knownTo A: any LinearOperator, norm: Double) {
    guard let bound = (A as? any KnowsDefiniteness)?.leastEigenvalueBound,
      bound.isFinite, bound >= 0x1p-7 * norm
    else { return nil }
    self.init(
      isRegular: true, conditionEstimate: nil, inverseNormEstimate: 1 / bound, inverseNormDoubt: 1)
  }
}

extension RegularityEvidence {
  /// What factors know of their matrix, which serve where no iteration can tell; `nil` for a matrix that may be
  /// singular for all that they know, and for one that was scaled, whose condition is not that of `A`.
  init?(of factors: ConditionEvidence) {
    guard factors.conditionNumber < Self.regularCondition, !factors.isScaled,
      let inverseNorm = factors.solutionBound(forLength: 1)
    else { return nil }
    self.init(
      isRegular: true, conditionEstimate: factors.conditionNumber, inverseNormEstimate: inverseNorm,
      inverseNormDoubt: factors.isBound ? 1 : Self.generalDoubt)
    isOfFactors = true
  }

  /// From this condition number on factors may be those of a singular matrix.
  private static var regularCondition: Double { 1e13 }
}

/// An iterative method that can be asked at little cost whether its operator is regular.
package protocol TriesRegularity: PreparedLinearSolver {
  /// A lower bound of `‖A‖₂`, if one is known.
  var operatorNormEstimate: Double? { get }

  /// Whether the try costs little beside a solve: the products of both are one block.
  var triesBesideSolves: Bool { get }

  /// Solves with a seeded random right-hand side `b`, as far as is needed to tell.
  ///
  /// A null vector of length one has a component of about `‖b‖ / √n` in `b` that no residual can get
  /// rid of. So the solve ends at 2⁻⁸ of that, with less than half the digits of a derivative; that `b` is
  /// so short along a null vector by accident is a matter of one in three hundred.
  ///
  /// - Parameters:
  ///   - transposed: the system of `Aᵀ`, which is singular where `A` is.
  ///   - fully: to the tolerance of all solves, which shows whether the method is fit for the operator.
  /// - Throws: ``LinearSolveError/singularityProbeFailed(reason:)`` for an operator that is certainly
  ///   singular, as a residual orthogonal to its range shows; what products throw.
  func triedRegularity(
    transposed: Bool, fully: Bool
  ) throws(LinearSolveError) -> RegularityEvidence

  /// A solution of `A x = b` to the few digits that a try is solved to; `nil` where the method fails. Its
  /// `residualNorm` tells how good it is: about ``RegularityEvidence/coarseShare(count:)`` of `‖b‖`, or less.
  func roughSolution(_ b: [Double]) -> LinearSolution?

  /// As `solveEach`, and beside it `triedRegularity` with the same operator, where the products of
  /// both can be one block. The evidence is that of a try by itself, bit by bit.
  func solveEachTryingRegularity(
    _ columns: [[Double]], transposed: Bool
  ) -> (
    solutions: [Result<LinearSolution, LinearSolveError>],
    evidence: Result<RegularityEvidence, LinearSolveError>
  )
}

extension TriesRegularity {
  package func triedRegularity(
    transposed: Bool
  ) throws(LinearSolveError) -> RegularityEvidence {
    try triedRegularity(transposed: transposed, fully: false)
  }

  package var triesBesideSolves: Bool { false }

  package func roughSolution(_ b: [Double]) -> LinearSolution? { nil }

  /// One after the other.
  package func solveEachTryingRegularity(
    _ columns: [[Double]], transposed: Bool
  ) -> (
    solutions: [Result<LinearSolution, LinearSolveError>],
    evidence: Result<RegularityEvidence, LinearSolveError>
  ) {
    (
      solveEach(columns, transposed: transposed),
      outcome { () throws(LinearSolveError) in try triedRegularity(transposed: transposed) }
    )
  }
}

extension PreparedIterativeSolver: TriesRegularity {
  package func triedRegularity(
    transposed: Bool, fully: Bool
  ) throws(LinearSolveError) -> RegularityEvidence {
    if let definiteness, !fully { return definiteness }
    guard let solve = try startRegularityTry(transposed: transposed, fully: fully) else {
      return .none
    }
    return try regularityEvidence(
      of: solve,
      after: outcome { () throws(LinearSolveError) in
        try finish(solve.system, from: try opening(solve))
      })
  }

  package func solveEachTryingRegularity(
    _ columns: [[Double]], transposed: Bool
  ) -> (
    solutions: [Result<LinearSolution, LinearSolveError>],
    evidence: Result<RegularityEvidence, LinearSolveError>
  ) {
    guard definiteness == nil, method.isStepped,
      let solve = try? startRegularityTry(transposed: transposed, fully: false)
    else {
      return (
        solveEach(columns, transposed: transposed),
        outcome { () throws(LinearSolveError) in try triedRegularity(transposed: transposed) }
      )
    }
    var evidence = Result<RegularityEvidence, LinearSolveError>.success(.none)
    let solutions = solveInLockstep(columns, transposed: transposed, beside: solve) {
      after in
      evidence = outcome { () throws(LinearSolveError) in
        try regularityEvidence(of: solve, after: after)
      }
    }
    return (solutions, evidence)
  }

  package var operatorNormEstimate: Double? { probedOperatorNorm }

  package var triesBesideSolves: Bool { method.isStepped && definiteness == nil }

  /// The system with the random right-hand side; `nil` where it tells nothing.
  private func startRegularityTry(
    transposed: Bool, fully: Bool
  ) throws(LinearSolveError) -> IterativeSolve? {
    let n = base.rowCount
    let b = ProbeVector.make(count: n, seed: 5)
    guard base.isSquare,
      let solve = try start(b, transposed: transposed, initialGuess: nil, fully: fully)
    else { return nil }
    if !fully { endEarly(solve.system) }
    return solve
  }

  /// 2⁻⁸ of what a random right-hand side has along one direction among `n`: the residual at which the
  /// largest part of a solution is known to two digits, along whatever direction it lies.
  private func endEarly(_ system: IterativeSystem) {
    system.trustsRecurrence = method.keepsResidual
    system.target =
      RegularityEvidence.coarseShare(count: system.rowCount) * system.rightHandSideNorm
  }

  package func roughSolution(_ b: [Double]) -> LinearSolution? {
    let found = outcome { () throws(LinearSolveError) in
      guard let solve = try start(b, transposed: false, initialGuess: nil, fully: false) else {
        return zero(transposed: false)
      }
      endEarly(solve.system)
      return try solution(of: solve, try finish(solve.system, from: try opening(solve)))
    }
    return try? found.get()
  }

  /// What the end of such a solve shows.
  private func regularityEvidence(
    of solve: IterativeSolve, after end: Result<IterativeProgress, LinearSolveError>
  ) throws(LinearSolveError) -> RegularityEvidence {
    let system = solve.system
    do throws(LinearSolveError) {
      _ = try end.get()
      // At rounding level relative to a huge x, or as least squares: no solution.
      let isRegular = system.residualNorm <= system.target
      return RegularityEvidence(
        isRegular: isRegular, conditionEstimate: isRegular ? system.conditionEstimate : nil,
        inverseNormEstimate: isRegular ? system.inverseNormEstimate : nil,
        inverseNormDoubt: method.needsSymmetry
          ? RegularityEvidence.symmetricDoubt : RegularityEvidence.generalDoubt)
    } catch {
      if error.isAboutInput { throw error }
      if case .inconsistent = error { throw .singularityProbeFailed(reason: error) }
      return .none
    }
  }
}

extension PreparedGaugedSolver: TriesRegularity {
  package var operatorNormEstimate: Double? { nil }

  /// Whether the gauge has fixed all that was free.
  package func triedRegularity(
    transposed: Bool, fully: Bool
  ) throws(LinearSolveError) -> RegularityEvidence {
    guard let regular = regular as? any TriesRegularity else { return .none }
    return try regular.triedRegularity(transposed: transposed, fully: fully)
  }
}
