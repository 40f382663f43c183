import Testing

@testable import LinearSolvers

/// Each statement that an operator makes about itself, true and false, under each method that builds
/// on it.
@Suite struct OperatorProbesTests {
  private static let n = 24
  private static let general = TestMatrix.spectral(
    TestMatrix.geometric(n, condition: 10), symmetric: false, seed: 201)
  private static let definite = TestMatrix.spectral(
    TestMatrix.geometric(n, condition: 10), symmetric: true, seed: 202)

  /// An operator of the user's: products of one matrix, transposed products of another, and entries.
  private struct Claimed: LinearOperator {
    var rowCount: Int { n }
    var columnCount: Int { n }
    var matrix = general
    var transposed = TestMatrix.transpose(general, n)
    var entries: [Double]?
    var band: BandMatrix?
    var structure = OperatorStructure.unknown

    func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) {
      write(TestMatrix.multiply(matrix, x.indices.map { x[$0] }), into: &y)
    }

    func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) {
      write(TestMatrix.multiply(transposed, x.indices.map { x[$0] }), into: &y)
    }

    func denseMatrix() -> [Double] { entries ?? matrix }
    func bandMatrix() -> BandMatrix? { band }

    private func write(_ values: [Double], into y: inout MutableSpan<Double>) {
      for i in y.indices { y[i] = values[i] }
    }
  }

  /// Everything that solves with a general square `A`.
  private static let solvers: [any LinearSolver] = [
    LUSolver(), Automatic(), Automatic(denseThreshold: 0), GMRES(), BiCGStab(), LSMR(),
    NormalEquationsConjugateGradient(), NeumannSeries(),
  ]

  private func mismatch(
    _ solver: any LinearSolver, _ A: any LinearOperator
  ) -> (DeclaredStructure, Double)? {
    let error = linearSolveError { try solver.prepare(A) }
    guard case .structureMismatch(let declared, let defect) = error else { return nil }
    return (declared, defect)
  }

  @Test(arguments: solvers.indices)
  func truePairsOfProductsPass(_ k: Int) throws {
    #expect(throws: Never.self) { try Self.solvers[k].prepare(Claimed()) }
    // Without a transposed product there is nothing to compare; who needs it is told.
    let forwardOnly = ClosureOperator(
      rowCount: Self.n, columnCount: Self.n, matvec: { TestMatrix.multiply(Self.general, $0) })
    #expect(throws: Never.self) { try Self.solvers[k].prepare(forwardOnly) }
  }

  /// One entry of the transposed matrix with the wrong sign, one of `n²`.
  @Test(arguments: solvers.indices)
  func aWrongTransposedProductIsFound(_ k: Int) throws {
    var transposed = TestMatrix.transpose(Self.general, Self.n)
    transposed[3] *= -1
    let found = mismatch(Self.solvers[k], Claimed(transposed: transposed))
    #expect(found?.0 == .transposedProduct)
    // 2 |a| |u||v| of 2 ‖Au‖‖v‖: the entry against the size of the matrix.
    let expected = Self.general[3 * Self.n].magnitude / Double(Self.n)
    #expect((found?.1 ?? 0) > 0.1 * expected && (found?.1 ?? 1) < 10 * expected)
  }

  /// The usual mistake: the product with `A` where that with `Aᵀ` belongs. The answers of GMRES for
  /// `A` would be right, those for `Aᵀ` wrong, with a small residual.
  @Test(arguments: solvers.indices)
  func whatIsDeclaredSymmetricIsProbed(_ k: Int) throws {
    let n = Self.n
    let honest = ClosureOperator(symmetric: n) { TestMatrix.multiply(Self.definite, $0) }
    #expect(throws: Never.self) { try Self.solvers[k].prepare(honest) }
    let liar = ClosureOperator(symmetric: n) { TestMatrix.multiply(Self.general, $0) }
    let found = mismatch(Self.solvers[k], liar)
    #expect(found?.0 == .symmetric)
    // Rows count alike, by powers of two: the sums are no longer dominated by the largest.
    #expect((found?.1 ?? 0) > 1e-4)
  }

  @Test func methodsForSymmetricOperatorsProbeThem() throws {
    let A = try denseOperator(Self.general)
    for solver in [ConjugateGradient(), MINRES(), CholeskySolver()] as [any LinearSolver] {
      let error = linearSolveError { try solver.prepare(A) }
      guard case .notSymmetric(let defect) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(defect > 1e-3)
    }
  }

  /// Conjugate gradients are for definite operators; half of the indefinite ones are found out before
  /// the first iteration, all by it.
  @Test func definitenessIsProbed() throws {
    let definite = try denseOperator(Self.definite)
    #expect(throws: Never.self) { try ConjugateGradient().prepare(definite) }
    let error = linearSolveError { try ConjugateGradient().prepare(definite.scaled(by: -3)) }
    guard case .notPositiveDefinite(0, let curvature) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    // Eigenvalues from −3 to −0.3.
    #expect(curvature >= -3 && curvature <= -0.3)
    // Semidefinite is not negative, and extreme sizes count as others do.
    let zero = try denseOperator([Double](repeating: 0, count: 9))
    #expect(throws: Never.self) { try ConjugateGradient().prepare(zero) }
    #expect(
      linearSolveError { try ConjugateGradient().prepare(definite.scaled(by: -0x1p-900)) }?.name
        == .notPositiveDefinite)
  }

  @Test func entriesAreThoseOfTheProducts() throws {
    for solver in [LUSolver(), Automatic()] as [any LinearSolver] {
      #expect(throws: Never.self) { try solver.prepare(Claimed(entries: Self.general)) }
      var entries = Self.general
      entries[5] += 1e-6
      let found = mismatch(solver, Claimed(entries: entries))
      #expect(found?.0 == .entries)
      #expect((found?.1 ?? 0) > 1e-9 && (found?.1 ?? 1) < 1e-5)
    }
    // A map that is not linear is no matrix.
    let affine = ClosureOperator(rowCount: 3, columnCount: 3, matvec: { $0.map { 2 * $0 + 1 } })
    #expect(mismatch(LUSolver(), affine)?.0 == .entries)
  }

  @Test func diagonalsAndBandsAreAllThereIs() throws {
    let n = Self.n
    var band = BandMatrix(count: n, lower: 1, upper: 1)
    for i in 0..<n {
      for j in max(0, i - 1)...min(n - 1, i + 1) { band[i, j] = i == j ? 3 : 1 + 0.1 * Double(i) }
    }
    var claimed = Claimed(
      matrix: band.denseMatrix, transposed: band.transposed.denseMatrix, band: band,
      structure: .banded(lower: 1, upper: 1))
    for solver in [BandedLUSolver(), Automatic()] as [any LinearSolver] {
      claimed.matrix[3] = 0
      #expect(throws: Never.self) { try solver.prepare(claimed) }
      claimed.matrix[3] = 1e-5
      let found = mismatch(solver, claimed)
      #expect(found?.0 == .banded(lower: 1, upper: 1))
      #expect((found?.1 ?? 0) > 1e-8 && (found?.1 ?? 1) < 1e-5)
    }
    let diagonal = ClosureOperator(
      rowCount: 3, columnCount: 3, structure: .diagonal,
      matvec: { [2 * $0[0], 3 * $0[1] + $0[2], 4 * $0[2]] })
    #expect(mismatch(Automatic(), diagonal)?.0 == .diagonal)
  }

  /// The defect does not depend on the scale of the operator.
  @Test func probesAreFreeOfScale() throws {
    let liar = ClosureOperator(symmetric: Self.n) { TestMatrix.multiply(Self.general, $0) }
    let defect = mismatch(GMRES(), liar)?.1
    for exponent in [900, -900] {
      let scaled = ClosureOperator(symmetric: Self.n) {
        PowerOfTwo.scaled(TestMatrix.multiply(Self.general, $0), by: exponent)
      }
      #expect(mismatch(GMRES(), scaled)?.1 == defect)
    }
  }

  /// Products that a looser method may use: their defect is below its tolerance.
  @Test func aLooserMethodAllowsLooserProducts() throws {
    let transposed = TestMatrix.transpose(Self.general, Self.n)
    let noisy = Claimed(
      transposed: transposed.enumerated().map { (1 + ($0 % 2 == 0 ? 1e-9 : 0)) * $1 })
    #expect(mismatch(GMRES(), noisy)?.0 == .transposedProduct)
    #expect(throws: Never.self) { try GMRES(relativeTolerance: 1e-8).prepare(noisy) }
  }

  /// What is made of proven parts is proven; one part of the user's is enough for a probe.
  @Test func onlyOperatorsOfTheUsersAreProbed() throws {
    let stored = try denseOperator(Self.general)
    let users = ClosureOperator(symmetric: Self.n) { $0 }
    let combinations: [(any LinearOperator, any LinearOperator) throws -> any LinearOperator] = [
      { a, _ in a.adjoint }, { a, _ in a.scaled(by: 2) }, { a, _ in try a.shifted(by: 2) },
      { a, b in try a.plus(b) }, { a, b in try a.composed(with: b) },
      { a, b in try b.composed(with: a) },
    ]
    for combine in combinations {
      #expect(try !combine(stored, stored).needsProbe)
      #expect(try combine(users, stored).needsProbe)
    }
    #expect(!DiagonalOperator([1]).needsProbe && !IdentityOperator(count: 1).needsProbe)
    #expect(ProductCounter(stored).needsProbe)
  }
}
