import Kernels
import Testing

@testable import LinearSolvers

/// What is particular to each of the other iterative methods.
@Suite struct KrylovMethodTests {
  static let n = 24

  /// Cyclic shift: GMRES makes no progress at all before step n (P. N. Brown 1991).
  static func shift() throws -> DenseOperator {
    var entries = [Double](repeating: 0, count: n * n)
    for i in 0..<n { entries[i * n + (i + 1) % n] = 1 }
    return try denseOperator(entries)
  }

  @Test func gmresStagnatesOnTheShiftUnlessItsBasisIsFull() throws {
    var b = [Double](repeating: 0, count: Self.n)
    b[0] = 1
    let A = try Self.shift()
    #expect(linearSolveError { try GMRES(restart: Self.n - 1).solve(A, b) }?.name == .stagnated)
    let solution = try GMRES(restart: Self.n).solve(A, b)
    #expect(solution.iterations == Self.n)
    #expect(solution.vector == [0, 1] + [Double](repeating: 0, count: Self.n - 2))
  }

  /// A cycle that is cut off has moved the iterate all the same, with a preconditioner or not.
  @Test(arguments: [false, true]) func gmresAtItsLimitHasMadeItsSteps(preconditioned: Bool) throws {
    let A = try DenseOperator(
      rowCount: Self.n, columnCount: Self.n,
      entries: TestMatrix.spectral(
        TestMatrix.geometric(Self.n, condition: 100), symmetric: false, seed: 91))
    let inverse = preconditioned ? DiagonalOperator((0..<Self.n).map { 1 + 0.1 * Double($0) }) : nil
    let b = SeededNumbers.vector(Self.n, seed: 92)
    var last = norm(b)
    for limit in 2..<6 {
      let method = GMRES(maximumIterations: limit, preconditioner: inverse)
      guard
        case .notConverged(let iterations, let residual, _)? = linearSolveError({
          try method.solve(A, b)
        })
      else {
        Issue.record("solved within \(limit) steps")
        return
      }
      #expect(iterations == limit && residual < last)
      last = residual
    }
  }

  /// What is left of a vector that lies in the space up to 1e-9 is orthogonal to it all the same.
  @Test func gmresOrthogonalisesTwiceWhereOnceIsNotEnough() {
    let n = Self.n
    let arena = VectorArena(vectors: 4, length: n)
    for k in 0..<3 {
      let raw = SeededNumbers.vector(n, seed: 84 + UInt64(k))
      for i in 0..<n { arena[k][i] = raw[i] }
      var coefficients = [Double](repeating: 0, count: k)
      let left = GMRES.orthogonalize(
        arena[k], against: [arena[0], arena[1], arena[2]].prefix(k), length: n, norm: norm(raw),
        column: &coefficients)
      Vector.scale(1 / left, arena[k], count: n)
    }
    let noise = SeededNumbers.vector(n, seed: 88)
    for i in 0..<n { arena[3][i] = arena[0][i] - arena[1][i] + 2 * arena[2][i] + 1e-9 * noise[i] }
    var column = [Double](repeating: 0, count: 3)
    let left = GMRES.orthogonalize(
      arena[3], against: [arena[0], arena[1], arena[2]], length: n, norm: 6.0.squareRoot(),
      column: &column)
    #expect(left > 1e-9 && left < 1e-8)
    for k in 0..<3 {
      #expect(abs(Vector.dot(arena[k], arena[3], count: n)) <= 4 * Double.ulpOfOne * left)
    }
    #expect(maximumDifference(column, [1, -1, 2]) <= 1e-8)
  }

  @Test func gmresEndsEarlyInAnInvariantSpace() throws {
    // Minimal polynomial of degree 2.
    let A = DiagonalOperator((0..<Self.n).map { $0 % 2 == 0 ? 3.0 : -2.0 })
    let solution = try GMRES().solve(A, SeededNumbers.vector(Self.n, seed: 71))
    #expect(solution.iterations == 2)
  }

