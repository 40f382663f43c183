import Kernels

/// Solves `A x = b` for a square banded `A` by elimination within the band, with partial pivoting.
///
/// With `kl` diagonals below and `ku` above the main one, ``prepare(_:)`` takes `kl + ku + 1` products
/// (unless the entries are at hand) and `2 n (kl + 1) (kl + ku + 1)` operations; tridiagonal matrices
/// have loops of their own. The band is read from the operator's `structure`; one that states none is
/// refused, and so is a band that is too narrow (two products, for operators of the user's). Otherwise as ``LUSolver``.
///
/// Source: G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed. (2013), section 4.3.
public struct BandedLUSolver: LinearSolver {
  /// What a computed solution must satisfy; see ``SolveAcceptance/directDefault``.
  public var acceptance: SolveAcceptance

  /// Banded elimination whose solutions must satisfy `acceptance`.
  public init(acceptance: SolveAcceptance = .directDefault) { self.acceptance = acceptance }

  /// Reads the band, scales and factorises.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    let factors = try BandLU(try squareBand(A, tolerance: acceptance.backwardErrorLimit))
    return try PreparedDirectSolver(base: A, factors: factors, acceptance: acceptance)
      .withProvenFactors()
  }
}

/// The band of a square operator that states one: finite, and all there is as probed with one random
/// vector. `tolerance` is the backward error that the caller accepts.
func squareBand(
  _ A: any LinearOperator, tolerance: Double
) throws(LinearSolveError) -> BandMatrix {
  guard A.isSquare else { throw .notSquare(rowCount: A.rowCount, columnCount: A.columnCount) }
  guard let band = try A.bandMatrix() else {
    throw .notBanded
  }
  try requireCount(band.count, A.rowCount, "the rows of the operator's band matrix")
  let bad = band.numbers.withPointer { Vector.firstNonFinite($0, count: band.numbers.count) }
  if let bad {
    let row = bad % band.count
    let column = row + bad / band.count - band.lower
    throw .notFinite(
      what: "the band matrix (row \(row), column \(column))", index: bad, value: band.numbers[bad])
  }
  let declared: DeclaredStructure =
    A.structure == .diagonal ? .diagonal : .banded(lower: band.lower, upper: band.upper)
  try A.requireProducts(of: BandedOperator(band), declared, tolerance: tolerance)
  return band
}
