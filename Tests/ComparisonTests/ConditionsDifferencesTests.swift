import ImplicitDifferentiation
import PromptTasks
import Synchronization
import Testing

@testable import Comparison

/// `F = y³ + 2y + M sin(y) − s · exp(N x)`, with an `A` that is not symmetric, 4 unknowns in two
/// tensors, 3 inputs and a constant.
private enum Coupled {
  struct Input: TensorStructure {
    var x: Tensor
    var s: Tensor
    static var fields: [TensorField<Input>] { [.init("x", \.x), .constant("s", \.s)] }
  }

  static let M = Tensor([
    [0, 0.5, -0.3, 0.2], [0.1, 0, 0.4, -0.6], [0.7, 0.2, 0, 0.3], [-0.4, 0.1, 0.9, 0],
  ])
  static let N = Tensor([[0.3, -0.2, 0.5], [0.1, 0.8, -0.4], [-0.6, 0.2, 0.3], [0.4, 0.4, 0.1]])
  static let point = Input(x: [0.7, -0.2, 1.1], s: 1.5)

  @Sendable static func residual(_ x: Input, _ y: [Tensor]) -> [Tensor] {
    let z = Tensor.concatenate(y)
    let f = z * z * z + 2 * z + matmul(M, sin(z)) - x.s * exp(matmul(N, x.x))
    return [f.slice(0..<3), f.slice(3..<4)]
  }

  @Sendable static func solve(_ x: Input) throws -> [Tensor] {
    var y: [Tensor] = [[0.5, 0.5, 0.5], [0.5]]
    for _ in 0..<40 {
      let recorded = try linearization(x, y)
      let step = try LUSolver().solve(recorded.jacobian, recorded.value.flatMap(\.scalars)).vector
      y = [y[0] - Tensor(Array(step[0..<3])), y[1] - Tensor(Array(step[3...]))]
    }
    return y
  }

  private static func linearization(
    _ x: Input, _ y: [Tensor]
  ) throws -> Linearization<[Tensor], [Tensor]> {
    try ImplicitDifferentiation.linearization(at: y) { residual(x, $0) }
  }

  static func function(
    _ conditions: Conditions<Input, [Tensor]>, _ solver: any LinearSolver = Automatic()
  ) -> ImplicitFunction<Input, [Tensor]> {
    ImplicitFunction(forward: solve, conditions: conditions, linearSolver: solver)
  }
}

private final class Evaluations: Sendable {
  private let number = Atomic<Int>(0)
  var value: Int { number.load(ordering: .relaxed) }
  func increase() { number.add(1, ordering: .relaxed) }
}

private func largest(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).map { abs($0 - $1) }.max() ?? 0
}

@Suite struct ConditionsDifferencesTests {
  static let cotangent: [Tensor] = [[1, -2, 0.5], [3]]
  fileprivate static let tangent = Coupled.Input(x: [0.4, -1, 2], s: 0)

  @Test("Both kinds of products agree with the traced conditions, and say that they approximate")
  func agreement() throws {
    let exact = try Coupled.function(.root { Coupled.residual($0, $1) }).linearize(
      at: Coupled.point)
    let columns = Coupled.function(.differences { Coupled.residual($0, $1) })
    let directional = Coupled.function(
      .differences(products: .directional) { Coupled.residual($0, $1) },
      GMRES(relativeTolerance: 1e-9))
    let jacobian = try exact.jacobian().value.scalars
    for function in [columns, directional] {
      let linear = try function.linearize(at: Coupled.point)
      let pushed = try linear.pushforward(Self.tangent)
      let pulled = try linear.pullback(Self.cotangent)
      let all = try linear.jacobian()
      let expectedPush = try exact.pushforward(Self.tangent).value.flattened()
      let expectedPull = try exact.pullback(Self.cotangent).value.flattened()
      #expect(largest(pushed.value.flattened(), expectedPush) < 1e-8)
      #expect(largest(pulled.value.flattened(), expectedPull) < 1e-8)
      #expect(largest(all.value.scalars, jacobian) < 1e-8)
      // They are differences, not the traced products by another name.
      #expect(largest(all.value.scalars, jacobian) > 1e-14)
      for report in [pushed.report, pulled.report, all.report, linear.report] {
        #expect(report.warnings.count == 1)
        #expect(report.warnings.first?.hasPrefix("Finite differences stand in") == true)
      }
      #expect(pulled.value.s.count == 0)
    }
    #expect(exact.report.warnings.isEmpty)
  }

