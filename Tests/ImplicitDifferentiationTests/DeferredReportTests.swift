import Testing

@testable import ImplicitDifferentiation

/// What only informs is computed when a report is read.
@Suite struct DeferredReportTests {
  /// The cube root at a point that is off by 1e-5, where an error has to be measured; and how often its
  /// conditions were recorded.
  private func cubeRoot(
    errorLimit: Double = 1e4
  ) throws -> (linear: ImplicitLinearization<Tensor, Tensor>, recordings: Counter) {
    let counter = Counter()
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor(2 * (1 + 1e-5)) },
      conditions: .root { x, y in
        counter.increment()
        return y * y * y - x
      })
    function.conditionsTolerance = 1
    function.certification = Certification(errorLimit: errorLimit)
    let linear = try function.linearize(at: 8)
    return (linear, counter)
  }

  @Test("A derivative records nothing; its report measures, once")
  func measuresWhenRead() throws {
    let (linear, recordings) = try cubeRoot()
    let start = recordings.value
    let derivative = try linear.pullback(3)
    #expect(recordings.value == start)
    let estimate = try #require(derivative.report.errorEstimate)
    #expect(estimate.isMeasured && recordings.value > start)
    let known = recordings.value
    #expect(derivative.report.errorEstimate == estimate && recordings.value == known)
    // Nothing depends on when it was computed.
    let (eager, recordedAtOnce) = try cubeRoot(errorLimit: 0.5)
    let other = try eager.pullback(3)
    #expect(recordedAtOnce.value == known)
    #expect(other.report == derivative.report)
  }

  @Test("The lines of a Jacobian wait for its report")
  func jacobian() throws {
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x * (1 + 1e-6) },
      conditions: .root { x, y in y * y - x * x })
    function.conditionsTolerance = 1
    let linear = try function.linearize(at: [1, 2, 3])
    let jacobian = try linear.jacobian()
    let report = jacobian.report
    let lines = try (0..<3).map { k in
      var unit = [0.0, 0, 0]
      unit[k] = 1
      return try linear.pushforward(Tensor(unit)).report
    }
    #expect(report.linearSolves == 3)
    var sum = try #require(lines[0].errorEstimate)
    for line in lines.dropFirst() { sum.add(try #require(line.errorEstimate)) }
    #expect(sum.isMeasured && report.errorEstimate == sum)
  }

  @Test("Readers on many threads get the same report")
  func manyReaders() async throws {
    let derivative = try cubeRoot().linear.pullback(3)
    let reports = await withTaskGroup(of: DerivativeReport.self) { group in
      for _ in 0..<64 { group.addTask { derivative.report } }
      var reports: [DerivativeReport] = []
      for await report in group { reports.append(report) }
      return reports
    }
    #expect(reports.count == 64 && reports.allSatisfy { $0 == reports[0] })
    #expect(reports[0].errorEstimate?.isMeasured == true)
  }

  @Test("A report that finds the limit exceeded says so, and the policy is asked then")
  func limitExceeded() throws {
    let asked = Counter()
    // Beside y the slope is 1 + 100 cos(10⁹ y): the smallest error of the solution spoils it.
    let y = 1.0
    let noise = { @Sendable (y: Tensor) in 1e-7 * sin(1e9 * y) }
    var function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor(y + 1e-9) }, conditions: .root { x, y in y + noise(y) - x },
      policy: .custom { _ in asked.increment() })
    function.certification = Certification(errorLimit: 1)
    let x = (Tensor(y) + noise(Tensor(y))).scalar
    let derivative = try function.pullback(at: Tensor(x), 1)
    #expect(asked.value == 0)
    #expect(try #require(derivative.report.relativeError) > 1)
    #expect(derivative.report.warnings.count == 1)
    #expect(asked.value == 1)
  }
}
