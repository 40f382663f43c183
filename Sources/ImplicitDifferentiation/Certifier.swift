import Kernels
import LinearSolvers
import Synchronization

/// Estimates or measures the errors of the derivatives taken at one point; see ``Certification``.
///
/// Vectors are flat, in the order of `flattened()`, and of ordinary size: the caller takes powers of
/// two out of tangents and cotangents.
final class Certifier: Sendable {
  let certification: Certification
  let A: any LinearOperator
  let B: any LinearOperator
  let solver: any PreparedLinearSolver
  /// The same, if it can be asked whether `A` is regular.
  let trying: (any TriesRegularity)?
  /// Whether the condition that the solver knows is that of `A`, and not of a matrix nearby.
  let knowsCondition: Bool
  let residual: [Double]
  let residualNorm: Double
  let input: @Sendable () -> [Double]
  let solution: [Double]
  let solutionNorm: Double
  /// `nil` where the conditions are not to be checked.
  let measureNewton: (@Sendable (Certifier) throws -> NewtonFinding)?
  /// Whether the products are derivatives up to rounding, and no approximations.
  let isExact: Bool
  let hasBranches: Bool
  /// Whether the conditions were recorded, and chose between no formulas.
  let isSmooth: Bool
  let conditionsTolerance: Double?
  let linearize: @Sendable (_ solution: [Double]) throws -> LinearizedConditions
  let state = Mutex(State())

  /// What is computed at its first use, and kept.
  struct State {
    /// The step itself.
    var newton: NewtonFinding?
    var roughStep: RoughStep?
    /// What a bound tells, by the direction of the evidence.
    var bounded = ByDirection<NewtonFinding>()
    var inputNorm: Double?
    var image: [Double]?
    var reference: (any PreparedLinearSolver)?
    var noiseStep: [Double]?
    var better: BetterSolutions?
    var changeOverStep: Double?
    /// For `A` and `Aᵀ`; that of `A` alone where it was wanted before any derivative.
    var regularity = ByDirection<RegularityEvidence>()
    var isKnownAtStart = false
  }

  /// Something known for solves with `A`, with `Aᵀ`, or both.
  struct ByDirection<Value> {
    private var forward: Value?
    private var backward: Value?

    subscript(transposed: Bool) -> Value? {
      get { transposed ? backward : forward }
      set { if transposed { backward = newValue } else { forward = newValue } }
    }
  }

  /// - Parameters:
  ///   - measureNewton: the Newton step with a verdict on the solution; `nil` if none is wanted.
  ///   - linearize: records the conditions with the same input and another solution.
  init(
    _ certification: Certification, conditionsTolerance: Double?,
    conditions: LinearizedConditions, residualNorm: Double, solver: any PreparedLinearSolver,
    input: @escaping @Sendable () -> [Double], solution: [Double], solutionNorm: Double,
    measureNewton: (@Sendable (Certifier) throws -> NewtonFinding)?,
    linearize: @escaping @Sendable (_ solution: [Double]) throws -> LinearizedConditions
  ) {
    self.certification = certification
    self.conditionsTolerance = conditionsTolerance
    A = conditions.A
    B = conditions.B
    self.solver = solver
    trying = solver as? any TriesRegularity
    knowsCondition = solver is any KnowsEntries
    residual = conditions.residual
    self.residualNorm = residualNorm
    self.solutionNorm = solutionNorm
    self.input = input
    self.solution = solution
    self.measureNewton = measureNewton
    isExact = conditions.review == nil
    hasBranches = conditions.recording?.hasBranches == true
    isSmooth = conditions.recording?.hasBranches == false
    self.linearize = linearize
  }

  /// The error of the solution of `A ẏ = b`, `b = −B ẋ`; `nil` for *unchecked*.
  func pushforwardError(
    of answer: LinearSolution, tangent: ScaledVector, rightHandSide b: ScaledVector
  ) throws -> DerivativeErrorEstimate? {
    /// A product with B in the scale of the right-hand side, to which the answer belongs.
    func product(_ B: any LinearOperator, _ x: [Double]) throws -> [Double] {
      PowerOfTwo.scaled(try B.applied(to: x), by: tangent.exponent - b.exponent)
    }
    return try error(of: answer, size: norm(answer.vector), transposed: false) {
      try componentwiseError(answer, b.vector, transposed: false)
    } termsNorm: {
      // Where the terms of B ẋ cancel, their rounding stays. A single one cannot.
      let size = norm(b.vector)
      let isSingle = tangent.vector.lazy.filter { $0 != 0 }.prefix(2).count < 2
      let terms = isSingle ? size : norm(try product(B, perturbed(tangent.vector, seed: 1)))
      if size == 0 { return terms * (solver.condition?.inverseNorm ?? 0) }
      return length(of: answer.vector, transposed: false) * Swift.max(1, terms / size)
    } measure: { better in
      // The systems of the better solutions, A′ẏ′ = −B′ẋ, and their defects at ẏ.
      let defects = try better.map { better in
        let image = try better.A.applied(to: answer.vector)
        return zip(image, try product(better.B, tangent.vector)).map { -$0 - $1 }
      }
      let noise = try Self.seeds.map { seed in
        let image = perturbed(
          try A.applied(to: perturbed(answer.vector, seed: seed)), seed: seed + 1)
        let terms = perturbed(
          try product(B, perturbed(tangent.vector, seed: seed + 2)), seed: seed + 3)
        return zip(image, terms).map { $0 + $1 }
      }
      let changes = try solve(defects + noise, transposed: false).map(norm)
      return (changes.prefix(better.count).max() ?? 0, Array(changes.dropFirst(better.count)))
    }?.scaled(by: b.exponent)
  }

