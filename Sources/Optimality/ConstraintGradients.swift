/// Gradients g₁ … g_p of constraints, each of length n, analysed: their rank, the combinations
/// that vanish, and least squares in their span.
///
/// Modified Gram–Schmidt with pivoting on the normalised gradients, every pivot orthogonalised
/// twice; `O(n p · rank)` operations. A gradient counts as dependent when less than `tolerance` of
/// its length is new.
///
/// Source: Å. Björck, *Numerical Methods for Least Squares Problems* (1996), sections 2.4, 2.7.
struct ConstraintGradients: Sendable {
  /// Number of gradients.
  let count: Int

  /// Length of the gradients.
  let dimension: Int

  /// Which gradients were chosen as a basis of the span, in the order of elimination.
  let pivots: [Int]

  /// `dim span`.
  var rank: Int { pivots.count }

  /// The smallest new part of a pivot, relative to its length: how far the basis is from being
  /// dependent. One if there is no gradient.
  let smallestPivot: Double

  private let lengths: [Double]
  private let basis: [[Double]]
  /// `coefficients[s][j] = q_s · a_j`, with the normalised gradients `a_j`.
  private let coefficients: [[Double]]

  /// What is left of a dependent gradient after elimination is rounding, `ε` times the condition
  /// of the basis; gradients closer to dependence than this leave fewer than six digits to
  /// multipliers.
  static let dependenceTolerance = 1e-10

  init(rows: [[Double]], dimension n: Int, tolerance: Double = dependenceTolerance) {
    count = rows.count
    dimension = n
    // Of gradients as they come, in any unit: squares would leave the range.
    lengths = rows.map { norm($0) }
    var rest = zip(rows, lengths).map { row, length in
      length > 0 ? row.map { $0 / length } : row
    }
    var left = Array(rows.indices)
    var pivots: [Int] = []
    var basis: [[Double]] = []
    var coefficients: [[Double]] = []
    var smallest = 1.0
    while let (place, size) = ConstraintGradients.longest(rest, left), size > tolerance {
      let j = left.remove(at: place)
      // Once more against the basis: what the first pass left may have lost its digits.
      for s in basis.indices {
        let c = dot(basis[s], rest[j])
        subtract(c, basis[s], from: &rest[j])
        coefficients[s][j] += c
      }
      let length = dot(rest[j], rest[j]).squareRoot()
      if length <= tolerance { continue }
      let q = rest[j].map { $0 / length }
      var row = [Double](repeating: 0, count: rows.count)
      row[j] = length
      for i in left {
        row[i] = dot(q, rest[i])
        subtract(row[i], q, from: &rest[i])
      }
      smallest = Swift.min(smallest, length)
      pivots.append(j)
      basis.append(q)
      coefficients.append(row)
    }
    self.pivots = pivots
    self.basis = basis
    self.coefficients = coefficients
    smallestPivot = smallest
  }

  /// The binary exponent of the length of gradient `k`.
  func exponent(_ k: Int) -> Int { lengths[k] > 0 ? Int(lengths[k].exponent) : 0 }

  private static func longest(
    _ vectors: [[Double]], _ candidates: [Int]
  ) -> (place: Int, size: Double)? {
    var best: (place: Int, size: Double)?
    for (place, j) in candidates.enumerated() {
      let size = dot(vectors[j], vectors[j]).squareRoot()
      if size > best?.size ?? -1 { best = (place, size) }
    }
    return best
  }

  /// Solves `R x = y` for the pivots, with the triangle of their coefficients.
  private func solvedTriangle(_ y: [Double]) -> [Double] {
    var x = y
    for s in pivots.indices.reversed() {
      for t in (s + 1)..<Swift.max(pivots.count, s + 1) {
        x[s] -= coefficients[s][pivots[t]] * x[t]
      }
      x[s] /= coefficients[s][pivots[s]]
    }
    return x
  }

  /// Orthonormal vectors `c` of length p with `Σ cᵢ gᵢ = 0`: `p − rank` of them.
  var dependencies: [[Double]] {
    var result: [[Double]] = []
    let chosen = Set(pivots)
    for j in 0..<count where !chosen.contains(j) {
      var c = [Double](repeating: 0, count: count)
      c[j] = 1
      if lengths[j] > 0 {
        c[j] = 1 / lengths[j]
        let x = solvedTriangle(coefficients.map { $0[j] })
        for (s, i) in pivots.enumerated() { c[i] = -x[s] / lengths[i] }
      }
      for _ in 0..<2 {
        for other in result { subtract(dot(other, c), other, from: &c) }
      }
      let length = norm(c)
      result.append(c.map { $0 / length })
    }
    return result
  }

  /// The multipliers `c` that minimise `‖t − Σ cᵢ gᵢ‖₂`, zero outside the basis, and what is left.
  func leastSquares(_ target: [Double]) -> (multipliers: [Double], rest: [Double]) {
    var rest = target
    var y = [Double](repeating: 0, count: pivots.count)
    for _ in 0..<2 {
      for s in basis.indices {
        let c = dot(basis[s], rest)
        y[s] += c
        subtract(c, basis[s], from: &rest)
      }
    }
    let x = solvedTriangle(y)
    var multipliers = [Double](repeating: 0, count: count)
    for (s, i) in pivots.enumerated() { multipliers[i] = x[s] / lengths[i] }
    return (multipliers, rest)
  }
}
