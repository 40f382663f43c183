#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import _Differentiation

  @derivative(of: matmul)
  @usableFromInline
  func derivativeOfMatrixProduct(
    _ a: Tensor, _ b: Tensor, transposingLeft: Bool, transposingRight: Bool
  ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) {
    recorded(a, b) {
      matmul($0, $1, transposingLeft: transposingLeft, transposingRight: transposingRight)
    }
  }

  @derivative(of: outer)
  @usableFromInline
  func derivativeOfOuterProduct(
    _ a: Tensor, _ b: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) { recorded(a, b) { outer($0, $1) } }
#endif
