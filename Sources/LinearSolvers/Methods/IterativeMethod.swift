import Kernels

/// What the iterative methods have in common.
///
/// A method is written as one *cycle*: from the true residual `r = b − A x` it improves `x` until
/// its own recurrence says that `‖b − A x‖ ≤ target`, or until it cannot go on. What a recurrence
/// says is never believed: ``PreparedIterativeSolver`` recomputes the residual after each cycle
/// and starts another from there, or gives up with the reason.
protocol IterativeMethod: Sendable {
  /// The solve ends once `‖b − A x‖₂ ≤ max(relativeTolerance · ‖b‖₂, absoluteTolerance)`.
  var relativeTolerance: Double { get }

  /// See `relativeTolerance`. In the units of `b`.
  var absoluteTolerance: Double { get }

  /// The limit for the iterations of one solve, over all restarts.
  var maximumIterations: Int? { get }

  /// `M⁻¹`, an approximate inverse of `A`.
  var preconditioner: (any LinearOperator)? { get }

  /// The method's name in reports.
  var name: String { get }

  /// Whether `A` (and `M`) must be symmetric.
  var needsSymmetry: Bool { get }

  /// Whether `A` must be positive definite.
  var needsDefiniteness: Bool { get }

  /// Whether `A` must be square.
  var needsSquare: Bool { get }

  /// Whether a minimiser of `‖b − A x‖` is accepted where no solution exists.
  var acceptsLeastSquares: Bool { get }

  /// Whether a system with a random right-hand side is solved first, to see that `A` is regular.
  var singularityProbe: Bool { get }

  /// Whether a cycle can be halted before each product: a ``SteppedMethod``.
  var isStepped: Bool { get }

  /// Whether `system.residual` is `b − A x` up to rounding when a cycle says that it has converged, if
  /// `system.trustsRecurrence` asks for it.
  var keepsResidual: Bool { get }

  /// How many vectors of length `n` a right-hand side takes among others, at most: its own, those of a cycle, and
  /// two to multiply side by side.
  func vectorCount(count n: Int) -> Int

  /// The start of such a cycle; `nil` for other methods.
  func steppedCycle(_ system: IterativeSystem) throws(LinearSolveError) -> (any CycleRecurrence)?

  /// Improves `system.x`, starting from `system.residual`.
  func cycle(_ system: IterativeSystem) throws(LinearSolveError) -> CycleOutcome
}

extension IterativeMethod {
  var needsSymmetry: Bool { false }
  var needsDefiniteness: Bool { false }
  var singularityProbe: Bool { false }
  var needsSquare: Bool { true }
  var acceptsLeastSquares: Bool { false }
  var isStepped: Bool { false }
  var keepsResidual: Bool { false }
  func vectorCount(count n: Int) -> Int { 16 }

  func steppedCycle(
    _ system: IterativeSystem
  ) throws(LinearSolveError) -> (any CycleRecurrence)? { nil }

  /// The limit for `n` unknowns: `max(5000, 20 n)` unless it was set. (In exact arithmetic `n`
  /// iterations are enough; with rounding, ill-conditioned systems need several times that.)
  func iterationLimit(count n: Int) -> Int { maximumIterations ?? max(5000, 20 * n) }

  /// Probes the operator, unless that has been done, and wraps the method. A tolerance that would
  /// accept any vector, zero for instance, is a mistake in the program.
  func prepared(
    for A: any LinearOperator, probes: IterativeProbes? = nil
  ) throws(LinearSolveError) -> any PreparedLinearSolver {
    if !(relativeTolerance >= 0 && relativeTolerance < 1) {
      stop(
        "\(name) needs a relative tolerance from 0 up to, not including, 1, not \(relativeTolerance)"
      )
    }
    if !(absoluteTolerance >= 0 && absoluteTolerance.isFinite) {
      stop("\(name) needs a finite absolute tolerance of at least 0, not \(absoluteTolerance)")
    }
    if needsSquare && !A.isSquare {
      throw .notSquare(rowCount: A.rowCount, columnCount: A.columnCount)
    }
    let known: IterativeProbes
    if let probes {
      known = probes
    } else {
      known = try IterativeProbes(A, symmetry: needsSymmetry, tolerance: relativeTolerance)
    }
    let prepared = try PreparedIterativeSolver(method: self, base: A, probes: known)
    if singularityProbe { try prepared.requireRegularity(of: A) }
    return prepared
  }
}

/// An iterative method that needs one product with `A` at each step, so that the products of several
/// right-hand sides can be computed together.
protocol SteppedMethod: IterativeMethod {
  associatedtype Recurrence: CycleRecurrence

  /// The start of a cycle, from `system.residual`.
  func begin(_ system: IterativeSystem) throws(LinearSolveError) -> Recurrence
}

/// A cycle under way.
protocol CycleRecurrence {
  var system: IterativeSystem { get }

  /// The product that the next step needs. (Mutating, so that a cycle in a box is not copied to be asked.)
  mutating func nextProduct() -> CycleProduct

  /// One step, once that product is there; how the cycle ended, if it did. It may end at the limit for
  /// iterations by itself; it is not asked for steps beyond.
  mutating func advance() throws(LinearSolveError) -> CycleOutcome?

  /// Steps on until the cycle ends. (A requirement, so that the loop is compiled for each method.)
  mutating func finish() throws(LinearSolveError) -> CycleOutcome
}

/// What a cycle waits for.
struct CycleProduct {
  /// The vector that `A` is to be multiplied by, length `n`.
  let direction: UnsafePointer<Double>

  /// Where the product belongs, length `m`.
  let product: UnsafeMutablePointer<Double>
}

extension CycleRecurrence {
  mutating func finish() throws(LinearSolveError) -> CycleOutcome {
    let system = system
    while true {
      if system.isAtLimit { return .limit }
      let next = nextProduct()
      try system.multiply(next.direction, into: next.product)
      system.iterations += 1
      if let outcome = try advance() { return outcome }
    }
  }
}

extension SteppedMethod {
  var isStepped: Bool { true }

  func steppedCycle(
    _ system: IterativeSystem
  ) throws(LinearSolveError) -> (any CycleRecurrence)? { try begin(system) }

  func cycle(_ system: IterativeSystem) throws(LinearSolveError) -> CycleOutcome {
    var recurrence = try begin(system)
    return try recurrence.finish()
  }
}

/// How a cycle ended.
enum CycleOutcome {
  /// The recurrence says that the target is met.
  case claimsConvergence

  /// The end of a regular cycle (GMRES after `restart` steps); the target is not met.
  case cycleEnd

  /// The iteration limit is reached.
  case limit

  /// `‖Aᵀ r‖` is small although `‖r‖` is not: a least-squares solution. The payload is
  /// `‖Aᵀr‖ / (‖A‖‖r‖)`.
  case leastSquares(Double)

  /// `‖A r‖` is so small that `A` may be singular and `x` as good as it gets.
  case suspectsLeastSquares

  /// The method cannot go on from here; the error says why. A restart may help.
  case stopped(LinearSolveError)
}
