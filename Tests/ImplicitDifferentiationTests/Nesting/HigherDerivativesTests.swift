import Synchronization
import TensorChecks
import Testing

@testable import ImplicitDifferentiation

/// Derivatives of derivatives of implicit functions, against closed forms.
@Suite struct HigherDerivativesTests {
  /// Relative. Fourth derivatives of small systems: thousands of roundings.
  static let tolerance = 1e-11

  static func squareRoot(
    _ solver: any LinearSolver = Automatic(), conditions: Conditions<Tensor, Tensor>? = nil
  ) -> ImplicitFunction<Tensor, Tensor> {
    ImplicitFunction(
      forward: { sqrt($0) }, conditions: conditions ?? .root { x, y in y * y - x },
      linearSolver: solver)
  }

  @Test("Up to the fourth derivative of √x", arguments: Method.allCases)
  func squareRoot(_ method: Method) throws {
    for (_, conditions) in SquareRoot.all {
      let root = Self.squareRoot(method.solver, conditions: conditions)
      // Each derivative of f is the gradient of the sum of the one before: entries do not mix.
      func derivative(_ order: Int, _ x: Tensor) throws -> Tensor {
        if order == 0 { return try root(x) }
        return try gradient(at: x) { try derivative(order - 1, $0).sum() }
      }
      let x: [Double] = [0.3, 1, 2, 5]
      let exact: [(Double) -> Double] = [
        { $0.squareRoot() }, { 0.5 / $0.squareRoot() }, { -0.25 / ($0 * $0.squareRoot()) },
        { 0.375 / ($0 * $0 * $0.squareRoot()) }, { -0.9375 / ($0 * $0 * $0 * $0.squareRoot()) },
      ]
      for order in 1...4 {
        let values = try derivative(order, Tensor(x)).scalars
        for (value, x) in zip(values, x) {
          #expect(abs(value / exact[order](x) - 1) <= Self.tolerance, "order \(order) at \(x)")
        }
      }
    }
  }

  @Test(
    "Third derivatives, forwards and backwards mixed",
    arguments: Nesting.allCases, Method.allCases)
  func thirdDerivative(_ nesting: Nesting, _ method: Method) throws {
    let root = Self.squareRoot(method.solver)
    let x = 1.7
    let third = try gradient(at: Tensor([x])) { x in
      let first = { (x: Tensor) in
        try valueAndPushforward(at: x, along: Tensor([1])) { try root($0) }.tangent
      }
      switch nesting {
      case .reverseOverReverse:
        return try gradient(at: x) { try gradient(at: $0) { try root($0).sum() }.sum() }.sum()
      case .forwardOverReverse:
        return try valueAndPushforward(at: x, along: Tensor([1])) {
          try gradient(at: $0) { try root($0).sum() }
        }.tangent.sum()
      case .reverseOverForward: return try gradient(at: x) { try first($0).sum() }.sum()
      case .forwardOverForward:
        return try valueAndPushforward(at: x, along: Tensor([1])) { try first($0) }.tangent.sum()
      }
    }
    #expect(abs(third.scalar / (0.375 / (x * x * x.squareRoot())) - 1) <= Self.tolerance)
  }

  // MARK: Softmax

  /// Two descriptions of `softmax(θ)`: stationarity and feasibility in `(y, u)`, and the fixed
  /// point of a mirror-descent step of length one half.
  static func weightedSoftmax(
    _ weights: Tensor, _ solver: any LinearSolver, byMirrorDescent: Bool
  ) -> @Sendable (Tensor) throws -> Tensor {
    if byMirrorDescent {
      let softmax = ImplicitFunction<Tensor, Tensor>(
        forward: { $0.softmax() },
        conditions: .fixedPoint { theta, y in (log(y) + 0.5 * (theta - log(y))).softmax() },
        linearSolver: solver)
      return { theta in try (softmax(theta) * weights).sum() }
    }
    let softmax = ImplicitFunction<Tensor, [Tensor]>(
      forward: { theta in [theta.softmax(), theta.logSumExp() - 1] },
      conditions: .root { theta, y in [log(y[0]) + 1 + y[1] - theta, y[0].sum() - 1] },
      linearSolver: solver)
    return { theta in try (softmax(theta)[0] * weights).sum() }
  }

