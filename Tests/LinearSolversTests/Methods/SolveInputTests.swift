import PromptTasks
import Testing

@testable import LinearSolvers

/// NaN, infinity and sizes that do not fit, at every door.
@Suite struct SolveInputTests {
  static let solvers: [(name: String, solver: any LinearSolver)] = [
    ("LU", LUSolver()), ("Cholesky", CholeskySolver()), ("banded LU", BandedLUSolver()),
    ("CG", ConjugateGradient()), ("MINRES", MINRES()), ("GMRES", GMRES()),
    ("BiCGStab", BiCGStab()), ("LSMR", LSMR()), ("CGNR", NormalEquationsConjugateGradient()),
    ("Neumann", NeumannSeries()), ("automatic", Automatic()),
    ("automatic, iterative", Automatic(denseThreshold: 0)),
  ]
  static let indices = Array(solvers.indices)

  private static func tridiagonal(corner: Double = 0.5) throws -> BandedOperator {
    try BandedOperator(
      below: [-0.2, -0.2, -0.2], diagonal: [corner, 0.6, 0.7, 0.8], above: [-0.2, -0.2, -0.2])
  }

  @Test(arguments: indices)
  func aPlainSystemIsSolved(_ k: Int) throws {
    let x = [1.0, -2, 3, 4]
    let A = try Self.tridiagonal()
    let solution = try Self.solvers[k].solver.solve(A, try A(x))
    #expect(relativeError(solution.vector, x) <= 1e-10)
    #expect(!solution.method.isEmpty)
  }

  @Test(arguments: indices, [Double.nan, .infinity, -.infinity])
  func nonFiniteEntriesAreRefused(_ k: Int, value: Double) throws {
    let solver = Self.solvers[k].solver
    let A = try Self.tridiagonal(corner: value)
    #expect(linearSolveError { try solver.solve(A, [1, 2, 3, 4]) }?.name == .notFinite)
  }

  @Test(arguments: indices, [Double.nan, .infinity])
  func nonFiniteVectorsAreRefused(_ k: Int, value: Double) throws {
    let prepared = try Self.solvers[k].solver.prepare(try Self.tridiagonal())
    let inB = linearSolveError { try prepared.solve([1, 2, value, 4]) }
    guard case .notFinite("the right-hand side", 2, let found) = inB else {
      Issue.record("\(String(describing: inB))")
      return
    }
    #expect(found.isNaN == value.isNaN && found.isInfinite == value.isInfinite)
    let inGuess = linearSolveError {
      try prepared.solve([1, 2, 3, 4], transposed: false, initialGuess: [0, value, 0, 0])
    }
    guard case .notFinite("the initial guess", 1, _) = inGuess else {
      Issue.record("\(String(describing: inGuess))")
      return
    }
  }

  /// A product that is fine for the probing vectors and NaN where the first entry is zero.
  @Test(arguments: indices)
  func nonFiniteProductsAreFoundOnTheWay(_ k: Int) throws {
    let solver = Self.solvers[k].solver
    if solver is BandedLUSolver { return }  // reads the entries once, with unit vectors
    let A = ClosureOperator(symmetric: 4) { x in
      zip(x, [0.5, 0.6, 0.7, 0.8]).map { $0 * $1 + 0 / x[0] }
    }
    #expect(linearSolveError { try solver.solve(A, [0, 1, 2, 3]) }?.name == .notFinite)
  }

