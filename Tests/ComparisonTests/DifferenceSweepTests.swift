import Comparison
import ImplicitDifferentiation
import Testing

struct DifferenceSweepTests {
  struct Smooth: Sendable, CustomTestStringConvertible {
    let name: String
    let derivative: Double
    var scale = 1.0
    let function: @Sendable (Double) -> Double
    var testDescription: String { name }
  }

  static let smooth: [Smooth] = [
    Smooth(name: "exp", derivative: 1) { exp(Tensor($0)).scalar },
    Smooth(name: "exp(5t)", derivative: 5) { exp(Tensor(5 * $0)).scalar },
    Smooth(name: "sin(1 + t)", derivative: cos(Tensor(1)).scalar) { sin(Tensor(1 + $0)).scalar },
    Smooth(name: "1/(1 + t)", derivative: -1) { 1 / (1 + $0) },
    Smooth(name: "√(2 + t)", derivative: 0.5 / 2.0.squareRoot()) { (2 + $0).squareRoot() },
    Smooth(name: "small scale", derivative: 1e6, scale: 1e-6) { exp(Tensor(1e6 * $0)).scalar },
    Smooth(name: "large scale", derivative: 1e-6, scale: 1e6) { exp(Tensor(1e-6 * $0)).scalar },
    Smooth(name: "small values", derivative: 1e-200) { 1e-200 * exp(Tensor($0)).scalar },
    Smooth(name: "large constant", derivative: 1) { 1e3 + exp(Tensor($0)).scalar },
    Smooth(name: "quadratic", derivative: 3) { 2 + 3 * $0 + 4 * $0 * $0 },
    Smooth(name: "cubic", derivative: -1) { -$0 + $0 * $0 * $0 },
  ]

  /// Half the step: a quarter of the error for central differences, half of it for one-sided ones.
  @Test func rates() throws {
    let sweep = try DifferenceSweep { exp(Tensor($0)).scalar }
    // From 0.05 on the next term of the error is below 1e-3 of the first; below 1e-4 rounding
    // becomes visible.
    let steps = sweep.entries.filter { $0.step <= 0.05 && $0.step >= 1e-4 }
    #expect(steps.count >= 9)
    for (large, small) in zip(steps, steps.dropFirst()) {
      #expect(abs((large.central - 1) / (small.central - 1) - 4) < 0.02)
      #expect(abs((large.forward - 1) / (small.forward - 1) - 2) < 0.04)
      #expect(abs((large.backward - 1) / (small.backward - 1) - 2) < 0.04)
    }
  }

  @Test func steps() throws {
    let relative = DifferenceSteps().relativeSteps
    #expect(relative.first == 0.1)
    #expect(relative.count == 27)
    #expect((relative.last ?? 0) >= 1e-9 && (relative.last ?? 0) < 2e-9)
    let coarse = DifferenceSteps(largest: 1e-1, smallest: 1e-9, ratio: 10)
    #expect(coarse.relativeSteps.count == 9)
    let sweep = try DifferenceSweep(scale: 50, steps: coarse) { $0 }
    #expect(sweep.entries.count == 9)
    #expect(sweep.entries[0].step == 5)
  }

  /// Without a reference the chosen step is as good as ε^⅔, and the error is not underestimated.
  @Test(arguments: smooth, [2.0, 4, 10])
  func bestStep(_ function: Smooth, ratio: Double) throws {
    let sweep = try DifferenceSweep(
      scale: function.scale, steps: DifferenceSteps(ratio: ratio), of: function.function)
    let error = abs(sweep.derivative - function.derivative)
    // The estimate is a model of two terms and one noise level for all steps.
    #expect(error <= 5 * sweep.estimatedError, "\(error), expected \(sweep.estimatedError)")
    #expect(error <= 1e-8 * abs(function.derivative), "\(error)")
    #expect(sweep.estimatedError <= 1e-7 * abs(function.derivative), "\(sweep.estimatedError)")
    #expect(sweep.kink == nil)
    #expect(!sweep.isFlat)
    let one = sweep.entries[sweep.bestOneSided].forward
    #expect(abs(one - function.derivative) <= 5 * sweep.estimatedOneSidedError)
    #expect(sweep.estimatedOneSidedError <= 1e-5 * abs(function.derivative))
  }

