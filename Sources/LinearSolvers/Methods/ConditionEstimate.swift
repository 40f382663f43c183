import Kernels

/// `‖A⁻¹‖₁` from below, from a few solves with `A` and `Aᵀ`: hardly ever less than a third of it.
///
/// Sources: W. W. Hager, "Condition Estimates", SIAM J. Sci. Stat. Comput. 5 (1984), 311–316;
/// N. J. Higham, "FORTRAN Codes for Estimating the One-Norm of a Real or Complex Matrix", ACM
/// Trans. Math. Softw. 14 (1988), 381–396 (algorithm 4.1, with its alternating vector).
enum ConditionEstimate {
  /// The estimate for a matrix of `n` rows. `solve` replaces its argument by `A⁻¹` (or `A⁻ᵀ`) times
  /// it. At most `2 rounds + 2` solves; infinity if a solve overflows.
  static func inverseNorm(
    count n: Int, rounds: Int = 5,
    solve: (_ b: UnsafeMutablePointer<Double>, _ transposed: Bool) -> Void
  ) -> Double {
    if n == 0 { return 0 }
    let arena = VectorArena(vectors: 2, length: n)
    let x = arena[0]
    let signs = arena[1]
    x.update(repeating: 1 / Double(n), count: n)
    solve(x, false)
    var estimate = oneNorm(x, count: n)
    if n == 1 || !estimate.isFinite { return estimate.isNaN ? .infinity : estimate }

    var last = -1
    for _ in 0..<rounds {
      // The subgradient of ‖A⁻¹x‖₁ is A⁻ᵀ sign(A⁻¹x); its largest entry names the next column.
      for i in 0..<n { signs[i] = x[i] < 0 ? -1 : 1 }
      solve(signs, true)
      guard let column = largest(signs, count: n) else { return .infinity }
      if column == last { break }
      last = column
      x.update(repeating: 0, count: n)
      x[column] = 1
      solve(x, false)
      let next = oneNorm(x, count: n)
      if !next.isFinite { return .infinity }
      if next <= estimate { break }
      estimate = next
    }

    // Higham's vector catches the matrices that defeat the search.
    for i in 0..<n {
      let size = 1 + Double(i) / Double(n - 1)
      x[i] = i % 2 == 0 ? size : -size
    }
    solve(x, false)
    let alternating = 2 * oneNorm(x, count: n) / (3 * Double(n))
    return alternating.isFinite ? max(estimate, alternating) : .infinity
  }

  private static func oneNorm(_ x: UnsafePointer<Double>, count n: Int) -> Double {
    var sum = 0.0
    for i in 0..<n { sum += abs(x[i]) }
    return sum
  }

  /// The index of the largest magnitude; `nil` if an entry is not finite.
  private static func largest(_ x: UnsafePointer<Double>, count n: Int) -> Int? {
    var index = 0
    for i in 0..<n {
      if !x[i].isFinite { return nil }
      if abs(x[i]) > abs(x[index]) { index = i }
    }
    return index
  }
}
