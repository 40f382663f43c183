import Testing

@testable import LinearSolvers

@Suite struct AutomaticTests {
  private static func spectral(
    _ n: Int, _ sign: Int, symmetric: Bool, condition: Double = 20
  ) throws -> ProductCounter {
    let values = TestMatrix.geometric(n, condition: condition).enumerated().map {
      $0.offset % 2 == 1 && sign < 0 ? -$0.element : $0.element
    }
    return ProductCounter(
      try denseOperator(TestMatrix.spectral(values, symmetric: symmetric, seed: 91)))
  }

  @Test func saysWhatItChoseAndWhy() throws {
    func description(_ A: any LinearOperator) throws -> String {
      try Automatic().prepare(A).methodDescription
    }
    #expect(
      try description(DiagonalOperator([1, 2, 3]))
        == "diagonal division 3×3 (as stated by its structure)")
    #expect(
      try description(ConjugateGradientTests.laplacian(50))
        == "tridiagonal LU 50×50 (as stated by its structure)")
    var band = BandMatrix(count: 60, lower: 2, upper: 3)
    for i in 0..<60 {
      for j in max(0, i - 2)..<min(60, i + 4) { band[i, j] = i == j ? 4 : 0.5 }
    }
    #expect(
      try description(BandedOperator(band))
        == "banded LU 60×60, 2 diagonals below and 3 above (as stated by its structure)")
    #expect(
      try description(Self.spectral(12, 1, symmetric: true))
        == "dense Cholesky 12×12 (n ≤ 128, symmetric positive definite; "
        + "entries and products probed)")
    #expect(
      try description(Self.spectral(12, -1, symmetric: true))
        == "dense LU 12×12 (n ≤ 128, not positive definite; entries and products probed)")
    #expect(
      try description(Self.spectral(12, 1, symmetric: false))
        == "dense LU 12×12 (n ≤ 128, not symmetric; entries and products probed)")
    #expect(
      try description(Self.spectral(130, 1, symmetric: true))
        == "CG, then MINRES; symmetric as probed, n = 130 > 128; transposed product probed")
    #expect(
      try description(Self.spectral(130, 1, symmetric: false))
        == "GMRES, then BiCGStab; not symmetric, n = 130 > 128; transposed product probed")
    let negative = try Self.spectral(130, 1, symmetric: true).scaled(by: -1)
    #expect(
      try description(negative) == "MINRES; symmetric and not positive definite as probed, "
        + "n = 130 > 128; transposed product probed")
    // A band as wide as the matrix is no structure.
    #expect(try description(ConjugateGradientTests.laplacian(3)).hasPrefix("dense Cholesky 3×3"))
  }

  /// What is stored needs no probe, and the words do not claim one.
  @Test func whatIsStoredIsNotProbed() throws {
    let entries = TestMatrix.spectral(
      TestMatrix.geometric(12, condition: 20), symmetric: true, seed: 91)
    let dense = try denseOperator(entries)
    #expect(
      try Automatic().prepare(dense).methodDescription
        == "dense Cholesky 12×12 (n ≤ 128, symmetric positive definite)")
    let band = ProductCounter(try ConjugateGradientTests.laplacian(50))
    #expect(
      try Automatic().prepare(band).methodDescription
        == "tridiagonal LU 50×50 (as stated by its structure; band and products probed)")
    #expect(band.count == 5)  // three to read the band, and one with A and one with Aᵀ
  }

  @Test(arguments: [(1, true, "CG"), (-1, true, "MINRES"), (1, false, "GMRES")])
  func largeSystemsAreSolvedByIteration(sign: Int, symmetric: Bool, method: String) throws {
    let A = try Self.spectral(150, sign, symmetric: symmetric, condition: 5)
    let b = SeededNumbers.vector(150, seed: 92)
    for transposed in [false, true] {
      let solution = try Automatic().prepare(A).solve(b, transposed: transposed)
      #expect(solution.method.hasPrefix(method))
      let reference = try LUSolver().prepare(A).solve(b, transposed: transposed)
      #expect(relativeError(solution.vector, reference.vector) <= 10 * 5 * 1e-12)
    }
  }

  @Test func factorsAreKept() throws {
    let A = try Self.spectral(30, 1, symmetric: false)
    let prepared = try Automatic().prepare(A)
    #expect(A.count == 32)  // the columns, and a probe with A and one with Aᵀ
    for seed in 1...4 as ClosedRange<UInt64> {
      let before = A.count
      let solution = try prepared.solve(SeededNumbers.vector(30, seed: seed))
      #expect(A.count - before == solution.operatorProducts)
      #expect(solution.operatorProducts <= 3)
    }
  }

  /// Where iteration fails, elimination is the last resort: made once, whoever asks first, with the
  /// same bits for everyone.
  @Test func theLastResortIsSharedByAllThreads() async throws {
    let n = 150
    let A = try Self.spectral(n, -1, symmetric: true, condition: 1e10)
    let prepared = try Automatic().prepare(A)
    let probes = A.count
    let b = (0..<8 as Range<UInt64>).map { SeededNumbers.vector(n, seed: 93 + $0 % 2) }
    let solutions = try await withThrowingTaskGroup(of: (Int, LinearSolution).self) { group in
      for (k, b) in b.enumerated() { group.addTask { (k, try prepared.solve(b)) } }
      var results = [LinearSolution?](repeating: nil, count: 8)
      for try await (k, solution) in group { results[k] = solution }
      return results.compactMap { $0 }
    }
    #expect(solutions.count == 8)
    #expect(solutions.allSatisfy { $0.method == "dense LU 150×150" })
    for k in 2..<8 { #expect(solutions[k] == solutions[k - 2]) }
    // One materialisation, and the iterations of eight failed attempts with two methods each.
    #expect(A.count - probes < n + 8 * (4 * n + 20))
    #expect(solutions[0].backwardError <= 1e-15)
  }

  @Test func failuresListWhatWasTried() throws {
    let values = (0..<150).map { $0 == 0 ? 0.0 : Double($0) }
    let A = try denseOperator(TestMatrix.spectral(values, symmetric: false, seed: 94))
    let b = SeededNumbers.vector(150, seed: 95)
    let error = linearSolveError { try Automatic().solve(A, b) }
    guard case .exhausted(let tried, .singular(_, let condition)) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(tried == ["GMRES(50) 150×150", "BiCGStab 150×150", "dense LU"])
    #expect(condition > 1e14)
  }

  /// Errors about the input are not blamed on the methods.
  @Test func inputErrorsPassThrough() throws {
    let prepared = try Automatic(denseThreshold: 0).prepare(
      try Self.spectral(9, 1, symmetric: true))
    #expect(linearSolveError { try prepared.solve([1]) }?.name == .sizeMismatch)
    let failing = ClosureOperator(
      rowCount: 2, columnCount: 2, matvec: { $0 }, transposeMatvec: nil)
    let transposed = linearSolveError {
      try Automatic(denseThreshold: 0).prepare(failing).solve([1, 2], transposed: true)
    }
    #expect(transposed?.name == .productFailed)
  }
}
