#if canImport(_Differentiation)
  public import ImplicitDifferentiation
  import Kernels
  import _Differentiation

  /// The gradient of a function that the compiler differentiates, and the product of its Hessian
  /// with a direction.
  ///
  /// The compiler cannot differentiate its own pullbacks: Swift 6.3.1 refuses a nested `gradient`
  /// and computes 0 for a nested `pullback`. But running a pullback on *traced* tensors records the
  /// tensor operations that it consists of, and the recording has derivatives: this is the
  /// directional derivative of the compiler's gradient, exact to rounding, by one forward walk.
  ///
  /// ```swift
  /// let (gradient, product) = gradientAndHessianProduct(
  ///   at: Tensor([2, 1]), along: Tensor([1, 0])) { y in (y * y * y).sum() }
  /// // [12, 3] and [12, 0]
  /// ```
  ///
  /// - Parameters:
  ///   - point: where.
  ///   - direction: of the same structure and shapes as `point`.
  ///   - function: one number, as a tensor. What depends on its argument stays in tensors.
  public func gradientAndHessianProduct<Point: DifferentiableStructure>(
    at point: Point, along direction: Point,
    of function: @differentiable(reverse) (Point) -> Tensor
  ) -> (gradient: Point, product: Point) {
    let (gradient, product) = valueAndPushforward(at: point, along: direction) { point in
      let (value, pullback) = valueWithPullback(at: point, of: function)
      if value.count != 1 {
        stop(DifferentiationError.notScalar(shape: value.shape).description)
      }
      return point.filledStructure(from: pullback(.ones(value.shape)))
    }
    return (gradient, product)
  }
#endif
