/// A solution of `A x = b` with its evidence.
public struct LinearSolution: Sendable, Equatable {
  /// `x`.
  public var vector: [Double]

  /// Iterations of the method; for a direct method, steps of iterative refinement.
  public var iterations: Int

  /// Products with `A` or `Aᵀ` spent on this right-hand side.
  public var operatorProducts: Int

  /// `‖b − A x‖₂`, computed from the `x` that is returned, not carried along by a recurrence.
  public var residualNorm: Double

  /// `‖b − A x‖₂ / ‖b‖₂`; zero if `b` is.
  public var relativeResidual: Double

  /// `‖b − A x‖ / (‖A‖ ‖x‖ + ‖b‖)`: the smallest relative change of `A` and `b` for which `x` is
  /// exact (J. L. Rigal and J. Gaches 1967).
  ///
  /// Iterative methods use 2-norms, and for `‖A‖₂` the largest `‖A v‖ / ‖v‖` they have met, a lower
  /// bound: the number is never too small. Direct methods use maximum norms of the *equilibrated*
  /// system, whose norm is known, so that badly scaled rows count as much as the others.
  public var backwardError: Double

  /// The condition number of `A`, as far as the method knows it; `nil` where it knows nothing
  /// (BiCGStab, iterations with a preconditioner).
  ///
  /// A factorisation knows that of the equilibrated matrix (``ConditionEvidence``). A Krylov method
  /// has a lower bound of `‖A‖₂ ‖A⁻¹‖₂`, free of charge, from the space that the right-hand side
  /// spans. There a large number shows that `A` is ill-conditioned; a small one shows nothing about
  /// directions orthogonal to all it has seen, such as the null vector of a singular symmetric `A`
  /// with a consistent right-hand side. That takes another right-hand side: see
  /// ``ConjugateGradient/singularityProbe``.
  public var conditionEstimate: Double?

  /// `‖x − A⁻¹b‖₂` of a method that knowingly solves another system, ``Ridge``, as it estimates
  /// that; infinity if it cannot tell. `nil` for methods that solve the system they are given.
  public var bias: Double?

  /// The method that found it, in words.
  public var method: String

  /// `b − A x`, where an iterative method has it at hand.
  package var residual: [Double]?

  /// `bias` relative to `‖x‖₂`; `nil` where there is none.
  public var relativeBias: Double? {
    guard let bias else { return nil }
    if bias == 0 { return 0 }
    // By a power of two, since squares of very small or large entries are no numbers.
    let exponent = PowerOfTwo.exponent(of: ProbeVector.maximumMagnitude(vector))
    let norm = ProbeVector.norm(PowerOfTwo.scaled(vector, by: -exponent))
    return PowerOfTwo.scaled(bias, by: -exponent) / norm
  }

  /// The evidence for a vector that a solver of one's own has found, from one more product.
  ///
  /// - Parameters:
  ///   - vector: the solution found.
  ///   - A: the operator of the system.
  ///   - b: the right-hand side.
  ///   - transposed: whether `Aᵀ x = b` was solved.
  ///   - iterations: those of the method.
  ///   - operatorProducts: those that the method has made.
  ///   - method: the method, in words.
  /// - Throws: `LinearSolveError` when a size differs or the product fails.
  public init(
    checking vector: [Double], of A: any LinearOperator, _ b: [Double], transposed: Bool,
    iterations: Int, operatorProducts: Int, method: String
  ) throws(LinearSolveError) {
    let product = try transposed ? A.transposeApplied(to: vector) : A.applied(to: vector)
    try requireCount(b.count, product.count, "the right-hand side")
    let (size, xNorm) = (ProbeVector.norm(b), ProbeVector.norm(vector))
    let residual = ProbeVector.norm(zip(b, product).map { $0 - $1 })
    let evidence = SolveAcceptance.Evidence(
      residualNorm: residual, operatorNorm: xNorm > 0 ? ProbeVector.norm(product) / xNorm : 0,
      solutionNorm: xNorm, rightHandSideNorm: size)
    self.init(
      vector: vector, iterations: iterations, operatorProducts: operatorProducts + 1,
      residualNorm: residual, relativeResidual: residual == 0 ? 0 : residual / size,
      backwardError: evidence.backwardError, method: method)
  }

  init(
    vector: [Double], iterations: Int, operatorProducts: Int, residualNorm: Double,
    relativeResidual: Double, backwardError: Double, conditionEstimate: Double? = nil,
    bias: Double? = nil, method: String
  ) {
    self.vector = vector
    self.iterations = iterations
    self.operatorProducts = operatorProducts
    self.residualNorm = residualNorm
    self.relativeResidual = relativeResidual
    self.backwardError = backwardError
    self.conditionEstimate = conditionEstimate
    self.bias = bias
    self.method = method
  }

  /// The solution for `b = 0`.
  static func zero(count: Int, method: String) -> LinearSolution {
    LinearSolution(
      vector: [Double](repeating: 0, count: count), iterations: 0, operatorProducts: 0,
      residualNorm: 0, relativeResidual: 0, backwardError: 0, method: method)
  }
}
