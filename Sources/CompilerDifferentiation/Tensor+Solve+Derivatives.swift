#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import LinearSolvers
  import _Differentiation

  // What can fail with the matrix, its factorisation, is thrown with the value; the pullback is a
  // solve with the same factors, and what can still fail there follows the policy.
  @derivative(of: solve)
  @usableFromInline
  func derivativeOfSolution(
    _ matrix: Tensor, _ rightHandSide: Tensor
  ) throws(LinearSolveError) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) {
    let (value, pullback) = try recordedPullback(of: [matrix, rightHandSide]) {
      (tensors: [Tensor]) throws(LinearSolveError) -> Tensor in
      try solve(tensors[0], tensors[1])
    }
    return (
      value,
      { cotangent in
        let pulled = pullback(cotangent)
        return (pulled[0], pulled[1])
      }
    )
  }
#endif
