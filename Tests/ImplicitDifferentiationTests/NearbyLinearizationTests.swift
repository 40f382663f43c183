import TensorChecks
import Testing

@testable import ImplicitDifferentiation

/// One linearization after another along a path.
@Suite struct NearbyLinearizationTests {
  /// `yᵢ³ + yᵢ + (C y)ᵢ = xᵢ`, solved by Newton's method.
  struct Cubics: Sendable {
    let n: Int
    let C: Tensor
    let preparations = Counter()

    init(n: Int) {
      self.n = n
      var numbers = Choices(seed: 900 + n)
      C = numbers.tensor([n, n]).scaled(by: 1 / Double(n))
    }

    static func residual(_ C: Tensor, _ x: Tensor, _ y: Tensor) -> Tensor {
      let Cy = matmul(C, y)
      return y * y * y + y + Cy - x
    }

    static func newton(_ C: Tensor, _ x: Tensor) throws -> Tensor {
      var y = x
      for _ in 0..<30 {
        let slopes: Tensor = 3 * y * y + 1
        let J: Tensor = C + slopes.diagonal()
        y = y - (try solve(J, residual(C, x, y)))
      }
      return y
    }

    func function(_ solver: any LinearSolver = LUSolver()) -> ImplicitFunction<Tensor, Tensor> {
      let C = C
      return ImplicitFunction(
        forward: { x in try Self.newton(C, x) },
        conditions: .root { x, y in Self.residual(C, x, y) },
        linearSolver: CountingSolver(base: solver, preparations: preparations))
    }

    func x(_ t: Double) -> Tensor {
      let start = Tensor((0..<n).map { 1 + 0.5 * Double($0 % 7) })
      let direction = Tensor((0..<n).map { Double($0 % 3 - 1) })
      return start + direction.scaled(by: t)
    }

    var tangent: Tensor { Tensor((0..<n).map { Double($0 % 5) - 2 }) }
  }

