@testable import ImplicitDifferentiation

// e^{y₀} + e^{y₀+y₁} − a y₀ − b y₁ has the slopes e^{y₀} + e^{y₀+y₁} − a and e^{y₀+y₁} − b:
// y₀ = log(a − b), y₁ = log b − y₀.

@Sendable private func exponentials(_ x: Tensor, _ y: Tensor) -> Tensor {
  exp(y.at(0)) + exp(y.at(0) + y.at(1)) - x.dot(y)
}

@Sendable func logarithms(_ x: [Jet]) -> [Jet] {
  let first = logarithm(x[0] - x[1])
  return [first, logarithm(x[1]) - first]
}

private struct Exponentials: MinimizationProblem {
  let forward: @Sendable (Tensor) -> Tensor
  func objective(_ x: Tensor, _ y: Tensor) -> Tensor { exponentials(x, y) }
  func solve(_ x: Tensor) -> Tensor { forward(x) }
}

/// A problem that is its own input: `½ yᵀMy + ½ θ‖y‖² − bᵀy`, with `y = (M + θI)⁻¹b`.
private struct Ridge: MinimizationProblem, TensorStructure {
  var penalty: Tensor
  var target: Tensor

  static var fields: [TensorField<Ridge>] {
    [.init("penalty", \.penalty), .init("target", \.target)]
  }

  func objective(_ x: Ridge, _ y: Tensor) -> Tensor {
    0.5 * y.dot(matmul(Tensor([[3, 1], [1, 2]]), y)) + 0.5 * x.penalty * y.squaredNorm()
      - x.target.dot(y)
  }

  func solve(_ x: Ridge) -> Tensor {
    let (theta, b) = (Jet(x.penalty.scalar), x.target.scalars.map { Jet($0) })
    return Tensor(ridgeFormula([theta] + b).map(\.value))
  }
}

@Sendable private func ridgeFormula(_ x: [Jet]) -> [Jet] {
  eliminate([[3 + x[0], 1], [1, 2 + x[0]]], [x[1], x[2]])
}

let stationaryCases: [ClosedForm] = [
  ClosedForm(
    "stationary", at: Tensor([2.5, 0.75]), unknown: Tensor.zeros([2]),
    conditions: .stationary(of: exponentials), formula: logarithms),
  ClosedForm(
    "stationary", "posed as a MinimizationProblem", at: Tensor([2.5, 0.75]),
    unknown: Tensor.zeros([2]), function: { Exponentials(forward: $0).implicitFunction },
    formula: logarithms),
  ClosedForm(
    "stationary", "a problem that is its own input", at: Ridge(penalty: 0.5, target: [1, -2]),
    unknown: Tensor.zeros([2]),
    function: { _ in Ridge(penalty: 0.5, target: [1, -2]).implicitFunction },
    formula: ridgeFormula),
]
