import ImplicitDifferentiation

/// SplitMix64: the same numbers on every machine.
struct SeededNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In [0, 1).
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// In [−1, 1).
  mutating func symmetric() -> Double { 2 * unit() - 1 }

  mutating func vector(_ count: Int) -> Tensor {
    Tensor((0..<count).map { _ in symmetric() })
  }

  mutating func matrix(_ rows: Int, _ columns: Int) -> Tensor {
    Tensor(shape: [rows, columns], (0..<rows * columns).map { _ in symmetric() })
  }
}

/// `max |aᵢ − bᵢ|`; infinite if the shapes differ.
func distance(_ a: Tensor, _ b: Tensor) -> Double {
  if a.shape != b.shape { return .infinity }
  if a.count == 0 { return 0 }
  return (a - b).withoutDerivative.norm(.infinity).scalar
}

/// The derivative of `f` at 0 by central differences, extrapolated once (Richardson): error of
/// order `step⁴`, with rounding of order `ε / step`.
func centralDifference(step: Double = 1e-3, _ f: (Double) throws -> Tensor) rethrows -> Tensor {
  func slope(_ h: Double) throws -> Tensor { (try f(h) - f(-h)).scaled(by: 0.5 / h) }
  return (4 * (try slope(0.5 * step)) - (try slope(step))).scaled(by: 1.0 / 3)
}
