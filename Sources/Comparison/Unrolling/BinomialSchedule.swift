/// Where to keep snapshots when a chain of steps is run backwards and only a few may be kept.
///
/// Going back over `l` steps from a snapshot of their start, run forward over the first `m` of them,
/// keep the state there, go back over the other `l − m` with one slot less, then over the first `m`,
/// which have been run once by then. With `s` slots, the start in one of them, and no step run forward more than `r` times, at most
/// ```
/// β(s, r) = (s + r)! / (s! r!)
/// ```
/// steps can be reversed so; with `r` the smallest that is enough for `l`, the fewest forward steps
/// are `r l − β(s + 1, r − 1)`. Ten slots reverse 10,000 steps with `r = 7`, a hundred with `r = 3`.
/// For fixed `s` the repetitions grow as `(s! l)^(1/s)`; like a logarithm only if `s` does too.
///
/// Source: A. Griewank, "Achieving logarithmic growth of temporal and spatial complexity in reverse
/// automatic differentiation", Optim. Methods Softw. 1 (1992), 35–54; A. Griewank and A. Walther,
/// "Algorithm 799: revolve", ACM TOMS 26 (2000), 19–45.
public struct BinomialSchedule: Sendable, Equatable {
  /// `l`, the steps to reverse.
  public let steps: Int

  /// `s`, the snapshots that may be kept at a time, that of the start among them; at least 1.
  public let slots: Int

  /// A schedule for so many steps; fewer slots than one count as one.
  public init(steps: Int, slots: Int) {
    self.steps = steps
    self.slots = Swift.max(slots, 1)
  }

  /// `r`: no step is run forward more often, its recording apart.
  public var repetitions: Int {
    if slots == 1 { return Swift.max(steps - 1, 0) }
    var r = 0
    while BinomialSchedule.reach(slots: slots, repetitions: r) < steps { r += 1 }
    return r
  }

  /// `r l − β(s + 1, r − 1)`: forward steps that are only run, in addition to the `l` recorded ones.
  public var forwardSteps: Int {
    if slots == 1 { return steps * (steps - 1) / 2 }
    let r = repetitions
    return r * steps - BinomialSchedule.reach(slots: slots + 1, repetitions: r - 1)
  }

  /// `m`: how far to run before the next snapshot; 0 when there is a single step left.
  var firstAdvance: Int {
    if steps <= 1 { return 0 }
    if slots == 1 { return steps - 1 }
    // Every m with β(s, r−2) ≤ m ≤ β(s, r−1) and β(s−1, r−1) ≤ l − m ≤ β(s−1, r) is optimal.
    let r = repetitions
    return Swift.min(
      BinomialSchedule.reach(slots: slots, repetitions: r - 1),
      steps - BinomialSchedule.reach(slots: slots - 1, repetitions: r - 1))
  }

  /// `β(s, r)`; 0 for a negative `r`, and the largest integer where it would overflow.
  static func reach(slots: Int, repetitions: Int) -> Int {
    if repetitions < 0 { return 0 }
    let few = Swift.min(slots, repetitions)
    let many = Swift.max(slots, repetitions)
    var value = 1
    for i in stride(from: 1, through: few, by: 1) {
      let (product, overflow) = value.multipliedReportingOverflow(by: many + i)
      if overflow { return Int.max }
      value = product / i
    }
    return value
  }
}
