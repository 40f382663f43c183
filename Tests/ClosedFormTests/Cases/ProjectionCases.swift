@testable import ImplicitDifferentiation
import Optimality

// `½ k ‖y − c‖²` over a set is least at the projection of c, whatever k. The mapping, whose step
// is 1, projects (1 − k) y + k c: with k ≠ 1 that depends on y. Formulas of projections: N. Parikh and
// S. Boyd, "Proximal Algorithms", Found. Trends Optim. 1 (2014), chapter 6.

/// The inputs are c, k and the numbers of the set.
@Sendable private func distance(_ x: [Tensor], _ y: Tensor) -> Tensor {
  0.5 * x[1] * (y - x[0]).squaredNorm()
}

private func projection(
  _ what: String, of c: Tensor, _ set: [Tensor],
  onto project: @escaping @Sendable (_ set: [Tensor], _ point: Tensor) throws -> Tensor,
  formula: @escaping @Sendable (_ c: [Jet], _ set: [Jet]) -> [Jet]
) -> ClosedForm {
  let count = c.count
  return ClosedForm(
    "projectedGradient", what, at: [c, 0.625] + set, unknown: Tensor.zeros([count]),
    conditions: .projectedGradient(of: distance) { x, y in try project(Array(x[2...]), y) },
    formula: { x in formula(Array(x[..<count]), Array(x[(count + 1)...])) })
}

/// `c − a (aᵀc − b)/aᵀa`, with `a` before `b` in the inputs.
@Sendable private func ontoHyperplane(_ c: [Jet], _ set: [Jet]) -> [Jet] {
  let (a, b) = (Array(set[..<3]), set[3])
  let factor = (dot(a, c) - b) / dot(a, a)
  return (0..<3).map { c[$0] - factor * a[$0] }
}

// `½ yᵀ(Q + θI)y − cᵀy` over a set that holds some entries fast: elimination over the others.

private let Q = Tensor([
  [3, 0.5, -0.25, 0], [0.5, 2, 0.5, 0.25], [-0.25, 0.5, 4, 1], [0, 0.25, 1, 3],
])

/// The inputs are c, θ and the numbers of the set.
@Sendable func quadratic(_ x: [Tensor], _ y: Tensor) -> Tensor {
  0.5 * y.dot(matmul(Q, y)) + 0.5 * x[1] * y.squaredNorm() - x[0].dot(y)
}

/// Rows and columns of `Q + θI`.
func block(_ rows: [Int], _ columns: [Int], _ theta: Jet) -> [[Jet]] {
  rows.map { i in columns.map { j in Jet(Q[i, j]) + (i == j ? theta : 0) } }
}

private func quadraticCase(
  _ what: String, _ c: Tensor, _ set: [Tensor],
  onto project: @escaping @Sendable (_ set: [Tensor], _ point: Tensor) throws -> Tensor,
  formula: @escaping @Sendable (_ c: [Jet], _ theta: Jet, _ set: [Jet]) -> [Jet]
) -> ClosedForm {
  ClosedForm(
    "projectedGradient", what, at: [c, 0.25] + set, unknown: Tensor.zeros([4]),
    conditions: .projectedGradient(of: quadratic) { x, y in try project(Array(x[2...]), y) },
    formula: { x in formula(Array(x[..<4]), x[4], Array(x[5...])) })
}

// MARK: Formulas

@Sendable private func unmoved(_ c: [Jet], _ set: [Jet]) -> [Jet] { c }

@Sendable private func ontoSphere(_ c: [Jet], _ set: [Jet]) -> [Jet] {
  let factor = set[0] / norm(c)
  return c.map { factor * $0 }
}

/// `c − Aᵀ(AAᵀ)⁻¹(A c − b)`, `A` of two rows before `b` in the inputs.
@Sendable private func ontoAffineSet(_ c: [Jet], _ set: [Jet]) -> [Jet] {
  let A = [Array(set[..<3]), Array(set[3..<6])]
  let gram = A.map { row in A.map { dot(row, $0) } }
  let nu = eliminate(gram, [dot(A[0], c) - set[6], dot(A[1], c) - set[7]])
  return (0..<3).map { c[$0] - A[0][$0] * nu[0] - A[1][$0] * nu[1] }
}

/// `lower ≤ y ≤ upper`, `wᵀy = t`, the last entry at its upper bound: the others are `c + τw` with the
/// `τ` that meets the total.
@Sendable private func ontoBoxSection(_ c: [Jet], _ set: [Jet]) -> [Jet] {
  let (upper, w, total) = (set[5], Array(set[6..<9]), set[9])
  let missing: Jet = total - w[2] * upper - w[0] * c[0] - w[1] * c[1]
  let squares: Jet = w[0] * w[0] + w[1] * w[1]
  let tau = missing / squares
  return [c[0] + tau * w[0], c[1] + tau * w[1], upper]
}

