import Kernels

/// Chooses a method by what can be known about `A`, and says what it chose.
///
/// In this order:
/// 1. diagonal, as its `structure` states: division;
/// 2. banded, as stated, with a band narrow against `n`: elimination within the band;
/// 3. up to `denseThreshold` unknowns: materialised and factorised, by Cholesky's method if the
///    entries are symmetric and it succeeds, else by LU;
/// 4. symmetric, as probed with two random vectors: conjugate gradients, and MINRES where those meet
///    a direction of negative curvature or do not converge;
/// 5. else GMRES, then BiCGStab;
/// 6. where iteration failed, and up to `materializationLimit` unknowns: materialised and factorised
///    by LU, once for all right-hand sides.
///
/// A singular operator is refused by the direct methods, whatever the right-hand side. The iterative
/// ones see right-hand sides only: where the system has solutions they return one of them.
///
/// What is prepared is immutable and gives the same answer to the same right-hand side, whatever was
/// solved before and on whatever thread.
public struct Automatic: LinearSolver {
  /// Up to this many unknowns the matrix is materialised: there, `n` products and a factorisation
  /// cost no more than a Krylov method.
  public var denseThreshold: Int

  /// Up to this many unknowns the matrix is materialised when iteration has failed.
  public var materializationLimit: Int

  /// Iterative methods end once `‖b − A x‖₂ ≤ relativeTolerance · ‖b‖₂`, or at rounding level.
  public var relativeTolerance: Double

  /// A solver that chooses by the given limits.
  public init(
    denseThreshold: Int = 128, materializationLimit: Int = 2000, relativeTolerance: Double = 1e-12
  ) {
    self.denseThreshold = denseThreshold
    self.materializationLimit = materializationLimit
    self.relativeTolerance = relativeTolerance
  }

  /// Chooses and prepares the method.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    let n = A.rowCount
    guard A.isSquare else { throw .notSquare(rowCount: n, columnCount: A.columnCount) }
    if let direct = try prepareBanded(A) { return direct }
    if n <= denseThreshold { return try prepareDense(A, reason: "n ≤ \(denseThreshold)") }
    return try prepareIterative(A)
  }

  private func prepareBanded(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> (any PreparedLinearSolver)? {
    guard let (lower, upper) = A.structure.bandwidths else { return nil }
    if lower == 0 && upper == 0 {
      let band = try squareBand(A)
      return PreparedDirectSolver(
        base: A, factors: try DiagonalDivision((0..<band.count).map { band[$0, $0] }),
        acceptance: .directDefault, reason: "as stated by its structure")
    }
    // With fill a row of the factors takes 2 kl + ku + 1 numbers, a row of the matrix n.
    guard 2 * (2 * lower + upper + 1) <= A.rowCount else { return nil }
    return PreparedDirectSolver(
      base: A, factors: try BandLU(try squareBand(A)), acceptance: .directDefault,
      reason: "as stated by its structure")
  }

  private func prepareDense(
    _ A: any LinearOperator, reason: String
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    let n = A.rowCount
    let entries = try squareEntries(A)
    do {
      let factors = try DenseCholesky(
        entries, count: n, symmetryTolerance: CholeskySolver().symmetryTolerance)
      return PreparedDirectSolver(
        base: A, factors: factors, acceptance: .directDefault,
        reason: "\(reason), symmetric positive definite")
    } catch .notSymmetric, .notPositiveDefinite {
      let factors = try DenseLU(entries, count: n)
      return PreparedDirectSolver(
        base: A, factors: factors, acceptance: .directDefault, reason: reason)
    }
  }

  private func prepareIterative(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    let n = A.rowCount
    // Beyond about n products, materialising and factorising would have been cheaper.
    let limit = n <= materializationLimit ? n : nil
    let methods: [any PreparedLinearSolver]
    let reason: String
    do {
      methods = [
        try ConjugateGradient(relativeTolerance: relativeTolerance, maximumIterations: limit)
          .prepare(A),
        try MINRES(relativeTolerance: relativeTolerance, maximumIterations: limit).prepare(A),
      ]
      reason = "CG, then MINRES; symmetric as probed"
    } catch .notSymmetric {
      methods = [
        try GMRES(relativeTolerance: relativeTolerance, maximumIterations: limit).prepare(A),
        try BiCGStab(
          relativeTolerance: relativeTolerance, maximumIterations: limit.map { $0 / 2 }
        ).prepare(A),
      ]
      reason = "GMRES, then BiCGStab; not symmetric"
    }
    return IterativeChain(
      methods: methods,
      fallback: n <= materializationLimit ? LazyFactorization(base: A, solver: LUSolver()) : nil,
      methodDescription: "\(reason), n = \(n) > \(denseThreshold)")
  }
}

