import ImplicitDifferentiation

/// What a derivative through a solver's steps has cost, and how far it can be trusted.
public struct UnrollingReport: Sendable, Equatable {
  /// Steps evaluated without recording them.
  public internal(set) var stepsRun = 0

  /// Steps recorded; a recording costs about one more evaluation.
  public internal(set) var stepsRecorded = 0

  /// Steps evaluated beyond those that the solver makes anyway.
  public internal(set) var stepsRepeated = 0

  /// Products with the Jacobian of one step, or its transpose; those of `truncation` apart.
  public internal(set) var products = 0

  /// The most bytes that were held at a time, in snapshots of states and in recordings: measured
  /// on the way, what several of them share counted once.
  public internal(set) var peakBytes = 0

  /// The most snapshots that were held at a time.
  public internal(set) var peakSnapshots = 0

  /// The error to expect against the derivative of the fixed point; `nil` for exact methods, and
  /// where the estimate was switched off.
  public internal(set) var truncation: TruncationEstimate?

  /// For steps that were run backwards, how far from the start they ended, relative to it.
  public internal(set) var reversalDrift: Double?

  /// What to know before using the derivative.
  public internal(set) var warnings: [UnrollingWarning] = []
}

extension UnrollingReport: CustomStringConvertible {
  /// The report in a few lines.
  public var description: String {
    var lines = [
      "steps run, recorded         \(stepsRun), \(stepsRecorded) (\(stepsRepeated) of them again)",
      "products with a step        \(products)",
      "bytes held at most          \(peakBytes)",
    ]
    if let truncation {
      lines.append("contraction rate            \(truncation.rate.shortened)")
      lines.append("estimated truncation error  \(truncation.error.shortened)")
      lines.append("products for the estimate   \(truncation.products)")
    }
    if let reversalDrift {
      let bounded = reversalDrift < 1e-13 ? "< 1e-13" : reversalDrift.shortened
      lines.append("drift of the way back       \(bounded)")
    }
    lines += warnings.map { "warning                     \($0)" }
    return lines.joined(separator: "\n")
  }
}

/// What is known to be wrong with an approximate derivative.
public enum UnrollingWarning: Sendable, Equatable {
  /// Differentiated once more it is not the second derivative of the solution, since the state it
  /// starts from counts as a constant. After `k` steps of truncated unrolling terms of order `k ρᵏ`
  /// are missing; a Neumann series freezes the Jacobian itself, and no number of terms helps.
  case wrongAtSecondOrder

  /// The solver was still moving: the derivative belongs to another point than the fixed point, and
  /// the truncation estimate does not cover that. `distance` is what is left, relative.
  case notConverged(distance: Double)

  /// The step does not contract at the last state: more terms make the derivative worse.
  case notContracting(rate: Double)

  /// The missing terms exceed what the contraction rate and the first term say, by this factor: `A`
  /// is not normal, or the first term happens to be small.
  case transientGrowth(factor: Double)
}

extension UnrollingWarning: CustomStringConvertible {
  /// A sentence.
  public var description: String {
    switch self {
    case .wrongAtSecondOrder:
      "Do not differentiate this once more: the state it starts from counts as a constant, so a "
        + "second derivative would lack terms that the truncation error does not show."
    case .notConverged(let distance):
      "The solver has not converged: its fixed point is about \(distance.shortened) away, relative "
        + "to the state, which adds an error of its own."
    case .notContracting(let rate):
      "The step does not contract here (rate \(rate.shortened)): the series of this derivative "
        + "diverges, and more terms make it worse."
    case .transientGrowth(let factor):
      "The terms shrink later than the contraction rate says: the missing ones exceed it by a "
        + "factor of \(factor.shortened). The Jacobian of the step is not normal, or the first term "
        + "happens to be small; the estimate allows for both."
    }
  }
}

/// A derivative through a solver's steps, with the solution and the costs.
public struct UnrolledDerivative<Solution: Sendable, Value: Sendable>: Sendable {
  /// The last state.
  public let solution: Solution

  /// The cotangent of the input (pullback), or the tangent of the solution (pushforward).
  public let value: Value

  /// What it has cost, and how far it can be trusted.
  public let report: UnrollingReport
}
