import Testing

@testable import LinearSolvers

/// What iterative methods know about the condition of an operator, and what they cannot know.
@Suite struct ConditionOfKrylovTests {
  private static let n = 60

  /// The methods whose recurrences show condition numbers, and whether they need symmetry.
  private static let methods: [(solver: any LinearSolver, symmetric: Bool)] = [
    (ConjugateGradient(), true), (MINRES(), true), (GMRES(restart: 60), false),
    (LSMR(maximumIterations: 40_000), false),
  ]

  private static func matrix(
    condition: Double, symmetric: Bool, isSingular: Bool = false
  ) -> [Double] {
    var values = TestMatrix.geometric(n, condition: condition)
    if isSingular { values[n - 1] = 0 }
    return TestMatrix.spectral(values, symmetric: symmetric, seed: 401)
  }

  /// A lower bound, and not far below: the right-hand side is random, and all of the spectrum met.
  @Test(arguments: methods.indices, [1.0, 10, 1e3, 1e5])
  func theEstimateIsALowerBound(_ k: Int, condition: Double) throws {
    let method = Self.methods[k]
    let A = try denseOperator(Self.matrix(condition: condition, symmetric: method.symmetric))
    for transposed in [false, true] {
      let solution = try method.solver.prepare(A).solve(
        SeededNumbers.vector(Self.n, seed: 402), transposed: transposed)
      let estimate = try #require(solution.conditionEstimate)
      // Ritz values outside the spectrum by rounding, κ ε and more.
      #expect(estimate <= condition * (1 + 1e-8))
      #expect(estimate >= 0.3 * condition)
    }
  }

  /// The estimate is that of the operator, in any scale; with a preconditioner there is none, nor
  /// with direct methods.
  @Test func whatItIsTheConditionOf() throws {
    let entries = Self.matrix(condition: 1e3, symmetric: true)
    let A = try denseOperator(entries)
    let b = SeededNumbers.vector(Self.n, seed: 403)
    let plain = try ConjugateGradient().solve(A, b).conditionEstimate
    #expect(plain != nil)
    #expect(try ConjugateGradient().solve(A.scaled(by: 0x1p-700), b).conditionEstimate == plain)
    let M = DiagonalOperator((0..<Self.n).map { 1 / entries[$0 * Self.n + $0] })
    #expect(try ConjugateGradient(preconditioner: M).solve(A, b).conditionEstimate == nil)
    #expect(try MINRES(preconditioner: M).solve(A, b).conditionEstimate == nil)
    #expect(try GMRES(restart: 60, preconditioner: M).solve(A, b).conditionEstimate == nil)
    #expect(try BiCGStab().solve(A, b).conditionEstimate == nil)
    let factors = try LUSolver().prepare(A)
    #expect(try factors.solve(b).conditionEstimate == factors.condition?.conditionNumber)
    // In lockstep the bits are the same.
    let columns = try ConjugateGradient().prepare(A).solve(columns: [b, b.reversed()])
    #expect(columns[0].conditionEstimate == plain)
  }

  /// A singular operator and a right-hand side in its range: a solution is returned, and its condition
  /// estimate is that of the rest of the operator. A random right-hand side tells.
  @Test(arguments: methods.indices)
  func theProbeFindsWhatAConsistentRightHandSideHides(_ k: Int) throws {
    let method = Self.methods[k]
    let entries = Self.matrix(condition: 100, symmetric: method.symmetric, isSingular: true)
    let A = try denseOperator(entries)
    let b = TestMatrix.multiply(entries, SeededNumbers.vector(Self.n, seed: 404))
    let silent = try method.solver.solve(A, b)
    #expect(try #require(silent.conditionEstimate) < 200)

    let error = linearSolveError { try Self.probing(k).prepare(A) }
    guard case .singularityProbeFailed(let reason) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect([.notPositiveDefinite, .inconsistent, .illConditioned].contains(reason.name))
    let regular = try denseOperator(Self.matrix(condition: 100, symmetric: method.symmetric))
    #expect(throws: Never.self) { try Self.probing(k).prepare(regular) }
  }

  private static func probing(_ k: Int) -> any LinearSolver {
    [
      ConjugateGradient(singularityProbe: true), MINRES(singularityProbe: true),
      GMRES(restart: 60, singularityProbe: true), LSMR(singularityProbe: true),
    ][k]
  }

