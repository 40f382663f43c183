/// The best step of a sweep for one kind of difference: the one with the least
/// `c hᵖ + η/h`, truncation of order `p` and noise.
struct StepChoice {
  let index: Int
  /// The absolute error to expect there.
  let error: Double

  init(
    _ entries: [DifferenceSweep.Entry], order: Int, noise: Double,
    _ difference: (DifferenceSweep.Entry) -> Double
  ) {
    func power(_ h: Double) -> Double { order == 2 ? h * h : h }
    // |D(h) − D(h′)| = c (hᵖ − h′ᵖ) while truncation dominates; the smallest steps at which it
    // still does give the constant.
    let gaps = zip(entries.dropLast(), entries.dropFirst()).map {
      (difference($0) - difference($1)).magnitude
    }
    var constant = 0.0
    for (k, gap) in gaps.enumerated() where gap > 8 * noise / entries[k + 1].step {
      constant = gap / (power(entries[k].step) - power(entries[k + 1].step))
    }
    var bestIndex = 0
    var bestError = Double.infinity
    for (k, entry) in entries.enumerated() {
      let expected = constant * power(entry.step) + noise / entry.step
      if expected < bestError { (bestIndex, bestError) = (k, expected) }
    }
    index = bestIndex
    error = bestError
  }
}
