@testable import LinearSolvers
import Testing

/// A singular matrix with known null vectors: `(I − l lᵀ/‖l‖²) M (I − r rᵀ/‖r‖²)` for random `M`.
private struct SingularMatrix {
  let A: DenseOperator
  let left: [Double]
  let right: [Double]

  init(count n: Int, seed: UInt64, symmetric: Bool = false) throws {
    var numbers = SeededNumbers(seed: seed)
    let values = TestMatrix.geometric(n, condition: 20)
    var entries = TestMatrix.spectral(values, symmetric: symmetric, seed: seed)
    right = numbers.vector(n)
    left = symmetric ? right : numbers.vector(n)
    let (l, r) = (unit(left), unit(right))
    for j in 0..<n {
      var c = 0.0
      for i in 0..<n { c += l[i] * entries[i * n + j] }
      for i in 0..<n { entries[i * n + j] -= c * l[i] }
    }
    for i in 0..<n {
      var c = 0.0
      for j in 0..<n { c += entries[i * n + j] * r[j] }
      for j in 0..<n { entries[i * n + j] -= c * r[j] }
    }
    if symmetric {
      // No rounding between the triangles.
      for i in 0..<n {
        for j in 0..<i { entries[i * n + j] = entries[j * n + i] }
      }
    }
    A = try denseOperator(entries)
  }
}

private func numbers(_ count: Int, seed: UInt64) -> [Double] {
  var numbers = SeededNumbers(seed: seed)
  return numbers.vector(count)
}

private func unit(_ x: [Double]) -> [Double] {
  let size = norm(x)
  return x.map { $0 / size }
}

/// The products of a matrix, whose entries nobody sees.
private func productsOnly(_ A: DenseOperator) -> ClosureOperator {
  ClosureOperator(
    rowCount: A.rowCount, columnCount: A.columnCount, matvec: { try A.applied(to: $0) },
    transposeMatvec: { try A.transposeApplied(to: $0) })
}

@Suite struct GaugedSolverTests {
  /// Condition numbers of the regular part are below 1e3, and iterations end at 1e-12.
  private static let solveTolerance = 1e-9

  @Test(
    arguments: ["LU", "automatic", "GMRES", "BiCGStab"],
    [(false, false), (false, true), (true, false), (true, true)])
  func solutionsAreOrthogonalToTheGauge(
    _ method: String, _ options: (transposed: Bool, givesLeft: Bool)
  ) throws {
    let (transposed, givesLeft) = options
    let n = 30
    let singular = try SingularMatrix(count: n, seed: 5)
    let base: any LinearSolver =
      switch method {
      case "LU": LUSolver()
      case "GMRES": GMRES()
      case "BiCGStab": BiCGStab()
      default: Automatic(denseThreshold: 4)
      }
    let A = productsOnly(singular.A)
    let prepared = try GaugedSolver(
      base: base, right: [singular.right.map { 1e5 * $0 }],
      left: givesLeft ? [singular.left] : nil
    ).prepare(A)
    #expect(prepared.methodDescription.hasSuffix("gauge of dimension 1 fixed"))
    let free = unit(transposed ? singular.left : singular.right)
    var expected = numbers(n, seed: 9)
    let component = zip(free, expected).reduce(0.0) { $0 + $1.0 * $1.1 }
    for i in 0..<n { expected[i] -= component * free[i] }
    let b = try transposed ? A.transposeApplied(to: expected) : A.applied(to: expected)
    for scale in [1.0, 1e-250, 1e250] {
      let x = try prepared.solve(b.map { scale * $0 }, transposed: transposed).vector
      #expect(relativeError(x.map { $0 / scale }, expected) < Self.solveTolerance)
    }
  }

