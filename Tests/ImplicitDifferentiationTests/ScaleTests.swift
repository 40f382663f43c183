import Kernels
import Testing

@testable import ImplicitDifferentiation

/// Problems in other units: conditions, input and unknowns multiplied by powers of two. No digit of
/// a derivative may depend on them.
@Suite struct ScaleTests {
  /// Exponents of the powers by which `F`, `x` and `y` are multiplied.
  struct Units: CustomTestStringConvertible, Sendable {
    var F = 0
    var x = 0
    var y = 0
    var testDescription: String { "F 2^\(F), x 2^\(x), y 2^\(y)" }
  }

  static let units: [Units] = [
    Units(F: 900), Units(F: -900), Units(x: 900), Units(x: -900), Units(y: 900), Units(y: -900),
    Units(F: 900, x: 900, y: 900), Units(F: -900, x: -900, y: -900), Units(F: 450, x: -450),
    Units(x: 450, y: -450), Units(x: -450, y: 450), Units(F: 1), Units(x: 1), Units(y: 1),
    Units(F: 333, x: -201, y: 102), Units(F: -333, x: 201, y: -102), Units(F: 501), Units(F: -211),
  ]

  static func power(_ k: Int) -> Tensor { Tensor(PowerOfTwo.scaled(1.0, by: k)) }

  static func matrix(_ seed: UInt64, _ rows: Int, _ columns: Int) -> Tensor {
    Tensor(ProbeVector.make(count: rows * columns, seed: seed)).reshaped([rows, columns])
  }

  static let (n, m) = (7, 4)
  static let general = matrix(1, n, n) + 4 * Tensor.identity(n)
  static let definite: Tensor = {
    let M = matrix(2, n, n)
    return matmul(M.transposed(), M) + Tensor.identity(n)
  }()
  static let C = matrix(3, n, m)
  static let x = Tensor(ProbeVector.make(count: m, seed: 4))
  static let y = Tensor(ProbeVector.make(count: n, seed: 5))

  /// `M y + y³/10 − C x − c`, which vanishes at the point above up to rounding.
  static func residual(_ M: Tensor, _ x: Tensor, _ y: Tensor) -> Tensor {
    func sides(_ x: Tensor, _ y: Tensor) -> Tensor {
      matmul(M, y) + 0.1 * (y * y * y) - matmul(C, x)
    }
    return sides(x, y) - sides(Self.x, Self.y)
  }

  /// A function of tensors in other units: of `2ᵃ x` and `2ᵇ y`, with values multiplied by `2ˢ`.
  static func inUnits(
    _ s: Int, _ units: Units, _ f: @escaping @Sendable (Tensor, Tensor) -> Tensor
  ) -> @Sendable (Tensor, Tensor) -> Tensor {
    { x, y in power(s) * f(power(-units.x) * x, power(-units.y) * y) }
  }

  struct Kind: CustomTestStringConvertible, Sendable {
    let name: String
    var isSymmetric = false
    /// The conditions in given units.
    let conditions: @Sendable (Units) -> Conditions<Tensor, Tensor>
    var testDescription: String { name }
  }

  static let kinds: [Kind] = [
    Kind(name: "root") { units in
      .root(inUnits(units.F, units) { residual(general, $0, $1) })
    },
    Kind(name: "symmetric root", isSymmetric: true) { units in
      .root(inUnits(units.F, units) { residual(definite, $0, $1) })
    },
    Kind(name: "stationary", isSymmetric: true) { units in
      // The unit of ∇f is that of f over that of y.
      .stationary(
        of: inUnits(units.F + units.y, units) { x, y in
          let quartic = 0.025 * (y * y * y * y).sum()
          let data = matmul(C, x) + matmul(definite, Self.y) - matmul(C, Self.x)
          return 0.5 * y.dot(matmul(definite, y)) + quartic
            - y.dot(data + 0.1 * (Self.y * Self.y * Self.y))
        })
    },
    Kind(name: "fixed point") { units in
      // T has the unit of y.
      .fixedPoint(inUnits(units.y, units) { x, y in y - 0.1 * residual(general, x, y) })
    },
  ]

