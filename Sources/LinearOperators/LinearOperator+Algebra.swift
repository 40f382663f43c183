// Methods instead of `+` and `*`: sums and compositions check the shapes, hence `try`, and every
// further overload of an operator sign makes all arithmetic slower to type-check.

extension LinearOperator {
  /// `A + B`.
  public func plus(_ other: any LinearOperator) throws(LinearSolveError) -> SumOperator {
    try SumOperator(self, other)
  }

  /// `A B`: first `other`, then `self`.
  public func composed(with other: any LinearOperator) throws(LinearSolveError) -> ComposedOperator
  { try ComposedOperator(self, other) }

  /// `α A`.
  public func scaled(by factor: Double) -> ScaledOperator { ScaledOperator(factor, self) }

  /// `A + σ I`.
  public func shifted(by shift: Double) throws(LinearSolveError) -> ShiftedOperator {
    try ShiftedOperator(self, by: shift)
  }
}
