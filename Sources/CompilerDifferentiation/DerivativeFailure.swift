#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import Kernels
  import Synchronization

  /// What happens when a solve fails where nothing can be thrown: inside a function that the
  /// compiler differentiates.
  ///
  /// A pullback has no way to throw. And Swift 6.3.1 miscompiles a `try` in a differentiated
  /// function: cotangents that hold references, as tensors do, are released once too often. So this
  /// target registers no derivative of anything that throws, and the compiler refuses to
  /// differentiate `try layer(x)`; `layer.solution(at: x)` and `solved(matrix, rightHandSide)` are
  /// differentiable, and what they cannot throw follows this policy.
  ///
  /// All that can fail before the cotangent is known is done with the value: the forward solve, the
  /// recording and the check of the conditions, the factorisation. Left for the pullback are a
  /// cotangent that is not finite, an iterative solve that does not converge for it, a loss that
  /// changes along a gauge, and an answer that does not stand up to its own check. Both follow the
  /// policy of the scope in which the value was computed; `withThrownFailures` is such a scope.
  public enum DerivativeFailure: Sendable {
    /// The program stops with the sentence of the error: the default.
    case stop

    /// The handler gets the error, and what depends on the failed solve is NaN.
    case notANumber(@Sendable (any Error) -> Void)

    /// The policy of the current task.
    @TaskLocal public static var policy: DerivativeFailure = .stop

    /// Hands the error on, or stops.
    func report(_ error: any Error) {
      switch self {
      case .stop: Kernels.stop("A derivative failed where nothing can be thrown. \(error)")
      case .notANumber(let handle): handle(error)
      }
    }
  }

  /// Runs `body`, and throws the first error that solves in it would have thrown if they could.
  ///
  /// ```swift
  /// let slope = try withThrownFailures {
  ///   gradient(at: model) { model in loss(model.layer.solution(at: model.scale * x)) }
  /// }
  /// ```
  ///
  /// The computation is not interrupted: behind a failed solve it goes on with NaN, and its result
  /// is dropped. Where the forward solver fails, the NaN have the shapes of the placeholder of
  /// `solution(at:orElse:)`.
  ///
  /// - Throws: what `body` throws, else the first failure.
  public func withThrownFailures<Result>(_ body: () throws -> Result) throws -> Result {
    let failures = FirstFailure()
    let result = try DerivativeFailure.$policy.withValue(
      .notANumber { failures.note($0) }, operation: body)
    if let error = failures.error { throw error }
    return result
  }

  private final class FirstFailure: Sendable {
    private let first = Mutex<(any Error)?>(nil)

    var error: (any Error)? { first.withLock { $0 } }

    func note(_ error: any Error) { first.withLock { $0 = $0 ?? error } }
  }

  extension TensorStructure {
    /// The same structure, all numbers NaN; constants are empty.
    var notANumber: Self {
      mapTensors(isConstant: false) { tensor, isConstant in
        isConstant ? Tensor([Double]()) : Tensor(repeating: .nan, shape: tensor.shape)
      }
    }
  }
#endif
