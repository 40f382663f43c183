import Testing

@testable import LinearSolvers

@Suite struct RidgeTests {
  struct Spectrum: CustomTestStringConvertible, Sendable {
    let name: String
    let entries: [Double]
    var testDescription: String { name }
  }

  private static let n = 40

  static let spectra: [Spectrum] = {
    let wide = TestMatrix.geometric(n, condition: 1e6)
    let lonely = (0..<n).map { $0 == n - 1 ? 1e-9 : 1 + Double($0) / 10 }
    let signs = TestMatrix.geometric(n, condition: 1e3).enumerated().map {
      $0.offset % 2 == 0 ? $0.element : -$0.element
    }
    return [
      Spectrum(
        name: "from 1 to 1e-6", entries: TestMatrix.spectral(wide, symmetric: true, seed: 301)),
      Spectrum(
        name: "one eigenvalue of 1e-9",
        entries: TestMatrix.spectral(lonely, symmetric: true, seed: 302)),
      Spectrum(
        name: "singular values from 1 to 1e-6",
        entries: TestMatrix.spectral(wide, symmetric: false, seed: 303)),
      Spectrum(
        name: "one singular value of 1e-9",
        entries: TestMatrix.spectral(lonely, symmetric: false, seed: 304)),
      Spectrum(
        name: "indefinite", entries: TestMatrix.spectral(signs, symmetric: true, seed: 305)),
    ]
  }()

  /// `x − A⁻¹b` with the true operator.
  private func trueBias(
    _ x: [Double], _ A: DenseOperator, _ b: [Double], transposed: Bool
  ) throws -> Double {
    let exact = try LUSolver().prepare(A).solve(b, transposed: transposed)
    return norm(zip(x, exact.vector).map { $0 - $1 })
  }

