extension DifferenceSweep.Kink {
  /// Looks for one-sided derivatives that differ.
  ///
  /// For a smooth function forward and backward differences approach each other in proportion to
  /// `h`, so that `2 J(h/2) − J(h)` vanishes, with `J` their gap; at a kink it is the jump of the
  /// derivative. The jump has to show, the same within a fifth, at the four smallest steps that
  /// noise leaves alone, and to be ten times what noise explains.
  static func find(
    _ entries: [DifferenceSweep.Entry], noise: Double
  ) -> DifferenceSweep.Kink? {
    let size = entries.map { $0.forward.magnitude + $0.backward.magnitude }.max() ?? 0
    guard size > 0 else { return nil }
    // Steps at which noise makes less than a hundredth of the differences.
    let clear = entries.filter { 4 * noise / $0.step <= 1e-2 * size }
    guard clear.count >= 5 else { return nil }
    let window = clear.suffix(5)
    let jumps = zip(window.dropLast(), window.dropFirst()).map { large, small in
      extrapolated(large, small) { $0.forward - $0.backward }
    }
    let (low, high) = (jumps.min() ?? 0, jumps.max() ?? 0)
    guard let small = window.last else { return nil }
    let explained = 12 * noise / small.step
    guard low > 0 || high < 0 else { return nil }
    let (least, most) = (
      Swift.min(low.magnitude, high.magnitude), Swift.max(low.magnitude, high.magnitude)
    )
    guard least >= 0.8 * most, least > 10 * explained, least > 1e-3 * size else { return nil }
    let large = window[window.index(window.endIndex, offsetBy: -2)]
    return DifferenceSweep.Kink(
      backward: extrapolated(large, small) { $0.backward },
      forward: extrapolated(large, small) { $0.forward })
  }

  /// The limit `h → 0` of a difference with an error proportional to `h`.
  private static func extrapolated(
    _ large: DifferenceSweep.Entry, _ small: DifferenceSweep.Entry,
    _ difference: (DifferenceSweep.Entry) -> Double
  ) -> Double {
    let ratio = large.step / small.step
    return (ratio * difference(small) - difference(large)) / (ratio - 1)
  }
}
