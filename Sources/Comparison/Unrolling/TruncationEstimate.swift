import ImplicitDifferentiation

/// How much a derivative lacks that stops after `k` terms `tⱼ` of a series (`AʲBẋ`, or `Bᵀ(Aᵀ)ʲw`).
///
/// If `A` is normal, with spectral radius `ρ < 1`, what is missing is at most
/// ```
/// ‖Σ_{j≥k} AʲBẋ‖ ≤ ρᵏ ‖Bẋ‖ / (1 − ρ)        ‖Σ_{j≥k} Bᵀ(Aᵀ)ʲw‖ ≤ ‖B‖ ρᵏ ‖w‖ / (1 − ρ)
/// ```
/// `spectralBound` is `ρᵏ ‖t₀‖ / (1 − ρ)`: the bound on the left, but a rule of thumb for a pullback,
/// where `‖Bᵀw‖` stands for `‖B‖ ‖w‖`; `Bᵀ` may hide from the first term what lasts longest. If `A` is
/// not normal, its powers may grow before they shrink, and `ρ` alone says nothing about the first
/// hundred terms. So `error` adds up the lengths of the missing terms themselves,
/// ```
/// ‖Σ_{j≥k} tⱼ‖ ≤ Σ_{j≥k} ‖tⱼ‖
/// ```
/// as a Krylov space tells them (`KrylovModel`), and the rate takes over far out, where what is left
/// is below a thousandth of the sum. With at least as many products as unknowns `error` is a bound up
/// to rounding; with fewer it is an estimate, the better the fewer directions matter.
///
/// Terms of alternating sign cancel in the derivative, and not in either number.
public struct TruncationEstimate: Sendable, Equatable {
  /// `ρ`, the spectral radius of `A` among the directions that the terms take.
  public let rate: Double

  /// `ρᵏ ‖t₀‖ / (1 − ρ)`; infinite for `ρ ≥ 1`. A bound for pushforwards with a normal `A`.
  public let spectralBound: Double

  /// `Σ_{j≥k} ‖tⱼ‖`; infinite for `ρ ≥ 1`.
  public let error: Double

  /// Products with the step that the estimate has taken.
  public let products: Int

  /// Whether the directions are closed under `A`: then the model is exact up to rounding.
  public let isComplete: Bool

  /// Far out the rate takes over, at the latest after so many terms.
  private static let longestSum = 2_000

  init(_ model: KrylovModel, omittedAfter count: Int) {
    rate = model.spectralRadius
    products = model.products
    isComplete = model.isComplete
    guard rate < 1 else {
      spectralBound = .infinity
      error = .infinity
      return
    }
    var power = 1.0
    for _ in 0..<count { power *= rate }
    spectralBound = power * model.termNorm(model.start) / (1 - rate)
    var term = model.start
    for _ in 0..<count { term = model.next(term) }
    var size = model.termNorm(term)
    var sum = size
    var rest = sum * rate / (1 - rate)
    for _ in 1..<TruncationEstimate.longestSum where rest > 1e-3 * sum {
      term = model.next(term)
      let next = model.termNorm(term)
      // Terms that still shrink more slowly than the rate are followed by others that do.
      let factor = Swift.max(rate, size > 0 ? next / size : 0)
      size = next
      sum += size
      rest = factor < 1 ? size * factor / (1 - factor) : .infinity
    }
    error = sum + (rest.isFinite ? rest : size * rate / (1 - rate))
  }
}

extension UnrollingReport {
  /// A solver whose fixed point is further away than this, relative to the state, is told of.
  private static let convergenceTolerance = 1e-6

  /// With the estimate of an approximate derivative, and the warnings.
  func judged(
    _ truncation: TruncationEstimate?, lastMove: Double, size: Double
  ) -> UnrollingReport {
    var report = self
    report.truncation = truncation
    report.warnings = [.wrongAtSecondOrder]
    let rate = truncation?.rate ?? 0
    if rate >= 1 {
      report.warnings.append(.notContracting(rate: rate))
    } else {
      // The moves still to come, if they shrink at the same rate.
      let distance = lastMove * rate / (1 - rate) / (size > 0 ? size : 1)
      let left = truncation == nil ? lastMove / (size > 0 ? size : 1) : distance
      if left > UnrollingReport.convergenceTolerance {
        report.warnings.append(.notConverged(distance: left))
      }
    }
    if let truncation, truncation.spectralBound < 0.9 * truncation.error,
      truncation.error.isFinite
    {
      report.warnings.append(
        .transientGrowth(factor: truncation.error / truncation.spectralBound))
    }
    return report
  }
}