  @Test func constant() throws {
    let sweep = try DifferenceSweep { _ in 7 }
    #expect(sweep.derivative == 0)
    #expect(sweep.kink == nil)
    #expect(!sweep.isFlat)
  }

  // MARK: Noise

  /// A smooth function with seeded noise of uniform distribution: its standard deviation is found,
  /// and the floor that follows.
  @Test(arguments: [1e-3, 1e-6, 1e-9])
  func noiseIsMeasured(amplitude: Double) throws {
    for seed in 1...10 {
      let sweep = try DifferenceSweep { t in
        exp(Tensor(t)).scalar + amplitude * noise(at: t, seed: UInt64(seed))
      }
      let deviation = amplitude / 3.0.squareRoot()
      // Nine values: the estimate is good to a factor, as in the paper.
      #expect((0.25...4).contains(sweep.noise / deviation), "\(sweep.noise)")
      #expect(sweep.isFlat)
      let error = abs(sweep.derivative - 1)
      // The floor: 1.5 · (η² c)^⅓ with c = 1/6.
      let floor = 1.5 * Elementary.cubeRoot(deviation * deviation / 6)
      #expect(error <= 6 * floor, "\(error), floor \(floor)")
      #expect((0.2...8).contains(sweep.estimatedError / floor), "\(sweep.estimatedError)")
      #expect(sweep.kink == nil)
    }
  }

  /// A solver that stops early makes jumps where its number of iterations changes, and is perfectly
  /// smooth, and wrong, in between: tiny steps do not see it, the table does.
  @Test func jumpsAreNoise() throws {
    let jump = 1e-5
    let sweep = try DifferenceSweep { t in
      exp(Tensor(t)).scalar + jump * ((t + 0.0013) / 0.004).rounded(.down) - jump * t / 0.004
    }
    #expect(sweep.isFlat)
    #expect((0.05...2).contains(sweep.noise / jump), "\(sweep.noise)")
  }

  /// Noise on one side only is noise: both kinds of table count.
  @Test(arguments: [1.0, -1])
  func noiseOnOneSide(side: Double) throws {
    let sweep = try DifferenceSweep { t in
      t + (t * side > 0 ? 1e-6 * noise(at: t, seed: 4) : 0)
    }
    #expect((0.25...4).contains(sweep.noise * 3.0.squareRoot() / 1e-6))
  }

  /// However the noise falls, it is not called a kink.
  @Test func noiseIsNoKink() throws {
    let coarse = DifferenceSteps(ratio: 4)
    for seed in 1...2_000 {
      let sweep = try DifferenceSweep(steps: coarse) { t in
        t + 1e-6 * noise(at: t, seed: UInt64(seed))
      }
      #expect(sweep.kink == nil, "seed \(seed)")
    }
  }

  // MARK: Kinks

  struct Kinked: Sendable, CustomTestStringConvertible {
    let name: String
    let backward, forward: Double
    let function: @Sendable (Double) -> Double
    var testDescription: String { name }
  }

  static let kinked: [Kinked] = [
    Kinked(name: "|t|", backward: -1, forward: 1) { abs($0) },
    Kinked(name: "max(t, 0)", backward: 0, forward: 1) { max($0, 0) },
    Kinked(name: "exp(t) + |t|/20", backward: 0.95, forward: 1.05) {
      exp(Tensor($0)).scalar + abs($0) / 20
    },
    Kinked(name: "1000 + max(2t, −3t²)", backward: 0, forward: 2) {
      1000 + max(2 * $0, -3 * $0 * $0)
    },
    Kinked(name: "noisy |t|", backward: -1, forward: 1) {
      abs($0) + 1e-9 * noise(at: $0, seed: 1)
    },
  ]

