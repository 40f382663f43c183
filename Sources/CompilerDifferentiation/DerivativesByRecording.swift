#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import Kernels

  // The derivatives of all operations have one source, the core's own recording of the operation:
  // a rule for each is not repeated here. What the recording computes are tensor operations, so
  // running a pullback on traced tensors records it, whatever enclosing trace they belong to.

  /// The value of an operation at `x`, and its pullback.
  func recorded(
    _ x: Tensor, _ operation: (Tensor) -> Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
    let (value, pullback) = recordedPullback(of: [x]) { operation($0[0]) }
    return (value, { pullback($0)[0] })
  }

  /// The value of an operation on two tensors, and its pullback to both.
  func recorded(
    _ x: Tensor, _ y: Tensor, _ operation: (Tensor, Tensor) -> Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) {
    let (value, pullback) = recordedPullback(of: [x, y]) { operation($0[0], $0[1]) }
    return (
      value,
      { cotangent in
        let pulled = pullback(cotangent)
        return (pulled[0], pulled[1])
      }
    )
  }

  /// The value of an operation on any number of tensors, and its pullback to all of them.
  ///
  /// For operations whose transposes are no solves, so cannot fail.
  func recordedPullback(
    of tensors: [Tensor], _ operation: ([Tensor]) -> Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> [Tensor]) {
    let count = tensors.count
    let (value, pullback) = ImplicitDifferentiation.recordedPullback(at: tensors, of: operation)
    let shape = value.shape
    return (
      value,
      { cotangent in
        if cotangent.isMadeUpZero(for: shape) { return Array(repeating: .zero, count: count) }
        do {
          return try pullback(cotangent)
        } catch {
          stop("A derivative could not be computed: \(error)")
        }
      }
    )
  }
#endif
