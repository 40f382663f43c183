import ImplicitDifferentiation

/// What a comparison shows. `description` is a sentence with the numbers.
public enum ComparisonFinding: Sendable, Equatable {
  /// The routes agree; `deviation` is the largest distance of a row from the implicit one, of all
  /// rows but the two of one-sided differences. Those are coarser, and central ones, from the same
  /// runs, are judged in their place; `oneSidedDeviation` is the larger distance of the two, `nil`
  /// without differences.
  case agreement(deviation: Double, oneSidedDeviation: Double?)

  /// A row differs from the implicit one by more than it can explain.
  case disagreement(
    method: GradientComparison.Method, deviation: Double, explained: Double)

  /// The noise of the solver, not rounding, limits the differences: no step gets below `floor`
  /// (relative to the derivative). `noise` is the noise of the loss, relative to it.
  case flatDifferences(floor: Double, noise: Double, step: Double)

  /// The loss has a kink at the point: its derivatives from both sides differ. `direction` counts
  /// the directions of the comparison from 0.
  case kink(direction: Int, backward: Double, forward: Double)

  /// The unrolled solver ended elsewhere than the implicit function's; `distance` is relative.
  case unrolledElsewhere(distance: Double)

  /// The implicit derivative was refused, for the reason given in its own words.
  case implicitRefused(reason: String)

  /// Deviations below this are agreement, whatever the methods expect of themselves.
  static let agreementTolerance = 1e-6

  static func findings(
    _ rows: [GradientComparison.Row], _ sweeps: [DifferenceSweep], solutionDistance: Double?,
    refusal: String?
  ) -> [ComparisonFinding] {
    var result: [ComparisonFinding] = []
    if let refusal { result.append(.implicitRefused(reason: refusal)) }
    for (index, sweep) in sweeps.enumerated() {
      guard let kink = sweep.kink else { continue }
      result.append(.kink(direction: index, backward: kink.backward, forward: kink.forward))
    }
    let hasKink = sweeps.contains { $0.kink != nil }

    let central = rows.first { $0.method == .centralDifferences }
    let noisy = sweeps.filter { $0.isFlat && $0.kink == nil }
    if let central, let worst = noisy.max(by: { $0.noise < $1.noise }) {
      result.append(
        .flatDifferences(
          floor: central.estimatedError ?? 0, noise: worst.relativeNoise,
          step: worst.entries[worst.best].step))
    }
    if let solutionDistance, solutionDistance > agreementTolerance {
      result.append(.unrolledElsewhere(distance: solutionDistance))
    }

    // Without the implicit derivative there is nothing that the others could agree with.
    if refusal != nil { return result }
    var largest = 0.0
    var oneSided: Double?
    var agrees = true
    for row in rows.dropFirst() {
      // At a kink differences have no derivative to agree with; one-sided ones add nothing
      // to what central ones say, and are only reported.
      if row.estimatedError != nil, hasKink || row.method != .centralDifferences {
        oneSided = Swift.max(oneSided ?? 0, row.deviation)
        continue
      }
      let explained = Swift.max(agreementTolerance, 10 * (row.estimatedError ?? 0))
      largest = Swift.max(largest, row.deviation)
      // `!(≤)`, so that NaN counts as disagreement.
      if !(row.deviation <= explained) {
        agrees = false
        result.append(
          .disagreement(method: row.method, deviation: row.deviation, explained: explained))
      }
    }
    if agrees && !hasKink {
      result.append(.agreement(deviation: largest, oneSidedDeviation: oneSided))
    }
    return result
  }
}

extension ComparisonFinding: CustomStringConvertible {
  /// A sentence with the numbers, and where something is wrong, one with what to look at.
  public var description: String {
    switch self {
    case .agreement(let deviation, nil):
      "All routes agree, to within \(deviation.shortened) of the derivative."
    case .agreement(let deviation, let oneSided?):
      "The routes agree, to within \(deviation.shortened) of the derivative; one-sided "
        + "differences, which are coarser, to within \(oneSided.shortened)."
    case .disagreement(let method, let deviation, let explained):
      "The row “\(method.rawValue)” differs from the implicit derivative by "
        + "\(deviation.shortened) of its size; up to \(explained.shortened) passes. "
        + (method == .centralDifferences
          ? "Are the conditions those that the solver solves, with the same signs, and does the "
            + "loss see the input only through the solution?"
          : "Has the unrolled solver converged, and does it solve the same problem?")
    case .flatDifferences(let floor, let noise, let step):
      "The differences are flat: the loss carries noise of \(noise.shortened) of its size, the "
        + "error with which the solver stops, so an error of about \(floor.shortened) has to be "
        + "expected even at the best step, \(step.shortened). Tighten the solver's tolerance to "
        + "lower this floor; an exact derivative does not need it."
    case .kink(let direction, let backward, let forward):
      "There is a kink at this point, along direction \(direction): the derivative is "
        + "\(backward.shortened) from the left and \(forward.shortened) from the right. No single "
        + "number is its derivative; central differences return the average."
    case .implicitRefused(let reason):
      "The implicit derivative was refused. \(reason)"
    case .unrolledElsewhere(let distance):
      "The unrolled solver ended at another solution than the implicit function, at a distance of "
        + "\(distance.shortened) of its size. Give both the same problem, and enough iterations."
    }
  }
}

extension DifferenceSweep {
  /// `noise`, relative to `φ(0)`; as it is if that is zero.
  var relativeNoise: Double { value == 0 ? noise : noise / value.magnitude }
}
