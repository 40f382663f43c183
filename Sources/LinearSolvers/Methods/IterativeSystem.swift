import Kernels

/// One system `A x = b` on its way through an iterative method: the vectors, the counted products
/// and what is learned about `‖A‖` on the way.
///
/// The system is normalised: `b` has size one, and so has an operator of extreme size. A method
/// improves `x` in cycles; before each cycle `residual` holds the true `b − A x`.
final class IterativeSystem {
  /// `m`, the length of `b`.
  let rowCount: Int

  /// `n`, the length of `x`.
  let columnCount: Int

  /// The normalised right-hand side, length `m`.
  let rightHandSide: UnsafeMutablePointer<Double>

  /// The iterate, length `n`.
  let x: UnsafeMutablePointer<Double>

  /// `b − A x` at the start of a cycle, length `m`. The method may overwrite it.
  let residual: UnsafeMutablePointer<Double>

  /// `‖b‖₂`.
  private(set) var rightHandSideNorm = 0.0

  /// `‖b − A x‖₂` at the start of a cycle.
  private(set) var residualNorm = 0.0

  /// The residual norm at which the method may stop.
  var target = 0.0

  /// Whether the method should say so when it suspects a least-squares solution.
  var mayBeSingular = true

  /// Whether a few digits are wanted, and the method keeps `residual` up to date in its recurrence, which
  /// then may do for the true one.
  var trustsRecurrence = false

  /// An operator near `A` with cheaper products, which cycles may use; `nil` once it is of no use.
  var rounded: (any LinearOperator)?

  /// Iterations with it, once it was given up: `A` has its limit to itself.
  private var uncharged = 0

  /// The steps of the longest cycle with it, which has seen as many directions.
  private(set) var longestRounded = 0

  /// While a cycle with that operator is under way: what was known before.
  private var beforeRounded: Spectrum?

  /// Whether such a cycle is under way.
  var isRounded: Bool { beforeRounded != nil }

  /// To be called before each cycle.
  func beginCycle() {
    beforeRounded = rounded == nil ? nil : spectrum
    iterationsAtStart = iterations
  }

  private var iterationsAtStart = 0

  /// To be called after each cycle; from then on products are those of `A`.
  ///
  /// - Returns: what was known before, if the cycle was one with the rounded operator.
  func endRoundedCycle() -> Spectrum? {
    guard let known = beforeRounded else { return nil }
    beforeRounded = nil
    longestRounded = max(longestRounded, iterations - iterationsAtStart)
    return known
  }

  /// Iterations so far, over all cycles.
  var iterations = 0

  /// The limit for `iterations`.
  let maximumIterations: Int

  /// Products with `A` and `Aᵀ` so far.
  private(set) var products = 0

  /// A lower bound for `‖A‖₂`: the largest `‖A v‖ / ‖v‖` met so far.
  private(set) var operatorNorm: Double

  /// The same for the operator the method iterates with: `A`, or `A` with its preconditioner.
  private(set) var iterationNorm: Double

  /// The extremes of the numbers met between the smallest and the largest singular value of `A`.
  private var singularValues: (least: Double, largest: Double)?

  /// A lower bound of the condition number of `A`: the ratio of the largest and the smallest number
  /// noted; `nil` without any, or with a preconditioner.
  var conditionEstimate: Double? {
    guard let (least, largest) = singularValues else { return nil }
    return max(largest, operatorNorm) / least
  }

  /// A lower bound of `‖A⁻¹‖₂`, of the given `A`.
  var inverseNormEstimate: Double? {
    singularValues.map { PowerOfTwo.scaled(1 / $0.least, by: operatorExponent) }
  }

  /// Whether there is a preconditioner.
  let isPreconditioned: Bool

  private let base: any LinearOperator
  private let transposed: Bool
  private let preconditioner: (any LinearOperator)?
  let operatorExponent: Int
  private let arena: VectorArena
  private var methodArena: VectorArena?

