#if canImport(_Differentiation)
  public import ImplicitDifferentiation
  import Kernels
  public import _Differentiation

  extension ImplicitFunction where Input: DifferentiableStructure, Output: DifferentiableStructure {
    /// The derivative that the compiler uses where it differentiates a call of this function.
    ///
    /// The value part solves, records the conditions at the solution, checks them and prepares the
    /// linear solver, and throws what any of it throws. The pullback is then one linear solve with
    /// `Aᵀ`; its failure follows `BackwardFailure.policy`, as it stood when the value was computed.
    @derivative(of: callAsFunction)
    @usableFromInline
    func derivativeOfCall(
      _ x: Input
    ) throws -> (value: Output, pullback: (Output.TangentVector) -> Input.TangentVector) {
      let policy = BackwardFailure.policy
      let (y, pullback) = try ImplicitDifferentiation.recordedPullback(at: x) { try self($0) }
      return (
        y,
        { cotangent in
          let gradient: Input
          do {
            gradient = try pullback(y.filledStructure(from: cotangent))
          } catch {
            gradient = policy.cotangent(of: x, after: error)
          }
          return Input.tangentVector(from: gradient)
        }
      )
    }

    /// The solution `y(x)`, for places where the compiler cannot differentiate a `try`: inside a
    /// loop, or in `do … catch` and `try?`, where Swift 6.3.1 crashes. What the call would throw
    /// stops the program with the sentence of the error.
    @differentiable(reverse)
    public func orStop(_ x: Input) -> Output {
      do {
        return try self(x)
      } catch {
        stop("An implicit function was called where nothing can be thrown. \(error)")
      }
    }

    @derivative(of: orStop)
    @usableFromInline
    func derivativeOrStop(
      _ x: Input
    ) -> (value: Output, pullback: (Output.TangentVector) -> Input.TangentVector) {
      do {
        return try derivativeOfCall(x)
      } catch {
        stop("An implicit function was called where nothing can be thrown. \(error)")
      }
    }
  }
#endif
