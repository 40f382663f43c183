import ForwardSolvers
import ImplicitDifferentiation
import Measurement

/// Ridge regression with a penalty for each weight, `m = 2n` rows: the gradient of a validation loss
/// in the penalties.
/// ```
/// w(θ) = argmin 1/(2m) ‖X w − y‖² + ½ Σ θⱼ wⱼ²      L = 1/(2m) ‖Xᵥ w − yᵥ‖²      dL/dθ at θⱼ = 0.1
/// ```
package struct Ridge: PeerProblem {
  package static let name = "ridge"
  package static let sizes = [10, 50, 200, 500]

  package let count: Int
  package let features: [Double]
  package let targets: [Double]
  package let validationFeatures: [Double]
  package let validationTargets: [Double]

  package var rowCount: Int { 2 * count }
  package var penalties: [Double] { [Double](repeating: 0.1, count: count) }

  package init(count n: Int) {
    var generator = SplitMix64(seed: 101)
    count = n
    features = generator.symmetric(count: 2 * n * n)
    targets = generator.symmetric(count: 2 * n)
    validationFeatures = generator.symmetric(count: 2 * n * n)
    validationTargets = generator.symmetric(count: 2 * n)
  }

  package var data: [(name: String, values: [Double])] {
    [
      ("X", features), ("y", targets), ("Xv", validationFeatures), ("yv", validationTargets),
    ]
  }

  package var tasks: [PeerTask] {
    let weights = function
    let (theta, validation) = (Tensor(penalties), validationLoss)
    return [
      PeerTask(
        .solveAndGradient,
        run: { try gradient(at: theta) { theta in validation(try weights(theta)) }.scalars },
        reference: reference)
    ]
  }

  package var objective: @Sendable (_ theta: Tensor, _ w: Tensor) -> Tensor {
    let (X, y) = (Tensor(shape: [rowCount, count], features), Tensor(targets))
    let scale = Tensor(0.5 / Double(rowCount))
    return { theta, w in
      scale * (matmul(X, w) - y).squaredNorm() + 0.5 * theta.dot(w * w)
    }
  }

  private var validationLoss: @Sendable (_ w: Tensor) -> Tensor {
    let X = Tensor(shape: [rowCount, count], validationFeatures)
    let (y, scale) = (Tensor(validationTargets), Tensor(0.5 / Double(rowCount)))
    return { w in scale * (matmul(X, w) - y).squaredNorm() }
  }

  private var function: ImplicitFunction<Tensor, Tensor> {
    let (objective, start) = (objective, Tensor.zeros([count]))
    return ImplicitFunction(
      forward: { theta in
        // One Newton step: the gradient is linear in `w`. It is solved to rounding level, where the error
        // of the derivative is known without another solve.
        try NewtonRootFinder(linearSolver: Automatic(relativeTolerance: 1e-15)).root(
          of: { w in gradient(at: w) { w in objective(theta, w) } }, from: start
        ).point
      }, conditions: .stationary(of: objective))
  }

  /// `dL/dθ = −(H⁻¹ ∇L) ∘ w`.
  private func reference() -> [Double] {
    let hessian = RidgeHessian(self)
    let w = solution()
    let residual = zip(hessian.product(validationFeatures, w), validationTargets).map { $0 - $1 }
    let slope = hessian.transposedProduct(validationFeatures, residual)
      .map { $0 / Double(rowCount) }
    return zip(hessian.solve(slope), w).map { -$0 * $1 }
  }

  /// `w`, to rounding level, without the library.
  func solution() -> [Double] {
    let hessian = RidgeHessian(self)
    return hessian.solve(
      hessian.transposedProduct(features, targets).map { $0 / Double(rowCount) })
  }
}

/// `H = XᵀX/m + diag θ` by loops, and conjugate gradients written out, begun again from the residual
/// of their result until that gains nothing.
struct RidgeHessian {
  private let problem: Ridge
  private let penalties: [Double]

  init(_ problem: Ridge) {
    self.problem = problem
    penalties = problem.penalties
  }

  func product(_ matrix: [Double], _ v: [Double]) -> [Double] {
    let n = v.count
    return matrix.withUnsafeBufferPointer { matrix in
      (0..<problem.rowCount).map { i in
        (0..<n).reduce(0) { $0 + matrix[i * n + $1] * v[$1] }
      }
    }
  }

  func transposedProduct(_ matrix: [Double], _ r: [Double]) -> [Double] {
    let n = problem.count
    var sum = [Double](repeating: 0, count: n)
    matrix.withUnsafeBufferPointer { matrix in
      for i in r.indices { for j in 0..<n { sum[j] += matrix[i * n + j] * r[i] } }
    }
    return sum
  }

  private func apply(_ v: [Double]) -> [Double] {
    let sum = transposedProduct(problem.features, product(problem.features, v))
    let m = Double(problem.rowCount)
    return v.indices.map { sum[$0] / m + penalties[$0] * v[$0] }
  }

  func solve(_ b: [Double]) -> [Double] {
    var x = [Double](repeating: 0, count: b.count)
    for _ in 0..<3 {
      let residual = zip(b, apply(x)).map { $0 - $1 }
      x = zip(x, conjugateGradients(residual)).map { $0 + $1 }
    }
    return x
  }

  private func conjugateGradients(_ b: [Double]) -> [Double] {
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    var (x, r) = ([Double](repeating: 0, count: b.count), b)
    var (p, rr) = (r, dot(r, r))
    let goal = 1e-26 * rr
    for _ in 0..<200 where rr > goal {
      let q = apply(p)
      let alpha = rr / dot(p, q)
      for i in x.indices {
        x[i] += alpha * p[i]
        r[i] -= alpha * q[i]
      }
      let next = dot(r, r)
      for i in p.indices { p[i] = r[i] + next / rr * p[i] }
      rr = next
    }
    return x
  }
}
