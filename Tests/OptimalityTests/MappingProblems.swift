import ForwardSolvers
import Optimality

@testable import ImplicitDifferentiation

// Problems with dense references, shared by the tests of the mappings.

/// Every derivative is compared to this: condition numbers below 1e4, solved to rounding.
let mappingTolerance = 1e-9

/// Forward solvers end here, well below the tolerance of the comparisons.
let tightStopping = Stopping(gradientTolerance: 1e-13, maximumIterations: 100_000)

/// Least squares with features that are correlated, but not badly.
enum Regression {
  static let features: Tensor = {
    var numbers = SeededNumbers(31)
    return numbers.tensor([12, 5])
  }()
  static let target: Tensor = {
    var numbers = SeededNumbers(37)
    return matmul(features, Tensor([1.5, -1, 0.75, 0, 0.05])) + numbers.tensor([12]).scaled(by: 0.2)
  }()

  @Sendable static func loss(_ y: Tensor) -> Tensor {
    0.5 * (matmul(features, y) - target).squaredNorm()
  }

  /// `XᵀX` restricted to some columns, as a nested array.
  static func gram(_ columns: [Int]) -> [[Double]] {
    let G = matmul(features, features, transposingLeft: true)
    return columns.map { i in columns.map { j in G[i, j] } }
  }
}

/// The solution of a small dense system, by Gaussian elimination with pivoting: a reference that
/// shares nothing with the library.
func eliminate(_ matrix: [[Double]], _ rightHandSide: [Double]) -> [Double] {
  let n = rightHandSide.count
  var (A, b) = (matrix, rightHandSide)
  for k in 0..<n {
    let pivot = (k..<n).max { abs(A[$0][k]) < abs(A[$1][k]) } ?? k
    A.swapAt(k, pivot)
    b.swapAt(k, pivot)
    for i in (k + 1)..<max(n, k + 1) {
      let factor = A[i][k] / A[k][k]
      for j in k..<n { A[i][j] -= factor * A[k][j] }
      b[i] -= factor * b[k]
    }
  }
  for k in stride(from: n - 1, through: 0, by: -1) {
    for j in (k + 1)..<max(n, k + 1) { b[k] -= A[k][j] * b[j] }
    b[k] /= A[k][k]
  }
  return b
}

/// `dy/dx` by the conditions, at a solution that is given.
func jacobian<Input: TensorStructure, Output: TensorStructure>(
  _ conditions: Conditions<Input, Output>, at x: Input, solution y: Output
) throws -> Tensor {
  let function = ImplicitFunction<Input, Output>(forward: { _ in y }, conditions: conditions)
  return try function.jacobian(at: x).value
}
