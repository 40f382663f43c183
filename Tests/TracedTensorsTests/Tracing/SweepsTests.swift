import Foundation
import TensorChecks
import Testing
import TracedSolves

@testable import TracedTensors

/// Gradients, products with Hessians and higher derivatives against closed forms.
@Suite struct SweepsTests {
  /// Some tens of roundings of numbers of size one to a hundred.
  static let tolerance = 1e-12

  static let x: Tensor = [0.3, -0.8, 1.7, 0.05]
  static let v: Tensor = [1, -2, 0.5, 3]

  private func close(_ a: Tensor, _ b: [Double]) -> Bool {
    largestDifference(a.scalars, b) <= Self.tolerance * max(1, largestMagnitude(b))
  }

  @Test("The gradient of ½ xᵀAx is ½ (A + Aᵀ) x, its Hessian ½ (A + Aᵀ)")
  func quadraticForm() throws {
    let A = Tensor([[2, 1, 0, -3], [0.5, -1, 4, 0], [7, 0.25, 1, 1], [0, -2, 3, 5]])
    func f(_ x: Tensor) -> Tensor { 0.5 * x.dot(matmul(A, x)) }
    let S = 0.5 * (A + A.transposed())
    #expect(close(gradient(at: Self.x, of: f), matmul(S, Self.x).scalars))
    let product = gradient(at: Self.x) { gradient(at: $0, of: f).dot(Self.v) }
    #expect(close(product, matmul(S, Self.v).scalars))
    let compiled = try linearization(at: Self.x) { gradient(at: $0, of: f) }
    #expect(largestDifference(try compiled.jacobian.denseMatrix(), S.scalars) <= Self.tolerance)
  }

  @Test("A pullback that is kept: constants get an empty tensor")
  func keptPullback() throws {
    let p = Named(weights: [1, 2], biases: [[3]], extra: nil, data: [7, 8])
    let (value, pullback) = recordedPullback(at: p) { p in (p.weights * p.data).sum() }
    #expect(value == 23)
    for factor in [1.0, -2] {
      let pulled = try pullback(Tensor(factor))
      #expect(pulled.weights == Tensor([7, 8]) * Tensor(factor) && pulled.biases == [[0]])
      #expect(pulled.data.count == 0)
    }
  }

  @Test("Rosenbrock's function: gradient and Hessian at a point")
  func rosenbrock() {
    func f(_ z: Tensor) -> Tensor {
      let (x, y) = (z.at(0), z.at(1))
      return (1 - x) * (1 - x) + 100 * pow(y - x * x, 2)
    }
    let (x, y) = (-1.2, 1.0)
    let (value, slope) = valueAndGradient(at: Tensor([x, y]), of: f)
    #expect(close(value, [24.2]))
    #expect(close(slope, [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)]))
    let hessian = [[1200 * x * x - 400 * y + 2, -400 * x], [-400 * x, 200]]
    for (k, row) in hessian.enumerated() {
      let product = gradient(at: Tensor([x, y])) { gradient(at: $0, of: f).at(k) }
      #expect(close(product, row))
    }
  }

  @Test("Four derivatives of x⁵, of sin, of 1/x and of eˣ, nested in each other")
  func fourDerivatives() {
    let table: [(name: String, f: (Tensor) -> Tensor, derivatives: [(Double) -> Double])] = [
      (
        "x⁵", { pow($0, 5) },
        [
          { 5 * Foundation.pow($0, 4) }, { 20 * $0 * $0 * $0 }, { 60 * $0 * $0 }, { 120 * $0 },
        ]
      ),
      (
        "sin", { sin($0) },
        [
          { Foundation.cos($0) }, { -Foundation.sin($0) }, { -Foundation.cos($0) },
          { Foundation.sin($0) },
        ]
      ),
      (
        "1/x", { 1 / $0 },
        [
          { -1 / ($0 * $0) }, { 2 / Foundation.pow($0, 3) }, { -6 / Foundation.pow($0, 4) },
          { 24 / Foundation.pow($0, 5) },
        ]
      ),
      ("eˣ", { exp($0) }, (0..<4).map { _ in { Foundation.exp($0) } }),
      (
        "log", { log($0) },
        [
          { 1 / $0 }, { -1 / ($0 * $0) }, { 2 / Foundation.pow($0, 3) },
          { -6 / Foundation.pow($0, 4) },
        ]
      ),
      (
        "√x", { sqrt($0) },
        [
          { 0.5 * Foundation.pow($0, -0.5) }, { -0.25 * Foundation.pow($0, -1.5) },
          { 0.375 * Foundation.pow($0, -2.5) }, { -0.9375 * Foundation.pow($0, -3.5) },
        ]
      ),
    ]
    for row in table {
      for x in [0.7, 1.3] {
        var reverse = row.f
        var forward = row.f
        for (order, exact) in row.derivatives.enumerated() {
          let (below, along) = (reverse, forward)
          reverse = { x in gradient(at: x, of: below) }
          forward = { x in valueAndPushforward(at: x, along: 1, of: along).tangent }
          let expected = exact(x)
          #expect(close(reverse(Tensor(x)), [expected]), "\(row.name), order \(order + 1)")
          #expect(close(forward(Tensor(x)), [expected]), "\(row.name), order \(order + 1)")
        }
      }
    }
  }

