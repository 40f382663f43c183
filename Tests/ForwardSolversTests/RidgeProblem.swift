import ForwardSolvers
import ImplicitDifferentiation

/// A small ridge regression with a known solution and a known derivative in its penalty `θ`:
/// `f(w) = ‖X w − y‖² / 2n + θ ‖w‖² / 2`, so that `H = XᵀX/n + θ I`, `w* = H⁻¹ Xᵀy/n` and
/// `dw*/dθ = −H⁻¹ w*`.
struct RidgeProblem {
  let features: Tensor
  let target: Tensor
  let penalty: Tensor
  let hessian: Tensor
  let solution: Tensor
  /// `dw*/dθ`.
  let derivative: Tensor
  /// The eigenvalues of the Hessian, ascending, and its eigenvectors.
  let eigenvalues: [Double]
  let eigenvectors: [[Double]]

  /// The problem with a table of numbers known to many digits: 20 × 5, `Xᵢⱼ = sin(1 + (i+1)(j+1)) 2⁻ʲ`,
  /// `yᵢ = cos((i+1)/2)`, `θ = 0.01`.
  init() throws {
    let (n, p) = (20, 5)
    var (angles, scales) = ([Double](), [Double]())
    for i in 0..<n {
      for j in 0..<p {
        angles.append(Double(1 + (i + 1) * (j + 1)))
        scales.append(1 / Double(1 << j))
      }
    }
    try self.init(
      features: sin(Tensor(shape: [n, p], angles)) * Tensor(shape: [n, p], scales),
      target: cos(Tensor((0..<n).map { 0.5 * Double($0 + 1) })), penalty: 0.01)
  }

  init(features: Tensor, target: Tensor, penalty: Tensor) throws {
    let (n, p) = (features.shape[0], features.shape[1])
    self.features = features
    self.target = target
    self.penalty = penalty
    hessian =
      matmul(features, features, transposingLeft: true) / Tensor(Double(n))
      + penalty * Tensor.identity(p)
    solution = try solve(
      hessian, matmul(features, target, transposingLeft: true) / Tensor(Double(n)))
    derivative = -(try solve(hessian, solution))
    let decomposition = Eigenvalues(symmetric: hessian)
    eigenvalues = decomposition.values
    eigenvectors = decomposition.vectors
  }

  func objective(_ penalty: Tensor, _ w: Tensor) -> Tensor {
    let r = matmul(features, w) - target
    return (r.squaredNorm() / Tensor(Double(target.count)) + penalty * w.squaredNorm()) / 2
  }

  var largest: Double { eigenvalues[eigenvalues.count - 1] }
  var smallest: Double { eigenvalues[0] }
}

/// The eigenvalues of a symmetric matrix by Jacobi's rotations, ascending, with their vectors.
struct Eigenvalues {
  let values: [Double]
  let vectors: [[Double]]

  init(symmetric matrix: Tensor) {
    let n = matrix.shape[0]
    var a = (0..<n).map { i in (0..<n).map { j in matrix[i, j] } }
    var v = (0..<n).map { i in (0..<n).map { j in i == j ? 1.0 : 0.0 } }
    for _ in 0..<60 {
      for p in 0..<n {
        for q in (p + 1)..<Swift.max(n, p + 1) where a[p][q] != 0 {
          let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
          let t = (theta < 0 ? -1 : 1) / (theta.magnitude + (theta * theta + 1).squareRoot())
          let c = 1 / (t * t + 1).squareRoot()
          let s = t * c
          for k in 0..<n {
            (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q])
          }
          for k in 0..<n {
            (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k])
          }
          for k in 0..<n {
            (v[k][p], v[k][q]) = (c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q])
          }
        }
      }
    }
    let order = (0..<n).sorted { a[$0][$0] < a[$1][$1] }
    values = order.map { a[$0][$0] }
    vectors = order.map { column in (0..<n).map { v[$0][column] } }
  }
}

/// `‖a − b‖₂`.
func distance(_ a: Tensor, _ b: Tensor) -> Double { (a - b).norm().scalar }

/// `‖a − b‖₂ / ‖b‖₂`.
func relativeDistance(_ a: Tensor, _ b: Tensor) -> Double { distance(a, b) / b.norm().scalar }
