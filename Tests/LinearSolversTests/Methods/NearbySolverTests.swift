import Testing

@testable import LinearSolvers

/// Old factors on a new operator: fewer iterations, the same answers, and nothing else.
@Suite struct NearbySolverTests {
  static let n = 80

  static let entries = TestMatrix.spectral(
    TestMatrix.geometric(n, condition: 1e4), symmetric: false, seed: 31)

  /// `A + size · E` with entries of `E` in −1…1, divided by `n`.
  static func moved(_ size: Double, seed: UInt64 = 32) -> [Double] {
    let change = SeededNumbers.vector(n * n, seed: seed)
    return zip(entries, change).map { $0 + size / Double(n) * $1 }
  }

  static func dense(_ entries: [Double]) throws -> DenseOperator {
    try DenseOperator(rowCount: n, columnCount: n, entries: entries)
  }

  @Test(
    "Nearby, nothing is factorised and few iterations are made; the answers are those of elimination",
    arguments: [(LUSolver() as any LinearSolver), Automatic()], [false, true])
  func nearby(_ solver: any LinearSolver, _ transposed: Bool) throws {
    let old = try solver.prepare(try Self.dense(Self.entries))
    let b = SeededNumbers.vector(Self.n, seed: 33)
    var iterations: [Int] = []
    for size in [1e-8, 1e-6, 1e-5] {
      // Its entries are hidden: materialising it would show as 80 products.
      let A = ProductCounter(try Self.dense(Self.moved(size)))
      let prepared = try NearbySolver(nearby: old, otherwise: solver).prepare(A)
      let solution = try prepared.solve(b, transposed: transposed)
      #expect(A.count < Self.n)
      #expect(solution.method.contains("preconditioned by the dense LU 80×80 of a nearby point"))
      #expect(solution.relativeResidual <= 1e-12)
      let exact = try LUSolver().prepare(try Self.dense(Self.moved(size)))
        .solve(b, transposed: transposed).vector
      // The condition number times the tolerance.
      #expect(distance(solution.vector, exact) <= 1e4 * 1e-12)
      iterations.append(solution.iterations)
    }
    #expect(iterations == iterations.sorted() && iterations[0] <= 3)
    let plain = try GMRES(restart: Self.n).solve(try Self.dense(Self.moved(1e-5)), b)
    #expect(iterations[2] * 3 < plain.iterations)
  }

  @Test("The factors go on from point to point")
  func path() throws {
    var prepared = try LUSolver().prepare(try Self.dense(Self.entries))
    for step in 1...3 {
      prepared = try NearbySolver(nearby: prepared, otherwise: LUSolver()).prepare(
        try Self.dense(Self.moved(1e-6 * Double(step))))
      #expect(prepared.methodDescription.contains("of a nearby point"))
    }
  }

  @Test("Far away, and where there are no dense factors, the other method starts afresh")
  func far() throws {
    let old = try LUSolver().prepare(try Self.dense(Self.entries))
    let b = SeededNumbers.vector(Self.n, seed: 34)
    let other = try Self.dense(
      TestMatrix.spectral(
        TestMatrix.geometric(Self.n, condition: 10), symmetric: false, seed: 35))
    for (nearby, A) in [
      (old, other), (try GMRES().prepare(try Self.dense(Self.entries)), other),
      (try LUSolver().prepare(try DenseOperator(rows: [[2]])), other),
    ] as [(any PreparedLinearSolver, any LinearOperator)] {
      let prepared = try NearbySolver(nearby: nearby, otherwise: LUSolver()).prepare(A)
      #expect(try prepared.solve(b) == LUSolver().prepare(A).solve(b))
    }
    var diagonal = BandMatrix(count: Self.n, lower: 0, upper: 0)
    for i in 0..<Self.n { diagonal[i, i] = 2 }
    let band = BandedOperator(diagonal)
    let banded = try NearbySolver(
      nearby: try Automatic().prepare(band), otherwise: Automatic()
    ).prepare(band)
    #expect(banded.methodDescription == (try Automatic().prepare(band).methodDescription))
  }

  @Test("A singular operator is refused as ever")
  func singular() throws {
    let old = try LUSolver().prepare(try Self.dense(Self.entries))
    var entries = Self.entries
    for j in 0..<Self.n { entries[j] = entries[Self.n + j] }
    let A = try Self.dense(entries)
    var expected: LinearSolveError?
    do { _ = try LUSolver().prepare(A) } catch { expected = error }
    let error = try #require(expected)
    #expect(throws: error) { try NearbySolver(nearby: old, otherwise: LUSolver()).prepare(A) }
  }

  @Test("Unfit right-hand sides are refused as ever; a zero has the solution zero")
  func input() throws {
    let old = try LUSolver().prepare(try Self.dense(Self.entries))
    let prepared = try NearbySolver(nearby: old, otherwise: LUSolver()).prepare(
      try Self.dense(Self.moved(1e-6)))
    #expect(
      throws: LinearSolveError.sizeMismatch(what: "the right-hand side", expected: 80, found: 1)
    ) {
      try prepared.solve([1])
    }
    let zero = [Double](repeating: 0, count: Self.n)
    #expect(try prepared.solve(zero).vector == zero)
  }

  @Test("A start at a nearby solution saves iterations of every Krylov method")
  func start() throws {
    let b = SeededNumbers.vector(Self.n, seed: 36)
    let definite = TestMatrix.spectral(
      TestMatrix.geometric(Self.n, condition: 10), symmetric: true, seed: 37)
    let A = try Self.dense(definite)
    for solver in [ConjugateGradient(), MINRES(), GMRES(restart: Self.n)] as [any LinearSolver] {
      let prepared = try solver.prepare(A)
      let nearby = try prepared.solve(b.map { $0 * (1 + 1e-6) }).vector
      let cold = try prepared.solve(b)
      let warm = try prepared.solve(b, transposed: false, initialGuess: nearby)
      #expect(warm.iterations * 4 < cold.iterations * 3)
      #expect(distance(warm.vector, cold.vector) <= 10 * 2e-12)
    }
  }

  /// `‖a − b‖∞ / ‖b‖∞`.
  private func distance(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } / b.reduce(0) { max($0, abs($1)) }
  }
}