  /// The error of `x̄ = −Bᵀu`, `Aᵀu = ȳ`; `nil` for *unchecked*.
  ///
  /// - Parameter solved: `u` at size one, as it was multiplied by `Bᵀ`.
  func pullbackError(
    of answer: LinearSolution, solved: ScaledVector, cotangent: ScaledVector, result: ScaledVector
  ) throws -> DerivativeErrorEstimate? {
    let u = solved.vector
    let size = PowerOfTwo.scaled(norm(result.vector), by: result.exponent - solved.exponent)
    return try error(of: answer, size: size, transposed: true) {
      try componentwiseError(answer, cotangent.vector, transposed: true)
    } termsNorm: {
      // An error of u may have any direction, and Bᵀ may annihilate u but not the error.
      Swift.max(size, try inputNorm() * length(of: u, transposed: true))
    } measure: { better in
      let right = cotangent.scaled(for: solved.exponent)
      let defects = try better.map { better in
        zip(right, try better.A.transposeApplied(to: u)).map { $0 - $1 }
      }
      let noise = try Self.seeds.map { seed in
        perturbed(try A.transposeApplied(to: perturbed(u, seed: seed)), seed: seed + 1)
      }
      let changes = try solve(defects + noise, transposed: true)
      let truncations = try zip(better, changes).flatMap { better, change in
        let changed = zip(u, change).map { $0 + $1 }
        let moved = try better.B.transposeApplied(to: changed)
        let length = norm(zip(moved, result.scaled(for: solved.exponent)).map { $0 + $1 })
        return try [length] + changesWithOtherSigns(from: u, to: changed, better.B)
      }
      let rounding = try zip(Self.seeds, changes.dropFirst(better.count)).map { seed, change in
        let terms = perturbed(
          try B.transposeApplied(to: perturbed(u, seed: seed + 2)), seed: seed + 3)
        return norm(zip(try B.transposeApplied(to: change), terms).map { $0 + $1 })
      }
      return (truncations.max() ?? 0, rounding)
    }?.scaled(by: solved.exponent)
  }

  /// How far `Bᵀu` moves when all terms of it are given random factors. With few inputs their changes may
  /// cancel by accident, and the derivative seem to stay where it is; with other factors as well they
  /// hardly do. They may also cancel for a reason, so only a part of what comes out counts. (Beyond a few
  /// inputs not all entries have such accidents.)
  private func changesWithOtherSigns(
    from u: [Double], to changed: [Double], _ better: any LinearOperator
  ) throws -> [Double] {
    if B.columnCount > Self.fewInputs { return [] }
    return try Self.seeds.map { seed in
      let moved = try better.transposeApplied(to: perturbed(changed, seed: seed))
      return Self.otherSignsShare
        * norm(zip(moved, try B.transposeApplied(to: perturbed(u, seed: seed))).map { $0 - $1 })
    }
  }

  private static var otherSignsShare: Double { 0x1p-4 }

  private static var fewInputs: Int { 1 }

  /// The error for a derivative that errs by more than its limit.
  ///
  /// - Parameter bias: that of the linear solve, relative; `nil` if there is none.
  func refusal(of estimate: DerivativeErrorEstimate?, bias: Double?) -> DifferentiationError? {
    guard let estimate, let limit = certification.errorLimit, !certification.accepts(estimate)
    else { return nil }
    return .inaccurate(
      truncation: estimate.truncation / estimate.termsNorm,
      rounding: estimate.rounding / estimate.termsNorm, limit: limit, bias: bias)
  }

  /// Throws unless a product `Bᵀu` that the user wrote belongs to the `B w` of a random `w`. What was
  /// probed with random vectors when the conditions were recorded may have missed an equation in small
  /// units; this is about the numbers that are handed out.
  func requireTranspose(
    _ product: [Double], of u: [Double]
  ) throws(LinearSolveError) {
    guard B.needsProbe else { return }
    let w = ProbeVector.make(count: B.columnCount, seed: 61)
    let image: [Double]
    if let known = state.withLock({ $0.image }) {
      image = known
    } else {
      image = try B.applied(to: w)
      let made = image
      state.withLock { $0.image = made }
    }
    let (left, right) = (zip(image, u).map { $0 * $1 }, zip(product, w).map { $0 * $1 })
    let size = (left + right).reduce(0) { $0 + $1.magnitude }
    let defect = (left.reduce(0, +) - right.reduce(0, +)).magnitude
    if size > 0, !(defect <= Self.transposeTolerance * size) {
      throw .structureMismatch(declared: .transposedProduct, relativeDefect: defect / size)
    }
  }

  /// Products by differences agree to eight digits.
  static var transposeTolerance: Double { 1e-7 }
}
