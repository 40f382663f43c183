import TensorChecks
import Testing

@testable import TracedTensors

@Suite struct LinearizationTests {
  @Test("The example of the documentation")
  func documentation() throws {
    let tangentMap = try linearization(at: Tensor([1, 2])) { x in x * x }
    #expect(tangentMap.value == [1, 4] && tangentMap.point == [1, 2])
    #expect(try tangentMap.pushforward(Tensor([1, 1])) == [2, 4])
    #expect(try tangentMap.pullback([1, 10]) == [2, 40])
    #expect(!tangentMap.value.isTraced)
  }

  @Test("Structures in and out; constants empty in a pullback, untouched in a pushforward")
  func structures() throws {
    let point = Named(weights: [1, 2], biases: [[3]], extra: 0.5, data: [5, 6])
    let linear = try linearization(at: point) { p in
      [p.weights * p.data, p.biases[0] * (p.extra ?? 0)]
    }
    #expect(linear.jacobian.rowCount == 3 && linear.jacobian.columnCount == 4)
    let pulled = try linear.pullback([[1, 1], [2]])
    #expect(pulled == Named(weights: [5, 6], biases: [[1]], extra: 6, data: Tensor([Double]())))
    let tangent = Named(weights: [1, 0], biases: [[1]], extra: 1, data: [9, 9])
    #expect(try linear.pushforward(tangent) == [[5, 0], [3.5]])
  }

  @Test("Sizes that differ are thrown, with both")
  func sizes() throws {
    let linear = try linearization(at: Tensor([1, 2, 3])) { $0.slice(0..<2) }
    #expect(throws: DifferentiationError.sizeMismatch(what: "the tangent", expected: 3, found: 2)) {
      try linear.pushforward([1, 2])
    }
    #expect(throws: DifferentiationError.sizeMismatch(what: "the cotangent", expected: 2, found: 3))
    {
      try linear.pullback([1, 2, 3])
    }
    #expect(throws: DifferentiationError.shapeMismatch(operation: "+", left: [3], right: [2])) {
      try linearization(at: Tensor([1, 2, 3])) { $0 + [1, 2] }
    }
  }

  @Test("Inside an enclosing gradient: its point is a constant there")
  func insideAGradient() throws {
    let slope = try gradient(at: Tensor([3])) { x in
      let linear = try linearization(at: x) { $0 * $0 * $0 }
      return (x * (try linear.pushforward([1]))).sum()
    }
    #expect(slope == [27])
  }

  @Test("Infinite and NaN coefficients show in the products")
  func notFinite() throws {
    let linear = try linearization(at: Tensor([0, 4])) { sqrt($0) }
    #expect(try linear.pushforward([1, 1]).scalars == [.infinity, 0.25])
    #expect(try linear.pullback([0, 1]).scalars[0].isNaN)
  }
}
