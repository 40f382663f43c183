import LinearSolvers

/// What Newton steps, added to a solver's answer, have achieved.
public struct NewtonPolish: Sendable, Equatable {
  /// Steps, each shorter than the one before.
  public var steps: Int

  /// The relative Newton correction of the solver's answer: how far it was from the solution.
  public var correctionBefore: Double

  /// That of the polished solution.
  public var correctionAfter: Double
}

extension NewtonPolish: CustomStringConvertible {
  /// `"2 steps, correction from 1.2e-4 to < 1e-13"`.
  public var description: String {
    "\(steps.counted("step")), correction from \(correctionBefore.shortened) to "
      + correctionAfter.shortenedRatio
  }
}

/// A solution with the conditions that it satisfies, which may depend on a by-product of the solver.
struct Solved<Input: TensorStructure, Output: TensorStructure>: Sendable {
  var y: Output
  var conditions: Conditions<Input, Output>
  var polish: NewtonPolish?

  /// More steps are of no use: Newton's method squares the error at each, or fails.
  private static var stepLimit: Int { 8 }

  /// From afar Newton's method may wander first. Where there is no solution it never stops.
  private static var searchLimit: Int { 25 }

  /// Newton's method from here, while its steps become shorter.
  ///
  /// - Parameter solver: the method for the linear systems at a solution.
  /// - Throws: when the first step cannot be made. A later one that cannot ends the polish.
  func polished(
    at x: Input, solver: (Output) throws -> any LinearSolver
  ) throws -> Solved {
    var best = self
    var (step, correction) = try newtonStep(at: x, solver)
    var polish = NewtonPolish(
      steps: 0, correctionBefore: correction, correctionAfter: correction)
    // What counts is the length of the step: a solution at the origin has no size to compare it with, and
    // the correction there is a number of another kind.
    var length = ProbeVector.norm(step)
    while polish.steps < Self.stepLimit, length > 0 {
      var candidate = best
      candidate.y = best.y.refilled(zip(best.y.flattened(), step).map { $0 - $1 }) { $0 }
      guard let next = try? candidate.newtonStep(at: x, solver) else { break }
      let nextLength = ProbeVector.norm(next.step)
      if !(nextLength < length) { break }
      best = candidate
      length = nextLength
      (step, correction) = next
      polish.steps += 1
      polish.correctionAfter = correction
    }
    best.polish = polish
    return best
  }

  /// Whether Newton's method from here, left to itself, ends at a solution.
  func leadsToSolution(
    at x: Input, tolerance: Double, solver: (Output) throws -> any LinearSolver
  ) -> Bool {
    var point = self
    for _ in 0..<Self.searchLimit {
      guard let (step, correction) = try? point.newtonStep(at: x, solver), correction.isFinite
      else { return false }
      if correction <= tolerance { return true }
      point.y = point.y.refilled(zip(point.y.flattened(), step).map { $0 - $1 }) { $0 }
    }
    return false
  }

  private func newtonStep(
    at x: Input, _ solver: (Output) throws -> any LinearSolver
  ) throws -> (step: [Double], correction: Double) {
    let linearized = try conditions.linearize(x, y)
    try requireSize(
      linearized.residual.count, y.variableCount, "the residual (one equation for each unknown)")
    try requireFinite(linearized.residual, "the residual of the conditions")
    let prepared: any PreparedLinearSolver
    do {
      let solver = try solver(y)
      prepared = try (linearized.units?.solver(solver) ?? solver).prepare(linearized.A)
    } catch let error as LinearSolveError {
      throw DifferentiationError.linearSolve(error, during: "of the Newton polish, with A = ∂F/∂y,")
    }
    return try NewtonCorrection(
      point: x, solution: y, conditions: conditions, linearized: linearized, prepared: prepared,
      step: nil, tolerance: 1e-6
    ).measured()
  }
}
