import Foundation
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Testing

/// The derivative of the transport plan between two digits: what it conserves, in both gauges, and
/// what it refuses.
@Suite struct SinkhornPlanTests {
  struct Transport: TensorStructure {
    var cost: Tensor
    var a: Tensor
    var b: Tensor
    static var fields: [TensorField<Transport>] {
      [.init("cost", \.cost), .init("a", \.a), .init("b", \.b)]
    }
  }

  struct Potentials: TensorStructure {
    var f: Tensor
    var g: Tensor
    static var fields: [TensorField<Potentials>] { [.init("f", \.f), .init("g", \.g)] }
  }

  /// Both ways to write the conditions: `(P1 − a, Pᵀ1 − b)` in `(f, g)`, and one whole iteration as
  /// a fixed point in `f` alone.
  enum Unknowns: CaseIterable {
    case both
    case single
  }

  private let digits: Transport

  /// Relative to tangents of size 1: what the linear solve leaves, of 128 unknowns with a condition
  /// number up to 263.
  private static let conservation = 1e-12

  init() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../Tutorials/SinkhornFixedPoint/Data/digits.csv")
      .standardizedFileURL
    let table = try Table(csv: try String(contentsOf: file, encoding: .utf8))
    let ink = try table.columns((0..<64).map { "p\($0)" }) + 1
    let across = Tensor((0..<64).map { Double($0 % 8) / 7 })
    let down = Tensor((0..<64).map { Double($0 / 8) / 7 })
    digits = Transport(
      cost: pow(across.expanded(atAxis: 1) - across, 2) + pow(down.expanded(atAxis: 1) - down, 2),
      a: ink.at(3) / ink.at(3).sum(), b: ink.at(8) / ink.at(8).sum())
  }

  @Sendable private static func plan(
    _ cost: Tensor, _ f: Tensor, _ g: Tensor, _ epsilon: Double
  ) -> Tensor {
    exp((f.expanded(atAxis: 1) + g - cost).scaled(by: 1 / epsilon))
  }

  @Sendable private static func columnPotential(
    _ x: Transport, _ f: Tensor, _ epsilon: Double
  ) -> Tensor {
    let exponents = (f.expanded(atAxis: 1) - x.cost).scaled(by: 1 / epsilon)
    return (log(x.b) - exponents.logSumExp(alongAxis: 0)).scaled(by: epsilon)
  }

  private static func both(
    _ epsilon: Double, inconsistent: InconsistencyPolicy = .refuse
  ) -> ImplicitFunction<Transport, Potentials> {
    ImplicitFunction(
      forward: { x in
        let found = try Sinkhorn(epsilon: epsilon).transport(cost: x.cost, from: x.a, to: x.b)
        return Potentials(f: found.rowPotentials, g: found.columnPotentials)
      },
      conditions: .root { x, y in
        let P = plan(x.cost, y.f, y.g, epsilon)
        return [P.sum(alongAxis: 1) - x.a, P.sum(alongAxis: 0) - x.b]
      },
      gauge: Gauge(
        right: { x, _ in [Potentials(f: .ones([x.a.count]), g: -Tensor.ones([x.b.count]))] },
        inconsistent: inconsistent))
  }

  private static func single(_ epsilon: Double) -> ImplicitFunction<Transport, Tensor> {
    ImplicitFunction(
      forward: { x in
        // The left null vector is `a` up to the marginal error.
        try Sinkhorn(
          epsilon: epsilon,
          stopping: Stopping(gradientTolerance: 1e-14, maximumIterations: 100_000)
        ).transport(cost: x.cost, from: x.a, to: x.b).rowPotentials
      },
      conditions: .fixedPoint { x, f in
        let exponents = (columnPotential(x, f, epsilon) - x.cost).scaled(by: 1 / epsilon)
        return (log(x.a) - exponents.logSumExp(alongAxis: 1)).scaled(by: epsilon)
      },
      gauge: Gauge { x, _ in [.ones([x.a.count])] })
  }

  private func planDerivative(
    _ unknowns: Unknowns, _ epsilon: Double, along tangent: Transport
  ) throws -> Tensor {
    try valueAndPushforward(at: digits, along: tangent) { x in
      switch unknowns {
      case .both:
        let y = try Self.both(epsilon)(x)
        return Self.plan(x.cost, y.f, y.g, epsilon)
      case .single:
        let f = try Self.single(epsilon)(x)
        return Self.plan(x.cost, f, Self.columnPotential(x, f, epsilon), epsilon)
      }
    }.tangent
  }

  /// Smooth, without symmetry, of size about 1 per entry.
  private static func wave(_ count: Int, _ seed: Double) -> Tensor {
    sin(Tensor((0..<count).map { 1.3 * Double($0) * seed + 0.7 * seed * seed }))
  }

  private static func unit(_ i: Int) -> Tensor { Tensor([1]).scattered([i], count: 64) }

  @Test(arguments: Unknowns.allCases, [0.1, 0.03, 0.01])
  func conservesMarginals(_ unknowns: Unknowns, _ epsilon: Double) throws {
    let (da, db) = (Self.wave(64, 1.1), Self.wave(64, 1.7))
    // Both move mass, by the same total.
    let balanced = db + (da.sum() - db.sum()) / 64
    let tangent = Transport(
      cost: Self.wave(64 * 64, 0.37).reshaped([64, 64]).scaled(by: epsilon), a: da, b: balanced)
    let dP = try planDerivative(unknowns, epsilon, along: tangent)
    #expect((dP.sum(alongAxis: 1) - da).norm(.infinity).scalar < Self.conservation)
    #expect((dP.sum(alongAxis: 0) - balanced).norm(.infinity).scalar < Self.conservation)
    // It is not conserved because nothing moves.
    #expect(abs(dP).sum().scalar > 1)
  }

  /// Down to ε = 1e-3, where entries of the plan underflow.
  @Test(arguments: [0.003, 0.001])
  func conservesMarginalsOfSharpPlans(_ epsilon: Double) throws {
    let spoonful = Self.unit(53) - Self.unit(10)
    let dP = try planDerivative(
      .both, epsilon,
      along: Transport(cost: .zeros([64, 64]), a: spoonful, b: .zeros([64])))
    #expect((dP.sum(alongAxis: 1) - spoonful).norm(.infinity).scalar < Self.conservation)
    #expect(dP.sum(alongAxis: 0).norm(.infinity).scalar < Self.conservation)
  }

  @Test func bothGaugesGiveOnePlan() throws {
    let tangent = Transport(
      cost: .zeros([64, 64]), a: Self.unit(53) - Self.unit(10), b: .zeros([64]))
    let byBoth = try planDerivative(.both, 0.03, along: tangent)
    let bySingle = try planDerivative(.single, 0.03, along: tangent)
    // One of the plans has a marginal error of 1e-10, and the condition number is 39.
    #expect((byBoth - bySingle).norm().scalar < 1e-7 * byBoth.norm().scalar)
  }

  /// Central differences of Sinkhorn itself, run to 1e-14: at the step 1e-4 · a₁₀ they are right to
  /// about (1e-4)².
  @Test func agreesWithDifferences() throws {
    let tangent = Self.unit(53) - Self.unit(10)
    let dP = try planDerivative(
      .both, 0.03, along: Transport(cost: .zeros([64, 64]), a: tangent, b: .zeros([64])))
    let h = 1e-4 * digits.a[10]
    func plan(_ t: Double) throws -> Tensor {
      try Sinkhorn(
        epsilon: 0.03, stopping: Stopping(gradientTolerance: 1e-14, maximumIterations: 100_000)
      ).transport(cost: digits.cost, from: digits.a + tangent.scaled(by: t), to: digits.b).plan
    }
    let difference = (try plan(h) - plan(-h)).scaled(by: 0.5 / h)
    #expect((dP - difference).norm().scalar < 1e-6 * dP.norm().scalar)
  }

  @Test(arguments: Unknowns.allCases)
  func refusesTangentsThatCreateMass(_ unknowns: Unknowns) throws {
    for tangent in [
      Transport(cost: .zeros([64, 64]), a: Self.unit(5), b: .zeros([64])),
      Transport(cost: .zeros([64, 64]), a: .zeros([64]), b: Self.unit(5)),
    ] {
      let error = #expect(throws: DifferentiationError.self) {
        switch unknowns {
        case .both: _ = try Self.both(0.03).pushforward(at: digits, tangent)
        case .single: _ = try Self.single(0.03).pushforward(at: digits, tangent)
        }
      }
      guard
        case .linearSolve(.inconsistentWithGauge(let side, 0, let component, _, _), _) = error
      else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(side == .left)
      #expect(component.magnitude > 0.01)
    }
  }

  /// Least squares spreads the missing mass, and is labelled.
  @Test func leastSquaresIsLabelled() throws {
    let tangent = Transport(cost: .zeros([64, 64]), a: Self.unit(5), b: .zeros([64]))
    let spread = try Self.both(0.03, inconsistent: .leastSquares).pushforward(at: digits, tangent)
    #expect(spread.report.linearSolver.contains("least squares, as asked for"))
  }

  @Test func refusesLossesThatDependOnTheGauge() throws {
    let linearization = try Self.both(0.03).linearize(at: digits)
    let zero = Tensor.zeros([64])
    let error = #expect(throws: DifferentiationError.self) {
      _ = try linearization.pullback(Potentials(f: Self.unit(0), g: zero))
    }
    guard case .linearSolve(.inconsistentWithGauge(side: .right, _, _, _, _), _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    _ = try linearization.pullback(Potentials(f: Self.unit(0) - Self.unit(1), g: zero))
    _ = try linearization.pullback(Potentials(f: Self.unit(0), g: Self.unit(1)))
  }

  /// The left null vectors: `(1, −1)` for two potentials, and `a`, not `1`, for one.
  @Test func leftNullVectorOfOnePotentialIsTheMass() throws {
    let A = try Self.single(0.03).linearize(at: digits).A
    func size(_ x: [Double]) -> Double { Tensor(x).norm(.infinity).scalar }
    #expect(size(try A.applied(to: [Double](repeating: 1, count: 64))) < 1e-12)
    #expect(size(try A.transposeApplied(to: digits.a.scalars)) < 1e-12)
    #expect(size(try A.transposeApplied(to: [Double](repeating: 1.0 / 64, count: 64))) > 1e-3)
  }

  /// Without a gauge the system is singular, and is called so.
  @Test func withoutGaugeTheSystemIsSingular() throws {
    var bare = Self.both(0.03)
    bare.gauge = nil
    let error = #expect(throws: DifferentiationError.self) { _ = try bare.linearize(at: digits) }
    guard case .linearSolve(let reason, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect("\(reason)".contains("singular"))
  }
}
