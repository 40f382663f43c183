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

  /// What would have been an error under the policy `.throw`, and approximations that the
  /// conditions make knowingly, as sentences.
  public var warnings: [String]
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
  }

  /// Takes in the linear solves of another derivative at the same point.
  mutating func add(_ other: DerivativeReport) {
    linearSolves += other.linearSolves
    linearSolver = other.linearSolver
    linearIterations += other.linearIterations
    operatorProducts += other.operatorProducts
    relativeResidual = Swift.max(relativeResidual, other.relativeResidual)
    backwardError = Swift.max(backwardError, other.backwardError)
  }
}

extension DerivativeReport: CustomStringConvertible {
  /// The report in a few lines; what is at the level of rounding as a bound.
  public var description: String {
    func bounded(_ ratio: Double) -> String { ratio < 1e-13 ? "< 1e-13" : ratio.shortened }
    var lines = [
      "residual of the conditions  \(residualNorm.shortened)",
      "Newton correction           \(newtonCorrection.map(bounded) ?? "unchecked")",
      "linear solver               \(linearSolver)",
      "linear solves               \(linearSolves)"
        + " (\(linearIterations) iterations, \(operatorProducts) products)",
      "relative residual           \(bounded(relativeResidual))",
      "backward error              \(bounded(backwardError))",
    ]
    lines += warnings.map { "warning                     \($0)" }
    return lines.joined(separator: "\n")
  }
}

/// A derivative together with its evidence.
public struct Derivative<Value: Sendable>: Sendable {
  /// The pushforward, the pullback or the Jacobian.
  public let value: Value

  /// How it was obtained.
  public let report: DerivativeReport

  /// What the linear system gave, for similar systems to start from; `nil` for a Jacobian.
  var solved: ScaledVector?

  /// The same with another form of the value.
  func map<Other>(_ transform: (Value) -> Other) -> Derivative<Other> {
    Derivative<Other>(value: transform(value), report: report, solved: solved)
  }
}

extension Derivative: CustomStringConvertible {
  /// The value alone.
  public var description: String { "\(value)" }
}
