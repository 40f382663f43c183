import Testing

@testable import ImplicitDifferentiation

/// What only informs is computed when a report is read.
@Suite struct DeferredReportTests {
  /// A solution without error, at which an error has to be measured: two of its equations are nearly the
  /// same, κ = 4e4. And how often its conditions were recorded.
  private func nearlyTheSame(
    error: Double = 0, errorLimit: Double = 1e4
  ) throws -> (linear: ImplicitLinearization<Tensor, Tensor>, recordings: Counter) {
    let counter = Counter()
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x.withoutDerivative + Tensor(error) },
      conditions: .root { x, y in
        counter.increment()
        let d = y - x
        let sum = d.at(0) + d.at(1)
        return Tensor.concatenate(
          [sum + 1e-4 * d.at(0), sum, d.at(2)].map { $0.reshaped([1]) })
      })
    function.conditionsTolerance = 1
    function.certification = Certification(errorLimit: errorLimit)
    return (try function.linearize(at: [1, 2, 3]), counter)
  }

  @Test("A derivative records nothing; its report measures, once")
  func measuresWhenRead() throws {
    let (linear, recordings) = try nearlyTheSame()
    let start = recordings.value
    let derivative = try linear.pullback([1, 1, 1])
    #expect(recordings.value == start)
    let estimate = try #require(derivative.report.errorEstimate)
    #expect(estimate.isMeasured && recordings.value > start)
    let known = recordings.value
    #expect(derivative.report.errorEstimate == estimate && recordings.value == known)
    // Nothing depends on when it was computed.
    let (eager, recordedAtOnce) = try nearlyTheSame(errorLimit: 0.5)
    let other = try eager.pullback([1, 1, 1])
    #expect(recordedAtOnce.value == known)
    #expect(other.report == derivative.report)
  }

  @Test("Where the solution may be off, or digits are asked for, nothing waits")
  func measuresAtOnce() throws {
    for (error, limit) in [(1e-9, 1e4), (0, 0.5)] {
      let (linear, recordings) = try nearlyTheSame(error: error, errorLimit: limit)
      let start = recordings.value
      _ = try linear.pullback([1, 1, 1])
      #expect(recordings.value > start)
    }
  }

  /// A well-conditioned system of 200 equations at a point that a solver left early, at a distance of
  /// 1e-9; what its derivative is certified by.
  private func stoppedEarly(
    _ solver: any LinearSolver, errorLimit: Double = 1e4
  ) throws -> (linear: ImplicitLinearization<Tensor, Tensor>, recordings: Counter) {
    let counter = Counter()
    let y = Tensor((0..<200).map { 1 + 0.5 * Double($0 % 7) })
    let x = 4 * y + pow(y, 3) - y.shifted(by: 1) - y.shifted(by: -1)
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in y + Tensor(1e-9) },
      conditions: .root { x, y in
        counter.increment()
        return 4 * y + pow(y, 3) - y.shifted(by: 1) - y.shifted(by: -1) - x
      }, linearSolver: solver)
    function.certification = Certification(errorLimit: errorLimit)
    return (try function.linearize(at: x), counter)
  }

  @Test(
    "At a solution short of rounding level a derivative takes no Newton step and measures nothing",
    arguments: [Automatic() as any LinearSolver, ConjugateGradient()])
  func waitsShortOfRounding(solver: any LinearSolver) throws {
    let (linear, recordings) = try stoppedEarly(solver)
    let start = recordings.value
    let derivative = try linear.pullback(Tensor.ones([200]))
    #expect(recordings.value == start)
    let certifier = linear.flat.certifier
    #expect(certifier.state.withLock { $0.newton == nil })
    // The report tells the step, and what the derivative is off by.
    let report = derivative.report
    let correction = try #require(report.newtonCorrection)
    #expect(correction > 2e-10 && correction < 1e-9)
    #expect(certifier.state.withLock { $0.newton != nil })
    let (eager, _) = try stoppedEarly(solver, errorLimit: 0.5)
    #expect(try eager.pullback(Tensor.ones([200])).report == report)
    // A distance of 1e-9 changes 4 + 3 y² by as much, relatively, and the derivative by no more.
    let error = try #require(report.errorEstimate)
    #expect(error.relative > 1e-10 && error.relative < 1e-6)
  }

  @Test("A point far from a solution is refused before any derivative, a bound or not")
  func farFromSolution() throws {
    let x = Tensor((0..<200).map { 1 + 0.5 * Double($0 % 7) })
    for solver in [Automatic() as any LinearSolver, ConjugateGradient()] {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { x in x.withoutDerivative },
        conditions: .root { x, y in 4 * y + pow(y, 3) - x }, linearSolver: solver)
      #expect(throws: DifferentiationError.self) { _ = try function.linearize(at: x) }
    }
  }

  @Test(
    "Where iterations find a large inverse, the first derivative says that the conditions do not hold"
  )
  func refusedByTheDerivative() throws {
    // One equation has the slope 1e-7, and is off by a tenth: the residual is 1e-8.
    let slopes = Tensor((0..<200).map { $0 == 0 ? 1e-7 : 1 + Double($0) / 200 })
    var error = [Double](repeating: 0, count: 200)
    error[0] = 0.1
    let shift = Tensor(error)
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x.withoutDerivative + shift },
      conditions: .root { x, y in slopes * (y - x) }, linearSolver: ConjugateGradient())
    let x = Tensor.ones([200])
    let linear = try function.linearize(at: x)
    for take in [{ _ = try linear.pullback(x) }, { _ = try linear.pushforward(x) }] {
      do {
        try take()
        Issue.record("a point that is off by a tenth")
      } catch DifferentiationError.conditionsNotMet(_, let correction, _) {
        #expect((correction / (0.1 / x.norm().scalar) - 1).magnitude < 0.1)
      }
    }
  }

  /// 200 equations, in one of which the solution is off.
  private struct OffInOneEquation: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let solver: any LinearSolver
    /// That of the equation; the others have slopes from one to two.
    let slope: Double
    /// Makes the system unsymmetric.
    let coupling: Double

    func linear(error: Double) throws -> ImplicitLinearization<Tensor, Tensor> {
      var slopes = [Double](repeating: 1, count: 200)
      for i in slopes.indices { slopes[i] += 0.2 * Double(i % 5) }
      slopes[3] = slope
      var shift = [Double](repeating: 0, count: 200)
      shift[3] = error
      let (diagonal, offset) = (Tensor(slopes), Tensor(shift))
      let coupling = coupling
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { x in x.withoutDerivative + offset },
        conditions: .root { x, y in
          let d = y - x
          return diagonal * d + d.shifted(by: 1).scaled(by: coupling)
        }, linearSolver: solver)
      return try function.linearize(at: Tensor.ones([200]))
    }
  }

  // A random right-hand side shows how large A⁻¹ is, but for a factor of doubt: 16, and 5000.
  private static let offInOneEquation = [
    OffInOneEquation(
      testDescription: "CG", solver: ConjugateGradient(), slope: 1e-3, coupling: 0),
    OffInOneEquation(testDescription: "GMRES", solver: GMRES(), slope: 0.5, coupling: 0.1),
  ]

  @Test(
    "Where a bound by norms is too large, a rough Newton step does for the step itself",
    arguments: offInOneEquation)
  private func roughStep(_ problem: OffInOneEquation) throws {
    let x = Tensor.ones([200])
    let (error, size) = (1e-6, x.norm().scalar)
    let linear = try problem.linear(error: error)
    for derivative in [try linear.pullback(x), try linear.pushforward(x)] {
      let certifier = linear.flat.certifier
      #expect(certifier.state.withLock { $0.newton == nil })
      let rough = try #require(certifier.state.withLock { $0.roughStep })
      #expect((rough.length / error - 1).magnitude < 0.01)
      // A bound of the step, for all that is known.
      for transposed in [false, true] {
        let correction = try #require(try certifier.newton(transposed: transposed)).correction
        #expect(correction >= (1 - 1e-6) * error / size && correction <= 5e-7)
      }
      #expect(derivative.value.scalars.count == 200)
    }
    // Read, a report has the step itself.
    let correction = try #require(try linear.pullback(x).report.newtonCorrection)
    #expect((correction * size / error - 1).magnitude < 1e-6)
  }

  @Test("A rough Newton step that is too long is no excuse", arguments: offInOneEquation)
  private func roughStepRefused(_ problem: OffInOneEquation) throws {
    let x = Tensor.ones([200])
    for take in [
      { _ = try $0.pullback(x) }, { _ = try $0.pushforward(x) },
    ] as [(ImplicitLinearization<Tensor, Tensor>) throws -> Void] {
      do {
        try take(try problem.linear(error: 2e-5))
        Issue.record("a point that is off by more than the tolerance")
      } catch DifferentiationError.conditionsNotMet(_, let correction, _) {
        #expect((correction * x.norm().scalar / 2e-5 - 1).magnitude < 1e-3)
      }
    }
  }

  @Test("An estimate of factors that misses a weak direction does not stand for the Newton step")
  func estimateMissesADirection() throws {
    // Rows 0 and 2 are all but the same; Hager's search from a vector of ones sees about one part in
    // seven thousand of ‖A⁻¹‖ = 1e6.
    let (n, delta) = (100, 1e-6)
    var entries = [Double](repeating: 0, count: n * n)
    for i in 0..<n { entries[i * n + i] = 0.55 }
    (entries[0], entries[2], entries[2 * n]) = (0.9, 0.9, 0.9 - delta)
    entries[2 * n + 2] = 0.9 + delta
    let A = Tensor(shape: [n, n], entries)
    var error = [Double](repeating: 0, count: n)
    (error[0], error[2]) = (1e-3, -1e-3)
    let shift = Tensor(error)
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x.withoutDerivative + shift },
      conditions: .root { x, y in matmul(A, y - x) }, linearSolver: LUSolver())
    let x = Tensor.ones([n])
    do {
      _ = try function.linearize(at: x).pullback(x)
      Issue.record("a solution that is off by 1.4e-4")
    } catch DifferentiationError.conditionsNotMet(_, let correction, _) {
      #expect((correction / (1e-3 * 2.0.squareRoot() / 10) - 1).magnitude < 1e-3)
    }
  }

  @Test("The lines of a Jacobian wait for its report")
  func jacobian() throws {
    let (linear, recordings) = try nearlyTheSame()
    let jacobian = try linear.jacobian()
    let start = recordings.value
    let report = jacobian.report
    #expect(report.linearSolves == 3)
    let lines = try (0..<3).map { k in
      var unit = [0.0, 0, 0]
      unit[k] = 1
      return try linear.pushforward(Tensor(unit)).report
    }
    // What measures is kept with the linearization.
    #expect(recordings.value == start)
    var sum = try #require(lines[0].errorEstimate)
    for line in lines.dropFirst() { sum.add(try #require(line.errorEstimate)) }
    #expect(sum.isMeasured && report.errorEstimate == sum)
  }

  @Test("Readers on many threads get the same report")
  func manyReaders() async throws {
    let derivative = try nearlyTheSame().linear.pullback([1, 1, 1])
    let reports = await withTaskGroup(of: DerivativeReport.self) { group in
      for _ in 0..<64 { group.addTask { derivative.report } }
      var reports: [DerivativeReport] = []
      for await report in group { reports.append(report) }
      return reports
    }
    #expect(reports.count == 64 && reports.allSatisfy { $0 == reports[0] })
    #expect(reports[0].errorEstimate?.isMeasured == true)
  }

  @Test("What is found too late to be thrown is a warning, and what comes after it is computed")
  func foundTooLate() throws {
    let known = try nearlyTheSame().linear.report
    let late = DifferentiationError.kinkNearby(distance: 1)
    func deferred() -> DeferredReport {
      DeferredReport(known, completingBy: [{ _ in throw late }, { $0.linearSolves = 7 }])
    }
    let evidence = deferred()
    #expect(evidence.isPending && evidence.known == known)
    #expect(evidence.complete.warnings == known.warnings + ["\(late)"])
    #expect(evidence.complete.linearSolves == 7 && !evidence.isPending)
    #expect(throws: DifferentiationError.self) { _ = try deferred().completed() }
  }

  /// A solution at which the equation is nearly singular: there a nearby factorisation bounds nothing.
  @Test("The factors of another point are no bound of the Newton step")
  func reusedFactors() throws {
    let n = 16
    func function(off: Double) -> ImplicitFunction<Tensor, Tensor> {
      ImplicitFunction(
        forward: { x in
          Tensor.concatenate([
            (sqrt(x.withoutDerivative) * Tensor(1 + off)).reshaped([1]),
            Tensor([Double](repeating: 0.1, count: n - 1)),
          ])
        },
        conditions: .root { x, y in
          Tensor.concatenate([
            (y.at(0) * y.at(0) - x).reshaped([1]), y.slice(1..<n) - Tensor(0.1),
          ])
        }, linearSolver: LUSolver())
    }
    let near = try function(off: 0).linearize(at: 1)
    #expect(throws: DifferentiationError.self) {
      _ = try function(off: 250).linearize(at: 1e-16, reusing: near)
    }
  }
}