  /// With more equations than unknowns no random right-hand side has a solution, but the columns are
  /// independent or not; a least-squares solution of the probe shows nothing.
  @Test func theProbeOfATallOperatorAsksForItsColumns() throws {
    let independent = try DenseOperator(rows: [[1, 0], [0, 1], [1, 1], [2, -1]])
    let dependent = try DenseOperator(rows: [[1, 2], [2, 4], [3, 6], [1, 2]])
    for acceptsLeastSquares in [false, true] {
      let solver = LSMR(acceptsLeastSquares: acceptsLeastSquares, singularityProbe: true)
      #expect(throws: Never.self) { try solver.prepare(independent) }
      #expect(linearSolveError { try solver.prepare(dependent) }?.name == .singularityProbeFailed)
    }
  }

  @Test func automaticProbesWhenAskedTo() throws {
    let entries = Self.matrix(condition: 100, symmetric: true, isSingular: true)
    let A = try denseOperator(entries)
    let b = TestMatrix.multiply(entries, SeededNumbers.vector(Self.n, seed: 405))
    let silent = Automatic(denseThreshold: 0, materializationLimit: 0)
    #expect(throws: Never.self) { try silent.solve(A, b) }
    var careful = silent
    careful.singularityProbe = true
    #expect(linearSolveError { try careful.prepare(A) }?.name == .singularityProbeFailed)
    let regular = try denseOperator(Self.matrix(condition: 100, symmetric: true))
    #expect(throws: Never.self) { try careful.solve(regular, b) }
  }

  /// An eigenvalue of 1e-13, met by a right-hand side that asks for a lot along it: the answer passes
  /// its own tests, its condition number calls for the probe, and that for elimination.
  @Test func automaticProbesWhenTheConditionCallsForIt() throws {
    let n = 20
    let values = (0..<n).map { $0 == n - 1 ? 1e-13 : 1 + Double($0) / 20 }
    let A = ProductsAlone(diagonal: values)
    var x = [Double](repeating: 1, count: n)
    x[n - 1] = 1e11
    let b = zip(values, x).map { $0 * $1 }
    let alone = try ConjugateGradient().solve(A, b)
    #expect(try #require(alone.conditionEstimate) >= 1e13)
    let solution = try Automatic(denseThreshold: 0).solve(A, b)
    #expect(solution.method == "dense LU 20×20")
    let error = linearSolveError {
      try Automatic(denseThreshold: 0, materializationLimit: 0).solve(A, b)
    }
    guard case .exhausted(_, .singularityProbeFailed) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// A diagonal operator that does not say so.
  private struct ProductsAlone: LinearOperator {
    let diagonal: [Double]
    var rowCount: Int { diagonal.count }
    var columnCount: Int { diagonal.count }

    func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) {
      for i in y.indices { y[i] = diagonal[i] * x[i] }
    }

    func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) {
      matvec(x, into: &y)
    }
  }

  /// The small matrices against closed forms.
  @Test func smallMatrices() {
    // T of CG with α = (1/2, 1/3), β = 4: [[2, −4], [−4, 3 + 8]].
    var lanczos = LanczosFactors()
    lanczos.append(alpha: 0.5, beta: 4)
    lanczos.append(alpha: 1.0 / 3, beta: 0)
    #expect(abs(lanczos.largestDiagonal - 11) <= 1e-14)
    let smallest = (13 - (169 - 24.0).squareRoot()) / 2
    #expect(lanczos.smallestEigenvalue >= smallest * (1 - 1e-14))
    #expect(lanczos.smallestEigenvalue <= smallest * 1.001)
    // R = [[1, 2, 3], [0, 4, 5], [0, 0, 6]]: the same triangle stored in two ways; the determinant of
    // RᵀR is 576.
    var narrow = NarrowTriangle()
    narrow.append(1, 0, 0)
    narrow.append(4, 2, 0)
    narrow.append(6, 5, 3)
    let packed = PackedTriangle(entries: [1, 2, 4, 3, 5, 6], count: 3)
    var b = [14.0, 23, 18]
    packed.solve(&b)
    #expect(maximumDifference(b, [1, 2, 3]) <= 1e-15)
    var c = [1.0, 10, 31]
    packed.solveTransposed(&c)
    #expect(maximumDifference(c, [1, 2, 3]) <= 1e-15)
    // By numpy.linalg.svd.
    let least = 0.8884012157
    #expect(packed.leastSingularValue >= least * (1 - 1e-10))
    #expect(packed.leastSingularValue <= least * 1.001)
    #expect(abs(narrow.leastSingularValue - packed.leastSingularValue) <= 1e-14)
  }
}
