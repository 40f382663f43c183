import TracedSolves

/// The matrix of a step of the interior-point method, factorised:
/// ```
/// H + ρI   Cᵀ
///   C     −W − ρI
/// ```
/// with `C` the rows of `A` and some rows of `G`, and `W` a diagonal of non-negative numbers. The
/// regularisation `ρ` makes it invertible whatever the ranks of `H ⪰ 0` and `C`.
struct KKTFactors {
  /// `ρ`, for blocks of the size of one. Errors of the order `ρ` are left by a solve, relative to its
  /// right-hand side, and removed by the next.
  static let regularization = 1e-9

  private let matrix: Tensor
  /// `nil` when the matrix is traced.
  private let prepared: (any PreparedLinearSolver)?

  init(_ H: Tensor, _ C: Tensor, _ W: Tensor) throws(LinearSolveError) {
    let n = H.shape[0]
    let upper = H + Tensor.identity(n).scaled(by: KKTFactors.regularization)
    if W.count == 0 {
      matrix = upper
    } else {
      let lower = -(W + Tensor(KKTFactors.regularization)).diagonal()
      matrix = .concatenate([
        .concatenate([upper, C.transposed()], alongAxis: 1),
        .concatenate([C, lower], alongAxis: 1),
      ])
    }
    if matrix.isTraced {
      prepared = nil
    } else {
      let size = matrix.shape[0]
      prepared = try LUSolver().prepare(
        DenseOperator(rowCount: size, columnCount: size, entries: matrix.scalars))
    }
  }

  /// The solution, cut into its upper and lower part.
  func solve(
    _ upper: Tensor, _ lower: Tensor
  ) throws(LinearSolveError) -> (upper: Tensor, lower: Tensor) {
    let n = upper.count
    let b = lower.count == 0 ? upper : Tensor.concatenate([upper, lower])
    let x: Tensor
    if let prepared, !b.isTraced {
      x = Tensor(try prepared.solve(b.scalars).vector)
    } else {
      x = try TracedSolves.solve(matrix, b)
    }
    return (x.slice(0..<n), x.slice(n..<x.count))
  }
}
