import ImplicitDifferentiation

/// The geometry of mirror descent: the gradient of a strictly convex function `φ`, which maps a
/// point to its dual, and the way back into the feasible set `C`,
/// ```
/// P(z) = argmin φ(p) − zᵀp   over p in C.
/// ```
/// (`P(∇φ(q))` is the point of `C` nearest to `q` in the Bregman divergence of `φ`.)
///
/// | geometry | `φ(p)` | `∇φ` | `P(z)` |
/// |---|---|---|---|
/// | `.simplex` | `Σ pᵢ log pᵢ` | `log p`, up to a constant | softmax of `z`, along the last axis |
/// | `.positive` | `Σ pᵢ log pᵢ − pᵢ` | `log p` | `exp z` |
/// | `.euclidean` | `½‖p‖²` | `p` | a projection of `z` |
public struct BregmanGeometry<Input: TensorStructure, Output: TensorStructure>: Sendable {
  /// `∇φ(y)`; it may depend on `x`.
  public let dual: @Sendable (_ x: Input, _ y: Output) throws -> Output

  /// The point of the set for a dual one: `P(z)`; the set may depend on `x`.
  public let projection: @Sendable (_ x: Input, _ z: Output) throws -> Output

  /// A geometry from its two maps, written in tensor operations.
  public init(
    dual: @escaping @Sendable (_ x: Input, _ y: Output) throws -> Output,
    projection: @escaping @Sendable (_ x: Input, _ z: Output) throws -> Output
  ) {
    self.dual = dual
    self.projection = projection
  }

  /// The geometry of Euclidean distance: mirror descent is then projected gradient descent.
  public static func euclidean(
    onto projection: @escaping @Sendable (_ x: Input, _ point: Output) throws -> Output
  ) -> BregmanGeometry {
    BregmanGeometry(dual: { _, y in y }, projection: projection)
  }

  /// The geometry of entropy on the simplex, along the last axis of every tensor.
  ///
  /// All entries must be positive: at 0 the dual is infinite.
  public static var simplex: BregmanGeometry {
    BregmanGeometry(
      dual: { _, y in y.mapVariables { log($0) } },
      projection: { _, z in z.mapVariables { Projection.simplexByEntropy($0) } })
  }

  /// The geometry of entropy on positive numbers.
  public static var positive: BregmanGeometry {
    BregmanGeometry(
      dual: { _, y in y.mapVariables { log($0) } },
      projection: { _, z in z.mapVariables { exp($0) } })
  }
}

extension TensorStructure {
  /// Every variable replaced by what `body` makes of it; constants stay.
  func mapVariables(_ body: (Tensor) -> Tensor) -> Self {
    mapTensors(isConstant: false) { tensor, isConstant in isConstant ? tensor : body(tensor) }
  }
}
