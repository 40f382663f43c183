import ForwardSolvers
import ImplicitDifferentiation
import Testing

/// Kepler's equation, `E − e sin E = M`.
struct KeplerTests {
  @Test(arguments: [0, 0.1, 0.5, 0.9, 0.99])
  func anomaly(_ e: Double) throws {
    let M = Tensor((0...20).map { 0.15 * Double($0) })
    let newton = NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-14))
    func solved(_ M: Tensor) throws -> Tensor {
      // To the right of the root, where the steps cannot overshoot. The start is traced: for e = 0 it
      // is the root, and no step is made.
      try newton.root(of: { E in E - Tensor(e) * sin(E) - M }, from: M + Tensor(e)).point
    }
    let E = try solved(M)
    #expect(distance(E - Tensor(e) * sin(E), M) <= 1e-14)
    #expect(zip(E.scalars, E.scalars.dropFirst()).allSatisfy { $0 < $1 })
    // dE/dM = 1 / (1 − e cos E), up to 100 here.
    let slope = try gradient(at: M) { M in try solved(M).sum() }
    let expected = 1 / (1 - Tensor(e) * cos(E))
    #expect(relativeDistance(slope, expected) <= 1e-9)
    let secants = try Broyden(stopping: Stopping(gradientTolerance: 1e-13)).root(
      of: { E in E - Tensor(e) * sin(E) - M }, from: M + Tensor(e)
    ).point
    #expect(distance(secants, E) <= 1e-10)
  }
}

/// `−u″ = λ eᵘ` with zero at both ends, by differences: `2uᵢ − uᵢ₋₁ − uᵢ₊₁ = h² λ exp(uᵢ)`.
struct BratuTests {
  private func residual(_ u: Tensor, _ lambda: Tensor) -> Tensor {
    let h = 1 / Double(u.count + 1)
    return 2 * u - u.shifted(by: 1) - u.shifted(by: -1) - (lambda * exp(u)).scaled(by: h * h)
  }

  /// The lower branch in closed form: `u = 2 log(cosh(θ/4) / cosh((x − ½) θ/2))` with
  /// `θ = √(2λ) cosh(θ/4)`; at λ = 1, θ = 1.5171645990508.
  @Test(arguments: [50, 100, 1000])
  func lowerBranch(_ n: Int) throws {
    let root = try NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-13)).root(
      of: { u in residual(u, 1) }, from: .zeros([n]))
    #expect(root.iterations <= 5)
    let h = 1 / Double(n + 1)
    func cosh(_ x: Tensor) -> Tensor { 0.5 * (exp(x) + exp(-x)) }
    let theta = Tensor(1.5171645990508)
    let x = Tensor((1...n).map { Double($0) * h })
    let exact = 2 * (log(cosh(theta / 4)) - log(cosh((x - 0.5) * theta / 2)))
    // The differences are of second order; u⁗ is about 1.
    #expect((root.point - exact).norm(.infinity).scalar <= 0.05 * h * h + 1e-9)
  }

  /// Up to the fold: the discrete λ* to ten digits by the bordered system
  /// `F(u, λ) = 0`, `∂F/∂u v = 0`, `vᵀv = 1`.
  @Test(arguments: [(10, 3.498683936587), (50, 3.513127792616), (100, 3.513651506259)])
  func fold(_ n: Int, _ expected: Double) throws {
    let newton = NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-12))
    var u = Tensor.zeros([n])
    for lambda in [1, 2, 3, 3.3, 3.45] {
      u = try newton.root(of: { u in residual(u, Tensor(lambda)) }, from: u).point
    }
    let x = Tensor((1...n).map { 3.141592653589793 * Double($0) / Double(n + 1) })
    let start: [Tensor] = [u, sin(x) / sin(x).norm(), 3.45]
    let bordered = NewtonRootFinder(
      linearSolver: LUSolver(), stopping: Stopping(gradientTolerance: 1e-13))
    let root = try bordered.root(
      of: { z -> [Tensor] in
        let F = residual(z[0], z[2])
        let slope = valueAndPushforward(at: z[0], along: z[1]) { u in residual(u, z[2]) }.tangent
        return [F, slope, z[1].squaredNorm() - 1]
      }, from: start)
    #expect((root.point[2].scalar - expected).magnitude <= 2e-12 * expected)
  }

  /// Past the fold there is no solution, and the residual comes as close to zero as 4.5e-10: only a
  /// tolerance below that is refused by the residual alone.
  @Test func pastTheFold() throws {
    let n = 100
    let lambda = Tensor(3.513651506259 + 1e-6)
    let newton = NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-12))
    var u = Tensor.zeros([n])
    for value in [2, 3, 3.4, 3.5, 3.513] {
      u = try newton.root(of: { u in residual(u, Tensor(value)) }, from: u).point
    }
    let error = try #require(throws: ForwardSolverError.self) {
      try newton.root(of: { u in residual(u, lambda) }, from: u)
    }
    switch error {
    case .residualStuck(_, let norm, _, _), .notConverged(_, let norm, _):
      #expect(norm > 1e-12 && norm < 1e-6)
    case .newtonStep(_, .singular): break
    case let other: Issue.record("\(other)")
    }
    let broyden = Broyden(stopping: newton.stopping)
    #expect(throws: ForwardSolverError.self) {
      try broyden.root(of: { u in residual(u, lambda) }, from: u)
    }
    // The loose tolerance lets it pass; the Newton correction of the implicit function does not.
    let loose = NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-7))
    let accepted = try loose.root(of: { u in residual(u, lambda) }, from: u)
    let implicit = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in accepted.point },
      conditions: .root { lambda, u in
        let h = 1 / Double(u.count + 1)
        return 2 * u - u.shifted(by: 1) - u.shifted(by: -1)
          - (lambda * exp(u)).scaled(by: h * h)
      })
    let refused = try #require(throws: DifferentiationError.self) {
      try implicit.linearize(at: lambda)
    }
    guard case .noSolutionNearby(let residualNorm, let correction, _) = refused else {
      Issue.record("\(refused)")
      return
    }
    #expect(residualNorm <= 1e-7)
    #expect(correction > 7e-4)
  }
}
