import TensorChecks
import Testing

@testable import ImplicitDifferentiation

/// Several tangents, several cotangents and whole Jacobians from one linearization.
@Suite struct BlockDerivativeTests {
  /// `y ∈ ℝⁿ` with `yᵢ² + ∑ⱼ cᵢⱼ xⱼ y₍ᵢ₊₁₎ = rᵢ`, at a `y` of about one: `A` and `B` are known in
  /// closed form, and neither is symmetric.
  struct Coupled: Sendable {
    let n: Int
    let m: Int
    let preparations = Counter()
    let products = Counter()
    let inputProducts = Counter()

    let C: Tensor
    let x: Tensor
    let y: Tensor
    let r: Tensor

    init(n: Int, m: Int) {
      self.n = n
      self.m = m
      var numbers = Choices(seed: 100 * n + m)
      C = numbers.tensor([n, m]).scaled(by: 1 / Double(m))
      x = numbers.tensor([m])
      y = 1.5 + 0.1 * numbers.tensor([n])
      r = Self.left(C, x, y)
    }

    static func left(_ C: Tensor, _ x: Tensor, _ y: Tensor) -> Tensor {
      y * y + matmul(C, x) * y.shifted(by: 1)
    }

    /// The Jacobian of the solution, from dense `A` and `B`.
    func exact() throws -> Tensor {
      let (Cx, shifted) = (matmul(C, x).scalars, y.shifted(by: 1).scalars)
      var A = [Double](repeating: 0, count: n * n)
      for i in 0..<n {
        var unit = [Double](repeating: 0, count: n)
        unit[i] = 1
        let column = (2 * y * Tensor(unit) + Tensor(Cx) * Tensor(unit).shifted(by: 1)).scalars
        for k in 0..<n { A[k * n + i] = column[k] }
      }
      let B = C.scalars.enumerated().map { shifted[$0.offset / m] * $0.element }
      return -(try solve(Tensor(shape: [n, n], A), Tensor(shape: [n, m], B)))
    }

    /// Traced, or by products that are counted.
    func function(counted: Bool, solver: any LinearSolver = LUSolver())
      -> ImplicitFunction<Tensor, Tensor>
    {
      let (C, r, y) = (C, r, y)
      let (products, inputProducts) = (products, inputProducts)
      let counting = CountingSolver(base: solver, preparations: preparations)
      let conditions: Conditions<Tensor, Tensor> =
        !counted
        ? .root { x, y in Self.left(C, x, y) - r }
        : .products(
          residual: { x, y in Self.left(C, x, y) - r },
          solutionProduct: { x, y, dy in
            products.increment()
            return 2 * y * dy + matmul(C, x) * dy.shifted(by: 1)
          },
          transposedSolutionProduct: { x, y, u in
            products.increment()
            return 2 * y * u + (matmul(C, x) * u).shifted(by: -1)
          },
          inputProduct: { _, y, dx in
            inputProducts.increment()
            return matmul(C, dx) * y.shifted(by: 1)
          },
          transposedInputProduct: { _, y, u in
            inputProducts.increment()
            return matmul(C, y.shifted(by: 1) * u, transposingLeft: true)
          })
      return ImplicitFunction(
        forward: { _ in y }, conditions: conditions, linearSolver: counting)
    }
  }

  static let shapes = [(n: 3, m: 5), (5, 3), (1, 4), (70, 66), (66, 70)]

