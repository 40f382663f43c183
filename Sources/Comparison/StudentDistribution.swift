import Kernels

/// Student's distribution of `t`, for whole degrees of freedom.
///
/// Source: M. Abramowitz and I. A. Stegun, *Handbook of Mathematical Functions* (1964), 26.7.3 and
/// 26.7.4.
enum StudentDistribution {
  /// The probability that `|T| < t`. `ν` operations; within about `ν ε`.
  static func probability(within t: Double, degreesOfFreedom nu: Int) -> Double {
    let n = Double(nu)
    // θ = arctan(t/√ν)
    let (sine, squaredCosine) = (t / (n + t * t).squareRoot(), n / (n + t * t))
    let isOdd = nu % 2 == 1
    // 1 + c²/2 + (1·3)/(2·4) c⁴ + …, or cos θ (1 + 2/3 c² + …), up to cos^(ν−2) θ.
    var term = isOdd ? squaredCosine.squareRoot() : 1
    var sum = 0.0
    var k = isOdd ? 3 : 2
    while k <= nu {
      sum += term
      term *= squaredCosine * Double(k - 1) / Double(k)
      k += 2
    }
    if !isOdd { return sine * sum }
    return (Elementary.atan(t / n.squareRoot()) + sine * sum) / (0.5 * Double.pi)
  }

  /// The `t` with a probability of `confidence` within it, by bisection.
  static func quantile(confidence: Double, degreesOfFreedom nu: Int) -> Double {
    var (low, high) = (0.0, 1.0)
    while probability(within: high, degreesOfFreedom: nu) < confidence && high < 0x1p60 {
      (low, high) = (high, 2 * high)
    }
    while true {
      let middle = 0.5 * (low + high)
      if middle <= low || middle >= high { return high }
      if probability(within: middle, degreesOfFreedom: nu) < confidence {
        low = middle
      } else {
        high = middle
      }
    }
  }
}
