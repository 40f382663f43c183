import ImplicitDifferentiation
import TensorChecks
import Testing

/// Marginals and cost of a transport problem.
private struct Transport: TensorStructure {
  var a: Tensor
  var b: Tensor
  var cost: Tensor
  static var fields: [TensorField<Transport>] {
    [.init("a", \.a), .init("b", \.b), .init("cost", \.cost)]
  }
}

/// Potentials (f, g), determined up to (f + c, g − c).
private struct Potentials: TensorStructure {
  var f: Tensor
  var g: Tensor
  static var fields: [TensorField<Potentials>] { [.init("f", \.f), .init("g", \.g)] }
}

private let epsilon = 0.2

/// `exp((f ⊕ g − C)/ε)`.
private func plan(_ x: Transport, _ y: Potentials) -> Tensor {
  exp((y.f.expanded(atAxis: 1) + y.g.expanded(atAxis: 0) - x.cost) * Tensor(1 / epsilon))
}

/// `g` such that the second marginal is right.
private func secondPotential(_ x: Transport, _ f: Tensor) -> Tensor {
  Tensor(epsilon)
    * (log(x.b) - ((f.expanded(atAxis: 1) - x.cost) * Tensor(1 / epsilon)).logSumExp(alongAxis: 0))
}

/// `f` such that the first marginal is right.
private func firstPotential(_ x: Transport, _ g: Tensor) -> Tensor {
  Tensor(epsilon)
    * (log(x.a) - ((g.expanded(atAxis: 0) - x.cost) * Tensor(1 / epsilon)).logSumExp(alongAxis: 1))
}

private func sinkhorn(_ x: Transport) -> Potentials {
  var f = Tensor.zeros(x.a.shape)
  for _ in 0..<400 { f = firstPotential(x, secondPotential(x, f)) }
  return Potentials(f: f, g: secondPotential(x, f))
}

private let point = Transport(
  a: [0.2, 0.5, 0.3], b: [0.1, 0.4, 0.25, 0.25],
  cost: [[0, 0.3, 0.9, 0.4], [0.5, 0.1, 0.2, 0.8], [0.7, 0.6, 0, 0.35]])

private func twoPotentials(
  left: Potentials? = nil, inconsistent: InconsistencyPolicy = .refuse,
  linearSolver: any LinearSolver = Automatic()
) -> ImplicitFunction<Transport, Potentials> {
  ImplicitFunction(
    forward: sinkhorn,
    conditions: .root { x, y in
      let P = plan(x, y)
      return [P.sum(alongAxis: 1) - x.a, P.sum(alongAxis: 0) - x.b]
    }, linearSolver: linearSolver,
    gauge: Gauge(
      right: Potentials(f: .ones([3]), g: -Tensor.ones([4])), left: left,
      inconsistent: inconsistent))
}

private func onePotential(
  givesLeft: Bool = false, linearSolver: any LinearSolver = Automatic()
) -> ImplicitFunction<Transport, Tensor> {
  var gauge = Gauge<Transport, Tensor>(right: .ones([3]))
  if givesLeft { gauge.left = { x, _ in [x.a] } }
  return ImplicitFunction(
    forward: { sinkhorn($0).f },
    conditions: .fixedPoint { x, f in firstPotential(x, secondPotential(x, f)) },
    linearSolver: linearSolver, gauge: gauge)
}

/// Moves mass and cost; creates none.
private let tangent = Transport(
  a: [0.1, -0.3, 0.2], b: [0.05, 0.1, -0.2, 0.05],
  cost: [[0.1, -0.2, 0, 0.3], [0, 0.2, -0.1, 0.1], [0.3, 0, 0.1, -0.2]])

/// The derivative of the plan that belongs to the derivative of the potentials.
private func planTangent(_ dy: Potentials) -> Tensor {
  let y = sinkhorn(point)
  let direct = valueAndPushforward(at: point, along: tangent) { plan($0, y) }.tangent
  return direct + valueAndPushforward(at: y, along: dy) { plan(point, $0) }.tangent
}

@Suite struct GaugeTests {
  @Test func theDerivativeOfThePlanKeepsTheMarginals() throws {
    for left in [nil, Potentials(f: .ones([3]), g: -Tensor.ones([4]))] {
      let derivative = try twoPotentials(left: left).pushforward(at: point, tangent)
      #expect(derivative.report.linearSolver.contains("gauge of dimension 1 fixed"))
      let dP = planTangent(derivative.value)
      #expect((dP.sum(alongAxis: 1) - tangent.a).norm(.infinity).scalar < 1e-12)
      #expect((dP.sum(alongAxis: 0) - tangent.b).norm(.infinity).scalar < 1e-12)
      // The representative is orthogonal to (1, −1).
      let component = derivative.value.f.sum() - derivative.value.g.sum()
      #expect(abs(component).scalar < 1e-14)
    }
  }