  /// Any method that takes a preconditioner takes one step with the exact inverse, in both directions.
  @Test(arguments: [false, true])
  func theExactInverseNeedsOneStep(transposed: Bool) throws {
    let n = Self.n
    let a = TestMatrix.spectral(
      TestMatrix.geometric(n, condition: 30), symmetric: false, seed: 72)
    let A = try denseOperator(a)
    let lu = try LUSolver().prepare(A)
    let inverse = ClosureOperator(
      rowCount: n, columnCount: n, matvec: { try lu.solve($0).vector },
      transposeMatvec: { try lu.solve($0, transposed: true).vector })
    let b = SeededNumbers.vector(n, seed: 73)
    let reference = try lu.solve(b, transposed: transposed)
    let solvers: [any LinearSolver] = [
      GMRES(preconditioner: inverse), BiCGStab(preconditioner: inverse),
      LSMR(preconditioner: inverse), NormalEquationsConjugateGradient(preconditioner: inverse),
      NeumannSeries(preconditioner: inverse),
    ]
    for solver in solvers {
      let solution = try solver.prepare(A).solve(b, transposed: transposed)
      #expect(solution.iterations <= 2, "\(solution.method)")
      #expect(relativeError(solution.vector, reference.vector) <= 10 * 30 * 1e-12)
    }
  }

  /// Badly scaled, and well again with the reciprocal diagonal; the operator has extreme size too.
  @Test(arguments: [0, 800, -800])
  func diagonalPreconditioningWorksAtAnySize(exponent: Int) throws {
    let n = Self.n
    var entries = TestMatrix.spectral(
      TestMatrix.geometric(n, condition: 10), symmetric: true, seed: 74)
    let scales = (0..<n).map { PowerOfTwo.scaled(1.0, by: $0 % 7 - 3) }
    for i in 0..<n {
      for j in 0..<n {
        entries[i * n + j] = PowerOfTwo.scaled(
          entries[i * n + j] * scales[i] * scales[j], by: exponent)
      }
    }
    let A = try denseOperator(entries)
    let jacobi = DiagonalOperator((0..<n).map { 1 / entries[$0 * n + $0] })
    let b = SeededNumbers.vector(n, seed: 75)
    let reference = try LUSolver().solve(A, b)
    let pairs: [(any LinearSolver, any LinearSolver)] = [
      (ConjugateGradient(preconditioner: jacobi), ConjugateGradient()),
      (MINRES(preconditioner: jacobi), MINRES()),
      (GMRES(preconditioner: jacobi), GMRES()),
      (BiCGStab(preconditioner: jacobi), BiCGStab()),
    ]
    for (preconditioned, plain) in pairs {
      let better = try preconditioned.solve(A, b)
      let worse = try plain.solve(A, b)
      #expect(better.iterations <= worse.iterations, "\(better.method)")
      for solution in [better, worse] {
        // κ of the unscaled matrix is below 10 · 2¹².
        #expect(relativeError(solution.vector, reference.vector) <= 10 * 40_960 * 1e-12)
      }
    }
  }

