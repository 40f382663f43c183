import ImplicitDifferentiation
import Testing

/// What users state about products is tried before a derivative is made of them; and a system that is
/// regularised knowingly says so in the report.
@Suite struct StatedProductsTests {
  private static let M = Tensor([[2, 1, 0.5], [-1, 3, 0.25], [0.5, 0, 4]])
  private static let N = Tensor([[1, 2], [0, 1], [3, -1]])

  /// `M y = N x`, with products written by hand; each may be replaced by a wrong one.
  private func conditions(
    transposedSolution: @escaping @Sendable (Tensor) -> Tensor = { matmul($0, M) },
    transposedInput: @escaping @Sendable (Tensor) -> Tensor = { -matmul($0, N) }
  ) -> Conditions<Tensor, Tensor> {
    .products(
      residual: { x, y in matmul(Self.M, y) - matmul(Self.N, x) },
      solutionProduct: { _, _, v in matmul(Self.M, v) },
      transposedSolutionProduct: { _, _, u in transposedSolution(u) },
      inputProduct: { _, _, v in -matmul(Self.N, v) },
      transposedInputProduct: { _, _, u in transposedInput(u) })
  }

  private func solution(
    _ conditions: Conditions<Tensor, Tensor>, _ solver: any LinearSolver = Automatic()
  ) -> ImplicitFunction<Tensor, Tensor> {
    ImplicitFunction(
      forward: { x in
        let b = matmul(Self.N, x).scalars
        let A = try DenseOperator(rowCount: 3, columnCount: 3, entries: Self.M.scalars)
        return Tensor(try LUSolver().solve(A, b).vector)
      }, conditions: conditions, linearSolver: solver)
  }

  private func mismatch(_ body: () throws -> some Any) -> (DeclaredStructure, Double)? {
    do {
      _ = try body()
      return nil
    } catch DifferentiationError.linearSolve(.structureMismatch(let declared, let defect), _) {
      return (declared, defect)
    } catch {
      Issue.record("\(error)")
      return nil
    }
  }

  @Test func trueProductsPass() throws {
    let (_, pullback) = try solution(conditions()).valueWithPullback(at: Tensor([1, 2]))
    let gradient = try pullback(Tensor([1, 0, 0])).value
    #expect(gradient.scalars.count == 2)
  }

  /// `A` instead of `Aᵀ`; a sign of `Bᵀ`; a `Bᵀ` of zeros, because only pushforwards were wanted.
  @Test func wrongTransposedProductsAreRefused() {
    let x = Tensor([1, 2])
    for solver in [Automatic(), GMRES(), LUSolver()] as [any LinearSolver] {
      let A = mismatch {
        try solution(conditions(transposedSolution: { matmul(Self.M, $0) }), solver)
          .linearize(at: x)
      }
      #expect(A?.0 == .transposedProduct)
      #expect((A?.1 ?? 0) > 1e-3)
      for wrong in [{ matmul($0, Self.N) }, { _ in Tensor([0, 0]) }]
        as [@Sendable (Tensor) -> Tensor]
      {
        let B = mismatch {
          try solution(conditions(transposedInput: wrong), solver).linearize(at: x)
        }
        #expect(B?.0 == .transposedProduct)
        #expect((B?.1 ?? 0) > 1e-3)
      }
    }
  }

