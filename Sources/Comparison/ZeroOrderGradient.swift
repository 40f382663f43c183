import ImplicitDifferentiation
import Kernels

/// A number estimated from independent samples, with its uncertainty.
public struct SampledEstimate: Sendable, Equatable {
  /// The mean of the samples.
  public let value: Double

  /// The standard deviation to expect of `value`.
  public let standardError: Double

  /// How many samples there were.
  public let sampleCount: Int

  init(_ samples: [Double]) {
    let count = Double(samples.count)
    let mean = samples.reduce(0) { $0 + $1 } / count
    let squares = samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    value = mean
    standardError = (squares / (count * (count - 1))).squareRoot()
    sampleCount = samples.count
  }

  /// The interval around `value` that contains what is estimated with the given probability, if
  /// samples are about normal: `value ± t · standardError`, with Student's `t` for one degree of
  /// freedom less than there are samples.
  ///
  /// A confidence that is not between 0 and 1 stops the program.
  public func interval(confidence: Double = 0.95) -> ClosedRange<Double> {
    if !(confidence > 0 && confidence < 1) {
      stop("A confidence lies between 0 and 1; it was \(confidence).")
    }
    let t = StudentDistribution.quantile(
      confidence: confidence, degreesOfFreedom: sampleCount - 1)
    return (value - t * standardError)...(value + t * standardError)
  }
}

/// An estimate of the gradient of a black-box loss from its values at random points around `x`, with
/// confidence intervals: the last resort, **no derivative**.
///
/// ```swift
/// let estimate = try ZeroOrderGradient(of: { x in lossOfSimulation(x) }, at: x, smoothing: 0.01)
/// print(estimate.gradient, estimate.components[0].interval())
/// ```
///
/// With independent standard normal vectors `zₖ`, each used to both sides (*antithetic*),
/// ```
/// g = 1/K Σₖ (f(x + σ zₖ) − f(x − σ zₖ)) / 2σ · zₖ
/// ```
/// The mean of `g` is the gradient of the *smoothed* loss `f_σ(x) = E f(x + σ z)`, which exists where
/// `f` jumps or has kinks. From the gradient of `f` itself it differs by a bias,
/// ```
/// ∇f_σ − ∇f = σ²/2 ∇(Δf) + O(σ⁴),   ‖∇f_σ − ∇f‖ ≤ σ/2 L₁ (n + 3)^(3/2)
/// ```
/// with `L₁` the Lipschitz constant of `∇f`; none for quadratic losses. The intervals are about
/// `∇f_σ`: they know nothing of the bias. A smaller `σ` makes it smaller, and leaves the
/// spread of a smooth loss as it is; noise `η` in the values of `f` adds a spread of about `η/σ`.
///
/// Cost: `2 K` evaluations, `K = batchCount · pairsPerBatch`. For a smooth loss
/// ```
/// Var gᵢ ≈ (‖∇f‖² + (∂ᵢf)²) / K
/// ```
/// so a relative error of 10 % of `‖∇f‖` takes `K ≈ 100 (n + 1)`. Central differences of a smooth loss
/// cost `2 n` evaluations and are right to ten digits (`DifferenceSweep`); this is for losses that are
/// noisy or jump.
///
/// Pairs are averaged in batches, whose means are the samples of the intervals: close to
/// normal, although products of normal numbers are not. Pseudo-random numbers are seeded: the same
/// seed gives the same bits.
///
/// Source: Yu. Nesterov and V. Spokoiny, "Random Gradient-Free Minimization of Convex Functions",
/// Found. Comput. Math. 17 (2017), 527–566, sections 2 and 3 (Lemma 3 for the bias); T. Salimans et
/// al., "Evolution Strategies as a Scalable Alternative to Reinforcement Learning" (2017), section
/// 2.1 (antithetic pairs).
public struct ZeroOrderGradient<Input: TensorStructure>: Sendable {
  /// The estimate. Constants of the input get an empty tensor.
  public let gradient: Input

  /// The estimate of each component with its uncertainty, in the order of `flattened()`.
  public let components: [SampledEstimate]

  /// `σ`, in the units of `x`.
  public let smoothing: Double

