import ImplicitDifferentiation

/// What a comparison differentiates along.
public enum ComparisonDirections<Input: TensorStructure>: Sendable {
  /// All numbers of the input, one after the other: the gradient. Forward modes and differences
  /// pay once for each number.
  case gradient

  /// One direction: every route gives one number.
  case along(Input)

  /// One direction, by pseudo-random numbers: as good as any other to find a mistake, and the
  /// cheapest for many inputs.
  case random(seed: UInt64)
}

/// The same derivative by every route: the gradient, in `x`, of a loss `L(y(x))` of a solution.
///
/// ```swift
/// let comparison = try GradientComparison(
///   of: ridge, at: logPenalties, loss: { w in validationLoss(w) },
///   unrolled: { x in try GradientDescent(…).minimum(of: { w in loss(x, w) }, from: w0).point },
///   reference: closedFormGradient)
/// print(comparison)
/// ```
///
/// - *implicit, pullback*: one solve with `Aᵀ`; *implicit, pushforward*: one with `A` for each
///   direction.
/// - *unrolled*: the derivative of a solver's own steps, by recording them, backwards and forwards.
/// - *central, forward, backward differences*: the implicit function's solver is run again at
///   neighbouring inputs, over a sweep of steps; the best step is chosen without a reference.
///
/// Each row tells the value, its error if a reference is given, and what it cost. `findings` says
/// in sentences what the rows show: agreement or its absence, differences that are flat because the
/// solver is noisy, kinks.
public struct GradientComparison: Sendable {
  /// A way to the derivative.
  public enum Method: String, Sendable, CaseIterable {
    /// One solve with `Aᵀ`.
    case implicitPullback = "implicit, pullback"
    /// One solve with `A` for each direction.
    case implicitPushforward = "implicit, pushforward"
    /// The recorded steps of a solver, backwards.
    case unrolledPullback = "unrolled, pullback"
    /// The recorded steps of a solver, forwards, for each direction.
    case unrolledPushforward = "unrolled, pushforward"
    /// `(φ(h) − φ(−h)) / 2h`.
    case centralDifferences = "central differences"
    /// `(φ(h) − φ(0)) / h`.
    case forwardDifferences = "forward differences"
    /// `(φ(0) − φ(−h)) / h`.
    case backwardDifferences = "backward differences"
  }

  /// What one method gave, and what it cost.
  public struct Row: Sendable {
    /// The method.
    public let method: Method

    /// The derivative along each direction: the gradient, or a single number.
    public let derivatives: [Double]

    /// `‖derivatives − reference‖₂ / ‖reference‖₂`, if a reference was given.
    public let error: Double?

    /// The same distance from the first row, the implicit pullback.
    public let deviation: Double

    /// The relative error that a sweep of differences expects of itself.
    public let estimatedError: Double?

    /// How often a solver was run. The three rows of differences come from the same runs, and each
    /// holds their number: it must not be added up. See `forwardSolvesText`.
    public let forwardSolves: Int

    /// Products with `A` or `Aᵀ` in linear solves (implicit), or recorded instructions swept
    /// (unrolled).
    public let operatorProducts: Int?

    /// Iterations of linear solvers; 0 for direct ones.
    public let linearIterations: Int?

    /// Bytes that a recording holds: of the conditions (implicit) or of all steps (unrolled).
    public let recordedBytes: Int?

    /// The step chosen, in units of the direction; the largest, if there are several directions.
    public let step: Double?
  }

  /// One row for each method.
  public let rows: [Row]

  /// The sweeps of differences, one for each direction; empty if none were asked for.
  public let sweeps: [DifferenceSweep]

  /// What the rows show.
  public let findings: [ComparisonFinding]

  /// The evidence of the implicit derivative; `nil` where it was refused (see `findings`).
  public let report: DerivativeReport?

  /// How far the unrolled solution is from that of the implicit function, relative to it.
  public let unrolledSolutionDistance: Double?

  /// The row of a method.
  public subscript(method: Method) -> Row? { rows.first { $0.method == method } }

  /// Takes the derivative by every route.
  ///
  /// - Parameters:
  ///   - function: the implicit function; its solver is also the one that differences run again.
  ///   - x: where.
  ///   - loss: one number for each solution, in tensor operations.
  ///   - directions: along what; the whole gradient by default.
  ///   - unrolled: a solver in tensor operations, run on traced inputs; `nil` leaves it out.
  ///   - reference: the gradient, if it is known otherwise (constants are ignored).
  ///   - differences: the steps of the sweep; `nil` leaves differences out.
  /// - Throws: what the solvers throw, `DifferentiationError` and `ComparisonError`. An implicit
  ///   derivative that is refused becomes a finding, and has no rows, unless differences were left
  ///   out: then its error is thrown.
  public init<Input: TensorStructure, Output: TensorStructure>(
    of function: ImplicitFunction<Input, Output>, at x: Input,
    loss: (Output) throws -> Tensor,
    along directions: ComparisonDirections<Input> = .gradient,
    unrolled: ((Input) throws -> Output)? = nil,
    reference: Input? = nil,
    differences: DifferenceSteps? = DifferenceSteps()
  ) throws {
    let probe = try Probe(x, directions)
    let expected = try reference.map { try probe.derivatives(ofGradient: $0, "the reference") }
    var builder = RowBuilder(reference: expected)

    var refusal: String?
    var linearized: ImplicitLinearization<Input, Output>?
    do {
      linearized = try function.linearize(at: x)
    } catch {
      // Differences may tell why: a kink, for instance. They run the solver again, so what it throws
      // itself is not lost.
      if differences == nil { throw error }
      refusal = "\(error)"
    }
    let solution = try linearized?.solution ?? function(x.withoutDerivative)
    if let linearized {
      let lossGradient = try gradient(at: solution) { y in try oneNumber(try loss(y)) }
      report = try builder.addImplicit(linearized, lossGradient, probe)
    } else {
      report = nil
    }
    if let unrolled {
      let end = try builder.addUnrolled(unrolled, at: x, loss, probe)
      unrolledSolutionDistance = relativeDistance(end.flattened(), solution.flattened())
    } else {
      unrolledSolutionDistance = nil
    }
    if let differences {
      sweeps = try probe.directions.map { direction in
        try DifferenceSweep(scale: direction.scale, steps: differences) { t in
          try oneNumber(try loss(try function(try probe.point(at: t, along: direction)))).scalar
        }
      }
      builder.addDifferences(sweeps)
    } else {
      sweeps = []
    }
    rows = builder.rows
    findings = ComparisonFinding.findings(
      rows, sweeps, solutionDistance: unrolledSolutionDistance, refusal: refusal)
  }
}

/// A loss is one number.
func oneNumber(_ value: Tensor) throws(ComparisonError) -> Tensor {
  if value.count != 1 {
    throw .sizeMismatch(what: "the value of the loss", expected: 1, found: value.count)
  }
  return value.reshaped([])
}

/// `‖a − b‖₂ / ‖b‖₂`; the plain distance if `b` is zero.
func relativeDistance(_ a: [Double], _ b: [Double]) -> Double {
  let distance = Tensor(zip(a, b).map { $0 - $1 }).norm().scalar
  let size = Tensor(b).norm().scalar
  return size == 0 ? distance : distance / size
}
