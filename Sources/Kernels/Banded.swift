/// Factorisations of matrices whose entries stand near the diagonal: `n (kl + 1) (kl + ku + 1)`
/// operations instead of `n³`.
///
/// A matrix of order `n` with `kl` diagonals below the main one and `ku` above is stored by rows.
/// Every row has `kl + 1 + ku + kl` places: its `kl` entries left of the diagonal, the diagonal, the
/// `ku` right of it, and `kl` more that elimination with row exchanges may fill. Entry `(i, j)`,
/// `i − kl ≤ j ≤ i + ku + kl`, stands at `index(row: i, column: j, lower: kl, upper: ku)`.
/// ```
/// kl = 1, ku = 1, n = 4 (· outside of the matrix, + filled by elimination):
///  ·   a₀₀ a₀₁ +
/// a₁₀ a₁₁ a₁₂ +
/// a₂₁ a₂₂ a₂₃ ·
/// a₃₂ a₃₃  ·   ·
/// ```
/// Tridiagonal matrices have a path of their own, `factorTridiagonal`.
package enum Banded {
  /// How many doubles the band of a matrix takes, with room for its factors.
  package static func storageCount(count n: Int, lower kl: Int, upper ku: Int) -> Int {
    n * rowWidth(lower: kl, upper: ku)
  }

  /// Where entry `(row, column)` stands in the storage.
  @inline(__always)
  package static func index(row i: Int, column j: Int, lower kl: Int, upper ku: Int) -> Int {
    i &* rowWidth(lower: kl, upper: ku) &+ (j &- i &+ kl)
  }

  /// The places a row takes.
  @inline(__always)
  package static func rowWidth(lower kl: Int, upper ku: Int) -> Int { 2 &* kl &+ ku &+ 1 }

  /// Factorises in place by Gaussian elimination with partial pivoting. All places of the storage
  /// that are not entries of the matrix must be zero on entry. At step `i` rows `i` and
  /// `pivots[i] ≥ i` were exchanged, right of the diagonal only: the multipliers to its left stay
  /// where they were computed.
  ///
  /// Returns `nil`, or the first step whose pivot is zero or not finite (NaN or infinity met in
  /// that column); the storage is then of no use.
  ///
  /// Source: G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th ed., 2013, section 4.3.
  package static func factorLU(
    _ band: UnsafeMutablePointer<Double>, count n: Int, lower kl: Int, upper ku: Int,
    pivots: UnsafeMutablePointer<Int>
  ) -> Int? {
    // One step down the same column.
    let down = rowWidth(lower: kl, upper: ku) &- 1
    for k in 0..<n {
      let top = band + index(row: k, column: k, lower: kl, upper: ku)
      let below = min(kl, n &- 1 &- k)
      let width = min(ku &+ kl, n &- 1 &- k)
      var pivotOffset = 0
      var largest = 0.0
      for d in 0...below {
        let size = top[d &* down].magnitude
        if size > largest {
          largest = size
          pivotOffset = d
        } else if size.isNaN {
          return k
        }
      }
      if largest == 0 || largest == .infinity { return k }
      pivots[k] = k &+ pivotOffset
      if pivotOffset > 0 {
        let other = top + pivotOffset &* down
        for j in 0...width {
          let v = top[j]
          top[j] = other[j]
          other[j] = v
        }
      }
      let pivot = top[0]
      for d in 1..<(below &+ 1) {
        let row = top + d &* down
        let factor = row[0] / pivot
        row[0] = factor
        DenseLoops.addOneRow(top + 1, scaledBy: -factor, to: row + 1, count: width)
      }
    }
    // An infinity or NaN right of the diagonal in the last rows has met no pivot search.
    for k in max(0, n &- 1)..<n where !band[index(row: k, column: k, lower: kl, upper: ku)].isFinite
    {
      return k
    }
    return nil
  }

  /// Solves `A x = b` with what `factorLU` left; `b` becomes `x`.
  package static func solveLU(
    _ band: UnsafePointer<Double>, count n: Int, lower kl: Int, upper ku: Int,
    pivots: UnsafePointer<Int>, _ b: UnsafeMutablePointer<Double>
  ) {
    let down = rowWidth(lower: kl, upper: ku) &- 1
    for k in 0..<n {
      let other = pivots[k]
      let v = b[other]
      b[other] = b[k]
      b[k] = v
      let top = band + index(row: k, column: k, lower: kl, upper: ku)
      for d in 1..<(min(kl, n &- 1 &- k) &+ 1) { b[k &+ d] -= top[d &* down] * v }
    }
    var k = n
    while k > 0 {
      k &-= 1
      let row = band + index(row: k, column: k, lower: kl, upper: ku)
      let width = min(ku &+ kl, n &- 1 &- k)
      b[k] = (b[k] - DenseLoops.oneRow(row + 1, times: b + (k &+ 1), count: width)) / row[0]
    }
  }

  /// Solves `Aᵀ x = b` with what `factorLU` left; `b` becomes `x`.
  package static func solveLUTransposed(
    _ band: UnsafePointer<Double>, count n: Int, lower kl: Int, upper ku: Int,
    pivots: UnsafePointer<Int>, _ b: UnsafeMutablePointer<Double>
  ) {
    let down = rowWidth(lower: kl, upper: ku) &- 1
    for k in 0..<n {
      let row = band + index(row: k, column: k, lower: kl, upper: ku)
      let v = b[k] / row[0]
      b[k] = v
      DenseLoops.addOneRow(
        row + 1, scaledBy: -v, to: b + (k &+ 1), count: min(ku &+ kl, n &- 1 &- k))
    }
    var k = n
    while k > 0 {
      k &-= 1
      let top = band + index(row: k, column: k, lower: kl, upper: ku)
      var v = b[k]
      for d in 1..<(min(kl, n &- 1 &- k) &+ 1) { v -= top[d &* down] * b[k &+ d] }
      let other = pivots[k]
      b[k] = b[other]
      b[other] = v
    }
  }
}
