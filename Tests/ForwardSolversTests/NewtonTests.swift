import ForwardSolvers
import ImplicitDifferentiation
import Testing

struct NewtonTests {
  static let systems: [Newton.LinearSystem] = [.dense, .conjugateGradients()]

  /// `f = Σ eˣ − 2x` from 1: the error obeys `eₖ₊₁ = ½ eₖ² + O(eₖ³)`, as `f‴/f″ = 1` at log 2.
  @Test func quadraticConvergence() throws {
    var errors: [Double] = []
    _ = try Newton(stopping: Stopping(gradientTolerance: 1e-14)).minimum(
      of: { x in (exp(x) - 2 * x).sum() }, from: Tensor([1]),
      observing: { errors.append(distance($0.point, Tensor([2.0]).logarithm)) })
    #expect(errors.count >= 5)
    for (before, after) in zip(errors, errors.dropFirst()) where after > 1e-12 {
      #expect((after / (before * before) - 0.5).magnitude <= before)
    }
    #expect((errors.last ?? 1) < 1e-14)
  }

  @Test(arguments: systems, [2, 12])
  func rosenbrockValley(_ system: Newton.LinearSystem, _ n: Int) throws {
    // (For n ≥ 4 there is a second minimum near (−1, 1, …, 1); the origin is not in its basin.)
    let start = n == 2 ? Tensor([-1.2, 1]) : .zeros([n])
    let minimum = try Newton(linearSystem: system, stopping: Stopping(maximumIterations: 500))
      .minimum(of: rosenbrock, from: start)
    #expect(minimum.gradientNorm <= 1e-10)
    #expect(distance(minimum.point, .ones([n])) <= 1e-9)
  }

  @Test func quadraticInOneStep() throws {
    let minimum = try Newton().minimum(
      of: { quadratic($0, condition: 1e4) }, from: .zeros([8]))
    #expect(minimum.iterations == 1)
    // κ ε of the largest gradient, 1e4.
    #expect(distance(minimum.point, .ones([8])) <= 1e-12)
  }

  /// Conjugate gradients need `n` products for a quadratic, so few steps do, at any condition.
  @Test func conjugateGradientsOnAQuadratic() throws {
    let minimum = try Newton(linearSystem: .conjugateGradients()).minimum(
      of: { quadratic($0, condition: 1e4) }, from: .zeros([8]))
    #expect(minimum.iterations <= 12)
    // ‖x − x*‖ ≤ ‖∇f‖ / μ, and μ = 1.
    #expect(distance(minimum.point, .ones([8])) <= 1.001e-10)
  }

  @Test(arguments: systems)
  func structures(_ system: Newton.LinearSystem) throws {
    let minimum = try Newton(linearSystem: system).minimum(of: \.objective, from: TwoParts.start)
    #expect(distance(minimum.point.matrix, TwoParts.start.offset) <= 1e-10)
    #expect(distance(minimum.point.scalar, 1) <= 1e-10)
  }

  /// Where the Hessian is negative Newton's direction leads up; the gradient leads on.
  @Test(arguments: systems)
  func leavesAConcaveRegion(_ system: Newton.LinearSystem) throws {
    let minimum = try Newton(linearSystem: system).minimum(
      of: { x in (pow(x, 4) - 2 * x * x).sum() }, from: Tensor([0.1, -0.2]))
    #expect(distance(minimum.point, Tensor([1, -1])) <= 1e-10)
  }

  @Test(arguments: systems)
  func startAtTheSolution(_ system: Newton.LinearSystem) throws {
    let minimum = try Newton(linearSystem: system).minimum(of: rosenbrock, from: .ones([3]))
    #expect(minimum.iterations == 0)
    let stayed = try Newton(linearSystem: system, stopping: .after(2)).minimum(
      of: rosenbrock, from: .ones([3]))
    #expect(stayed.iterations == 2)
    #expect(stayed.point == .ones([3]))
  }

  /// A valley floor: the Hessian is singular everywhere, and any point of the floor is a minimum.
  @Test(arguments: systems)
  func singularHessian(_ system: Newton.LinearSystem) throws {
    let minimum = try Newton(linearSystem: system).minimum(
      of: { x in pow(x.at(0) - x.at(1), 2) }, from: Tensor([1, 3]))
    #expect(minimum.gradientNorm <= 1e-10)
    #expect(distance(minimum.point, Tensor([2, 2])) <= 1e-10)
  }

  /// A linear objective has no Hessian to solve with.
  @Test func zeroHessianIsNamed() throws {
    let error = try #require(throws: ForwardSolverError.self) {
      try Newton().minimum(of: { x in x.sum() }, from: Tensor([1, 3]))
    }
    guard case .newtonStep(1, _) = error else {
      Issue.record("\(error)")
      return
    }
  }
}

extension Tensor {
  /// Entry by entry; a name that does not meet the C library's.
  var logarithm: Tensor { log(self) }
}