  /// Three equations that the given number of unknowns cannot have, in the residual or in a product.
  @Test(arguments: [2, 4])
  func solutionsOfAnotherSizeAreRefused(_ count: Int) {
    let x = Tensor([1, 2])
    let wrong = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor.ones([count]) }, conditions: conditions())
    #expect(
      throws: DifferentiationError.shapeMismatch(
        operation: "matmul", left: [3, 3], right: [count])
    ) { try wrong.linearize(at: x) }
    #expect(throws: DifferentiationError.self) {
      try wrong.pullback(at: x, Tensor.ones([count]))
    }
    // A residual that looks at no size leaves it to the products.
    let blind = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor.ones([count]) },
      conditions: .products(
        residual: { _, y in 0 * y }, solutionProduct: { _, _, v in matmul(Self.M, v) },
        transposedSolutionProduct: { _, _, u in matmul(u, Self.M) },
        inputProduct: { _, _, _ in Tensor.zeros([count]) },
        transposedInputProduct: { _, _, _ in [0, 0] }))
    do {
      _ = try blind.linearize(at: x)
      Issue.record("products of another size")
    } catch DifferentiationError.linearSolve(.productFailed(let reason), _) {
      #expect(reason.contains("`matmul` cannot combine the shapes [3×3] and [\(count)]"))
    } catch {
      Issue.record("\(error)")
    }
  }

  /// A custom operation with a pullback that is not the transpose of its pushforward, in the input and
  /// in the solution.
  @Test func customOperationsAreProbed() throws {
    @Sendable func cube(_ x: Tensor, factor: Tensor) -> Tensor {
      .custom(
        x, value: { $0 * $0 * $0 }, pushforward: { x, v in 3 * x * x * v },
        pullback: { x, u in factor * x * x * u })
    }
    func root(_ ofInput: Tensor, _ ofSolution: Tensor) -> ImplicitFunction<Tensor, Tensor> {
      ImplicitFunction(
        forward: { x in Tensor(x.scalars) },
        conditions: .root { x, y in cube(y, factor: ofSolution) - cube(x, factor: ofInput) })
    }
    let x = Tensor([1, 2])
    #expect(throws: Never.self) { try root(3, 3).linearize(at: x) }
    #expect(mismatch { try root(2, 3).linearize(at: x) }?.0 == .transposedProduct)
    #expect(mismatch { try root(3, 2).linearize(at: x) }?.0 == .transposedProduct)
  }

  @Test func aRegularisedDerivativeCarriesAWarning() throws {
    let x = Tensor([1, 2])
    let plain = try solution(conditions()).linearize(at: x).pullback(Tensor([1, 0, 0]))
    #expect(plain.report.relativeBias == nil && plain.report.warnings.isEmpty)

    let linear = try solution(conditions(), Ridge(0.01)).linearize(at: x)
    for derivative in [
      try linear.pullback(Tensor([1, 0, 0])).report, try linear.pushforward(Tensor([1, 0])).report,
    ] {
      let bias = try #require(derivative.relativeBias)
      // About μ / λ, with eigenvalues from 2 to 4.
      #expect(bias > 0.001 && bias < 0.01)
      #expect(
        derivative.warnings == [
          "The linear systems were regularised knowingly: their solutions differ from the true ones "
            + "by about \(bias.shortened) of their size."
        ])
      #expect(derivative.linearSolver.contains("of A + μI, μ = 0.01, bias about"))
    }
    // Where that is too much, the error says so, and not that a solver stopped early.
    var strict = solution(conditions(), Ridge(0.01))
    strict.certification = Certification(.measure, errorLimit: 1e-6)
    do {
      _ = try strict.pullback(at: x, Tensor([1, 0, 0]))
      Issue.record("an error above the limit")
    } catch DifferentiationError.inaccurate(let truncation, _, 1e-6, let bias?) {
      #expect(truncation > 0.001 && bias > 0.001 && bias < 0.01)
    }
    // One warning for all columns, with the largest bias.
    let jacobian = try linear.jacobian().report
    #expect(jacobian.warnings.count == 1)
    let single = try linear.pushforward(Tensor([1, 0])).report.relativeBias
    #expect(try #require(jacobian.relativeBias) >= #require(single))

    let unknown = try solution(conditions(), Ridge(0.01, biasTerms: 0)).linearize(at: x)
      .pullback(Tensor([1, 0, 0])).report
    #expect(unknown.relativeBias == .infinity)
    #expect(unknown.warnings.first?.hasSuffix("by an unknown bias.") == true)

    // Refined, it is the derivative without a ridge.
    let refined = try solution(conditions(), Ridge(0.01, refinements: 20)).linearize(at: x)
      .pullback(Tensor([1, 0, 0]))
    for (a, b) in zip(refined.value.scalars, plain.value.scalars) { #expect(abs(a - b) <= 1e-11) }
    #expect(try #require(refined.report.relativeBias) <= 1e-11)
  }
}
