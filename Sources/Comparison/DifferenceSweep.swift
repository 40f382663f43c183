import ImplicitDifferentiation

/// Finite differences of a function of one number over a sweep of steps, with the noise of the
/// function, the best step and the error to expect.
///
/// ```swift
/// let sweep = try DifferenceSweep(of: { t in (1 + t).squareRoot() })
/// print(sweep.derivative, sweep.estimatedError)
/// ```
///
/// For each step `h`, with `φ` the function,
/// ```
/// central   (φ(h) − φ(−h)) / 2h     error  φ‴h²/6 + η/h
/// forward   (φ(h) − φ(0)) / h       error  φ″h/2 + 2η/h
/// backward  (φ(0) − φ(−h)) / h      error  φ″h/2 + 2η/h
/// ```
/// where `η` is the noise of `φ`: rounding, or the error that a solver leaves behind when it stops.
/// Half the step makes the central error four times smaller until noise takes over.
///
/// The truncation constant is read off the sweep, `η` from difference tables (`NoiseEstimate`); the
/// step with the smallest sum of both errors is chosen. No reference is needed.
///
/// Cost: two evaluations for each step, and 17 or more for the noise.
public struct DifferenceSweep: Sendable {
  /// The differences for one step.
  public struct Entry: Sendable, Equatable {
    /// `h`, in the units of the argument.
    public let step: Double

    /// `(φ(h) − φ(−h)) / 2h`.
    public let central: Double

    /// `(φ(h) − φ(0)) / h`.
    public let forward: Double

    /// `(φ(0) − φ(−h)) / h`.
    public let backward: Double
  }

  /// One-sided derivatives that differ beyond what truncation and noise explain.
  public struct Kink: Sendable, Equatable {
    /// The derivative from the left, `lim (φ(0) − φ(−h)) / h`.
    public let backward: Double

    /// The derivative from the right, `lim (φ(h) − φ(0)) / h`.
    public let forward: Double
  }

  /// The steps at which the function could be evaluated, largest first.
  public let entries: [Entry]

  /// `φ(0)`.
  public let value: Double

  /// `η`, the size of the noise of `φ`.
  public let noise: Double

  /// The index in `entries` of the best step for central differences.
  public let best: Int

  /// The central difference at the best step. At a kink this is the average of both sides.
  public var derivative: Double { entries[best].central }

  /// The absolute error to expect in `derivative`, from truncation and noise: the floor below
  /// which no step of the sweep gets. Meaningless at a kink.
  public let estimatedError: Double

  /// The best steps of the one-sided differences, as indices in `entries`, and the absolute errors
  /// to expect there.
  public let bestOneSided: Int
  /// See `bestOneSided`.
  public let estimatedOneSidedError: Double

  /// The two one-sided derivatives, each at its own best step, if they differ.
  public let kink: Kink?

  /// Evaluations of the function.
  public let evaluations: Int

  /// Steps of the sweep at which the function could not be evaluated (it threw, or gave NaN).
  public let skippedSteps: Int

  /// Whether the differences are *flat*: the noise is far above rounding, so it is the error of a
  /// solver, and its tolerance decides how good any difference can be.
  public var isFlat: Bool { noise > 1e4 * Double.ulpOfOne * largestValue }

  /// The largest `|φ|` that was met.
  private let largestValue: Double

  /// Evaluates the sweep.
  ///
  /// - Parameters:
  ///   - scale: the argument's unit: steps are `scale · relativeStep`.
  ///   - steps: relative steps; see `DifferenceSteps`.
  ///   - function: `φ`. Where it throws or is not finite the step is skipped; at 0 it must not.
  /// - Throws: `ComparisonError.tooFewSteps` when fewer than four steps are left.
  public init(
    scale: Double = 1, steps: DifferenceSteps = DifferenceSteps(),
    of function: (Double) throws -> Double
  ) throws {
    try steps.validate()
    var count = 1
    let center = try function(0)
    guard center.isFinite else { throw ComparisonError.notFinite(what: "the loss", value: center) }
    var failure: String?
    func evaluate(_ t: Double) -> Double? {
      count += 1
      do {
        let value = try function(t)
        if value.isFinite { return value }
        failure = failure ?? "the value there is \(value)"
      } catch {
        failure = failure ?? "\(error)"
      }
      return nil
    }

    var entries: [Entry] = []
    var skipped = 0
    var largest = center.magnitude
    for relative in steps.relativeSteps {
      let h = relative * scale
      guard let right = evaluate(h), let left = evaluate(-h) else {
        skipped += 1
        continue
      }
      largest = Swift.max(largest, right.magnitude, left.magnitude)
      entries.append(
        Entry(
          step: h, central: (right - left) / (2 * h), forward: (right - center) / h,
          backward: (center - left) / h))
    }
    guard entries.count >= 4 else {
      throw ComparisonError.tooFewSteps(left: entries.count, reason: failure ?? "too few steps")
    }
    let noise = NoiseEstimate.noise(
      around: center, distance: NoiseEstimate.wide * scale, of: evaluate)
    self.noise = noise
    self.entries = entries
    value = center
    skippedSteps = skipped
    largestValue = largest
    let central = StepChoice(entries, order: 2, noise: noise) { $0.central }
    best = central.index
    estimatedError = central.error
    let forward = StepChoice(entries, order: 1, noise: 2 * noise) { $0.forward }
    let backward = StepChoice(entries, order: 1, noise: 2 * noise) { $0.backward }
    bestOneSided = forward.error >= backward.error ? forward.index : backward.index
    estimatedOneSidedError = Swift.max(forward.error, backward.error)
    var isKink = Kink.exists(in: entries, noise: noise)
    if isKink {
      // A kink near by looks like noise to the wide table, and like a kink to the steps above its
      // level. At a kink right here the smallest steps say the same.
      let local = NoiseEstimate.noise(
        around: center, distance: NoiseEstimate.narrow * scale, of: evaluate)
      isKink = Kink.exists(in: entries, noise: Swift.min(local, noise))
    }
    kink =
      isKink
      ? Kink(backward: entries[backward.index].backward, forward: entries[forward.index].forward)
      : nil
    evaluations = count
  }
}

/// The relative steps of a sweep: `largest`, then smaller by `ratio` each time, down to `smallest`.
public struct DifferenceSteps: Sendable, Equatable {
  /// The first step, relative to the size of the argument.
  public var largest: Double

  /// No step is smaller.
  public var smallest: Double

  /// The factor between neighbouring steps. Two shows rates best; larger ones are cheaper.
  public var ratio: Double

  /// Steps from 10⁻¹ down to 10⁻⁹, halved each time.
  public init(largest: Double = 1e-1, smallest: Double = 1e-9, ratio: Double = 2) {
    self.largest = largest
    self.smallest = smallest
    self.ratio = ratio
  }

  /// The steps, largest first.
  public var relativeSteps: [Double] {
    var result: [Double] = []
    var step = largest
    while step >= smallest * (1 - 1e-12) {
      result.append(step)
      step /= ratio
    }
    return result
  }

  func validate() throws(ComparisonError) {
    guard largest.isFinite, smallest > 0, ratio >= 1.2, ratio.isFinite,
      largest >= smallest * ratio
    else {
      throw .invalidSteps(largest: largest, smallest: smallest, ratio: ratio)
    }
  }
}
