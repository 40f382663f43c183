extension Banded {
  /// `y ← A x`, or `y ← Aᵀ x`, for a matrix stored diagonal by diagonal: entry `(i, i + d)` is
  /// `values[(d + lower) · n + i]`.
  ///
  /// The rows that all diagonals reach are taken a few thousand at a time, three diagonals in one
  /// pass; those near the ends one by one. Each row is summed from the lowest diagonal to the
  /// highest. `2 (lower + upper + 1) n` operations, no allocation. `x` and `y` may not overlap.
  package static func multiply(
    _ values: UnsafePointer<Double>, count n: Int, lower: Int, upper: Int, transposed: Bool,
    by x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>
  ) {
    // In the transpose diagonal d couples entry i of x with row i + d.
    let (before, after) = transposed ? (upper, lower) : (lower, upper)
    let first = Swift.min(before, n)
    let end = Swift.max(first, n - after)
    for row in 0..<first { y[row] = entry(row, values, n, lower, upper, transposed, x) }
    for row in end..<n { y[row] = entry(row, values, n, lower, upper, transposed, x) }
    var from = first
    while from < end {
      let count = Swift.min(end &- from, block)
      var fused = FusedLanes(y + from, count: count, stores: true, x)
      for d in -lower...upper {
        let diagonal = values + (d &+ lower) &* n
        fused.append(
          FusedLanes.Entry(
            x: transposed ? x + (from &- d) : x + (from &+ d),
            c: transposed ? diagonal + (from &- d) : diagonal + from, scale: 1, bias: 0))
      }
      fused.flush()
      from &+= count
    }
  }

  /// Rows at a time, so that with many diagonals `y` stays in the first-level cache.
  private static let block = 1024

  private static func entry(
    _ row: Int, _ values: UnsafePointer<Double>, _ n: Int, _ lower: Int, _ upper: Int,
    _ transposed: Bool, _ x: UnsafePointer<Double>
  ) -> Double {
    var sum = 0.0
    for d in -lower...upper {
      let column = transposed ? row - d : row + d
      guard column >= 0, column < n else { continue }
      sum += values[(d + lower) * n + (transposed ? column : row)] * x[column]
    }
    return sum
  }
}
