import Testing

@testable import ImplicitDifferentiation

/// A matrix that no cache holds is read in single precision, and nothing of that is left in a derivative.
@Suite("Large matrices")
struct LargeMatrixTests {
  @Test("a pullback iterates in single precision and is right in double")
  func ridge() throws {
    // Just as many numbers as it takes.
    let (m, n) = (4200, 1000)
    let X = Tensor(shape: [m, n], ProbeVector.make(count: m * n, seed: 71))
    let w = Tensor(ProbeVector.make(count: n, seed: 72))
    let theta = Tensor((0..<n).map { (j: Int) -> Double in 0.5 + Double(j % 7) })
    func hessian(_ v: Tensor) -> Tensor {
      matmul(X, matmul(X, v), transposingLeft: true).scaled(by: 1 / Double(m)) + theta * v
    }
    // The minimum is at w.
    let slope = hessian(w)
    let weights = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in w },
      conditions: .stationary { theta, w in
        matmul(X, w).squaredNorm().scaled(by: 0.5 / Double(m)) + 0.5 * theta.dot(w * w)
          - slope.dot(w)
      })
    let cotangent = Tensor(ProbeVector.make(count: n, seed: 73))
    let derivative = try weights.linearize(at: theta, solution: w).pullback(cotangent)
    #expect(derivative.report.linearSolver.contains("single precision"))
    // θ̄ = −u ∘ w with H u = w̄.
    let u = -derivative.value / w
    #expect((hessian(u) - cotangent).norm() <= 2e-12 * cotangent.norm())
    let digits = try #require(derivative.report.trustedDigits)
    #expect(digits >= 9)
  }
}
