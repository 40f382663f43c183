import Testing

@testable import LinearSolvers

/// Methods iterate with an operator near `A`, and their residuals are those of `A`.
@Suite("Iterations with a rounded operator")
struct RoundedIterationTests {
  /// `A` by its entries, beside any operator that is said to be near it.
  struct Nearby: HasRoundedForm, KnowsDefiniteness {
    let exact: ProductCounter
    let near: (any LinearOperator)?
    /// What it says of itself, rightly or not: its largest eigenvalue is one.
    var leastEigenvalueBound: Double? = 0.03

    var rowCount: Int { exact.rowCount }
    var columnCount: Int { exact.columnCount }

    func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
      try exact.matvec(x, into: &y)
    }

    func transposeMatvec(
      _ x: Span<Double>, into y: inout MutableSpan<Double>
    ) throws(LinearSolveError) { try exact.transposeMatvec(x, into: &y) }

    func roundedForm() -> (any LinearOperator)? { near }
  }

  static let count = 40

  private func entries(condition: Double) -> [Double] {
    TestMatrix.spectral(
      TestMatrix.geometric(Self.count, condition: condition), symmetric: true, seed: 3)
  }

  private func rounded(_ entries: [Double]) throws -> ProductCounter {
    ProductCounter(try denseOperator(entries.map { Double(Float($0)) }))
  }

  private var rightHandSide: [Double] {
    var numbers = SeededNumbers(seed: 8)
    return numbers.vector(Self.count)
  }

  static let methods: [any LinearSolver] = [
    ConjugateGradient(), MINRES(),
    ConjugateGradient(preconditioner: DiagonalOperator([Double](repeating: 2, count: count))),
  ]

  @Test(
    "give the solution of A, for a product with A in each cycle",
    arguments: methods.indices, [1.0, 5, 30])
  func solution(method: Int, condition: Double) throws {
    let a = entries(condition: condition)
    let b = rightHandSide
    let (exact, near) = (ProductCounter(try denseOperator(a)), try rounded(a))
    let prepared = try Self.methods[method].prepare(Nearby(exact: exact, near: near))
    let before = exact.count
    let found = try prepared.solve(b)
    let products = exact.count - before
    let residual = norm(zip(b, TestMatrix.multiply(a, found.vector)).map { $0 - $1 })
    #expect(residual <= 1.1e-12 * norm(b))
    #expect(found.relativeResidual <= 1e-12)
    // Two or three cycles, and each ends in one product with A.
    #expect(products <= 3)
    #expect(near.count >= Swift.min(found.iterations, 1))
    #expect(products + near.count == found.operatorProducts)
    #expect(found.method.hasSuffix("with entries in single precision between residuals in double"))
  }

  @Test(
    "several right-hand sides have the steps and bits of each alone", arguments: [30, 1e9])
  func columns(condition: Double) throws {
    let a = entries(condition: condition)
    var numbers = SeededNumbers(seed: 5)
    var columns = (0..<3).map { _ in TestMatrix.multiply(a, numbers.vector(Self.count)) }
    // Along the leading eigenvectors rounding does no harm, whatever the condition.
    for _ in 0..<6 { columns[1] = TestMatrix.multiply(a, columns[1]) }
    let (exact, near) = (ProductCounter(try denseOperator(a)), try rounded(a))
    let prepared = try ConjugateGradient().prepare(Nearby(exact: exact, near: near))
    let together = prepared.solveEach(columns, transposed: false)
    var kinds: Set<Bool> = []
    for (b, solved) in zip(columns, together) {
      let (alone, other) = (try prepared.solve(b), try solved.get())
      #expect(alone.vector == other.vector)
      #expect(alone.iterations == other.iterations)
      #expect(alone.operatorProducts == other.operatorProducts)
      #expect(alone.method == other.method)
      kinds.insert(other.method.contains("single precision"))
    }
    #expect(kinds == (condition < 1e6 ? [true] : [true, false]))
  }

  @Test(
    "where rounding decides, A is used, within the limit that A needs",
    arguments: [1e4, 1e6, 1e9])
  func illConditioned(condition: Double) throws {
    let a = entries(condition: condition)
    let b = TestMatrix.multiply(a, rightHandSide)
    let exact = ProductCounter(try denseOperator(a))
    let plain = try ConjugateGradient().prepare(exact).solve(b)
    let method = ConjugateGradient(maximumIterations: plain.iterations + 2)
    let found = try method.prepare(Nearby(exact: exact, near: try rounded(a))).solve(b)
    let residual = norm(zip(b, TestMatrix.multiply(a, found.vector)).map { $0 - $1 })
    #expect(residual <= 1.1e-12 * norm(b))
    // No worse than without.
    #expect(found.backwardError <= 2 * plain.backwardError)
    if condition > 1e8 { #expect(!found.method.contains("single precision")) }
  }

  @Test("a good guess is not thrown away")
  func initialGuess() throws {
    let a = entries(condition: 30)
    let x = rightHandSide
    let b = TestMatrix.multiply(a, x)
    for error in [0, 1e-15, 1e-14, 1e-13, 1e-9] {
      let guess = x.enumerated().map { $1 + ($0.isMultiple(of: 2) ? error : -error) }
      let (exact, near) = (ProductCounter(try denseOperator(a)), try rounded(a))
      let found = try ConjugateGradient().prepare(Nearby(exact: exact, near: near))
        .solve(b, transposed: false, initialGuess: guess)
      let plain = try ConjugateGradient().prepare(exact)
        .solve(b, transposed: false, initialGuess: guess)
      #expect(found.relativeResidual <= 1e-12)
      #expect(found.iterations <= plain.iterations + 4)
      if found.iterations == 0 { #expect(!found.method.contains("single precision")) }
    }
  }

  @Test("only where A is known to be well-conditioned")
  func unknown() throws {
    let a = entries(condition: 30)
    // A bound, and a hundredth of what would do.
    for bound in [nil, 3e-4] {
      let near = try rounded(a)
      let A = Nearby(
        exact: ProductCounter(try denseOperator(a)), near: near, leastEigenvalueBound: bound)
      _ = try ConjugateGradient().prepare(A).solve(rightHandSide)
      #expect(near.count == 0)
    }
  }

  @Test("a singular matrix is refused, regular as its rounded form may be")
  func singular() throws {
    var values = (0..<Self.count).map { 0.1 + 0.9 * Double($0) / Double(Self.count - 1) }
    values[0] = 0
    let A = DiagonalOperator(values)
    values[0] = 1e-13
    let form = DiagonalOperator(values)
    for part in [1e-4, 1e-2] {
      var b = [Double](repeating: 1, count: Self.count)
      b[0] = part
      for method: any LinearSolver in [ConjugateGradient(), MINRES(), Automatic(denseThreshold: 0)]
      {
        let nearby = Nearby(exact: ProductCounter(A), near: form, leastEigenvalueBound: nil)
        #expect(linearSolveError { try method.prepare(nearby).solve(b) } != nil)
      }
    }
  }

  @Test("few directions seen twice are few directions")
  func fewDirections() throws {
    // Three eigenvalues, and a right-hand side that meets them all in three steps.
    let values = (0..<Self.count).map { [0.5, 0.75, 1][$0 % 3] / 3 * 3 + 0.1 }
    let near = DiagonalOperator(values.map { Double(Float($0)) })
    let A = Nearby(exact: ProductCounter(DiagonalOperator(values)), near: near)
    let found = try ConjugateGradient().prepare(A).solve([Double](repeating: 1, count: Self.count))
    #expect(found.iterations > 5)
    #expect(found.conditionEstimate == nil)
  }

  @Test("an operator that is not near A at all costs time and nothing else")
  func nonsense() throws {
    let a = entries(condition: 30)
    let b = rightHandSide
    let plain = try ConjugateGradient().prepare(ProductCounter(try denseOperator(a))).solve(b)
    let n = Self.count
    let others: [any LinearOperator] = [
      ScaledOperator(-1, IdentityOperator(count: n)),
      ScaledOperator(.nan, IdentityOperator(count: n)),
      ScaledOperator(1e-8, IdentityOperator(count: n)),
      ScaledOperator(1e8, IdentityOperator(count: n)),
      ScaledOperator(0, IdentityOperator(count: n)), IdentityOperator(count: n + 1),
    ]
    for other in others {
      let prepared = try ConjugateGradient().prepare(
        Nearby(exact: ProductCounter(try denseOperator(a)), near: other))
      let found = try prepared.solve(b)
      #expect(relativeError(found.vector, plain.vector) < 1e-10)
      #expect(!found.method.contains("single precision"))
      // What it has shown of a spectrum is not that of A.
      let condition = try #require(found.conditionEstimate)
      #expect(condition > 3 && condition < 40)
    }
  }

  @Test("methods that need the transpose as well do without")
  func unsymmetric() throws {
    let a = TestMatrix.spectral(
      TestMatrix.geometric(Self.count, condition: 10), symmetric: false, seed: 4)
    let near = try rounded(a)
    for method: any LinearSolver in [GMRES(), BiCGStab(), LSMR()] {
      let prepared = try method.prepare(
        Nearby(exact: ProductCounter(try denseOperator(a)), near: near))
      _ = try prepared.solve(rightHandSide)
    }
    #expect(near.count == 0)
  }

  @Test("the transpose has the rounded form of the transpose")
  func adjoint() throws {
    let a = TestMatrix.spectral(
      TestMatrix.geometric(Self.count, condition: 10), symmetric: false, seed: 4)
    let A = AdjointOperator(
      Nearby(exact: ProductCounter(try denseOperator(a)), near: try rounded(a)))
    let form = try #require(A.roundedForm())
    let x = rightHandSide
    #expect(relativeError(try form.applied(to: x), try A.applied(to: x)) < 1e-6)
    #expect(AdjointOperator(IdentityOperator(count: 3)).roundedForm() == nil)
  }
}
