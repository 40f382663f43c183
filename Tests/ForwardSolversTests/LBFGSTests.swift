import ForwardSolvers
import ImplicitDifferentiation
import Testing

struct LBFGSTests {
  @Test(arguments: [2, 10, 50])
  func rosenbrockValley(_ n: Int) throws {
    let start = Tensor((0..<n).map { $0.isMultiple(of: 2) ? -1.2 : 1 })
    let minimum = try LBFGS().minimum(of: rosenbrock, from: start)
    #expect(minimum.gradientNorm <= 1e-10)
    // The smallest eigenvalue of the Hessian at the minimum is 0.3995 (n = 2).
    #expect(distance(minimum.point, .ones([n])) <= 1e-9)
    #expect(minimum.iterations < 40 + 10 * n)
  }

  /// As ill-conditioned as the standardised diabetes data with a small penalty.
  @Test(arguments: [1, 3, 10])
  func illConditionedQuadratic(memory: Int) throws {
    let minimum = try LBFGS(memory: memory).minimum(
      of: { quadratic($0, condition: 470) }, from: .zeros([10]))
    // ‖x − x*‖ ≤ ‖∇f‖ / μ, and μ = 1.
    #expect(distance(minimum.point, .ones([10])) <= 1.001e-10)
    // Gradient descent would need some κ ln(‖∇f₀‖/1e-10) ≈ 13,000.
    #expect(minimum.iterations < 400)
  }

  @Test func ridge() throws {
    let problem = try RidgeProblem()
    let minimum = try LBFGS().minimum(
      of: { w in problem.objective(problem.penalty, w) }, from: .zeros([5]))
    #expect(distance(minimum.point, problem.solution) <= 1.01e-10 / problem.smallest)
    #expect(minimum.iterations < 60)
  }

  /// The tolerance is far below the gradient at which decreases of the objective drown in rounding
  /// (√ε times its scale), and above the rounding of the gradient itself.
  @Test func convergesBelowTheRoundingOfTheObjective() throws {
    let stopping = Stopping(gradientTolerance: 1e-13, maximumIterations: 500)
    let minimum = try LBFGS(stopping: stopping).minimum(
      of: { x in quadratic(x, condition: 10) + 1 }, from: .zeros([4]))
    #expect(minimum.gradientNorm <= 1e-13)
  }

  /// A tolerance that rounding does not let through ends with an error, not in an endless loop.
  @Test func impossibleToleranceEnds() throws {
    let stopping = Stopping(gradientTolerance: 1e-30, maximumIterations: 100_000)
    let problem = try RidgeProblem()
    let error = try #require(throws: ForwardSolverError.self) {
      try LBFGS(stopping: stopping).minimum(
        of: { w in problem.objective(problem.penalty, w) }, from: .zeros([5]))
    }
    guard case .lineSearchFailed(_, _, _, let norm, let tolerance) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(norm < 1e-14)
    #expect(tolerance == 1e-30)
  }

  @Test func oneVariable() throws {
    let minimum = try LBFGS().minimum(of: { x in exp(x) - 2 * x }, from: 5)
    // f″ = 2 at log 2.
    #expect(distance(minimum.point, log(2)) <= 0.51e-10)
  }

  @Test func startAtTheSolution() throws {
    let minimum = try LBFGS().minimum(of: rosenbrock, from: .ones([4]))
    #expect(minimum.iterations == 0)
    #expect(minimum.evaluations == 1)
  }

  /// Trials outside the domain (log of a negative number) count as too long.
  @Test func staysInTheDomain() throws {
    let minimum = try LBFGS().minimum(of: { x in (1000 * x - log(x)).sum() }, from: Tensor([2, 5]))
    // f″ = 1e6 at 1e-3.
    #expect(distance(minimum.point, Tensor([1e-3, 1e-3])) <= 1e-15)
  }

  @Test func structures() throws {
    let minimum = try LBFGS().minimum(of: \.objective, from: TwoParts.start)
    #expect(distance(minimum.point.matrix, TwoParts.start.offset) <= 1e-9)
    #expect(distance(minimum.point.scalar, 1) <= 1e-9)
    #expect(minimum.point.offset == TwoParts.start.offset)
    #expect(minimum.point.matrix.shape == [2, 2])
  }
}
