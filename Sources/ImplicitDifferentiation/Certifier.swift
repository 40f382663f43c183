import Kernels
import Synchronization

/// Estimates or measures the errors of the derivatives taken at one point; see ``Certification``.
///
/// Vectors are flat, in the order of `flattened()`, and of ordinary size: the caller takes powers of
/// two out of tangents and cotangents.
final class Certifier: Sendable {
  let certification: Certification
  private let A: any LinearOperator
  private let B: any LinearOperator
  private let solver: any PreparedLinearSolver
  private let residual: [Double]
  private let input: @Sendable () -> [Double]
  private let solution: [Double]
  /// `nil` where the conditions are not to be checked.
  private let measureNewton: (@Sendable (Certifier) throws -> NewtonFinding)?
  /// Whether the products are derivatives up to rounding, and no approximations.
  private let isExact: Bool
  private let hasBranches: Bool
  private let conditionsTolerance: Double?
  private let linearize: @Sendable (_ solution: [Double]) throws -> LinearizedConditions
  private let state = Mutex(State())

  /// What is computed at its first use, and kept.
  private struct State {
    /// The step itself.
    var newton: NewtonFinding?
    /// What a bound tells, by the direction of the evidence.
    var bounded: [Bool: NewtonFinding] = [:]
    var inputNorm: Double?
    var image: [Double]?
    var reference: (any PreparedLinearSolver)?
    var noiseStep: [Double]?
    var better: [LinearizedConditions]?
    /// For `A` and `Aᵀ`; that of `A` alone where it was wanted before any derivative.
    var regularity: [Bool: RegularityEvidence] = [:]
    var isKnownAtStart = false
  }

  /// - Parameters:
  ///   - measureNewton: the Newton step with a verdict on the solution; `nil` if none is wanted.
  ///   - linearize: records the conditions with the same input and another solution.
  init(
    _ certification: Certification, conditionsTolerance: Double?,
    conditions: LinearizedConditions, solver: any PreparedLinearSolver,
    input: @escaping @Sendable () -> [Double],
    solution: [Double], measureNewton: (@Sendable (Certifier) throws -> NewtonFinding)?,
    linearize: @escaping @Sendable (_ solution: [Double]) throws -> LinearizedConditions
  ) {
    self.certification = certification
    self.conditionsTolerance = conditionsTolerance
    A = conditions.A
    B = conditions.B
    self.solver = solver
    residual = conditions.residual
    self.input = input
    self.solution = solution
    self.measureNewton = measureNewton
    isExact = conditions.review == nil
    hasBranches = conditions.recording?.hasBranches == true
    self.linearize = linearize
  }

  // MARK: Whether the conditions hold

  /// What the Newton step tells before any derivative is taken; `nil` where none is wanted, or where
  /// derivatives will tell.
  func newton() throws -> NewtonFinding? {
    if isLeftToDerivatives { return nil }
    state.withLock { $0.isKnownAtStart = true }
    return try newton(transposed: false)
  }

  /// What it tells a derivative that solves with `A`, or with `Aᵀ`.
  ///
  /// It depends on nothing but the direction, whatever was asked before and on whatever thread.
  func newton(transposed: Bool) throws -> NewtonFinding? {
    guard measureNewton != nil else { return nil }
    if let known = state.withLock({ $0.bounded[transposed] }) { return known }
    guard let bounded = boundedNewton(transposed: transposed) else { return try exactNewton() }
    state.withLock { $0.bounded[transposed] = bounded }
    return bounded
  }

  /// The step itself, where a bound is known already.
  private func exactNewton() throws -> NewtonFinding? {
    if let known = state.withLock({ $0.newton }) { return known }
    guard let finding = try measureNewton?(self) else { return nil }
    state.withLock { $0.newton = finding }
    return finding
  }

  /// A bound of the Newton correction is as good as the correction while it is below this, and this
  /// part of the tolerance: even with an `‖A⁻¹‖` that is underestimated by a thousand the conditions hold.
  private static var boundLimit: Double { 1e-10 }
  private static var boundShare: Double { 1e-4 }

