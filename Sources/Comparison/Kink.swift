extension DifferenceSweep.Kink {
  /// Whether one-sided derivatives differ.
  ///
  /// For a smooth function forward and backward differences approach each other in proportion to
  /// `h`, so that `2 J(h/2) − J(h)` vanishes, with `J` their gap; at a kink it is the jump of the
  /// derivative. The jump has to show, the same within a fifth, at the four smallest steps that
  /// noise leaves alone, and to be ten times what noise explains.
  static func exists(in entries: [DifferenceSweep.Entry], noise: Double) -> Bool {
    let size = entries.map { $0.forward.magnitude + $0.backward.magnitude }.max() ?? 0
    // Steps at which noise makes less than a hundredth of the differences.
    let clear = entries.filter { 4 * noise / $0.step <= 1e-2 * size }
    let window = clear.suffix(5)
    guard size > 0, window.count == 5, let smallest = window.last else { return false }
    let jumps = zip(window.dropLast(), window.dropFirst()).map(jump)
    let (low, high) = (jumps.min() ?? 0, jumps.max() ?? 0)
    guard low > 0 || high < 0 else { return false }
    let least = Swift.min(low.magnitude, high.magnitude)
    let most = Swift.max(low.magnitude, high.magnitude)
    let explained = 12 * noise / smallest.step
    return least >= 0.8 * most && least > 10 * explained && least > 1e-3 * size
  }

  /// The limit `h → 0` of the gap, which has an error proportional to `h`.
  private static func jump(_ large: DifferenceSweep.Entry, _ small: DifferenceSweep.Entry) -> Double
  {
    let ratio = large.step / small.step
    let (wide, narrow) = (large.forward - large.backward, small.forward - small.backward)
    return (ratio * narrow - wide) / (ratio - 1)
  }
}
