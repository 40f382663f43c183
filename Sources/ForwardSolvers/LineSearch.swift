import TracedTensors

/// A step length `α` along a direction `d`, with `φ(α) = f(x + α d)`.
///
/// A step is accepted when it decreases the objective sufficiently,
/// ```
/// φ(α) ≤ φ(0) + c₁ α φ′(0)
/// ```
/// and, if `curvature` is given, has brought the slope down, `|φ′(α)| ≤ c₂ |φ′(0)|` (strong Wolfe).
/// Close to a minimum the decrease drowns in the rounding of `φ`, long before the gradient is as
/// small as it can be. There the slope decides, by the approximate Wolfe condition
/// `φ′(α) ≤ (2c₁ − 1) φ′(0)`, which for a quadratic is the same: this is what lets gradients
/// converge to rounding level. The slope must have changed for that, or any step would do that is
/// short enough.
///
/// A bracket is doubled outwards and then narrowed by the secant of the slopes, safeguarded by
/// bisection; trials that are not finite count as too long.
///
/// Sources: W. W. Hager and H. Zhang, "A new conjugate gradient method with guaranteed descent and
/// an efficient line search", SIAM J. Optim. 16 (2005), 170–192, (4.1); A. S. Lewis and M. L.
/// Overton, "Nonsmooth optimization via quasi-Newton methods", Math. Program. 141 (2013), 135–163,
/// algorithm 2.6 (the bracket).
struct LineSearch {
  /// `c₁`.
  var sufficientDecrease = 1e-4
  /// `c₂`; `nil` for backtracking alone.
  var curvature: Double?
  /// The factor of a backtracking step; the bracket is bisected otherwise.
  var shrinkage = 0.5

  /// Relative changes of the objective below this are left to the slope.
  static let noise = 1e-10
  /// A step that moves along a direction of curvature `μ` at all changes the slope by a part of
  /// `μ/L`; this is the smallest that counts.
  static let slopeChange = 1e-8
  /// `2⁻⁶⁰` of the first step is far below rounding of the point, `2⁶⁰` far above any scale.
  static let maximumTrials = 60

  enum Outcome<Point: TensorStructure> {
    case accepted(Descent<Point>.Trial)
    /// Even the shortest step was refused.
    case failed(shortestStep: Double)
    case unbounded(objective: Double)
  }

  /// - Parameters:
  ///   - slope: `φ′(0) = ∇fᵀd`, negative.
  ///   - first: the first step length to try.
  func search<Point>(
    _ objective: (Point) throws -> Tensor, _ descent: inout Descent<Point>, along d: Tensor,
    slope: Double, first: Double
  ) throws -> Outcome<Point> {
    let start = descent.current.plainValue
    var (low, lowSlope) = (0.0, slope)
    var (high, highSlope) = (Double.infinity, Double.nan)
    var alpha = first
    for _ in 0..<LineSearch.maximumTrials {
      let trial = try descent.trial(objective, along: d, stepLength: alpha)
      let value = trial.plainValue
      let newSlope = plainDot(trial.gradient, d)
      if value == -.infinity { return .unbounded(objective: value) }
      if !trial.isFinite {
        (high, highSlope) = (alpha, .nan)
      } else {
        let change = value - start
        let drowns =
          change <= LineSearch.noise * start.magnitude
          && newSlope <= (2 * sufficientDecrease - 1) * slope
          && newSlope >= (1 - LineSearch.slopeChange) * slope
        let decreases = change <= sufficientDecrease * alpha * slope || drowns
        guard let curvature else {
          if decreases { return .accepted(trial) }
          alpha *= shrinkage
          continue
        }
        if !decreases || newSlope > -curvature * slope {
          (high, highSlope) = (alpha, newSlope)
        } else if newSlope < curvature * slope {
          (low, lowSlope) = (alpha, newSlope)
          if high == .infinity, value < -1e100 { return .unbounded(objective: value) }
        } else {
          return .accepted(trial)
        }
      }
      if curvature == nil {
        alpha *= shrinkage
      } else if high == .infinity {
        alpha *= 2
      } else {
        alpha = LineSearch.between(low, lowSlope, high, highSlope)
      }
    }
    if high == .infinity, curvature != nil {
      return .unbounded(objective: descent.current.plainValue + low * slope)
    }
    return .failed(shortestStep: alpha)
  }

  /// Where the secant of the slopes crosses zero, at least a tenth of the bracket from its ends;
  /// the middle where the slopes do not say.
  private static func between(
    _ low: Double, _ lowSlope: Double, _ high: Double, _ highSlope: Double
  ) -> Double {
    let middle = low + 0.5 * (high - low)
    guard lowSlope < 0, highSlope > 0 else { return middle }
    let fraction = lowSlope / (lowSlope - highSlope)
    guard fraction.isFinite else { return middle }
    return low + Swift.min(Swift.max(fraction, 0.1), 0.9) * (high - low)
  }
}
