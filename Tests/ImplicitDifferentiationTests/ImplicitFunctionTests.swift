import Synchronization
import TensorChecks
import Testing

@testable import ImplicitDifferentiation
@testable import TracedTensors

/// The three ways to say `y = √x`, all with the Jacobian `diag(½ x^(−½))`.
enum SquareRoot {
  static let all: [(name: String, conditions: Conditions<Tensor, Tensor>)] = [
    ("stationary", .stationary { x, y in (pow(y, 3) / 3 - x * y).sum() }),
    ("root", .root { x, y in y * y - x }),
    ("fixed point", .fixedPoint { x, y in 0.5 * (y + x / y) }),
  ]
}

@Suite struct ImplicitFunctionTests {
  static let tolerance = 1e-12

  @Test("The three square roots", arguments: SquareRoot.all.indices)
  func squareRoots(_ index: Int) throws {
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { sqrt($0) }, conditions: SquareRoot.all[index].conditions)
    let x = Tensor([0.01, 1, 2, 1e6])
    let slope = (0.5 / sqrt(x)).scalars
    #expect(try function(x) == sqrt(x))
    let linear = try function.linearize(at: x)
    let J = try linear.jacobian().value
    for i in 0..<4 {
      for j in 0..<4 {
        #expect(abs(J[i, j] - (i == j ? slope[i] : 0)) <= Self.tolerance * slope[i])
      }
    }
    let pulled = try linear.pullback([1, 1, 1, 1]).value.scalars
    for (p, s) in zip(pulled, slope) { #expect(abs(p - s) <= Self.tolerance * s) }
    #expect(linear.A.structure == .diagonal && linear.B.structure == .diagonal)
  }

  @Test("Ridge regression with one penalty per feature: dw/dθ = −H⁻¹ diag(w)")
  func ridge() throws {
    var choices = Choices(seed: 5)
    let (rows, columns) = (12, 4)
    let X = choices.tensor([rows, columns])
    let b = choices.tensor([rows])
    let fit = ImplicitFunction<Tensor, Tensor>(
      forward: { penalties in
        try solve(
          matmul(X, X, transposingLeft: true) + penalties.diagonal(),
          matmul(X, b, transposingLeft: true))
      },
      conditions: .stationary { penalties, w in
        0.5 * (matmul(X, w) - b).squaredNorm() + 0.5 * (penalties * w * w).sum()
      })
    let penalties = Tensor([0.01, 0.1, 1, 0.5])
    let H = matmul(X, X, transposingLeft: true) + penalties.diagonal()
    let J = try fit.jacobian(at: penalties)
    let exact = try solve(H, -(try fit(penalties)).diagonal())
    #expect(largestDifference(J.value.scalars, exact.scalars) <= 1e-10)
    #expect(J.report.linearSolves == 4)
  }

