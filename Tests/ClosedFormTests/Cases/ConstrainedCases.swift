@testable import ImplicitDifferentiation
import Optimality

// min ½‖z − c‖² subject to ½(‖z‖² − r²) ≤ 0, or = 0: z = r c/‖c‖ with the multiplier ‖c‖/r − 1, from
// z − c + λz = 0; inside, the inequality leaves z = c.

@Sendable private func distance(_ x: [Tensor], _ z: Tensor) -> Tensor {
  0.5 * (z - x[0]).squaredNorm()
}

@Sendable private func excess(_ x: [Tensor], _ z: Tensor) -> Tensor {
  0.5 * (z.squaredNorm() - x[1] * x[1])
}

@Sendable private func onTheSphere(_ x: [Jet]) -> [Jet] {
  let (c, r) = (Array(x[..<3]), x[3])
  let length = norm(c)
  return c.map { r * $0 / length } + [length / r - 1]
}

private let outside: [Tensor] = [[1.25, -0.5, 0.75], 0.8]
private let inside: [Tensor] = [[0.25, -0.125, 0.5], 0.8]

// Water-filling: min −Σ log(αᵢ + zᵢ) subject to Σ zᵢ = P, z ≥ 0. With the level
// μ = (P + Σ_S αᵢ)/|S| over the S that are filled: zᵢ = μ − αᵢ and λᵢ = 0 there, zᵢ = 0 and
// λᵢ = 1/μ − 1/αᵢ elsewhere, ν = 1/μ.
// Source: S. Boyd and L. Vandenberghe, *Convex Optimization* (2004), example 5.2.

private let waterFilling = ConstrainedProblem<[Tensor], Tensor>(
  objective: { x, z in -log(x[0] + z).sum() },
  equalities: { x, z in z.sum() - x[1] }, inequalities: { _, z in -z })

@Sendable private func waterLevel(_ x: [Jet]) -> [Jet] {
  // α₁ = 2 stands above the water.
  let level = 0.5 * (x[3] + x[0] + x[2])
  return [level - x[0], 0, level - x[2], 1 / level, 0, 1 / level - 1 / x[1], 0]
}

let constrainedCases: [ClosedForm] =
  [ComplementarityForm.activeSet, .products].flatMap { form in
    [
      ClosedForm(
        "kkt", "an active inequality, \(form)", at: outside,
        unknown: KKTPoint<Tensor>(
          primal: Tensor.zeros([3]), inequalityMultipliers: Tensor.zeros([1])),
        conditions: .kkt(objective: distance, inequalities: excess, form: form),
        formula: onTheSphere),
      ClosedForm(
        "kkt", "an inactive inequality, \(form)", at: inside,
        unknown: KKTPoint<Tensor>(
          primal: Tensor.zeros([3]), inequalityMultipliers: Tensor.zeros([1])),
        conditions: .kkt(objective: distance, inequalities: excess, form: form),
        formula: { x in Array(x[..<3]) + [0] }),
      ClosedForm(
        "kkt", "equality, active and inactive inequalities, \(form)",
        at: [Tensor([0.5, 2, 0.75]), Tensor(1.5)],
        unknown: KKTPoint<Tensor>(
          primal: Tensor.zeros([3]), equalityMultipliers: Tensor.zeros([1]),
          inequalityMultipliers: Tensor.zeros([3])),
        function: { ConstrainedMinimum(waterFilling, solver: $0, form: form).function },
        formula: waterLevel),
    ]
  } + [
    ClosedForm(
      "kkt", "an equality", at: outside,
      unknown: KKTPoint<Tensor>(primal: Tensor.zeros([3]), equalityMultipliers: Tensor.zeros([1])),
      conditions: .kkt(objective: distance, equalities: excess), formula: onTheSphere)
  ]
