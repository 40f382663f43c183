import ForwardSolvers
import Optimality
import Testing

@testable import ImplicitDifferentiation

@Suite struct LeastSquaresConditionsTests {
  static let times: [Double] = [0, 0.5, 1, 1.5, 2, 2.5, 3]
  static let measured = Tensor([1.2, 2.3, 0.6, 0.2, 1.1, -0.3, 0.8])

  /// `r = y₀ exp(−y₁ t) − x`: a decay that the data follow badly.
  @Sendable static func decay(_ x: Tensor, _ y: Tensor) -> Tensor {
    y.at(0) * exp(-y.at(1) * Tensor(times)) - x
  }

  static func fit() throws -> Tensor {
    try Newton(stopping: Stopping(gradientTolerance: 1e-13)).minimum(
      of: { y in 0.5 * decay(measured, y).squaredNorm() }, from: Tensor([2, 0.8])
    ).point
  }

  /// By hand: `R`, `S = Σ rᵢ∇²rᵢ`, and `B = −Rᵀ` as `x` enters linearly.
  static func byHand(_ y: Tensor) -> (R: [[Double]], S: [[Double]]) {
    let (amplitude, rate) = (y[0], y[1])
    let r = decay(measured, y).scalars
    var (R, S): ([[Double]], [[Double]]) = ([], [[0, 0], [0, 0]])
    for (i, t) in times.enumerated() {
      let e = exp(Tensor(-rate * t)).scalar
      R.append([e, -amplitude * t * e])
      S[0][1] += r[i] * -t * e
      S[1][1] += r[i] * amplitude * t * t * e
    }
    S[1][0] = S[0][1]
    return (R, S)
  }

  private static func reference(_ y: Tensor, full: Bool) -> [Double] {
    let (R, S) = byHand(y)
    let H = (0..<2).map { i in
      (0..<2).map { j in R.reduce(full ? S[i][j] : 0) { $0 + $1[i] * $1[j] } }
    }
    let columns = R.map { eliminate(H, $0) }
    return (0..<2).flatMap { i in columns.map { $0[i] } }
  }

  @Test("The full Hessian against the derivative worked out by hand")
  func fullHessian() throws {
    let y = try Self.fit()
    let J = try jacobian(
      Conditions<Tensor, Tensor>.nonlinearLeastSquares(of: Self.decay), at: Self.measured,
      solution: y)
    #expect(largestGap(J.scalars, Self.reference(y, full: true)) <= mappingTolerance)
  }

  @Test("Gauss–Newton gives its formula, not the derivative, and says so")
  func gaussNewton() throws {
    let y = try Self.fit()
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in y }, conditions: .gaussNewton(of: Self.decay))
    let J = try function.jacobian(at: Self.measured)
    #expect(largestGap(J.value.scalars, Self.reference(y, full: false)) <= mappingTolerance)
    // The bias is no rounding: the data scatter by half of their size.
    #expect(largestGap(J.value.scalars, Self.reference(y, full: true)) >= 1e-2)
    #expect(J.report.warnings.count == 1)
    #expect(J.report.description.contains("biased"))
    let honest = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in y }, conditions: .nonlinearLeastSquares(of: Self.decay))
    #expect(try honest.jacobian(at: Self.measured).report.warnings.isEmpty)
  }

  @Test("B is exact where x enters the Jacobian of the residual")
  func nonlinearInput() throws {
    // r = (x y₀ + y₁² − 1, y₀ − x², y₁ + x y₀): ∂R/∂x ≠ 0. Compared where both A agree up to S.
    let residual: @Sendable (Tensor, Tensor) -> Tensor = { x, y in
      [x * y.at(0) + y.at(1) * y.at(1) - 1, y.at(0) - x * x, y.at(1) + x * y.at(0)]
    }
    let x: Tensor = 0.7
    let y = try Newton(stopping: Stopping(gradientTolerance: 1e-14)).minimum(
      of: { y in 0.5 * residual(x, y).squaredNorm() }, from: Tensor([0.5, 0.5])
    ).point
    func linearized(_ conditions: Conditions<Tensor, Tensor>) throws -> (
      A: [Double], B: [Double]
    ) {
      let linearization = try ImplicitFunction<Tensor, Tensor>(
        forward: { _ in y }, conditions: conditions
      ).linearize(at: x)
      return (try linearization.A.denseMatrix(), try linearization.B.denseMatrix())
    }
    let full = try linearized(.nonlinearLeastSquares(of: residual))
    let gauss = try linearized(.gaussNewton(of: residual))
    #expect(largestGap(full.B, gauss.B) <= 1e-14)
    // The only second derivative is ∂²r₀/∂y₁² = 2.
    let r0 = residual(x, y).scalars[0]
    #expect(largestGap(full.A, zip(gauss.A, [0, 0, 0, 2 * r0]).map { $0 + $1 }) <= 1e-14)
    #expect(abs(r0) > 1e-2)
  }

  /// `r = (x − y)²`: the solution is `y = x`, where `R = 0`; both are taken a little beside it.
  @Test("The factor 3/2 of a quartic")
  func quartic() throws {
    let residual: @Sendable (Tensor, Tensor) -> Tensor = { x, y in (x - y) * (x - y) }
    func slope(_ conditions: Conditions<Tensor, Tensor>) throws -> Double {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { x in x + 0x1p-10 }, conditions: conditions, conditionsTolerance: nil)
      return try function.pushforward(at: 0.75, 1).value.scalar
    }
    #expect(abs(try slope(.nonlinearLeastSquares(of: residual)) - 1) <= 1e-12)
    #expect(abs(try slope(.gaussNewton(of: residual)) - 1.5) <= 1e-12)
  }

  @Test("Residuals in several tensors")
  func structures() throws {
    let y = try Self.fit()
    let parts: @Sendable (Tensor, Tensor) -> [Tensor] = { x, y in
      let r = Self.decay(x, y)
      return [r.slice(0..<3), r.slice(3..<7)]
    }
    for (one, several) in [
      (
        Conditions<Tensor, Tensor>.nonlinearLeastSquares(of: Self.decay),
        Conditions<Tensor, Tensor>.nonlinearLeastSquares(of: parts)
      ),
      (.gaussNewton(of: Self.decay), .gaussNewton(of: parts)),
    ] {
      let expected = try jacobian(one, at: Self.measured, solution: y)
      let found = try jacobian(several, at: Self.measured, solution: y)
      #expect(largestGap(found.scalars, expected.scalars) <= 1e-14)
    }
  }
}
