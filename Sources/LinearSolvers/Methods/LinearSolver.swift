/// A method for `A x = b`.
///
/// Solving has two parts: what depends on `A` alone (a factorisation, a probe for symmetry) is
/// done once by ``prepare(_:)``; its result solves with `A` and `Aᵀ` for as many right-hand sides
/// as wanted, from as many threads as wanted.
///
/// A method of one's own:
/// ```swift
/// struct Richardson: LinearSolver {
///   var step: Double
///   func prepare(_ A: any LinearOperator) -> any PreparedLinearSolver {
///     Prepared(A: A, step: step)
///   }
///   struct Prepared: PreparedLinearSolver {
///     let A: any LinearOperator
///     let step: Double
///     var methodDescription: String { "Richardson iteration" }
///
///     func solve(
///       _ b: [Double], transposed: Bool, initialGuess: [Double]?
///     ) throws(LinearSolveError) -> LinearSolution {
///       var x = initialGuess ?? [Double](repeating: 0, count: b.count)
///       var residualNorm = Double.infinity
///       for k in 0..<10_000 {
///         let solution = try LinearSolution(
///           checking: x, of: A, b, transposed: transposed, iterations: k, operatorProducts: 2 * k,
///           method: methodDescription)
///         if solution.relativeResidual <= 1e-13 { return solution }
///         residualNorm = solution.residualNorm
///         let product = try transposed ? A.transposeApplied(to: x) : A.applied(to: x)
///         for i in x.indices { x[i] += step * (b[i] - product[i]) }
///       }
///       throw .notConverged(
///         iterations: 10_000, residualNorm: residualNorm, tolerance: 1e-13)
///     }
///   }
/// }
/// ```
public protocol LinearSolver: Sendable {
  /// Factorises or probes `A` once. Throws what can be known before a right-hand side is: a
  /// shape, an entry that is not finite, a singular or indefinite matrix.
  func prepare(_ A: any LinearOperator) throws(LinearSolveError) -> any PreparedLinearSolver
}

extension LinearSolver {
  /// The solution of `A x = b` for a single right-hand side.
  public func solve(
    _ A: any LinearOperator, _ b: [Double], initialGuess: [Double]? = nil
  ) throws(LinearSolveError) -> LinearSolution {
    try prepare(A).solve(b, transposed: false, initialGuess: initialGuess)
  }
}

/// A method together with the operator it was prepared for. Immutable.
public protocol PreparedLinearSolver: Sendable {
  /// What was chosen, in words: `"dense LU 12×12"`.
  var methodDescription: String { get }

  /// What is known of the condition of `A` before any right-hand side is; `nil` for most methods
  /// without a factorisation.
  var condition: ConditionEvidence? { get }

  /// Solves `A x = b`, or `Aᵀ x = b` if `transposed`. An answer that is returned has been checked
  /// (``SolveAcceptance``); what cannot be is thrown. A zero `b` has the solution zero.
  ///
  /// - Parameters:
  ///   - b: as many numbers as `A` has rows (columns, if transposed). Any scale: `b` is normalised
  ///     by a power of two first, so that `b` and `1e-300 b` have proportional solutions.
  ///   - initialGuess: where an iteration starts (zero if `nil`); direct methods ignore it.
  func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution

  /// Solves for several right-hand sides at once; the outcome for each, in order. Every column is
  /// normalised, checked and refused by itself, as by `solve`: a failure concerns no other column.
  ///
  /// The direct methods run through their factors once for all columns (the dense ones; bands go
  /// column by column) and refine with block products. Conjugate gradients, MINRES and GMRES iterate on up to
  /// sixteen columns in lockstep, one block product for each iteration, with the bits that `solve`
  /// gives where the block product has those of the single one. (GMRES keeps a basis for each, and takes
  /// fewer with some thousands of unknowns and more.) The other methods take one column after the other,
  /// as does the default.
  func solveEach(
    _ columns: [[Double]], transposed: Bool
  ) -> [Result<LinearSolution, LinearSolveError>]
}

extension PreparedLinearSolver {
  /// Nothing.
  public var condition: ConditionEvidence? { nil }

  /// One column after the other.
  public func solveEach(
    _ columns: [[Double]], transposed: Bool
  ) -> [Result<LinearSolution, LinearSolveError>] {
    columns.map { b in
      outcome { () throws(LinearSolveError) in try solve(b, transposed: transposed) }
    }
  }

  /// Solves for several right-hand sides at once, see ``solveEach(_:transposed:)``. Throws the
  /// error of the first column that was not solved.
  public func solve(
    columns: [[Double]], transposed: Bool = false
  ) throws(LinearSolveError) -> [LinearSolution] {
    var solutions: [LinearSolution] = []
    solutions.reserveCapacity(columns.count)
    for outcome in solveEach(columns, transposed: transposed) {
      solutions.append(try outcome.get())
    }
    return solutions
  }

  /// Solves `A x = b`, or `Aᵀ x = b` if `transposed`, starting from zero.
  public func solve(
    _ b: [Double], transposed: Bool = false
  ) throws(LinearSolveError) -> LinearSolution {
    try solve(b, transposed: transposed, initialGuess: nil)
  }
}

/// What a computation returned or threw.
func outcome<Value>(
  _ body: () throws(LinearSolveError) -> Value
) -> Result<Value, LinearSolveError> {
  do {
    return .success(try body())
  } catch {
    return .failure(error)
  }
}
