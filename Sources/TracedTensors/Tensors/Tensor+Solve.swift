import Kernels

// How the solution of a dense system is recorded. The factors come from whoever knows how to solve.

/// A dense `n × n` matrix that can be solved with, made once and shared by every solve with the same
/// numbers.
package protocol DenseFactors: Sendable {
  /// `n`.
  var count: Int { get }

  /// Solves for an untraced right-hand side, a vector of length `n` or `n × k`.
  func solve(_ b: Tensor, transposed: Bool) throws(LinearSolveError) -> Tensor
}

/// The solution with `matrix` or its transpose, sharing factors through all levels of derivatives.
package func recordedSolve(
  _ matrix: Tensor, _ b: Tensor, transposed: Bool, factors: any DenseFactors
) throws(LinearSolveError) -> Tensor {
  let n = factors.count
  guard b.rank >= 1, b.rank <= 2, b.dimensions[0] == n else {
    throw .sizeMismatch(
      what: "the right-hand side of `solve`", expected: n,
      found: b.rank == 0 ? 1 : b.dimensions[0])
  }
  guard let trace = innermostTrace(matrix, b) else {
    return try factors.solve(b, transposed: transposed)
  }
  let (below, rhs) = (matrix.lowered(below: trace), b.lowered(below: trace))
  let x = try recordedSolve(below, rhs, transposed: transposed, factors: factors)
  // The right-hand side of the differential, db − dA x, as ordinary terms of a node of its own;
  // then one map, the solve.
  let k = b.rank == 1 ? 1 : b.dimensions[1]
  let row = transposed ? 1 : n
  let column = transposed ? n : 1
  var differentials: [(operand: Tensor, piece: Piece)] = [
    (b, Piece(rhs, StridedTerm(count: b.count)))
  ]
  for term in StridedTerm.boxes(
    [n, n, k], output: [k, 0, 1], coefficient: [0, k, 1], input: [row, column, 0])
  {
    differentials.append((matrix, Piece(below, times: x, term, scale: -1)))
  }
  let defect = recorded(rhs, by: trace, differentials)
  let map = SolveMap(matrix: below, shape: b.dimensions, transposed: transposed, factors: factors)
  return recorded(x, by: trace, map, of: defect)
}

private struct SolveMap: LinearMap {
  let matrix: Tensor
  let shape: Shape
  let transposed: Bool
  let factors: any DenseFactors

  var inputShape: Shape { shape }
  var outputShape: Shape { shape }

  func apply(_ v: Tensor, transposed flipped: Bool) throws -> Tensor {
    try recordedSolve(matrix, v, transposed: transposed != flipped, factors: factors)
  }
}
