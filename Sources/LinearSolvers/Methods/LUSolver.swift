/// Solves `A x = b` for a square `A` by Gaussian elimination with partial pivoting.
///
/// ``prepare(_:)`` materialises `A` (`n` products unless its entries are at hand), scales rows and
/// columns by powers of two, and factorises in `2/3 n³` operations; a solve with `A` or `Aᵀ` then
/// costs `4 n²` with its step of iterative refinement, and two products. A matrix that is singular
/// to working precision is refused with the estimated condition number of the *scaled* matrix:
/// badly scaled rows or columns are harmless.
///
/// Source: G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed. (2013), sections 3.4, 3.5.
public struct LUSolver: LinearSolver {
  /// What a computed solution must satisfy; see ``SolveAcceptance/directDefault``.
  public var acceptance: SolveAcceptance

  /// Elimination whose solutions must satisfy `acceptance`.
  public init(acceptance: SolveAcceptance = .directDefault) { self.acceptance = acceptance }

  /// Materialises, scales and factorises.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    let factors = try DenseLU(
      try squareEntries(A, tolerance: acceptance.backwardErrorLimit), count: A.rowCount)
    return try PreparedDirectSolver(base: A, factors: factors, acceptance: acceptance)
      .withProvenFactors()
  }
}

extension SolveAcceptance {
  /// For direct methods: backward errors up to `1e-12`. Elimination with one step of refinement
  /// reaches a few `ε`; the rest is left for operators whose products carry some rounding of their
  /// own. Growth is not tested, the condition number of the scaled matrix is.
  public static let directDefault = SolveAcceptance(
    backwardErrorLimit: 1e-12, growthLimit: .infinity)
}
