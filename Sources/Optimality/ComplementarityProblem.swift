import ImplicitDifferentiation

/// Find `λ ≥ 0` with `w = q + M λ ≥ 0` and `λᵀw = 0`, for a symmetric positive definite `M`.
///
/// Principal pivoting: from a set of `i` with `wᵢ = 0` (the others have `λᵢ = 0`), the first number of
/// the wrong sign changes sides. No set occurs twice, so it ends.
///
/// Source: K. G. Murty, Opsearch 11 (1974), 123–130.
struct ComplementarityProblem {
  /// `M`, row by row.
  let matrix: [[Double]]

  /// `q`.
  let offset: [Double]

  /// - Throws: ``KKTError/oneSidedNotSolved(pivots:)`` for an `M` that is not positive definite.
  func solved() throws(KKTError) -> (multipliers: [Double], binding: [Int], pivots: Int) {
    try requirePositiveDefinite()
    let count = offset.count
    // What a computed zero may differ by: rounding of q, of which each entry is a sum.
    let size = offset.reduce(0) { Swift.max($0, $1.magnitude) }
    let tolerance = 1e-12 * size
    var binding = [Bool](repeating: false, count: count)
    let limit = 1000 + 10 * count
    for pivot in 0...limit {
      let set = binding.indices.filter { binding[$0] }
      let forces = try self.forces(on: set, pivot)
      var lambda = [Double](repeating: 0, count: count)
      for (k, i) in set.enumerated() { lambda[i] = forces[k] }
      let wrong = (0..<count).first { i in
        if binding[i] { return lambda[i] * matrix[i][i] < -tolerance }
        return offset[i] + dot(matrix[i], lambda) < -tolerance
      }
      guard let wrong else {
        return (lambda.map { Swift.max($0, 0) }, set, pivot)
      }
      binding[wrong].toggle()
    }
    throw .oneSidedNotSolved(pivots: limit)
  }

  /// With another `M` signs decide nothing: the `λ` that makes `w` vanish may be the wrong one.
  private func requirePositiveDefinite() throws(KKTError) {
    if matrix.isEmpty { return }
    do {
      _ = try CholeskySolver(symmetryTolerance: 1e-6)
        .prepare(try DenseOperator(rows: matrix))
    } catch {
      // Rounding may have cost symmetry; that is no matter here.
      if case .notPositiveDefinite = error { throw .oneSidedNotSolved(pivots: 0) }
    }
  }

  /// `λ` on a set with `w = 0` there.
  private func forces(on set: [Int], _ pivot: Int) throws(KKTError) -> [Double] {
    if set.isEmpty { return [] }
    do {
      let block = try DenseOperator(rows: set.map { i in set.map { matrix[i][$0] } })
      return try LUSolver().solve(block, set.map { -offset[$0] }).vector
    } catch {
      throw .oneSidedNotSolved(pivots: pivot)
    }
  }
}