  @Test func aSemidefiniteMatrixStaysWithMethodsForDefiniteOnes() throws {
    let singular = try SingularMatrix(count: 12, seed: 3, symmetric: true)
    let prepared = try GaugedSolver(base: CholeskySolver(), right: [singular.right])
      .prepare(singular.A)
    let b = try singular.A.applied(to: numbers(12, seed: 1))
    let x = try prepared.solve(b).vector
    #expect(relativeError(try singular.A.applied(to: x), b) < Self.solveTolerance)
    let iterative = try GaugedSolver(base: ConjugateGradient(), right: [singular.right])
      .prepare(singular.A).solve(b).vector
    #expect(relativeError(iterative, x) < Self.solveTolerance)
  }

  @Test(arguments: [false, true]) func inconsistentRightHandSidesAreRefused(
    _ transposed: Bool
  ) throws {
    let n = 8
    let singular = try SingularMatrix(count: n, seed: 2)
    let outside = unit(transposed ? singular.right : singular.left)
    let consistent =
      try transposed
      ? singular.A.transposeApplied(to: numbers(n, seed: 4))
      : singular.A.applied(to: numbers(n, seed: 4))
    let b = zip(consistent, outside).map { $0 + 0.25 * $1 }
    let solver = GaugedSolver(base: LUSolver(), right: [singular.right], left: [singular.left])
    let error = linearSolveError { try solver.prepare(singular.A).solve(b, transposed: transposed) }
    guard case .inconsistentWithGauge(let side, 0, let component, let size, 1e-8) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(side == (transposed ? .right : .left))
    #expect((component - 0.25).magnitude < 1e-12 && (size - norm(b)).magnitude < 1e-12)

    var lenient = solver
    lenient.inconsistent = .leastSquares
    let answer = try lenient.prepare(singular.A).solve(b, transposed: transposed)
    let reference = try solver.prepare(singular.A).solve(consistent, transposed: transposed)
    #expect(relativeError(answer.vector, reference.vector) < Self.solveTolerance)
    #expect(answer.method.contains("least squares, as asked for"))
    #expect(!reference.method.contains("least squares"))
  }

  @Test func severalNullVectors() throws {
    // The Laplacian of two separate triangles: constant on each.
    let triangle = [[2.0, -1, -1], [-1, 2, -1], [-1, -1, 2]]
    let A = try DenseOperator(
      rows: triangle.map { $0 + [0, 0, 0] } + triangle.map { [0, 0, 0] + $0 })
    let right: [[Double]] = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]]
    let x = try GaugedSolver(base: LUSolver(), right: right).solve(A, [3, -3, 0, 0, 6, -6]).vector
    for (found, value) in zip(x, [1.0, -1, 0, 0, 2, -2]) {
      #expect((found - value).magnitude < 1e-14)
    }
    // One of the two is not enough: the rest is still singular, and said to be.
    #expect(
      linearSolveError { try GaugedSolver(base: LUSolver(), right: [right[0]]).prepare(A) }?.name
        == .singular)
  }

  @Test func whatIsNoNullVectorIsRefused() throws {
    let singular = try SingularMatrix(count: 6, seed: 8)
    var bent = singular.right
    bent[2] += 0.01
    func name(_ right: [[Double]], _ left: [[Double]]? = nil) -> LinearSolveError? {
      linearSolveError {
        try GaugedSolver(base: LUSolver(), right: right, left: left).prepare(singular.A)
      }
    }
    guard case .notNullVector(.right, 0, let ratio, 1e-6) = name([bent]) else {
      Issue.record("a bent vector was accepted")
      return
    }
    #expect(ratio > 1e-4 && ratio < 0.1)
    #expect(name([singular.right, singular.right])?.name == .notNullVector)
    #expect(name([[0, 0, 0, 0, 0, 0]])?.name == .notNullVector)
    #expect(name([singular.right], [singular.right])?.name == .notNullVector)
    #expect(name([[1, 2]])?.name == .sizeMismatch)
    #expect(name([singular.right], [])?.name == .sizeMismatch)
  }
}
