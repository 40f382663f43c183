/// Why a linear system was not solved. Each case carries its numbers, and `description` says what
/// to try.
public enum LinearSolveError: Error, Equatable {
  /// The method needs as many equations as unknowns.
  case notSquare(rowCount: Int, columnCount: Int)

  /// The method needs an operator whose `structure` states a band.
  case notBanded

  /// A vector or matrix does not fit; `what` names it.
  case sizeMismatch(what: String, expected: Int, found: Int)

  /// NaN or infinity, at the first place where it was seen; `what` names the vector or matrix.
  case notFinite(what: String, index: Int, value: Double)

  /// The largest entry of the solution is about `2^exponent`, less than the smallest number of full
  /// precision, `2⁻¹⁰²²`: its digits would be lost.
  case underflow(exponent: Int)

  /// The matrix is singular to working precision. `pivotIndex` is the smallest pivot,
  /// `estimatedCondition` the condition number (1-norm) of the matrix *after* rows and columns
  /// were scaled to size one; infinity if a pivot is exactly zero.
  case singular(pivotIndex: Int, estimatedCondition: Double)

  /// `pᵀA p ≤ 0` was met. `index` is the pivot of Cholesky or the iteration of conjugate
  /// gradients, zero for the random vector tried before the first; `curvature` is the pivot, or
  /// `pᵀA p / pᵀp`.
  case notPositiveDefinite(index: Int, curvature: Double)

  /// The method needs `A = Aᵀ`. `relativeDefect` compares the two sides and does not depend on
  /// the scale of `A`; a symmetric operator has it at rounding level.
  case notSymmetric(relativeDefect: Double)

  /// The operator is not what it states: `declared` says what was tried with random vectors,
  /// `relativeDefect` compares the two products and does not depend on the scale of `A`. A true
  /// statement has it at rounding level.
  case structureMismatch(declared: DeclaredStructure, relativeDefect: Double)

  /// The iteration limit came first.
  case notConverged(iterations: Int, residualNorm: Double, tolerance: Double)

  /// The residual stopped falling before it met the tolerance.
  case stagnated(iterations: Int, residualNorm: Double, tolerance: Double)

  /// The residual grows from iteration to iteration.
  case diverged(iterations: Int, residualNorm: Double, tolerance: Double)

  /// A number by which the method divides is zero, up to rounding.
  case breakdown(quantity: String, iteration: Int)

  /// No `x` solves the system: the residual of the best one is orthogonal to the range of `A`
  /// (`normalResidual` is `‖Aᵀr‖ / (‖A‖‖r‖)`).
  case inconsistent(residualNorm: Double, normalResidual: Double)

  /// A small residual certifies nothing: `growth`, which is `‖A‖‖x‖ / ‖b‖`, exceeds `limit`. The
  /// system is singular to working precision, and usually its right-hand side inconsistent.
  case illConditioned(growth: Double, limit: Double)

  /// A direct method's answer has a backward error above its limit: the entries and the products
  /// of the operator disagree, or elimination was unstable.
  case inaccurate(backwardError: Double, limit: Double)

  /// The operator could not compute a product, for the reason given.
  case productFailed(String)

  /// A declared null vector is none: `ratio` is `‖A r‖ / (‖A‖ ‖r‖)` (with `Aᵀ` for a left one), NaN
  /// for a vector that is zero, not finite or a combination of the ones before it.
  case notNullVector(side: GaugeSide, index: Int, ratio: Double, tolerance: Double)

  /// With a gauge, the right-hand side is outside the range of the operator: `component` is its
  /// product with the null vector (of length one) number `index` of that side, and should vanish
  /// against `rightHandSideNorm`.
  case inconsistentWithGauge(
    side: GaugeSide, index: Int, component: Double, rightHandSideNorm: Double, tolerance: Double)

  /// The system with a seeded random right-hand side, which every regular operator can solve, was not
  /// solved, for the reason given: `A` is singular to working precision, or beyond the method.
  indirect case singularityProbeFailed(reason: LinearSolveError)

