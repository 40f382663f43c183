import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// Unrolled Sinkhorn iterations against the linearised marginal equations.
struct SinkhornDerivativeTests {
  private let epsilon = 0.1
  private let cost: Tensor
  private let a: Tensor
  private let b: Tensor

  init() {
    var numbers = SeededNumbers(seed: 11)
    cost = abs(numbers.matrix(4, 6))
    func masses(_ values: Tensor) -> Tensor { (1.5 + values) / (1.5 + values).sum() }
    (a, b) = (masses(numbers.vector(4)), masses(numbers.vector(6)))
  }

  private var solver: Sinkhorn {
    Sinkhorn(epsilon: epsilon, stopping: Stopping(gradientTolerance: 1e-13))
  }

  /// `dP = P ∘ (df ⊕ dg − dC) / ε` with `dP 1 = da`, `dPᵀ1 = db`: one equation is redundant, and
  /// `dg` of the last column is set to zero.
  private func planDerivative(dC: Tensor, da: Tensor, db: Tensor) throws -> Tensor {
    let P = try solver.transport(cost: cost, from: a, to: b).plan
    let (n, m) = (4, 5)
    let corner = P.slice(0..<m, alongAxis: 1)
    let matrix = Tensor.concatenate([
      .concatenate([a.diagonal(), corner], alongAxis: 1),
      .concatenate([corner.transposed(), b.slice(0..<m).diagonal()], alongAxis: 1),
    ])
    let pull = (P * dC).scaled(by: 1 / epsilon)
    let sides = Tensor.concatenate([
      da + pull.sum(alongAxis: 1), (db + pull.sum(alongAxis: 0)).slice(0..<m),
    ])
    let potentials = try solve(matrix, sides)
    let dg = potentials.slice(n..<n + m).padded(before: 0, after: 1)
    return P * (potentials.slice(0..<n).reshaped([n, 1]) + dg) - pull
  }

  @Test func planByAllData() throws {
    var numbers = SeededNumbers(seed: 12)
    let dC = numbers.matrix(4, 6)
    // Tangents that conserve mass.
    var (da, db) = (numbers.vector(4), numbers.vector(6))
    da -= da.mean()
    db -= db.mean()
    let unrolled = try linearization(at: [cost, a, b]) { data in
      try solver.transport(cost: data[0], from: data[1], to: data[2]).plan
    }
    let pushed = try unrolled.pushforward([dC, da, db])
    let expected = try planDerivative(dC: dC, da: da, db: db)
    // Converged to 1e-13, and the derivative with it.
    #expect(relativeDistance(pushed, expected) <= 1e-10)
    #expect(distance(pushed.sum(alongAxis: 1), da) <= 1e-11)
    #expect(distance(pushed.sum(alongAxis: 0), db) <= 1e-11)
    let u = numbers.matrix(4, 6)
    let pulled = try unrolled.pullback(u)
    let product = pulled[0].dot(dC) + pulled[1].dot(da) + pulled[2].dot(db)
    #expect((product - u.dot(expected)).scalar.magnitude <= 1e-10 * u.norm().scalar)
    let differences = try centralDifference { t in
      try solver.transport(
        cost: cost + dC.scaled(by: t), from: a + da.scaled(by: 0.1 * t),
        to: b + db.scaled(by: 0.1 * t)
      ).plan
    }
    let slower = try planDerivative(dC: dC, da: 0.1 * da, db: 0.1 * db)
    #expect(distance(differences, slower) <= 1e-8)
  }

  /// The envelope theorem: `P` in `C`, `f` and `g` up to constants in `a` and `b`.
  @Test func valueByAllData() throws {
    let solved = try solver.transport(cost: cost, from: a, to: b)
    let pulled = try gradient(at: [cost, a, b]) { data in
      try solver.transport(cost: data[0], from: data[1], to: data[2]).value
    }
    #expect(distance(pulled[0], solved.plan) <= 1e-12)
    #expect(
      distance(pulled[1] - pulled[1].mean(), solved.rowPotentials) <= 1e-12)
    let g = solved.columnPotentials
    #expect(distance(pulled[2] - pulled[2].mean(), g - g.mean()) <= 1e-12)
  }

  /// The error of the plan's derivative falls with that of the plan, iteration by iteration.
  @Test func derivativeConvergesWithTheIterates() throws {
    var numbers = SeededNumbers(seed: 13)
    let dC = numbers.matrix(4, 6)
    let exact = try planDerivative(dC: dC, da: .zeros([4]), db: .zeros([6]))
    let errors = try [1, 10, 20, 40].map { iterations in
      let fixed = Sinkhorn(epsilon: epsilon, stopping: .after(iterations))
      let pushed = try valueAndPushforward(at: cost, along: dC) { cost in
        try fixed.transport(cost: cost, from: a, to: b).plan
      }.tangent
      return relativeDistance(pushed, exact)
    }
    #expect(errors[0] > 1e-2)
    for (before, after) in zip(errors, errors.dropFirst()) { #expect(after < 0.3 * before) }
  }

  /// Two arrays of the size of the cost for each iteration, and vectors.
  @Test func recordedBytes() throws {
    let problem = DigitTransport()
    func bytes(_ iterations: Int) throws -> Int {
      let fixed = Sinkhorn(epsilon: 0.1, stopping: .after(iterations))
      return try linearization(at: problem.cost) { cost in
        try fixed.transport(cost: cost, from: problem.a, to: problem.b).plan
      }.recordedBytes
    }
    let (few, more) = (try bytes(10), try bytes(20))
    let array = 64 * 64 * 8
    #expect((2 * array...2 * array + array / 2).contains((more - few) / 10))
  }

  @Test func transportToItself() throws {
    let problem = DigitTransport()
    let solver = Sinkhorn(epsilon: 0.1, stopping: Stopping(gradientTolerance: 1e-12))
    let solved = try solver.selfTransport(cost: problem.cost, of: problem.a)
    // Both potentials belong to the one measure.
    let slope = try gradient(at: problem.a) { a in
      try solver.selfTransport(cost: problem.cost, of: a).value
    }
    let f = solved.rowPotentials
    #expect(distance(slope - slope.mean(), 2 * (f - f.mean())) <= 1e-9)
  }
}
