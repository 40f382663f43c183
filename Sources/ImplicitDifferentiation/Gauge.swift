/// The directions that conditions leave free, and those in which they can give nothing: the null
/// vectors of `A = ∂F/∂y` and of `Aᵀ`, declared so that derivatives exist although `A` is singular.
///
/// ```swift
/// // Potentials (f, g) of a transport plan are determined up to (f + c, g − c).
/// transport.gauge = Gauge(right: Potentials(f: .ones([n]), g: -Tensor.ones([m])))
/// ```
///
/// Null vectors are verified; left ones that are not given are found from `Aᵀ`. Derivatives are then
/// those of what does not depend on the gauge, and everything else is refused: a tangent that would
/// need the equations to give what they cannot (`leftᵀ B ẋ ≠ 0`, mass created from nothing) and a
/// cotangent of a loss that changes along the gauge (`rightᵀ ȳ ≠ 0`) throw
/// `LinearSolveError.inconsistentWithGauge` with the component, inside
/// `DifferentiationError.linearSolve`. Of all tangents of the solution the one orthogonal to the
/// right null vectors is returned. See ``GaugedSolver`` for the system that is solved.
public struct Gauge<Input: TensorStructure, Output: TensorStructure>: Sendable {
  /// Null vectors of `A` at a solution, linearly independent; none where `A` is regular.
  public var right: @Sendable (_ x: Input, _ y: Output) throws -> [Output]

  /// As many null vectors of `Aᵀ`, in the order of the residual's numbers; `nil` to have them found.
  public var left: (@Sendable (_ x: Input, _ y: Output) throws -> [Output])?

  /// What is done with an inconsistent tangent or cotangent; `.leastSquares` is labelled in the
  /// report, in the name of the linear solver.
  public var inconsistent: InconsistencyPolicy

  /// The largest component along a null vector, relative to the right-hand side, that counts as
  /// rounding (or as the solver's error).
  public var consistencyTolerance: Double

  /// Null vectors that depend on the input or the solution.
  public init(
    right: @escaping @Sendable (_ x: Input, _ y: Output) throws -> [Output],
    left: (@Sendable (_ x: Input, _ y: Output) throws -> [Output])? = nil,
    inconsistent: InconsistencyPolicy = .refuse, consistencyTolerance: Double = 1e-8
  ) {
    self.right = right
    self.left = left
    self.inconsistent = inconsistent
    self.consistencyTolerance = consistencyTolerance
  }

  /// One free direction, the same everywhere.
  public init(
    right: Output, left: Output? = nil, inconsistent: InconsistencyPolicy = .refuse,
    consistencyTolerance: Double = 1e-8
  ) {
    self.init(
      right: { _, _ in [right] }, inconsistent: inconsistent,
      consistencyTolerance: consistencyTolerance)
    if let left { self.left = { _, _ in [left] } }
  }

  /// `base` within the gauge.
  func solver(_ base: any LinearSolver, at x: Input, _ y: Output) throws -> any LinearSolver {
    GaugedSolver(
      base: base, right: try right(x, y).map { $0.flattened() },
      left: try left?(x, y).map { $0.flattened() }, consistencyTolerance: consistencyTolerance,
      inconsistent: inconsistent)
  }
}