  @Test(
    "Second derivatives of softmax: xᵢ[(δᵢⱼ − xⱼ)(δᵢₖ − xₖ) − xⱼ(δⱼₖ − xₖ)]",
    arguments: Nesting.allCases, Method.allCases)
  func softmax(_ nesting: Nesting, _ method: Method) throws {
    let theta: [Double] = [0.3, -1.2, 2, 0.7]
    let weights: [Double] = [1, -0.4, 0.3, 2]
    let exponentials = theta.map { Tensor($0).scalar }.map { exp(Tensor($0)).scalar }
    let x = exponentials.map { $0 / exponentials.reduce(0, +) }
    func delta(_ i: Int, _ j: Int) -> Double { i == j ? 1 : 0 }
    let exact = (0..<4).map { j in
      (0..<4).map { k in
        (0..<4).reduce(0.0) { sum, i in
          let first = (delta(i, j) - x[j]) * (delta(i, k) - x[k])
          return sum + weights[i] * x[i] * (first - x[j] * (delta(j, k) - x[k]))
        }
      }
    }
    for byMirrorDescent in [false, true] {
      let f = Self.weightedSoftmax(
        Tensor(weights), method.solver, byMirrorDescent: byMirrorDescent)
      let hessian = try nesting.hessian(of: f, at: Tensor(theta))
      #expect(relativeDifference(hessian, exact) <= Self.tolerance)
    }
  }

  // MARK: Quadratics

  @Test(
    "The Hessian of ½‖A⁻¹Bx − t‖² is BᵀA⁻ᵀA⁻¹B: nothing of it from second derivatives of y",
    arguments: Nesting.allCases, Method.allCases)
  func quadratic(_ nesting: Nesting, _ method: Method) throws {
    var choices = Choices(seed: 21)
    let (n, m) = (5, 3)
    let A = choices.tensor([n, n]) + 4 * Tensor.identity(n)
    let (B, target) = (choices.tensor([n, m]), choices.tensor([n]))
    let y = ImplicitFunction<Tensor, Tensor>(
      forward: { x in try solve(A, matmul(B, x)) },
      conditions: .root { x, y in matmul(A, y) - matmul(B, x) }, linearSolver: method.solver)
    let hessian = try nesting.hessian(
      of: { try 0.5 * (y($0) - target).squaredNorm() }, at: choices.tensor([m]))
    let J = try solve(A, B)
    let exact = matmul(J, J, transposingLeft: true)
    let rows = (0..<m).map { i in (0..<m).map { j in exact[i, j] } }
    #expect(relativeDifference(hessian, rows) <= Self.tolerance)
  }

