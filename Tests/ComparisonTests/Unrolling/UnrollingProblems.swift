import Comparison
import ImplicitDifferentiation

/// Iterations whose derivatives are known.
enum UnrollingProblems {
  /// A rotation of the coordinates: the reflection `I − 2 u uᵀ`, its own inverse.
  static func reflection(_ n: Int) -> Tensor {
    let raw = Tensor((0..<n).map { Double(1 + ($0 * 7) % 5) })
    let u = raw / raw.norm()
    return Tensor.identity(n) - 2 * outer(u, u)
  }

  /// A symmetric matrix with these eigenvalues.
  static func symmetric(_ eigenvalues: [Double]) -> Tensor {
    let Q = reflection(eigenvalues.count)
    return matmul(Q, matmul(Tensor(eigenvalues).diagonal(), Q))
  }

  /// `y ← M y + x`, whose fixed point `(I − M)⁻¹ x` it is linear in.
  static func linear(_ M: Tensor, iterations: Int) -> UnrolledSolver<Tensor, Tensor> {
    UnrolledSolver(
      start: { _ in .zeros([M.shape[0]]) }, step: { x, y in matmul(M, y) + x },
      iterations: iterations)
  }

  /// `y ← x + Q (λ ∘ tanh(Q y))`: nonlinear, with the symmetric Jacobian
  /// `Q diag(λ ∘ (1 − tanh²)) Q`.
  static func nonlinear(_ eigenvalues: [Double], iterations: Int) -> UnrolledSolver<Tensor, Tensor>
  {
    let Q = reflection(eigenvalues.count)
    let scale = Tensor(eigenvalues)
    return UnrolledSolver(
      start: { _ in .zeros([eigenvalues.count]) },
      step: { x, y in x + matmul(Q, scale * tanh(matmul(Q, y))) }, iterations: iterations)
  }

  /// `dy/dx` at the fixed point of `nonlinear`.
  static func nonlinearJacobian(_ eigenvalues: [Double], at y: Tensor) throws -> Tensor {
    let Q = reflection(eigenvalues.count)
    let t = tanh(matmul(Q, y))
    let A = matmul(Q, matmul((Tensor(eigenvalues) * (1 - t * t)).diagonal(), Q))
    return try solve(Tensor.identity(y.count) - A, Tensor.identity(y.count))
  }

  /// `y ← ½(y + x/y)`, to the square root of `x`; flat at its fixed point.
  static func babylonian(iterations: Int) -> UnrolledSolver<Tensor, Tensor> {
    UnrolledSolver(
      start: { x in Tensor.ones(x.shape) }, step: { x, y in 0.5 * (y + x / y) },
      iterations: iterations)
  }

  static let positive = [0.95, 0.9, 0.7, 0.5, 0.3, 0.1]
}

func relativeError(_ a: Tensor, _ b: Tensor) -> Double { ((a - b).norm() / b.norm()).scalar }