  /// Nothing that was tried could solve the system; `reason` is the most telling failure.
  indirect case exhausted(tried: [String], reason: LinearSolveError)
}

/// What an operator states about itself.
public enum DeclaredStructure: Sendable, Equatable {
  /// `A = Aᵀ`: one function was given for both products.
  case symmetric

  /// `transposeMatvec` is the product with the transpose.
  case transposedProduct

  /// `denseMatrix()` has the entries of `A`.
  case entries

  /// Nothing lies outside the main diagonal.
  case diagonal

  /// Nothing lies outside the band.
  case banded(lower: Int, upper: Int)
}

/// The two kinds of null vectors.
public enum GaugeSide: String, Sendable, Equatable {
  /// `A r = 0`: what the solution leaves free.
  case right
  /// `lᵀ A = 0`: what the equations cannot give.
  case left
}

extension LinearSolveError: CustomStringConvertible {
  /// A sentence with the numbers, and one with what to try.
  public var description: String {
    switch self {
    case .notSquare(let m, let n):
      "The operator is \(m)×\(n), and the method needs a square one. "
        + "Over-determined systems are for LSMR."
    case .notBanded:
      "The structure of the operator states no band. State one, or use LU or Automatic."
    case .sizeMismatch(let what, let expected, let found):
      "Expected \(expected.counted("number")) in \(what), found \(found). "
        + "Compare the sizes of the operator with those of the vectors."
    case .notFinite(let what, let index, let value):
      "Entry \(index) of \(what) is \(value). "
        + "Look for a division by zero, a logarithm of zero or an overflow where it is computed."
    case .underflow(let exponent):
      "The largest entry of the solution is about 2^\(exponent), and below 2^-1022 digits are lost. "
        + "Scale the right-hand side up, or choose other units."
    case .singular(let pivot, let condition):
      "The matrix is singular to working precision: pivot \(pivot) vanishes, and after scaling rows "
        + "and columns its condition number is "
        + (condition.isFinite ? "about \(condition.shortened)" : "infinite")
        + ". Is an unknown undetermined, or an equation repeated? Replace the redundant equation, "
        + "or declare the free direction as a gauge."
    case .notPositiveDefinite(let index, let curvature):
      "The matrix is not positive definite: curvature \(curvature.shortened) at step \(index). At a "
        + "minimum the Hessian has none; elsewhere use MINRES (symmetric) or LU."
    case .notSymmetric(let defect):
      "The operator is not symmetric: ⟨u, A v⟩ and ⟨A u, v⟩ differ by \(defect.shortened) of their "
        + "size. Use GMRES or LU."
    case .structureMismatch(let declared, let defect):
      declared.mismatch(defect: defect.shortened)
    case .singularityProbeFailed(let reason):
      "The operator is singular to working precision, or beyond the method: with a random "
        + "right-hand side, which every regular operator can solve, it fails. \(reason) Declare a "
        + "free direction as a gauge, or solve by elimination."
    case .notConverged(let iterations, let residual, let tolerance):
      "No convergence: after \(iterations.counted("iteration")) the residual is \(residual.shortened), and "
        + "\(tolerance.shortened) was asked for. Allow more iterations, or give a preconditioner."
    case .stagnated(let iterations, let residual, let tolerance):
      "The residual stays at \(residual.shortened) after \(iterations.counted("iteration")), and "
        + "\(tolerance.shortened) was asked for. Try a direct method, a preconditioner or, with "
        + "GMRES, a longer restart; a singular system with an inconsistent right-hand side also "
        + "shows like this."
    case .diverged(let iterations, let residual, let tolerance):
      "The iteration diverges: after \(iterations.counted("iteration")) the residual is \(residual.shortened), "
        + "and \(tolerance.shortened) was asked for. The series needs a spectral radius of "
        + "I − ωM⁻¹A below one: use a smaller step ω or another solver."
    case .breakdown(let quantity, let iteration):
      "Breakdown in iteration \(iteration): \(quantity) vanishes. Try GMRES or a direct method."
    case .inconsistent(let residual, let normalResidual):
      "No vector solves the system: the smallest residual is \(residual.shortened), orthogonal to the "
        + "range of the operator (\(normalResidual.shortenedRatio)). The operator is singular and the "
        + "right-hand side asks for what it cannot give. Replace an equation that repeats others."
    case .illConditioned(let growth, let limit):
      "The solution cannot be trusted: ‖A‖‖x‖ is \(growth.shortened) times ‖b‖, and beyond "
        + "\(limit.shortened) a small residual proves nothing. The operator is singular to working "
        + "precision, or its rows and columns need scaling (a direct method scales them)."
    case .inaccurate(let backwardError, let limit):
      "The computed solution has a backward error of \(backwardError.shortened), above "
        + "\(limit.shortened). Do denseMatrix() or bandMatrix() and matvec() describe one matrix?"
    case .productFailed(let reason):
      "A product with the operator failed: \(reason)\(reason.hasSuffix(".") ? "" : ".")"
    case .notNullVector(let side, let index, let ratio, let tolerance):
      ratio.isNaN
        ? "The \(side.rawValue) null vector \(index) of the gauge is zero, not finite or a "
          + "combination of the ones before it. Declare linearly independent directions."
        : "The \(side.rawValue) null vector \(index) of the gauge is none: the operator maps it to "
          + "\(ratio.shortened) of its size times that of the operator, and \(tolerance.shortened) is allowed. Check its "
          + "signs and entries, and that the conditions hold at the solution."
    case .inconsistentWithGauge(let side, let index, let component, let size, let tolerance):
      switch side {
      case .left:
        "No solution changes like this: along the left null vector \(index) of the gauge the "
          + "equations can give nothing, and \(component.shortened) is asked for, of a "
          + "right-hand side of size \(size.shortened) (a ratio of \(tolerance.shortened) is "
          + "allowed). Take a tangent that keeps the equations consistent (one that conserves "
          + "mass, say), or ask for least squares."
      case .right:
        "The cotangent depends on the gauge: along the right null vector \(index) the solution is "
          + "not determined, and the cotangent has the component \(component.shortened) there, of "
          + "a size of \(size.shortened) (a ratio of \(tolerance.shortened) is allowed). Use a loss "
          + "that does not change along it, or ask for least squares."
      }
    case .exhausted(let tried, let reason):
      "Tried \(tried.joined(separator: ", ")). \(reason)"
    }
  }
}

