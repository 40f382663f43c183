import ImplicitDifferentiation

/// Projections: the point of a closed convex set nearest to a given one,
/// ```
/// P(x) = argmin ½‖p − x‖²   over p in C,
/// ```
/// in tensor operations, so that they are differentiated (to any order) in the point and in the
/// numbers that describe the set.
///
/// | set | `P(x)` | derivative in `x` |
/// |---|---|---|
/// | `nonNegative` | `max(x, 0)` | 0/1 mask |
/// | `box` | `x` limited to `lower … upper` | 0/1 mask |
/// | `hyperplane` | `x − a (aᵀx − b)/aᵀa` | `I − aaᵀ/aᵀa` |
/// | `halfSpace` | the same, outside | the same; inside `I` |
/// | `affineSet` | `x − Aᵀ(AAᵀ)⁻¹(Ax − b)` | `I − Aᵀ(AAᵀ)⁻¹A` |
/// | `simplex` | `max(x − τ, 0)` | `diag(s) − ssᵀ/|s|` on the support `s` |
/// | `boxSection` | `x + τw` limited to `lower … upper` | `diag(s) − (s∘w)(s∘w)ᵀ/‖s∘w‖²` on the free entries `s` |
/// | `l1Ball` | `x`, or signs times a projection on the simplex | as the simplex |
/// | `l2Ball` | `x`, or `r x/‖x‖` | radial: `r/‖x‖ (I − x̂x̂ᵀ)` |
///
/// Which bound holds an entry, which entries form the support: that is decided by values, and what
/// is left is smooth. So the derivative is exact wherever `P` is differentiable. On the boundary
/// between two pieces (a *kink*) there is none, and each function documents which piece it
/// takes; `GradientComparison` reports such points as kinks.
///
/// Source: N. Parikh and S. Boyd, "Proximal Algorithms", Found. Trends Optim. 1 (2014), 127–239,
/// chapter 6.
public enum Projection {
  /// Onto the vectors without negative entries: `max(x, 0)`.
  ///
  /// At an entry 0 the derivative is 1, that of the piece where it is free.
  public static func nonNegative(_ x: Tensor) -> Tensor { max(x, 0) }

  /// Onto the box `lower ≤ p ≤ upper`, entry by entry; bounds may be infinite, and extents of 1
  /// stretch.
  ///
  /// At a bound the derivative is that of the piece where the entry is free.
  ///
  /// - Throws: `ProjectionError.emptySet` where a lower bound is above the upper one.
  public static func box(_ x: Tensor, lower: Tensor, upper: Tensor) throws -> Tensor {
    try requireOrderedBounds(lower, upper, "box")
    return clamp(x, lower, upper)
  }

  /// Onto the hyperplane `aᵀp = b`, with `a` of the shape of `x` and `b` a scalar. Smooth.
  ///
  /// - Throws: `ProjectionError.emptySet` for `a = 0`.
  public static func hyperplane(
    _ x: Tensor, normal a: Tensor, offset b: Tensor
  ) throws -> Tensor {
    let operation = "Projection.hyperplane"
    try requireShape(a, x.shape, operation, "the normal")
    let squaredLength = a.squaredNorm()
    guard squaredLength > 0 else {
      throw ProjectionError.emptySet(set: "hyperplane", reason: "its normal is zero")
    }
    return x - (a.dot(x) - b.reshaped([])) / squaredLength * a
  }

  /// Onto the half-space `aᵀp ≤ b`, with `a` of the shape of `x` and `b` a scalar.
  ///
  /// On its boundary the derivative is that of the inside, the identity.
  ///
  /// - Throws: `ProjectionError.emptySet` for `a = 0`.
  public static func halfSpace(
    _ x: Tensor, normal a: Tensor, offset b: Tensor
  ) throws -> Tensor {
    let projected = try hyperplane(x, normal: a, offset: b)
    return a.dot(x) <= b.reshaped([]) ? x : projected
  }

  /// Onto the solutions of `A p = b`, with `A` an `m × n` matrix of rank `m ≤ n`. Smooth.
  ///
  /// By the normal equations `(AAᵀ)ν = Ax − b`: `2m²n` operations, and `κ(A)² ε` of accuracy.
  ///
  /// - Throws: `LinearSolveError` when the rows of `A` are dependent.
  public static func affineSet(
    _ x: Tensor, matrix A: Tensor, rightHandSide b: Tensor
  ) throws -> Tensor {
    let operation = "Projection.affineSet"
    guard x.rank == 1, A.rank == 2, A.shape[1] == x.count else {
      throw ProjectionError.shapeMismatch(
        operation: operation, what: "the matrix (a column for each entry of a vector)",
        expected: [b.count, x.count], found: A.shape)
    }
    try requireShape(b, [A.shape[0]], operation, "the right-hand side")
    let multipliers = try solve(matmul(A, A, transposingRight: true), matmul(A, x) - b)
    return x - matmul(A, multipliers, transposingLeft: true)
  }
}

/// Throws where a lower bound exceeds the upper one, or either is NaN.
func requireOrderedBounds(
  _ lower: Tensor, _ upper: Tensor, _ set: String
) throws(ProjectionError) {
  let isOrdered = lower.isLess(than: upper, orEqual: true)
  guard let index = isOrdered.scalars.firstIndex(of: 0) else { return }
  let low = lower.withoutDerivative.broadcast(to: isOrdered.shape).scalars[index]
  let high = upper.withoutDerivative.broadcast(to: isOrdered.shape).scalars[index]
  throw .emptySet(set: set, reason: "entry \(index) has the bounds \(low) and \(high)")
}
