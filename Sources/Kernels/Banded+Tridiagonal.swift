// Tridiagonal matrices: three diagonals in, four out, and one pass over them per triangle.
extension Banded {
  /// Factorises a tridiagonal matrix in place, by Gaussian elimination with partial pivoting.
  ///
  /// - Parameters:
  ///   - lower: `n − 1` entries, `lower[i]` in row `i + 1`; replaced by the multipliers.
  ///   - diagonal: `n` entries; replaced by the *reciprocals* of the pivots, so that a solve
  ///     does not divide.
  ///   - upper: `n − 1` entries, `upper[i]` in row `i`; replaced by those of `U`.
  ///   - upper2: room for `n − 2` entries: the second diagonal of `U`, filled by row exchanges.
  ///   - exchanged: room for `n − 1` flags: whether rows `i` and `i + 1` were exchanged.
  /// - Returns: `nil`, or the first step whose pivot is zero, not finite, or so small (subnormal)
  ///   that its reciprocal overflows; the diagonals are then of no use.
  ///
  /// Costs about `5 n` operations. The row that elimination is at is kept in registers.
  package static func factorTridiagonal(
    lower: UnsafeMutablePointer<Double>, diagonal: UnsafeMutablePointer<Double>,
    upper: UnsafeMutablePointer<Double>, upper2: UnsafeMutablePointer<Double>,
    exchanged: UnsafeMutablePointer<Bool>, count n: Int
  ) -> Int? {
    if n == 0 { return nil }
    // The row at hand: its entries on the diagonal and right of it.
    var pivot = diagonal[0]
    var right = n > 1 ? upper[0] : 0
    for i in 0..<(n &- 1) {
      let below = lower[i]
      let nextDiagonal = diagonal[i &+ 1]
      let nextRight = i &+ 2 < n ? upper[i &+ 1] : 0
      if pivot.magnitude >= below.magnitude {
        let reciprocal = 1 / pivot
        // False for an infinite reciprocal and for NaN; a zero one belongs to an infinite pivot.
        guard reciprocal.magnitude < .infinity && reciprocal != 0 else { return i }
        let factor = below * reciprocal
        lower[i] = factor
        diagonal[i] = reciprocal
        upper[i] = right
        if i &+ 2 < n { upper2[i] = 0 }
        exchanged[i] = false
        pivot = nextDiagonal - factor * right
        right = nextRight
      } else {
        let reciprocal = 1 / below
        guard reciprocal.magnitude < .infinity && reciprocal != 0 else { return i }
        let factor = pivot * reciprocal
        lower[i] = factor
        diagonal[i] = reciprocal
        upper[i] = nextDiagonal
        if i &+ 2 < n { upper2[i] = nextRight }
        exchanged[i] = true
        pivot = right - factor * nextDiagonal
        right = -factor * nextRight
      }
    }
    let reciprocal = 1 / pivot
    guard reciprocal.magnitude < .infinity && reciprocal != 0 else { return n - 1 }
    diagonal[n &- 1] = reciprocal
    return nil
  }

  /// Solves `A x = b` with what `factorTridiagonal` left; `b` becomes `x`.
  package static func solveTridiagonal(
    lower: UnsafePointer<Double>, diagonal: UnsafePointer<Double>, upper: UnsafePointer<Double>,
    upper2: UnsafePointer<Double>, exchanged: UnsafePointer<Bool>, count n: Int,
    _ b: UnsafeMutablePointer<Double>
  ) {
    if n == 0 { return }
    var running = b[0]
    for i in 0..<(n &- 1) {
      let next = b[i &+ 1]
      if exchanged[i] {
        b[i] = next
        running = running - lower[i] * next
      } else {
        b[i] = running
        running = next - lower[i] * running
      }
    }
    var after = running * diagonal[n &- 1]
    b[n &- 1] = after
    if n == 1 { return }
    var current = (b[n &- 2] - upper[n &- 2] * after) * diagonal[n &- 2]
    b[n &- 2] = current
    var i = n &- 2
    while i > 0 {
      i &-= 1
      let x = ((b[i] - upper2[i] * after) - upper[i] * current) * diagonal[i]
      b[i] = x
      after = current
      current = x
    }
  }

  /// Solves `Aᵀ x = b` with what `factorTridiagonal` left; `b` becomes `x`.
  package static func solveTridiagonalTransposed(
    lower: UnsafePointer<Double>, diagonal: UnsafePointer<Double>, upper: UnsafePointer<Double>,
    upper2: UnsafePointer<Double>, exchanged: UnsafePointer<Bool>, count n: Int,
    _ b: UnsafeMutablePointer<Double>
  ) {
    if n == 0 { return }
    var before = 0.0
    var current = b[0] * diagonal[0]
    b[0] = current
    if n == 1 { return }
    for i in 1..<n {
      let far = i > 1 ? upper2[i &- 2] * before : 0
      let x = ((b[i] - far) - upper[i &- 1] * current) * diagonal[i]
      b[i] = x
      before = current
      current = x
    }
    var i = n &- 1
    var running = b[i]
    while i > 0 {
      i &-= 1
      let v = b[i] - lower[i] * running
      if exchanged[i] {
        b[i &+ 1] = v
      } else {
        b[i &+ 1] = running
        running = v
      }
    }
    b[0] = running
  }
}
