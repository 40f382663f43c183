#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import _Differentiation

  @derivative(of: exp)
  @usableFromInline
  func derivativeOfExponential(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { exp($0) } }

  @derivative(of: log)
  @usableFromInline
  func derivativeOfLogarithm(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { log($0) } }

  @derivative(of: sqrt)
  @usableFromInline
  func derivativeOfSquareRoot(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { sqrt($0) } }

  @derivative(of: sin)
  @usableFromInline
  func derivativeOfSine(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { sin($0) } }

  @derivative(of: cos)
  @usableFromInline
  func derivativeOfCosine(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { cos($0) } }

  @derivative(of: tanh)
  @usableFromInline
  func derivativeOfHyperbolicTangent(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { tanh($0) } }

  @derivative(of: logistic)
  @usableFromInline
  func derivativeOfLogistic(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { logistic($0) } }

  @derivative(of: softplus)
  @usableFromInline
  func derivativeOfSoftplus(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { softplus($0) } }

  @derivative(of: abs)
  @usableFromInline
  func derivativeOfMagnitude(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { abs($0) } }

  @derivative(of: max)
  @usableFromInline
  func derivativeOfMaximum(
    _ a: Tensor, _ b: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) { recorded(a, b) { max($0, $1) } }

  @derivative(of: min)
  @usableFromInline
  func derivativeOfMinimum(
    _ a: Tensor, _ b: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) { recorded(a, b) { min($0, $1) } }

  @derivative(of: clamp)
  @usableFromInline
  func derivativeOfClamp(
    _ x: Tensor, _ lower: Tensor, _ upper: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor, Tensor)) {
    let (value, pullback) = recordedPullback(of: [x, lower, upper]) { clamp($0[0], $0[1], $0[2]) }
    return (
      value,
      { cotangent in
        let pulled = pullback(cotangent)
        return (pulled[0], pulled[1], pulled[2])
      }
    )
  }

  // The mask is a constant, as it is in the core: its cotangent is zero.
  @derivative(of: select)
  @usableFromInline
  func derivativeOfSelection(
    _ mask: Tensor, _ a: Tensor, _ b: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor, Tensor)) {
    let (value, pullback) = recorded(a, b) { select(mask, $0, $1) }
    return (
      value,
      { cotangent in
        let (ofA, ofB) = pullback(cotangent)
        return (.zero, ofA, ofB)
      }
    )
  }

  extension Tensor {
    // A mask is a constant.
    @derivative(of: isLess(than:orEqual:))
    @usableFromInline
    func derivativeOfComparison(
      than other: Tensor, orEqual: Bool
    ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) {
      (isLess(than: other, orEqual: orEqual), { _ in (.zero, .zero) })
    }

    @derivative(of: custom(_:value:pushforward:pullback:), wrt: x)
    @usableFromInline
    static func derivativeOfCustom(
      _ x: Tensor,
      value: (Tensor) -> Tensor,
      pushforward: @escaping @Sendable (_ x: Tensor, _ tangent: Tensor) -> Tensor,
      pullback: @escaping @Sendable (_ x: Tensor, _ cotangent: Tensor) -> Tensor
    ) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(x) { .custom($0, value: value, pushforward: pushforward, pullback: pullback) }
    }
  }
#endif
