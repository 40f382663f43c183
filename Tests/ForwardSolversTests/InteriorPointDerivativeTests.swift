import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// The unrolled interior point against the implicit function of the KKT conditions.
struct InteriorPointDerivativeTests {
  struct Data: TensorStructure {
    var Q, c, A, b, G, h: Tensor
    static var fields: [TensorField<Data>] {
      [
        .init("Q", \.Q), .init("c", \.c), .init("A", \.A), .init("b", \.b), .init("G", \.G),
        .init("h", \.h),
      ]
    }

    init(_ program: Program) throws {
      Q = try #require(program.Q)
      c = program.c
      A = try #require(program.A)
      b = try #require(program.b)
      G = try #require(program.G)
      h = try #require(program.h)
    }

    func solved(_ method: InteriorPoint) throws -> Unknowns {
      let solution = try method.solve(Q: Q, c: c, A: A, b: b, G: G, h: h)
      return Unknowns(
        y: solution.point, nu: solution.equalityMultipliers,
        lambda: solution.inequalityMultipliers)
    }
  }

  struct Unknowns: TensorStructure {
    var y, nu, lambda: Tensor
    static var fields: [TensorField<Unknowns>] {
      [.init("y", \.y), .init("nu", \.nu), .init("lambda", \.lambda)]
    }
  }

  private let implicit = ImplicitFunction<Data, Unknowns>(
    forward: { data in try data.solved(InteriorPoint()) },
    conditions: .root { data, z in
      let gradient =
        matmul(0.5 * (data.Q + data.Q.transposed()), z.y) + data.c
        + matmul(data.A, z.nu, transposingLeft: true)
        + matmul(data.G, z.lambda, transposingLeft: true)
      return [
        gradient, matmul(data.A, z.y) - data.b, z.lambda * (matmul(data.G, z.y) - data.h),
      ]
    })

  private func cotangent(_ data: Data, seed: UInt64) -> Unknowns {
    var numbers = SeededNumbers(seed: seed)
    return Unknowns(
      y: numbers.vector(data.c.count), nu: numbers.vector(data.b.count),
      lambda: numbers.vector(data.h.count))
  }

  static let programs: [Program] = (0..<8).map { seed in
    .random(seed: UInt64(100 + seed), n: 3 + seed, p: 1 + seed % 3, m: 3 + seed)
  }

  /// Both directions, for every one of Q, c, A, b, G, h, of y and both multipliers. The bound is
  /// `ε` times the square of a condition number of about 100; unpolished it is the tolerance in
  /// place of `ε`.
  @Test(arguments: programs, [true, false])
  func unrolledIsImplicit(_ program: Program, polishes: Bool) throws {
    let data = try Data(program)
    let method = InteriorPoint(tolerance: 1e-11, polishes: polishes)
    let bound = polishes ? 1e-9 : 1e-5
    let unrolled = try linearization(at: data) { data in try data.solved(method) }
    let exact = try implicit.linearize(at: data)
    let u = cotangent(data, seed: 1)
    let pulled = try unrolled.pullback(u)
    let expected = try exact.pullback(u).value
    for (name, (a, b)) in zip(data.variableNames, zip(pulled.tensors, expected.tensors)) {
      #expect(relativeDistance(a, b) <= bound, "\(name)")
    }
    var numbers = SeededNumbers(seed: 2)
    var tangent = data
    tangent = tangent.mapTensors(isConstant: false) { tensor, _ in
      numbers.vector(tensor.count).reshaped(tensor.shape)
    }
    let pushed = try unrolled.pushforward(tangent)
    let expectedTangent = try exact.pushforward(tangent).value
    for (a, b) in zip(pushed.tensors, expectedTangent.tensors) {
      #expect(relativeDistance(a, b) <= bound)
    }
    // Recording changes no number.
    #expect(unrolled.value.y == (try data.solved(method).y))
  }

  /// The derivative of the iterates approaches that of the solution as they do.
  @Test func derivativeConvergesWithTheIterates() throws {
    let data = try Data(InteriorPointDerivativeTests.programs[3])
    let u = cotangent(data, seed: 3)
    let expected = try implicit.linearize(at: data).pullback(u).value
    let errors = try [2, 6, 10, 14].map { iterations in
      let method = try #require(InteriorPoint.unpolished(iterations: iterations))
      let unrolled = try linearization(at: data) { data in try data.solved(method) }
      return relativeDistance(try unrolled.pullback(u).c, expected.c)
    }
    #expect(errors[0] > 1e-2)
    #expect(errors[1] < 0.1 * errors[0] && errors[2] < 0.1 * errors[1])
    #expect(errors[3] < 1e-9)
  }

  /// `V(b) = min ½‖y‖²`, `Σ y = b`: `V = b²/2n`, `V′ = −ν = b/n`, `V″ = 1/n`.
  @Test func secondDerivative() throws {
    func value(_ b: Tensor) throws -> Tensor {
      try InteriorPoint().solve(
        Q: .identity(4), c: .zeros([4]), A: [[1, 1, 1, 1]], b: b.reshaped([1]),
        G: -Tensor.identity(4), h: .ones([4])
      ).value
    }
    let slope = try gradient(at: Tensor(2)) { b in try value(b) }
    #expect((slope.scalar - 0.5).magnitude <= 1e-12)
    let curvature = try gradient(at: Tensor(2)) { b in
      try gradient(at: b) { b in try value(b) }
    }
    #expect((curvature.scalar - 0.25).magnitude <= 1e-9)
  }

  /// On either side of the kink of `Program.hinge`: (⅔, ⅓) and (½, ½).
  @Test(arguments: [(0.5, [2.0 / 3, 1.0 / 3]), (2, [0.5, 0.5])] as [(Double, [Double])])
  func hingeDerivative(_ b: Double, _ expected: [Double]) throws {
    let hinge = Program.hinge(b)
    let derivative = try valueAndPushforward(at: Tensor([b]), along: [1]) { b in
      try InteriorPoint().solve(
        Q: hinge.Q, c: hinge.c, A: hinge.A, b: b, G: hinge.G, h: hinge.h
      ).point
    }.tangent
    #expect(distance(derivative, Tensor(expected)) <= 1e-12)
  }

  /// Repeated equalities: the multipliers are not unique, the derivative of `y` is. With both sides
  /// moving consistently, y = (1.25, −0.25) + (½, ½) t.
  @Test func repeatedEquality() throws {
    let program = try #require(Program.known.first { $0.name == "repeated equality" })
    let derivative = try valueAndPushforward(at: Tensor([1, 2]), along: [1, 2]) { b in
      try InteriorPoint().solve(Q: program.Q, c: program.c, A: program.A, b: b).point
    }.tangent
    #expect(distance(derivative, [0.5, 0.5]) <= 1e-12)
  }
}
