import Kernels

/// Solves with an operator close to one that has been factorised: `A₀⁻¹`, which is at hand, becomes
/// the preconditioner of GMRES for the new `A`.
///
/// With `‖I − A A₀⁻¹‖ = δ < 1` each iteration gains a factor of `δ` at least, whatever the condition
/// of `A`, for one product with `A` and one solve with the old factors; nothing is materialised.
/// Whether the operators are close is tried when `A` is prepared: one solve with a fixed vector, in at
/// most `n / 4` iterations and at most 30. Where they are not, and where
/// there are no dense factors to use, the method is `otherwise`. So what is solved with depends on the two operators alone, and each answer passes
/// the tests of its method: the old factors decide how fast it is found, never whether it is right.
package struct NearbySolver: LinearSolver {
  /// The solver at the nearby point.
  package var nearby: any PreparedLinearSolver

  /// The method where the old factors are of no use.
  package var otherwise: any LinearSolver

  package init(nearby: any PreparedLinearSolver, otherwise: any LinearSolver) {
    self.nearby = nearby
    self.otherwise = otherwise
  }

  /// Tries the old factors on `A`.
  package func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    guard let factors = (nearby as? any KeepsFactors)?.nearbyFactors, A.isSquare,
      factors.inverse.rowCount == A.rowCount
    else { return try otherwise.prepare(A) }
    let n = A.rowCount
    let limit = min(30, n / 4)
    do {
      let trial = GMRES(maximumIterations: limit, preconditioner: factors.inverse)
      _ = try trial.prepare(A).solve(ProbeVector.make(count: n, seed: 3))
      // A right-hand side may need some more iterations than the one tried.
      let method = GMRES(maximumIterations: 2 * limit, preconditioner: factors.inverse)
      return PreparedNearbySolver(
        iteration: try method.prepare(A), factors: factors,
        fallback: LazyFactorization(base: A, solver: otherwise))
    } catch {
      return try otherwise.prepare(A)
    }
  }
}

/// What a nearby operator may use of a factorisation.
struct NearbyFactors: Sendable {
  /// `A₀⁻¹`.
  var inverse: any LinearOperator
  /// The factorisation in words.
  var description: String
  /// The condition of `A₀`.
  var condition: ConditionEvidence?
}

/// A prepared solver with factors that are dear enough to be used again elsewhere; `nil` if not.
protocol KeepsFactors {
  var nearbyFactors: NearbyFactors? { get }
}

/// GMRES with the factors of a nearby operator, and the method it stands in for.
private struct PreparedNearbySolver: PreparedLinearSolver, KeepsFactors {
  let iteration: any PreparedLinearSolver
  let factors: NearbyFactors
  let fallback: LazyFactorization

  /// Still those of the point where they were made.
  var nearbyFactors: NearbyFactors? { factors }

  /// That of the nearby operator, which may differ from this one: no bound is built on it.
  var condition: ConditionEvidence? { factors.condition }

  var methodDescription: String {
    "\(iteration.methodDescription), preconditioned by the \(factors.description) of a nearby point"
  }

  func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    do {
      var solution = try iteration.solve(b, transposed: transposed, initialGuess: initialGuess)
      solution.method = methodDescription
      return solution
    } catch {
      if error.isAboutInput { throw error }
      return try fallback.factorized().solve(
        b, transposed: transposed, initialGuess: initialGuess)
    }
  }
}

/// `A⁻¹` as an operator, by a factorisation that is kept; without refinement or checks.
struct InverseOperator: LinearOperator {
  let factors: any Factorization

  var rowCount: Int { factors.count }
  var columnCount: Int { factors.count }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, transposed: false)
    apply(x, into: &y, transposed: false)
  }

  func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: true)
    apply(x, into: &y, transposed: true)
  }

  private func apply(_ x: Span<Double>, into y: inout MutableSpan<Double>, transposed: Bool) {
    x.withUnsafeBufferPointer { x in
      y.withUnsafeMutableBufferPointer { y in
        guard let input = x.baseAddress, let output = y.baseAddress else { return }
        output.update(from: input, count: factors.count)
        factors.solveScaled(output, transposed: transposed)
      }
    }
  }
}
