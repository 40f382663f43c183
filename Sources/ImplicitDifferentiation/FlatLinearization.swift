import Kernels
import LinearSolvers

/// The derivatives of an implicit function at one point as maps between flat vectors, in the order of
/// `flattened()`: all that does not depend on the structure of input and output.
struct FlatLinearization: Sendable {
  /// `∂F/∂y`, `n × n`.
  let A: any LinearOperator
  /// `∂F/∂x`, `n × m`.
  let B: any LinearOperator
  let prepared: any PreparedLinearSolver
  let certifier: Certifier
  let policy: CertificationPolicy

  /// What every derivative's report starts from.
  let report: DerivativeReport

  // Each stage starts from numbers of size one and hands its power of two on. So nothing leaves the
  // range on the way where the result is inside, however large A and B are.

  func pushforwards(
    _ tangents: consuming [[Double]], startingFrom start: ScaledVector? = nil
  ) throws -> [ScaledDerivative] {
    let scaled = drained(&tangents) { ScaledVector(normalising: $0) }
    let during = "of the pushforward, A ẏ = −B ẋ,"
    var products = try certified(during) { () throws(LinearSolveError) in
      try B.applied(toEach: scaled.map(\.vector), transposed: false)
    }
    var places = scaled.makeIterator()
    let right = try drained(&products) { product in
      var right = try ScaledVector(
        product, of: places.next() ?? scaled[0], "the product B ẋ of the pushforward")
      right.negate()
      return right
    }
    let solutions = try solve(
      right.map(\.vector), transposed: false, during,
      startingFrom: start?.scaled(for: right[0].exponent))
    return try scaled.indices.map { k in
      let solved = ScaledVector(vector: solutions[k].vector, exponent: right[k].exponent)
      let (answer, tangent, b) = (solutions[k], scaled[k], right[k])
      let error = { @Sendable [certifier] in
        try certifier.pushforwardError(of: answer, tangent: tangent, rightHandSide: b)
      }
      return try scaledDerivative(
        solved, answer, of: b, solved, transposed: false, error: error)
    }
  }

  func pullbacks(
    _ cotangents: consuming [[Double]], startingFrom start: ScaledVector? = nil
  ) throws -> [ScaledDerivative] {
    let scaled = drained(&cotangents) { ScaledVector(normalising: $0) }
    let during = "of the pullback, Aᵀ u = ȳ,"
    let solutions = try solve(
      scaled.map(\.vector), transposed: true, during,
      startingFrom: start?.scaled(for: scaled[0].exponent))
    let solved = zip(scaled, solutions).map {
      ScaledVector(vector: $1.vector, exponent: $0.exponent).ofOrdinarySize
    }
    var products = try certified(during) { () throws(LinearSolveError) in
      try B.applied(toEach: solved.map(\.vector), transposed: true)
    }
    try certified(during) { () throws(LinearSolveError) in
      for (product, u) in zip(products, solved) {
        try certifier.requireTranspose(product, of: u.vector)
      }
    }
    var place = 0
    return try drained(&products) { product in
      let k = place
      place += 1
      var result = try ScaledVector(product, of: solved[k], "the product Bᵀ u of the pullback")
      result.negate()
      let (answer, u, cotangent, product) = (solutions[k], solved[k], scaled[k], result)
      let error = { @Sendable [certifier] in
        try certifier.pullbackError(of: answer, solved: u, cotangent: cotangent, result: product)
      }
      return try scaledDerivative(
        result, answer, of: cotangent, u, transposed: true, error: error)
    }
  }