extension DeclaredStructure {
  /// A sentence for a statement that is not true, and one with what to do.
  fileprivate func mismatch(defect: String) -> String {
    switch self {
    case .symmetric:
      "The operator was declared symmetric and is not: ⟨u, A v⟩ and ⟨A u, v⟩ differ by \(defect) of "
        + "their size. Give it a product with its transpose, transposeMatvec, beside matvec."
    case .transposedProduct:
      "The two products of the operator belong to different matrices: ⟨A u, v⟩ and ⟨u, Aᵀ v⟩ differ "
        + "by \(defect) of their size. Correct matvec or transposeMatvec: a sign, a term left out, or "
        + "a factor that was not transposed."
    case .entries:
      "The entries of the operator are not those of its products: A v from denseMatrix() and from "
        + "matvec differ by \(defect) of their size. Correct one of them, or leave denseMatrix() out; "
        + "products that are not linear, or made of differences, show like this as well."
    case .diagonal:
      "The operator was declared diagonal and is not: A v and the product with the diagonal that was "
        + "read differ by \(defect) of their size. State the band it has, or no structure."
    case .banded(let lower, let upper):
      "The operator has entries outside the band that was declared, \(lower.counted("diagonal")) below "
        + "and \(upper) above the main one: A v and the product with the band that was read differ by "
        + "\(defect) of their size. State a wider band, or no structure."
    }
  }
}
