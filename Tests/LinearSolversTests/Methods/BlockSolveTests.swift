import Synchronization
import Testing

@testable import LinearSolvers

/// Several right-hand sides at once: the answers, the evidence and the refusals of one at a time.
@Suite struct BlockSolveTests {
  static let n = 60

  static let definite = TestMatrix.spectral(
    TestMatrix.geometric(n, condition: 100), symmetric: true, seed: 21)
  static let general = TestMatrix.spectral(
    TestMatrix.geometric(n, condition: 100), symmetric: false, seed: 22)

  /// Columns of very different sizes, one of them zero.
  static func columns(_ count: Int, length: Int = n, seed: UInt64 = 23) -> [[Double]] {
    var numbers = SeededNumbers(seed: seed)
    return (0..<count).map { j in
      let size = [1, 1e-300, 1e300, 0, 1e5][j % 5]
      return numbers.vector(length).map { size * $0 }
    }
  }

  static func dense(_ entries: [Double], _ n: Int = n) throws -> DenseOperator {
    try DenseOperator(rowCount: n, columnCount: n, entries: entries)
  }

  struct Method: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let solver: any LinearSolver
    /// Whether the sums of a block are those of single solves.
    let sameBits: Bool
  }

  static let methods = [
    Method(testDescription: "CG", solver: ConjugateGradient(), sameBits: true),
    Method(
      testDescription: "CG, preconditioned",
      solver: ConjugateGradient(
        preconditioner: DiagonalOperator((0..<n).map { 1 + 0.01 * Double($0) })),
      sameBits: true),
    Method(testDescription: "MINRES", solver: MINRES(), sameBits: true),
    Method(testDescription: "GMRES", solver: GMRES(), sameBits: true),
    Method(
      testDescription: "GMRES, restarted and preconditioned",
      solver: GMRES(
        restart: 25, preconditioner: DiagonalOperator((0..<n).map { 1 + 0.01 * Double($0) })),
      sameBits: true),
    Method(testDescription: "LU", solver: LUSolver(), sameBits: false),
    Method(testDescription: "Cholesky", solver: CholeskySolver(), sameBits: false),
    Method(testDescription: "dense, automatic", solver: Automatic(), sameBits: false),
    Method(
      testDescription: "Krylov, automatic",
      solver: Automatic(denseThreshold: 0, materializationLimit: 0), sameBits: true),
  ]

  @Test(
    "A column of a block is the single solve", arguments: methods, [false, true])
  func columnsAreSingleSolves(_ method: Method, _ transposed: Bool) throws {
    let prepared = try method.solver.prepare(try Self.dense(Self.definite))
    // More than the groups of either kind.
    let columns = Self.columns(70)
    let together = try prepared.solve(columns: columns, transposed: transposed)
    try #require(together.count == columns.count)
    for (b, solution) in zip(columns, together) {
      let alone = try prepared.solve(b, transposed: transposed)
      if method.sameBits {
        #expect(solution == alone)
      } else {
        #expect(distance(solution.vector, alone.vector) <= 1e-13)
        #expect(solution.method == alone.method)
        #expect(solution.backwardError <= 1e-15)
      }
    }
  }

  @Test("The general methods, on a matrix that is not symmetric", arguments: [false, true])
  func notSymmetric(_ transposed: Bool) throws {
    let A = try Self.dense(Self.general)
    for (solver, sameBits) in [
      (LUSolver(), false), (Automatic(denseThreshold: 0, materializationLimit: 0), true),
    ] as [(any LinearSolver, Bool)] {
      let prepared = try solver.prepare(A)
      let columns = Self.columns(7)
      for (b, solution) in zip(
        columns, try prepared.solve(columns: columns, transposed: transposed))
      {
        let alone = try prepared.solve(b, transposed: transposed)
        #expect(distance(solution.vector, alone.vector) <= (sameBits ? 0 : 1e-13))
      }
    }
  }

  @Test("Bands and diagonals go column by column, with the same bits")
  func bands() throws {
    var band = BandMatrix(count: Self.n, lower: 1, upper: 1)
    for i in 0..<Self.n {
      for j in max(0, i - 1)...min(Self.n - 1, i + 1) {
        band[i, j] = i == j ? 3 : Double(j - i) - 0.25
      }
    }
    let prepared = try Automatic().prepare(BandedOperator(band))
    let columns = Self.columns(5)
    let together = try prepared.solve(columns: columns)
    for (b, solution) in zip(columns, together) { #expect(try prepared.solve(b) == solution) }
  }

  static let stepped = [ConjugateGradient() as any LinearSolver, MINRES(), GMRES(restart: n)]

  @Test(
    "Block products: one for each iteration, and columns that are done drop out",
    arguments: stepped)
  func lockstep(_ solver: any LinearSolver) throws {
    let A = BlockCounter(try Self.dense(Self.definite))
    let prepared = try solver.prepare(A)
    var numbers = SeededNumbers(seed: 5)
    let columns = [numbers.vector(Self.n), numbers.vector(Self.n), numbers.vector(Self.n)]
    A.reset()
    let together = try prepared.solve(columns: columns)
    let iterations = together.map(\.iterations)
    // Each column ends with one product of its own, the recomputed residual.
    #expect(A.blocks == iterations.sorted()[1])
    #expect(A.columns + A.singles == together.reduce(0) { $0 + $1.operatorProducts })
    #expect(A.columns + A.singles == iterations.reduce(0) { $0 + $1 + 1 })
  }

  @Test("Groups: sixteen columns, or as many as take no more memory with a long basis")
  func groups() throws {
    func largestGroup(_ solver: any LinearSolver, count n: Int, columns: Int) throws -> Int {
      // Two eigenvalues: two steps.
      let A = BlockCounter(DiagonalOperator((0..<n).map { $0 % 2 == 0 ? 1.0 : 2.0 }))
      let prepared = try solver.prepare(A)
      A.reset()
      var numbers = SeededNumbers(seed: 6)
      let solutions = try prepared.solve(columns: (0..<columns).map { _ in numbers.vector(n) })
      #expect(solutions.allSatisfy { $0.iterations == 2 })
      return A.columns / max(A.blocks, 1)
    }
    #expect(try largestGroup(ConjugateGradient(), count: 100, columns: 32) == 16)
    #expect(try largestGroup(GMRES(), count: 100, columns: 32) == 16)
    #expect(try largestGroup(ConjugateGradient(), count: 100_000, columns: 4) == 4)
    #expect(try largestGroup(GMRES(), count: 100_000, columns: 4) == 2)
  }

  @Test(
    "A try beside solves is that by itself, and the solves are those by themselves",
    arguments: [
      ConjugateGradient() as any LinearSolver, MINRES(), GMRES(), GMRES(restart: 3), BiCGStab(),
      Automatic(denseThreshold: 0, materializationLimit: 0),
    ], [true, false])
  func tryBesideSolves(_ solver: any LinearSolver, _ isSymmetric: Bool) throws {
    if (solver is ConjugateGradient || solver is MINRES) && !isSymmetric { return }
    let values = TestMatrix.geometric(Self.n, condition: 10)
    let A = BlockCounter(
      try Self.dense(TestMatrix.spectral(values, symmetric: isSymmetric, seed: 31)))
    let prepared = try #require(try solver.prepare(A) as? any TriesRegularity)
    #expect(prepared.triesBesideSolves == !(solver is BiCGStab))
    let columns = [SeededNumbers.vector(Self.n, seed: 32)]
    for transposed in [false, true] {
      A.reset()
      let both = prepared.solveEachTryingRegularity(columns, transposed: transposed)
      let products = A.columns + A.singles
      #expect((A.blocks > 0) == prepared.triesBesideSolves)
      let evidence = try both.evidence.get()
      A.reset()
      let alone = try prepared.triedRegularity(transposed: transposed)
      #expect(try both.solutions[0].get() == prepared.solve(columns[0], transposed: transposed))
      #expect(A.singles == products && A.blocks == 0)
      #expect(evidence.isRegular && alone.isRegular)
      #expect(evidence.conditionEstimate == alone.conditionEstimate)
      #expect(evidence.inverseNormEstimate == alone.inverseNormEstimate)
      #expect(evidence.inverseNormDoubt == alone.inverseNormDoubt)
    }
  }

  /// Eigenvalues of both signs, over more decades than conjugate gradients or MINRES get the steps for.
  private static func indefinite(least: Double) -> [Double] {
    var values = TestMatrix.geometric(n, condition: 1e6)
    for k in stride(from: 0, to: n, by: 2) { values[k] = -values[k] }
    values[n - 1] = least
    return TestMatrix.spectral(values, symmetric: true, seed: 34)
  }

  @Test("Where no iteration can tell, the factors do that solve in its place")
  func factorsTell() throws {
    let columns = [SeededNumbers.vector(Self.n, seed: 35)]
    func evidence(least: Double) throws -> (
      beside: RegularityEvidence, alone: RegularityEvidence, method: String
    ) {
      let A = try Self.dense(Self.indefinite(least: least))
      let solver = Automatic(denseThreshold: 0)
      let prepared = try #require(try solver.prepare(A) as? any TriesRegularity)
      let both = prepared.solveEachTryingRegularity(columns, transposed: true)
      let other = try #require(try solver.prepare(A) as? any TriesRegularity)
      return (
        try both.evidence.get(), try other.triedRegularity(transposed: true),
        (try? both.solutions[0].get())?.method ?? ""
      )
    }
    let regular = try evidence(least: 1e-6)
    #expect(regular.method.hasPrefix("dense LU"))
    for found in [regular.beside, regular.alone] {
      #expect(found.isRegular && found.inverseNormDoubt == RegularityEvidence.generalDoubt)
      let inverse = try #require(found.inverseNormEstimate)
      #expect(inverse >= 1e6 / 3 && inverse <= 1e6 * Double(Self.n))
      #expect(try #require(found.conditionEstimate) >= 1e5)
    }
    #expect(regular.beside.inverseNormEstimate == regular.alone.inverseNormEstimate)
    // Factors of a singular matrix, or of one that may be, tell nothing.
    for least in [0, 1e-12] {
      let singular = try evidence(least: least)
      #expect(!singular.beside.isRegular && !singular.alone.isRegular)
    }
  }

  @Test(
    "A rough solution has a residual as small as that of a try, which it states",
    arguments: [ConjugateGradient() as any LinearSolver, GMRES(), BiCGStab(), MINRES()])
  func roughSolutions(_ solver: any LinearSolver) throws {
    let A = try Self.dense(Self.definite)
    let prepared = try #require(try solver.prepare(A) as? any TriesRegularity)
    let b = SeededNumbers.vector(Self.n, seed: 33).map { 1e-200 * $0 }
    let rough = try #require(prepared.roughSolution(b))
    let exact = try prepared.solve(b)
    #expect(rough.iterations < exact.iterations)
    let residual = zip(b, try A.applied(to: rough.vector)).map { 1e200 * ($0 - $1) }
    let size = ProbeVector.norm(b.map { 1e200 * $0 })
    let stated = 1e200 * rough.residualNorm / size
    #expect(stated <= RegularityEvidence.coarseShare(count: Self.n))
    #expect((ProbeVector.norm(residual) / size - stated).magnitude <= 1e-3 * stated)
    // The methods that keep their residual need no product to know it.
    if !(solver is BiCGStab) {
      #expect(rough.operatorProducts == rough.iterations)
      let kept = try #require(rough.residual)
      let off = zip(kept, residual).map { 1e200 * $0 - $1 }
      #expect(ProbeVector.norm(off) <= 1e-3 * ProbeVector.norm(residual))
    }
    // Singular: none.
    let null = DiagonalOperator((0..<Self.n).map { $0 == 7 ? 0 : 1 + Double($0) })
    let singular = try (solver.prepare(null) as? any TriesRegularity)?.roughSolution(b)
    #expect(singular == nil)
  }

  @Test("Direct: two block products, the residual and that of the refinement")
  func directProducts() throws {
    let A = BlockCounter(try Self.dense(Self.general))
    let prepared = try LUSolver().prepare(A)
    A.reset()
    let together = try prepared.solve(columns: Self.columns(9).filter { $0[0] != 0 })
    #expect(A.blocks == 2 && A.singles == 0)
    #expect(A.columns == together.reduce(0) { $0 + $1.operatorProducts })
  }

  @Test("A column that fails concerns no other", arguments: [true, false])
  func failures(_ direct: Bool) throws {
    let A = try Self.dense(Self.definite)
    let prepared = try direct ? LUSolver().prepare(A) : ConjugateGradient().prepare(A)
    var columns = Self.columns(5)
    columns[1][3] = .nan
    columns[3].removeLast()
    let outcomes = prepared.solveEach(columns, transposed: false)
    for (j, b) in columns.enumerated() {
      do {
        let alone = try prepared.solve(b)
        #expect(distance(try outcomes[j].get().vector, alone.vector) <= 1e-13)
      } catch {
        guard case .failure(let found) = outcomes[j] else {
          Issue.record("column \(j) was not refused")
          continue
        }
        #expect(found.description == error.description)
      }
    }
    // The first failure is thrown.
    #expect {
      try prepared.solve(columns: columns)
    } throws: { ($0 as? LinearSolveError)?.description.contains("nan") ?? false }
  }

  @Test(
    "A limit is reached by the columns that need more, with their own numbers",
    arguments: [true, false])
  func limits(_ byGradients: Bool) throws {
    func method(_ limit: Int?) -> any LinearSolver {
      byGradients ? ConjugateGradient(maximumIterations: limit) : GMRES(maximumIterations: limit)
    }
    let A = try Self.dense(Self.definite)
    let free = try method(nil).prepare(A)
    let columns = Self.columns(3, seed: 9).filter { $0[0] != 0 }
    let needed = try free.solve(columns: columns).map(\.iterations)
    // The least residual of GMRES may be small enough a step or two before it says so.
    let limit = (needed.min() ?? 0) - (byGradients ? 0 : 20)
    let prepared = try method(limit).prepare(A)
    for (j, outcome) in prepared.solveEach(columns, transposed: false).enumerated() {
      var alone: LinearSolveError?
      do { _ = try prepared.solve(columns[j]) } catch { alone = error }
      var together: LinearSolveError?
      do { _ = try outcome.get() } catch { together = error }
      #expect(alone == together)
      #expect((alone == nil) == (needed[j] == limit))
      if case .notConverged(let iterations, _, _)? = together { #expect(iterations == limit) }
    }
  }

  @Test("An indefinite matrix: CG refuses some columns, MINRES solves them, the rest stay")
  func chain() throws {
    var values = TestMatrix.geometric(Self.n, condition: 10)
    values[Self.n - 1] = -values[Self.n - 1]
    let A = try Self.dense(TestMatrix.spectral(values, symmetric: true, seed: 24))
    let prepared = try Automatic(denseThreshold: 0, materializationLimit: 0).prepare(A)
    let columns = Self.columns(4)
    for (b, outcome) in zip(columns, prepared.solveEach(columns, transposed: false)) {
      let alone = try prepared.solve(b)
      #expect(try outcome.get() == alone)
    }
  }

  @Test("A singular matrix with a gauge: each column is checked and fixed by itself")
  func gauge() throws {
    let n = 12
    // The Laplacian of a ring: constants are free, and sums cannot be given.
    var entries = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      entries[i * n + i] = 2
      entries[i * n + (i + 1) % n] -= 1
      entries[i * n + (i + n - 1) % n] -= 1
    }
    let ones = [Double](repeating: 1, count: n)
    let prepared = try GaugedSolver(base: LUSolver(), right: [ones]).prepare(
      try Self.dense(entries, n))
    var columns = Self.columns(4, length: n).map { b in
      let mean = b.reduce(0) { $0 + $1 / Double(n) }
      return b.map { $0 - mean }
    }
    columns[1] = ones
    for (b, outcome) in zip(columns, prepared.solveEach(columns, transposed: false)) {
      do {
        let alone = try prepared.solve(b)
        #expect(distance(try outcome.get().vector, alone.vector) <= 1e-13)
      } catch {
        #expect(throws: error) { try outcome.get() }
        #expect(b == ones)
      }
    }
  }

  @Test("An operator that refuses a block is asked column by column")
  func refusedBlock() throws {
    let n = 4
    let A = ClosureOperator(rowCount: n, columnCount: n) { x in
      if x[0].magnitude > 1.2e3 { throw LinearSolveError.productFailed("too large") }
      return x.map { 1e-3 * $0 }
    }
    let prepared = try LUSolver().prepare(A)
    // Normalised, the second has a solution with an entry of 1500.
    let outcomes = prepared.solveEach(
      [[1, 1, 1, 1], [1.5, 1, 1, 1], [0, 1, 1, 1]], transposed: false)
    #expect(throws: Never.self) { try outcomes[0].get() }
    #expect(throws: LinearSolveError.productFailed("too large")) { try outcomes[1].get() }
    #expect(throws: Never.self) { try outcomes[2].get() }
  }

  /// `‖a − b‖∞ / ‖b‖∞`.
  private func distance(_ a: [Double], _ b: [Double]) -> Double {
    let size = b.reduce(0) { max($0, abs($1)) }
    let largest = zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
    return largest == 0 ? 0 : largest / size
  }
}

/// Counts single and block products with an operator.
final class BlockCounter: LinearOperator {
  private let base: any LinearOperator
  private let counts = Mutex((singles: 0, blocks: 0, columns: 0))

  init(_ base: any LinearOperator) { self.base = base }

  var singles: Int { counts.withLock { $0.singles } }
  var blocks: Int { counts.withLock { $0.blocks } }
  /// Products that came in blocks.
  var columns: Int { counts.withLock { $0.columns } }
  func reset() { counts.withLock { $0 = (0, 0, 0) } }

  var rowCount: Int { base.rowCount }
  var columnCount: Int { base.columnCount }
  func denseMatrix() throws(LinearSolveError) -> [Double] { try base.denseMatrix() }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    counts.withLock { $0.singles += 1 }
    try base.matvec(x, into: &y)
  }

  func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    counts.withLock { $0.singles += 1 }
    try base.transposeMatvec(x, into: &y)
  }

  func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    counts.withLock {
      $0.blocks += 1
      $0.columns += k
    }
    try base.matmat(x, columns: k, into: &y)
  }

  func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    counts.withLock {
      $0.blocks += 1
      $0.columns += k
    }
    try base.transposeMatmat(x, columns: k, into: &y)
  }
}
