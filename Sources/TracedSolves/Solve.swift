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
  let factors = try PreparedFactors(matrix)
  return try recordedSolve(matrix, rightHandSide, transposed: false, factors: factors)
}

/// A dense factorisation by the methods of LinearSolvers.
private struct PreparedFactors: DenseFactors {
  let count: Int
  private let prepared: any PreparedLinearSolver

  init(_ matrix: Tensor) throws(LinearSolveError) {
    let shape = matrix.shape
    guard shape.count == 2, shape[0] == shape[1] else {
      throw .notSquare(
        rowCount: shape.first ?? 1, columnCount: shape.count > 1 ? shape[1] : 1)
    }
    count = shape[0]
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
    let k = b.shape[1]
    let columns = (0..<k).map { column in (0..<count).map { numbers[$0 * k + column] } }
    let result = Storage(uninitializedCount: b.count)
    for (column, x) in try prepared.solve(columns: columns, transposed: transposed).enumerated() {
      for row in 0..<count { result.base[row * k + column] = x.vector[row] }
    }
    return Tensor(result, b.dimensions)
  }
}
