// Tridiagonal matrices: three diagonals in, four out, and one pass over them per triangle.
extension Banded {
  /// Factorises a tridiagonal matrix in place, by Gaussian elimination with partial pivoting.
  ///
  /// - Parameters:
  ///   - lower: `n − 1` entries, `lower[i]` in row `i + 1`; replaced by the multipliers.
  ///   - diagonal: `n` entries; replaced by the *reciprocals* of the pivots, so that a solve
  ///     does not divide.
  ///   - upper: `n − 1` entries, `upper[i]` in row `i`; replaced by those of `U` divided by the pivots of
  ///     their rows. (`A = P L D U₁` with a unit triangle `U₁`: in a solve each row then waits for one
  ///     multiplication and one subtraction of the row before, instead of two and one.)
  ///   - upper2: room for `n − 2` entries: the second diagonal of `U₁`, filled by row exchanges.
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
        upper[i] = right * reciprocal
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
        upper[i] = nextDiagonal * reciprocal
        if i &+ 2 < n { upper2[i] = nextRight * reciprocal }
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

  /// Solves `A x = b` with what `factorTridiagonal` left; `b` becomes `x`. For `columns`, one after the
  /// other in memory, at once: up to four go through the rows side by side, since each row of one
  /// waits for the row before. Every column has the bits that it has alone.
  package static func solveTridiagonal(
    lower: UnsafePointer<Double>, diagonal: UnsafePointer<Double>, upper: UnsafePointer<Double>,
    upper2: UnsafePointer<Double>, exchanged: UnsafePointer<Bool>, count n: Int,
    columns: Int = 1, _ b: UnsafeMutablePointer<Double>
  ) {
    if n == 0 { return }
    var next = 0
    while next < columns {
      let first = b + next * n
      if columns - next == 1 {
        substitute(lower, diagonal, upper, upper2, exchanged, n, OneColumn(b: first))
        next += 1
      } else if columns - next == 2 {
        substitute(lower, diagonal, upper, upper2, exchanged, n, TwoColumns(b: first, stride: n))
        next += 2
      } else {
        let count = Swift.min(4, columns - next)
        substitute(
          lower, diagonal, upper, upper2, exchanged, n,
          FourColumns(b: first, stride: n, third: 2 * n, fourth: (count - 1) * n))
        next += count
      }
    }
  }

  /// Solves `Aᵀ x = b` with what `factorTridiagonal` left; `b` becomes `x`. Columns as in
  /// `solveTridiagonal`.
  package static func solveTridiagonalTransposed(
    lower: UnsafePointer<Double>, diagonal: UnsafePointer<Double>, upper: UnsafePointer<Double>,
    upper2: UnsafePointer<Double>, exchanged: UnsafePointer<Bool>, count n: Int,
    columns: Int = 1, _ b: UnsafeMutablePointer<Double>
  ) {
    if n == 0 { return }
    var next = 0
    while next < columns {
      let first = b + next * n
      if columns - next == 1 {
        substituteTransposed(lower, diagonal, upper, upper2, exchanged, n, OneColumn(b: first))
        next += 1
      } else if columns - next == 2 {
        substituteTransposed(
          lower, diagonal, upper, upper2, exchanged, n, TwoColumns(b: first, stride: n))
        next += 2
      } else {
        let count = Swift.min(4, columns - next)
        substituteTransposed(
          lower, diagonal, upper, upper2, exchanged, n,
          FourColumns(b: first, stride: n, third: 2 * n, fourth: (count - 1) * n))
        next += count
      }
    }
  }

  /// `x = U₁⁻¹ D⁻¹ L⁻¹ P b`, row by row.
  @inline(__always)
  private static func substitute<Columns: RightHandSides>(
    _ lower: UnsafePointer<Double>, _ diagonal: UnsafePointer<Double>,
    _ upper: UnsafePointer<Double>, _ upper2: UnsafePointer<Double>,
    _ exchanged: UnsafePointer<Bool>, _ n: Int, _ b: Columns
  ) {
    var running = b[0]
    for i in 0..<(n &- 1) {
      let next = b[i &+ 1]
      if exchanged[i] {
        b[i] = next * diagonal[i]
        running = running - next * lower[i]
      } else {
        b[i] = running * diagonal[i]
        running = next - running * lower[i]
      }
    }
    var after = running * diagonal[n &- 1]
    b[n &- 1] = after
    if n == 1 { return }
    var current = b[n &- 2] - after * upper[n &- 2]
    b[n &- 2] = current
    var i = n &- 2
    while i > 0 {
      i &-= 1
      let x = (b[i] - after * upper2[i]) - current * upper[i]
      b[i] = x
      after = current
      current = x
    }
  }

  /// `x = Pᵀ L⁻ᵀ D⁻¹ U₁⁻ᵀ b`, row by row.
  @inline(__always)
  private static func substituteTransposed<Columns: RightHandSides>(
    _ lower: UnsafePointer<Double>, _ diagonal: UnsafePointer<Double>,
    _ upper: UnsafePointer<Double>, _ upper2: UnsafePointer<Double>,
    _ exchanged: UnsafePointer<Bool>, _ n: Int, _ b: Columns
  ) {
    var current = b[0]
    b[0] = current * diagonal[0]
    if n == 1 { return }
    var before = current
    current = b[1] - before * upper[0]
    b[1] = current * diagonal[1]
    var i = 2
    while i < n {
      let x = (b[i] - before * upper2[i &- 2]) - current * upper[i &- 1]
      b[i] = x * diagonal[i]
      before = current
      current = x
      i &+= 1
    }
    i = n &- 1
    var running = b[i]
    while i > 0 {
      i &-= 1
      let v = b[i] - running * lower[i]
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

/// The entries of one row in some columns.
private protocol RightHandSides {
  associatedtype Row: RowOfColumns
  subscript(i: Int) -> Row { get nonmutating set }
}

private protocol RowOfColumns {
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Double) -> Self
}

extension Double: RowOfColumns {}
extension SIMD2: RowOfColumns where Scalar == Double {}
extension SIMD4: RowOfColumns where Scalar == Double {}

private struct OneColumn: RightHandSides {
  let b: UnsafeMutablePointer<Double>

  subscript(i: Int) -> Double {
    @inline(__always) get { b[i] }
    @inline(__always) nonmutating set { b[i] = newValue }
  }
}

private struct TwoColumns: RightHandSides {
  let b: UnsafeMutablePointer<Double>
  let stride: Int

  subscript(i: Int) -> SIMD2<Double> {
    @inline(__always) get { SIMD2(b[i], b[i &+ stride]) }
    @inline(__always) nonmutating set {
      b[i] = newValue.x
      b[i &+ stride] = newValue.y
    }
  }
}

/// Four columns, or three: then the last is carried twice, and written twice with the same bits.
private struct FourColumns: RightHandSides {
  let b: UnsafeMutablePointer<Double>
  let stride: Int
  let third: Int
  let fourth: Int

  subscript(i: Int) -> SIMD4<Double> {
    @inline(__always) get {
      SIMD4(b[i], b[i &+ stride], b[i &+ third], b[i &+ fourth])
    }
    @inline(__always) nonmutating set {
      b[i] = newValue.x
      b[i &+ stride] = newValue.y
      b[i &+ third] = newValue.z
      b[i &+ fourth] = newValue.w
    }
  }
}
