import Testing

@testable import LinearSolvers

/// Badly scaled systems that are not ill-conditioned.
@Suite struct EquilibrationTests {
  static let n = 30

  /// `D₁ B D₂` with powers of two from 2⁻⁶⁰ to 2⁶⁰ has a condition number of about 1e60, and its
  /// solution `D₂⁻¹ B⁻¹ c` for `D₁ c` is known as well as that of `B`.
  @Test(arguments: [false, true])
  func badlyScaledRowsAndColumnsAreAccepted(isBanded: Bool) throws {
    let n = Self.n
    var B = SeededNumbers.vector(n * n, seed: 41)
    for i in 0..<n {
      B[i * n + i] += 3
      if isBanded { for j in 0..<n where abs(i - j) > 2 { B[i * n + j] = 0 } }
    }
    func exponents(_ seed: UInt64) -> [Int] {
      SeededNumbers.vector(n, seed: seed).map { Int(60 * $0) }
    }
    let (rows, columns) = (exponents(42), exponents(43))
    var A = B
    var band = BandMatrix(count: n, lower: 2, upper: 2)
    for i in 0..<n {
      for j in 0..<n {
        A[i * n + j] = PowerOfTwo.scaled(B[i * n + j], by: rows[i] + columns[j])
        if isBanded && abs(i - j) <= 2 { band[i, j] = A[i * n + j] }
      }
    }
    let c = SeededNumbers.vector(n, seed: 44)
    let solvers: [any LinearSolver] = isBanded ? [BandedLUSolver(), Automatic()] : [LUSolver()]
    for solver in solvers {
      let prepared = try solver.prepare(isBanded ? BandedOperator(band) : denseOperator(A))
      for transposed in [false, true] {
        let plain = try LUSolver().prepare(try denseOperator(B)).solve(c, transposed: transposed)
        let (left, right) = transposed ? (columns, rows) : (rows, columns)
        let b = (0..<n).map { PowerOfTwo.scaled(c[$0], by: left[$0]) }
        let x = try prepared.solve(b, transposed: transposed)
        for i in 0..<n {
          let expected = PowerOfTwo.scaled(plain.vector[i], by: -right[i])
          // Entry by entry, small ones included: B has a condition number below 1e3.
          let size = PowerOfTwo.scaled(norm(plain.vector), by: -right[i])
          #expect(abs(x.vector[i] - expected) <= 1e-12 * size)
        }
      }
    }
  }

  /// The conditions of a softmax with entries from 1 down to 2⁻²⁵⁰: κ₂ ≈ 1e75, Skeel's condition
  /// number about 10. Solution of [−X⁻¹ 1; 1ᵀ 0] (dx; du) = (−dθ; 0): dx = x ∘ (dθ − xᵀdθ).
  @Test(arguments: [Automatic(), LUSolver()] as [any LinearSolver])
  func softmaxConditionsAreAccepted(_ solver: any LinearSolver) throws {
    let m = 26
    var x = (0..<m).map { PowerOfTwo.scaled(1.0, by: -10 * $0) }
    let total = x.reversed().reduce(0, +)
    x = x.map { $0 / total }
    let theta = SeededNumbers.vector(m, seed: 45)
    var A = [Double](repeating: 0, count: (m + 1) * (m + 1))
    for i in 0..<m {
      A[i * (m + 1) + i] = -1 / x[i]
      A[i * (m + 1) + m] = 1
      A[m * (m + 1) + i] = 1
    }
    let solution = try solver.solve(try denseOperator(A), theta.map { -$0 } + [0])
    let mean = zip(x, theta).reversed().reduce(0) { $0 + $1.0 * $1.1 }
    for i in 0..<m {
      let expected = x[i] * (theta[i] - mean)
      #expect(abs(solution.vector[i] - expected) <= 1e-14 * x[i])
    }
    #expect(abs(solution.vector[m] + mean) <= 1e-14)
  }

  @Test func maximaBecomeOne() throws {
    let n = 9
    var numbers = SeededNumbers(seed: 46)
    var a = (0..<n * n).map { _ in PowerOfTwo.scaled(numbers.next(), by: Int(300 * numbers.next()))
    }
    let runs = (0..<n).map {
      Equilibration.Run(start: $0 * n, count: n, row: $0, rowStep: 0, column: 0, columnStep: 1)
    }
    let scaling = try Equilibration(a, runs, count: n)
    scaling.apply(to: &a, runs)
    for i in 0..<n {
      #expect((0..<n).map { abs(a[$0 * n + i]) }.reduce(0, max) >= 1)
      #expect((0..<n).map { abs(a[$0 * n + i]) }.reduce(0, max) < 2)
      #expect((0..<n).map { abs(a[i * n + $0]) }.reduce(0, max) < 2)
    }
    // Scaling factors are powers of two; a well-scaled matrix is left alone.
    #expect((scaling.rows + scaling.columns).allSatisfy { $0.significand == 1 })
    let fine = SeededNumbers.vector(n * n, seed: 47)
    #expect(try Equilibration(fine, runs, count: n).isIdentity)
  }
}
