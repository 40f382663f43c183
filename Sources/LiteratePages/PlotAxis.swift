import Foundation

/// The scale of an axis.
package enum AxisScale: Sendable {
  case linear
  case logarithmic
}

/// An axis as it is drawn: its ends, its ticks, and where values lie on it.
struct PlotAxis {
  /// A labelled position.
  struct Tick: Equatable {
    var value: Double
    var label: String
  }

  let scale: AxisScale
  /// The values at the two ends.
  let ends: ClosedRange<Double>
  let ticks: [Tick]

  /// Fits an axis around values; those that it cannot show are left out.
  ///
  /// - Returns: `nil` when there is no value to show.
  init?(values: [Double], scale: AxisScale, tickCount: Int) {
    let shown = values.filter { Self.shows($0, on: scale) }
    guard let low = shown.min(), let high = shown.max() else { return nil }
    self.scale = scale
    switch scale {
    case .linear: (ends, ticks) = Self.linear(low, high, tickCount)
    case .logarithmic: (ends, ticks) = Self.logarithmic(low, high, tickCount)
    }
  }

  /// Whether a value has a place on an axis of that scale.
  ///
  /// Beyond 10^±300 the distance between ends overflows, or the next decade is not a number.
  static func shows(_ value: Double, on scale: AxisScale) -> Bool {
    switch scale {
    case .linear: value.magnitude <= 1e300
    case .logarithmic: value >= 1e-300 && value <= 1e300
    }
  }

  /// The place of a value: 0 at the lower end, 1 at the upper.
  func position(_ value: Double) -> Double {
    switch scale {
    case .linear: (value - ends.lowerBound) / (ends.upperBound - ends.lowerBound)
    case .logarithmic:
      (log10(value) - log10(ends.lowerBound)) / (log10(ends.upperBound) - log10(ends.lowerBound))
    }
  }

  // MARK: Linear

  /// Steps of 1, 2 or 5 times a power of ten; the ends are the ticks around the values.
  private static func linear(
    _ low: Double, _ high: Double, _ count: Int
  ) -> (ClosedRange<Double>, [Tick]) {
    // A range that rounding has made is no range.
    let isFlat = high - low <= 1e-12 * max(low.magnitude, high.magnitude)
    let spread = isFlat ? max(low.magnitude * 0.1, 1e-300) : 0
    let (low, high) = isFlat && low == 0 ? (-1, 1) : (low - spread, high + spread)
    let (mantissa, power) = niceStep(atLeast: (high - low) / Double(count))
    let step = decimal(mantissa, power)
    let first = Int((low / step + 1e-9).rounded(.down))
    let last = Int((high / step - 1e-9).rounded(.up))
    let ticks = (first...max(last, first + 1)).map { index in
      let value = decimal(index * mantissa, power)
      return Tick(value: value, label: formatted(value))
    }
    return (ticks[0].value...ticks[ticks.count - 1].value, ticks)
  }

  /// The smallest of 1, 2, 5 times a power of ten that is not below `size`.
  private static func niceStep(atLeast size: Double) -> (mantissa: Int, power: Int) {
    let power = Int(log10(size).rounded(.down))
    for mantissa in [1, 2, 5] where decimal(mantissa, power) >= size * (1 - 1e-9) {
      return (mantissa, power)
    }
    return (1, power + 1)
  }

  /// `mantissa · 10^power`, correctly rounded, so that a tick prints as itself.
  private static func decimal(_ mantissa: Int, _ power: Int) -> Double {
    Double("\(mantissa)e\(power)") ?? 0
  }

  // MARK: Logarithmic

  /// Decades, every second or fifth of them when there are many; within two decades also the
  /// values 2 and 5 times a power of ten.
  private static func logarithmic(
    _ low: Double, _ high: Double, _ count: Int
  ) -> (ClosedRange<Double>, [Tick]) {
    var first = Int((log10(low) + 1e-9).rounded(.down))
    var last = Int((log10(high) - 1e-9).rounded(.up))
    if first >= last { (first, last) = (first - (decimal(1, first) == low ? 1 : 0), first + 1) }
    let stride = [1, 2, 3, 5, 10, 20, 50, 100].first { (last - first) / $0 < count + 2 } ?? 200

    if last - first > 2 {
      // Ends on multiples of the step, so that the outermost decades are labelled.
      first = Int((Double(first) / Double(stride)).rounded(.down)) * stride
      last = Int((Double(last) / Double(stride)).rounded(.up)) * stride
      let ticks = Swift.stride(from: first, through: last, by: stride).map { power in
        Tick(value: decimal(1, power), label: powerOfTen(power))
      }
      return (decimal(1, max(first, -307))...decimal(1, min(last, 307)), ticks)
    }
    let fine = (first...last).flatMap { power in
      [1, 2, 5].map { (mantissa: $0, power: power) }
    }.filter { $0.power < last || $0.mantissa == 1 }
    let lower = fine.lastIndex { decimal($0.mantissa, $0.power) <= low * (1 + 1e-9) } ?? 0
    let upper =
      fine.firstIndex { decimal($0.mantissa, $0.power) >= high * (1 - 1e-9) } ?? fine.count - 1
    let used = fine[lower...max(upper, min(lower + 1, fine.count - 1))]
    let ticks = used.map { entry in
      let value = decimal(entry.mantissa, entry.power)
      return Tick(value: value, label: formatted(value))
    }
    return (ticks[0].value...ticks[ticks.count - 1].value, ticks)
  }

  /// `10⁻³`.
  private static func powerOfTen(_ power: Int) -> String {
    let superscripts: [Character: Character] = [
      "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷",
      "8": "⁸", "9": "⁹",
    ]
    return "10" + String("\(power)".compactMap { superscripts[$0] })
  }
}
