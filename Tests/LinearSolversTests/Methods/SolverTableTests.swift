import Testing

@testable import LinearSolvers

/// Every solver on every kind of system: *right* or *refused*, and never anything else.
@Suite struct SolverTableTests {
  /// What a solver does with a system.
  enum Cell: Equatable, Sendable {
    /// The error against elimination is at most `10 · κ · relativeTolerance`.
    case right
    /// One of these errors is thrown.
    case refused([LinearSolveError.Name])

    static func refused(_ names: LinearSolveError.Name...) -> Cell { .refused(names) }
  }

  static let n = 40
  static let relativeTolerance = 1e-12

  struct System: CustomTestStringConvertible, Sendable {
    let name: String
    let entries: [Double]
    let condition: Double
    var hasZeroRightHandSide = false
    var testDescription: String { name }
  }

  private static func alternating(_ values: [Double]) -> [Double] {
    values.enumerated().map { $0.offset % 2 == 0 ? $0.element : -$0.element }
  }

  /// Eigenvalues (singular values where nonsymmetric) from 1 down to 1/κ, geometrically.
  static let systems: [System] = {
    let easy = TestMatrix.geometric(n, condition: 100)
    let hard = TestMatrix.geometric(n, condition: 1e8)
    let definite = TestMatrix.spectral(easy, symmetric: true, seed: 1)
    return [
      System(name: "SPD", entries: definite, condition: 100),
      System(
        name: "indefinite",
        entries: TestMatrix.spectral(alternating(easy), symmetric: true, seed: 2), condition: 100),
      System(
        name: "nonsymmetric", entries: TestMatrix.spectral(easy, symmetric: false, seed: 3),
        condition: 100),
      System(
        name: "SPD, 1e8", entries: TestMatrix.spectral(hard, symmetric: true, seed: 4),
        condition: 1e8),
      System(
        name: "indefinite, 1e8",
        entries: TestMatrix.spectral(alternating(hard), symmetric: true, seed: 5), condition: 1e8),
      System(
        name: "nonsymmetric, 1e8", entries: TestMatrix.spectral(hard, symmetric: false, seed: 6),
        condition: 1e8),
      System(name: "n = 1", entries: [0.5], condition: 1),
      System(name: "b = 0", entries: definite, condition: 100, hasZeroRightHandSide: true),
    ]
  }()

  struct Row: CustomTestStringConvertible, Sendable {
    let name: String
    let solver: any LinearSolver
    /// In the order of `systems`.
    let cells: [Cell]
    var testDescription: String { name }
  }

  /// The columns: SPD, indefinite, nonsymmetric, the same three with condition 1e8, n = 1, b = 0.
  /// LSMR and CG on the normal equations need about κ iterations and get them. The others keep
  /// their limit, except BiCGStab, whose easy systems take at most 155 iterations.
  static let table: [Row] = [
    Row(
      name: "LU", solver: LUSolver(),
      cells: [.right, .right, .right, .right, .right, .right, .right, .right]),
    Row(
      name: "Cholesky", solver: CholeskySolver(),
      cells: [
        .right, .refused(.notPositiveDefinite), .refused(.notSymmetric),
        .right, .refused(.notPositiveDefinite), .refused(.notSymmetric),
        .right, .right,
      ]),
    Row(
      name: "banded LU", solver: BandedLUSolver(),
      cells: [.right, .right, .right, .right, .right, .right, .right, .right]),
    Row(
      name: "CG", solver: ConjugateGradient(),
      cells: [
        .right, .refused(.notPositiveDefinite), .refused(.notSymmetric),
        .right, .refused(.notPositiveDefinite), .refused(.notSymmetric),
        .right, .right,
      ]),
    Row(
      name: "MINRES", solver: MINRES(),
      cells: [
        .right, .right, .refused(.notSymmetric),
        .right, .right, .refused(.notSymmetric),
        .right, .right,
      ]),
    Row(
      name: "GMRES(n)", solver: GMRES(restart: n),
      cells: [.right, .right, .right, .right, .right, .right, .right, .right]),
    Row(
      name: "GMRES(10)", solver: GMRES(restart: 10),
      cells: [
        .right, .refused(.notConverged, .stagnated), .refused(.notConverged, .stagnated),
        .refused(.notConverged, .stagnated), .refused(.notConverged, .stagnated),
        .refused(.notConverged, .stagnated),
        .right, .right,
      ]),
    Row(
      name: "BiCGStab", solver: BiCGStab(maximumIterations: 400),
      cells: [
        .right, .right, .right,
        .refused(.notConverged), .refused(.notConverged), .refused(.notConverged),
        .right, .right,
      ]),
    Row(
      name: "LSMR", solver: LSMR(maximumIterations: 40_000),
      cells: [.right, .right, .right, .right, .right, .right, .right, .right]),
    Row(
      name: "CG on the normal equations",
      solver: NormalEquationsConjugateGradient(maximumIterations: 40_000),
      cells: [.right, .right, .right, .right, .right, .right, .right, .right]),
    Row(
      name: "Neumann series", solver: NeumannSeries(),
      cells: [
        .right, .refused(.diverged), .refused(.diverged),
        .refused(.notConverged), .refused(.diverged), .refused(.diverged),
        .right, .right,
      ]),
    Row(
      name: "automatic", solver: Automatic(),
      cells: [.right, .right, .right, .right, .right, .right, .right, .right]),
    Row(
      name: "automatic, nothing dense at first", solver: Automatic(denseThreshold: 0),
      cells: [.right, .right, .right, .right, .right, .right, .right, .right]),
  ]