  /// Whether a bound may take the place of the Newton step: for iterative methods, where the step costs
  /// as much as a derivative.
  private var mayBound: Bool {
    solver.condition == nil && certification.effort != .measure && isExact && !hasBranches
      && !(solver is PreparedGaugedSolver)
  }

  /// Whether the check of the conditions waits for the first derivative, which tells how large `A⁻¹` is by
  /// a try beside its own solve; before it, the try would take as much time as a third of the derivative.
  private var isLeftToDerivatives: Bool {
    measureNewton != nil && mayBound && certification.effort == .estimate
      && (solver as? any TriesRegularity)?.triesBesideSolves == true && residualIsRounding
  }

  /// Whether the residual is so small that no solver would find another point, unless `A` is all but
  /// singular.
  private var residualIsRounding: Bool {
    guard let size = (solver as? any TriesRegularity)?.operatorNormEstimate else { return false }
    return norm(residual) <= Self.roundingUnits * .ulpOfOne * size * norm(solution)
  }

  /// How much more than its share an entry of a random step may be moved.
  private static var shares: Double { 8 }

  /// Units of rounding in a residual that is as small as it can be.
  private static var roundingUnits: Double { 16 }

  /// The step is at most `‖A⁻¹‖ ‖F‖`. If that is small enough, with the norm that a random right-hand
  /// side shows, it is not needed.
  private func boundedNewton(transposed: Bool) -> NewtonFinding? {
    guard mayBound, let inverse = (try? regularity(transposed: transposed))?.inverseNormEstimate
    else { return nil }
    let length = inverse * norm(residual)
    let bound = length / norm(solution)
    guard bound <= Swift.min(Self.boundLimit, Self.boundShare * (conditionsTolerance ?? .infinity))
    else { return nil }
    let smallest = solution.reduce(Double.infinity) { Swift.min($0, $1.magnitude) }
    // What rounding leaves is spread over all entries: none gets more than some shares.
    let part =
      residualIsRounding ? Swift.min(1, Self.shares / Double(solution.count).squareRoot()) : 1
    return NewtonFinding(
      step: nil, correction: bound, entryCorrection: length == 0 ? 0 : part * length / smallest)
  }

  // MARK: Whether there is one derivative

  /// What a random right-hand side shows, once for all derivatives in one direction: a derivative's own
  /// may be in the range of a singular `A`. `nil` for methods that cannot be asked.
  private func regularity(transposed: Bool) throws -> RegularityEvidence? {
    guard let solver = solver as? any TriesRegularity else { return nil }
    // What was known at the start serves both directions.
    let (known, direction) = state.withLock { state in
      let direction = transposed && !state.isKnownAtStart
      return (state.regularity[direction], direction)
    }
    if let known { return known }
    do {
      let found = try solver.triedRegularity(transposed: direction)
      state.withLock { $0.regularity[direction] = found }
      return found
    } catch {
      throw DifferentiationError.linearSolve(error, during: Self.ofTheDerivative)
    }
  }

  /// Solves for a derivative, and tries beside it whether the operator is regular, if that is to be
  /// known and is not.
  ///
  /// - Throws: the error of the first column that was not solved, and then that of the try.
  func solve(
    _ columns: [[Double]], transposed: Bool, during: String
  ) throws(DifferentiationError) -> [LinearSolution] {
    guard certification.effort == .estimate, solver.condition == nil,
      let trying = solver as? any TriesRegularity, trying.triesBesideSolves,
      state.withLock({ !$0.isKnownAtStart && $0.regularity[transposed] == nil })
    else {
      return try certified(during) { () throws(LinearSolveError) in
        columns.count == 1
          ? [try solver.solve(columns[0], transposed: transposed)]
          : try solver.solve(columns: columns, transposed: transposed)
      }
    }
    let (solved, evidence) = trying.solveEachTryingRegularity(columns, transposed: transposed)
    let solutions = try certified(during) { () throws(LinearSolveError) in
      var solutions: [LinearSolution] = []
      for outcome in solved { solutions.append(try outcome.get()) }
      return solutions
    }
    let found = try certified(Self.ofTheDerivative) { () throws(LinearSolveError) in
      try evidence.get()
    }
    state.withLock { $0.regularity[transposed] = found }
    return solutions
  }

