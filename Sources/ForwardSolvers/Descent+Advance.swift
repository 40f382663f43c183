import TracedTensors

extension Descent {
  /// One iteration: moves along `direction` as far as `search` says.
  ///
  /// Where nothing is left to gain (a zero gradient, or a gain below rounding) an iteration of a
  /// fixed number leaves the point where it is; one that has a tolerance to meet throws.
  ///
  /// - Returns: the step length, `nil` if the point stayed.
  mutating func advance(
    _ objective: (Point) throws -> Tensor, along direction: Tensor, by search: LineSearch,
    first: Double
  ) throws -> Double? {
    let slope = plainDot(current.gradient, direction)
    var shortest = first
    if slope < 0 {
      switch try search.search(objective, &self, along: direction, slope: slope, first: first) {
      case .accepted(let trial):
        try move(to: trial)
        return trial.stepLength
      case .unbounded(let value):
        throw ForwardSolverError.unboundedBelow(iteration: iteration + 1, objective: value)
      case .failed(let step):
        shortest = step
      }
    }
    let value = current.plainValue.magnitude
    if stopping.fixedIterations != nil,
      (slope * first).magnitude <= LineSearch.noise * value
        || gradientNorm <= target
    {
      stay()
      return nil
    }
    throw ForwardSolverError.lineSearchFailed(
      iteration: iteration + 1, slope: slope, shortestStep: shortest, gradientNorm: gradientNorm,
      tolerance: target)
  }
}
