import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// The precision of a derivative taken at an iterate that has not converged: from the conditions
/// (implicit) and through the iterations (unrolled).
///
/// The numbers come from 50-digit arithmetic, rounded to those printed.
struct JacobianPrecisionTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let t: Int
    let iterate, implicit, unrolled: Double
    let implicitRatio, unrolledRatio: String
    var testDescription: String { "t = \(t)" }
  }

  static let table: [Row] = [
    Row(0, 4.629540e-01, 3.600159e+01, 3.600159e+01, "77.8", "77.8"),
    Row(1, 4.467308e-01, 3.514491e+01, 3.600159e+01, "78.7", "80.6"),
    Row(10, 3.525208e-01, 2.834253e+01, 3.518094e+01, "80.4", "99.8"),
    Row(50, 1.341275e-01, 1.107221e+01, 2.413818e+01, "82.5", "180"),
    Row(100, 4.165243e-02, 3.482955e+00, 1.160492e+01, "83.6", "279"),
    Row(200, 4.170042e-03, 3.506875e-01, 1.977169e+00, "84.1", "474"),
    Row(400, 4.262617e-05, 3.587057e-03, 3.683874e-02, "84.2", "864"),
    Row(800, 4.464473e-09, 3.756948e-07, 7.340957e-06, "84.2", "1644"),
  ]

  let problem: RidgeProblem

  init() throws { problem = try RidgeProblem() }

  /// The iterate after `t` steps of length 1/L, and both derivatives in the penalty there.
  private func derivatives(
    after t: Int, from start: Tensor
  ) throws -> (iterate: Tensor, implicit: Tensor, unrolled: Tensor) {
    let problem = problem
    let descent = GradientDescent(
      stepSize: .fixed(1 / problem.largest), stopping: .after(t))
    let (iterate, unrolled) = try valueAndPushforward(at: problem.penalty, along: 1) { penalty in
      try descent.minimum(of: { w in problem.objective(penalty, w) }, from: start).point
    }
    let ridge = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in iterate },
      conditions: .stationary { penalty, w in problem.objective(penalty, w) },
      conditionsTolerance: nil)
    let implicit = try ridge.linearize(at: problem.penalty, solution: iterate).pushforward(1).value
    return (iterate, implicit, unrolled)
  }

  @Test func theProblemIsTheOneOfTheTable() {
    #expect(agrees(problem.largest, 0.524653369421, digits: 12))
    #expect(agrees(problem.smallest, 0.011883244305, digits: 11))
    #expect(agrees(1 / problem.smallest, 84.1521, digits: 6))
    #expect(agrees(problem.solution.norm().scalar, 0.462954019682, digits: 12))
    #expect(agrees(problem.derivative.norm().scalar, 36.001585518874, digits: 14))
  }

  @Test(arguments: table)
  func row(_ row: Row) throws {
    let result = try derivatives(after: row.t, from: .zeros([5]))
    let iterate = distance(result.iterate, problem.solution)
    let implicit = distance(result.implicit, problem.derivative)
    let unrolled = distance(result.unrolled, problem.derivative)
    #expect(agrees(iterate, row.iterate, digits: 7), "\(iterate)")
    #expect(agrees(implicit, row.implicit, digits: 7), "\(implicit)")
    #expect(agrees(unrolled, row.unrolled, digits: 7), "\(unrolled)")
    let count = { (text: String) in text.filter(\.isNumber).count }
    let implicitRatio = try #require(Double(row.implicitRatio))
    let unrolledRatio = try #require(Double(row.unrolledRatio))
    #expect(agrees(implicit / iterate, implicitRatio, digits: count(row.implicitRatio)))
    #expect(agrees(unrolled / iterate, unrolledRatio, digits: count(row.unrolledRatio)))
  }

  /// The stated error of a derivative at an iterate: it holds at each, and is not far from the truth
  /// before rounding takes over.
  @Test(arguments: [0, 1, 10, 50, 100, 200, 400, 800, 1_000, 1_200, 1_500, 2_000])
  func theStatedErrorHolds(_ t: Int) throws {
    let problem = problem
    let iterate = try GradientDescent(
      stepSize: .fixed(1 / problem.largest), stopping: .after(t)
    ).minimum(of: { w in problem.objective(problem.penalty, w) }, from: .zeros([5])).point
    var ridge = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in iterate },
      conditions: .stationary { penalty, w in problem.objective(penalty, w) },
      conditionsTolerance: nil)
    // At t = 0 all of it is error.
    ridge.certification = Certification(.measure, errorLimit: nil)
    let derivative = try ridge.linearize(at: problem.penalty, solution: iterate).pushforward(1)
    let error = distance(derivative.value, problem.derivative)
    let stated = try #require(derivative.report.error)
    #expect(error <= stated, "\(error) \(stated)")
    if t <= 800 { #expect(stated <= 10 * error, "\(error) \(stated)") }
    #expect(stated <= 10 * error + 1e-11)
  }

  /// The error of the implicit derivative is `H⁻¹(x̂ − x*)`: never more than 1/μ of the iterate's.
  /// That of the unrolled one falls like `t ρᵗ`: its ratio to the iterate's error grows and grows.
  @Test func implicitErrorIsBoundedUnrolledErrorIsNot() throws {
    // Rounding of the norms alone.
    let slack = 1 + 1e-6
    var last = 0.0
    for t in stride(from: 0, through: 800, by: 50) {
      let result = try derivatives(after: t, from: .zeros([5]))
      let iterate = distance(result.iterate, problem.solution)
      #expect(
        distance(result.implicit, problem.derivative) / iterate <= slack / problem.smallest,
        "t = \(t)")
      let ratio = distance(result.unrolled, problem.derivative) / iterate
      #expect(ratio > last, "t = \(t)")
      last = ratio
    }
  }

  /// Started far out along the eigenvector of μ, the unrolled error first grows eight-fold while
  /// the iterates converge: D. Scieur et al., "The curse of unrolling", NeurIPS (2022).
  @Test func unrolledErrorGrowsFirst() throws {
    // Of the two directions of the eigenvector the one towards the solution.
    let vector = Tensor(problem.eigenvectors[0])
    let start = vector.dot(problem.solution) > 0 ? 10 * vector : -10 * vector
    var (errors, distances) = ([Double](), [Double]())
    for t in 0...60 {
      let result = try derivatives(after: t, from: start)
      errors.append(distance(result.unrolled, problem.derivative))
      distances.append(distance(result.iterate, problem.solution))
    }
    let peak = try #require(errors.indices.max { errors[$0] < errors[$1] })
    #expect((23...45).contains(peak), "peak at \(peak)")
    #expect(agrees(errors[peak] / errors[0], 8.003, digits: 4), "\(errors[peak] / errors[0])")
    #expect(zip(distances, distances.dropFirst()).allSatisfy { $0 > $1 })
  }

  /// Whether a value, rounded to so many significant digits, is the one printed.
  private func agrees(_ value: Double, _ printed: Double, digits: Int) -> Bool {
    var unit = 1.0
    while unit > printed { unit /= 10 }
    while unit * 10 <= printed { unit *= 10 }
    for _ in 1..<digits { unit /= 10 }
    // Half a unit of the last digit, and the rounding of the unit itself.
    return (value - printed).magnitude <= 0.5001 * unit
  }
}

extension JacobianPrecisionTests.Row {
  init(
    _ t: Int, _ iterate: Double, _ implicit: Double, _ unrolled: Double, _ implicitRatio: String,
    _ unrolledRatio: String
  ) {
    self.init(
      t: t, iterate: iterate, implicit: implicit, unrolled: unrolled,
      implicitRatio: implicitRatio, unrolledRatio: unrolledRatio)
  }
}
