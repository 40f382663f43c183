/// An operator that may tell from the way it is made that it is symmetric positive definite.
///
/// `XᵀD X + diag(θ)` with weights `D ≥ 0` is one, and no eigenvalue of it is below the least `θ`: then `A`
/// is regular, and `‖A⁻¹‖ ≤ 1 / min θ`, without a solve.
package protocol KnowsDefiniteness: LinearOperator {
  /// A positive number that no eigenvalue is below, up to rounding; `nil` where none is known.
  var leastEigenvalueBound: Double? { get }
}

extension AdjointOperator: KnowsDefiniteness {
  package var leastEigenvalueBound: Double? {
    (base as? any KnowsDefiniteness)?.leastEigenvalueBound
  }
}
