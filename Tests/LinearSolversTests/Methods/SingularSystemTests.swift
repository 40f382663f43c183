import Testing

@testable import LinearSolvers

/// Systems without a solution, or with too many.
@Suite struct SingularSystemTests {
  static let n = 30
  private static let values: [Double] = {
    var values = TestMatrix.geometric(n, condition: 100)
    values[n - 1] = 0
    return values
  }()
  private static let signs = values.enumerated().map {
    $0.offset % 2 == 0 ? $0.element : -$0.element
  }

  static let semidefinite = TestMatrix.spectral(values, symmetric: true, seed: 31)
  static let indefinite = TestMatrix.spectral(signs, symmetric: true, seed: 32)
  static let general = TestMatrix.spectral(values, symmetric: false, seed: 33)

  /// A general right-hand side is not in the range of a singular matrix.
  static let inconsistent = SeededNumbers.vector(n, seed: 34)

  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let solver: any LinearSolver
    let entries: [Double]
    /// For a right-hand side outside the range, and one in it: `nil` for a solution.
    let inconsistent: LinearSolveError.Name
    let consistent: LinearSolveError.Name?
    var testDescription: String { name }
  }

  /// Direct methods see that `A` is singular. Krylov methods see `b` only: in the range of `A` it
  /// has solutions, and they return one.
  static let cases: [Case] = [
    Case(
      name: "LU, semidefinite", solver: LUSolver(), entries: semidefinite, inconsistent: .singular,
      consistent: .singular),
    Case(
      name: "LU, general", solver: LUSolver(), entries: general, inconsistent: .singular,
      consistent: .singular),
    Case(
      name: "Cholesky", solver: CholeskySolver(), entries: semidefinite,
      inconsistent: .notPositiveDefinite, consistent: .notPositiveDefinite),
    Case(
      name: "automatic", solver: Automatic(), entries: general, inconsistent: .singular,
      consistent: .singular),
    Case(
      name: "automatic, iterative", solver: Automatic(denseThreshold: 0, materializationLimit: 0),
      entries: indefinite, inconsistent: .exhausted, consistent: nil),
    Case(
      name: "CG", solver: ConjugateGradient(), entries: semidefinite,
      inconsistent: .notPositiveDefinite, consistent: nil),
    Case(
      name: "MINRES, semidefinite", solver: MINRES(), entries: semidefinite,
      inconsistent: .inconsistent, consistent: nil),
    Case(
      name: "MINRES, indefinite", solver: MINRES(), entries: indefinite,
      inconsistent: .inconsistent, consistent: nil),
    Case(
      name: "GMRES", solver: GMRES(), entries: general, inconsistent: .illConditioned,
      consistent: nil),
    Case(
      name: "BiCGStab", solver: BiCGStab(), entries: general, inconsistent: .illConditioned,
      consistent: nil),
    Case(
      name: "LSMR", solver: LSMR(), entries: general, inconsistent: .inconsistent, consistent: nil),
    Case(
      name: "CGNR", solver: NormalEquationsConjugateGradient(), entries: general,
      inconsistent: .inconsistent, consistent: nil),
    Case(
      name: "Neumann", solver: NeumannSeries(), entries: semidefinite, inconsistent: .notConverged,
      consistent: nil),
  ]

  @Test(arguments: cases)
  func inconsistentSystemsAreRefused(_ item: Case) throws {
    let A = try denseOperator(item.entries)
    let error = linearSolveError { try item.solver.solve(A, Self.inconsistent) }
    #expect(error?.name == item.inconsistent, "\(String(describing: error))")
  }

  @Test(arguments: cases)
  func consistentSystemsAreSolvedOrRefused(_ item: Case) throws {
    let A = try denseOperator(item.entries)
    let b = TestMatrix.multiply(item.entries, Self.inconsistent)
    do {
      let x = try item.solver.solve(A, b)
      #expect(item.consistent == nil)
      // relativeTolerance, and as much again for the sums of this test.
      #expect(relativeError(TestMatrix.multiply(item.entries, x.vector), b) <= 2e-12)
    } catch {
      #expect(error.name == item.consistent, "\(error)")
    }
  }

  /// `‖b − A x‖ ≥ |⟨u, b⟩|` for the left null vector `u`: the residual that MINRES and LSMR report is
  /// that minimum.
  @Test func theReportedResidualIsTheSmallest() throws {
    var residuals = [Double]()
    for solver in [MINRES(), LSMR()] as [any LinearSolver] {
      let error = linearSolveError {
        try solver.solve(try denseOperator(Self.indefinite), Self.inconsistent)
      }
      guard case .inconsistent(let residual, let normalResidual) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(normalResidual <= SolveAcceptance.orthogonalityLevel)
      residuals.append(residual)
    }
    #expect(abs(residuals[0] - residuals[1]) <= 1e-9 * residuals[1])
  }

  /// The condition number in the error is that of the *scaled* matrix.
  @Test func singularErrorsCarryTheConditionNumber() throws {
    let exact = linearSolveError {
      try LUSolver().prepare(try denseOperator([1, 2, 2, 4]))
    }
    guard case .singular(_, let infinite) = exact else { return #expect(Bool(false)) }
    #expect(infinite == .infinity || infinite > 1e15)
    let nearly = linearSolveError {
      try LUSolver().prepare(try denseOperator([1, 1, 1, 1 + 0x1p-52]))
    }
    guard case .singular(let pivot, let condition) = nearly else { return #expect(Bool(false)) }
    #expect(pivot == 1)
    #expect(condition > 1e15 && condition < 1e17)  // κ₁ = 2 · 2 / 2⁻⁵² = 1.8e16
    #expect(
      linearSolveError { try LUSolver().prepare(try denseOperator([1, 0, 0, 0])) }
        == .singular(pivotIndex: 1, estimatedCondition: .infinity))
    #expect(
      linearSolveError { try Automatic().prepare(DiagonalOperator([2, 0, 3])) }
        == .singular(pivotIndex: 1, estimatedCondition: .infinity))
  }

  /// A long band is regular although `n ε` is larger than its reciprocal condition number, and the
  /// second difference without boundary values is singular although every entry is exact.
  @Test func bandsAreJudgedByTheirWidth() throws {
    let n = 100_000
    var diagonal = [Double](repeating: 2, count: n)
    let off = [Double](repeating: -1, count: n - 1)
    let laplacian = try BandedOperator(below: off, diagonal: diagonal, above: off)
    let b = SeededNumbers.vector(n, seed: 35)
    let x = try Automatic().solve(laplacian, b)
    #expect(x.method == "tridiagonal LU 100000×100000 (as stated by its structure)")
    // κ₁ ≈ n²/2 = 5e9; the solution satisfies its equations to rounding.
    #expect(x.backwardError <= 1e-14)

    diagonal[0] = 1
    diagonal[n - 1] = 1
    let singular = try BandedOperator(below: off, diagonal: diagonal, above: off)
    #expect(linearSolveError { try Automatic().prepare(singular) }?.name == .singular)
    // The same with entries that are rounded: D A D with random D is singular just as well.
    let scale = SeededNumbers.vector(n, seed: 36).map { 1.5 + 0.5 * $0 }
    let rounded = try BandedOperator(
      below: (1..<n).map { -scale[$0] * scale[$0 - 1] },
      diagonal: (0..<n).map { diagonal[$0] * scale[$0] * scale[$0] },
      above: (1..<n).map { -scale[$0] * scale[$0 - 1] })
    #expect(linearSolveError { try Automatic().prepare(rounded) }?.name == .singular)
  }

  /// A singular matrix whose pivots grow to `2^(n−2)`: ones on the diagonal and −1 below, as in Wilkinson's
  /// example, a column `c` of numbers in ½…1, and last a combination of the others.
  static func growing(_ n: Int, seed: UInt64) -> [Double] {
    var numbers = SeededNumbers(seed: seed)
    var columns = (0..<(n - 2)).map { j in (0..<n).map { $0 == j ? 1.0 : $0 > j ? -1 : 0 } }
    columns.append((0..<n).map { _ in 0.75 + 0.25 * numbers.next() })
    var last = columns[n - 2]
    for column in columns.dropLast() {
      let factor = 0.25 * numbers.next()
      for i in 0..<n { last[i] += factor * column[i] }
    }
    let size = last.reduce(1) { max($0, $1.magnitude) }
    columns.append(last.map { $0 / size })
    return (0..<(n * n)).map { columns[$0 % n][$0 / n] }
  }

  @Test(
    "Factors with large pivots are believed once they have solved a system",
    arguments: [40, 56, 58])
  func pivotGrowth(_ n: Int) throws {
    let direct: [any LinearSolver] = [LUSolver(), Automatic(), BlockEliminationSolver()]
    for seed in 1...6 as ClosedRange<UInt64> {
      let A = try denseOperator(Self.growing(n, seed: seed))
      for solver in direct {
        #expect(throws: LinearSolveError.self) { _ = try solver.prepare(A) }
      }
      // Nor are they asked in the place of iterations.
      let iterative = try Automatic(denseThreshold: 0).prepare(A) as? any TriesRegularity
      let evidence = try? iterative?.triedRegularity(transposed: true)
      #expect(iterative != nil && evidence?.isRegular != true)
    }
  }
}
