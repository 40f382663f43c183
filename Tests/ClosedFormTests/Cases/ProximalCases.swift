@testable import ImplicitDifferentiation
import Optimality

// `½ yᵀ(Q + θI)y − cᵀy` and a penalty, whose slope is known once the signs of y are. Inputs: c, θ and
// the penalties. Source of the operators: N. Parikh and S. Boyd, "Proximal Algorithms", Found. Trends
// Optim. 1 (2014), chapter 6.

private func penalised(
  _ what: String, _ c: Tensor, _ penalties: [Tensor],
  proximal: @escaping @Sendable (_ penalties: [Tensor], _ point: Tensor) throws -> Tensor,
  formula: @escaping @Sendable (_ c: [Jet], _ theta: Jet, _ penalties: [Jet]) -> [Jet]
) -> ClosedForm {
  ClosedForm(
    "proximalGradient", what, at: [c, 0.25] + penalties, unknown: Tensor.zeros([4]),
    conditions: .proximalGradient(of: quadratic) { x, y in try proximal(Array(x[2...]), y) },
    formula: { x in formula(Array(x[..<4]), x[4], Array(x[5...])) })
}

/// `(Q_SS + (θ + γ)I) y_S = c_S − λ sign(y_S)` on the support `S` = {0, 1, 3}, with signs +, −, +.
private func lasso(_ c: [Jet], _ theta: Jet, _ lambda: Jet) -> [Jet] {
  let S = [0, 1, 3]
  let z = eliminate(block(S, S, theta), [c[0] - lambda, c[1] + lambda, c[3] - lambda])
  return [z[0], z[1], 0, z[2]]
}

private let penalties: [ClosedForm] = [
  penalised(
    "lasso", [3.5, -3, 0.5, 5], [0.5], proximal: { try Proximal.lasso($1, penalty: $0[0]) },
    formula: { c, theta, penalties in lasso(c, theta, penalties[0]) }),
  penalised(
    "elastic net", [3.5, -3, 0.5, 5], [0.5, 0.75],
    proximal: { try Proximal.elasticNet($1, penalty: $0[0], ridge: $0[1]) },
    formula: { c, theta, penalties in lasso(c, theta + penalties[1], penalties[0]) }),
  penalised(
    "soft threshold, a threshold for each entry", [3.5, -3, 0.5, 5], [[0.5, 0.25, 2, 1]],
    proximal: { try Proximal.softThreshold($1, $0[0]) }, formula: thresholds),
  penalised(
    "ridge", [3.5, -3, 0.5, 5], [0.75], proximal: { try Proximal.ridge($1, ridge: $0[0]) },
    formula: { c, theta, penalties in
      eliminate(block([0, 1, 2, 3], [0, 1, 2, 3], theta + penalties[0]), c)
    }),
]

@Sendable private func thresholds(_ c: [Jet], _ theta: Jet, _ lambda: [Jet]) -> [Jet] {
  let shrunk: [Jet] = [c[0] - lambda[0], c[1] + lambda[1], c[2], c[3] - lambda[3]]
  return lasso(shrunk, theta, 0)
}

// ½ k ‖y − c‖² + Σ λ_g ‖y_g‖: y_g = (1 − λ_g/(k ‖c_g‖)) c_g, or 0 for the second group.

@Sendable private func groups(_ x: [Jet]) -> [Jet] {
  [0, 1, 2].flatMap { g -> [Jet] in
    let c = [x[2 * g], x[2 * g + 1]]
    if g == 1 { return [0, 0] }
    let ratio: Jet = x[7 + g] / (x[6] * norm(c))
    let factor: Jet = 1 - ratio
    return [factor * c[0], factor * c[1]]
  }
}

private let groupLasso = ClosedForm(
  "proximalGradient", "group lasso",
  at: [
    Tensor([[1.25, -0.5], [0.25, 0.125], [0.5, 1]]), Tensor(0.625), Tensor([0.25, 0.5, 0.125]),
  ],
  unknown: Tensor.zeros([3, 2]),
  conditions: .proximalGradient(
    of: { x, y in 0.5 * x[1] * (y - x[0]).squaredNorm() },
    proximal: { x, y in try Proximal.groupLasso(y, penalty: x[2]) }), formula: groups)

// Two blocks: a lasso on the first three entries, of which the third vanishes, a ridge on the last.

@Sendable private func blocks(_ x: [Jet]) -> [Jet] {
  var H = block([0, 1, 3], [0, 1, 3], x[4])
  H[2][2] = H[2][2] + x[6]
  let z = eliminate(H, [x[0] - x[5], x[1] + x[5], x[3]])
  return [z[0], z[1], 0, z[2]]
}

private let twoBlocks = ClosedForm(
  "blockProximalGradient",
  at: [Tensor([3.5, -3, 0.5, 5]), Tensor(0.25), Tensor(0.5), Tensor(0.75)],
  unknown: [Tensor.zeros([3]), Tensor.zeros([1])],
  conditions: .blockProximalGradient(
    of: { x, y in quadratic(x, Tensor.concatenate(y)) },
    proximal: [
      { x, y in try Proximal.lasso(y, penalty: x[2]) },
      { x, y in try Proximal.ridge(y, ridge: x[3]) },
    ]), formula: blocks)

let proximalCases = penalties + [groupLasso, twoBlocks]