  /// Small, equal and large shifts against the smallest eigenvalues; before and after refinement.
  @Test(arguments: spectra, [false, true])
  func theBiasIsStatedWithinAFactorOfTwo(_ spectrum: Spectrum, transposed: Bool) throws {
    let A = try denseOperator(spectrum.entries)
    for (k, shift) in [1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1].enumerated() {
      for refinements in [0, 1, 3] {
        let b = SeededNumbers.vector(Self.n, seed: 310 + UInt64(k))
        let solution = try Ridge(shift, using: LUSolver(), refinements: refinements).prepare(A)
          .solve(b, transposed: transposed)
        let truth = try trueBias(solution.vector, A, b, transposed: transposed)
        // Where refinement has removed it, rounding is left: κ ε and more.
        if truth <= 1e-6 * norm(solution.vector) { continue }
        let bias = try #require(solution.bias)
        #expect(
          bias >= truth / 2 && bias <= 2 * truth,
          "\(shift), \(refinements) refinements: \(bias) for \(truth)")
        #expect(
          solution.method.hasSuffix(
            "μ = \(shift.shortened), bias about \((bias / norm(solution.vector)).shortened) of "
              + "the solution")
            || refinements > 0)
      }
    }
  }

  /// `A = diag(1, 4)`, `μ = 1`, `b = (2, 10)`: `x_μ = (1, 2)` instead of `(2, 2.5)`.
  @Test func aHandWorkedExample() throws {
    let A = DiagonalOperator([1, 4])
    let x = try Ridge(1).solve(A, [2, 10])
    #expect(x.vector == [1, 2])
    let bias = 1.25.squareRoot()
    #expect(abs(try #require(x.bias) - bias) <= 1e-15)
    // The residual is that of A: b − A x = (1, 2) = μ x.
    #expect(abs(x.residualNorm - 5.0.squareRoot()) <= 1e-15)
    #expect(abs(x.relativeResidual - (5.0 / 104).squareRoot()) <= 1e-15)
    #expect(
      x.method == "diagonal division 2×2 (as stated by its structure) of A + μI, μ = 1, "
        + "bias about \((0.5).shortened) of the solution")
    // A step of refinement: x + (A + μI)⁻¹(1, 2) = (1.5, 2.4).
    let refined = try Ridge(1, refinements: 1).solve(A, [2, 10])
    #expect(maximumDifference(refined.vector, [1.5, 2.4]) <= 1e-15)
    #expect(abs(try #require(refined.bias) - 0.26.squareRoot()) <= 1e-15)
    #expect(refined.method.hasSuffix("of the solution after 1 refinement"))
  }

  @Test(arguments: [false, true])
  func refinementRemovesTheBias(transposed: Bool) throws {
    let A = try denseOperator(Self.spectra[2].entries)
    let b = SeededNumbers.vector(Self.n, seed: 320)
    let exact = try LUSolver().prepare(A).solve(b, transposed: transposed)
    let ridge = Ridge(1e-8, using: LUSolver(), refinements: 30)
    let solution = try ridge.prepare(A).solve(b, transposed: transposed)
    #expect(solution.relativeResidual <= 1e-11)
    // κ times the relative tolerance.
    #expect(relativeError(solution.vector, exact.vector) <= 1e6 * 1e-12)
    #expect(try #require(solution.relativeBias) <= 1e-6)
    #expect(solution.method.contains("refinements"))
    // An indefinite operator with an eigenvalue between −2μ and zero makes it worse: it is not done.
    let worse = try Ridge(0.75, refinements: 5).solve(DiagonalOperator([2, -0.5]), [1, 1])
    #expect(worse.method.hasSuffix("(refinement no longer helps)"))
    #expect(abs(worse.vector[1] - 4) <= 1e-15)
    // (4/11, 4) instead of (1/2, −2), to the accuracy of the estimate.
    let truth = (36 + 9.0 / 484).squareRoot()
    #expect(abs(try #require(worse.bias) - truth) <= 0.1 * truth)
  }

  /// An answer far from the true one is returned, with a large residual to be seen; and where the bias
  /// cannot be told it is not made up.
  @Test func anUnknownBiasIsCalledSo() throws {
    var values = TestMatrix.geometric(Self.n, condition: 10)
    values[Self.n - 1] = 0
    let singular = try denseOperator(TestMatrix.spectral(values, symmetric: true, seed: 306))
    let b = SeededNumbers.vector(Self.n, seed: 321)
    let solution = try Ridge(1e-3).solve(singular, b)
    #expect(solution.bias == .infinity)
    #expect(solution.method.hasSuffix("bias unknown"))
    #expect(solution.relativeResidual > 0.01)
    #expect(throws: LinearSolveError.self) { try Automatic().solve(singular, b) }
    // Too few terms, and none.
    let wide = try denseOperator(Self.spectra[0].entries)
    #expect(try Ridge(1e-3, biasTerms: 2).solve(wide, b).bias == .infinity)
    let none = try Ridge(1e-3, biasTerms: 0).solve(wide, b)
    #expect(none.bias == .infinity && none.relativeBias == .infinity)
    #expect(try Ridge(0).solve(wide, b).bias == 0)
  }

  /// The bias is proportional to the right-hand side, in any size; several columns are as one.
  @Test func scalesAndBlocks() throws {
    let A = try denseOperator(Self.spectra[2].entries)
    let b = SeededNumbers.vector(Self.n, seed: 322)
    let prepared = try Ridge(1e-4, using: LUSolver(), refinements: 1).prepare(A)
    let one = try prepared.solve(b)
    for exponent in [900, -900] {
      let scaled = try prepared.solve(PowerOfTwo.scaled(b, by: exponent))
      #expect(scaled.vector == PowerOfTwo.scaled(one.vector, by: exponent))
      #expect(scaled.bias == one.bias.map { PowerOfTwo.scaled($0, by: exponent) })
      #expect(scaled.method == one.method)
    }
    let zero = [Double](repeating: 0, count: Self.n)
    let columns = try prepared.solve(columns: [b, zero, b.reversed()])
    #expect(relativeError(columns[0].vector, one.vector) <= 1e-12)
    #expect(columns[1].bias == 0 && columns[1].vector == zero)
    #expect(columns[2].bias != columns[0].bias)
    #expect(linearSolveError { try prepared.solve([1]) }?.name == .sizeMismatch)
  }

  /// With an iterative method for the shifted system, whose terms carry its tolerance.
  @Test func anyMethodWillDo() throws {
    let A = try denseOperator(Self.spectra[0].entries)
    let b = SeededNumbers.vector(Self.n, seed: 323)
    for base in [ConjugateGradient(), MINRES(), GMRES()] as [any LinearSolver] {
      let solution = try Ridge(1e-3, using: base).solve(A, b)
      let truth = try trueBias(solution.vector, A, b, transposed: false)
      let bias = try #require(solution.bias)
      #expect(bias >= truth / 2 && bias <= 2 * truth, "\(solution.method): \(bias) for \(truth)")
    }
  }
}