  @Test(
    "Ridge: the Hessian of the validation loss in the log-penalties",
    arguments: Nesting.allCases, Method.allCases)
  func ridge(_ nesting: Nesting, _ method: Method) throws {
    var choices = Choices(seed: 22)
    let (rows, n) = (12, 4)
    let (X, b) = (choices.tensor([rows, n]), choices.tensor([rows]))
    let (V, t) = (choices.tensor([6, n]), choices.tensor([6]))
    let fit = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        try solve(
          matmul(X, X, transposingLeft: true) + exp(x).diagonal(),
          matmul(X, b, transposingLeft: true))
      },
      conditions: .stationary { x, w in
        0.5 * (matmul(X, w) - b).squaredNorm() + 0.5 * (exp(x) * w * w).sum()
      }, linearSolver: method.solver)
    let x = Tensor([-1, 0.5, 0, -2])
    let hessian = try nesting.hessian(
      of: { try 0.5 * (matmul(V, fit($0)) - t).squaredNorm() }, at: x)

    // With M = XᵀX + diag(p), G = M⁻¹, w = G Xᵀb, z = G ∇ℓ(w) and ∂M/∂xᵢ = pᵢ eᵢeᵢᵀ:
    //   gᵢ = −pᵢ zᵢ wᵢ,   ∂w/∂xⱼ = −G eⱼ pⱼ wⱼ,   ∂z/∂xⱼ = −G eⱼ pⱼ zⱼ + G VᵀV ∂w/∂xⱼ,
    //   Hᵢⱼ = δᵢⱼ gᵢ − pᵢ (∂zᵢ/∂xⱼ wᵢ + zᵢ ∂wᵢ/∂xⱼ).
    let p = exp(x)
    let G = try solve(
      matmul(X, X, transposingLeft: true) + p.diagonal(), Tensor.identity(n))
    let w = matmul(G, matmul(X, b, transposingLeft: true))
    let z = matmul(G, matmul(V, matmul(V, w) - t, transposingLeft: true))
    let exact = (0..<n).map { j in
      let unit = Tensor((0..<n).map { $0 == j ? 1 : 0 })
      let dw = matmul(G, unit) * Tensor(-p[j] * w[j])
      let dz =
        matmul(G, unit) * Tensor(-p[j] * z[j])
        + matmul(G, matmul(V, matmul(V, dw), transposingLeft: true))
      return (0..<n).map { i in
        (i == j ? -p[i] * z[i] * w[i] : 0) - p[i] * (dz[i] * w[i] + z[i] * dw[i])
      }
    }
    #expect(relativeDifference(hessian, exact) <= Self.tolerance)
  }

  // MARK: Implicit functions of implicit functions

  @Test(
    "An implicit function inside the conditions of another: z = √(z + x)",
    arguments: Nesting.allCases, Method.allCases)
  func insideConditions(_ nesting: Nesting, _ method: Method) throws {
    let root = Self.squareRoot(method.solver)
    let z = ImplicitFunction<Tensor, Tensor>(
      forward: { x in 0.5 * (1 + sqrt(1 + 4 * x)) },
      conditions: .root { x, z in z - (try root(z + x)) }, linearSolver: method.solver)
    for x in [0.2, 2, 11] {
      let s = 1 + 4 * x
      let first = try gradient(at: Tensor([x])) { try z($0).sum() }.scalar
      #expect(abs(first * s.squareRoot() - 1) <= Self.tolerance)
      let second = try nesting.hessian(of: { try z($0).sum() }, at: Tensor([x]))[0][0]
      #expect(abs(second / (-2 / (s * s.squareRoot())) - 1) <= Self.tolerance)
      let third = try gradient(at: Tensor([x])) { x in
        try gradient(at: x) { try gradient(at: $0) { try z($0).sum() }.sum() }.sum()
      }.scalar
      #expect(abs(third / (12 / (s * s * s.squareRoot())) - 1) <= Self.tolerance)
    }
  }

  @Test("One layer after the other: the chain rule at second order", arguments: Nesting.allCases)
  func layers(_ nesting: Nesting) throws {
    // √√x, whose second derivative is −3/16 x^(−7/4).
    let root = Self.squareRoot()
    for x in [0.5, 3] {
      let second = try nesting.hessian(of: { try root(root($0)).sum() }, at: Tensor([x]))[0][0]
      let quarter = x.squareRoot().squareRoot()
      #expect(abs(second / (-0.1875 * quarter / (x * x)) - 1) <= Self.tolerance)
    }
  }

  // MARK: How it is done

  @Test("All orders share one factorisation and one run of the solver")
  func oneFactorisation() throws {
    let counter = Counter()
    let runs = Counter()
    let root = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        runs.increment()
        return sqrt(x)
      }, conditions: .root { x, y in y * y - x },
      linearSolver: CountingSolver(base: LUSolver(), preparations: counter))
    _ = try gradient(at: Tensor([2, 3])) { x in
      try gradient(at: x) { try gradient(at: $0) { try root($0).sum() }.sum() }.sum()
    }
    #expect(counter.value == 1)
    #expect(runs.value == 1)
  }

  @Test("Products written by hand, in tensor operations, are differentiated again")
  func productsByHand() throws {
    let root = ImplicitFunction<Tensor, Tensor>(
      forward: { sqrt($0) },
      conditions: .products(
        residual: { x, y in y * y - x }, solutionProduct: { _, y, v in 2 * y * v },
        transposedSolutionProduct: { _, y, u in 2 * y * u }, inputProduct: { _, _, v in -v },
        transposedInputProduct: { _, _, u in -u }))
    for nesting in Nesting.allCases {
      let x = 1.3
      let second = try nesting.hessian(of: { try root($0).sum() }, at: Tensor([x]))[0][0]
      #expect(abs(second / (-0.25 / (x * x.squareRoot())) - 1) <= Self.tolerance)
    }
  }

  @Test("The second derivative of what does not depend on the gauge")
  func gauge() throws {
    // Unknowns (p, q) with only p + q determined: p + q = x², in two equations that say the same.
    let sum = ImplicitFunction<Tensor, [Tensor]>(
      forward: { x in [0.25 * x * x, 0.75 * x * x] },
      conditions: .root { x, y in [y[0] + y[1] - x * x, 2 * (y[0] + y[1] - x * x)] },
      gauge: Gauge(right: [Tensor([1]), Tensor([-1])]))
    let x = 1.9
    for nesting in Nesting.allCases {
      // (p + q)² = x⁴
      let second = try nesting.hessian(
        of: { x in
          let y = try sum(x)
          return (y[0] + y[1]).squaredNorm()
        }, at: Tensor([x]))[0][0]
      #expect(abs(second / (12 * x * x) - 1) <= Self.tolerance)
      // A loss that changes along the gauge is refused at second order as at first: wherever a
      // cotangent meets the gauge. (Tangents do not know the loss.)
      if nesting == .forwardOverForward { continue }
      #expect(throws: DifferentiationError.self) {
        _ = try nesting.hessian(of: { try sum($0)[0].squaredNorm() }, at: Tensor([x]))
      }
    }
  }

  @Test("A linear solver that knows the null vectors itself: no gauge is declared")
  func gaugedSolver() throws {
    let sum = ImplicitFunction<Tensor, [Tensor]>(
      forward: { x in [0.25 * x * x, 0.75 * x * x] },
      conditions: .root { x, y in [y[0] + y[1] - x * x, 2 * (y[0] + y[1] - x * x)] },
      linearSolver: GaugedSolver(base: LUSolver(), right: [[1, -1]]))
    let x = 1.9
    for nesting in Nesting.allCases {
      let second = try nesting.hessian(
        of: { x in
          let y = try sum(x)
          return (y[0] + y[1]).squaredNorm()
        }, at: Tensor([x]))[0][0]
      #expect(abs(second / (12 * x * x) - 1) <= Self.tolerance)
    }
  }

  @Test("Against differences of first derivatives, over a sweep of steps")
  func sweep() throws {
    var choices = Choices(seed: 23)
    let (n, m) = (6, 4)
    let (W, C) = (choices.tensor([n, n]), choices.tensor([n, m]))
    let weights = choices.tensor([n])
    let y = ImplicitFunction<[Tensor], Tensor>(
      forward: { x in
        var y = Tensor.zeros([n])
        for _ in 0..<200 { y = tanh(0.2 * x[1] * matmul(W, y) + matmul(C, x[0])) }
        return y
      },
      conditions: .fixedPoint { x, y in tanh(0.2 * x[1] * matmul(W, y) + matmul(C, x[0])) })
    func loss(_ x: [Tensor]) throws -> Tensor {
      let y = try y(x)
      return (weights * exp(y) * x[1]).sum() + (y * y * y).sum()
    }
    let point = [choices.tensor([m]), choices.tensor([n])]
    let direction = [choices.tensor([m]), choices.tensor([n])]
    let product = try gradient(at: point) { x in
      let g = try gradient(at: x, of: loss)
      return (g[0] * direction[0]).sum() + (g[1] * direction[1]).sum()
    }.flatMap(\.scalars)
    let forward = try valueAndPushforward(at: point, along: direction) {
      try gradient(at: $0, of: loss)
    }.tangent.flatMap(\.scalars)
    let scale = product.map(abs).max()!
    #expect(largestDifference(product, forward) <= 1e-12 * scale)
    let errors = try [1e-2, 1e-3, 1e-4, 1e-5, 1e-6].map { step in
      func moved(_ sign: Double) throws -> [Double] {
        try gradient(
          at: zip(point, direction).map { $0 + Tensor(sign * step) * $1 }, of: loss
        ).flatMap(\.scalars)
      }
      let difference = zip(try moved(1), try moved(-1)).map { ($0 - $1) / (2 * step) }
      return largestDifference(product, difference) / scale
    }
    // Quadratic in the step while truncation rules, and small where rounding takes over.
    #expect(errors[0] / errors[1] > 50 && errors[0] / errors[1] < 200)
    #expect(errors.min()! < 1e-9)
  }
}

/// Counts across threads.
final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .relaxed) }
  func increment() { count.add(1, ordering: .relaxed) }
}

/// Counts how often an operator is factorised.
struct CountingSolver: LinearSolver {
  let base: any LinearSolver
  let preparations: Counter

  func prepare(_ A: any LinearOperator) throws(LinearSolveError) -> any PreparedLinearSolver {
    preparations.increment()
    return try base.prepare(A)
  }
}