  @Test(arguments: indices)
  func sizesAreChecked(_ k: Int) throws {
    let prepared = try Self.solvers[k].solver.prepare(try Self.tridiagonal())
    #expect(
      linearSolveError { try prepared.solve([1, 2, 3]) }
        == .sizeMismatch(what: "the right-hand side", expected: 4, found: 3))
    #expect(
      linearSolveError { try prepared.solve([1, 2, 3, 4], transposed: true, initialGuess: [1]) }
        == .sizeMismatch(what: "the initial guess", expected: 4, found: 1))
  }

  @Test(arguments: indices)
  func rectangularOperatorsAreForLSMR(_ k: Int) throws {
    let solver = Self.solvers[k].solver
    let A = try DenseOperator(rows: [[1, 0], [0, 1], [1, 1]])
    let error = linearSolveError { try solver.solve(A, [1, 2, 3]) }
    if solver is LSMR || solver is NormalEquationsConjugateGradient {
      #expect(error == nil)
    } else {
      #expect(error == .notSquare(rowCount: 3, columnCount: 2))
    }
  }

  @Test(arguments: indices)
  func zeroRightHandSidesCostNothing(_ k: Int) throws {
    let prepared = try Self.solvers[k].solver.prepare(try Self.tridiagonal())
    let solution = try prepared.solve(
      [0, 0, 0, 0], transposed: false, initialGuess: [1, 1, 1, 1])
    #expect(solution.vector == [0, 0, 0, 0])
    #expect(solution.iterations == 0 && solution.operatorProducts == 0)
    #expect(solution.residualNorm == 0 && solution.relativeResidual == 0)
  }

  @Test(arguments: indices)
  func theZeroOperatorIsRefused(_ k: Int) throws {
    let A = BandedOperator(BandMatrix(count: 3, lower: 1, upper: 1))
    let error = linearSolveError { try Self.solvers[k].solver.solve(A, [1, 2, 3]) }
    let expected: [LinearSolveError.Name] = [
      .singular, .notPositiveDefinite, .inconsistent, .breakdown, .notConverged, .exhausted,
    ]
    #expect(error.map { expected.contains($0.name) } == true, "\(String(describing: error))")
  }

  @Test(arguments: indices)
  func emptySystemsHaveAnEmptySolution(_ k: Int) throws {
    let A = BandedOperator(BandMatrix(count: 0, lower: 0, upper: 0))
    #expect(try Self.solvers[k].solver.solve(A, []).vector.isEmpty)
  }

  /// The band that is stated leaves out an entry: the products tell.
  @Test func aWrongBandIsFoundOut() throws {
    let a = SeededNumbers.vector(16, seed: 51)
    let A = ClosureOperator(
      rowCount: 4, columnCount: 4, structure: .banded(lower: 1, upper: 1),
      matvec: { TestMatrix.multiply(a, $0) },
      transposeMatvec: { TestMatrix.multiply(TestMatrix.transpose(a, 4), $0) })
    let error = linearSolveError { try BandedLUSolver().solve(A, [1, 2, 3, 4]) }
    #expect(error?.name == .structureMismatch, "\(String(describing: error))")
  }

  @Test func preconditionersAreChecked() throws {
    let A = try Self.tridiagonal()
    let small = DiagonalOperator([1, 2, 3])
    let unsymmetric = try DenseOperator(
      rows: [[1, 2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    #expect(
      linearSolveError { try ConjugateGradient(preconditioner: small).prepare(A) }?.name
        == .sizeMismatch)
    #expect(
      linearSolveError { try MINRES(preconditioner: unsymmetric).prepare(A) }?.name
        == .notSymmetric)
    let negative = DiagonalOperator([-1, -1, -1, -1])
    for solver in [
      ConjugateGradient(preconditioner: negative), MINRES(preconditioner: negative),
    ] as [any LinearSolver] {
      #expect(linearSolveError { try solver.solve(A, [1, 2, 3, 4]) }?.name == .breakdown)
    }
  }

  /// Tolerances that any vector would meet are mistakes in the program.
  @Test func tolerancesThatAcceptAnythingStopTheProgram() async throws {
    let result = await promptly {
      await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        _ = try ConjugateGradient(relativeTolerance: 1).prepare(IdentityOperator(count: 2))
      }
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(
      message.contains("CG needs a relative tolerance from 0 up to, not including, 1, not 1.0"))
    await promptly {
      await #expect(processExitsWith: .failure) {
        _ = try GMRES(relativeTolerance: .nan).prepare(IdentityOperator(count: 2))
      }
    }
    await promptly {
      await #expect(processExitsWith: .failure) {
        _ = try LSMR(absoluteTolerance: .infinity).prepare(IdentityOperator(count: 2))
      }
    }
    await promptly {
      await #expect(processExitsWith: .failure) { _ = GMRES(restart: 0) }
    }
    // Set afterwards, it is noticed when the method is prepared, and said.
    await promptly {
      let ended = await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        var method = GMRES()
        method.restart = 0
        _ = try method.prepare(IdentityOperator(count: 2)).solve([1, 2])
      }
      let said = ended.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
      #expect(said.contains("restart length of at least 1"))
    }
  }
}
