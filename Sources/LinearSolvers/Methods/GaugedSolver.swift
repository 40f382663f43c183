/// What is done with a right-hand side that a singular operator cannot give.
public enum InconsistencyPolicy: Sendable, Equatable {
  /// `LinearSolveError.inconsistentWithGauge` is thrown.
  case refuse

  /// The part outside the range is dropped, which gives the least-squares solution; the method's
  /// description says so.
  case leastSquares
}

/// Solves with an operator that is singular in a known way: `A R = 0` and `Lᵀ A = 0`, with `k`
/// columns each.
///
/// The bordered system
/// ```
/// [ A   L ] [ x ]   [ b ]
/// [ Rᵀ  0 ] [ μ ] = [ 0 ]
/// ```
/// is regular when nothing else is singular. Multiplying its first rows by `Lᵀ` gives `μ = Lᵀb`
/// (for orthonormal `L`), zero for a consistent `b`; so `x` is the same as in `(A + α L Rᵀ) x = b`,
/// for any `α ≠ 0`. That is what is solved, with `α` of the size of `A`: `n` unknowns instead of
/// `n + k`, and definite where `A` is semidefinite. Among the solutions `x + R t`, the one orthogonal
/// to `R` is returned.
///
/// Each right-hand side is checked first: `Lᵀb = 0` (`Rᵀb = 0` for the transpose). Null vectors are
/// verified; a left one that is not given is found by one solve with the transposed operator.
///
/// Source: W. J. F. Govaerts, *Numerical Methods for Bifurcations of Dynamical Equilibria* (2000),
/// chapter 3; G. W. Stewart, "Modifying Pivot Elements in Gaussian Elimination", Math. Comp. 28
/// (1974), 537–542.
public struct GaugedSolver: LinearSolver {
  /// The method for the regular system.
  public var base: any LinearSolver

  /// Vectors with `A r = 0`, linearly independent, each as long as `A` has columns. Without any,
  /// `base` is used as it is.
  public var right: [[Double]]

  /// As many with `Aᵀ l = 0`; found if `nil`.
  public var left: [[Double]]?

  /// The largest `‖A r‖ / (‖A‖ ‖r‖)` of a null vector. Conditions that hold to 1e-6 are singular
  /// to about that accuracy only.
  public var nullTolerance: Double

  /// The largest `|lᵀb| / (‖l‖ ‖b‖)` of a right-hand side.
  public var consistencyTolerance: Double

  /// What is done with an inconsistent right-hand side.
  public var inconsistent: InconsistencyPolicy

  /// `base` on the complement of the given null vectors.
  public init(
    base: any LinearSolver, right: [[Double]], left: [[Double]]? = nil,
    nullTolerance: Double = 1e-6, consistencyTolerance: Double = 1e-8,
    inconsistent: InconsistencyPolicy = .refuse
  ) {
    self.base = base
    self.right = right
    self.left = left
    self.nullTolerance = nullTolerance
    self.consistencyTolerance = consistencyTolerance
    self.inconsistent = inconsistent
  }

  /// Verifies the right null vectors, verifies or finds the left ones, and prepares `base`.
  public func prepare(
    _ A: any LinearOperator
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    guard A.isSquare else {
      throw .notSquare(rowCount: A.rowCount, columnCount: A.columnCount)
    }
    if right.isEmpty { return try base.prepare(A) }
    let n = A.rowCount
    let right = try orthonormal(right, count: n, .right)
    let size = try operatorSize(A)
    try verify(right, .right, A, size)
    let found: [[Double]]
    if let left {
      found = try orthonormal(left, count: n, .left)
    } else {
      found = try findLeft(A, right, size)
    }
    if found.count != right.count {
      throw .sizeMismatch(
        what: "the left null vectors of the gauge", expected: right.count, found: found.count)
    }
    try verify(found, .left, A, size)
    let shifted = RankShiftedOperator(base: A, left: found, right: right, factor: size)
    return PreparedGaugedSolver(
      gauge: self, left: found, right: right, regular: try base.prepare(shifted))
  }

