import Kernels

/// Estimates the size of `s = Σ Kʲ g`, the limit of a series of which the terms can be computed one by
/// one, from few of them.
///
/// The partial sums of such a series lie in the Krylov spaces of `K` and `g`. Reduced-rank
/// extrapolation takes from the `k`-th space the vector with the smallest `‖g − (I − K) s‖`, which is
/// GMRES for `(I − K) s = g` (A. Sidi 1988): where the terms fall slowly because `K` has a few
/// eigenvalues close to one, those few terms are enough, and a series that does not converge has its
/// limit nevertheless. With the Arnoldi vectors orthonormal, `‖s‖` is the length of the coefficients.
///
/// Sources: R. P. Eddy, "Extrapolating to the Limit of a Vector Sequence" (1979); A. Sidi,
/// "Extrapolation vs. Projection Methods for Linear Systems of Equations", J. Comput. Appl. Math. 22
/// (1988), 71–88.
enum SeriesExtrapolation {
  /// The estimate is good enough once its error, as judged by the residual and the smallest singular
  /// value met, is below this part of it.
  private static let relativeAccuracy = 0.1

  /// `‖s‖₂`, or `nil` if it cannot be told from `terms` products with `K`.
  static func limitNorm(
    of g: [Double], terms: Int, _ K: ([Double]) throws(LinearSolveError) -> [Double]
  ) throws(LinearSolveError) -> Double? {
    let size = ProbeVector.norm(g)
    guard size > 0 else { return 0 }
    guard size.isFinite else { return nil }
    var basis = [g.map { $0 / size }]
    var triangle: [Double] = []
    var rotations: [(cosine: Double, sine: Double)] = []
    var rhs = [size]
    let rounding = SolveAcceptance.roundingLevel(count: g.count).backwardErrorLimit
    // ‖v − K v‖ for unit vectors v, of which the first is one by itself.
    var largestProduct = 1.0
    for k in 0..<min(terms, g.count) {
      // Column k of the Hessenberg matrix of I − K.
      let image = try K(basis[k])
      var w = zip(basis[k], image).map { $0 - $1 }
      let productNorm = ProbeVector.norm(w)
      guard productNorm.isFinite else { return nil }
      largestProduct = max(largestProduct, productNorm)
      var column = [Double](repeating: 0, count: k + 2)
      // Twice is enough (see GMRES).
      for _ in 0..<2 {
        for (j, q) in basis.enumerated() {
          let h = ProbeVector.dot(q, w)
          column[j] += h
          for i in w.indices { w[i] -= h * q[i] }
        }
      }
      let remainder = ProbeVector.norm(w)
      let isInvariant = remainder <= 1e-14 * productNorm
      column[k + 1] = isInvariant ? 0 : remainder
      for (j, rotation) in rotations.enumerated() {
        let upper = rotation.cosine * column[j] + rotation.sine * column[j + 1]
        column[j + 1] = rotation.cosine * column[j + 1] - rotation.sine * column[j]
        column[j] = upper
      }
      let diagonal = (column[k] * column[k] + column[k + 1] * column[k + 1]).squareRoot()
      // Below rounding, (I − K) is singular as far as numbers can tell.
      guard diagonal > Double.ulpOfOne else { return nil }
      let rotation = (cosine: column[k] / diagonal, sine: column[k + 1] / diagonal)
      rotations.append(rotation)
      column[k] = diagonal
      triangle += column[0...k]
      rhs.append(-rotation.sine * rhs[k])
      rhs[k] *= rotation.cosine

      let R = PackedTriangle(entries: triangle, count: k + 1)
      var coefficients = Array(rhs[0...k])
      R.solve(&coefficients)
      let estimate = ProbeVector.norm(coefficients)
      guard estimate.isFinite else { return nil }
      // The products err by rounding, which (I − K)⁻¹ magnifies: what is left of a difference from one
      // that vanishes is noise.
      let residual = abs(rhs[k + 1]) + rounding * largestProduct * estimate
      if residual <= relativeAccuracy * R.leastSingularValue * estimate { return estimate }
      if isInvariant { return nil }
      basis.append(w.map { $0 / remainder })
    }
    return nil
  }
}
