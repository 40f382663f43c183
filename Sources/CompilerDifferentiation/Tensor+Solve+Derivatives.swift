#if canImport(_Differentiation)
  public import ImplicitDifferentiation
  import _Differentiation

  /// The solution of `matrix · x = rightHandSide`, as `solve` gives it, in a function that the
  /// compiler differentiates.
  ///
  /// The factorisation is made with the value; the pullback is a solve with the same factors.
  /// Nothing is thrown: failures, as a singular matrix, follow ``DerivativeFailure``.
  @differentiable(reverse)
  public func solved(_ matrix: Tensor, _ rightHandSide: Tensor) -> Tensor {
    do {
      return try solve(matrix, rightHandSide)
    } catch {
      DerivativeFailure.policy.report(error)
      return rightHandSide.notANumber
    }
  }

  @derivative(of: solved)
  @usableFromInline
  func derivativeOfSolved(
    _ matrix: Tensor, _ rightHandSide: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) {
    let policy = DerivativeFailure.policy
    do {
      let (value, pullback) = try ImplicitDifferentiation.recordedPullback(
        at: [matrix, rightHandSide]
      ) { try solve($0[0], $0[1]) }
      let shape = value.shape
      return (
        value,
        { cotangent in
          if cotangent.isMadeUpZero(for: shape) { return (.zero, .zero) }
          do {
            let pulled = try pullback(cotangent)
            return (pulled[0], pulled[1])
          } catch {
            policy.report(error)
            return (matrix.notANumber, rightHandSide.notANumber)
          }
        }
      )
    } catch {
      policy.report(error)
      return (rightHandSide.notANumber, { _ in (matrix.notANumber, rightHandSide.notANumber) })
    }
  }
#endif
