/// The evidence that comes with a derivative: how well the conditions hold where it was taken, and
/// how well the linear system behind it was solved.
public struct DerivativeReport: Sendable, Equatable {
  /// `‖F(x, y)‖₂` at the solution. By itself it decides nothing: scaling `F` scales it.
  public var residualNorm: Double

  /// `‖A⁻¹F‖₂ / ‖y‖₂`, how far one Newton step would still move the solution, relative to it. Where
  /// the solution is zero up to rounding, relative to how far it moves when the input changes by its
  /// own size; where that gives no length either, the relative change of `A` and `B` along the step.
  /// Units of `F`, `x` and `y` do not matter. Also the size of the relative error to expect in the
  /// derivative. `nil` when the check was switched off: *unchecked*.
  public var newtonCorrection: Double?

  /// The linear solver, and why it was chosen.
  public var linearSolver: String

  /// Linear systems solved for this derivative (the Newton correction apart), and the iterations
  /// they took altogether (steps of iterative refinement for direct methods).
  public var linearSolves: Int
  /// See `linearSolves`.
  public var linearIterations: Int

  /// Products with `A` or `Aᵀ` that the linear solves used.
  public var operatorProducts: Int

  /// The largest `‖b − A x‖₂ / ‖b‖₂` among the linear solves, recomputed from their answers.
  public var relativeResidual: Double

  /// The largest `‖b − A x‖ / (‖A‖‖x‖ + ‖b‖)` among them.
  public var backwardError: Double

  /// The largest `|b − A x|ᵢ / (|A| |x| + |b|)ᵢ` among them, over all equations: the smallest relative
  /// change of the *entries* of `A` and `b` that would make the answers exact (Oettli and Prager 1964).
  /// Where it is at rounding level, so is each equation, in whatever units. Given where certification is
  /// `.measure` and a direct method has the entries at hand (bands, dense matrices of up to 1024
  /// unknowns, no gauge); else `nil`.
  public var componentwiseBackwardError: Double? = nil

  /// `‖Â‖ ‖Â⁻¹‖` of the *equilibrated* `A`, whose rows and columns have size one: the factor between
  /// relative errors of `A` and those of a solution. In 1-norms, estimated from the factors
  /// (Hager 1984, Higham 1988), or bounded for a band that its diagonal dominates; for iterative methods,
  /// in 2-norms and from below (or that of the factors to which they have left the system). `nil` if unknown.
  public var conditionNumber: Double? = nil

  /// `‖Â⁻¹‖₁`, from the factors; `nil` for iterative methods.
  public var inverseNorm: Double? = nil

  /// Whether `A` is known to be regular, so that the linear system has this solution and no other: by a
  /// factorisation, by the way it was recorded (squares beside a positive diagonal) or, for iterative
  /// methods, by systems with random right-hand sides that were solved for the error estimate, or else by the
  /// factors to which such systems are left. Where it
  /// is not, which is where errors are *unchecked*, an iterative method may have returned one of many
  /// solutions; `singularityProbe` of the methods asks at once.
  public var isUniquenessChecked = false

  /// How far the derivative may be from the true one; `nil` for *unchecked*.
  public var errorEstimate: DerivativeErrorEstimate? = nil

  /// The largest `‖x − A⁻¹b‖₂ / ‖x‖₂` among them where the solver knowingly solves another system
  /// (`Ridge`), as it estimates that; infinity if it cannot tell. `nil` for other solvers.
  public var relativeBias: Double? = nil

  /// The Newton steps that were added to the solver's answer; `nil` if none were asked for.
  public var polish: NewtonPolish? = nil

  /// What would have been an error under the policy `.throw`, and approximations that the
  /// conditions make knowingly, as sentences.
  public var warnings: [String]
}

extension DerivativeReport {
  /// `‖computed − true‖₂` of the derivative, at most, in its own units; `nil` for *unchecked*.
  public var error: Double? { errorEstimate?.absolute }

  /// The same relative to the 2-norm of the derivative.
  public var relativeError: Double? { errorEstimate?.relative }

  /// Decimal digits of the derivative (of its largest numbers) that are right, by `relativeError`:
  /// from 0 to 15; `nil` for *unchecked*.
  public var trustedDigits: Int? {
    relativeError.map { error in
      var (digits, bound) = (0, 0.1)
      while digits < 15 && error <= bound {
        digits += 1
        bound /= 10
      }
      return digits
    }
  }
}

