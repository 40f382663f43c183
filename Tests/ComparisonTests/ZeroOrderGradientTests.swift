import ImplicitDifferentiation
import PromptTasks
import Testing

@testable import Comparison

@Suite struct ZeroOrderGradientTests {
  /// A quadratic with mixed terms: `½ xᵀH x + bᵀx`, its gradient `H x + b` without smoothing bias.
  private static let H = Tensor([[3, 1, -0.5], [1, 2, 0.3], [-0.5, 0.3, 1]])
  private static let b = Tensor([0.2, -1, 0.7])
  private static let x = Tensor([0.5, -0.3, 2])
  private static let exact = (matmul(H, x) + b).scalars

  /// In plain numbers: half a million values are asked for.
  private static func quadratic(_ x: Tensor) -> Double {
    let x = x.scalars
    let (p, q, r) = (x[0], x[1], x[2])
    return 1.5 * p * p + q * q + 0.5 * r * r + p * q - 0.5 * p * r + 0.3 * q * r
      + 0.2 * p - q + 0.7 * r
  }

  private static func estimate(
    smoothing: Double = 0.01, batchCount: Int = 32, pairsPerBatch: Int = 8, seed: UInt64
  ) throws -> ZeroOrderGradient<Tensor> {
    try ZeroOrderGradient(
      of: quadratic, at: x, smoothing: smoothing, batchCount: batchCount,
      pairsPerBatch: pairsPerBatch, seed: seed)
  }

  @Test("Sign and scale are right, whatever the smoothing", arguments: [1e-4, 1e-2, 1, 10])
  func signAndScale(smoothing: Double) throws {
    // 20,000 pairs: a standard error of √(n + 1) / √20000 of the length, 1.4 %.
    let found = try Self.estimate(
      smoothing: smoothing, batchCount: 40, pairsPerBatch: 500, seed: 3)
    let length = Tensor(Self.exact).norm().scalar
    for (component, exact) in zip(found.components, Self.exact) {
      #expect(abs(component.value - exact) < 0.05 * length)
      #expect(component.standardError < 0.015 * length)
    }
    #expect(found.gradient.scalars == found.components.map(\.value))
    #expect(found.evaluations == 40_000)
  }

  @Test("‖θ‖² with the gradient (2, −4, 1), where another library's estimate was nearly zero")
  func squaredLength() throws {
    let found = try ZeroOrderGradient(
      of: { (theta: Tensor) in theta.squaredNorm().scalar }, at: [1, -2, 0.5], smoothing: 0.01,
      batchCount: 40, pairsPerBatch: 250, seed: 1)
    for (component, exact) in zip(found.components, [2.0, -4, 1]) {
      #expect(abs(component.value - exact) < 0.25)
      #expect(component.interval(confidence: 0.9999).contains(exact))
    }
  }

  @Test(
    "Intervals of 95 % contain the gradient in 90 to 99 % of 400 trials, those of 80 % in fewer")
  func coverage() throws {
    var covered = [Int](repeating: 0, count: 4)
    var narrower = 0
    let direction = Tensor([1, 2, -1])
    let slope = Tensor(Self.exact).dot(direction).scalar
    for seed in 1...400 {
      let found = try Self.estimate(batchCount: 16, seed: UInt64(seed))
      for k in 0..<3 where found.components[k].interval().contains(Self.exact[k]) {
        covered[k] += 1
      }
      let along = try found.derivative(along: direction)
      if along.interval().contains(slope) { covered[3] += 1 }
      if along.interval(confidence: 0.8).contains(slope) { narrower += 1 }
    }
    for count in covered { #expect((360...396).contains(count), "\(covered)") }
    #expect((296...344).contains(narrower), "\(narrower)")
  }

  @Test("Four times the pairs, half the standard error, as the formula says")
  func standardErrors() throws {
    func meanSquare(_ pairs: Int) throws -> Double {
      try (1...100).reduce(0.0) { sum, seed in
        let found = try Self.estimate(batchCount: 16, pairsPerBatch: pairs, seed: UInt64(seed))
        let error = found.components[0].standardError
        return sum + error * error / 100
      }
    }
    // (‖∇f‖² + (∂₀f)²) / K
    let length = Tensor(Self.exact).squaredNorm().scalar
    for pairs in [8, 32] {
      let expected = (length + Self.exact[0] * Self.exact[0]) / Double(16 * pairs)
      #expect((0.85...1.15).contains(try meanSquare(pairs) / expected))
    }
  }

  @Test("The mean is the gradient of the smoothed loss: 3σ² beside 3x² for cubes")
  func bias() throws {
    let (x, sigma) = (Tensor([0.5, -1]), 0.8)
    let found = try ZeroOrderGradient(
      of: { (x: Tensor) in (x * x * x).sum().scalar }, at: x, smoothing: sigma, batchCount: 40,
      pairsPerBatch: 1000, seed: 5)
    for (component, x) in zip(found.components, x.scalars) {
      let range = component.interval(confidence: 0.999)
      #expect(range.contains(3 * x * x + 3 * sigma * sigma))
      #expect(!range.contains(3 * x * x))
    }
  }

  @Test("A loss that jumps has a smoothed slope: that of the normal distribution")
  func jump() throws {
    let found = try ZeroOrderGradient(
      of: { (x: Tensor) in x.scalars[0] > 0.3 ? 1.0 : 0.0 }, at: Tensor([0]), smoothing: 0.5,
      batchCount: 40, pairsPerBatch: 500, seed: 2)
    // φ(0.3 / 0.5) / 0.5
    let slope = exp(Tensor(-0.18)).scalar / (2 * Double.pi).squareRoot() / 0.5
    #expect(found.components[0].interval(confidence: 0.999).contains(slope))
    #expect(found.components[0].standardError < 0.03 * slope)
  }

  @Test("One seed, the same bits; another seed, others")
  func seeds() throws {
    let first = try Self.estimate(seed: 7)
    #expect(try Self.estimate(seed: 7).components == first.components)
    #expect(try Self.estimate(seed: 8).components != first.components)
  }

  private struct Named: TensorStructure {
    var a: Tensor
    var data: Tensor
    static var fields: [TensorField<Named>] { [.init("a", \.a), .constant("data", \.data)] }
  }

  @Test("Structures keep their shapes; constants are not moved and get nothing")
  func structures() throws {
    let found = try ZeroOrderGradient(
      of: { (x: Named) in
        #expect(x.data.scalars == [5, 6])
        return x.a.sum().scalar
      }, at: Named(a: [[1, 2], [3, 4]], data: [5, 6]), smoothing: 0.1, batchCount: 4)
    #expect(found.gradient.a.shape == [2, 2] && found.gradient.data.count == 0)
    #expect(
      throws: ComparisonError.sizeMismatch(what: "the direction", expected: 4, found: 3)
    ) { try found.derivative(along: Named(a: [1, 2, 3], data: [])) }
    #expect(found.warning.contains("64 values") && found.warning.contains("not a derivative"))
    #expect(found.description.hasSuffix(found.warning))
  }