  @Test("A Jacobian is one factorisation, and a block of solves with it", arguments: shapes)
  func jacobian(n: Int, m: Int) throws {
    let problem = Coupled(n: n, m: m)
    let exact = try problem.exact()
    for counted in [false, true] {
      var function = problem.function(counted: counted)
      // Products that measure errors would be counted too.
      if counted { function.certification = .off }
      let linear = try function.linearize(at: problem.x)
      let before = problem.preparations.value
      let derivative = try linear.jacobian()
      #expect(before == (counted ? 2 : 1) && problem.preparations.value == before)
      #expect(largestDifference(derivative.value.scalars, exact.scalars) <= 1e-13)
      #expect(derivative.report.linearSolves == min(n, m))
      // The residual of each solution, and that of its refinement.
      #expect(derivative.report.operatorProducts <= 2 * min(n, m))
      if counted {
        // The matrix of A, column by column, and the products of the solves; one more with each of A,
        // Aᵀ, B and Bᵀ, to see that they belong together.
        #expect(problem.products.value == n + derivative.report.operatorProducts + 2)
        // Pullbacks compare with one more product of B.
        #expect(problem.inputProducts.value == min(n, m) + (n < m ? 1 : 0) + 2)
      }
    }
  }

  @Test("Several tangents and cotangents are the single ones", arguments: [false, true])
  func severalAreSingleOnes(_ iterative: Bool) throws {
    let problem = Coupled(n: 40, m: 30)
    let solver: any LinearSolver = iterative ? GMRES() : LUSolver()
    let linear = try problem.function(counted: false, solver: solver).linearize(at: problem.x)
    var numbers = Choices(seed: 8)
    let tangents =
      [1e-300, 1, 1e200].map { numbers.tensor([30]).scaled(by: $0) } + [Tensor.zeros([30])]
    let cotangents = [1e-300, 1, 1e200].map { numbers.tensor([40]).scaled(by: $0) }
    let pushed = try linear.pushforwards(tangents)
    let pulled = try linear.pullbacks(cotangents)
    #expect(pushed.count == 4 && pulled.count == 3)
    func expectSame(_ one: Derivative<Tensor>, _ other: Derivative<Tensor>) {
      let scale = other.value.scalars.reduce(0) { max($0, abs($1)) }
      #expect(largestDifference(one.value.scalars, other.value.scalars) <= 1e-13 * scale)
      #expect(one.report.linearSolver == other.report.linearSolver)
      #expect(one.report.linearSolves == 1)
      #expect(one.report.linearIterations == other.report.linearIterations)
    }
    for (t, derivative) in zip(tangents, pushed) {
      expectSame(derivative, try linear.pushforward(t))
    }
    for (u, derivative) in zip(cotangents, pulled) {
      expectSame(derivative, try linear.pullback(u))
    }
    #expect(try linear.pushforwards([]).isEmpty && linear.pullbacks([]).isEmpty)
  }

  @Test("Conjugate gradients on a traced Hessian, in lockstep: the bits of single pullbacks")
  func lockstep() throws {
    let (rows, n) = (60, 150)
    var numbers = Choices(seed: 77)
    let X = numbers.tensor([rows, n])
    let ridge = ImplicitFunction<Tensor, Tensor>(
      forward: { t in
        let gram = matmul(X, X, transposingLeft: true) + Tensor.identity(n)
        return try solve(gram, matmul(X, t, transposingLeft: true))
      },
      conditions: .root { t, y in matmul(X, matmul(X, y) - t, transposingLeft: true) + y },
      linearSolver: ConjugateGradient())
    let linear = try ridge.linearize(at: numbers.tensor([rows]))
    let cotangents = (0..<5).map { _ in numbers.tensor([n]) }
    let together = try linear.pullbacks(cotangents)
    for (u, derivative) in zip(cotangents, together) {
      let alone = try linear.pullback(u)
      #expect(derivative.value == alone.value && derivative.report == alone.report)
      #expect(alone.report.linearIterations > 20)
    }
  }

  @Test("The first tangent that does not fit is named")
  func unfit() throws {
    let problem = Coupled(n: 3, m: 2)
    let linear = try problem.function(counted: false).linearize(at: problem.x)
    #expect(throws: DifferentiationError.self) {
      try linear.pushforwards([Tensor([1, 2]), Tensor([1, 2, 3])])
    }
    #expect(throws: DifferentiationError.notFinite(what: "the tangent", index: 1, value: .infinity))
    {
      try linear.pushforwards([Tensor([1, 2]), Tensor([1, .infinity])])
    }
  }
}