extension DerivativeReport {
  /// Takes in what one more linear solve shows.
  mutating func add(_ answer: LinearSolution) {
    linearSolves += 1
    linearSolver = answer.method
    linearIterations += answer.iterations
    operatorProducts += answer.operatorProducts
    relativeResidual = Swift.max(relativeResidual, answer.relativeResidual)
    backwardError = Swift.max(backwardError, answer.backwardError)
    if let condition = answer.conditionEstimate {
      conditionNumber = Swift.max(conditionNumber ?? 0, condition)
    }
    if let bias = answer.relativeBias { note(relativeBias: bias) }
  }

  /// Takes in the linear solves of another derivative at the same point.
  mutating func add(_ other: DerivativeReport) {
    linearSolves += other.linearSolves
    linearSolver = other.linearSolver
    linearIterations += other.linearIterations
    operatorProducts += other.operatorProducts
    relativeResidual = Swift.max(relativeResidual, other.relativeResidual)
    backwardError = Swift.max(backwardError, other.backwardError)
    conditionNumber = [conditionNumber, other.conditionNumber].compactMap { $0 }.max()
    componentwiseBackwardError = [componentwiseBackwardError, other.componentwiseBackwardError]
      .compactMap { $0 }.max()
    isUniquenessChecked = isUniquenessChecked || other.isUniquenessChecked
    newtonCorrection = newtonCorrection ?? other.newtonCorrection
    if let bias = other.relativeBias { note(relativeBias: bias) }
    let known = warnings + [other.relativeBias.map(Self.warning(relativeBias:)) ?? ""]
    warnings += other.warnings.filter { !known.contains($0) }
  }

  /// Takes in the error of one more part of the derivative. Without that of all, it is unknown.
  mutating func add(_ estimate: DerivativeErrorEstimate?, isFirst: Bool) {
    if isFirst {
      errorEstimate = estimate
    } else if let estimate {
      errorEstimate?.add(estimate)
    } else {
      errorEstimate = nil
    }
  }

  /// Keeps the largest bias, with one warning that states it.
  private mutating func note(relativeBias bias: Double) {
    if let relativeBias { warnings.removeAll { $0 == Self.warning(relativeBias: relativeBias) } }
    let largest = Swift.max(relativeBias ?? 0, bias)
    relativeBias = largest
    warnings.append(Self.warning(relativeBias: largest))
  }

  private static func warning(relativeBias bias: Double) -> String {
    "The linear systems were regularised knowingly: their solutions differ from the true ones by "
      + (bias.isFinite ? "about \(bias.shortened) of their size." : "an unknown bias.")
  }
}

extension DerivativeReport: CustomStringConvertible {
  /// The report in a few lines; what is at the level of rounding as a bound.
  public var description: String {
    var lines: [String?] = [
      "residual of the conditions  \(residualNorm.shortened)",
      "Newton correction           \(newtonCorrection?.shortenedRatio ?? "unchecked")",
      polish.map { "Newton polish               \($0)" },
      "linear solver               \(linearSolver)",
      "linear solves               \(linearSolves)"
        + " (\(linearIterations.counted("iteration")), \(operatorProducts.counted("product")))",
      "relative residual           \(relativeResidual.shortenedRatio)",
      "backward error              \(backwardError.shortenedRatio)",
      componentwiseBackwardError.map { "componentwise, the same     \($0.shortenedRatio)" },
      "condition number            \(conditionNumber.map(\.shortened) ?? "unknown")",
      "error of the derivative     \(errorEstimate.map { "\($0)" } ?? "unchecked")",
      isUniquenessChecked ? nil : "uniqueness                  unchecked",
    ]
    lines += warnings.map { "warning                     \($0)" }
    return lines.compactMap { $0 }.joined(separator: "\n")
  }
}

/// A derivative together with its evidence.
public struct Derivative<Value: Sendable>: Sendable {
  /// The pushforward, the pullback or the Jacobian.
  public let value: Value

  let evidence: DeferredReport

  /// What the linear system gave, for similar systems to start from; `nil` for a Jacobian.
  var solved: ScaledVector?

  /// How it was obtained. Where the solution is as good as rounding allows, the estimate of the error is
  /// computed when the report is first read, and measured if need be (``Certification``); until then the
  /// derivative keeps the recorded conditions. What should be thrown for it then is a warning.
  public var report: DerivativeReport { evidence.complete }

  /// The same, where what it finds can still be thrown.
  package func certifiedReport() throws -> DerivativeReport { try evidence.completed() }

  /// The same with another form of the value.
  func map<Other>(_ transform: (Value) -> Other) -> Derivative<Other> {
    Derivative<Other>(value: transform(value), evidence: evidence, solved: solved)
  }
}

extension Derivative: CustomStringConvertible {
  /// The value alone.
  public var description: String { "\(value)" }
}
