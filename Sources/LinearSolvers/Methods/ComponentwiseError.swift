/// A solver that has the entries of its matrix at hand, and so knows the backward error of an answer
/// entry by entry.
package protocol KnowsEntries {
  /// `max |b − A x|ᵢ / (|A| |x| + |b|)ᵢ`: the smallest relative change of the *entries* of `A` and `b`
  /// for which `x` is exact; with `Aᵀ` if `transposed`. No scaling of rows or columns changes it, and an
  /// entry of zero is not allowed to change. One product with the operator, and one pass over the
  /// entries that were factorised.
  ///
  /// `nil` where the entries are not kept.
  ///
  /// Source: W. Oettli and W. Prager, "Compatibility of Approximate Solution of Linear Equations with
  /// Given Error Bounds for Coefficients and Right-Hand Sides", Numer. Math. 6 (1964), 405–409.
  func componentwiseBackwardError(
    of x: [Double], _ b: [Double], transposed: Bool
  ) throws(LinearSolveError) -> Double?
}

/// The stored entries of a matrix, before it was scaled and factorised.
struct KeptEntries: Sendable {
  let values: [Double]
  let runs: [Equilibration.Run]

  /// Up to this many numbers (8 MiB) are kept beside the factors of a dense matrix.
  static var denseLimit: Int { 1 << 20 }

  /// `|Â| |v|`, or `|Âᵀ| |v|`, of the scaled matrix.
  func magnitudes(times v: [Double], scaling: Equilibration, transposed: Bool) -> [Double] {
    var scaled = values
    scaled.withUnsafeMutableBufferPointer { buffer in
      if let start = buffer.baseAddress { scaling.apply(to: start, runs) }
    }
    var result = [Double](repeating: 0, count: v.count)
    for run in runs {
      for k in 0..<run.count {
        let (row, column) = (run.row + k * run.rowStep, run.column + k * run.columnStep)
        let size = abs(scaled[run.start + k])
        if transposed {
          result[column] += size * abs(v[row])
        } else {
          result[row] += size * abs(v[column])
        }
      }
    }
    return result
  }
}

extension PreparedDirectSolver: KnowsEntries {
  /// In the scaled system, where sums stay in range; the ratios are those of the given one.
  package func componentwiseBackwardError(
    of x: [Double], _ b: [Double], transposed: Bool
  ) throws(LinearSolveError) -> Double? {
    guard let entries = factors.entries else { return nil }
    let scaling = factors.scaling
    let (rows, columns) =
      transposed ? (scaling.columns, scaling.rows) : (scaling.rows, scaling.columns)
    func scaled(_ value: Double, row i: Int) -> Double {
      scaling.isIdentity ? value : value * rows[i]
    }
    let product = try transposed ? base.transposeApplied(to: x) : base.applied(to: x)
    let terms = entries.magnitudes(
      times: scaling.isIdentity ? x : zip(x, columns).map { $0 / $1 }, scaling: scaling,
      transposed: transposed)
    return b.indices.reduce(0) { largest, i in
      let residual = abs(scaled(b[i] - product[i], row: i))
      return residual == 0
        ? largest : max(largest, residual / (terms[i] + abs(scaled(b[i], row: i))))
    }
  }
}