/// On the support {0, 1, 3}: `[Q + θI, s; sᵀ, 0] (y, ν) = (c, total)` with the signs `s`.
private func onSupport(_ c: [Jet], _ theta: Jet, _ total: Jet, signs: [Jet]) -> [Jet] {
  let S = [0, 1, 3]
  let (z, _) = constrained(block(S, S, theta), [signs], S.map { c[$0] }, [total])
  return [z[0], z[1], 0, z[2]]
}

@Sendable private func ontoSimplex(_ c: [Jet], _ theta: Jet, _ set: [Jet]) -> [Jet] {
  onSupport(c, theta, set[0], signs: [1, 1, 1])
}

@Sendable private func ontoL1Ball(_ c: [Jet], _ theta: Jet, _ set: [Jet]) -> [Jet] {
  onSupport(c, theta, set[0], signs: [1, -1, 1])
}

/// Entries 0 and 2 are free, the others at their lower and upper bounds: `(Q + θI) y = c − Q y_B`.
@Sendable private func ontoBox(_ c: [Jet], _ theta: Jet, _ set: [Jet]) -> [Jet] {
  let bounds = [set[1], set[7]]
  let coupling = block([0, 2], [1, 3], theta).map { dot($0, bounds) }
  let free = eliminate(block([0, 2], [0, 2], theta), [c[0] - coupling[0], c[2] - coupling[1]])
  return [free[0], bounds[0], free[1], bounds[1]]
}

@Sendable private func ontoOrthant(_ c: [Jet], _ theta: Jet, _ set: [Jet]) -> [Jet] {
  let S = [0, 1, 3]
  let z = eliminate(block(S, S, theta), S.map { c[$0] })
  return [z[0], z[1], 0, z[2]]
}

// MARK: Cases

private let distances: [ClosedForm] = [
  projection(
    "the Euclidean ball, outside", of: [1.25, -0.5, 0.75], [0.8],
    onto: { try Projection.l2Ball($1, radius: $0[0]) }, formula: ontoSphere),
  projection(
    "the Euclidean ball, inside", of: [0.25, -0.5, 0.125], [0.8],
    onto: { try Projection.l2Ball($1, radius: $0[0]) }, formula: unmoved),
  projection(
    "a hyperplane", of: [1.25, -0.5, 0.75], [[1, 2, -0.5], -0.75],
    onto: { try Projection.hyperplane($1, normal: $0[0], offset: $0[1]) },
    formula: ontoHyperplane),
  projection(
    "a half-space, outside", of: [1.25, -0.5, 0.75], [[1, 2, -0.5], -0.75],
    onto: { try Projection.halfSpace($1, normal: $0[0], offset: $0[1]) },
    formula: ontoHyperplane),
  projection(
    "a half-space, inside", of: [1.25, -0.5, 0.75], [[1, 2, -0.5], 1],
    onto: { try Projection.halfSpace($1, normal: $0[0], offset: $0[1]) }, formula: unmoved),
  projection(
    "an affine set", of: [1.25, -0.5, 0.75], [[[1, 2, -0.5], [0.25, -1, 3]], [-0.75, 0.5]],
    onto: { try Projection.affineSet($1, matrix: $0[0], rightHandSide: $0[1]) },
    formula: ontoAffineSet),
  projection(
    "a section of a box", of: [0.5, -0.25, 2], [[-1, -1, -1], [2, 2, 0.5], [1, 0.5, 2], 1.25],
    onto: {
      try Projection.boxSection($1, lower: $0[0], upper: $0[1], weights: $0[2], total: $0[3])
    }, formula: ontoBoxSection),
]

private let quadratics: [ClosedForm] = [
  quadraticCase(
    "the simplex, one entry 0", [1.5, 1, -3, 2], [1.25],
    onto: { try Projection.simplex($1, sum: $0[0]) }, formula: ontoSimplex),
  quadraticCase(
    "the l1 ball, one entry 0", [3.5, -3, 1.5, 5], [1.25],
    onto: { try Projection.l1Ball($1, radius: $0[0]) }, formula: ontoL1Ball),
  quadraticCase(
    "a box, one entry at either bound", [1.5, -3, 0.5, 6], [[-2, -0.5, -2, -1], [2, 1, 2, 0.75]],
    onto: { try Projection.box($1, lower: $0[0], upper: $0[1]) }, formula: ontoBox),
  quadraticCase(
    "no negative entries", [1.5, 1, -3, 2], [], onto: { _, y in Projection.nonNegative(y) },
    formula: ontoOrthant),
]

let projectionCases = distances + quadratics