  @Test(arguments: kinked, [2.0, 10])
  func kinkIsNamed(_ function: Kinked, ratio: Double) throws {
    let sweep = try DifferenceSweep(steps: DifferenceSteps(ratio: ratio), of: function.function)
    let kink = try #require(sweep.kink)
    // The smallest steps used may carry a thousandth of noise.
    #expect(abs(kink.backward - function.backward) <= 2e-3)
    #expect(abs(kink.forward - function.forward) <= 2e-3)
  }

  static let notKinked: [Smooth] = [
    Smooth(name: "|t|^1.5", derivative: 0) { abs($0) * abs($0).squareRoot() },
    Smooth(name: "|t|^1.2", derivative: 0) { t in
      t == 0 ? 0 : exp(1.2 * log(Tensor(abs(t)))).scalar
    },
    Smooth(name: "t|t|", derivative: 0) { $0 * abs($0) },
    Smooth(name: "kink near by", derivative: -1) { abs($0 - 1e-4) },
    Smooth(name: "√(t² + 1e-6)", derivative: 0) { ($0 * $0 + 1e-6).squareRoot() },
    Smooth(name: "1/(1 + 1e4 t²)", derivative: 0) { 1 / (1 + 1e4 * $0 * $0) },
    Smooth(name: "1000 t²", derivative: 0) { 1000 * $0 * $0 },
  ]

  @Test(arguments: notKinked)
  func smoothIsNotKinked(_ function: Smooth) throws {
    let sweep = try DifferenceSweep(of: function.function)
    #expect(sweep.kink == nil)
  }

  // MARK: Where the function cannot be evaluated

  @Test func stepsOutsideTheDomainAreSkipped() throws {
    let sweep = try DifferenceSweep { t in log(Tensor(t + 0.01)).scalar }
    #expect(sweep.skippedSteps == 4)
    #expect(sweep.entries.count == 23)
    #expect(abs(sweep.derivative - 100) <= 1e-6)
  }

  struct Refusal: Error, CustomStringConvertible {
    var description: String { "refused" }
  }

  @Test func errors() throws {
    func failure(
      _ steps: DifferenceSteps = DifferenceSteps(), _ function: (Double) throws -> Double
    ) throws -> ComparisonError {
      try #require(throws: ComparisonError.self) {
        try DifferenceSweep(steps: steps, of: function)
      }
    }
    #expect(
      try failure { t in if t == 0 { 1 } else { throw Refusal() } }
        == .tooFewSteps(left: 0, reason: "refused"))
    #expect(
      try failure { t in t == 0 ? 1 : .nan }
        == .tooFewSteps(left: 0, reason: "the value there is nan"))
    #expect(try failure { _ in .infinity } == .notFinite(what: "the loss", value: .infinity))
    #expect(throws: Refusal.self) { try DifferenceSweep { _ in throw Refusal() } }
    let upwards = DifferenceSteps(largest: 1e-9, smallest: 1e-1)
    #expect(
      try failure(upwards) { $0 } == .invalidSteps(largest: 1e-9, smallest: 1e-1, ratio: 2))
    #expect(
      try failure(DifferenceSteps(ratio: 1)) { $0 }
        == .invalidSteps(largest: 0.1, smallest: 1e-9, ratio: 1))
    #expect(
      try failure(DifferenceSteps(smallest: .nan)) { $0 }.description.contains("nan"))
  }
}

/// Uniform in −1…1, a hash of the argument's bits.
func noise(at t: Double, seed: UInt64) -> Double {
  var z = t.bitPattern &+ seed &* 0x9E37_79B9_7F4A_7C15
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  z ^= z >> 31
  return 2 * (Double(z >> 11) * 0x1p-53) - 1
}

enum Elementary {
  /// By Newton's method.
  static func cubeRoot(_ x: Double) -> Double {
    var y = x.squareRoot()
    for _ in 0..<100 { y = (2 * y + x / (y * y)) / 3 }
    return y
  }
}
