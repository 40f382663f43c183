@testable import ImplicitDifferentiation
import Optimality

// Quadratic programs with known active sets: their KKT conditions are a linear system, solved by
// elimination. `Q` counts by its symmetric part.

/// The rows of an `m × n` matrix that begins at `start`.
private func rows(_ x: [Jet], _ start: Int, _ m: Int, _ n: Int) -> [[Jet]] {
  (0..<m).map { i in Array(x[(start + i * n)..<(start + (i + 1) * n)]) }
}

private func symmetric(_ Q: [[Jet]]) -> [[Jet]] {
  Q.indices.map { i in Q.indices.map { j in 0.5 * (Q[i][j] + Q[j][i]) } }
}

private let Q = Tensor([[3, 0.5, -0.25], [0.25, 2, 0.5], [-0.5, 0.25, 4]])

/// One equality; the first inequality binds, the second does not.
private let program = QuadraticProgram(
  Q: Q, c: [-1, 0.5, -2], A: [[1, 1, 0.5]], b: [1], G: [[-0.25, -1, 0.5], [0.5, -1, 1]],
  h: [-0.5, 6])

@Sendable private func programSolution(_ x: [Jet]) -> [Jet] {
  // Q: 0..<9, c: 9..<12, A: 12..<15, b: 15, G: 16..<22, h: 22..<24
  let active = [Array(x[12..<15]), Array(x[16..<19])]
  let (z, nu) = constrained(
    symmetric(rows(x, 0, 3, 3)), active, x[9..<12].map { -$0 }, [x[15], x[22]])
  return z + [nu[0], nu[1], 0]
}

/// `K z` of three unknowns: one row fixed, one at its lower limit, one at neither, one without
/// lower limit and below its upper one.
private func boxProgram() throws -> BoxQuadraticProgram {
  try BoxQuadraticProgram(
    Q: Q, c: [-1, 0.5, -2], K: [[1, 1, 0.5], [0.25, 1, -0.5], [1, 0, 0], [0, 0.5, 1]],
    lower: [1, 0.5, -10, -.infinity], upper: [1, 8, 12, 9])
}

@Sendable private func boxProgramSolution(_ x: [Jet]) -> [Jet] {
  // Q: 0..<9, c: 9..<12, K: 12..<24, lower: 24, 25, upper: 26, 27, 28, equal: 29
  let K = rows(x, 12, 4, 3)
  let (z, nu) = constrained(
    symmetric(rows(x, 0, 3, 3)), [K[0], K[1]], x[9..<12].map { -$0 }, [x[29], x[24]])
  // Multipliers of the equality, three upper limits, two lower ones; `lower − K z ≤ 0` turns the sign.
  return z + [nu[0], 0, 0, 0, -nu[1], 0]
}

/// Limits on `z` itself: the second entry is at its upper one.
private func limited() throws -> BoxQuadraticProgram {
  try BoxQuadraticProgram(
    Q: Q, c: [-1, -3, -2], lower: [-5, -.infinity, -5], upper: [.infinity, 0.5, 5])
}

@Sendable private func limitedSolution(_ x: [Jet]) -> [Jet] {
  // Q: 0..<9, c: 9..<12, lower of 0 and 2: 12, 13, upper of 1 and 2: 14, 15
  let (z, nu) = constrained(
    symmetric(rows(x, 0, 3, 3)), [[0, 1, 0]], x[9..<12].map { -$0 }, [x[14]])
  return z + [nu[0], 0, 0, 0]
}

/// - Throws: what refuses one of the programs: no case must be lost.
func programCases() throws -> [ClosedForm] {
  try [ComplementarityForm.activeSet, .products].flatMap { form in
    try [
      ClosedForm(
        "quadraticProgram", "\(form)", at: program,
        unknown: KKTPoint<Tensor>(
          primal: Tensor.zeros([3]), equalityMultipliers: Tensor.zeros([1]),
          inequalityMultipliers: Tensor.zeros([2])),
        conditions: .quadraticProgram(form: form), formula: programSolution),
      ClosedForm(
        "boxQuadraticProgram", "\(form)", at: boxProgram(),
        unknown: KKTPoint<Tensor>(
          primal: Tensor.zeros([3]), equalityMultipliers: Tensor.zeros([1]),
          inequalityMultipliers: Tensor.zeros([5])),
        conditions: .boxQuadraticProgram(form: form), formula: boxProgramSolution),
      ClosedForm(
        "boxQuadraticProgram", "limits on the unknowns, \(form)", at: limited(),
        unknown: KKTPoint<Tensor>(
          primal: Tensor.zeros([3]), inequalityMultipliers: Tensor.zeros([4])),
        conditions: .boxQuadraticProgram(form: form), formula: limitedSolution),
    ]
  }
}