  /// A system with the products of `base` (of `baseᵀ` if `transposed`), each multiplied by
  /// `2^operatorExponent`, and room for three vectors.
  init(
    base: any LinearOperator, transposed: Bool, preconditioner: (any LinearOperator)?,
    operatorExponent: Int, operatorNorm: Double, maximumIterations: Int
  ) {
    self.base = base
    self.transposed = transposed
    self.preconditioner = preconditioner
    isPreconditioned = preconditioner != nil
    self.operatorExponent = operatorExponent
    self.operatorNorm = operatorNorm
    iterationNorm = isPreconditioned ? 0 : operatorNorm
    self.maximumIterations = maximumIterations
    rowCount = transposed ? base.columnCount : base.rowCount
    columnCount = transposed ? base.rowCount : base.columnCount
    arena = VectorArena(vectors: 3, length: max(rowCount, columnCount))
    rightHandSide = arena[0]
    x = arena[1]
    residual = arena[2]
  }

  /// A system with the same operator for the right-hand side `A r`, `r` being the current residual,
  /// and the power of two by which that was multiplied. It starts at zero.
  func systemForImageOfResidual() throws(LinearSolveError) -> (IterativeSystem, exponent: Int) {
    let other = IterativeSystem(
      base: base, transposed: transposed, preconditioner: preconditioner,
      operatorExponent: operatorExponent, operatorNorm: operatorNorm,
      maximumIterations: maximumIterations - iterations)
    try multiply(residual, into: other.rightHandSide)
    let size = Vector.maximumMagnitude(other.rightHandSide, count: rowCount)
    let exponent = -PowerOfTwo.exponent(of: size)
    PowerOfTwo.scale(other.rightHandSide, count: rowCount, by: exponent)
    other.measureRightHandSide()
    other.x.update(repeating: 0, count: columnCount)
    return (other, exponent)
  }

  /// Adds what another system has spent.
  func addCosts(of other: IterativeSystem) {
    iterations += other.iterations
    products += other.products
  }

  /// Working vector `k` of `count`, each of length `max(m, n)`. They are allocated once per solve
  /// and keep their contents from cycle to cycle; at first they hold nothing.
  func workVector(_ k: Int, of count: Int) -> UnsafeMutablePointer<Double> {
    if methodArena == nil {
      methodArena = VectorArena(vectors: count, length: max(rowCount, columnCount))
    }
    guard let pointer = methodArena?[k] else { stop("the workspace of a solve is missing") }
    return pointer
  }

  /// Where a recurrence stops in this cycle: at the target, or at rounding level relative to the
  /// residual it started from, below which a recurrence means nothing.
  var cycleTarget: Double {
    max(target, (isRounded ? Self.roundedCycle : Double.ulpOfOne) * residualNorm)
  }

  /// How far a cycle with a rounded operator goes: further down, the residual is that of another system.
  private static var roundedCycle: Double { 0x1p-22 }

  /// What is known of norms and singular values.
  struct Spectrum {
    var operatorNorm: Double
    var iterationNorm: Double
    var singularValues: (least: Double, largest: Double)?
  }

  private var spectrum: Spectrum {
    Spectrum(
      operatorNorm: operatorNorm, iterationNorm: iterationNorm, singularValues: singularValues)
  }

  /// Goes on with `A` alone, and with what was known before the rounded operator was used.
  ///
  /// - Parameter restarting: whether from `x = 0`.
  func abandonRounded(
    knowing known: Spectrum, restarting: Bool
  ) throws(LinearSolveError) {
    rounded = nil
    uncharged = iterations
    (operatorNorm, iterationNorm) = (known.operatorNorm, known.iterationNorm)
    singularValues = known.singularValues
    if !restarting { return }
    x.update(repeating: 0, count: columnCount)
    try recomputeResidual(xIsZero: true)
  }

  /// Whether the method has to stop before it is done.
  var isAtLimit: Bool { iterations - uncharged >= maximumIterations }

  /// Records `‖A v‖ / ‖v‖` for some `v`.
  private func note(operatorNorm value: Double) {
    if value.isFinite { operatorNorm = max(operatorNorm, value) }
  }

  /// Records `‖K v‖ / ‖v‖` for some `v`, or a lower bound of it, with `K` the operator the method
  /// iterates with.
  func note(iterationNorm value: Double) {
    if value.isFinite { iterationNorm = max(iterationNorm, value) }
    if !isPreconditioned { note(operatorNorm: value) }
  }

  /// Records a number that lies between the smallest and the largest singular value of `A`, or of
  /// `A` with its preconditioner, which says nothing about `A`.
  func note(singularValue value: Double) {
    guard !isPreconditioned, value.isFinite else { return }
    let known = singularValues ?? (value, value)
    singularValues = (min(known.least, value), max(known.largest, value))
  }

