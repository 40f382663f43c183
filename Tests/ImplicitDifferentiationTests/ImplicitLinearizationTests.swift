import TensorChecks
import Testing

@testable import ImplicitDifferentiation

/// What an implicit derivative is refused for, with its numbers, and what its scale may be.
@Suite struct ImplicitLinearizationTests {
  static let root = ImplicitFunction<Tensor, Tensor>(
    forward: { sqrt($0) }, conditions: .root { x, y in y * y - x })

  /// `√x (1 + error)`: Newton's correction is `error` relative to the solution, to first order.
  static func inaccurate(
    _ error: Double, policy: CertificationPolicy = .throw, tolerance: Double? = 1e-6
  )
    -> ImplicitFunction<Tensor, Tensor>
  {
    ImplicitFunction(
      forward: { sqrt($0) * Tensor(1 + error) }, conditions: .root { x, y in y * y - x },
      conditionsTolerance: tolerance, policy: policy)
  }

  @Test("Conditions that do not hold are thrown, by the size of a Newton step")
  func conditionsNotMet() throws {
    let x = Tensor([4])
    #expect {
      try Self.inaccurate(1e-3).linearize(at: x)
    } throws: { error in
      guard
        case DifferentiationError.conditionsNotMet(let residual, let correction, let tolerance) =
          error
      else { return false }
      // F = 4((1 + e)² − 1), the step F / 2y, relative to y.
      let e = 1e-3
      let exact = ((1 + e) * (1 + e) - 1) / (2 * (1 + e) * (1 + e))
      return abs(residual - 4 * (2 * e + e * e)) <= 1e-14 && abs(correction / exact - 1) <= 1e-10
        && tolerance == 1e-6
    }
    // On either side of the tolerance.
    #expect(throws: Never.self) { try Self.inaccurate(0.9e-6).linearize(at: x) }
    #expect(throws: DifferentiationError.self) { try Self.inaccurate(1.1e-6).linearize(at: x) }
  }

  @Test("No scaling of the conditions changes the verdict", arguments: [1e-12, 1, 1e12])
  func scalingDoesNotMatter(_ factor: Double) throws {
    for (error, isMet) in [(0.9e-6, true), (1.1e-6, false)] {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { sqrt($0) * Tensor(1 + error) },
        conditions: .root { x, y in (y * y - x).scaled(by: factor) })
      #expect(
        ((try? function.linearize(at: [4])) != nil) == isMet, "factor \(factor), error \(error)")
    }
  }

  @Test("Near zero the correction is compared with the lengths of the problem")
  func nearZero() throws {
    func linearize(_ error: Double) throws {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { _ in Tensor([error]) }, conditions: .root { x, y in y - (x - 1) })
      _ = try function.linearize(at: [1])
    }
    #expect(throws: Never.self) { try linearize(1e-9) }
    #expect(throws: DifferentiationError.self) { try linearize(1e-5) }
  }

  /// An input of zero tells no length: the change of the Jacobian along the Newton step decides, or, if
  /// the step is short, its length against the solution.
  @Test("At an input of zero")
  func zeroInput() throws {
    func correction(_ y: Double, _ conditions: Conditions<Tensor, Tensor>) -> Double? {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { _ in Tensor([y]) }, conditions: conditions)
      let result = Result { try function.linearize(at: [0]) }
      guard case .failure(let error) = result else { return nil }
      switch error as? DifferentiationError {
      case .conditionsNotMet(_, let correction, _), .noSolutionNearby(_, let correction, _):
        return correction
      default: return .nan
      }
    }
    // √2 by 1.5: the step (y² − 2)/2y is 1/12.
    let short = try #require(correction(1.5, .root { x, y in y * y - 2 - x }))
    #expect(abs(short - 1 / 18.0) <= 1e-15)
    // From zero to 5, where the conditions refuse, or their products do.
    struct Outside: Error {}
    let refusing = Conditions<Tensor, Tensor>.root { x, y in
      if y.at(0) > 1 { throw Outside() }
      return y - 5 - x
    }
    #expect(correction(0, refusing) == .infinity)
    let product: @Sendable (Tensor, Tensor, Tensor) throws -> Tensor = { _, y, v in
      if y.at(0) > 1 { throw Outside() }
      return v
    }
    let byHand = Conditions<Tensor, Tensor>.products(
      residual: { x, y in y - 5 - x }, solutionProduct: product,
      transposedSolutionProduct: product, inputProduct: { _, _, v in -v },
      transposedInputProduct: { _, _, u in -u })
    #expect(correction(0, byHand) == .infinity)
  }

  struct Offset: TensorStructure {
    var value: Tensor
    var unit: Tensor
    static var fields: [TensorField<Offset>] {
      [.init("value", \.value), .constant("unit", \.unit)]
    }
  }

  /// `(y/u)² = x` with the constant `u` in the unknown.
  @Test("Constants of the unknown stay, in solutions, tangents and polished solutions")
  func constantsOfTheUnknown() throws {
    func root(off error: Double, tolerance: Double?) -> ImplicitFunction<Tensor, Offset> {
      ImplicitFunction(
        forward: { x in Offset(value: 3 * sqrt(x) + Tensor(error), unit: 3) },
        conditions: .root { x, y in
          let scaled = y.value / y.unit
          return scaled * scaled - x
        }, conditionsTolerance: tolerance)
    }
    var exact = root(off: 0, tolerance: 1e-6)
    exact.certification = Certification(.measure)
    let pushed = try exact.pushforward(at: 4, 1)
    #expect(abs(pushed.value.value.scalar - 0.75) <= 1e-15 && pushed.value.unit == 3)
    #expect(try #require(pushed.report.relativeError) <= 1e-13)
    var polished = root(off: 0.01, tolerance: 1e-6)
    #expect(throws: DifferentiationError.self) { try polished.pushforward(at: 4, 1) }
    polished.polish = true
    let value = try polished(4)
    #expect(abs(value.value.scalar - 6) <= 1e-14 && value.unit == 3)
    // At an input of zero the Jacobian after the Newton step is asked for.
    #expect(throws: DifferentiationError.self) {
      try root(off: 1, tolerance: 1e-6).linearize(at: 0)
    }
    let compiled = try linearization(at: Tensor(2)) { x in Offset(value: x * x, unit: 3) }
    #expect(try compiled.pushforward(1).value == 4 && compiled.pushforward(1).unit == 3)
  }

  @Test("A problem without unknowns has an empty derivative")
  func noUnknowns() throws {
    let nothing = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Tensor([Double]()) }, conditions: .root { _, y in y })
    let linear = try nothing.linearize(at: [1, 2])
    #expect(try linear.pushforward([1, 1]).value.count == 0)
    #expect(try linear.pullback(Tensor([Double]())).value == [0, 0])
    #expect(try linear.jacobian().value.shape == [0, 2])
  }

  private static let general = Tensor([[4, 1, -2], [0.5, 5, 1], [1, -1, 3]])

  /// The inner one is not solved within its two iterations, wherever it is asked.
  static let failing: ImplicitFunction<Tensor, Tensor> = {
    var inner = ImplicitFunction<Tensor, Tensor>(
      forward: { x in try solve(general, x) },
      conditions: .root { x, y in matmul(general, y) - x },
      linearSolver: GMRES(maximumIterations: 2), conditionsTolerance: nil)
    inner.certification = .off
    return inner
  }()

  @Test("Inner solves that fail, in each walk and in products of outer conditions")
  func failingInnerSolves() throws {
    let x: Tensor = [1, -2, 3]
    func expectFailure(_ body: () throws -> Tensor) {
      #expect {
        _ = try body()
      } throws: { error in
        guard case DifferentiationError.linearSolve(.notConverged, _) = error else { return false }
        return true
      }
    }
    expectFailure { try gradient(at: x) { try Self.failing($0).sum() } }
    expectFailure {
      try valueAndPushforward(at: x, along: [1, 0, 0]) { try Self.failing($0) }.tangent
    }
    expectFailure {
      try valueAndPullback(at: x, cotangent: { _ in [1, 0, 0] }) { try Self.failing($0) }.cotangent
    }
    let outer = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x }, conditions: .root { x, y in try Self.failing(y) - Self.failing(x) },
      linearSolver: GMRES())
    #expect {
      _ = try outer.linearize(at: x)
    } throws: { error in
      guard case DifferentiationError.linearSolve(.productFailed(let reason), _) = error
      else { return false }
      return reason.contains("could not be solved")
    }
  }

  @Test("The policies: warn in the report, or unchecked")
  func policies() throws {
    let warned = try Self.inaccurate(1e-3, policy: .warn).pullback(at: [4], [1])
    try #require(warned.report.warnings.count == 1)
    #expect(warned.report.warnings[0].contains("does not solve the conditions"))
    #expect(warned.report.description.contains("warning"))
    let unchecked = try Self.inaccurate(1e-3, tolerance: nil).pullback(at: [4], [1])
    #expect(unchecked.report.newtonCorrection == nil && unchecked.report.warnings.isEmpty)
    #expect(unchecked.report.description.contains("unchecked"))
    let checked = try Self.root.pullback(at: [4], [1])
    #expect((checked.report.newtonCorrection ?? 1) <= 1e-15 && checked.report.warnings.isEmpty)
  }

  @Test("NaN and infinity are named where they are first seen")
  func notFinite() throws {
    func isNotFinite(_ what: String, _ index: Int, _ body: () throws -> Void) -> Bool {
      do {
        try body()
        return false
      } catch DifferentiationError.notFinite(let found, let place, _) {
        return found == what && place == index
      } catch { return false }
    }
    #expect(isNotFinite("the input", 1) { _ = try Self.root([1, .init(Double.nan)]) })
    #expect(
      isNotFinite("the input", 0) { _ = try Self.root.linearize(at: [.init(Double.infinity)]) })
    #expect(isNotFinite("the solution", 2) { _ = try Self.root([1, 4, -9]) })
    #expect(
      isNotFinite("the solution", 0) {
        _ = try Self.root.linearize(at: [1], solution: [.init(Double.nan)])
      })
    // 1/y at y = 0: the solution is finite, its residual is not.
    let pole = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in [1, 0] }, conditions: .root { x, y in 1 / y - x })
    #expect(
      isNotFinite("the residual of the conditions", 1) { _ = try pole.linearize(at: [1, 1]) })
    let linear = try Self.root.linearize(at: [1, 4])
    #expect(
      isNotFinite("the tangent", 1) { _ = try linear.pushforward([0, .init(Double.infinity)]) })
    #expect(isNotFinite("the cotangent", 0) { _ = try linear.pullback([.init(Double.nan), 0]) })
    let named = ImplicitFunctionTests.structured
    var p = ImplicitFunctionTests.problem(weight: 0.5)
    p.shifts[1] = [0, 0, .init(Double.nan)]
    #expect(isNotFinite("the input (`shifts[1]`)", 2) { _ = try named(p) })
  }

  @Test("The residual is finite, the Jacobian is not: refused, not returned")
  func infiniteJacobian() {
    // y^(3/2)-like kink: F = √y at y = 0 has the slope ∞.
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in [0] }, conditions: .root { x, y in sqrt(y) - 0 * x })
    #expect {
      try function.linearize(at: [1])
    } throws: { error in
      if case DifferentiationError.linearSolve = error { return true }
      return false
    }
  }

  @Test("Sizes that differ")
  func sizes() throws {
    let linear = try ImplicitFunction(forward: Cubic.forward, conditions: .root(Cubic.residual))
      .linearize(at: Cubic.x)
    #expect(throws: DifferentiationError.sizeMismatch(what: "the tangent", expected: 3, found: 2)) {
      try linear.pushforward([1, 2])
    }
    #expect(throws: DifferentiationError.sizeMismatch(what: "the cotangent", expected: 2, found: 3))
    {
      try linear.pullback([1, 2, 3])
    }
  }

  @Test("Shapes that differ at equal sizes: a transposed cotangent is not taken for another")
  func shapes() throws {
    let negative = ImplicitFunction<[Tensor], Tensor>(
      forward: { x in matmul(-x[0], x[1].diagonal()) },
      conditions: .root { x, y in y + matmul(x[0], x[1].diagonal()) })
    let linear = try negative.linearize(at: [[[1, 2, 3], [4, 5, 6]], [1, 1, 2]])
    let walked = try linearization(at: linear.point) { matmul(-$0[0], $0[1].diagonal()) }
    let cotangent: Tensor = [[1, 0, 2], [3, 1, 1]]
    #expect(try linear.pullback(cotangent).value == walked.pullback(cotangent))
    let transposed = cotangent.transposed()
    let refused = DifferentiationError.shapeMismatch(
      operation: "pullback", left: [2, 3], right: [3, 2])
    #expect(throws: refused) { try linear.pullback(transposed) }
    #expect(throws: refused) { try walked.pullback(transposed) }
    let exchanged = [Tensor([1, 2, 3]), cotangent]
    let misplaced = DifferentiationError.shapeMismatch(
      operation: "pushforward", left: [2, 3], right: [3])
    #expect(throws: misplaced) { try linear.pushforward(exchanged) }
    #expect(throws: misplaced) { try walked.pushforward(exchanged) }
  }

  @Test("An input of constants alone has an empty derivative")
  func constantsAlone() throws {
    struct Data: TensorStructure {
      var values: Tensor
      static var fields: [TensorField<Data>] { [.constant("values", \.values)] }
    }
    let mean = ImplicitFunction<Data, Tensor>(
      forward: { [$0.values.mean()] },
      conditions: .stationary { d, y in (d.values - y).squaredNorm() })
    let linear = try mean.linearize(at: Data(values: [1, 2, 6]))
    #expect(linear.solution == [3] && linear.B.columnCount == 0)
    #expect(try linear.pullback([1]).value.values.count == 0)
    #expect(try linear.pushforward(Data(values: [1, 1, 1])).value == [0])
    #expect(try linear.jacobian().value.shape == [1, 0])
  }

  @Test("A singular A is refused with its condition, whichever method is named")
  func singular() {
    let twins = ImplicitFunction<Tensor, Tensor>(
      forward: { x in [0.5, 0.5] * x.at(0) },
      // The same equation twice.
      conditions: .root { x, y in (y.sum() - x.at(0)) * Tensor([1, 2]) })
    for solver in [Automatic(), LUSolver()] as [any LinearSolver] {
      var function = twins
      function.linearSolver = solver
      #expect {
        try function.linearize(at: [3]).pullback([1, 1])
      } throws: { error in
        if case DifferentiationError.linearSolve = error { return "\(error)".contains("singular") }
        return false
      }
    }
  }

  @Test("Tangents and cotangents of any size give proportional answers, to the last bit")
  func scale() throws {
    let linear = try ImplicitFunction(forward: Cubic.forward, conditions: .root(Cubic.residual))
      .linearize(at: Cubic.x)
    let (t, u) = (Tensor([1, -2, 0.5]), Tensor([0.7, -3]))
    let (Jt, JTu) = (try linear.pushforward(t).value, try linear.pullback(u).value)
    for exponent in [-996, -500, -1, 0, 1, 500, 996] {
      let factor = Double(sign: .plus, exponent: exponent, significand: 1)
      #expect(try linear.pushforward(t.scaled(by: factor)).value == Jt.scaled(by: factor))
      #expect(try linear.pullback(u.scaled(by: factor)).value == JTu.scaled(by: factor))
    }
    for factor in [1e-300, 1e300] {
      let scaled = try linear.pullback(u.scaled(by: factor)).value
      #expect(largestDifference(scaled.scaled(by: 1 / factor).scalars, JTu.scalars) <= 1e-15)
    }
    #expect(try linear.pullback([0, 0]).value == Tensor.zeros([3]))
    #expect(try linear.pushforward([0, 0, 0]).value == Tensor.zeros([2]))
    // dy₁/dx₂ is about 1.5: the product cannot be represented, and is not returned as ∞.
    #expect(throws: DifferentiationError.self) {
      try linear.pushforward(Tensor([0, 0, Double.greatestFiniteMagnitude]))
    }
  }

  @Test("The reports say what happened")
  func reports() throws {
    let linear = try Self.root.linearize(at: [1, 4, 9])
    #expect(linear.report.linearSolves == 0 && linear.report.residualNorm == 0)
    let derivative = try linear.pullback([1, 1, 1])
    #expect(derivative.report.linearSolves == 1)
    #expect(derivative.report.linearSolver.contains("diagonal"))
    #expect(derivative.description == "\(derivative.value)")
    var iterative = ImplicitFunction(forward: Cubic.forward, conditions: .root(Cubic.residual))
    iterative.linearSolver = GMRES()
    let report = try iterative.pullback(at: Cubic.x, [1, 1]).report
    #expect(report.linearIterations > 0 && report.operatorProducts > 0)
    #expect(report.linearSolver.contains("GMRES") && report.relativeResidual <= 1e-8)
  }
}
