import ImplicitDifferentiation

extension Projection {
  /// Onto the simplex `p ≥ 0, Σ pᵢ = sum`, along the last axis: a vector, or each row of a matrix.
  /// (*Sparsemax*, for `sum` 1.)
  ///
  /// `P(x) = max(x − τ, 0)`, where `τ` is the mean of `x` over the support less `sum/|support|`.
  /// An entry exactly at the threshold (a kink) is left out of the support.
  ///
  /// Sorts: `O(n log n)`. Adding a constant to `x` changes nothing, and costs no digits.
  ///
  /// - Parameter sum: one positive number.
  /// - Throws: `ProjectionError`: an empty set, a point that is not finite.
  ///
  /// Source: J. Duchi et al., "Efficient projections onto the ℓ₁-ball for learning in high
  /// dimensions", ICML (2008), figure 1; A. F. T. Martins and R. F. Astudillo, "From softmax to
  /// sparsemax", ICML (2016), proposition 2 (the Jacobian).
  public static func simplex(_ x: Tensor, sum: Tensor = 1) throws -> Tensor {
    let operation = "Projection.simplex"
    guard x.rank > 0, let n = x.shape.last, n > 0 else {
      throw ProjectionError.emptySet(set: "simplex", reason: "it has no entries")
    }
    try requireFinite(x, operation, "the point")
    let total = sum.reshaped([])
    guard total > 0, total.isFinite else {
      throw ProjectionError.emptySet(
        set: "simplex", reason: "its entries add to \(total.withoutDerivative.scalar)")
    }
    noteBranch(x, total)
    let values = x.withoutDerivative.scalars
    var support = [Double](repeating: 0, count: values.count)
    var largest = [Double](repeating: 0, count: values.count)
    var sizes: [Double] = []
    for start in stride(from: 0, to: values.count, by: n) {
      let row = Array(values[start..<start + n])
      let top = row.max() ?? 0
      let members = simplexSupport(row.map { $0 - top }, sum: total.withoutDerivative.scalar)
      for i in members { support[start + i] = 1 }
      for i in 0..<n { largest[start + i] = top }
      sizes.append(Double(members.count))
    }
    let mask = Tensor(shape: x.shape, support)
    // The largest entry is a constant: it cancels in every derivative as it does in the value.
    let centred = x - Tensor(shape: x.shape, largest)
    let axis = x.rank - 1
    let rowShape = Array(x.shape.dropLast())
    let threshold =
      ((centred * mask).sum(alongAxis: axis) - total) / Tensor(shape: rowShape, sizes)
    return mask * (centred - threshold.expanded(atAxis: axis))
  }

  /// The point of the simplex `p ≥ 0, Σ pᵢ = 1` nearest to a point of the dual space in the
  /// Kullback–Leibler divergence, along the last axis: the softmax.
  ///
  /// ```
  /// argmin Σ pᵢ log pᵢ − zᵀp   over the simplex
  /// ```
  /// The argument is *dual*: to project a positive vector `q`, give `log q`, and `q/Σq` is the
  /// answer. Smooth, with the derivative `diag(p) − ppᵀ`; `p` is never exactly 0 unless it
  /// underflows.
  public static func simplexByEntropy(_ z: Tensor) -> Tensor { z.softmax(alongAxis: z.rank - 1) }
}

/// The support of the projection of `x`, whose largest entry is 0, on the simplex of a given sum.
///
/// The sorted scan finds it up to rounding. The entries are then dropped that the formula of the
/// caller, which sums in another order, would make negative or zero: each pass is the formula
/// itself, so what is returned has positive entries there.
private func simplexSupport(_ x: [Double], sum: Double) -> [Int] {
  let order = x.indices.sorted { x[$0] > x[$1] || (x[$0] == x[$1] && $0 < $1) }
  var (partial, size) = (0.0, 0)
  for (rank, i) in order.enumerated() {
    partial += x[i]
    if x[i] - (partial - sum) / Double(rank + 1) > 0 { size = rank + 1 } else { break }
  }
  var members = order.prefix(size).sorted()
  while true {
    let total = members.reduce(0) { $0 + x[$1] }
    let threshold = (total - sum) / Double(members.count)
    let kept = members.filter { x[$0] - threshold > 0 }
    if kept.count == members.count || kept.isEmpty { return members }
    members = kept
  }
}