  static let solvers: [(String, any LinearSolver, needsSymmetry: Bool)] = [
    ("automatic", Automatic(), false), ("LU", LUSolver(), false),
    ("automatic, iterative", Automatic(denseThreshold: 0, materializationLimit: 0), false),
    ("GMRES", GMRES(), false), ("BiCGStab", BiCGStab(), false), ("LSMR", LSMR(), false),
    ("CGNR", NormalEquationsConjugateGradient(), false), ("Cholesky", CholeskySolver(), true),
    ("CG", ConjugateGradient(), true), ("MINRES", MINRES(), true),
  ]

  /// Pushforward, pullback and what the reports say without units.
  static func evidence(
    _ kind: Kind, _ solver: any LinearSolver, _ units: Units
  ) throws -> (push: Tensor, pull: Tensor, block: [Tensor], ratios: [Double]) {
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in power(units.y) * y }, conditions: kind.conditions(units),
      linearSolver: solver)
    let linear = try function.linearize(at: power(units.x) * x)
    let (tangent, cotangent) = (matrix(6, 1, m).reshaped([m]), matrix(7, 1, n).reshaped([n]))
    let push = try linear.pushforward(tangent)
    let pull = try linear.pullback(cotangent)
    let block = try linear.pullbacks([cotangent, 3 * cotangent + 1])
    let ratios = [push.report, pull.report].flatMap { report -> [Double] in
      [report.newtonCorrection ?? -1, report.relativeResidual, report.backwardError]
    }
    return (push.value, pull.value, block.map(\.value), ratios)
  }

  @Test("Whole problems in other units: the same digits", arguments: kinds, units)
  func wholeProblems(_ kind: Kind, _ units: Units) throws {
    // A fixed-point map has no factor of its own; an objective may have a unit beyond all numbers.
    if kind.name == "fixed point" && units.F != 0 { return }
    let isBeyond = kind.name == "stationary" && abs(units.F + units.y) > 1000
    for (name, solver, needsSymmetry) in Self.solvers where kind.isSymmetric || !needsSymmetry {
      if isBeyond {
        #expect(throws: DifferentiationError.self, "\(name)") {
          try Self.evidence(kind, solver, units)
        }
        continue
      }
      let plain = try Self.evidence(kind, solver, Units())
      do {
        let other = try Self.evidence(kind, solver, units)
        let factor = Self.power(units.y - units.x)
        #expect(other.push == factor * plain.push, "\(name)")
        #expect(other.pull == factor * plain.pull, "\(name)")
        #expect(other.block == plain.block.map { factor * $0 }, "\(name)")
        #expect(other.ratios == plain.ratios, "\(name)")
      } catch {
        Issue.record("\(name): \(error)")
      }
    }
  }

  @Test("Bands, diagonals, gauges and named solvers in other units", arguments: units)
  func structures(_ units: Units) throws {
    let n = 40
    let y = Tensor(ProbeVector.make(count: n, seed: 8))
    @Sendable func chain(_ z: Tensor) -> Tensor {
      (2 + 0.1 * z * z) * z - z.shifted(by: 1) + 0.3 * z.shifted(by: -1)
    }
    let (first, last) = (
      Tensor([1] + [Double](repeating: 0, count: n - 1)),
      Tensor([Double](repeating: 0, count: n - 1) + [1])
    )
    // The differences of neighbours leave the mean free, and their sum vanishes.
    @Sendable func ring(_ z: Tensor) -> Tensor {
      let next = z.shifted(by: 1) + z.at(n - 1) * first
      let previous = z.shifted(by: -1) + z.at(0) * last
      return 2 * z - next - previous
    }
    let cases: [(String, @Sendable (Tensor) -> Tensor, any LinearSolver, isSingular: Bool)] = [
      ("band", { chain($0) }, Automatic(), false),
      ("band, named", { chain($0) }, BandedLUSolver(), false),
      ("diagonal", { $0 * $0 * $0 + $0 }, Automatic(), false),
      ("gauge", { ring($0) }, Automatic(), true), ("gauge, MINRES", { ring($0) }, MINRES(), true),
    ]
    for (name, G, solver, isSingular) in cases {
      func derivatives(_ units: Units) throws -> [Tensor] {
        let function = ImplicitFunction<Tensor, Tensor>(
          forward: { _ in Self.power(units.y) * y },
          conditions: .root(Self.inUnits(units.F, units) { x, y in G(y) - x }),
          linearSolver: solver,
          gauge: isSingular ? Gauge(right: Tensor.ones([n])) : nil)
        let linear = try function.linearize(at: Self.power(units.x) * G(y))
        let t = G(Tensor(ProbeVector.make(count: n, seed: 9)))
        return [try linear.pushforward(t).value, try linear.pullback(t).value]
      }
      let factor = Self.power(units.y - units.x)
      let (plain, other) = (try derivatives(Units()), try derivatives(units))
      #expect(other == plain.map { factor * $0 }, "\(name)")
    }
  }

  @Test("Second derivatives in other units", arguments: [(0, 0), (300, 0), (0, -300), (211, 107)])
  func nested(_ a: Int, _ b: Int) throws {
    func curvature(_ units: Units) throws -> Tensor {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { _ in Self.power(units.y) * Self.y }, conditions: Self.kinds[0].conditions(units))
      return try gradient(at: Self.power(units.x) * Self.x) { x in
        try gradient(at: x) { try function($0).sum() }.sum()
      }
    }
    let other = try curvature(Units(F: a + b, x: a, y: b))
    #expect(other == Self.power(b - 2 * a) * (try curvature(Units())))
  }

  @Test("What no number can hold is an error that says so, and nothing else is")
  func ends() throws {
    let linear = try ImplicitFunction<Tensor, Tensor>(
      forward: { _ in Self.y }, conditions: Self.kinds[0].conditions(Units())
    ).linearize(at: Self.x)
    let (tangent, cotangent) = (Tensor.ones([Self.m]), Tensor.ones([Self.n]))
    let plain = (try linear.pushforward(tangent).value, try linear.pullback(cotangent).value)
    for k in [-1073, -1030, -1023, -1010, 1010, 1022, 1023] {
      // Subnormal tangents are numbers like others.
      for (isPush, size) in [(true, plain.0.norm(.infinity)), (false, plain.1.norm(.infinity))] {
        let exponent = Int(size.scalar.exponent) + k
        func derivative() throws -> Tensor {
          try isPush
            ? linear.pushforward(Self.power(k) * tangent).value
            : linear.pullback(Self.power(k) * cotangent).value
        }
        let what = isPush ? "the pushforward" : "the pullback"
        if exponent > 1023 {
          #expect(throws: DifferentiationError.overflow(what: what, exponent: exponent)) {
            try derivative()
          }
        } else if exponent < -1022 {
          #expect(throws: DifferentiationError.underflow(what: what, exponent: exponent)) {
            try derivative()
          }
        } else {
          #expect(try derivative() == Self.power(k) * (isPush ? plain.0 : plain.1))
        }
      }
    }
  }

  @Test("On the way A and B may be far beyond the result")
  func intermediates() throws {
    // y = 2⁹⁰⁰ x₀ · 2⁻⁹⁰⁰ …: A = 2ᵃ, B = −2ᵇ, so that dy/dx = 2ᵇ⁻ᵃ.
    func line(_ a: Int, _ b: Int) -> ImplicitFunction<Tensor, Tensor> {
      ImplicitFunction(
        forward: { _ in [0] }, conditions: .root { x, y in Self.power(a) * y - Self.power(b) * x })
    }
    for solver in [Automatic(), LUSolver(), GMRES()] as [any LinearSolver] {
      for (a, b) in [(900, -900), (-900, 900)] {
        var function = line(a, b)
        function.linearSolver = solver
        let linear = try function.linearize(at: [0])
        // 2^±1800 is no number, 2^±900 is.
        let unit = Self.power(a)
        #expect(try linear.pushforward([1] * unit).value == [1] * Self.power(b))
        #expect(try linear.pullback([1] * unit).value == [1] * Self.power(b))
        let expected =
          b < 0
          ? DifferentiationError.underflow(what: "the Jacobian", exponent: 2 * b)
          : .overflow(what: "the Jacobian", exponent: 2 * b)
        #expect(throws: expected) { try linear.jacobian() }
      }
    }
    // A row that underflows beside one that does not: rounding.
    let two = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in [0, 0] },
      conditions: .root { x, y in y - Tensor([1, 0x1p-600]) * (Tensor([1, 0x1p-600]) * x) })
    #expect(try two.linearize(at: [0, 0]).jacobian().value == [[1, 0], [0, 0]])
    // A product that has lost its digits is not scaled up again.
    let lost = try line(0, -1040).linearize(at: [0])
    #expect(
      throws: DifferentiationError.underflow(
        what: "the product B ẋ of the pushforward", exponent: -1040)
    ) { try lost.pushforward([0x1p900]) }
    #expect(
      throws: DifferentiationError.underflow(
        what: "the product Bᵀ u of the pullback", exponent: -1040)
    ) { try lost.pullback([0x1p900]) }
  }

  @Test("Whether a point is a solution does not depend on units", arguments: units)
  func verdicts(_ units: Units) throws {
    /// The correction at a point that misses the solution `y` by `error`, for conditions with that
    /// solution at `x`.
    func correction(
      _ x: Tensor, _ y: Double, error: Double,
      _ F: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) throws -> Double {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { _ in [.init(y + error)] * Self.power(units.y) },
        conditions: .root(Self.inUnits(units.F, units, F)), conditionsTolerance: 1e-6,
        policy: .warn)
      return try function.linearize(at: Self.power(units.x) * x).report.newtonCorrection ?? -1
    }
    @Sendable func difference(_ x: Tensor, _ y: Tensor) -> Tensor {
      y - (x.at(0) - x.at(1)).reshaped([1])
    }
    @Sendable func cubic(_ x: Tensor, _ y: Tensor) -> Tensor { y + y * y * y - x }
    @Sendable func bent(_ x: Tensor, _ y: Tensor) -> Tensor { y + y * y - x }
    // 1. By the size of the solution.
    #expect(try correction([3, 1], 2, error: 2e-7, difference) < 1.1e-7)
    #expect(try correction([3, 1], 2, error: 0.2, difference) > 0.09)
    // 2. It vanishes against the input: by how far that moves it, here between ½ and 2.
    #expect(try correction([1, 1], 0, error: 1e-9, difference) < 1e-8)
    #expect(try correction([1, 1], 0, error: 1e-5, difference) == 1)
    #expect(try correction([2], 1, error: -1, bent) > 0.1)
    // 3. There is no length but that of the conditions' curvature, here one.
    #expect(try correction([0], 0, error: 0, cubic) == 0)
    #expect(try correction([0], 0, error: 1e-9, cubic) < 1e-6)
    #expect(try correction([0], 0, error: 1e-9, bent) < 1e-6)
    #expect(try correction([0], 0, error: 1e-2, cubic) > 1e-6)
    #expect(try correction([0], 0, error: 1e-5, bent) > 1e-6)
    // Linear conditions have the same derivative at any point.
    #expect(try correction([0], 0, error: 1e-5) { x, y in y - x } == 0)
  }
}
