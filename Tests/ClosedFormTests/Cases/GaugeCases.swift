@testable import ImplicitDifferentiation
import Optimality

// Optimal transport with entropy, 2×2: Pᵢⱼ = exp((fᵢ + gⱼ − Cᵢⱼ)/ε), P1 = (α, 1 − α),
// Pᵀ1 = (β, 1 − β). One number p = P₀₀ determines the plan, and p (1 − α − β + p) = κ (α − p)(β − p)
// with κ = exp((C₀₁ + C₁₀ − C₀₀ − C₁₁)/ε), which is quadratic in p. The potentials are free up to
// (f + c, g − c): those with Σ f = Σ g move orthogonally to that.

private let beta = 0.625

private struct Transport: TensorStructure {
  var cost: Tensor
  var share: Tensor
  var temperature: Tensor
  static var fields: [TensorField<Transport>] {
    [.init("cost", \.cost), .init("share", \.share), .init("temperature", \.temperature)]
  }
}

private let sinkhorn = Conditions<Transport, [Tensor]>.root { x, potentials in
  let (f, g) = (potentials[0], potentials[1])
  let P = exp((f.expanded(atAxis: 1) + g.expanded(atAxis: 0) - x.cost) / x.temperature)
  let (a, b) = (Tensor.stack([x.share, 1 - x.share]), Tensor([beta, 1 - beta]))
  return [P.sum(alongAxis: 1) - a, P.sum(alongAxis: 0) - b]
}

@Sendable private func potentials(_ x: [Jet]) -> [Jet] {
  let (C, alpha, epsilon) = (Array(x[..<4]), x[4], x[5])
  let beta = Jet(beta)
  let kappa = exponential((C[1] + C[2] - C[0] - C[3]) / epsilon)
  // (1 − κ) p² + B p − κ α β = 0
  let B = 1 + (kappa - 1) * (alpha + beta)
  let product = kappa * alpha * beta
  let p = 2 * product / (B + squareRoot(B * B + 4 * (1 - kappa) * product))
  // ε log Pᵢⱼ + Cᵢⱼ = fᵢ + gⱼ.
  let (s, t, u) = (
    epsilon * logarithm(p) + C[0], epsilon * logarithm(alpha - p) + C[1],
    epsilon * logarithm(beta - p) + C[2]
  )
  let (fallOfF, fallOfG) = (s - u, s - t)
  let first = 0.5 * (s + 0.5 * (fallOfF - fallOfG))
  return [first, first - fallOfF, s - first, s - first - fallOfG]
}

// min ½ k ‖z − c‖² subject to z₀ + z₁ = s², said twice (the second time doubled): z = c − d with
// d = (c₀ + c₁ − s²)/2, and ν₀ + 2ν₁ = k d, of which the solution with the smallest ν is (1, 2) k d/5.

private let repeated = ConstrainedProblem<[Tensor], Tensor>(
  objective: { x, z in 0.5 * x[2] * (z - x[0]).squaredNorm() },
  equalities: { x, z in
    let violation = z.sum() - x[1] * x[1]
    return Tensor.stack([violation, 2 * violation])
  })

let gaugeCases: [ClosedForm] = [
  ClosedForm(
    "root", "transport with entropy, within its gauge",
    at: Transport(cost: [[0.1, 0.9], [0.6, 0.2]], share: 0.4, temperature: 0.5),
    unknown: [Tensor.zeros([2]), Tensor.zeros([2])], cotangent: [1, -0.5, 0.8, -0.3],
    function: { forward in
      ImplicitFunction(
        forward: forward, conditions: sinkhorn,
        gauge: Gauge(right: [Tensor.ones([2]), -Tensor.ones([2])]))
    }, formula: potentials),
  ClosedForm(
    "kkt", "a constraint that is repeated, the multipliers within their gauge",
    at: [Tensor([1, 0.25]), Tensor(0.75), Tensor(1.5)],
    unknown: KKTPoint<Tensor>(
      primal: Tensor.zeros([2]), equalityMultipliers: Tensor.zeros([2])),
    cotangent: [0.7, -0.4, 0.5, 1],
    function: { ConstrainedMinimum(repeated, solver: $0).function },
    formula: { x in
      let d = 0.5 * (x[0] + x[1] - x[2] * x[2])
      let nu = 0.2 * x[3] * d
      return [x[0] - d, x[1] - d, nu, 2 * nu]
    }),
]
