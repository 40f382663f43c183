#if canImport(_Differentiation)
  public import ImplicitDifferentiation
  import Kernels
  public import _Differentiation

  extension ImplicitFunction where Input: DifferentiableStructure, Output: DifferentiableStructure {
    /// The solution `y(x)`, in a function that the compiler differentiates.
    ///
    /// ```swift
    /// let slope = gradient(at: x) { x in loss(layer.solution(at: x)) }
    /// ```
    ///
    /// The value is that of a call, `try layer(x)`. With it the conditions are recorded at the
    /// solution and checked, and the linear solver is prepared; the pullback is one linear solve
    /// with `Aᵀ`. Nothing is thrown: failures follow ``DerivativeFailure``.
    ///
    /// - Parameters:
    ///   - x: the input.
    ///   - placeholder: of the structure and the shapes of a solution, for a policy that goes on
    ///     with NaN where `forward` found none. By default those of `x`, if it has the type of a
    ///     solution; otherwise the program stops there.
    @differentiable(reverse,wrt: x)
    public func solution(at x: Input, orElse placeholder: Output? = nil) -> Output {
      do {
        return try self(x)
      } catch {
        DerivativeFailure.policy.report(error)
        return unsolved(x, placeholder, error)
      }
    }

    @derivative(of: solution(at:orElse:), wrt: x)
    @usableFromInline
    func derivativeOfSolution(
      at x: Input, orElse placeholder: Output?
    ) -> (value: Output, pullback: (Output.TangentVector) -> Input.TangentVector) {
      let policy = DerivativeFailure.policy
      do {
        let (y, pullback) = try ImplicitDifferentiation.recordedPullback(at: x) { try self($0) }
        return (
          y,
          { cotangent in
            do {
              return Input.tangentVector(from: try pullback(y.filledStructure(from: cotangent)))
            } catch {
              policy.report(error)
              return Input.tangentVector(from: x.notANumber)
            }
          }
        )
      } catch {
        policy.report(error)
        let y = (try? self(x.withoutDerivative)) ?? unsolved(x, placeholder, error)
        return (y, { _ in Input.tangentVector(from: x.notANumber) })
      }
    }

    /// What the computation goes on with where there is no solution.
    private func unsolved(_ x: Input, _ placeholder: Output?, _ error: any Error) -> Output {
      guard let structure = placeholder ?? (x.withoutDerivative as? Output) else {
        stop(
          "There is no solution to go on with: `solution(at:orElse:)` wants a placeholder. \(error)"
        )
      }
      return structure.notANumber
    }
  }
#endif
