/// How much is spent on knowing the error of derivatives, and which error is too much.
///
/// The error of an implicit derivative has two parts. *Truncation*: the solver stopped at `y + e`, and
/// the derivative there is another one. *Rounding*: the linear system is solved in finite precision.
/// Both grow with the condition number of `A = ∂F/∂y`, and both can be known:
///
/// | effort | error of a derivative | costs |
/// |---|---|---|
/// | `.none` | *unchecked* | nothing |
/// | `.estimate` | `κ (10 ε + η + ω)`, relative to the factors of the derivative | one product with `B` |
/// | `.measure` | the derivative at a better solution is compared, the linear systems are perturbed | a second recording (two, where there may be branches), seven solves; more where that point is no better |
///
/// with `κ` the condition number that the linear solver knows, `η` the relative Newton correction and
/// `ω` the backward error of the linear solve. The estimate takes the derivatives of `A` for as large
/// as `A` itself (relative to the size of `y`), unless a recording after one Newton step shows more, which is
/// made when a report is read of a solution that may be off by more than rounding; what is measured takes
/// nothing for granted.
///
/// Before an iterative method is believed, it solves with a random right-hand side to a few digits, once for
/// each point, or beside the first derivative in each direction: where `A` is singular and the right-hand
/// side of the derivative consistent, nothing else shows that there are many solutions
/// (`DerivativeReport.isUniquenessChecked`). Where no iteration solves with it, elimination does.
public struct Certification: Sendable, Equatable {
  /// What is spent.
  public enum Effort: Sendable {
    /// Errors are *unchecked*.
    case none
    /// What is known without further solves. Where that cannot promise eight digits
    /// (`measuredAbove`), errors are measured: when the report is read, as a rule; at once if `errorLimit`
    /// is below one, or so near to what is estimated that a measured error might exceed it: within a factor of
    /// 10⁴ where the solution may be off by more than rounding.
    case estimate
    /// Each derivative's error is measured.
    case measure
  }

  /// What is spent.
  public var effort: Effort

  /// The largest error that a derivative may have, relative to the size that it would have if none of
  /// its terms cancelled (2-norms); a larger one is an error under the function's policy. `nil` for no
  /// limit.
  public var errorLimit: Double?

  /// The relative error above which `.estimate` is not content with an estimate, and measures: an
  /// estimate promises eight digits, or it is of no use.
  public var measuredAbove = 1e-8

  /// - Parameters:
  ///   - effort: see the property.
  ///   - errorLimit: see the property; by default 1e4. Errors stated are on the safe side, in
  ///     ill-conditioned problems by orders of magnitude; a derivative with a larger one
  ///     has no right digit, and is none.
  public init(_ effort: Effort = .estimate, errorLimit: Double? = 1e4) {
    self.effort = effort
    self.errorLimit = errorLimit
  }

  func accepts(_ estimate: DerivativeErrorEstimate) -> Bool {
    guard let errorLimit else { return true }
    return estimate.absolute <= errorLimit * estimate.termsNorm
  }

  /// Nothing is spent, and reports say *unchecked*.
  public static let off = Certification(.none, errorLimit: nil)
}

/// How far a derivative may be from the true one, in 2-norms of all its numbers.
public struct DerivativeErrorEstimate: Sendable, Equatable {
  /// Because the solver stopped before the solution, or because linear systems were regularised
  /// knowingly (`DerivativeReport.relativeBias`).
  public var truncation: Double

  /// Because linear systems are solved, and conditions evaluated, in finite precision.
  public var rounding: Double

  /// The 2-norm of the derivative.
  public var derivativeNorm: Double

  /// The norm that it would have if none of its terms cancelled: more than its own where a gradient
  /// vanishes.
  public var termsNorm: Double

  /// Whether it was measured at a second point, or estimated from condition numbers.
  public var isMeasured: Bool

  /// `‖computed − true‖₂` at most, as a rule: in the units of the derivative.
  public var absolute: Double { truncation + rounding }

  /// The same, relative to the derivative; zero for a derivative of exactly zero without error.
  public var relative: Double { absolute == 0 ? 0 : absolute / derivativeNorm }

  /// The estimate for `2^exponent` times the derivative.
  func scaled(by exponent: Int) -> DerivativeErrorEstimate {
    func scaled(_ x: Double) -> Double { PowerOfTwo.scaled(x, by: exponent) }
    var result = self
    result.truncation = scaled(truncation)
    result.rounding = scaled(rounding)
    result.derivativeNorm = scaled(derivativeNorm)
    result.termsNorm = scaled(termsNorm)
    return result
  }

  /// Two derivatives side by side, such as the columns of a Jacobian.
  mutating func add(_ other: DerivativeErrorEstimate) {
    func hypotenuse(_ a: Double, _ b: Double) -> Double {
      let size = Swift.max(a, b)
      if size == 0 || !size.isFinite { return size }
      let (p, q) = (a / size, b / size)
      return size * (p * p + q * q).squareRoot()
    }
    truncation = hypotenuse(truncation, other.truncation)
    rounding = hypotenuse(rounding, other.rounding)
    derivativeNorm = hypotenuse(derivativeNorm, other.derivativeNorm)
    termsNorm = hypotenuse(termsNorm, other.termsNorm)
    isMeasured = isMeasured && other.isMeasured
  }
}

extension DerivativeErrorEstimate: CustomStringConvertible {
  /// `"measured, 1.2e-9 (7e-12 relative to it)"`.
  public var description: String {
    "\(isMeasured ? "measured" : "estimated"), \(absolute.shortened) "
      + "(\(relative.shortened) relative to it)"
  }
}
