import ForwardSolvers
import ImplicitDifferentiation
import Testing

struct InteriorPointTests {
  /// A last linear solve is accurate to rounding, `ε κ` with `κ` up to a few hundred here.
  private let rounding = 1e-12

  @Test(arguments: Program.known + Program.randoms)
  func solutionIsKnown(_ program: Program) throws {
    let solved = try program.solved()
    #expect(
      distance(solved.point, program.solution) <= rounding * program.solution.norm().scalar)
    #expect(solved.isPolished)
  }

  /// Each condition on its own, from the data, relative to the terms that cancel in it.
  @Test(arguments: Program.known + Program.randoms)
  func conditionsHold(_ program: Program) throws {
    let solved = try program.solved()
    let (y, nu, lambda) = (
      solved.point, solved.equalityMultipliers, solved.inequalityMultipliers
    )
    func size(_ matrix: Tensor, _ v: Tensor) -> Double {
      matmul(abs(matrix), abs(v)).norm(.infinity).scalar
    }
    var terms = program.c.norm(.infinity).scalar
    var gradient = program.c
    if let Q = program.Q {
      gradient += matmul(0.5 * (Q + Q.transposed()), y)
      terms += size(Q, y)
    }
    if let A = program.A, let b = program.b {
      gradient += matmul(A, nu, transposingLeft: true)
      terms += size(A.transposed(), nu)
      let residual = (matmul(A, y) - b).norm(.infinity).scalar
      #expect(residual <= 1e-14 * (size(A, y) + b.norm(.infinity).scalar))
      #expect(solved.equalityResidual == residual)
    } else {
      #expect(nu.count == 0)
    }
    if let G = program.G, let h = program.h {
      gradient += matmul(G, lambda, transposingLeft: true)
      terms += size(G.transposed(), lambda)
      let slack = h - matmul(G, y)
      let noise = 1e-14 * (size(G, y) + h.norm(.infinity).scalar)
      for i in 0..<h.count {
        #expect(lambda[i] >= 0 && solved.slacks[i] >= 0)
        #expect(lambda[i] == 0 || solved.slacks[i] == 0)
        #expect((solved.slacks[i] - slack[i]).magnitude <= noise)
      }
      #expect(solved.gap == 0)
      #expect(solved.inequalityViolation <= noise)
    } else {
      #expect(lambda.count == 0 && solved.slacks.count == 0)
    }
    #expect(gradient.norm(.infinity).scalar <= 1e-13 * terms)
    #expect(solved.stationarityResidual <= 1e-13 * terms)
    #expect(solved.iterations <= 20)
  }

  /// Without the last solve the error is that of the interior: up to the square root of the
  /// tolerance where a constraint is weakly active.
  @Test(arguments: Program.known + Program.randoms)
  func interiorIsClose(_ program: Program) throws {
    let solved = try program.solved(InteriorPoint(tolerance: 1e-10, polishes: false))
    #expect(
      distance(solved.point, program.solution) <= 1e-4 * program.solution.norm().scalar)
    #expect(solved.isPolished == (program.G == nil))
    #expect(solved.inequalityMultipliers.count == 0 || solved.inequalityMultipliers.min() > 0)
  }

  @Test func multipliersAndValue() throws {
    let solved = try Program.hinge(0.5).solved()
    // y = (1/6, 1/3): y₀ + ν + λ = 0 and y₁ + ν − 2λ = 0.
    #expect(distance(solved.equalityMultipliers, [-2.0 / 9]) <= rounding)
    #expect(distance(solved.inequalityMultipliers, [1.0 / 18]) <= rounding)
    #expect((solved.value.scalar - 5.0 / 72).magnitude <= rounding)
    let weak = try Program.hinge(1).solved()
    // Neither a multiplier nor a slack.
    #expect(weak.inequalityMultipliers.norm().scalar <= rounding)
    #expect(weak.slacks.norm().scalar <= rounding)
  }

  /// A linear program with a whole face of solutions: one of them.
  @Test func faceOfSolutions() throws {
    let solved = try Program(
      name: "", c: [-1, -1], G: [[1, 1], [-1, 0], [0, -1]], h: [1, 0, 0]
    ).solved()
    #expect((solved.point.sum().scalar - 1).magnitude <= rounding)
    #expect(solved.point.min() >= 0)
    #expect((solved.value.scalar + 1).magnitude <= rounding)
  }

  /// A direction that is only nearly right costs iterations: 187 were needed when this was written,
  /// 195 with a fault in one coefficient.
  @Test func iterationsInAll() throws {
    let counts = try Program.randoms.map { try $0.solved().iterations }
    #expect(counts.reduce(0, +) <= 190)
  }

  /// Larger than what other tests solve, with more constraints than unknowns.
  @Test func manyConstraints() throws {
    let program = Program.random(seed: 7, n: 60, p: 5, m: 200)
    let solved = try program.solved()
    #expect(distance(solved.point, program.solution) <= 10 * rounding)
    #expect(solved.iterations <= 20)
  }

  /// Newton's step solves the linear equations: what a fraction of it leaves of their residuals is
  /// the rest, but for `ρ = 1e-9` times the step.
  @Test(arguments: Program.randoms)
  func residualsShrinkWithTheStep(_ program: Program) throws {
    var seen: [InteriorPointIterate] = []
    _ = try InteriorPoint().solve(
      Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h,
      observing: { seen.append($0) })
    for (before, after) in zip(seen, seen.dropFirst()) {
      let expected = (1 - after.stepLength) * before.residual
      #expect((after.residual - expected).magnitude <= 1e-6 * before.residual + 1e-8)
    }
  }

  /// Polishing from a crude point finds the active set by itself: what it returns is the solution.
  @Test func polishingRepairsTheActiveSet() throws {
    var polished = 0
    for program in Program.randoms where program.G != nil {
      let crude = InteriorPoint(tolerance: 0.3)
      let solved = try program.solved(crude)
      if solved.isPolished {
        polished += 1
        #expect(
          distance(solved.point, program.solution) <= rounding * program.solution.norm().scalar)
      }
    }
    #expect(polished >= 15)
  }

  /// The complementarity falls to nothing, fast in the end.
  @Test func observerSeesTheCentralPath() throws {
    var seen: [InteriorPointIterate] = []
    let box = Program.box
    let solved = try InteriorPoint().solve(
      Q: box.Q, c: box.c, G: box.G, h: box.h, observing: { seen.append($0) })
    #expect(seen.map(\.iteration) == Array(0...solved.iterations))
    #expect(seen[0].stepLength == 0)
    for (before, after) in zip(seen, seen.dropFirst()) {
      #expect(after.complementarity < before.complementarity)
      #expect(after.stepLength > 0 && after.stepLength <= 1)
    }
    let last = seen[seen.count - 1]
    #expect(last.complementarity <= 1e-10)
    #expect(last.residual <= 1e-10)
    #expect(distance(last.point, box.solution) <= 1e-8)
    let fixed = try #require(InteriorPoint.unpolished(iterations: 3))
    let early = try fixed.solve(Q: box.Q, c: box.c, G: box.G, h: box.h)
    #expect(early.iterations == 3)
    #expect(early.point == seen[3].point)
  }
}

extension InteriorPoint {
  /// So many iterations and nothing else.
  static func unpolished(iterations: Int) -> InteriorPoint? {
    var method = InteriorPoint(polishes: false)
    method.fixedIterations = iterations
    return method
  }
}
