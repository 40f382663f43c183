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
    point: Input, solution: Output, conditions: Conditions<Input, Output>,
    linearSolver: any LinearSolver, conditionsTolerance: Double?, certification: Certification,
    policy: CertificationPolicy
  ) throws {
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
      inverseNorm: prepared.condition?.inverseNorm, warnings: conditions.warnings)
    var newtonStep: [Double]?
    if conditionsTolerance != nil || certification.effort == .measure {
      let (step, correction) = try ImplicitLinearization.newtonStep(residual, solution, prepared)
      newtonStep = step
      report.newtonCorrection = correction
    }
    if let tolerance = conditionsTolerance, let correction = report.newtonCorrection {
      // `!(≤)`, so that NaN is refused too.
      if !(correction <= tolerance) {
        let error = DifferentiationError.conditionsNotMet(
          residualNorm: residualNorm, newtonCorrection: correction, tolerance: tolerance)
        report.warnings.append(try policy.warning(error))
      }
    }
    certifier = Certifier(
      certification, conditions: linearized, solver: prepared, solution: solution.flattened(),
      newtonStep: newtonStep
    ) { numbers in
      try conditions.linearize(point, solution.refilled(numbers) { $0 })
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

  /// `A⁻¹F`, and its length relative to that of `y`; the absolute length near `y = 0`.
  private static func newtonStep(
    _ residual: [Double], _ solution: Output, _ prepared: any PreparedLinearSolver
  ) throws(DifferentiationError) -> (step: [Double], correction: Double) {
    func norm(_ x: [Double]) -> Double {
      x.withUnsafeBufferPointer { buffer in
        buffer.baseAddress.map { Vector.norm($0, count: buffer.count) } ?? 0
      }
    }
    // With a gauge, its regular system: there the inconsistent part of a residual counts too. What
    // is left free says nothing about the size of the solution.
    let gauged = prepared as? PreparedGaugedSolver
    var position = solution.flattened()
    if let gauged { removeComponents(gauged.right, from: &position) }
    do {
      let regular = gauged?.regular ?? prepared
      let step = try regular.solve(residual, transposed: false).vector
      let (length, size) = (norm(step), norm(position))
      return (step, size < 1e-8 ? length : length / size)
    } catch {
      throw .linearSolve(error, during: "of the Newton correction, with A = ∂F/∂y,")
    }
  }

  // MARK: Derivatives

  /// `ẏ = −A⁻¹B ẋ`: how the solution moves when the input moves along `tangent`.
  ///
  /// Constants of the tangent are ignored. The tangent may have any scale: it is normalised by a
  /// power of two first.
  ///
  /// - Throws: `DifferentiationError`: a size or shape that differs, a number that is not finite, a
  ///   linear system that was not solved.
  public func pushforward(_ tangent: Input) throws -> Derivative<Output> {
    try pushforwards([tangent])[0]
  }

  /// `x̄ = −Bᵀ A⁻ᵀ ȳ`: the gradient in the input of a loss whose gradient in the solution is
  /// `cotangent`. Constants of the input get an empty tensor.
  ///
  /// The cotangent may have any scale: it is normalised by a power of two first.
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
    _ tangents: [Input], startingFrom start: SolvedVector?
  ) throws -> [Derivative<Output>] {
    let numbers = try tangents.map { tangent in
      let numbers = try tangent.flattened(like: point, "the tangent", for: "pushforward")
      try requireFinite(numbers, "the tangent")
      return numbers
    }
    return try pushforwards(numbers, startingFrom: start).map { derivative in
      derivative.map { solution.refilled($0) { $0 } }
    }
  }

  /// The pullbacks of several cotangents, as one block; as ``pushforwards(_:)``.
  public func pullbacks(_ cotangents: [Output]) throws -> [Derivative<Input>] {
    try pullbacks(cotangents, startingFrom: nil)
  }

  private func pullbacks(
    _ cotangents: [Output], startingFrom start: SolvedVector?
  ) throws -> [Derivative<Input>] {
    let numbers = try cotangents.map { cotangent in
      let numbers = try cotangent.flattened(like: solution, "the cotangent", for: "pullback")
      try requireFinite(numbers, "the cotangent")
      return numbers
    }
    return try pullbacks(numbers, startingFrom: start).map { derivative in
      derivative.map { point.refilled($0) { _ in Tensor([Double]()) } }
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
    for first in stride(from: 0, to: count, by: blockSize) {
      let units = (first..<min(first + blockSize, count)).map { k in
        var unit = [Double](repeating: 0, count: count)
        unit[k] = 1
        return unit
      }
      for (k, line) in try (byRows ? pullbacks(units) : pushforwards(units)).enumerated() {
        report.add(line.report)
        report.add(line.report.errorEstimate, isFirst: first + k == 0)
        for (i, value) in line.value.enumerated() {
          result.base[byRows ? (first + k) * m + i : i * m + first + k] = value
        }
      }
    }
    return Derivative(value: Tensor(result, Shape([n, m])), report: report)
  }

  // MARK: On flat vectors

  private func pushforwards(
    _ tangents: [[Double]], startingFrom start: SolvedVector? = nil
  ) throws -> [Derivative<[Double]>] {
    let scaled = tangents.map(normalised)
    let during = "of the pushforward, A ẏ = −B ẋ,"
    let directions = try certified(during) { () throws(LinearSolveError) in
      try B.applied(toEach: scaled.map(\.vector), transposed: false)
    }
    let solutions = try solve(
      directions.map { $0.map { -$0 } }, transposed: false, during,
      startingFrom: start?.scaled(for: scaled[0].exponent))
    return try scaled.indices.map { k in
      let answer = solutions[k]
      let result = PowerOfTwo.scaled(answer.vector, by: scaled[k].exponent)
      try requireFinite(result, "the pushforward (its tangent is too large)")
      let error = try certifier.pushforwardError(
        of: answer, tangent: scaled[k].vector, rightHandSide: directions[k])
      return try derivative(result, answer, error, scaled[k].exponent)
    }
  }

  private func pullbacks(
    _ cotangents: [[Double]], startingFrom start: SolvedVector? = nil
  ) throws -> [Derivative<[Double]>] {
    let scaled = cotangents.map(normalised)
    let during = "of the pullback, Aᵀ u = ȳ,"
    let solutions = try solve(
      scaled.map(\.vector), transposed: true, during,
      startingFrom: start?.scaled(for: scaled[0].exponent))
    let products = try certified(during) { () throws(LinearSolveError) in
      try B.applied(toEach: solutions.map(\.vector), transposed: true)
    }
    return try scaled.indices.map { k in
      let result = PowerOfTwo.scaled(products[k].map { -$0 }, by: scaled[k].exponent)
      try requireFinite(result, "the pullback (its cotangent is too large)")
      let error = try certifier.pullbackError(
        of: solutions[k], cotangent: scaled[k].vector, product: products[k])
      return try derivative(result, solutions[k], error, scaled[k].exponent)
    }
  }

  private func derivative(
    _ value: [Double], _ answer: LinearSolution, _ error: DerivativeErrorEstimate?,
    _ exponent: Int
  ) throws -> Derivative<[Double]> {
    var report = report
    report.add(answer)
    report.errorEstimate = error?.scaled(by: exponent)
    if let error, !certifier.certification.accepts(error),
      let limit = certifier.certification.errorLimit
    {
      let refusal = DifferentiationError.inaccurate(
        truncation: error.truncation / error.termsNorm, rounding: error.rounding / error.termsNorm,
        limit: limit)
      report.warnings.append(try policy.warning(refusal))
    }
    return Derivative(
      value: value, report: report,
      solved: SolvedVector(vector: answer.vector, exponent: exponent))
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

  /// The vector with its largest entry between 1 and 2, and the power of two taken out.
  private func normalised(_ x: [Double]) -> (vector: [Double], exponent: Int) {
    let largest = x.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { Vector.maximumMagnitude($0, count: buffer.count) } ?? 0
    }
    let exponent = PowerOfTwo.exponent(of: largest)
    return (PowerOfTwo.scaled(x, by: -exponent), exponent)
  }
}

/// Throws at the first NaN or infinity of a vector.
func requireFinite(_ x: [Double], _ what: String) throws(DifferentiationError) {
  let index = x.withUnsafeBufferPointer { buffer in
    buffer.baseAddress.flatMap { Vector.firstNonFinite($0, count: buffer.count) }
  }
  if let index { throw .notFinite(what: what, index: index, value: x[index]) }
}
