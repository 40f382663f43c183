import ForwardSolvers
import ImplicitDifferentiation
import Testing

struct GradientDescentTests {
  /// Along the eigenvector of `λ` the error shrinks by exactly `1 − λ/L` at each step.
  @Test(arguments: 0..<5)
  func rateAlongEachEigenvector(_ index: Int) throws {
    let problem = try RidgeProblem()
    let lambda = problem.eigenvalues[index]
    let start = problem.solution + Tensor(problem.eigenvectors[index])
    var errors: [Double] = []
    _ = try GradientDescent(stepSize: .fixed(1 / problem.largest), stopping: .after(20)).minimum(
      of: { w in problem.objective(problem.penalty, w) }, from: start,
      observing: { errors.append(distance($0.point, problem.solution)) })
    #expect(errors.count == 21)
    let rate = 1 - lambda / problem.largest
    for (before, after) in zip(errors, errors.dropFirst()) {
      // The starting error is 1; rounding of the points is some 1e-16, so errors are known to that.
      #expect((after - rate * before).magnitude < 1e-14)
    }
  }

  /// From a general start the slowest eigenvector remains: the rate tends to `1 − μ/L`.
  @Test func rateIsThatOfTheSmallestEigenvalue() throws {
    let problem = try RidgeProblem()
    var errors: [Double] = []
    let minimum = try GradientDescent(
      stepSize: .fixed(1 / problem.largest),
      stopping: Stopping(gradientTolerance: 1e-9, maximumIterations: 2_000)
    ).minimum(
      of: { w in problem.objective(problem.penalty, w) }, from: .zeros([5]),
      observing: { errors.append(distance($0.point, problem.solution)) })
    #expect(errors.count == minimum.iterations + 1)
    #expect(minimum.gradientNorm <= 1e-9)
    let rate = errors[400] / errors[399]
    #expect((rate - (1 - problem.smallest / problem.largest)).magnitude < 1e-6)
    // ‖x − x*‖ ≤ ‖∇f‖ / μ, by strong convexity.
    #expect(
      distance(minimum.point, problem.solution) <= 1.001 * minimum.gradientNorm / problem.smallest)
  }

  /// Backtracking finds the length itself, at whatever scale the first trial is. The gradient gets
  /// below the level where decreases of the objective drown in rounding, √ε ≈ 1e-8.
  @Test(arguments: [1e-6, 1, 1e6])
  func backtrackingFindsTheLength(initial: Double) throws {
    let problem = try RidgeProblem()
    let minimum = try GradientDescent(
      stepSize: .backtracking(initial: initial), stopping: Stopping(gradientTolerance: 1e-12)
    ).minimum(of: { w in problem.objective(problem.penalty, w) }, from: .zeros([5]))
    #expect(minimum.gradientNorm <= 1e-12)
    #expect(distance(minimum.point, problem.solution) <= 1.01e-12 / problem.smallest)
    #expect(minimum.evaluations > minimum.iterations)
  }

  /// A trial whose value is finite and whose gradient is not counts as too long: the first step leads
  /// from 1 to exactly 0, where the value is lower and the slope of the root infinite.
  @Test func trialWithoutGradientIsRefused() throws {
    let minimum = try GradientDescent(stepSize: .backtracking(initial: 0.4)).minimum(
      of: { x in x * x + x - sqrt(x) }, from: 1)
    let x = minimum.point.scalar
    #expect((2 * x + 1 - 0.5 / x.squareRoot()).magnitude <= 1e-10)
  }

  @Test func oneVariable() throws {
    let minimum = try GradientDescent(stepSize: .fixed(0.25)).minimum(
      of: { x in (x - 3) * (x - 3) }, from: 0)
    #expect(minimum.point.shape == [])
    // ‖∇f‖ ≤ 1e-10 and f″ = 2.
    #expect(distance(minimum.point, 3) <= 0.5e-10)
    #expect(minimum.value.scalar <= 1e-20)
  }

  @Test(arguments: [GradientDescent.StepSize.fixed(0.1), .backtracking()])
  func startAtTheSolution(_ stepSize: GradientDescent.StepSize) throws {
    var calls = 0
    let minimum = try GradientDescent(stepSize: stepSize).minimum(
      of: { x in x.squaredNorm() }, from: Tensor([0, 0]), observing: { _ in calls += 1 })
    #expect(minimum.iterations == 0)
    #expect(minimum.evaluations == 1)
    #expect(minimum.point == Tensor([0, 0]))
    #expect(calls == 1)
  }

  /// A fixed number of steps is made even where nothing is left to gain.
  @Test(arguments: [GradientDescent.StepSize.fixed(0.1), .backtracking()])
  func fixedStepsStayAtTheSolution(_ stepSize: GradientDescent.StepSize) throws {
    let minimum = try GradientDescent(stepSize: stepSize, stopping: .after(7)).minimum(
      of: { x in x.squaredNorm() }, from: Tensor([0, 0]))
    #expect(minimum.iterations == 7)
    #expect(minimum.point == Tensor([0, 0]))
  }

  @Test func observerSeesEveryIteration() throws {
    var iterates: [Iterate<Tensor>] = []
    _ = try GradientDescent(stepSize: .fixed(0.25), stopping: .after(3)).minimum(
      of: { x in x.squaredNorm() }, from: Tensor([4, 0]), observing: { iterates.append($0) })
    #expect(iterates.map(\.iteration) == [0, 1, 2, 3])
    #expect(iterates.map(\.point) == [[4, 0], [2, 0], [1, 0], [0.5, 0]])
    #expect(iterates.map(\.value) == [16, 4, 1, 0.25])
    #expect(iterates.map(\.gradientNorm) == [8, 4, 2, 1])
    #expect(iterates.map(\.stepLength) == [0, 0.25, 0.25, 0.25])
  }
}
