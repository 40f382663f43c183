import TracedTensors

extension Sinkhorn {
  func validate(_ cost: Tensor) throws(ForwardSolverError) {
    try stopping.validate()
    try require(epsilon > 0 && epsilon.isFinite, "epsilon", epsilon, "positive and finite")
    try requireEqualCounts(cost.rank, 2, "the axes of the cost")
    try requireFiniteEntries(cost, "the cost")
  }

  func requireMasses(
    _ masses: Tensor, _ name: String, count: Int
  ) throws(ForwardSolverError) {
    try requireEqualCounts(masses.rank, 1, "the axes of the marginal `\(name)`")
    try requireEqualCounts(masses.count, count, "the marginal `\(name)` (the extent of the cost)")
    try requireFiniteEntries(masses, "the marginal `\(name)`")
    let numbers = masses.withoutDerivative.scalars
    if let index = numbers.firstIndex(where: { !($0 > 0) }) {
      throw .massNotPositive(marginal: name, index: index, value: numbers[index])
    }
  }

  /// No plan can be closer to its marginals than their sums are to each other.
  func requireEqualSums(_ a: Tensor, _ b: Tensor) throws(ForwardSolverError) {
    let (left, right) = (a.withoutDerivative.sum().scalar, b.withoutDerivative.sum().scalar)
    if (left - right).magnitude > 1e-12 * Swift.max(left, right) {
      throw .massesDiffer(row: left, column: right)
    }
  }

  /// `Σ massⱼ |exp(xⱼ) − 1|`: what a sum over the plan is off by when its logarithm is off by `x`.
  func marginalError(_ masses: Tensor, _ x: Tensor) -> Double {
    plainDot(masses, abs(exp(x.withoutDerivative) - 1))
  }

  /// The result, if it meets the tolerance by marginals computed anew from the plan.
  func result(
    _ cost: Tensor, _ a: Tensor, _ b: Tensor, _ u: Tensor, _ v: Tensor, _ loop: MarginalLoop,
    isSymmetric: Bool = false
  ) throws(ForwardSolverError) -> EntropicTransport {
    let n = a.count
    let shift = isSymmetric ? Tensor(0) : u.mean()
    let (f, g) = ((u - shift).scaled(by: epsilon), (v + shift).scaled(by: epsilon))
    let plan = exp(cost.scaled(by: -1 / epsilon) + u.reshaped([n, 1]) + v)
    let P = plan.withoutDerivative
    let error =
      (abs(P.sum(alongAxis: 1) - a.withoutDerivative).sum()
      + abs(P.sum(alongAxis: 0) - b.withoutDerivative).sum()).scalar
    if error.isNaN {
      throw .notFinite(iteration: loop.iteration, quantity: "the plan")
    }
    // The row sums carry the rounding of their exponents.
    if stopping.fixedIterations == nil, !(loop.isMet && error <= 2 * loop.target) {
      throw .marginalsNotMet(
        iterations: loop.iteration, marginalError: error, tolerance: loop.target)
    }
    let value = f.dot(a) + g.dot(b) + (a.sum() - plan.sum()).scaled(by: epsilon)
    return EntropicTransport(
      rowPotentials: f, columnPotentials: g, plan: plan, value: value, marginalError: error,
      iterations: loop.iteration)
  }
}

/// When Sinkhorn's iteration ends.
struct MarginalLoop {
  private let stopping: Stopping
  private(set) var iteration = 0
  /// Before the iteration that ended last.
  private(set) var marginalError = Double.infinity
  private(set) var target: Double

  init(_ stopping: Stopping) {
    self.stopping = stopping
    target = stopping.gradientTolerance
  }

  mutating func finishIteration(marginalError error: Double) {
    if iteration == 0 { target = stopping.target(initialNorm: error) }
    marginalError = error
    iteration += 1
  }

  var isMet: Bool { marginalError <= target }

  var isOver: Bool {
    if let fixed = stopping.fixedIterations { return iteration >= fixed }
    return isMet || iteration >= stopping.maximumIterations || marginalError.isNaN
  }
}
