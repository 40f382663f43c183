import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// The numbers of the page NonlinearSystems on Bratu's fold, against references computed elsewhere.
@Suite struct NonlinearSystemsFoldTests {
  private struct Fold: TensorStructure {
    var u: Tensor
    var v: Tensor
    var lambda: Tensor
    static var fields: [TensorField<Fold>] {
      [.init("u", \.u), .init("v", \.v), .init("lambda", \.lambda)]
    }
  }

  /// `2uᵢ − uᵢ₋₁ − uᵢ₊₁ − h²λ qᵢ exp(uᵢ)`.
  private static func bratu(_ lambda: Tensor, _ u: Tensor) -> Tensor {
    let h = Tensor(1 / Double(u.count + 1))
    return 2 * u - u.shifted(by: 1) - u.shifted(by: -1) - h * h * lambda * exp(u)
  }

  private static func bordered(_ q: Tensor, _ fold: Fold) -> Fold {
    let (F, Av) = valueAndPushforward(at: fold.u, along: fold.v) { bratu(fold.lambda * q, $0) }
    return Fold(u: F, v: Av, lambda: fold.v.dot(fold.v) - 1)
  }

  private static let fold = ImplicitFunction<Tensor, Fold>(
    forward: { q in
      let n = q.count
      let x = Tensor((1...n).map { Double($0) / Double(n + 1) })
      let bump = 4 * x * (1 - x)
      return try NewtonRootFinder(stopping: .after(10)).root(
        of: { fold in bordered(q, fold) },
        from: Fold(u: 1.2 * bump, v: bump / bump.norm(), lambda: 3.5)
      ).point
    },
    conditions: .root { q, fold in bordered(q, fold) })

  private static let solution = ImplicitFunction<Tensor, Tensor>(
    forward: { lambda in
      try NewtonRootFinder(stopping: .after(40)).root(
        of: { u in bratu(lambda, u) }, from: Tensor.zeros([100])
      ).point
    },
    conditions: .root { lambda, u in bratu(lambda, u) })

  /// The references have twelve decimals; the rest is rounding.
  @Test(arguments: [
    (10, 3.498683936587), (50, 3.513127792616), (100, 3.513651506259), (200, 3.513785470018),
  ])
  func theFoldIsWhereTheReferencesSay(n: Int, expected: Double) throws {
    let lambda = try Self.fold(Tensor.ones([n])).lambda.scalar
    #expect((lambda - expected).magnitude < 1e-12)
  }

  /// `λ*(c q) = λ*(q) / c`, and `∂λ*/∂qᵢ = −λ* vᵢ e^{uᵢ} / Σ qⱼ vⱼ e^{uⱼ}`, at an uneven `q`.
  @Test func theDerivativeOfTheFold() throws {
    let n = 30
    let q = 1 + 0.3 * Tensor((0..<n).map { Double($0 % 7) / 7 })
    let state = try Self.fold.linearize(at: q)
    let zero = Tensor.zeros([n])
    let gradient = try state.pullback(Fold(u: zero, v: zero, lambda: 1)).value
    let (u, v, lambda) = (state.solution.u, state.solution.v, state.solution.lambda)
    let formula = -lambda * v * exp(u) / (q * v * exp(u)).sum()
    // κ of the bordered system is a few thousand; 1e-10 leaves six digits of room.
    #expect(((gradient - formula).norm() / formula.norm()).scalar < 1e-10)
    #expect(((gradient.dot(q) + lambda) / lambda).scalar.magnitude < 1e-10)
    let tangent = try state.pushforward(q).value
    #expect(((tangent.lambda + lambda) / lambda).scalar.magnitude < 1e-10)
  }

  @Test func theLinearizationAtTheFoldIsRefused() throws {
    let fold = try Self.fold(Tensor.ones([100]))
    let error = #expect(throws: DifferentiationError.self) {
      try Self.solution.linearize(at: fold.lambda, solution: fold.u)
    }
    guard case .linearSolve(.singular(_, let condition), _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(condition > 1e13)
  }

  /// A solver that goes on until rounding stops it is trusted up to the fold, and the derivative
  /// grows like the inverse square root of the distance.
  @Test func solutionsBeforeTheFoldAreTrusted() throws {
    let critical = try Self.fold(Tensor.ones([100])).lambda
    var slopes: [Double] = []
    for gap in [1e-4, 1e-6, 1e-8, 1e-10, 1e-12] {
      let state = try Self.solution.linearize(at: critical - Tensor(gap))
      let correction = try #require(state.report.newtonCorrection)
      // The reference: at most 1.1e-8 at true solutions.
      #expect(correction <= 1.1e-8)
      slopes.append(try state.pushforward(1).value[50])
    }
    for (slope, next) in zip(slopes, slopes.dropFirst()) {
      // A hundredth of the gap, ten times the slope; the next term of the expansion is 1e-2.
      #expect((next / slope - 10).magnitude < 0.1)
    }
  }

  /// A little past the fold there is no solution. Newton's iterates reach a residual of 4.5e-4 of
  /// the gap, and every one of them is refused.
  @Test(arguments: [(1e-6, 4.6e-10, 7.5e-4), (1e-8, 4.6e-12, 7.35e-5)])
  func whatIsPastTheFoldIsRefused(
    gap: Double, residual: Double, smallestCorrection: Double
  ) throws {
    let fold = try Self.fold(Tensor.ones([100]))
    let lambda = fold.lambda + Tensor(gap)
    var smallest = Double.infinity
    var corrections: [Double] = []
    _ = try NewtonRootFinder(stopping: .after(40)).root(
      of: { u in Self.bratu(lambda, u) }, from: Tensor.zeros([100]),
      observing: { iterate in
        smallest = min(smallest, Self.bratu(lambda, iterate.point).norm(.infinity).scalar)
        let error = #expect(throws: DifferentiationError.self) {
          try Self.solution.linearize(at: lambda, solution: iterate.point)
        }
        if case .noSolutionNearby(_, let correction, _) = error { corrections.append(correction) }
      })
    #expect(smallest < residual)
    #expect(corrections.count == 41)
    let least = try #require(corrections.min())
    #expect(least >= smallestCorrection)
    // Along v the equation is z² + δ = 0 with δ = 2 gap vᵀeᵘ / (λ Σ vᵢ³ eᵘᵢ), and no Newton step is
    // shorter than √δ; what is left out is of relative size √δ, below one per cent.
    let (v, weight) = (fold.v, fold.v * exp(fold.u))
    let delta = 2 * Tensor(gap) * weight.sum() / (fold.lambda * (v * v).dot(weight))
    #expect(least >= 0.99 * (sqrt(delta) / fold.u.norm()).scalar)
  }
}