  /// Evaluations of the loss.
  public let evaluations: Int

  /// That this is no derivative, as a sentence with the numbers.
  public var warning: String {
    let variance = components.reduce(0) { $0 + $1.standardError * $1.standardError }
    let size = components.reduce(0) { $0 + $1.value * $1.value }
    return "An estimate from \(evaluations) values of the loss at random points, not a derivative: "
      + "its length is \(size.squareRoot().shortened), its standard error "
      + "\(variance.squareRoot().shortened), and it belongs to the loss smoothed over distances of "
      + "about \(smoothing.shortened)."
  }

  /// The means of the batches.
  private let batchMeans: [[Double]]

  /// - Parameters:
  ///   - loss: `f`, any code.
  ///   - x: where.
  ///   - smoothing: `σ`, in the units of `x`; scale inputs of different sizes first.
  ///   - batchCount: at least 2; more than 20 make intervals hardly narrower.
  ///   - pairsPerBatch: at least 1; some 8 make batch means close to normal.
  ///   - seed: of the pseudo-random numbers.
  /// - Throws: what `loss` throws; `ComparisonError.notFinite` at a value that is not finite. Other
  ///   numbers than those listed here stop the program.
  public init(
    of loss: (Input) throws -> Double, at x: Input, smoothing: Double, batchCount: Int = 32,
    pairsPerBatch: Int = 8, seed: UInt64 = 1
  ) throws {
    if !(smoothing > 0 && smoothing.isFinite) {
      stop("A smoothing is a positive number; it was \(smoothing).")
    }
    if batchCount < 2 || pairsPerBatch < 1 {
      stop(
        "An estimate needs at least 2 batches of at least 1 pair, not \(batchCount) of "
          + "\(pairsPerBatch).")
    }
    let point = x.withoutDerivative
    let center = point.flattened()
    let n = center.count
    func value(at t: Double, along z: [Double]) throws -> Double {
      let value = try loss(try point.rebuilt(from: zip(center, z).map { $0 + t * $1 }))
      if !value.isFinite {
        throw ComparisonError.notFinite(what: "the loss at a random point", value: value)
      }
      return value
    }
    var generator = SplitMix64(seed: seed)
    var means: [[Double]] = []
    for _ in 0..<batchCount {
      var sum = [Double](repeating: 0, count: n)
      for _ in 0..<pairsPerBatch {
        let z = generator.normal(count: n)
        let right = try value(at: smoothing, along: z)
        let left = try value(at: -smoothing, along: z)
        let slope = (right - left) / (2 * smoothing)
        for i in 0..<n { sum[i] += slope * z[i] }
      }
      means.append(sum.map { $0 / Double(pairsPerBatch) })
    }
    batchMeans = means
    components = (0..<n).map { i in SampledEstimate(means.map { $0[i] }) }
    gradient = try point.mapTensors(isConstant: false) { tensor, isConstant in
      isConstant ? Tensor([Double]()) : tensor
    }.rebuilt(from: components.map(\.value))
    self.smoothing = smoothing
    evaluations = 2 * batchCount * pairsPerBatch
  }

  /// The derivative along a direction, `⟨g, v⟩`, with its own uncertainty: components are correlated.
  ///
  /// - Throws: `ComparisonError.sizeMismatch`.
  public func derivative(along direction: Input) throws(ComparisonError) -> SampledEstimate {
    let v = direction.flattened()
    if v.count != components.count {
      throw .sizeMismatch(what: "the direction", expected: components.count, found: v.count)
    }
    return SampledEstimate(batchMeans.map { dot($0, v) })
  }
}

extension ZeroOrderGradient: CustomStringConvertible {
  /// The components with their intervals of 95 %, and the warning.
  public var description: String {
    let lines = components.prefix(20).enumerated().map { index, component in
      let range = component.interval()
      return "\(index): \(component.value.shortened), from \(range.lowerBound.shortened) to "
        + "\(range.upperBound.shortened) at 95 %"
    }
    let more = components.count > 20 ? ["… and \(components.count - 20) more"] : []
    return (lines + more + [warning]).joined(separator: "\n")
  }
}
