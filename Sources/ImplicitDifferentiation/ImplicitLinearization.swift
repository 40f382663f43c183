import Kernels

/// The implicit function theorem at one solution: `A ẏ = −B ẋ` with `A = ∂F/∂y` and `B = ∂F/∂x`,
/// recorded, checked and ready to be solved for any number of tangents and cotangents.
///
/// With `n` unknowns and `m` inputs, `A` is `n × n` and `B` is `n × m`. A pushforward costs one
/// product with `B` and one solve with `A`; a pullback one solve with `Aᵀ` and one product with
/// `Bᵀ`. A factorisation is made once and kept. Immutable and `Sendable`: many tasks may use it.
public struct ImplicitLinearization<Input: TensorStructure, Output: TensorStructure>: Sendable {
  /// Where the derivative is taken.
  public let point: Input

  /// The solution there.
  public let solution: Output

  /// `∂F/∂y` at the solution, in the order of `flattened()`.
  public let A: any LinearOperator

  /// `∂F/∂x` at the solution.
  public let B: any LinearOperator

  /// The residual `F(x, y)`.
  public let residual: [Double]

  /// How well the conditions hold, and the linear solver chosen; no derivative has been taken yet.
  public let report: DerivativeReport

  /// Bytes that the recording of the conditions keeps for products with `A` and `B`: all that an
  /// implicit derivative stores, however long the solver ran.
  public var recordedBytes: Int { recording?.bytes ?? 0 }

  private let recording: Trace?

  let prepared: any PreparedLinearSolver

  private let certifier: Certifier
  private let policy: CertificationPolicy