  @Test(arguments: [false, true]) func bothGaugesGiveTheSamePlan(_ iterative: Bool) throws {
    let solver: any LinearSolver = iterative ? GMRES() : LUSolver()
    let both = try twoPotentials(linearSolver: solver).pushforward(at: point, tangent).value
    for givesLeft in [false, true] {
      let df = try onePotential(givesLeft: givesLeft, linearSolver: solver)
        .pushforward(at: point, tangent).value
      let f = sinkhorn(point).f
      let dg =
        valueAndPushforward(
          at: Transport(a: point.a, b: point.b, cost: point.cost), along: tangent
        ) { secondPotential($0, f) }.tangent
        + valueAndPushforward(at: f, along: df) { secondPotential(point, $0) }.tangent
      let difference = planTangent(Potentials(f: df, g: dg)) - planTangent(both)
      #expect(difference.norm(.infinity).scalar < 1e-11)
    }
  }

  @Test func centralDifferencesOfThePlanAgree() throws {
    let dP = planTangent(try twoPotentials().pushforward(at: point, tangent).value)
    let h = 1e-5  // ε^⅓: truncation and rounding are both about 1e-10
    func moved(_ t: Double) -> Tensor {
      let x = Transport(
        a: point.a + Tensor(t) * tangent.a, b: point.b + Tensor(t) * tangent.b,
        cost: point.cost + Tensor(t) * tangent.cost)
      return plan(x, sinkhorn(x))
    }
    let difference = (moved(h) - moved(-h)) * Tensor(0.5 / h)
    #expect((dP - difference).norm(.infinity).scalar < 1e-8)
  }

  @Test func aTangentThatCreatesMassIsRefusedInBothGauges() {
    var creating = tangent
    creating.a += Tensor([0.01, 0, 0])
    func check(_ body: () throws -> Void) {
      do {
        try body()
        Issue.record("mass was created")
      } catch DifferentiationError.linearSolve(
        .inconsistentWithGauge(.left, 0, let component, let size, 1e-8), _)
      {
        #expect(component.magnitude > 1e-3 * size)
      } catch { Issue.record(error) }
    }
    check { _ = try twoPotentials().pushforward(at: point, creating) }
    check { _ = try onePotential().pushforward(at: point, creating) }
    check { _ = try onePotential(givesLeft: true).pushforward(at: point, creating) }
  }

  @Test func aLossThatDependsOnTheGaugeIsRefused() throws {
    let cotangent = Potentials(f: [1, 0, 0], g: .zeros([4]))
    #expect {
      try twoPotentials().pullback(at: point, cotangent)
    } throws: { error in
      guard
        case DifferentiationError.linearSolve(
          .inconsistentWithGauge(.right, 0, let component, 1, _), _) = error
      else { return false }
      return (component.magnitude - 1 / 7.0.squareRoot()).magnitude < 1e-15
    }
    // f₀ + g₀ does not.
    let invariant = Potentials(f: [1, 0, 0], g: [1, 0, 0, 0])
    let pulled = try twoPotentials().pullback(at: point, invariant).value
    let pushed = try twoPotentials().pushforward(at: point, tangent).value
    let left =
      (pulled.a.dot(tangent.a) + pulled.b.dot(tangent.b)
      + pulled.cost.dot(tangent.cost)).scalar
    #expect((left - (pushed.f.at(0) + pushed.g.at(0)).scalar).magnitude < 1e-12)
  }

  @Test func leastSquaresIsLabelled() throws {
    var creating = tangent
    creating.a += Tensor([0.01, 0, 0])
    let derivative = try twoPotentials(inconsistent: .leastSquares)
      .pushforward(at: point, creating)
    #expect(derivative.report.linearSolver.contains("least squares, as asked for"))
  }

  @Test func marginalsOfUnequalMassAreNoSolution() {
    var unequal = point
    unequal.b += Tensor([0.01, 0, 0, 0])
    #expect {
      try twoPotentials().linearize(at: unequal)
    } throws: { error in
      guard case DifferentiationError.noSolutionNearby(_, let correction, _) = error else {
        return false
      }
      return correction > 1e-4
    }
  }

  @Test func aWrongNullVectorIsRefused() {
    let wrong = ImplicitFunction<Transport, Potentials>(
      forward: sinkhorn,
      conditions: .root { x, y in
        let P = plan(x, y)
        return [P.sum(alongAxis: 1) - x.a, P.sum(alongAxis: 0) - x.b]
      }, gauge: Gauge(right: Potentials(f: .ones([3]), g: .ones([4]))))
    #expect {
      try wrong.linearize(at: point)
    } throws: { error in
      guard case DifferentiationError.linearSolve(.notNullVector(.right, 0, _, _), _) = error else {
        return false
      }
      return true
    }
    #expect(throws: DifferentiationError.self) {
      var without = twoPotentials()
      without.gauge = nil
      return try without.linearize(at: point)
    }
  }

  @Test func theFunctionMayBeDifferentiatedInsideOthers() throws {
    let function = twoPotentials()
    let gradient = try gradient(at: point) { x in
      let P = plan(x, try function(x))
      return (P * P).sum()
    }
    let h = 1e-5
    func moved(_ t: Double) -> Double {
      let x = Transport(
        a: point.a + Tensor(t) * tangent.a, b: point.b + Tensor(t) * tangent.b,
        cost: point.cost + Tensor(t) * tangent.cost)
      let P = plan(x, sinkhorn(x))
      return (P * P).sum().scalar
    }
    let slope =
      (gradient.a.dot(tangent.a) + gradient.b.dot(tangent.b)
      + gradient.cost.dot(tangent.cost)).scalar
    #expect((slope - (moved(h) - moved(-h)) / (2 * h)).magnitude < 1e-8)
  }
}