  @Test func noCellIsAbsent() {
    #expect(Self.table.allSatisfy { $0.cells.count == Self.systems.count })
    #expect(Set(Self.table.map(\.name)).count == Self.table.count)
  }

  /// Two right-hand sides each for `A` and `Aᵀ`: one whose solution is of ordinary size, and one
  /// whose solution is nearly as large as it can be, `‖x‖ ≈ κ‖b‖`.
  @Test(arguments: Self.table)
  func everyCellIsRightOrRefused(_ row: Row) throws {
    for (system, cell) in zip(Self.systems, row.cells) {
      for transposed in [false, true] {
        for isHard in [false, true] {
          let outcome = try outcome(row.solver, system, transposed: transposed, isHard: isHard)
          let name = "\(system.name), transposed: \(transposed), hard: \(isHard): \(outcome)"
          switch (cell, outcome) {
          case (.right, .solved(let error)):
            #expect(error <= 10 * system.condition * Self.relativeTolerance, "\(name)")
          case (.refused(let names), .threw(let error)):
            #expect(names.contains(error.name), "\(name)")
          default:
            Issue.record("\(name) where the table says \(cell)")
          }
        }
      }
    }
  }

  enum Outcome { case solved(Double), threw(LinearSolveError) }

  private func outcome(
    _ solver: any LinearSolver, _ system: System, transposed: Bool, isHard: Bool
  ) throws -> Outcome {
    let count = Int(Double(system.entries.count).squareRoot())
    let dense = try denseOperator(system.entries)
    let matrix = transposed ? TestMatrix.transpose(system.entries, count) : system.entries
    var numbers = SeededNumbers(seed: isHard ? 19 : 9)
    var b = numbers.vector(count)
    if !isHard { b = TestMatrix.multiply(matrix, b) }
    if system.hasZeroRightHandSide { b = b.map { _ in 0 } }

    // Banded elimination is given the full band, which every matrix has.
    var band = BandMatrix(count: count, lower: count - 1, upper: count - 1)
    for i in 0..<count {
      for j in 0..<count { band[i, j] = system.entries[i * count + j] }
    }
    let A: any LinearOperator = solver is BandedLUSolver ? BandedOperator(band) : dense
    do {
      let solution = try solver.prepare(A).solve(b, transposed: transposed)
      // The evidence is that of the vector returned.
      let residual = zip(b, TestMatrix.multiply(matrix, solution.vector)).map { $0 - $1 }
      let rounding = 1e-14 * (norm(solution.vector) + norm(b))  // ‖A‖ = 1, sums of 40 terms
      #expect(abs(norm(residual) - solution.residualNorm) <= rounding)
      if system.hasZeroRightHandSide {
        #expect(solution.iterations == 0 && solution.operatorProducts == 0)
        return .solved(solution.vector.allSatisfy { $0 == 0 } ? 0 : .infinity)
      }
      let reference = try LUSolver().prepare(dense).solve(b, transposed: transposed)
      return .solved(relativeError(solution.vector, reference.vector))
    } catch {
      return .threw(error)
    }
  }

  /// The reference of the table against a known solution: `κ ε`, with room for `n`.
  @Test(arguments: Self.systems)
  func eliminationIsRight(_ system: System) throws {
    let count = Int(Double(system.entries.count).squareRoot())
    let x = SeededNumbers.vector(count, seed: 9)
    let b = TestMatrix.multiply(system.entries, x)
    let solution = try LUSolver().solve(try denseOperator(system.entries), b)
    #expect(relativeError(solution.vector, x) <= 100 * system.condition * Double.ulpOfOne)
    #expect(solution.backwardError <= 4 * Double.ulpOfOne)
  }
}