  private struct Failure: Error {}

  @Test("A loss that fails or is not finite is an error")
  func errors() throws {
    #expect(throws: Failure.self) {
      try ZeroOrderGradient(of: { _ in throw Failure() }, at: Tensor([1]), smoothing: 1)
    }
    #expect(
      throws: ComparisonError.notFinite(what: "the loss at a random point", value: .infinity)
    ) { try ZeroOrderGradient(of: { _ in .infinity }, at: Tensor([1]), smoothing: 1) }
  }

  @Test(
    "Student's t as in the tables",
    arguments: [
      (1, 0.95, 12.7062), (2, 0.95, 4.30265), (3, 0.9, 2.35336), (4, 0.99, 4.60409),
      (15, 0.95, 2.13145), (30, 0.95, 2.04227), (31, 0.95, 2.03951), (120, 0.99, 2.61742),
    ])
  func student(nu: Int, confidence: Double, expected: Double) {
    let t = StudentDistribution.quantile(confidence: confidence, degreesOfFreedom: nu)
    #expect(abs(t / expected - 1) < 3e-6)
  }

  @Test("Normal numbers have the moments 0, 1, 0, 3, and pairs are independent")
  func normalNumbers() {
    var generator = SplitMix64(seed: 11)
    let count = 100_000
    let z = generator.normal(count: count)
    func mean(_ f: (Double) -> Double) -> Double { z.reduce(0) { $0 + f($1) } / Double(count) }
    // Five standard deviations: 1, √2, √15, √96 over √count.
    let root = Double(count).squareRoot()
    #expect(abs(mean { $0 }) < 5 / root)
    #expect(abs(mean { $0 * $0 } - 1) < 7.1 / root)
    #expect(abs(mean { $0 * $0 * $0 }) < 19.4 / root)
    #expect(abs(mean { $0 * $0 * $0 * $0 } - 3) < 49 / root)
    let pairs = stride(from: 0, to: count, by: 2).reduce(0) { $0 + z[$1] * z[$1 + 1] }
    #expect(abs(pairs / Double(count / 2)) < 5 / Double(count / 2).squareRoot())
    #expect(generator.normal(count: 3).count == 3)
  }

  @Test("A smoothing that is none stops the program, and so do too few batches")
  func mistakes() async {
    let smoothing = await promptly {
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = try ZeroOrderGradient(of: { _ in 0 }, at: Tensor([1]), smoothing: -2)
      }
    }
    let words = String(decoding: smoothing?.standardErrorContent ?? [], as: UTF8.self)
    #expect(words.contains("A smoothing is a positive number; it was -2.0"))
    let batches = await promptly {
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = try ZeroOrderGradient(of: { _ in 0 }, at: Tensor([1]), smoothing: 1, batchCount: 1)
      }
    }
    let others = String(decoding: batches?.standardErrorContent ?? [], as: UTF8.self)
    #expect(others.contains("at least 2 batches of at least 1 pair, not 1 of 8"))
  }
}
