import Kernels
import Synchronization

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
      fallback: n <= materializationLimit ? LazyFactorization(base: A) : nil,
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
    var tried = [String]()
    var telling: LinearSolveError?
    for method in methods {
      do {
        return try method.solve(b, transposed: transposed, initialGuess: initialGuess)
      } catch {
        // Another method would fail on these in the same way.
        if error.isAboutInput { throw error }
        tried.append(method.methodDescription)
        telling = error.moreTelling(than: telling)
      }
    }
    if let fallback {
      do {
        return try fallback.factorized().solve(
          b, transposed: transposed, initialGuess: initialGuess)
      } catch {
        tried.append("dense LU")
        telling = error.moreTelling(than: telling)
      }
    }
    throw .exhausted(
      tried: tried, reason: telling ?? .breakdown(quantity: "the list of methods", iteration: 0))
  }
}

/// A dense LU computed when first asked for and then kept. It depends on `A` alone, so that it does
/// not matter which solve, on which thread, asks first.
private final class LazyFactorization: Sendable {
  private let base: any LinearOperator
  private let outcome = Mutex<Result<any PreparedLinearSolver, LinearSolveError>?>(nil)

  init(base: any LinearOperator) { self.base = base }

  func factorized() throws(LinearSolveError) -> any PreparedLinearSolver {
    let result = outcome.withLock { outcome in
      if let outcome { return outcome }
      let computed: Result<any PreparedLinearSolver, LinearSolveError>
      do throws(LinearSolveError) {
        computed = .success(try LUSolver().prepare(base))
      } catch {
        computed = .failure(error)
      }
      outcome = computed
      return computed
    }
    return try result.get()
  }
}

extension LinearSolveError {
  /// Whether the error is about a vector, a size or a product, and not about the method.
  fileprivate var isAboutInput: Bool {
    switch self {
    case .sizeMismatch, .notFinite, .productFailed, .notSquare, .notBanded: true
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
