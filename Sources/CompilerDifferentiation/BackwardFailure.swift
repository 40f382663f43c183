#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import Kernels

  /// What happens when a pullback fails, which cannot throw: the compiler gives it no way to.
  ///
  /// All that can fail before the cotangent is known is done with the value, and thrown there: the
  /// forward solve, the recording and the check of the conditions, the factorisation. Left are a
  /// cotangent that is not finite, an iterative solve that does not converge for it, a loss that
  /// changes along a gauge, and an answer that does not stand up to its own check.
  ///
  /// The policy is that of the scope in which the *value* was computed:
  ///
  /// ```swift
  /// let g = BackwardFailure.$policy.withValue(.notANumber { errors.append($0) }) {
  ///   gradient(at: x) { loss($0) }
  /// }
  /// ```
  public enum BackwardFailure: Sendable {
    /// The program stops with the sentence of the error: the default.
    case stop

    /// The handler gets the error, and the cotangent is NaN, in all its entries.
    case notANumber(@Sendable (any Error) -> Void)

    /// The policy of the current task.
    @TaskLocal public static var policy: BackwardFailure = .stop

    /// What stands for a cotangent of `point` that could not be computed.
    func cotangent<Value: TensorStructure>(of point: Value, after error: any Error) -> Value {
      switch self {
      case .stop:
        Kernels.stop("A pullback failed, and a pullback cannot throw. \(error)")
      case .notANumber(let handle):
        handle(error)
        return point.mapTensors(isConstant: false) { tensor, isConstant in
          isConstant ? Tensor([Double]()) : Tensor(repeating: .nan, shape: tensor.shape)
        }
      }
    }
  }
#endif