  init(
    point: Input, solved: Solved<Input, Output>, linearSolver: any LinearSolver,
    conditionsTolerance: Double?, certification: Certification, policy: CertificationPolicy
  ) throws {
    let (solution, conditions) = (solved.y, solved.conditions)
    let linearized = try conditions.linearize(point, solution)
    let n = solution.variableCount
    residual = linearized.residual
    recording = linearized.recording
    try requireSize(residual.count, n, "the residual (one equation for each unknown)")
    try requireFinite(residual, "the residual of the conditions")
    self.point = point
    self.solution = solution
    A = linearized.A
    B = linearized.B
    do {
      // Products that the user wrote are tried with random vectors: `B` here, `A` where it is
      // prepared. `B` is only multiplied with, so products by differences may pass.
      try linearized.B.requireTransposedProduct(tolerance: 1e-8)
    } catch {
      throw DifferentiationError.linearSolve(
        error, during: "of the derivative, whose right-hand sides are products with B = ∂F/∂x,")
    }
    do {
      prepared = try linearSolver.prepare(linearized.A)
    } catch {
      throw DifferentiationError.linearSolve(error, during: "of the derivative, with A = ∂F/∂y,")
    }
    let residualNorm = residual.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { Vector.norm($0, count: n) } ?? 0
    }
    var report = DerivativeReport(
      residualNorm: residualNorm, newtonCorrection: nil, linearSolver: prepared.methodDescription,
      linearSolves: 0, linearIterations: 0, operatorProducts: 0, relativeResidual: 0,
      backwardError: 0, conditionNumber: prepared.condition?.conditionNumber,
      inverseNorm: prepared.condition?.inverseNorm,
      isUniquenessChecked: prepared.condition != nil, polish: solved.polish,
      warnings: conditions.warnings)
    var newtonStep: [Double]?
    if conditionsTolerance != nil || certification.effort == .measure {
      let (step, correction) = try NewtonCorrection(
        point: point, solution: solution, conditions: conditions, linearized: linearized,
        prepared: prepared, tolerance: conditionsTolerance ?? 1e-6
      ).measured()
      newtonStep = step
      report.newtonCorrection = correction
    }
    let linearize = { @Sendable (numbers: [Double]) in
      try conditions.linearize(point, solution.refilled(numbers) { $0 })
    }
    let position = solution.flattened()
    certifier = Certifier(
      certification, conditions: linearized, solver: prepared, input: point.flattened(),
      solution: position, newtonStep: newtonStep, linearize: linearize)
    if let tolerance = conditionsTolerance, let correction = report.newtonCorrection {
      // `!(≤)`, so that NaN is refused too. A step within what rounding makes of the residual is no
      // sign of a solver that stopped early: in ill-conditioned systems no point has a smaller one.
      if !(correction <= tolerance), !certifier.isNoise(newtonStep ?? []) {
        // A solution that Newton's method finds from here tells one that the solver stopped early;
        // where it finds none, there may be nothing to differentiate.
        let isEarly = solved.leadsToSolution(at: point, tolerance: tolerance) { _ in linearSolver }
        let error: DifferentiationError =
          isEarly
          ? .conditionsNotMet(
            residualNorm: residualNorm, newtonCorrection: correction, tolerance: tolerance)
          : .noSolutionNearby(
            residualNorm: residualNorm, newtonCorrection: correction, tolerance: tolerance)
        report.warnings.append(try policy.warning(error))
      }
    }
    if let newtonStep, certification.effort != .none, linearized.recording?.hasBranches == true,
      let noiseStep = try? certifier.noiseStep()
    {
      let probe = KinkProbe(
        conditions: linearized, solution: position, newtonStep: newtonStep, noiseStep: noiseStep,
        linearize: linearize)
      if let distance = try probe.distance() {
        report.warnings.append(
          try policy.warning(DifferentiationError.kinkNearby(distance: distance)))
      }
    }
    self.policy = policy
    if let review = linearized.review {
      // With a gauge, by its regular system: rounding is consistent with no gauge.
      let solver = (prepared as? PreparedGaugedSolver)?.regular ?? prepared
      report.warnings += try review { b in
        do throws(LinearSolveError) {
          return try solver.solve(b, transposed: false).vector
        } catch {
          throw DifferentiationError.linearSolve(
            error, during: "of the review of differences, with A = ∂F/∂y,")
        }
      }
    }
    self.report = report
  }

  /// How many directions the conditions leave free, by the declared gauge.
  public var gaugeDimension: Int { (prepared as? PreparedGaugedSolver)?.right.count ?? 0 }

  // MARK: Derivatives

  /// `ẏ = −A⁻¹B ẋ`: how the solution moves when the input moves along `tangent`.
  ///
  /// Constants of the tangent are ignored. The tangent may have any scale: multiplied by a power of
  /// two, it gives the same digits multiplied by it, as long as they can be represented (see
  /// `DifferentiationError.underflow`).
  ///
  /// - Throws: `DifferentiationError`: a size or shape that differs, a number that is not finite, a
  ///   linear system that was not solved, a result that is too large or too small for a number.
  public func pushforward(_ tangent: Input) throws -> Derivative<Output> {
    try pushforwards([tangent])[0]
  }

  /// `x̄ = −Bᵀ A⁻ᵀ ȳ`: the gradient in the input of a loss whose gradient in the solution is
  /// `cotangent`. Constants of the input get an empty tensor.
  ///
  /// The cotangent may have any scale, as the tangent of ``pushforward(_:)``.
  ///
  /// - Throws: as `pushforward`.
  public func pullback(_ cotangent: Output) throws -> Derivative<Input> {
    try pullbacks([cotangent])[0]
  }

  /// The pushforward, with an iterative solver starting from another one: that of a tangent close to
  /// this, at this point or one nearby. A good start saves iterations; the answer is tested as
  /// always. Direct solvers need no start.
  ///
  /// - Throws: as `pushforward`.
  public func pushforward(
    _ tangent: Input, startingFrom other: Derivative<Output>
  ) throws -> Derivative<Output> { try pushforwards([tangent], startingFrom: other.solved)[0] }

  /// The pullback, starting from that of a similar cotangent nearby; as
  /// ``pushforward(_:startingFrom:)``.
  public func pullback(
    _ cotangent: Output, startingFrom other: Derivative<Input>
  ) throws -> Derivative<Input> { try pullbacks([cotangent], startingFrom: other.solved)[0] }

  /// The pushforwards of several tangents, each with its own evidence. They are one block: a dense
  /// factorisation is run through once, and conjugate gradients work on all tangents in lockstep
  /// (see `PreparedLinearSolver.solveEach`). Memory grows with their number.
  ///
  /// - Throws: as `pushforward`, for the first tangent that is unfit or whose system is not solved.
  public func pushforwards(_ tangents: [Input]) throws -> [Derivative<Output>] {
    try pushforwards(tangents, startingFrom: nil)
  }

  private func pushforwards(
    _ tangents: [Input], startingFrom start: ScaledVector?
  ) throws -> [Derivative<Output>] {
    let numbers = try tangents.map { tangent in
      let numbers = try tangent.flattened(like: point, "the tangent", for: "pushforward")
      try requireFinite(numbers, "the tangent")
      return numbers
    }
    return try pushforwards(numbers, startingFrom: start).map { scaled in
      try scaled.derivative("the pushforward").map { solution.refilled($0) { $0 } }
    }
  }

  /// The pullbacks of several cotangents, as one block; as ``pushforwards(_:)``.
  public func pullbacks(_ cotangents: [Output]) throws -> [Derivative<Input>] {
    try pullbacks(cotangents, startingFrom: nil)
  }

  private func pullbacks(
    _ cotangents: [Output], startingFrom start: ScaledVector?
  ) throws -> [Derivative<Input>] {
    let numbers = try cotangents.map { cotangent in
      let numbers = try cotangent.flattened(like: solution, "the cotangent", for: "pullback")
      try requireFinite(numbers, "the cotangent")
      return numbers
    }
    return try pullbacks(numbers, startingFrom: start).map { scaled in
      try scaled.derivative("the pullback").map { point.refilled($0) { _ in Tensor([Double]()) } }
    }
  }

  /// The Jacobian `dy/dx = −A⁻¹B`, an `n × m` matrix in the order of `flattened()`: a row for each
  /// unknown, a column for each number of the input.
  ///
  /// Costs `min(n, m)` solves, in blocks, with one factorisation, and `n · m` numbers of memory.
  ///
  /// - Throws: as `pushforward`.
  public func jacobian() throws -> Derivative<Tensor> {
    let (n, m) = (B.rowCount, B.columnCount)
    var report = report
    let result = Storage(uninitializedCount: n * m)
    let byRows = n < m
    let count = byRows ? n : m
    let blockSize = 64
    // Lines may be far smaller than the largest; that one must be a number.
    var largest: Int?
    for first in stride(from: 0, to: count, by: blockSize) {
      let units = (first..<min(first + blockSize, count)).map { k in
        var unit = [Double](repeating: 0, count: count)
        unit[k] = 1
        return unit
      }
      for (k, line) in try (byRows ? pullbacks(units) : pushforwards(units)).enumerated() {
        report.add(line.report)
        report.add(line.report.errorEstimate, isFirst: first + k == 0)
        if let exponent = line.vector.largestExponent {
          try requireNoOverflow(exponent, "the Jacobian")
          largest = Swift.max(largest ?? exponent, exponent)
        }
        for (i, value) in line.vector.numbers.enumerated() {
          result.base[byRows ? (first + k) * m + i : i * m + first + k] = value
        }
      }
    }
    if let largest { try requireNoUnderflow(largest, "the Jacobian") }
    return Derivative(value: Tensor(result, Shape([n, m])), report: report)
  }

  // MARK: On flat vectors

  // Each stage starts from numbers of size one and hands its power of two on. So nothing leaves the
  // range on the way where the result is inside, however large A and B are.

  private func pushforwards(
    _ tangents: [[Double]], startingFrom start: ScaledVector? = nil
  ) throws -> [ScaledDerivative] {
    let scaled = tangents.map(ScaledVector.init(normalising:))
    let during = "of the pushforward, A ẏ = −B ẋ,"
    let products = try certified(during) { () throws(LinearSolveError) in
      try B.applied(toEach: scaled.map(\.vector), transposed: false)
    }
    let right = try zip(scaled, products).map { tangent, product in
      try ScaledVector(product, of: tangent, "the product B ẋ of the pushforward").negated
    }
    let solutions = try solve(
      right.map(\.vector), transposed: false, during,
      startingFrom: start?.scaled(for: right[0].exponent))
    return try scaled.indices.map { k in
      let solved = ScaledVector(vector: solutions[k].vector, exponent: right[k].exponent)
      let error = try certifier.pushforwardError(
        of: solutions[k], tangent: scaled[k], rightHandSide: right[k])
      let componentwise = componentwiseBackwardError(
        of: solutions[k], right[k], transposed: false)
      return try scaledDerivative(solved, solutions[k], error, componentwise, solved)
    }
  }

  private func pullbacks(
    _ cotangents: [[Double]], startingFrom start: ScaledVector? = nil
  ) throws -> [ScaledDerivative] {
    let scaled = cotangents.map(ScaledVector.init(normalising:))
    let during = "of the pullback, Aᵀ u = ȳ,"
    let solutions = try solve(
      scaled.map(\.vector), transposed: true, during,
      startingFrom: start?.scaled(for: scaled[0].exponent))
    let solved = zip(scaled, solutions).map {
      ScaledVector(vector: $1.vector, exponent: $0.exponent)
    }
    let normalised = solved.map(\.normalised)
    let products = try certified(during) { () throws(LinearSolveError) in
      try B.applied(toEach: normalised.map(\.vector), transposed: true)
    }
    return try scaled.indices.map { k in
      try certified(during) { () throws(LinearSolveError) in
        try certifier.requireTranspose(products[k], of: normalised[k].vector)
      }
      let result = try ScaledVector(
        products[k], of: normalised[k], "the product Bᵀ u of the pullback")
      let error = try certifier.pullbackError(
        of: solutions[k], solved: normalised[k], cotangent: scaled[k], product: products[k])
      let componentwise = componentwiseBackwardError(
        of: solutions[k], scaled[k], transposed: true)
      return try scaledDerivative(
        result.negated, solutions[k], error, componentwise, solved[k])
    }
  }

  /// See `DerivativeReport.componentwiseBackwardError`.
  private func componentwiseBackwardError(
    of answer: LinearSolution, _ b: ScaledVector, transposed: Bool
  ) -> Double? {
    guard certifier.certification.effort == .measure,
      let solver = prepared as? any KnowsEntries
    else { return nil }
    return try? solver.componentwiseBackwardError(
      of: answer.vector, b.vector, transposed: transposed)
  }

  /// - Parameter error: in the scale of `vector`.
  private func scaledDerivative(
    _ vector: ScaledVector, _ answer: LinearSolution, _ error: DerivativeErrorEstimate?,
    _ componentwise: Double?, _ solved: ScaledVector
  ) throws -> ScaledDerivative {
    var report = report
    report.add(answer)
    report.errorEstimate = error
    if let error, error.absolute.isFinite { report.isUniquenessChecked = true }
    report.componentwiseBackwardError = componentwise
    if let refusal = certifier.refusal(of: error, bias: answer.relativeBias) {
      report.warnings.append(try policy.warning(refusal))
    }
    return ScaledDerivative(vector: vector, report: report, solved: solved)
  }

  /// For derivatives of functions that call this one: there a part that underflows may stand beside
  /// others that do not, and becomes zero gradually, as in any operation on tensors.
  func pushforwardPart(_ tangent: Tensor) throws -> Tensor {
    let numbers = tangent.scalars
    try requireFinite(numbers, "the tangent")
    let part = try pushforwards([numbers])[0]
    return Tensor(try part.vector.numbersUnlessTooLarge("the pushforward"))
  }

  /// As ``pushforwardPart(_:)``.
  func pullbackPart(_ cotangent: Tensor) throws -> Tensor {
    let numbers = cotangent.scalars
    try requireFinite(numbers, "the cotangent")
    let part = try pullbacks([numbers])[0]
    return Tensor(try part.vector.numbersUnlessTooLarge("the pullback"))
  }

  /// `A⁻¹ b`, or `A⁻ᵀ b`, for derivatives of derivatives.
  func solve(_ b: Tensor, transposed: Bool) throws -> Tensor {
    let numbers = b.scalars
    try requireFinite(numbers, "the right-hand side of a higher derivative")
    let during = "of a higher derivative, with \(transposed ? "Aᵀ" : "A"), A = ∂F/∂y,"
    return Tensor(try solve([numbers], transposed: transposed, during)[0].vector)
  }

  private func solve(
    _ columns: [[Double]], transposed: Bool, _ during: String,
    startingFrom guess: [Double]? = nil
  ) throws(DifferentiationError) -> [LinearSolution] {
    try certified(during) { () throws(LinearSolveError) in
      columns.count == 1
        ? [try prepared.solve(columns[0], transposed: transposed, initialGuess: guess)]
        : try prepared.solve(columns: columns, transposed: transposed)
    }
  }

  private func certified<T>(
    _ during: String, _ body: () throws(LinearSolveError) -> T
  ) throws(DifferentiationError) -> T {
    do {
      return try body()
    } catch {
      throw .linearSolve(error, during: during)
    }
  }
}

/// Throws at the first NaN or infinity of a vector.
func requireFinite(_ x: [Double], _ what: String) throws(DifferentiationError) {
  let index = x.withUnsafeBufferPointer { buffer in
    buffer.baseAddress.flatMap { Vector.firstNonFinite($0, count: buffer.count) }
  }
  if let index { throw .notFinite(what: what, index: index, value: x[index]) }
}