  @Test("Perturbations are not confused")
  func perturbationConfusion() {
    // d/dx [x · d/dy (x + y)] = 1 (Siskind and Pearlmutter, 2005).
    func d(_ x: Tensor, _ f: (Tensor) -> Tensor) -> Tensor { gradient(at: x, of: f) }
    func e(_ x: Tensor, _ f: (Tensor) -> Tensor) -> Tensor {
      valueAndPushforward(at: x, along: 1, of: f).tangent
    }
    for (outer, inner) in [(d, d), (d, e), (e, d), (e, e)] {
      #expect(outer(1) { x in x * inner(1) { y in x + y } } == 1)
      // d/dx [x · d/dy (x y)] = 2x.
      #expect(outer(3) { x in x * inner(2) { y in x * y } } == 6)
      // d/dx [d/dy (x² y³)] at y = x, the point itself moving: ∂ₓ(3x²y²) + ∂ᵧ(3x²y²) = 12x³.
      #expect(outer(2) { x in inner(x) { y in x * x * y * y * y } } == 96)
      // The inner derivative does not depend on x at all.
      #expect(outer(2) { x in inner(x.withoutDerivative) { y in y * y } } == 0)
    }
    // Three levels: d/dx [x · d/dy (y · d/dz (x y z))] = d/dx [x · 2xy] = 4xy.
    let threeLevels = d(2) { x in x * d(5) { y in y * d(7) { z in x * y * z } } }
    #expect(threeLevels == 40)
  }

  @Test("What does not depend on the variable has the derivative zero")
  func constants() throws {
    #expect(gradient(at: Self.x) { _ in 3 } == Tensor.zeros([4]))
    #expect(gradient(at: Self.x) { $0.withoutDerivative.sum() } == Tensor.zeros([4]))
    #expect(
      valueAndPushforward(at: Self.x, along: Self.v) { _ in Tensor([1, 2]) }.tangent
        == Tensor.zeros([2]))
    let constant = try linearization(at: Self.x) { _ in Tensor([1, 2]) }
    #expect(try constant.pushforward(Self.v) == [0, 0])
    #expect(try constant.pullback([1, 1]) == [0, 0, 0, 0])
    #expect(try constant.jacobian.denseMatrix() == [Double](repeating: 0, count: 8))
    let identity = try linearization(at: Self.x) { $0 }
    #expect(try identity.pullback(Self.v) == Self.v)
    #expect(identity.jacobian.structure == .diagonal)
  }

  @Test("Loops with early exits, branches and traced comparisons")
  func controlFlow() {
    // Newton's square root, in the form that the compiler's differentiation gets wrong.
    func root(_ x: Tensor) -> Tensor {
      var y = x
      for _ in 0..<60 {
        let step = (y * y - x) / (2 * y)
        if abs(step) < 1e-15 { break }
        y = y - step
      }
      return y
    }
    #expect(close(gradient(at: 2, of: root), [1 / (2 * 2.0.squareRoot())]))
    let second = gradient(at: 2) { gradient(at: $0, of: root) }
    #expect(close(second, [-0.25 * Foundation.pow(2, -1.5)]))
  }

  @Test("Structures: named fields, arrays, optionals, constants")
  func structures() {
    let point = Named(weights: [1, 2], biases: [[3], [4]], extra: nil, data: [5, 6])
    let slope = gradient(at: point) { p in
      (p.weights * p.weights * p.data).sum() + p.biases[0].sum() * p.biases[1].sum()
    }
    #expect(slope.weights == [10, 24])
    #expect(slope.biases == [[4], [3]])
    #expect(slope.extra == nil)
    #expect(slope.data.shape == [0])
    let (value, tangent) = valueAndPushforward(at: point, along: point) { p in
      Named(weights: p.weights * 2, biases: [p.biases[0] * p.data], extra: p.data, data: p.data)
    }
    #expect(value.extra == [5, 6])
    #expect(tangent.weights == [2, 4] && tangent.biases == [[15, 18]] && tangent.extra == [0, 0])
  }

  @Test("An error thrown inside is passed on, and the trace is closed")
  func errorsPass() {
    struct Refused: Error, Equatable {}
    #expect(throws: Refused()) {
      try gradient(at: Self.x) { (_: Tensor) throws(Refused) -> Tensor in throw Refused() }
    }
    #expect(throws: LinearSolveError.self) {
      try gradient(at: Self.x) { x throws(LinearSolveError) in
        try solve(outer(x, x), x).sum()
      }
    }
  }

  @Test(
    "Cotangents that meet at a node many times are all counted",
    arguments: [1, 7, 8, 9, 16, 17, 100])
  func manyReaders(_ count: Int) throws {
    func f(_ x: Tensor) -> Tensor {
      (0..<count).reduce(Tensor(0)) { sum, k in sum + tanh(x * Tensor(Double(k))).sum() }
    }
    let x = 0.1
    let exact = (0..<count).reduce(0.0) { sum, k in
      let t = Foundation.tanh(x * Double(k))
      return sum + Double(k) * (1 - t * t)
    }
    let point = Tensor([x, x])
    #expect(close(gradient(at: point, of: f), [exact, exact]))
    let compiled = try linearization(at: point, of: f)
    #expect(close(try compiled.pullback(1), [exact, exact]))
    #expect(close(try compiled.pushforward([1, 1]), [2 * exact]))
    let twice = ExecutableProgram(compiled.operation.program.transposed().transposed())
    #expect(close(Tensor(try twice.applied(to: [1, 1])), [2 * exact]))
  }
}