  /// `w ← A v`, counted.
  func multiply(
    _ v: UnsafePointer<Double>, into w: UnsafeMutablePointer<Double>
  ) throws(LinearSolveError) {
    let used = isRounded ? rounded ?? base : base
    try used.multiply(v, into: w, transposed: transposed)
    finishProduct(w)
  }

  /// Finishes and counts a product `w` with `A` that was computed in a block with those of other
  /// systems.
  func finishProduct(_ w: UnsafeMutablePointer<Double>) {
    products += 1
    if operatorExponent != 0 { PowerOfTwo.scale(w, count: rowCount, by: operatorExponent) }
  }

  /// `w ← Aᵀ v`, counted.
  func multiplyTransposed(
    _ v: UnsafePointer<Double>, into w: UnsafeMutablePointer<Double>
  ) throws(LinearSolveError) {
    products += 1
    try base.multiply(v, into: w, transposed: !transposed)
    if operatorExponent != 0 { PowerOfTwo.scale(w, count: columnCount, by: operatorExponent) }
  }

  /// `w ← M⁻¹ v`, or a copy of `v` without a preconditioner; both of length `n`.
  func precondition(
    _ v: UnsafePointer<Double>, into w: UnsafeMutablePointer<Double>, transposed flip: Bool = false
  ) throws(LinearSolveError) {
    guard let preconditioner else {
      w.update(from: v, count: columnCount)
      return
    }
    try preconditioner.multiply(v, into: w, transposed: transposed != flip)
    if operatorExponent != 0 { PowerOfTwo.scale(w, count: columnCount, by: -operatorExponent) }
  }

  /// Computes `‖b‖`, once `b` is set.
  func measureRightHandSide() {
    rightHandSideNorm = Vector.norm(rightHandSide, count: rowCount)
  }

  /// Computes `b − A x` and its norm afresh. `xIsZero` saves the product.
  func recomputeResidual(xIsZero: Bool = false) throws(LinearSolveError) {
    if xIsZero {
      residual.update(from: rightHandSide, count: rowCount)
      residualNorm = rightHandSideNorm
      return
    }
    if let index = Vector.firstNonFinite(x, count: columnCount) {
      throw .notFinite(what: "the solution", index: index, value: x[index])
    }
    try multiply(x, into: residual)
    Vector.scale(-1, residual, count: rowCount)
    Vector.addScaled(1, rightHandSide, to: residual, count: rowCount)
    residualNorm = Vector.norm(residual, count: rowCount)
    if !residualNorm.isFinite {
      try requireFinite(residual, count: rowCount, "a product with the operator")
    }
    let solutionNorm = Vector.norm(x, count: columnCount)
    if solutionNorm > 0 {
      note(operatorNorm: (rightHandSideNorm - residualNorm) / solutionNorm)
    }
  }

  /// Takes the residual of a recurrence for the true one, which saves a product, if few digits are
  /// wanted and rounding has not parted them by a thousandth of the target.
  func takesResidualOfRecurrence() -> Bool {
    guard trustsRecurrence else { return false }
    let norm = Vector.norm(residual, count: rowCount)
    let size = operatorNorm * Vector.norm(x, count: columnCount) + rightHandSideNorm
    let rounding = Double(iterations) * Double.ulpOfOne * size
    guard norm <= target, 1000 * rounding <= target else { return false }
    residualNorm = norm
    return true
  }

  /// `‖r‖`, `‖A‖‖x‖` and `‖b‖` for the current `x`.
  var evidence: SolveAcceptance.Evidence {
    SolveAcceptance.Evidence(
      residualNorm: residualNorm, operatorNorm: operatorNorm,
      solutionNorm: Vector.norm(x, count: columnCount), rightHandSideNorm: rightHandSideNorm)
  }

  /// Called with a number that came out as NaN or infinite: throws with the place in `v` where
  /// the trouble is, or a breakdown of `quantity` if `v` is finite.
  func rejectNonFinite(
    _ quantity: String, from v: UnsafePointer<Double>, count: Int
  ) throws(LinearSolveError) -> Never {
    try requireFinite(v, count: count, "a product with the operator")
    throw .breakdown(quantity: "\(quantity) (it overflows)", iteration: iterations)
  }
}
