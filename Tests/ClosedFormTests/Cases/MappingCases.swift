@testable import ImplicitDifferentiation
import Optimality

// min τ Σ (yᵢ log yᵢ − yᵢ) − θᵀy: exp(θ/τ) over positive numbers, softmax(θ/τ) over the simplex.

private let scores: [Tensor] = [[0.25, -1, 0.75], 0.8]

@Sendable private func entropic(_ x: [Tensor], _ y: Tensor) -> Tensor {
  x[1] * (y * log(y) - y).sum() - x[0].dot(y)
}

@Sendable private func powers(_ x: [Jet]) -> [Jet] { (0..<3).map { exponential(x[$0] / x[3]) } }

@Sendable private func softmax(_ x: [Jet]) -> [Jet] {
  let powers = powers(x)
  let total = sum(powers)
  return powers.map { $0 / total }
}

private func entropicCase(
  _ what: String, _ geometry: BregmanGeometry<[Tensor], Tensor>, step: Double,
  formula: @escaping @Sendable ([Jet]) -> [Jet]
) -> ClosedForm {
  ClosedForm(
    "mirrorDescent", "\(what), step \(step)", at: scores, unknown: Tensor.zeros([3]),
    conditions: .mirrorDescent(of: entropic, geometry: geometry, stepSize: step),
    formula: formula)
}

// K y = b, for a matrix of numbers and for a band: `(2 + s) yᵢ − yᵢ₋₁ − t yᵢ₊₁ = bᵢ`.

private struct System: TensorStructure {
  var matrix: Tensor
  var rightHandSide: Tensor
  static var fields: [TensorField<System>] {
    [.init("matrix", \.matrix), .init("rightHandSide", \.rightHandSide)]
  }
}

@Sendable private func bandSolution(_ x: [Jet]) -> [Jet] {
  let n = 6
  let K = (0..<n).map { i in
    (0..<n).map { j -> Jet in
      switch j - i {
      case 0: 2 + x[0]
      case -1: -1
      case 1: -x[1]
      default: 0
      }
    }
  }
  return eliminate(K, Array(x[2...]))
}

private let band = ClosedForm(
  "linearSystem", "product",
  at: [Tensor(0.5), Tensor(0.75), Tensor([1, -2, 3, 0.5, -1, 2])], unknown: Tensor.zeros([6]),
  conditions: .linearSystem(
    product: { x, y in
      let diagonal = (2 + x[0]) * y
      return diagonal - y.shifted(by: 1) - x[1] * y.shifted(by: -1)
    }, rightHandSide: { x in x[2] }), formula: bandSolution)

@Sendable private func systemSolution(_ x: [Jet]) -> [Jet] {
  eliminate((0..<3).map { i in Array(x[(3 * i)..<(3 * i + 3)]) }, Array(x[9...]))
}

private let system = ClosedForm(
  "linearSystem", "matrix",
  at: System(matrix: [[4, 1, -2], [0.5, 5, 1], [1, -1, 3]], rightHandSide: [1, -2, 3]),
  unknown: Tensor.zeros([3]),
  conditions: .linearSystem(matrix: { $0.matrix }, rightHandSide: { $0.rightHandSide }),
  formula: systemSolution)

// ½‖y − c‖² over the ball of radius r: r c/‖c‖.

@Sendable private func onTheSphere(_ x: [Jet]) -> [Jet] {
  let factor = x[3] / norm(Array(x[..<3]))
  return (0..<3).map { factor * x[$0] }
}

private let ball = ClosedForm(
  "mirrorDescent", "Euclidean geometry and a ball", at: [Tensor([1.25, -0.5, 0.75]), Tensor(0.8)],
  unknown: Tensor.zeros([3]),
  conditions: .mirrorDescent(
    of: { x, y in 0.5 * (y - x[0]).squaredNorm() },
    geometry: .euclidean { x, y in try Projection.l2Ball(y, radius: x[1]) }, stepSize: 0.375),
  formula: onTheSphere)

let mappingCases: [ClosedForm] = [
  entropicCase("the simplex", .simplex, step: 0.5, formula: softmax),
  // τ step = 1: the map is the closed form, with A = −I.
  entropicCase("the simplex", .simplex, step: 1.25, formula: softmax),
  entropicCase("positive numbers", .positive, step: 0.5, formula: powers), ball,
  parabolaCase("newtonMap", .newtonMap(of: parabola)), system, band,
]
