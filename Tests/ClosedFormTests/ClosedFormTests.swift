import Testing

@testable import ImplicitDifferentiation

/// Every kind of conditions against closed forms: first and second derivatives, forward, reverse and
/// all ways to nest the two.
///
/// A case states conditions and, beside them, the formula of their solution. The reference is that
/// formula in another arithmetic (`Jet`), whose own derivatives are tested against numbers of 30
/// digits. What has a derivative of first order alone stands in `FirstOrderTests`.
@Suite struct ClosedFormTests {
  /// Relative to the largest number of a derivative. Systems of up to eight unknowns with condition
  /// numbers below 100, some second derivatives being sums of cancelling terms: thousands of roundings.
  static let tolerance = 1e-12

  static func cases() throws -> [ClosedForm] {
    let programs = try programCases()
    return rootCases + stationaryCases + gaugeCases + constrainedCases + programs + projectionCases
      + proximalCases + mappingCases + leastSquaresCases + compilerCases
  }

  enum Solver: String, CaseIterable, CustomTestStringConvertible {
    case automatic, direct, iterative

    var testDescription: String { rawValue }

    var method: any LinearSolver {
      switch self {
      case .automatic: Automatic()
      case .direct: LUSolver()
      case .iterative: GMRES(relativeTolerance: 1e-14)
      }
    }
  }

  @Test("First derivatives", arguments: try cases(), Solver.allCases)
  func firstOrder(_ form: ClosedForm, _ solver: Solver) throws {
    let reference = form.reference
    let linearized = try form.linearize(solver.method)
    // The formula solves the conditions.
    #expect(try #require(linearized.newtonCorrection) <= 1e-13)

    if !form.hasGauge {
      let jacobian = try linearized.jacobian()
      #expect(gap(jacobian, reference.flatMap(\.gradient)) <= Self.tolerance)
    }
    let tangent = direction(form.point.count, seed: 2)
    let pushed = try linearized.pushforward(tangent)
    let exactTangent = reference.map { product($0.gradient, tangent) }
    #expect(gap(pushed, exactTangent) <= Self.tolerance)

    let pulled = try linearized.pullback(form.cotangent)
    let exactCotangent = form.point.indices.map { j in
      product(reference.map { $0.gradient[j] }, form.cotangent)
    }
    #expect(gap(pulled, exactCotangent) <= Self.tolerance)
  }

  @Test("Second derivatives", arguments: try cases(), Solver.allCases)
  func secondOrder(_ form: ClosedForm, _ solver: Solver) throws {
    let reference = form.reference
    let method = solver.method
    let x = Tensor(form.point)
    let (t, s) = (direction(form.point.count, seed: 2), direction(form.point.count, seed: 3))
    let cotangent = Tensor(form.cotangent)
    func y(_ x: Tensor) throws -> Tensor { try form.solution(x, method) }
    func loss(_ x: Tensor) throws -> Tensor { try y(x).dot(cotangent) }
    // Where y is linear, its second derivative is compared with the first.
    let slope = reference.flatMap(\.gradient).map(abs).max() ?? 0

    // The product of the Hessian of uᵀy with t.
    let exact = form.point.indices.map { i in
      product(reference.map { product($0.hessian[i], t) }, form.cotangent)
    }
    let reverseOverReverse = try gradient(at: x) { x in
      try gradient(at: x, of: loss).dot(Tensor(t))
    }
    #expect(gap(reverseOverReverse.scalars, exact, orElse: slope) <= Self.tolerance)
    let forwardOverReverse = try valueAndPushforward(at: x, along: Tensor(t)) { x in
      try gradient(at: x, of: loss)
    }.tangent
    #expect(gap(forwardOverReverse.scalars, exact, orElse: slope) <= Self.tolerance)
    let reverseOverForward = try gradient(at: x) { x in
      try valueAndPushforward(at: x, along: Tensor(t), of: loss).tangent
    }
    #expect(gap(reverseOverForward.scalars, exact, orElse: slope) <= Self.tolerance)

    // d²y[t, s], of every unknown.
    let forwardOverForward = try valueAndPushforward(at: x, along: Tensor(s)) { x in
      try valueAndPushforward(at: x, along: Tensor(t), of: y).tangent
    }.tangent
    let directional = reference.map { y in product(y.hessian.map { product($0, t) }, s) }
    #expect(gap(forwardOverForward.scalars, directional, orElse: slope) <= Self.tolerance)
  }
}

func product(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}

/// The largest difference, relative to the largest number of the second; infinite where the counts
/// differ or a number is NaN.
func gap(_ found: [Double], _ exact: [Double], orElse scale: Double = 1) -> Double {
  if found.count != exact.count { return .infinity }
  let largest = exact.map(abs).max() ?? 0
  let differences = zip(found, exact).map { abs($0 - $1) }
  if differences.contains(where: \.isNaN) { return .infinity }
  return (differences.max() ?? 0) / (largest == 0 ? scale : largest)
}
