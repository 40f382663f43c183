import TracedTensors

/// A method that finds a minimum of `f(x)`, from the values and gradients of `f`.
///
/// ```swift
/// let minimum = try LBFGS().minimum(of: { x in (x - 3).squaredNorm() }, from: Tensor([0, 0]))
/// print(minimum.point)          // [3, 3]
/// ```
///
/// The objective is a function in tensor operations; its gradient is derived. Everything works on
/// traced tensors too, be it the start or a tensor that the objective captures: then the iteration
/// is *unrolled*, each step recorded, and the derivative is that of the steps as they were taken.
/// Convergence tests and step lengths found by a search are decisions, made from values; they count
/// as constants.
public protocol Minimizer: Sendable {
  /// Finds a minimum.
  ///
  /// - Parameters:
  ///   - objective: one number for each point; what it throws is passed on.
  ///   - start: where the iteration starts; any structure of tensors. Fields listed as constant
  ///     keep their values.
  ///   - observe: called at the start and after every iteration, with plain numbers.
  /// - Throws: `ForwardSolverError` when there is nothing to return that met the tolerance.
  func minimum<Point: TensorStructure>(
    of objective: (Point) throws -> Tensor, from start: Point,
    observing observe: (Iterate<Point>) throws -> Void
  ) throws -> Minimum<Point>
}

extension Minimizer {
  /// Finds a minimum; see `minimum(of:from:observing:)`.
  public func minimum<Point: TensorStructure>(
    of objective: (Point) throws -> Tensor, from start: Point
  ) throws -> Minimum<Point> {
    try minimum(of: objective, from: start, observing: { _ in })
  }
}

/// What a minimiser found, with its evidence.
public struct Minimum<Point: TensorStructure>: Sendable {
  /// The point; traced if the start or the objective is.
  public let point: Point

  /// The objective there.
  public let value: Tensor

  /// `‖∇f‖₂` there.
  public let gradientNorm: Double

  /// Iterations made.
  public let iterations: Int

  /// How often the objective and its gradient were computed.
  public let evaluations: Int
}

/// Where an iteration is, in plain numbers: what an observer sees.
public struct Iterate<Point: TensorStructure>: Sendable {
  /// 0 at the start.
  public let iteration: Int

  /// The point, without derivative.
  public let point: Point

  /// The objective; for roots `½‖F‖²`.
  public let value: Double

  /// `‖∇f‖₂`; for roots `‖F‖₂`.
  public let gradientNorm: Double

  /// The factor of the direction by which the point was reached; 0 at the start.
  public let stepLength: Double
}
