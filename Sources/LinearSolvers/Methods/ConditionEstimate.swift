import Kernels

/// `‖A⁻¹‖₁` from below, from a few solves with `A` and `Aᵀ`: hardly ever less than a third of it.
///
/// Sources: W. W. Hager, "Condition Estimates", SIAM J. Sci. Stat. Comput. 5 (1984), 311–316;
/// N. J. Higham, "FORTRAN Codes for Estimating the One-Norm of a Real or Complex Matrix", ACM
/// Trans. Math. Softw. 14 (1988), 381–396 (algorithm 4.1, with its alternating vector).
enum ConditionEstimate {
  /// The estimate for a matrix of `n` rows. `solve` replaces its argument by `A⁻¹` (or `A⁻ᵀ`) times
  /// it, for a number of columns one after the other in memory. At most `2 rounds + 2` solves; infinity if a solve overflows.
  ///
  /// - Parameters:
  ///   - rounds: how often the column is looked for whose image is the largest; with 0 the estimate is
  ///     what points to it, which costs one solve less.
  ///   - passenger: a right-hand side of the caller's, which becomes `A⁻¹` times it. It is solved for
  ///     together with the first two vectors of the estimate, which costs next to nothing.
  static func inverseNorm(
    count n: Int, rounds: Int, passenger: UnsafeMutablePointer<Double>? = nil,
    solve: (_ b: UnsafeMutablePointer<Double>, _ columns: Int, _ transposed: Bool) -> Void
  ) -> Double {
    if n == 0 { return 0 }
    let columns = passenger == nil ? 2 : 3
    let arena = VectorArena(vectors: 1, length: columns * n)
    let x = arena[0]
    let signs = x + n
    x.update(repeating: 1 / Double(n), count: n)
    // Higham's vector catches the matrices that defeat the search.
    let step = 1 / Double(Swift.max(n - 1, 1))
    var sign = 1.0
    for i in 0..<n {
      x[n + i] = sign * (1 + Double(i) * step)
      sign = -sign
    }
    if let passenger { (x + 2 * n).update(from: passenger, count: n) }
    solve(x, columns, false)
    if let passenger { passenger.update(from: x + 2 * n, count: n) }
    var estimate = Vector.sumOfMagnitudes(x, count: n)
    let alternating = 2 * Vector.sumOfMagnitudes(x + n, count: n) / (3 * Double(n))
    if n == 1 || !estimate.isFinite { return estimate.isNaN ? .infinity : estimate }
    if !alternating.isFinite { return .infinity }

    var last = -1
    for round in 0...rounds {
      // The subgradient of ‖A⁻¹x‖₁ is A⁻ᵀ sign(A⁻¹x); its largest entry names the next column, and is
      // a lower bound of the norm itself.
      Vector.signs(of: x, into: signs, count: n)
      solve(signs, 1, true)
      guard let column = largest(signs, count: n) else { return .infinity }
      if round == rounds {
        estimate = Swift.max(estimate, abs(signs[column]))
        break
      }
      if column == last { break }
      last = column
      x.update(repeating: 0, count: n)
      x[column] = 1
      solve(x, 1, false)
      let next = Vector.sumOfMagnitudes(x, count: n)
      if !next.isFinite { return .infinity }
      if next <= estimate { break }
      estimate = next
    }
    return Swift.max(estimate, alternating)
  }

  /// The same for a solver that takes one column at a time.
  static func inverseNorm(
    count n: Int, rounds: Int = 5,
    solve: (_ b: UnsafeMutablePointer<Double>, _ transposed: Bool) -> Void
  ) -> Double {
    inverseNorm(count: n, rounds: rounds) { b, columns, transposed in
      for j in 0..<columns { solve(b + j * n, transposed) }
    }
  }

  /// The index of the largest magnitude; `nil` if an entry is not finite.
  private static func largest(_ x: UnsafePointer<Double>, count n: Int) -> Int? {
    let largest = Vector.maximumMagnitude(x, count: n)
    guard largest.isFinite else { return nil }
    return (0..<n).first { x[$0].magnitude == largest }
  }
}