  @Test("Products by columns are transposes of each other; those along a direction nearly")
  func adjoints() throws {
    let linear = try Coupled.function(.differences { Coupled.residual($0, $1) })
      .linearize(at: Coupled.point)
    #expect(try linear.A.adjointDefect() < 1e-15)
    #expect(try linear.B.adjointDefect() < 1e-9)
    #expect(try linear.A.symmetryDefect() > 1e-2)
    let directional = try Coupled.function(
      .differences(products: .directional) { Coupled.residual($0, $1) },
      GMRES(relativeTolerance: 1e-9)
    ).linearize(at: Coupled.point)
    let defect = try directional.A.adjointDefect()
    #expect(defect < 1e-9 && defect > 0)
  }

  @Test("Half the step, a quarter of the error; the estimate knows its size")
  func rate() throws {
    let exact = try Coupled.function(.root { Coupled.residual($0, $1) })
      .linearize(at: Coupled.point).jacobian().value.scalars
    let size = exact.map(\.magnitude).max() ?? 0
    func function(_ step: Double, tolerance: Double) -> ImplicitFunction<Coupled.Input, [Tensor]> {
      Coupled.function(
        .differences(relativeStep: step, tolerance: tolerance) { Coupled.residual($0, $1) })
    }
    var errors: [Double] = []
    for step in [0x1p-4, 0x1p-5, 0x1p-6, 0x1p-7] {
      let found = try function(step, tolerance: 1).jacobian(at: Coupled.point).value.scalars
      let error = largest(found, exact)
      errors.append(error)
      _ = try function(step, tolerance: 20 * error / size).linearize(at: Coupled.point)
      #expect(throws: ComparisonError.self) {
        try function(step, tolerance: error / size / 3).linearize(at: Coupled.point)
      }
    }
    for (coarse, fine) in zip(errors, errors.dropFirst()) {
      #expect((3.6...4.4).contains(coarse / fine), "\(errors)")
    }
  }

  @Test("Evaluations are as many as documented")
  func evaluations() throws {
    let (n, m) = (4, 3)
    func counts(_ products: DifferenceProducts, _ solver: any LinearSolver) throws -> [Int] {
      let evaluations = Evaluations()
      var function = Coupled.function(
        .differences(products: products) { x, y in
          evaluations.increase()
          return Coupled.residual(x, y)
        }, solver)
      function.conditionsTolerance = nil
      let linear = try function.linearize(at: Coupled.point)
      var totals = [0, evaluations.value]
      let pushed = try linear.pushforward(Self.tangent).report
      totals.append(
        evaluations.value - (products == .directional ? 2 * pushed.operatorProducts : 0))
      for _ in 0..<2 {
        let start = evaluations.value
        _ = try linear.pullback(Self.cotangent)
        totals.append(totals[totals.count - 1] + evaluations.value - start)
      }
      return zip(totals.dropFirst(), totals).map { $0 - $1 }
    }
    #expect(try counts(.columns, Automatic()) == [2 * n + 7, 2, 2 * m, 0])
    let directional = try counts(.directional, GMRES(relativeTolerance: 1e-9))
    #expect(Array(directional.dropFirst()) == [2, 2 * n + 2 * m, 0])
  }

  @Test("Unknowns and inputs in other units give the same derivative, to the last bit")
  func units() throws {
    // y = Y 2^k, x = X 2^j: powers of two change no digit.
    func derivative(_ unitOfX: Double, _ unitOfY: Double) throws -> [Double] {
      let (p, q) = (Tensor(unitOfX), Tensor(unitOfY))
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { x in
          let point = Coupled.Input(x: x / p, s: 1.5)
          return q * Tensor.concatenate(try Coupled.solve(point))
        },
        conditions: .differences { x, y in
          let z = y / q
          return Coupled.residual(
            Coupled.Input(x: x / p, s: 1.5), [z.slice(0..<3), z.slice(3..<4)])
        })
      let jacobian = try function.jacobian(at: p * Coupled.point.x).value
      return (jacobian * p / q).scalars
    }
    let expected = try derivative(1, 1)
    #expect(try derivative(0x1p40, 0x1p-30) == expected)
    #expect(try derivative(0x1p-60, 0x1p20) == expected)
  }

  @Test("Entries near zero move as far as their neighbours; a tensor of zeros by fractions of one")
  func zeros() throws {
    // y = sin(x) + 3 x, inverted where some or all entries vanish.
    for x in [Tensor([0, 1, 1e-18]), .zeros([3])] {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { x in sin(x) + 3 * x },
        conditions: .differences { x, y in exp(y) - exp(sin(x) + 3 * x) })
      let found = try function.jacobian(at: x).value
      let slopes = (cos(x) + 3).scalars
      for i in 0..<3 {
        for j in 0..<3 { #expect(abs(found[i, j] - (i == j ? slopes[i] : 0)) < 1e-8) }
      }
    }
  }

  /// `log y₁ = x₀`, `y₀/10⁶ = x₁ + log y₁`: unknowns of 10⁶ and 10⁻⁶ in one tensor.
  private func mixed(_ scale: Tensor?) -> ImplicitFunction<Tensor, Tensor> {
    ImplicitFunction(
      forward: { x in
        [1e6 * (x.slice(1..<2) + x.slice(0..<1)).reshaped([]), exp(x.slice(0..<1)).reshaped([])]
      },
      conditions: .differences(solutionScale: scale) { x, y in
        let (first, second) = (y.slice(0..<1), y.slice(1..<2))
        let logarithm = log(second)
        return [logarithm - x.slice(0..<1), 1e-6 * first - x.slice(1..<2) - logarithm]
      })
  }

  @Test("Sizes that differ much within a tensor are refused, unless they are stated")
  func mixedSizes() throws {
    let x = Tensor([-13.8, 14.8])
    #expect(throws: DifferentiationError.self) { try mixed(nil).linearize(at: x) }
    let found = try mixed([1e6, 1e-6]).jacobian(at: x).value
    let expected = [1e6, 1e6, exp(Tensor(-13.8)).scalar, 0]
    for (a, (b, size)) in zip(found.scalars, zip(expected, [1e6, 1e6, 1e-6, 1e-6])) {
      #expect(abs(a - b) < 1e-8 * size)
    }
    #expect(
      throws: ComparisonError.sizeMismatch(
        what: "the typical sizes of the solution", expected: 2, found: 1)
    ) { try mixed([1]).linearize(at: x) }
    #expect(
      throws: ComparisonError.notFinite(what: "the typical sizes of the solution", value: -1)
    ) { try mixed([1, -1]).linearize(at: x) }
  }

  @Test("A noisy residual is refused, and accepted with a step that suits it")
  func noise() throws {
    // Rounded to 10⁻⁸, like a simulation with a tolerance.
    func function(_ step: Double) -> ImplicitFunction<Coupled.Input, [Tensor]> {
      Coupled.function(
        .differences(relativeStep: step, tolerance: 1e-4) { x, y in
          Coupled.residual(x, y).map { f in
            Tensor(f.scalars.map { ($0 * 1e8).rounded() * 1e-8 })
          }
        })
    }
    let error = #expect(throws: ComparisonError.self) {
      try function(0x1p-17).linearize(at: Coupled.point)
    }
    guard case .inaccurateDifferences(let estimate, 1e-4) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect((1e-4...1e-1).contains(estimate))
    let exact = try Coupled.function(.root { Coupled.residual($0, $1) })
      .linearize(at: Coupled.point).jacobian().value.scalars
    let found = try function(0x1p-9).linearize(at: Coupled.point).jacobian().value.scalars
    #expect(largest(found, exact) < 1e-4)
  }

  @Test("Singular conditions stay refused, although differences make them regular")
  func singular() throws {
    // Only y₀ + 3y₁ is determined; rounding makes the columns of A no exact multiples.
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in Tensor([0.1, 0.3]) * x },
      conditions: .differences { x, y in
        let s = (y * Tensor([1, 3])).sum()
        return [exp(s) - exp(x.reshaped([])), sin(s) - sin(x.reshaped([]))]
      }, conditionsTolerance: nil)
    for x in [1.0, 0.7, 1.3, 2.1] {
      #expect(throws: (any Error).self) { try function.linearize(at: Tensor([x])) }
    }
    // The same with the free direction declared: the sum has the derivative one.
    var gauged = function
    gauged.gauge = Gauge(right: [3, -1], left: nil, consistencyTolerance: 1e-6)
    let pushed = try gauged.pushforward(at: Tensor([1]), Tensor([1])).value
    #expect(abs(pushed[0] + 3 * pushed[1] - 1) < 1e-7)
  }

  @Test("What the residual cannot give near by is an error with its place")
  func leavesTheDomain() throws {
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x }, conditions: .differences { x, y in sqrt(y - 1) - sqrt(x - 1) })
    let error = #expect(throws: DifferentiationError.self) { try function.linearize(at: [4, 1]) }
    #expect("\(String(describing: error))".contains("a step of the solution away"))
    let wrongCount = ImplicitFunction<Tensor, Tensor>(
      forward: { x in x }, conditions: .differences { x, _ in x.sum() })
    #expect(throws: DifferentiationError.self) { try wrongCount.linearize(at: [4, 1]) }
  }

  @Test(
    "A gradient of a function of the derivative works where the point stays; else it is refused")
  func nesting() throws {
    let function = Coupled.function(.differences { Coupled.residual($0, $1) })
    let exact = Coupled.function(.root { Coupled.residual($0, $1) })
    // d/dw |d/dx Σ w y(x)|², the point fixed: first derivatives of y alone.
    func slope(_ function: ImplicitFunction<Coupled.Input, [Tensor]>) throws -> [Double] {
      try gradient(at: Tensor([1, -2, 0.5, 3])) { w in
        let inner = try gradient(at: Coupled.point) { x in
          (Tensor.concatenate(try function(x)) * w).sum()
        }
        return inner.x.squaredNorm()
      }.scalars
    }
    #expect(largest(try slope(function), try slope(exact)) < 1e-7)
    #expect(throws: ComparisonError.secondDerivative) {
      try gradient(at: Coupled.point) { x in
        try gradient(at: x) { x in Tensor.concatenate(try function(x)).sum() }.x.sum()
      }
    }
  }

  @Test("A review that the linear solver does not get through is an error that says so")
  func unsolvedReview() {
    var function = Coupled.function(
      .differences { Coupled.residual($0, $1) }, GMRES(maximumIterations: 1))
    function.conditionsTolerance = nil
    #expect {
      try function.linearize(at: Coupled.point)
    } throws: { error in
      guard case DifferentiationError.linearSolve(.notConverged, let during) = error
      else { return false }
      return during == "of the review of differences, with A = ∂F/∂y,"
    }
  }

  @Test("A step that is none stops the program")
  func noStep() async {
    let result = await promptly {
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Conditions<Tensor, Tensor>.differences(relativeStep: 0) { x, y in y - x }
      }
    }
    let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(words.contains("lies between 0 and 1; it was 0.0"))
  }
}
