#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import _Differentiation

  extension Tensor {
    @derivative(of: +)
    @usableFromInline
    static func derivativeOfSum(
      _ a: Tensor, _ b: Tensor
    ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) { recorded(a, b) { $0 + $1 } }

    @derivative(of: -)
    @usableFromInline
    static func derivativeOfDifference(
      _ a: Tensor, _ b: Tensor
    ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) { recorded(a, b) { $0 - $1 } }

    @derivative(of: *)
    @usableFromInline
    static func derivativeOfProduct(
      _ a: Tensor, _ b: Tensor
    ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) { recorded(a, b) { $0 * $1 } }

    @derivative(of: /)
    @usableFromInline
    static func derivativeOfQuotient(
      _ a: Tensor, _ b: Tensor
    ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) { recorded(a, b) { $0 / $1 } }

    @derivative(of: -)
    @usableFromInline
    static func derivativeOfNegation(
      _ a: Tensor
    ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(a) { -$0 } }

    @derivative(of: +=)
    @usableFromInline
    static func derivativeOfSumInPlace(
      _ a: inout Tensor, _ b: Tensor
    ) -> (value: Void, pullback: (inout Tensor) -> Tensor) { recordedInPlace(&a, b) { $0 + $1 } }

    @derivative(of: -=)
    @usableFromInline
    static func derivativeOfDifferenceInPlace(
      _ a: inout Tensor, _ b: Tensor
    ) -> (value: Void, pullback: (inout Tensor) -> Tensor) { recordedInPlace(&a, b) { $0 - $1 } }

    @derivative(of: *=)
    @usableFromInline
    static func derivativeOfProductInPlace(
      _ a: inout Tensor, _ b: Tensor
    ) -> (value: Void, pullback: (inout Tensor) -> Tensor) { recordedInPlace(&a, b) { $0 * $1 } }

    @derivative(of: /=)
    @usableFromInline
    static func derivativeOfQuotientInPlace(
      _ a: inout Tensor, _ b: Tensor
    ) -> (value: Void, pullback: (inout Tensor) -> Tensor) { recordedInPlace(&a, b) { $0 / $1 } }

    private static func recordedInPlace(
      _ a: inout Tensor, _ b: Tensor, _ operation: (Tensor, Tensor) -> Tensor
    ) -> (value: Void, pullback: (inout Tensor) -> Tensor) {
      let (value, pullback) = recorded(a, b, operation)
      a = value
      return (
        (),
        { cotangent in
          let (ofA, ofB) = pullback(cotangent)
          cotangent = ofA
          return ofB
        }
      )
    }

    @derivative(of: scaled(by:), wrt: self)
    @usableFromInline
    func derivativeOfScaling(
      by factor: Double
    ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(self) { $0.scaled(by: factor) } }

    // The factor is a plain number: its cotangent leaves the tensors, so this one, unlike the one
    // above, cannot be recorded.
    @derivative(of: scaled(by:), wrt: (self, factor))
    @usableFromInline
    func derivativeOfScalingAndFactor(
      by factor: Double
    ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Double)) {
      let (value, pullback) = recorded(self, Tensor(factor)) { $0 * $1 }
      return (
        value,
        { cotangent in
          let (ofSelf, ofFactor) = pullback(cotangent)
          return (ofSelf, ofFactor.scalar)
        }
      )
    }
  }

  @derivative(of: reciprocal)
  @usableFromInline
  func derivativeOfReciprocal(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x, reciprocal) }

  @derivative(of: pow)
  @usableFromInline
  func derivativeOfPower(
    _ x: Tensor, _ n: Int
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { recorded(x) { pow($0, n) } }

  @derivative(of: pow)
  @usableFromInline
  func derivativeOfPower(
    _ x: Tensor, _ y: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) { recorded(x, y) { pow($0, $1) } }
#endif