  @Test func skewSymmetricSystemsBreakBiCGStabAndNothingElse() throws {
    let n = Self.n
    var numbers = SeededNumbers(seed: 76)
    var entries = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      for j in 0..<i {
        entries[i * n + j] = numbers.next()
        entries[j * n + i] = -entries[i * n + j]
      }
    }
    let A = try denseOperator(entries)
    let b = numbers.vector(n)
    #expect(linearSolveError { try BiCGStab().solve(A, b) }?.name == .breakdown)
    for solver in [ConjugateGradient(), MINRES(), CholeskySolver()] as [any LinearSolver] {
      #expect(linearSolveError { try solver.solve(A, b) }?.name == .notSymmetric)
    }
    let reference = try LUSolver().solve(A, b)
    for solver in [GMRES(), LSMR(), NormalEquationsConjugateGradient(), Automatic()]
      as [any LinearSolver]
    {
      let solution = try solver.solve(A, b)
      #expect(relativeError(solution.vector, reference.vector) <= 1e-8, "\(solution.method)")
      // Aᵀ = −A.
      let transposed = try solver.prepare(A).solve(b, transposed: true)
      #expect(relativeError(transposed.vector, reference.vector.map { -$0 }) <= 1e-8)
    }
  }

  /// Least squares against elimination on the normal equations.
  @Test(arguments: [false, true])
  func lsmrMinimisesTheResidual(transposed: Bool) throws {
    let (m, n) = (40, 15)
    let entries = SeededNumbers.vector(m * n, seed: 77)
    let tall = try DenseOperator(rowCount: m, columnCount: n, entries: entries)
    let A: any LinearOperator = transposed ? tall.adjoint : tall
    let b = SeededNumbers.vector(m, seed: 78)
    let normal = try CholeskySolver().solve(
      try tall.adjoint.composed(with: tall), try tall.transposeApplied(to: b))
    let solution = try LSMR(acceptsLeastSquares: true).prepare(A).solve(b, transposed: transposed)
    #expect(relativeError(solution.vector, normal.vector) <= 1e-9)
    let residual = zip(b, try tall(solution.vector)).map { $0 - $1 }
    #expect(abs(solution.residualNorm - norm(residual)) <= 1e-13)
    #expect(solution.relativeResidual > 0.1)

    let refused = linearSolveError { try LSMR().prepare(A).solve(b, transposed: transposed) }
    #expect(refused?.name == .inconsistent)
    // The other way round there are many solutions, and the smallest one is Aᵀ(A Aᵀ)⁻¹b.
    let c = SeededNumbers.vector(n, seed: 79)
    let wide = try LSMR().prepare(A).solve(c, transposed: !transposed)
    let y = try CholeskySolver().solve(try tall.adjoint.composed(with: tall), c)
    #expect(relativeError(wide.vector, try tall(y.vector)) <= 1e-9)
  }

  /// A residual far below `‖A‖‖x‖`: what is accepted as a minimiser is limited by rounding only.
  @Test func leastSquaresWithASmallResidual() throws {
    let (m, n) = (30, 10)
    let entries = SeededNumbers.vector(m * n, seed: 96)
    let A = try DenseOperator(rowCount: m, columnCount: n, entries: entries)
    let x = SeededNumbers.vector(n, seed: 97)
    let noise = SeededNumbers.vector(m, seed: 98)
    for size in [1e-3, 1e-6, 1e-9] {
      let b = zip(try A(x), noise).map { $0 + size * $1 }
      let solution = try LSMR(acceptsLeastSquares: true).solve(A, b)
      let normal = try CholeskySolver().solve(
        try A.adjoint.composed(with: A), try A.transposeApplied(to: b))
      #expect(relativeError(solution.vector, normal.vector) <= 1e-11)
      #expect(solution.residualNorm > size && solution.residualNorm < 10 * size)
    }
  }

  @Test func theSeriesConvergesLikeTheFixedPointIteration() throws {
    // A = I − ∂T with a spectral radius of ∂T of ½: 40 terms for 2⁻⁴⁰ ≈ 1e-12.
    let n = Self.n
    let values = (0..<n).map { 1 - 0.5 * Double($0) / Double(n - 1) }
    let A = try denseOperator(TestMatrix.spectral(values, symmetric: true, seed: 80))
    let solution = try NeumannSeries().solve(A, SeededNumbers.vector(n, seed: 81))
    #expect(solution.iterations >= 30 && solution.iterations <= 41)
    let tooLong = linearSolveError {
      try NeumannSeries(step: 4).solve(A, SeededNumbers.vector(n, seed: 81))
    }
    #expect(tooLong?.name == .diverged)
  }

  /// A recurrence that runs away from the true residual: products err by 1e-9 of their size, so
  /// that no method can reach 1e-12 although its recurrence says so.
  @Test func whatARecurrenceClaimsIsNotBelieved() throws {
    let n = Self.n
    let a = TestMatrix.spectral(
      TestMatrix.geometric(n, condition: 10), symmetric: true, seed: 82)
    let noisy = Unprobed(
      base: ClosureOperator(symmetric: n) { x in
        let size = norm(x)
        // Any change of x by 1e-13 changes the error altogether.
        return TestMatrix.multiply(a, x).map { y in
          let digits = y / size * 1e13
          return y + 1e-9 * size * (digits - digits.rounded())
        }
      })
    let b = SeededNumbers.vector(n, seed: 83)
    for solver in [GMRES(), BiCGStab(), LSMR(), NormalEquationsConjugateGradient()]
      as [any LinearSolver]
    {
      let error = linearSolveError { try solver.solve(noisy, b) }
      let isRefused = error.map { [.stagnated, .notConverged, .breakdown].contains($0.name) }
      #expect(isRefused == true, "\(String(describing: error))")
    }
  }
}

/// Keeps an operator from being probed, so that what comes after the probes can be tested.
struct Unprobed: LinearOperator, ProvenOperator {
  let base: any LinearOperator
  var isProven: Bool { true }
  var rowCount: Int { base.rowCount }
  var columnCount: Int { base.columnCount }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    try base.matvec(x, into: &y)
  }

  func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try base.transposeMatvec(x, into: &y)
  }
}