  @Test("A path shares the factors of its first point, and every derivative is right")
  func path() throws {
    let problem = Cubics(n: 60)
    let function = problem.function()
    var linear = try function.linearize(at: problem.x(0))
    for step in 1...4 {
      let x = problem.x(1e-3 * Double(step))
      let fresh = try problem.function().linearize(at: x)
      let before = problem.preparations.value
      linear = try function.linearize(at: x, reusing: linear)
      let derivatives = [
        try linear.pushforward(problem.tangent), try linear.pullback(problem.tangent),
      ]
      #expect(problem.preparations.value == before)
      let expected = [
        try fresh.pushforward(problem.tangent), try fresh.pullback(problem.tangent),
      ]
      for (found, wanted) in zip(derivatives, expected) {
        #expect(largestDifference(found.value.scalars, wanted.value.scalars) <= 1e-11)
        #expect(found.report.linearSolver.contains("dense LU 60×60 of a nearby point"))
        #expect((1...6).contains(found.report.linearIterations))
        #expect((found.report.newtonCorrection ?? 1) <= 1e-12)
      }
      #expect(
        largestDifference(
          try linear.jacobian().value.scalars, try fresh.jacobian().value.scalars) <= 1e-11)
    }
  }

  @Test("Far from the old point the function's own solver starts afresh")
  func far() throws {
    let problem = Cubics(n: 60)
    let function = problem.function()
    let linear = try function.linearize(at: problem.x(0))
    let other = try function.linearize(at: problem.x(20), reusing: linear)
    #expect(problem.preparations.value == 2)
    let fresh = try function.linearize(at: problem.x(20))
    #expect(
      try other.pullback(problem.tangent).value == fresh.pullback(problem.tangent).value)
  }

  @Test("A solution found elsewhere may reuse factors too")
  func givenSolution() throws {
    let problem = Cubics(n: 60)
    let function = problem.function()
    let linear = try function.linearize(at: problem.x(0))
    let x = problem.x(1e-4)
    let y = try function(x)
    let next = try function.linearize(at: x, solution: y, reusing: linear)
    #expect(problem.preparations.value == 1)
    #expect(next.solution == y)
  }

  @Test("What does not solve the conditions is refused with the old factors as with new ones")
  func conditionsNotMet() throws {
    let problem = Cubics(n: 60)
    let function = problem.function()
    let linear = try function.linearize(at: problem.x(0))
    #expect {
      try function.linearize(
        at: problem.x(1e-4), solution: linear.solution, reusing: linear)
    } throws: { error in
      if case DifferentiationError.conditionsNotMet = error { return true }
      return false
    }
  }

  @Test("Within a gauge the factors are those of the shifted system")
  func gauge() throws {
    let n = 24
    // A ring of springs: only differences of y are determined.
    let preparations = Counter()
    var ring = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        // One minimum-norm solve of the Laplacian, by its pinned system.
        let ones = Tensor.ones([n])
        let L = Self.laplacian(n, x) + outer(ones, ones)
        return try solve(L, Self.load(n))
      },
      conditions: .root { x, y in matmul(Self.laplacian(n, x), y) - Self.load(n) },
      linearSolver: CountingSolver(base: LUSolver(), preparations: preparations))
    ring.gauge = Gauge(right: Tensor.ones([n]))
    let stiffness = Tensor((0..<n).map { 1 + 0.1 * Double($0 % 4) })
    let first = try ring.linearize(at: stiffness)
    let prepared = preparations.value
    let x = stiffness.scaled(by: 1.0001)
    let next = try ring.linearize(at: x, reusing: first)
    #expect(preparations.value == prepared)
    let cotangent = Self.load(n)
    let found = try next.pullback(cotangent)
    let wanted = try ring.linearize(at: x).pullback(cotangent)
    #expect(largestDifference(found.value.scalars, wanted.value.scalars) <= 1e-10)
    #expect(
      found.report.linearSolver.contains("nearby") && found.report.linearSolver.contains("gauge"))
  }

  private static func laplacian(_ n: Int, _ x: Tensor) -> Tensor {
    // Dᵀ diag(x) D with the differences D of neighbours on the ring.
    var D = [Double](repeating: 0, count: n * n)
    for i in 0..<n {
      D[i * n + i] = 1
      D[i * n + (i + 1) % n] = -1
    }
    let differences = Tensor(shape: [n, n], D)
    return matmul(differences, x.reshaped([n, 1]) * differences, transposingLeft: true)
  }

  private static func load(_ n: Int) -> Tensor {
    Tensor((0..<n).map { Double($0 % 4) - 1.5 })
  }

  @Test("A derivative that starts from another saves iterations", arguments: [1, 1e-300, 1e300])
  func start(_ size: Double) throws {
    let problem = Cubics(n: 60)
    let function = problem.function(GMRES(restart: 60))
    let tangent = problem.tangent.scaled(by: size)
    let first = try function.linearize(at: problem.x(0))
    let next = try function.linearize(at: problem.x(1e-6))
    let (pushed, pulled) = (try first.pushforward(tangent), try first.pullback(tangent))
    let pairs = [
      (try next.pushforward(tangent), try next.pushforward(tangent, startingFrom: pushed)),
      (try next.pullback(tangent), try next.pullback(tangent, startingFrom: pulled)),
    ]
    for (cold, warm) in pairs {
      #expect(warm.report.linearIterations * 4 < cold.report.linearIterations * 3)
      let scale = cold.value.scalars.reduce(0) { max($0, abs($1)) }
      #expect(largestDifference(warm.value.scalars, cold.value.scalars) <= 1e-11 * scale)
    }
  }

  @Test(
    "A bad start changes nothing but the number of iterations, and a start of another size is named"
  )
  func badStart() throws {
    let problem = Cubics(n: 60)
    let linear = try problem.function(GMRES(restart: 60)).linearize(at: problem.x(0))
    let tangent = problem.tangent
    let cold = try linear.pullback(tangent)
    let unrelated = try linear.pullback(problem.x(3).scaled(by: -1e9))
    let warm = try linear.pullback(tangent, startingFrom: unrelated)
    #expect(largestDifference(warm.value.scalars, cold.value.scalars) <= 1e-10)
    let other = try Cubics(n: 5).function().linearize(at: Cubics(n: 5).x(0))
    let short = try other.pullback(Cubics(n: 5).tangent)
    #expect {
      try linear.pullback(tangent, startingFrom: short)
    } throws: { "\($0)".contains("the initial guess") }
  }
}
