import Optimality
import Testing

@testable import ImplicitDifferentiation

@Suite struct MirrorDescentConditionsTests {
  static let scores = Tensor([0.5, -1, 2, 0.25])

  /// `−θᵀy + Σ yᵢ log yᵢ`, whose minimiser on the simplex is the softmax of `θ`.
  @Sendable static func entropic(_ theta: Tensor, _ y: Tensor) -> Tensor {
    (y * log(y)).sum() - theta.dot(y)
  }

  /// `diag(p) − ppᵀ`.
  static func softmaxJacobian(_ p: [Double]) -> [Double] {
    p.indices.flatMap { i in p.indices.map { j in (i == j ? p[i] : 0) - p[i] * p[j] } }
  }

  @Test("Softmax, by every step size", arguments: [0.1, 0.5, 1, 1.5])
  func softmax(step: Double) throws {
    let y = Self.scores.softmax()
    let conditions = Conditions<Tensor, Tensor>.mirrorDescent(
      of: Self.entropic, geometry: .simplex, stepSize: step)
    let J = try jacobian(conditions, at: Self.scores, solution: y)
    #expect(largestGap(J.scalars, Self.softmaxJacobian(y.scalars)) <= 1e-14 / step)
  }

  @Test("With step 1 the map is the closed form: A = −I; with another it is not")
  func closedForm() throws {
    let y = Self.scores.softmax()
    for (step, isClosed) in [(1.0, true), (0.5, false)] {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { _ in y },
        conditions: .mirrorDescent(of: Self.entropic, geometry: .simplex, stepSize: step))
      let A = try function.linearize(at: Self.scores).A.denseMatrix()
      let gap = largestGap(A, Tensor.identity(4).scalars.map { -$0 })
      #expect((gap <= 1e-14) == isClosed)
    }
  }

  @Test("Rows of a matrix are simplices of their own")
  func rows() throws {
    let theta = Tensor([[0.5, -1, 2], [1, 0.25, -0.5]])
    let y = theta.softmax(alongAxis: 1)
    let conditions = Conditions<Tensor, Tensor>.mirrorDescent(
      of: Self.entropic, geometry: .simplex, stepSize: 0.5)
    // ⟨θ, y⟩ of matrices is the sum over rows, as `dot` takes it.
    let J = try jacobian(conditions, at: theta, solution: y)
    let blocks = (0..<2).map { Self.softmaxJacobian(y.at($0).scalars) }
    for i in 0..<6 {
      for j in 0..<6 {
        let expected = i / 3 == j / 3 ? blocks[i / 3][(i % 3) * 3 + j % 3] : 0
        #expect(abs(J[i, j] - expected) <= 1e-14)
      }
    }
  }

  /// `min Σ y log y − y − θᵀy` over positive `y`: `y = exp θ`.
  @Test("Positive numbers", arguments: [0.5, 1])
  func positive(step: Double) throws {
    let conditions = Conditions<Tensor, Tensor>.mirrorDescent(
      of: { theta, y in (y * log(y) - y).sum() - theta.dot(y) }, geometry: .positive,
      stepSize: step)
    let y = exp(Self.scores)
    let J = try jacobian(conditions, at: Self.scores, solution: y)
    #expect(largestGap(J.scalars, y.diagonal().scalars) <= 1e-13)
  }

  @Test("A geometry that depends on the input: bounds moved by it")
  func inputDependentGeometry() throws {
    let geometry = BregmanGeometry<[Tensor], Tensor>.euclidean(
      onto: { x, y in try Projection.box(y, lower: x[1], upper: 10) })
    let conditions = Conditions<[Tensor], Tensor>.mirrorDescent(
      of: { x, y in 0.5 * (y - x[0]).squaredNorm() }, geometry: geometry, stepSize: 0.5)
    let J = try jacobian(
      conditions, at: [Tensor([1, -2]), Tensor([0, 0.5])], solution: Tensor([1, 0.5]))
    #expect(largestGap(J.scalars, [1, 0, 0, 0, 0, 0, 0, 1]) <= 1e-14)
  }

  @Test("At an entry 0 the dual is infinite, and the residual is refused")
  func boundary() {
    let conditions = Conditions<Tensor, Tensor>.mirrorDescent(
      of: { theta, y in (y - theta).squaredNorm() }, geometry: .simplex)
    #expect(throws: (any Error).self) {
      try jacobian(conditions, at: Tensor([0.9, -0.5]), solution: Tensor([1, 0]))
    }
  }
}
