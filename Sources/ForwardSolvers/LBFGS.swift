import TracedTensors

/// Minimises by the limited-memory BFGS method: steps along `−H ∇f`, with `H` an approximate
/// inverse of the Hessian made of the last few steps and changes of the gradient.
///
/// One iteration costs one evaluation, rarely more, and `4 m n` operations; `2m` vectors of length
/// `n` are kept, with `m` the `memory`. The step satisfies the strong Wolfe conditions, so `H` stays
/// positive definite. The general choice for smooth problems that have no Hessian at hand.
///
/// When traced, the approximation `H` is differentiated too, as the computed numbers it is; step
/// lengths count as constants.
///
/// Source: J. Nocedal, "Updating quasi-Newton matrices with limited storage", Math. Comp. 35
/// (1980), 773–782; D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale
/// optimization", Math. Program. 45 (1989), 503–528, algorithm 2.1.
public struct LBFGS: Minimizer {
  /// How many steps `H` is made of.
  public var memory: Int

  /// When to end.
  public var stopping: Stopping

  /// L-BFGS with the given memory.
  public init(memory: Int = 10, stopping: Stopping = Stopping()) {
    self.memory = memory
    self.stopping = stopping
  }

  /// Finds a minimum; see `Minimizer`.
  public func minimum<Point: TensorStructure>(
    of objective: (Point) throws -> Tensor, from start: Point,
    observing observe: (Iterate<Point>) throws -> Void
  ) throws -> Minimum<Point> {
    try require(memory >= 1, "memory", memory, "at least 1")
    let search = LineSearch(curvature: 0.9)
    var history: [Pair] = []
    var descent = try Descent(objective, from: start, stopping)
    try observe(descent.iterate)
    while try !descent.isOver() {
      let previous = descent.current
      do {
        try advance(&descent, objective, history, search)
      } catch ForwardSolverError.lineSearchFailed where !history.isEmpty {
        // A memory that has gone stale may be to blame; the gradient itself never is.
        history = []
        try advance(&descent, objective, history, search)
      }
      if let pair = Pair(from: previous.point, previous.gradient, to: descent.current) {
        history.append(pair)
        if history.count > memory { history.removeFirst() }
      }
      try observe(descent.iterate)
    }
    return descent.minimum
  }

  private func advance<Point>(
    _ descent: inout Descent<Point>, _ objective: (Point) throws -> Tensor, _ history: [Pair],
    _ search: LineSearch
  ) throws {
    let direction = -LBFGS.applyInverse(history, to: descent.current.gradient)
    // Without a memory the direction has no scale: the first trial moves by at most 1.
    let first = history.isEmpty ? Swift.min(1, 1 / descent.gradientNorm) : 1
    _ = try descent.advance(objective, along: direction, by: search, first: first)
  }

  /// `H g`, by the two loops of Nocedal (1980).
  private static func applyInverse(_ history: [Pair], to gradient: Tensor) -> Tensor {
    guard let last = history.last else { return gradient }
    var q = gradient
    var alphas: [Tensor] = []
    for pair in history.reversed() {
      let alpha = pair.step.dot(q) / pair.product
      alphas.append(alpha)
      q = q - alpha * pair.change
    }
    var r = last.product / last.change.squaredNorm() * q
    for (pair, alpha) in zip(history, alphas.reversed()) {
      let beta = pair.change.dot(r) / pair.product
      r = r + (alpha - beta) * pair.step
    }
    return r
  }

  /// A step `s`, the change `y` of the gradient along it, and `sᵀy`.
  private struct Pair {
    let step: Tensor
    let change: Tensor
    let product: Tensor

    /// `nil` unless `sᵀy` is positive beyond rounding, as `H` needs it.
    init?<Point>(from point: Tensor, _ gradient: Tensor, to current: Descent<Point>.Trial) {
      step = current.point - point
      change = current.gradient - gradient
      product = step.dot(change)
      let size = plainNorm(step) * plainNorm(change)
      if !(product.withoutDerivative.scalar > 1e-14 * size) { return nil }
    }
  }
}
