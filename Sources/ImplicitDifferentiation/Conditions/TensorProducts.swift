/// Products with the Jacobians of conditions `F(x, y) = 0` at a point, from vectors to vectors:
/// `A = ∂F/∂y` and `B = ∂F/∂x`, both ways.
///
/// The point and the vector may be traced, each at any level: the products are tensor operations,
/// so they are recorded there, and derivatives of derivatives need nothing else. (At a point of
/// plain numbers the compiled programs of `LinearizedConditions` do the same work faster.)
package struct TensorProducts<Input: TensorStructure, Output: TensorStructure>: Sendable {
  package typealias Product = @Sendable (_ x: Input, _ y: Output, _ v: Tensor) throws -> Tensor

  /// `A v`, of the length of the residual, for a vector of the unknowns.
  let solution: Product
  /// `Aᵀ u`.
  let transposedSolution: Product
  /// `B v`, for a vector of the variable inputs.
  let input: Product
  /// `Bᵀ u`.
  let transposedInput: Product

  package init(
    solution: @escaping Product, transposedSolution: @escaping Product, input: @escaping Product,
    transposedInput: @escaping Product
  ) {
    self.solution = solution
    self.transposedSolution = transposedSolution
    self.input = input
    self.transposedInput = transposedInput
  }

  /// The products of conditions written in tensor operations, by a sweep over a fresh recording.
  static func traced<Residual: TensorStructure>(
    _ F: @escaping @Sendable (Input, Output) throws -> Residual
  ) -> TensorProducts {
    TensorProducts(
      solution: { x, y, v in
        try valueAndPushforward(at: y, along: y.refilled(from: v)) { try F(x, $0).flat }.tangent
      },
      transposedSolution: { x, y, u in
        try valueAndPullback(at: y, cotangent: { _ in u }) { try F(x, $0).flat }.cotangent.flat
      },
      input: { x, y, v in
        try valueAndPushforward(at: x, along: x.refilled(from: v)) { try F($0, y).flat }.tangent
      },
      transposedInput: { x, y, u in
        try valueAndPullback(at: x, cotangent: { _ in u }) { try F($0, y).flat }.cotangent.flat
      })
  }

  func solution(_ x: Input, _ y: Output, _ v: Tensor, transposed: Bool) throws -> Tensor {
    try transposed ? transposedSolution(x, y, v) : solution(x, y, v)
  }
}