/// Iterative methods tried one after the other, and elimination as the last resort.
private struct IterativeChain: PreparedLinearSolver {
  let methods: [any PreparedLinearSolver]
  let fallback: LazyFactorization?
  let methodDescription: String

  func solve(
    _ b: [Double], transposed: Bool, initialGuess: [Double]?
  ) throws(LinearSolveError) -> LinearSolution {
    let outcomes = attempt(columns: 1) { prepared, _ in
      [
        outcome { () throws(LinearSolveError) in
          try prepared.solve(b, transposed: transposed, initialGuess: initialGuess)
        }
      ]
    }
    return try outcomes[0].get()
  }

  func solveEach(
    _ columns: [[Double]], transposed: Bool
  ) -> [Result<LinearSolution, LinearSolveError>] {
    attempt(columns: columns.count) { prepared, places in
      prepared.solveEach(places.map { columns[$0] }, transposed: transposed)
    }
  }

  /// Each method is tried on the columns that the ones before it did not solve.
  private func attempt(
    columns count: Int,
    _ solve: (any PreparedLinearSolver, _ places: [Int]) -> [Result<
      LinearSolution, LinearSolveError
    >]
  ) -> [Result<LinearSolution, LinearSolveError>] {
    let untried = LinearSolveError.exhausted(
      tried: [], reason: .breakdown(quantity: "the list of methods", iteration: 0))
    var outcomes = [Result<LinearSolution, LinearSolveError>](
      repeating: .failure(untried), count: count)
    var tried = [[String]](repeating: [], count: count)
    var telling = [LinearSolveError?](repeating: nil, count: count)
    var open = Array(0..<count)
    for method in methods where !open.isEmpty {
      var failed: [Int] = []
      for (place, outcome) in zip(open, solve(method, open)) {
        outcomes[place] = outcome
        // Another method would fail on an input in the same way.
        guard case .failure(let error) = outcome, !error.isAboutInput else { continue }
        tried[place].append(method.methodDescription)
        telling[place] = error.moreTelling(than: telling[place])
        failed.append(place)
      }
      open = failed
    }
    if let fallback, !open.isEmpty {
      let solved: [Result<LinearSolution, LinearSolveError>]
      do {
        solved = solve(try fallback.factorized(), open)
      } catch {
        solved = open.map { _ in .failure(error) }
      }
      var failed: [Int] = []
      for (place, outcome) in zip(open, solved) {
        outcomes[place] = outcome
        guard case .failure(let error) = outcome else { continue }
        tried[place].append("dense LU")
        telling[place] = error.moreTelling(than: telling[place])
        failed.append(place)
      }
      open = failed
    }
    for place in open {
      guard let reason = telling[place] else { continue }
      outcomes[place] = .failure(.exhausted(tried: tried[place], reason: reason))
    }
    return outcomes
  }
}

extension LinearSolveError {
  /// Whether the error is about a vector, a size or a product, and not about the method.
  var isAboutInput: Bool {
    switch self {
    case .sizeMismatch, .notFinite, .underflow, .productFailed, .notSquare, .notBanded: true
    default: false
    }
  }

  /// How much the error says about the system rather than about the method that failed.
  private var rank: Int {
    switch self {
    case .singular: 5
    case .inconsistent: 4
    case .illConditioned: 3
    case .inaccurate: 2
    case .stagnated, .notConverged: 1
    default: 0
    }
  }

  /// The error of the two that says more about the system; the later one if they say the same.
  fileprivate func moreTelling(than other: LinearSolveError?) -> LinearSolveError {
    guard let other else { return self }
    return rank >= other.rank ? self : other
  }
}
