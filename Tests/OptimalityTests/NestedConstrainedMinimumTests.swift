import ForwardSolvers
import ImplicitDifferentiation
import Optimality
import Synchronization
import Testing

@Suite struct NestedConstrainedMinimumTests {
  /// `min ½‖z − x‖²` with `½(‖z‖² − 1) ≤ 0`: outside the ball `z = x/‖x‖`, inside `z = x`.
  private static func ball(
    _ form: ComplementarityForm, _ solver: any LinearSolver = Automatic()
  ) -> ConstrainedMinimum<Tensor, Tensor> {
    ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { x, z in 0.5 * (z - x).squaredNorm() },
        inequalities: { _, z in 0.5 * (z.squaredNorm() - 1) }),
      primalSolver: { x in x / max(x.norm(), 1) }, form: form, linearSolver: solver)
  }

  @Test(
    "The Hessian of wᵀz(x) for the projection onto a ball",
    arguments: [ComplementarityForm.activeSet, .products])
  func secondDerivativeOfAProjection(_ form: ComplementarityForm) throws {
    let w: Tensor = [0.7, -1, 2]
    let ball = Self.ball(form)
    func hessian(_ x: Tensor, _ f: (Tensor) throws -> Tensor) throws -> [Double] {
      try (0..<3).flatMap { i in
        try gradient(at: x) { x in try gradient(at: x, of: f).at(i) }.scalars
      }
    }
    // Outside the ball it is that of wᵀx/‖x‖, an expression; inside it vanishes.
    let outside: Tensor = [1.2, -0.6, 0.9]
    let implicit = try hessian(outside) { try (ball($0).primal * w).sum() }
    let explicit = try hessian(outside) { ($0 / $0.norm() * w).sum() }
    for (a, b) in zip(implicit, explicit) { #expect(abs(a - b) <= 1e-12) }
    let inside = try hessian([0.1, -0.2, 0.3]) { try (ball($0).primal * w).sum() }
    #expect(inside.allSatisfy { abs($0) <= 1e-15 })
  }

  @Test("The Hessian of an optimal value is −BᵀA⁻¹B, by the envelope and by nesting")
  func valueOfAProgram() throws {
    // min ½ zᵀQz − bᵀz with 1ᵀz = 1 has the value −½ bᵀGb + …, with the Hessian −G in b, where
    // G = Q⁻¹ − Q⁻¹1 1ᵀQ⁻¹ / (1ᵀQ⁻¹1).
    let Q: Tensor = [[3, 1, 0], [1, 2, 0.5], [0, 0.5, 1]]
    let one = Tensor.ones([3])
    let minimum = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { b, z in 0.5 * z.dot(matmul(Q, z)) - b.dot(z) },
        equalities: { _, z in z.sum() - 1 }),
      primalSolver: { b in
        let (u, v) = (try solve(Q, b), try solve(Q, one))
        return u + (1 - u.sum()) / v.sum() * v
      })
    let b: Tensor = [0.4, -1, 0.2]
    let inverse = try solve(Q, Tensor.identity(3))
    let v = matmul(inverse, one)
    let G = inverse - v.expanded(atAxis: 1) * v.expanded(atAxis: 0) / v.sum()
    func value(_ b: Tensor) throws -> Tensor {
      let z = try minimum(b).primal
      return 0.5 * z.dot(matmul(Q, z)) - b.dot(z)
    }
    for i in 0..<3 {
      let row = try gradient(at: b) { b in try gradient(at: b, of: value).at(i) }
      for j in 0..<3 { #expect(abs(row[j] + G[i, j]) <= 1e-12) }
    }
  }

  /// An option that is accepted has to arrive (JAXopt's projected gradient takes a linear solver
  /// for the derivative and never hands it on).
  @Test("The linear solver given for the derivative is the one that is used")
  func linearSolverIsHandedOn() throws {
    let preparations = Tally()
    let solver = TallyingSolver(preparations: preparations)
    let ball = Self.ball(.activeSet, solver)
    _ = try ball.linearize(at: [1.2, -0.6, 0.9]).pullback(ball([1.2, -0.6, 0.9]))
    #expect(preparations.count == 1)
    let withMultipliers = ConstrainedMinimum(
      ball.problem, solver: { try ball($0) }, linearSolver: solver)
    _ = try withMultipliers.linearize(at: [1.2, -0.6, 0.9])
    #expect(preparations.count == 2)
    var gauged = ImplicitFunction<Tensor, [Tensor]>(
      forward: { x in [0.5 * x, 0.5 * x] },
      conditions: .root { x, y in [y[0] + y[1] - x, y[0] + y[1] - x] }, linearSolver: solver,
      gauge: Gauge(right: [Tensor([1]), Tensor([-1])]))
    _ = try gauged.linearize(at: Tensor([2]))
    let withGauge = preparations.count
    #expect(withGauge > 2)
    gauged.linearSolver = LUSolver()
    _ = try gauged.linearize(at: Tensor([2]))
    #expect(preparations.count == withGauge)
  }
}

private final class Tally: Sendable {
  private let number = Atomic<Int>(0)
  var count: Int { number.load(ordering: .relaxed) }
  func add() { number.add(1, ordering: .relaxed) }
}

private struct TallyingSolver: LinearSolver {
  let preparations: Tally

  func prepare(_ A: any LinearOperator) throws(LinearSolveError) -> any PreparedLinearSolver {
    preparations.add()
    return try LUSolver().prepare(A)
  }
}