  /// Hands out the vectors one by one, each as the only reference to its memory, so that it is
  /// changed in place.
  private func drained<Result>(
    _ vectors: inout [[Double]], _ body: (consuming [Double]) throws -> Result
  ) rethrows -> [Result] {
    var results: [Result] = []
    results.reserveCapacity(vectors.count)
    for k in vectors.indices {
      var vector: [Double] = []
      swap(&vector, &vectors[k])
      results.append(try body(vector))
    }
    return results
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

  /// - Parameters:
  ///   - answer: of the system with the right-hand side `b`.
  ///   - error: in the scale of `vector`. Left to the report where it cannot refuse the derivative.
  private func scaledDerivative(
    _ vector: ScaledVector, _ answer: LinearSolution, of b: ScaledVector, _ solved: ScaledVector,
    transposed: Bool, error: @escaping @Sendable () throws -> DerivativeErrorEstimate?
  ) throws -> ScaledDerivative {
    var report = report
    // With an iterative method the first derivative decides whether the conditions hold.
    _ = try certifier.newton(transposed: transposed)
    report.add(answer)
    report.componentwiseBackwardError = componentwiseBackwardError(
      of: answer, b, transposed: transposed)
    let addNewton = { @Sendable (report: inout DerivativeReport) throws in
      try addNewtonCorrection(to: &report, transposed: transposed)
    }
    let addError = { @Sendable (report: inout DerivativeReport) throws in
      let error = try error()
      report.errorEstimate = error
      if let error, error.absolute.isFinite { report.isUniquenessChecked = true }
      if let refusal = certifier.refusal(of: error, bias: answer.relativeBias) {
        report.warnings.append(try policy.warning(refusal))
      }
    }
    let evidence: DeferredReport
    if try certifier.mayWait(answer, transposed: transposed) {
      evidence = DeferredReport(report, completingBy: [addNewton, addError])
    } else {
      try addNewton(&report)
      try addError(&report)
      evidence = DeferredReport(report)
    }
    return ScaledDerivative(vector: vector, evidence: evidence, solved: solved)
  }

  /// What the Newton step tells, where a bound was enough to take a derivative.
  func addNewtonCorrection(
    to report: inout DerivativeReport, transposed: Bool
  ) throws {
    guard report.newtonCorrection == nil,
      let finding = try certifier.reportedNewton(transposed: transposed)
    else { return }
    report.newtonCorrection = finding.correction
    report.warnings += finding.warnings
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
    guard let guess else {
      return try certifier.solve(columns, transposed: transposed, during: during)
    }
    return try certified(during) { () throws(LinearSolveError) in
      [try prepared.solve(columns[0], transposed: transposed, initialGuess: guess)]
    }
  }

  /// See ``ImplicitLinearization/jacobian()``.
  func jacobian() throws -> Derivative<Tensor> {
    let (n, m) = (B.rowCount, B.columnCount)
    var report = report
    let result = Storage(uninitializedCount: n * m)
    // Lines may be far smaller than the largest; that one must be a number.
    var largest: Int?
    // Where the error of the first line had to be measured, the others wait until the report is read.
    var othersWait = false
    try forEachJacobianLine { k, line in
      let isDeferred = line.evidence.isPending
      let evidence = try othersWait ? line.evidence.known : line.evidence.completed()
      report.add(evidence)
      report.add(evidence.errorEstimate, isFirst: k == 0)
      if k == 0 { othersWait = isDeferred && evidence.errorEstimate?.isMeasured == true }
      if let exponent = line.vector.largestExponent {
        try requireNoOverflow(exponent, "the Jacobian")
        largest = Swift.max(largest ?? exponent, exponent)
      }
      for (i, value) in line.vector.numbers.enumerated() {
        result.base[n < m ? k * m + i : i * m + k] = value
      }
    }
    if let largest { try requireNoUnderflow(largest, "the Jacobian") }
    if n == 0 || m == 0 { try addNewtonCorrection(to: &report, transposed: false) }
    return Derivative(
      value: Tensor(result, Shape([n, m])),
      evidence: othersWait
        ? DeferredReport(report, completingBy: [addJacobianErrors]) : DeferredReport(report))
  }

  /// The rows of the Jacobian by pullbacks, or its columns by pushforwards, whichever are fewer.
  private func forEachJacobianLine(
    _ body: (_ index: Int, _ line: ScaledDerivative) throws -> Void
  ) throws {
    let (n, m) = (B.rowCount, B.columnCount)
    let count = min(n, m)
    let blockSize = 64
    for first in stride(from: 0, to: count, by: blockSize) {
      let units = (first..<min(first + blockSize, count)).map { k in
        var unit = [Double](repeating: 0, count: count)
        unit[k] = 1
        return unit
      }
      for (k, line) in try (n < m ? pullbacks(units) : pushforwards(units)).enumerated() {
        try body(first + k, line)
      }
    }
  }

  /// Takes the lines once more, each with its error: to keep what all errors are computed from would
  /// take more memory than the Jacobian.
  @Sendable private func addJacobianErrors(to report: inout DerivativeReport) throws {
    var complete = self.report
    try forEachJacobianLine { k, line in
      let evidence = line.evidence.complete
      complete.add(evidence)
      complete.add(evidence.errorEstimate, isFirst: k == 0)
    }
    report = complete
  }
}

/// The value of `body`, or its error as one of the linear system of a derivative.
func certified<T>(
  _ during: String, _ body: () throws(LinearSolveError) -> T
) throws(DifferentiationError) -> T {
  do {
    return try body()
  } catch {
    throw .linearSolve(error, during: during)
  }
}

/// Throws at the first NaN or infinity of a vector.
func requireFinite(_ x: [Double], _ what: String) throws(DifferentiationError) {
  let index = x.withUnsafeBufferPointer { buffer in
    buffer.baseAddress.flatMap { Vector.firstNonFinite($0, count: buffer.count) }
  }
  if let index { throw .notFinite(what: what, index: index, value: x[index]) }
}
