import Comparison
import Optimality
import Testing

@testable import ImplicitDifferentiation

/// What has a first derivative alone, with what the library answers to those who ask for more.
///
/// Tested elsewhere, against closed forms too: derivatives from one side of a kink, where there is no
/// pullback (`WeaklyActiveTests`), and the gradient of an optimal value (`EnvelopeTests`). Some
/// refusals of second derivatives end the program, as mistakes in it do, and are tested in child
/// processes (`StopTests`): products by hand that leave tensors (`secondOfNumbers`), a gauge that
/// depends on the input (`varyingGauge`), inconsistent directions answered by least squares
/// (`secondOfLeastSquares`).
@Suite struct FirstOrderTests {
  @Test("`differences`: nine digits of a first derivative, a warning, and no second derivative")
  func differences() throws {
    // y₀² + 2y₁ = a, y₀ − y₁ = b, as in RootCases.swift.
    let point: [Double] = [2, 0.75]
    let reference = parabolaRoot(Jet.inputs(point))
    let root = ImplicitFunction<Tensor, Tensor>(
      forward: { x in Tensor(parabolaRoot(x.scalars.map { Jet($0) }).map(\.value)) },
      conditions: .differences { x, y in
        let (x, y) = (x.scalars, y.scalars)
        return Tensor([y[0] * y[0] + 2 * y[1] - x[0], y[0] - y[1] - x[1]])
      })
    let x = Tensor(point)
    let J = try root.jacobian(at: x)
    // As documented: 1e-9 times the condition number of A, which is 4.
    #expect(gap(J.value.scalars, reference.flatMap(\.gradient)) <= 4e-9)
    #expect(J.report.warnings.count == 1)
    #expect(throws: ComparisonError.secondDerivative) {
      try gradient(at: x) { x in try gradient(at: x) { try root($0).sum() }.sum() }
    }
    #expect(throws: ComparisonError.secondDerivative) {
      try valueAndPushforward(at: x, along: [1, 1]) { x in
        try valueAndPushforward(at: x, along: [1, 1]) { try root($0).sum() }.tangent
      }
    }
  }

  /// With `r = (y − a, y² − b)` the Gauss–Newton matrix is 1 + 4y²; the Hessian is 1 + 6y² − 2b.
  /// B = (−1, −2y) in both.
  @Test("`gaussNewton`: its formula and that one's derivative, which are biased, and a warning")
  func gaussNewton() throws {
    let (b, y) = (-0.25, 0.375)
    // The a for which y is stationary: y − a + 2y (y² − b) = 0.
    let stationary = y + 2 * y * (y * y - b)
    let fit = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor(y) },
      conditions: .gaussNewton { x, y in Tensor.stack([y - x.at(0), y * y - x.at(1)]) })
    let J = try fit.jacobian(at: Tensor([stationary, b]))
    let matrix = 1 + 4 * y * y
    #expect(gap(J.value.scalars, [1 / matrix, 2 * y / matrix]) <= ClosedFormTests.tolerance)
    #expect(J.report.warnings.count == 1)

    // The second derivative is that of the first, 1/(1 + 4y²) in a, along the biased motion of y.
    let second = try gradient(at: Tensor([stationary, b])) { x in
      try gradient(at: x) { try fit($0) }.at(0)
    }
    #expect(gap([second[0]], [-8 * y / (matrix * matrix * matrix)]) <= ClosedFormTests.tolerance)
  }
}
