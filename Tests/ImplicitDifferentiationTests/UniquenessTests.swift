import Testing

@testable import ImplicitDifferentiation

/// Singular systems with solutions: an iterative method finds one of many, and must not hand it out as
/// if it were the only one.
@Suite struct UniquenessTests {
  struct Map: CustomTestStringConvertible, Sendable {
    let name: String
    let apply: @Sendable (Tensor) -> Tensor
    /// Null vectors of it and of its transpose.
    var null: [Double]?
    var testDescription: String { name }
  }

  /// More than `Automatic` factorises.
  static let n = 200

  private static func next(_ z: Tensor) -> Tensor { z.gathered(Array(1..<n) + [0]) }
  private static func previous(_ z: Tensor) -> Tensor { z.gathered([n - 1] + Array(0..<n - 1)) }

  static let singular: [Map] = [
    Map(
      name: "semidefinite, second differences around a ring",
      apply: { 2 * $0 - next($0) - previous($0) }, null: [Double](repeating: 1, count: n)),
    Map(
      name: "indefinite, sums of neighbours around a ring", apply: { next($0) + previous($0) }),
    Map(
      name: "not symmetric, differences around a ring",
      apply: { $0 - next($0) }, null: [Double](repeating: 1, count: n)),
    Map(
      name: "not symmetric, two equal equations",
      apply: { z in
        let w = 3 * z + next(z)
        return w.gathered([0, 0] + Array(2..<n))
      }),
  ]

  /// `M (y − x) = 0`, solved exactly by `y = x`; `B = −M`, so that every pushforward is consistent.
  private func function(_ map: Map, shift: Tensor = 0) -> ImplicitFunction<Tensor, Tensor> {
    ImplicitFunction(
      forward: { x in x },
      conditions: .root { x, y in map.apply(y - x) + shift * (y - x) })
  }

  private let x = Tensor.ones([n])
  private let tangent = Tensor((0..<n).map { Double(($0 * 37) % 11) - 5 })

  @Test("One solution of many is refused", arguments: singular)
  func refused(_ map: Map) throws {
    let linear = try function(map).linearize(at: x)
    do {
      _ = try linear.pushforward(tangent)
      Issue.record("one solution of many")
    } catch DifferentiationError.linearSolve(.exhausted(_, reason: .singular), _) {
      // Krylov methods that take too long on it hand it to a factorisation.
    } catch DifferentiationError.linearSolve(.singularityProbeFailed(.inconsistent), _) {
    } catch DifferentiationError.inaccurate(let truncation, _, _, nil) {
      #expect(truncation == .infinity)
    }
    // A cotangent in the range.
    #expect(throws: DifferentiationError.self) { try linear.pullback(map.apply(tangent)) }
  }

  @Test(
    "Unchecked, it is handed out, and the report says what was not checked",
    arguments: singular.filter { $0.name != "not symmetric, differences around a ring" })
  func unchecked(_ map: Map) throws {
    var plain = function(map)
    plain.certification = .off
    let derivative = try plain.linearize(at: x).pushforward(tangent)
    let error = map.apply(derivative.value - tangent)
    #expect(error.norm(.infinity).scalar < 1e-9)
    #expect(!derivative.report.isUniquenessChecked)
    #expect(derivative.report.description.contains("uniqueness                  unchecked"))
  }

  @Test("Regular neighbours pass, and are known to be regular", arguments: singular.dropLast())
  func regular(_ map: Map) throws {
    let linear = try function(map, shift: 0.25).linearize(at: x)
    #expect(!linear.report.isUniquenessChecked)
    for derivative in [try linear.pushforward(tangent), try linear.pullback(tangent)] {
      #expect(derivative.report.isUniquenessChecked)
      #expect(!derivative.report.linearSolver.contains("LU"))
    }
    #expect((try linear.pushforward(tangent).value - tangent).norm(.infinity).scalar < 1e-9)
    #expect(try linear.pushforward(tangent).report.errorEstimate?.isMeasured == false)
    var direct = function(map, shift: 0.25)
    direct.linearSolver = LUSolver()
    #expect(try direct.linearize(at: x).report.isUniquenessChecked)
  }

  @Test("A check left to the derivatives reaches every report, whatever was asked before")
  func checkLeftToDerivatives() throws {
    var positive = function(Self.singular[0], shift: 0.25)
    positive.linearSolver = ConjugateGradient()
    let report = try positive.linearize(at: x).pushforward(tangent).report
    #expect(try #require(report.newtonCorrection) <= 1e-15)
    #expect(try positive.linearize(at: x).jacobian().report.newtonCorrection != nil)
    let asked = try positive.linearize(at: x)
    #expect(try asked.pushforwards([]).isEmpty && asked.pullbacks([]).isEmpty)
    _ = asked.report
    #expect(try asked.pushforward(tangent).report.description == report.description)
  }

  @Test("A declared gauge is no gap", arguments: singular.filter { $0.null != nil })
  func gauges(_ map: Map) throws {
    var gauged = function(map)
    gauged.gauge = Gauge(
      right: Tensor(try #require(map.null)), left: Tensor(try #require(map.null)))
    let derivative = try gauged.linearize(at: x).pushforward(tangent)
    #expect(derivative.report.isUniquenessChecked)
    let mean = tangent.sum() / Tensor(Double(Self.n))
    #expect((derivative.value - (tangent - mean)).norm(.infinity).scalar < 1e-8)
  }

  /// `½ (I − u uᵀ)` is recorded as a square beside a positive diagonal, but for the sign of the square, which
  /// the product of its two scales would lose.
  @Test(arguments: [0, 600], [true, false])
  func squaresOfTheWrongSignAreTried(units: Int, automatic: Bool) throws {
    let n = 200
    let big = Double(sign: .plus, exponent: units, significand: 1)
    let u = [Double](repeating: 0.5 * big / Double(n).squareRoot(), count: n)
    let X = Tensor(shape: [2, n], u + u)
    var f = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x },
      conditions: .root { x, y in
        let r = matmul(X, y - x).scaled(by: 1 / big)
        return 0.5 * (y - x) - matmul(X, r, transposingLeft: true).scaled(by: 1 / big)
      })
    f.linearSolver = automatic ? Automatic() : ConjugateGradient()
    let tangent = Tensor((0..<n).map { Double(($0 * 37) % 11) - 5 })
    #expect(throws: DifferentiationError.self) {
      try f.linearize(at: Tensor.ones([n])).pushforward(tangent)
    }
  }

  /// With the right sign nothing has to be tried, and the report says that it is known.
  @Test func squaresNeedNoTry() throws {
    let (m, n) = (400, 200)
    let X = Tensor(shape: [m, n], ProbeVector.make(count: m * n, seed: 3))
    let f = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x },
      conditions: .root { x, y in
        let r = matmul(X, y - x)
        return matmul(X, r, transposingLeft: true).scaled(by: 1 / Double(m)) + 0.5 * (y - x)
      })
    let tangent = Tensor(ProbeVector.make(count: n, seed: 4))
    let derivative = try f.linearize(at: Tensor.ones([n])).pushforward(tangent)
    #expect(derivative.report.isUniquenessChecked)
    let error = zip(derivative.value.scalars, tangent.scalars).map { abs($0 - $1) }.max() ?? 1
    let stated = try #require(derivative.report.errorEstimate)
    #expect(error <= stated.absolute && stated.absolute < 1e-8)
  }
}