  /// A lower bound of `‖A‖₂`, within a small factor as a rule: two rounds of power iteration on
  /// `AᵀA`, from a fixed random vector.
  private func operatorSize(_ A: any LinearOperator) throws(LinearSolveError) -> Double {
    var v = ProbeVector.make(count: A.columnCount, seed: 1)
    var size = 0.0
    for _ in 0..<2 {
      let length = ProbeVector.norm(v)
      if length == 0 { break }
      let image = try A.applied(to: v.map { $0 / length })
      let imageSize = ProbeVector.norm(image)
      size = max(size, imageSize)
      if !size.isFinite {
        throw .notFinite(what: "a product with the operator", index: 0, value: size)
      }
      if imageSize == 0 { break }
      v = try A.transposeApplied(to: image.map { $0 / imageSize })
    }
    return size > 0 ? size : 1
  }

  /// The null vectors of `Aᵀ`. Where `A` is symmetric on them, they are those of `A`. Otherwise they
  /// solve `(A + α S Rᵀ)ᵀ l = α R`, with any `S` that is not orthogonal to them: since `A R = 0`,
  /// multiplying by `Rᵀ` leaves `Sᵀ l = I`, hence `Aᵀ l = 0`.
  private func findLeft(
    _ A: any LinearOperator, _ right: [[Double]], _ size: Double
  ) throws(LinearSolveError) -> [[Double]] {
    var isSymmetric = true
    for r in right {
      let image = try A.transposeApplied(to: r)
      if !(ProbeVector.norm(image) <= 1e-13 * size) { isSymmetric = false }
    }
    if isSymmetric { return right }
    var start: [[Double]] = []
    for (k, r) in right.enumerated() {
      // Between R, often close to L, and a random vector, orthogonal to nothing.
      let random = ProbeVector.make(count: A.rowCount, seed: UInt64(k) + 2)
      let size = ProbeVector.norm(random)
      start.append(zip(r, random).map { $0 + $1 / size })
    }
    start = try orthonormal(start, count: A.rowCount, .left)
    let shifted = RankShiftedOperator(base: A, left: start, right: right, factor: size)
    let prepared = try base.prepare(shifted)
    var found: [[Double]] = []
    for r in right {
      found.append(try prepared.solve(r.map { size * $0 }, transposed: true).vector)
    }
    return try orthonormal(found, count: A.rowCount, .left)
  }

  private func verify(
    _ vectors: [[Double]], _ side: GaugeSide, _ A: any LinearOperator, _ size: Double
  ) throws(LinearSolveError) {
    for (index, vector) in vectors.enumerated() {
      let image =
        switch side {
        case .right: try A.applied(to: vector)
        case .left: try A.transposeApplied(to: vector)
        }
      let ratio = ProbeVector.norm(image) / size
      if !(ratio <= nullTolerance) {
        throw .notNullVector(side: side, index: index, ratio: ratio, tolerance: nullTolerance)
      }
    }
  }

  /// The vectors made orthonormal, in order.
  private func orthonormal(
    _ vectors: [[Double]], count n: Int, _ side: GaugeSide
  ) throws(LinearSolveError) -> [[Double]] {
    var result: [[Double]] = []
    for (index, vector) in vectors.enumerated() {
      try requireCount(vector.count, n, "\(side) null vector \(index) of the gauge")
      let size = ProbeVector.norm(vector)
      if !(size > 0 && size.isFinite) {
        throw .notNullVector(side: side, index: index, ratio: .nan, tolerance: nullTolerance)
      }
      var v = vector.map { $0 / size }
      for _ in 0..<2 { removeComponents(result, from: &v) }
      let rest = ProbeVector.norm(v)
      // Less than that of a unit vector is new: it repeats the ones before it.
      if !(rest > 1e-10) {
        throw .notNullVector(side: side, index: index, ratio: .nan, tolerance: nullTolerance)
      }
      result.append(v.map { $0 / rest })
    }
    return result
  }
}
