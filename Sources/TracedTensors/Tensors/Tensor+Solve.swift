import Kernels

/// The solution of `matrix · x = rightHandSide` for a dense square matrix, by LU with partial
/// pivoting, or by Cholesky when the matrix is symmetric positive definite.
///
/// One recorded instruction: pushforward, pullback and all further derivatives are solves with the
/// same factors, `dx = A⁻¹ (db − dA x)`. Costs `2n³/3` operations once (half with Cholesky) and
/// `2n²` for each right-hand side.
///
/// - Parameters:
///   - matrix: `n × n`.
///   - rightHandSide: a vector of length `n`, or `n × k` for several at once.
/// - Throws: `LinearSolveError` when the matrix is singular to working precision, not square, or
///   not finite.
public func solve(_ matrix: Tensor, _ rightHandSide: Tensor) throws(LinearSolveError) -> Tensor {
  let factors = try DenseFactors(matrix)
  return try solve(matrix, rightHandSide, transposed: false, factors: factors)
}

/// The solution with `matrix` or its transpose, sharing factors through all levels of derivatives.
private func solve(
  _ matrix: Tensor, _ b: Tensor, transposed: Bool, factors: DenseFactors
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
  let x = try solve(below, rhs, transposed: transposed, factors: factors)
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
  let factors: DenseFactors

  var inputShape: Shape { shape }
  var outputShape: Shape { shape }

  func apply(_ v: Tensor, transposed flipped: Bool) throws -> Tensor {
    try solve(matrix, v, transposed: transposed != flipped, factors: factors)
  }
}

/// A dense factorisation, made once and shared by every solve with the same numbers.
private struct DenseFactors: Sendable {
  let count: Int
  private let prepared: any PreparedLinearSolver

  init(_ matrix: Tensor) throws(LinearSolveError) {
    guard matrix.rank == 2, matrix.dimensions[0] == matrix.dimensions[1] else {
      throw .notSquare(
        rowCount: matrix.rank > 0 ? matrix.dimensions[0] : 1,
        columnCount: matrix.rank > 1 ? matrix.dimensions[1] : 1)
    }
    count = matrix.dimensions[0]
    let n = count
    let entries = matrix.rawScalars
    let operation = try DenseOperator(rowCount: n, columnCount: n, entries: entries)
    var isSymmetric = true
    search: for i in 0..<n {
      for j in 0..<i where entries[i * n + j] != entries[j * n + i] {
        isSymmetric = false
        break search
      }
    }
    if isSymmetric, let cholesky = try? CholeskySolver().prepare(operation) {
      prepared = cholesky
    } else {
      prepared = try LUSolver().prepare(operation)
    }
  }

  /// Solves for an untraced right-hand side, its columns as one block.
  func solve(_ b: Tensor, transposed: Bool) throws(LinearSolveError) -> Tensor {
    let numbers = b.rawScalars
    if b.rank == 1 {
      return Tensor(try prepared.solve(numbers, transposed: transposed).vector)
    }
    let k = b.dimensions[1]
    let columns = (0..<k).map { column in (0..<count).map { numbers[$0 * k + column] } }
    let result = Storage(uninitializedCount: b.count)
    for (column, x) in try prepared.solve(columns: columns, transposed: transposed).enumerated() {
      for row in 0..<count { result.base[row * k + column] = x.vector[row] }
    }
    return Tensor(result, b.dimensions)
  }
}