  @Test("The solver runs once for a Jacobian, and not at all for a solution found elsewhere")
  func forwardIsCounted() throws {
    let runs = Mutex(0)
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        runs.withLock { $0 += 1 }
        return try Cubic.forward(x)
      }, conditions: .root(Cubic.residual))
    let y = try function(Cubic.x)
    #expect(runs.withLock { $0 } == 1)
    _ = try function.jacobian(at: Cubic.x)
    #expect(runs.withLock { $0 } == 2)
    let (_, pullback) = try function.valueWithPullback(at: Cubic.x)
    _ = try pullback([1, 0])
    _ = try pullback([0, 1])
    #expect(runs.withLock { $0 } == 3)
    let (_, pushforward) = try function.valueWithPushforward(at: Cubic.x)
    _ = try pushforward([1, 0, 0])
    #expect(runs.withLock { $0 } == 4)
    let linear = try function.linearize(at: Cubic.x, solution: y)
    #expect(runs.withLock { $0 } == 4)
    let same = try function.linearize(at: Cubic.x)
    #expect(try linear.jacobian().value == same.jacobian().value)
    runs.withLock { $0 = 0 }
    _ = try gradient(at: Cubic.x) { try function($0).sum() }
    #expect(runs.withLock { $0 } == 1)
  }

  @Test(
    "More inputs than unknowns: by rows; fewer: by columns", arguments: [(2, 5), (5, 2), (3, 3)])
  func rectangularJacobians(_ n: Int, _ m: Int) throws {
    var choices = Choices(seed: n * 10 + m)
    let M = choices.tensor([n, n]) + 4 * Tensor.identity(n)
    let N = choices.tensor([n, m])
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in try solve(M, matmul(N, x)) },
      conditions: .root { x, y in matmul(M, y) - matmul(N, x) })
    let J = try function.jacobian(at: choices.tensor([m]))
    #expect(J.value.shape == [n, m])
    #expect(largestDifference(J.value.scalars, try solve(M, N).scalars) <= Self.tolerance)
    #expect(J.report.linearSolves == min(n, m))
  }

  // MARK: Structures

  /// Several inputs, arrays, an optional, a constant; several unknowns.
  struct Problem: TensorStructure {
    var scale: Tensor
    var shifts: [Tensor]
    var weight: Tensor?
    var matrix: Tensor

    static var fields: [TensorField<Problem>] {
      [
        .init("scale", \.scale), .init("shifts", \.shifts), .init("weight", \.weight),
        .constant("matrix", \.matrix),
      ]
    }
  }

  struct Unknowns: TensorStructure {
    var position: Tensor
    var level: Tensor

    static var fields: [TensorField<Unknowns>] {
      [.init("position", \.position), .init("level", \.level)]
    }
  }

  /// `matrix · position + level = scale · shifts₀ + shifts₁`, `Σ position · weight = 2 level`.
  static let structured = ImplicitFunction<Problem, Unknowns>(
    forward: { p in
      let n = p.matrix.shape[0]
      let ones = Tensor.ones([n, 1])
      let w = (p.weight ?? 1) * Tensor.ones([1, n])
      let system = Tensor.concatenate(
        [
          .concatenate([p.matrix, ones], alongAxis: 1),
          .concatenate([w, Tensor([[-2]])], alongAxis: 1),
        ])
      let right = Tensor.concatenate([p.scale * p.shifts[0] + p.shifts[1], Tensor([0])])
      let solution = try solve(system, right)
      return Unknowns(position: solution.slice(0..<n), level: solution.at(n))
    },
    conditions: .root { p, z in
      [
        matmul(p.matrix, z.position) + z.level - p.scale * p.shifts[0] - p.shifts[1],
        (z.position * (p.weight ?? 1)).sum() - 2 * z.level,
      ]
    })

  static func problem(weight: Tensor?) -> Problem {
    Problem(
      scale: 1.5, shifts: [[1, -2, 3], [0.5, 0, -1]], weight: weight,
      matrix: [[4, 1, 0], [-1, 3, 0.5], [0.25, 0, 5]])
  }

  @Test(
    "Named structures against differences; constants get empty tensors", arguments: [true, false])
  func structures(_ hasWeight: Bool) throws {
    let p = Self.problem(weight: hasWeight ? 0.8 : nil)
    let linear = try Self.structured.linearize(at: p)
    #expect(linear.B.columnCount == (hasWeight ? 8 : 7) && linear.A.rowCount == 4)
    var direction = Problem(
      scale: 0.3, shifts: [[1, 0.5, -1], [2, -0.25, 0]], weight: hasWeight ? 0.6 : nil,
      matrix: Tensor([Double]()))
    let pushed = try linear.pushforward(direction).value
    let error = try differenceError(derivative: pushed.flattened(), size: 1) {
      try Self.structured(moved(p, by: $0, along: direction)).flattened()
    }
    #expect(error <= differenceTolerance)
    let u = Unknowns(position: [1, -1, 2], level: -0.5)
    let pulled = try linear.pullback(u).value
    #expect(pulled.matrix.shape == [0] && pulled.matrix.count == 0)
    #expect((pulled.weight == nil) == !hasWeight)
    #expect(pulled.shifts.map(\.shape) == [[3], [3]])
    direction.matrix = Tensor([Double]())
    let defect =
      inner(u, pushed).scalar
      - zip(pulled.flattened(), direction.flattened()).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(defect) <= 1e-13)
  }

  @Test("A constant costs nothing: no column, no term of B")
  func constantsAreFree() throws {
    let linear = try Self.structured.linearize(at: Self.problem(weight: nil))
    let program = try #require(linear.B as? ProgramOperator).program
    #expect(program.inputs.count == 3)
    // scale · shifts₀ has two terms, shifts₁ one.
    #expect(program.terms.count == 3, "\(program.terms.count) terms")
  }

  @Test("A by-product of the solver reaches the conditions and is not differentiated")
  func byProduct() throws {
    // y = max(x, 0): the solver knows which entries are active.
    let rectifier = ImplicitFunction<Tensor, Tensor>(
      forward: { x in
        let active = Tensor(0).isLess(than: x)
        return (x * active, active)
      },
      conditions: { active in .root { x, y in y - x * active } })
    let x = Tensor([-1, 2, 3])
    #expect(try rectifier(x) == [0, 2, 3])
    #expect(try rectifier.jacobian(at: x).value == Tensor([0, 1, 1]).diagonal())
    #expect(try gradient(at: x) { try rectifier($0).squaredNorm() } == [0, 4, 6])
  }

  // MARK: Inside a gradient

  @Test("Called inside a function that is being differentiated")
  func insideGradient() throws {
    let function = ImplicitFunction(forward: Cubic.forward, conditions: .root(Cubic.residual))
    // loss = ‖y(sin x)‖² + Σ x y₀, by the chain rule and by the library.
    func loss(_ x: Tensor) throws -> Tensor {
      let y = try function(sin(x))
      return y.squaredNorm() + x.sum() * y.at(0)
    }
    let x = Cubic.x
    let slope = try gradient(at: x, of: loss)
    let y = try function(sin(x))
    let J = try Cubic.jacobian(y)
    let w = 2 * y + x.sum() * Tensor([1, 0])
    let exact = matmul(w, J) * cos(x) + y.at(0)
    #expect(largestDifference(slope.scalars, exact.scalars) <= Self.tolerance)
    let pushed = try valueAndPushforward(at: x, along: [1, 2, 3], of: loss)
    #expect(abs(pushed.tangent.scalar - exact.dot([1, 2, 3]).scalar) <= 10 * Self.tolerance)
    let compiled = try linearization(at: x, of: loss)
    #expect(largestDifference(try compiled.pullback(1).scalars, exact.scalars) <= Self.tolerance)
    #expect(
      abs(try compiled.pushforward([1, 2, 3]).scalar - pushed.tangent.scalar) <= 10 * Self.tolerance
    )
    // Two implicit functions in a row, and one inside the conditions of another: z = y(y(z + x)₀…).
    let twice = try gradient(at: x) { x in
      try function(Tensor.concatenate([try function(x), Tensor([0.1])])).sum()
    }
    let inner = Tensor.concatenate([y0(x), Tensor([0.1])])
    let chain = matmul(
      matmul(Tensor([1, 1]), try Cubic.jacobian(y0(inner))).slice(0..<2), try Cubic.jacobian(y0(x)))
    #expect(largestDifference(twice.scalars, chain.scalars) <= Self.tolerance)
    func y0(_ x: Tensor) -> Tensor { (try? function(x)) ?? Tensor([.nan, .nan]) }
  }

  @Test("Several structured outputs inside a gradient, some unused")
  func structuredInsideGradient() throws {
    let p = Self.problem(weight: 0.8)
    let slope = try gradient(at: p) { p in
      let z = try Self.structured(p)
      return z.level * z.level + p.scale
    }
    let linear = try Self.structured.linearize(at: p)
    let level = linear.solution.level.scalar
    let pulled = try linear.pullback(
      Unknowns(position: Tensor.zeros([3]), level: Tensor(2 * level))
    ).value
    #expect(abs(slope.scale.scalar - pulled.scale.scalar - 1) <= Self.tolerance)
    #expect(largestDifference(slope.shifts[1].scalars, pulled.shifts[1].scalars) <= Self.tolerance)
    #expect(slope.matrix.count == 0)
  }

  @Test("An implicit function inside the conditions of another: z = √(z + x)")
  func nestedConditions() throws {
    let root = ImplicitFunction<Tensor, Tensor>(
      forward: { sqrt($0) }, conditions: .root { x, y in y * y - x })
    // z² = z + x, z = ½ (1 + √(1 + 4x)), z′ = 1/√(1 + 4x).
    let golden = ImplicitFunction<Tensor, Tensor>(
      forward: { x in 0.5 * (1 + sqrt(1 + 4 * x)) },
      conditions: .root { x, z in z - (try root(z + x)) })
    let x = Tensor([0.5, 2, 7])
    let exact = (1 / sqrt(1 + 4 * x)).scalars
    let linear = try golden.linearize(at: x)
    #expect(
      largestDifference(try linear.pullback([1, 1, 1]).value.scalars, exact) <= Self.tolerance)
    #expect(
      largestDifference(try linear.pushforward([1, 1, 1]).value.scalars, exact) <= Self.tolerance)
  }
}