  private static var ofTheDerivative: String { "of the derivative, with A = ∂F/∂y," }

  // MARK: Errors

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
      let changes = try changes(defects, noise, transposed: false).map(norm)
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
      let changes = try changes(defects, noise, transposed: true)
      let truncations = try zip(better, changes).map { better, change in
        let moved = try better.B.transposeApplied(to: zip(u, change).map { $0 + $1 })
        return norm(zip(moved, result.scaled(for: solved.exponent)).map { $0 + $1 })
      }
      let rounding = try zip(Self.seeds, changes.dropFirst(better.count)).map { seed, change in
        let terms = perturbed(
          try B.transposeApplied(to: perturbed(u, seed: seed + 2)), seed: seed + 3)
        return norm(zip(try B.transposeApplied(to: change), terms).map { $0 + $1 })
      }
      return (truncations.max() ?? 0, rounding)
    }?.scaled(by: solved.exponent)
  }

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
  private static var transposeTolerance: Double { 1e-7 }

  // MARK: Estimate, then measure

  /// Rounding errors of a coefficient or a product, in units of `ε`.
  private static var roundings: Double { 10 }

  /// Near a fold a Newton step tells the truncation error within a small factor only, and the
  /// rounding of a residual is known by samples.
  private static var safety: Double { 6 }

  /// What an estimate takes for the relative change of `A` and `B` when the solution changes by its own
  /// size.
  private static var curvature: Double { 4 }

  /// Up to this many unknowns, iterative solves are certified by a factorisation.
  private static var factorisedCount: Int { 128 }

  /// A Krylov method that ends sooner has seen few directions, and knows little of the condition.
  private static var fewIterations: Int { 5 }

  /// Two perturbations: that both do little by accident is a matter of one in hundreds.
  private static var seeds: [UInt64] { [11, 23] }

  /// - Parameters:
  ///   - size: the norm of the derivative.
  ///   - componentwise: the componentwise backward error of the solve.
  ///   - termsNorm: the norm that it would have if nothing in it cancelled.
  ///   - measure: how much it changes at a better solution, and by perturbations of relative size one
  ///     of all coefficients.
  private func error(
    of answer: LinearSolution, size: Double, transposed: Bool, componentwise: () throws -> Double,
    termsNorm: () throws -> Double,
    measure: ([LinearizedConditions]) throws -> (truncation: Double, perturbations: [Double])
  ) throws -> DerivativeErrorEstimate? {
    if certification.effort == .none { return nil }
    let terms: Double
    if certification.effort == .estimate {
      guard let newton = try newton(transposed: transposed), isExact else { return nil }
      terms = Swift.max(size, try termsNorm())
      // Where nothing is known of the condition, no estimate can promise anything.
      let condition = try conditionNumber(for: answer, transposed: transposed)
      let defect =
        solver.condition == nil && condition.isFinite ? try componentwise() : answer.backwardError
      let rounding = condition * Swift.max(Self.roundings * .ulpOfOne, defect)
      // The condition of a scaled matrix is not that of the changes that a Newton step makes to it.
      let isTold = solver.condition.map { !$0.isScaled } ?? condition.isFinite
      /// The estimate, if it promises enough.
      func estimate(_ newton: NewtonFinding) -> DerivativeErrorEstimate? {
        // No residual tells the solution better than to κ ε, however small it was computed to be.
        let distance = newton.entryCorrection + condition * .ulpOfOne
        let wrong = Self.curvature * condition * distance + (answer.relativeBias ?? 0)
        let estimate = DerivativeErrorEstimate(
          truncation: terms == 0 ? 0 : wrong * terms,
          rounding: terms == 0 ? 0 : rounding * terms, derivativeNorm: size, termsNorm: terms,
          isMeasured: false)
        let isEnough =
          estimate.relative <= certification.measuredAbove && certification.accepts(estimate)
        return isEnough ? estimate : nil
      }
      if isTold {
        if let estimate = estimate(newton) { return estimate }
        // A bound is what was wanting, perhaps; the step itself costs less than to measure.
        if newton.step == nil, let exact = try exactNewton(), let estimate = estimate(exact) {
          return estimate
        }
      }
    } else {
      terms = Swift.max(size, try termsNorm())
    }
    let (truncation, perturbations): (Double, [Double])
    do {
      guard let better = try betterConditions() else { return nil }
      (truncation, perturbations) = try measure(better)
    } catch {
      // A better solution at which there are no conditions, or a random right-hand side for which
      // there is no solution, tells as much as a large number.
      return DerivativeErrorEstimate(
        truncation: .infinity, rounding: 0, derivativeNorm: size, termsNorm: terms,
        isMeasured: true)
    }
    let noise = norm(perturbations) / Double(perturbations.count).squareRoot()
    return DerivativeErrorEstimate(
      truncation: Self.safety * truncation, rounding: Self.roundings * .ulpOfOne * noise,
      derivativeNorm: size, termsNorm: terms, isMeasured: true)
  }

  /// The condition number; infinity where it is unknown, or an iterative method may have found one of
  /// many solutions.
  private func conditionNumber(
    for answer: LinearSolution, transposed: Bool
  ) throws -> Double {
    if let evidence = solver.condition { return evidence.conditionNumber }
    // A random right-hand side that is solved with in a few steps has met all there is: its components
    // along other directions are as large as what was left of it.
    let met = answer.iterations >= Self.fewIterations ? answer.conditionEstimate : nil
    let regularity =
      try met == nil
      ? try? regularity(transposed: transposed) : regularity(transposed: transposed)
    guard let regularity, regularity.isRegular else { return .infinity }
    switch (met, regularity.conditionEstimate) {
    case (let met?, let tried?): return Swift.max(met, tried)
    case (let known?, nil), (nil, let known?): return known
    case (nil, nil): return .infinity
    }
  }

  /// The length of a solution, with that of entries which may err by as much as the largest.
  private func length(of x: [Double], transposed: Bool) -> Double {
    solver.condition?.length(of: x, transposed: transposed) ?? norm(x)
  }

  /// The solver that measures: that of the derivative, or a factorisation in place of an iterative
  /// method where that costs little. An iterative method would be blind for its own weaknesses, such
  /// as equations in small units.
  private func reference() throws -> any PreparedLinearSolver {
    if solver.condition != nil || solver is PreparedGaugedSolver
      || A.rowCount > Self.factorisedCount
    {
      return solver
    }
    if let known = state.withLock({ $0.reference }) { return known }
    let reference = try LUSolver().prepare(A)
    state.withLock { $0.reference = reference }
    return reference
  }

  /// The solutions for defects at better points, and for rounding errors; in one block where a
  /// factorisation is at hand.
  private func changes(
    _ defects: [[Double]], _ noise: [[Double]], transposed: Bool
  ) throws -> [[Double]] {
    if try reference().condition != nil {
      return try solve(defects + noise, transposed: transposed)
    }
    return try solve(defects, transposed: transposed)
      + solve(noise, transposed: transposed, coarsely: true)
  }

  /// Solutions by the reference solver; with a gauge, without the components that are free.
  ///
  /// - Parameter coarsely: for random right-hand sides, of whose solutions the size is wanted. (A defect
  ///   may have its largest effect along a direction in which it is tiny.)
  private func solve(
    _ columns: [[Double]], transposed: Bool, coarsely: Bool = false
  ) throws -> [[Double]] {
    let solver = try reference()
    guard let gauged = solver as? PreparedGaugedSolver else {
      let solved =
        (solver as? any TriesRegularity)?.solveEach(
          columns, transposed: transposed, coarsely: coarsely)
        ?? solver.solveEach(columns, transposed: transposed)
      return try solved.map { try $0.get().vector }
    }
    return try gauged.regular.solve(columns: columns, transposed: transposed).map {
      var x = $0.vector
      removeComponents(transposed ? gauged.left : gauged.right, from: &x)
      return x
    }
  }

  /// `max |b − A x|ᵢ / (|A||x| + |b|)ᵢ`: the smallest relative change of the *entries* of `A` and `b`
  /// for which `x` is exact (W. Oettli and W. Prager 1964). Unlike a ratio of norms it is not blind for
  /// equations in smaller units, which iterative methods do not scale.
  ///
  /// Where `|b|` alone shows as much as the norms do, that is enough; otherwise `|A||x|` is taken from
  /// products with random signs, two of them in one pass over the operator.
  private func componentwiseError(
    _ answer: LinearSolution, _ b: [Double], transposed: Bool
  ) throws -> Double {
    let x = answer.vector
    let residual: [Double]
    if let known = answer.residual {
      residual = known
    } else {
      let image = try transposed ? A.transposeApplied(to: x) : A.applied(to: x)
      residual = zip(b, image).map { $0 - $1 }
    }
    func error(_ terms: (Int) -> Double) -> Double {
      residual.indices.reduce(0) { largest, i in
        residual[i] == 0 ? largest : Swift.max(largest, residual[i].magnitude / terms(i))
      }
    }
    let byRightHandSide = error { b[$0].magnitude }
    if byRightHandSide <= Self.roundings * answer.backwardError { return byRightHandSide }
    let signs = try A.applied(
      toEach: Self.seeds.map { perturbed(x, seed: $0) }, transposed: transposed)
    return error { i in
      signs.reduce(b[i].magnitude) { Swift.max($0, $1[i].magnitude) }
    }
  }

  /// `‖B‖_F / √n`, by one product with a random vector: the length of `Bᵀ` times a vector of length
  /// one, on the average over its directions.
  private func inputNorm() throws -> Double {
    if let known = state.withLock({ $0.inputNorm }) { return known }
    let found = try B.transposedNormEstimate(seed: 5)
    state.withLock { $0.inputNorm = found }
    return found
  }

  /// The conditions at a solution as good as can be had: after one more Newton step, and moved by what
  /// rounding makes of the residual; to and fro, where there are branches. (A solver that drives the *computed* residual to
  /// zero has a Newton step of zero, and is off by that all the same.)
  private func betterConditions() throws -> [LinearizedConditions]? {
    if let known = state.withLock({ $0.better }) { return known }
    guard measureNewton != nil else { return nil }
    let noise = try noiseStep()
    // Another one than that of the solver itself where a factorisation measures.
    guard
      let newtonStep =
        solver.condition == nil
          && (solver is PreparedGaugedSolver || A.rowCount <= Self.factorisedCount)
        ? try solve([residual], transposed: false)[0] : try exactNewton()?.step
    else { return nil }
    // Where conditions are smooth the other side tells the same: the farther point is enough.
    let farther = ProbeVector.dot(newtonStep, noise) > 0 ? -1.0 : 1
    let better = try (hasBranches ? [1, -1] : [farther]).map { side in
      try linearize(
        solution.indices.map { solution[$0] - newtonStep[$0] + side * noise[$0] })
    }
    state.withLock { $0.better = better }
    return better
  }

  /// Whether a Newton step is no longer than what rounding of the residual makes of it.
  func isNoise(_ step: [Double]) -> Bool {
    guard let noise = try? noiseStep() else { return false }
    return norm(step) <= 2 * norm(noise)
  }

  /// How far the solution moves when each term of the residual is changed at random by some units of
  /// rounding: the longest of three tries, for one may miss the direction in which it moves easily.
  /// The terms are taken to be as large as those of `A y` and `B x`.
  func noiseStep() throws -> [Double] {
    if let known = state.withLock({ $0.noiseStep }) { return known }
    let noise = try [31, 41, 51].map { (seed: UInt64) in
      let image = perturbed(try A.applied(to: perturbed(solution, seed: seed)), seed: seed + 1)
      let terms = perturbed(try B.applied(to: perturbed(input(), seed: seed + 2)), seed: seed + 3)
      return zip(image, terms).map { 4 * Double.ulpOfOne * ($0 + $1) }
    }
    let step =
      try solve(noise, transposed: false, coarsely: true).max { norm($0) < norm($1) } ?? []
    state.withLock { $0.noiseStep = step }
    return step
  }

  private func perturbed(_ x: [Double], seed: UInt64) -> [Double] {
    zip(x, ProbeVector.make(count: x.count, seed: seed)).map { $0 * $1 }
  }

  private func norm(_ x: [Double]) -> Double { ProbeVector.norm(x) }
}
