import ImplicitDifferentiation
import Kernels

extension Conditions {
  /// Conditions `F(x, y) = 0` that nothing can trace (foreign code, a simulation), differentiated by
  /// central differences. **An approximation**, for want of anything better: every report says so in
  /// a warning, with an estimate of the error.
  ///
  /// ```swift
  /// let conditions = Conditions<Tensor, Tensor>.differences { x, y in
  ///   Tensor(simulation.residual(x.scalars, y.scalars))
  /// }
  /// ```
  ///
  /// With smooth conditions, evaluated to rounding, expect relative errors of about 1e-9 times the
  /// condition number of the (well scaled) `A`: with `δ` the relative step and `ε` the rounding of
  /// `F`, an error of `δ²F‴/6` from truncation and `ε/δ` from rounding. `δ ≈ ε^⅓` balances them.
  ///
  /// The estimate compares `A v` and `B v`, along one pseudo-random `v` each, with differences of
  /// twice the step, and asks the linear system what their discrepancy does to a solution. Above
  /// `tolerance` the derivative is refused: then the residual is noisy, its numbers are of
  /// very different sizes, or `A` is singular (which differences turn into an `A` that is not). A
  /// discontinuity or kink that the step does not meet is not seen.
  ///
  /// | what | evaluations of `F` |
  /// |---|---|
  /// | linearization, with `n` unknowns | `2n + 7` (`.directional`: 9 and 2 for each product) |
  /// | a pushforward | 2 (`.directional`: and 2 for each product) |
  /// | the first pullback, with `m` inputs | `2m` (`.directional`: and `2n`) |
  /// | any other | none |
  ///
  /// `B v` is always a difference along `v`, and `Bᵀu` goes by columns: the two are each other's
  /// transposes to about nine digits. Second derivatives are refused.
  ///
  /// - Parameters:
  ///   - residual: `F(x, y)`, as many numbers as there are unknowns. It is called at points near
  ///     the solution, from any thread, and never with traced tensors.
  ///   - products: whether `A` is kept as a matrix.
  ///   - relativeStep: `δ`. For a residual with relative noise `η`, take `η^⅓`.
  ///   - inputScale: typical sizes of the numbers of the input, positive, where they differ much
  ///     within one tensor; see `DifferenceUnits` for what is taken otherwise: the size of each
  ///     number, or the root mean square of its tensor if that is larger.
  ///   - solutionScale: the same of the unknowns.
  ///   - tolerance: the largest estimated relative error that is returned.
  public static func differences<Residual: TensorStructure>(
    products: DifferenceProducts = .columns,
    relativeStep: Double = 0x1p-17,
    inputScale: Input? = nil,
    solutionScale: Output? = nil,
    tolerance: Double = 1e-4,
    residual: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Residual
  ) -> Conditions {
    if !(relativeStep > 0 && relativeStep < 1) {
      stop("The relative step of differences lies between 0 and 1; it was \(relativeStep).")
    }
    let jacobians = DifferenceJacobians(
      residual: { x, y in try residual(x, y).flattened() }, products: products,
      relativeStep: relativeStep, inputScale: inputScale, solutionScale: solutionScale)
    return Conditions(
      residual: residual,
      products: TensorProducts(
        solution: { x, y, v in matmul(try jacobians.matrix(x, y, \.A), v) },
        transposedSolution: { x, y, u in matmul(u, try jacobians.matrix(x, y, \.A)) },
        input: { x, y, v in matmul(try jacobians.matrix(x, y, \.B), v) },
        transposedInput: { x, y, u in matmul(u, try jacobians.matrix(x, y, \.B)) }),
      operators: { x, y in
        let (A, B) = try jacobians(x, y)
        return ConditionsOperators(A: A, B: B) { solve in
          let error = try DifferenceJacobians<Input, Output>.estimatedError(A, B, solve)
          // `!(≤)`, so that NaN is refused too.
          if !(error <= tolerance) {
            throw ComparisonError.inaccurateDifferences(
              estimatedError: error, tolerance: tolerance)
          }
          return [
            "Finite differences stand in for the derivatives of the conditions: an approximation, "
              + "with a relative error of about \(error.shortened) by its own estimate."
          ]
        }
      })
  }
}

/// Both Jacobians of conditions, by differences.
private struct DifferenceJacobians<Input: TensorStructure, Output: TensorStructure>: Sendable {
  typealias Pair = (A: DifferenceJacobian, B: DifferenceJacobian)

  let residual: @Sendable (Input, Output) throws -> [Double]
  let products: DifferenceProducts
  let relativeStep: Double
  let inputScale: Input?
  let solutionScale: Output?

  func callAsFunction(_ x: Input, _ y: Output) throws -> Pair {
    let residual = residual
    let n = y.variableCount
    let A = DifferenceJacobian(
      at: y.flattened(), rowCount: n,
      units: try DifferenceUnits(y, typical: solutionScale, "the typical sizes of the solution"),
      relativeStep: relativeStep, products: products, "the solution"
    ) { numbers in try residual(x, try y.rebuilt(from: numbers)) }
    let B = DifferenceJacobian(
      at: x.flattened(), rowCount: n,
      units: try DifferenceUnits(x, typical: inputScale, "the typical sizes of the input"),
      relativeStep: relativeStep, products: .directional, "the input"
    ) { numbers in try residual(try x.rebuilt(from: numbers), y) }
    return (A, B)
  }

  /// One of them as a matrix, for products with traced vectors at a point of plain numbers.
  func matrix(_ x: Input, _ y: Output, _ jacobian: KeyPath<Pair, DifferenceJacobian>) throws
    -> Tensor
  {
    if (x.variables + y.variables).contains(where: \.isTraced) {
      throw ComparisonError.secondDerivative
    }
    let operation = try self(x, y)[keyPath: jacobian]
    return Tensor(
      shape: [operation.rowCount, operation.columnCount], try operation.denseMatrix())
  }

  /// The relative error of pushforwards along a pseudo-random direction: `‖A⁻¹ΔA w‖ / ‖w‖` for one
  /// `w`, an estimate of what the error of `A` does to any solution, and `‖A⁻¹ΔB v‖ / ‖A⁻¹B v‖`.
  static func estimatedError(
    _ A: DifferenceJacobian, _ B: DifferenceJacobian, _ solve: ConditionsOperators.Solve
  ) throws -> Double {
    func discrepancy(_ product: [Double], _ jacobian: DifferenceJacobian, _ v: [Double]) throws
      -> [Double]
    {
      // Truncation is four times as large at twice the step, rounding another.
      zip(product, try jacobian.difference(along: v, factor: 2)).map { $0 - $1 }
    }
    let units = A.units
    let w = units.probe
    let errorOfA = units.norm(try solve(try discrepancy(try A.applied(to: w), A, w)))
    let v = B.units.probe
    let product = try B.applied(to: v)
    let errorOfB = units.norm(try solve(try discrepancy(product, B, v)))
    let size = units.norm(try solve(product))
    return errorOfA + (errorOfB == 0 ? 0 : errorOfB / size)
  }
}
