import Kernels

extension Tensor {
  /// An operation that the library lacks, from its value and its two linear actions.
  ///
  /// ```swift
  /// func cube(_ x: Tensor) -> Tensor {
  ///   .custom(
  ///     x, value: { x in x * x * x },
  ///     pushforward: { x, tangent in 3 * x * x * tangent },
  ///     pullback: { x, cotangent in 3 * x * x * cotangent })
  /// }
  /// ```
  ///
  /// Write the two actions in tensor operations and they are differentiated again when second
  /// derivatives are asked for. They are linear in their second argument, and each other's
  /// transposes: `⟨u, pushforward(x, v)⟩ = ⟨pullback(x, u), v⟩`.
  ///
  /// - Parameters:
  ///   - value: from an untraced tensor. May leave tensors for plain numbers, or call foreign code.
  ///   - pushforward: the tangent of the value, from the point and a tangent of its shape.
  ///   - pullback: the cotangent of the point, from the point and a cotangent of the value's shape.
  ///
  /// An action that returns another shape than it should stops the program.
  public static func custom(
    _ x: Tensor,
    value: (Tensor) -> Tensor,
    pushforward: @escaping @Sendable (_ x: Tensor, _ tangent: Tensor) -> Tensor,
    pullback: @escaping @Sendable (_ x: Tensor, _ cotangent: Tensor) -> Tensor
  ) -> Tensor {
    guard let trace = x.tag?.trace else { return value(x) }
    let below = x.lowered(below: trace)
    let result = custom(below, value: value, pushforward: pushforward, pullback: pullback)
    let map = CustomMap(
      point: below, outputShape: result.dimensions, pushforward: pushforward, pullback: pullback)
    return recorded(result, by: trace, map, of: x)
  }
}

private struct CustomMap: LinearMap {
  let point: Tensor
  let outputShape: Shape
  let pushforward: @Sendable (Tensor, Tensor) -> Tensor
  let pullback: @Sendable (Tensor, Tensor) -> Tensor

  var inputShape: Shape { point.dimensions }

  /// The actions are the user's.
  var isProven: Bool { false }

  func apply(_ v: Tensor, transposed: Bool) -> Tensor {
    let result = transposed ? pullback(point, v) : pushforward(point, v)
    let expected = transposed ? inputShape : outputShape
    if result.dimensions != expected {
      stop(
        "The \(transposed ? "pullback" : "pushforward") of a custom operation returned the shape "
          + "\(result.dimensions) instead of \(expected).")
    }
    return result
  }
}
