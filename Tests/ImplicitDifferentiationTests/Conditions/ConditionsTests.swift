import TensorChecks
import Testing

@testable import ImplicitDifferentiation

/// One map x ↦ y(x) posed in every way that `Conditions` offers.
///
/// y solves `M y + ¼ y³ = N x + c` entry by entry, with `M` neither symmetric nor diagonal and
/// three inputs for two unknowns.
enum Cubic {
  static let M = Tensor([[3, 1], [-0.5, 2]])
  static let N = Tensor([[1, -2, 0.5], [0.25, 1, 3]])
  static let c = Tensor([0.3, -0.7])
  static let x = Tensor([0.4, -1.1, 0.6])

  static func residual(_ x: Tensor, _ y: Tensor) -> Tensor {
    matmul(M, y) + 0.25 * y * y * y - matmul(N, x) - c
  }

  /// Newton's method to the last digits, on plain numbers.
  @Sendable static func forward(_ x: Tensor) throws -> Tensor {
    var y = Tensor([0, 0])
    for _ in 0..<50 {
      let A = M + (0.75 * y * y).diagonal()
      y -= try solve(A, residual(x, y))
    }
    return y
  }

  /// `dy/dx = (M + ¾ diag y²)⁻¹ N`.
  static func jacobian(_ y: Tensor) throws -> Tensor {
    try solve(M + (0.75 * y * y).diagonal(), N)
  }

  static let all: [(name: String, conditions: Conditions<Tensor, Tensor>)] = [
    ("root", .root { residual($0, $1) }),
    ("scaled root", .root { 1e8 * residual($0, $1) }),
    (
      "residual in pieces",
      .root { x, y in
        let F = residual(x, y)
        return [F.at(1), -2 * F.at(0)]
      }
    ),
    ("fixed point", .fixedPoint { x, y in y - 0.3 * residual(x, y) }),
    // Not a contraction: no matter.
    ("repelling fixed point", .fixedPoint { x, y in y + 7 * residual(x, y) }),
    ("stationary", .stationary { x, y in 0.5 * residual(x, y).squaredNorm() }),
    (
      "products",
      .products(
        residual: { residual($0, $1) },
        solutionProduct: { _, y, dy in matmul(M, dy) + 0.75 * y * y * dy },
        transposedSolutionProduct: { _, y, u in
          matmul(M, u, transposingLeft: true) + 0.75 * y * y * u
        },
        inputProduct: { _, _, dx in -matmul(N, dx) },
        transposedInputProduct: { _, _, u in -matmul(N, u, transposingLeft: true) })
    ),
  ]
}

@Suite struct ConditionsTests {
  /// Well-conditioned systems of two unknowns: tens of roundings. (`stationary` squares the
  /// condition number, of 2.)
  static let tolerance = 1e-12

  @Test("Every formulation gives the same derivative", arguments: Cubic.all.indices)
  func formulationsAgree(_ index: Int) throws {
    let function = ImplicitFunction(forward: Cubic.forward, conditions: Cubic.all[index].conditions)
    let y = try function(Cubic.x)
    let exact = try Cubic.jacobian(y)
    let linear = try function.linearize(at: Cubic.x)
    let J = try linear.jacobian().value
    #expect(J.shape == [2, 3])
    #expect(largestDifference(J.scalars, exact.scalars) <= Self.tolerance)
    let (t, u) = (Tensor([1, -2, 0.5]), Tensor([0.7, -3]))
    let pushed = try linear.pushforward(t)
    let pulled = try linear.pullback(u)
    #expect(largestDifference(pushed.value.scalars, matmul(exact, t).scalars) <= Self.tolerance)
    #expect(largestDifference(pulled.value.scalars, matmul(u, exact).scalars) <= Self.tolerance)
    #expect(pushed.report.warnings.isEmpty && (pushed.report.newtonCorrection ?? 1) <= 1e-14)
    #expect(pushed.report.backwardError <= 1e-15 * 100)
    #expect(pushed.report.linearSolves == 1)
  }

  @Test("A is not transposed by mistake: A ≠ Aᵀ, B ≠ Bᵀ and n ≠ m")
  func operators() throws {
    let linear = try ImplicitFunction(forward: Cubic.forward, conditions: .root(Cubic.residual))
      .linearize(at: Cubic.x)
    let y = linear.solution
    let A = Cubic.M + (0.75 * y * y).diagonal()
    #expect(largestDifference(try linear.A.denseMatrix(), A.scalars) <= Self.tolerance)
    #expect(largestDifference(try linear.B.denseMatrix(), (-Cubic.N).scalars) == 0)
    #expect(largestMagnitude(linear.residual) <= 1e-14)
  }

  @Test("Shapes that do not fit inside conditions are thrown, with both")
  func shapeMismatch() {
    let table: [(Conditions<Tensor, Tensor>, DifferentiationError)] = [
      (.root { x, y in y * x }, .shapeMismatch(operation: "*", left: [2], right: [3])),
      (.root { x, y in y + 1 - x }, .shapeMismatch(operation: "-", left: [2], right: [3])),
      (.root { x, y in y / x }, .shapeMismatch(operation: "/", left: [2], right: [3])),
      (
        .root { x, y in matmul(Cubic.M, x) + y },
        .shapeMismatch(operation: "matmul", left: [2, 2], right: [3])
      ),
      (
        .root { x, y in matmul(Cubic.N, x, transposingLeft: true).slice(0..<2) * y },
        .shapeMismatch(operation: "matmul (transposed)", left: [2, 3], right: [3])
      ),
      (
        .root { x, y in matmul(x.sum(), y) + y },
        .shapeMismatch(operation: "matmul", left: [], right: [2])
      ),
      (
        .root { x, y in y.isLess(than: x) * y },
        .shapeMismatch(operation: "isLess(than:)", left: [2], right: [3])
      ),
      (.root { x, y in y * y.dot(x) }, .shapeMismatch(operation: "dot", left: [2], right: [3])),
      (.root { x, y in max(y, x) }, .shapeMismatch(operation: "max", left: [2], right: [3])),
      (.root { x, y in pow(y, x) }, .shapeMismatch(operation: "pow", left: [2], right: [3])),
      (
        .root { x, y in select(y, y, x) },
        .shapeMismatch(operation: "select", left: [2], right: [3])
      ),
      (
        .root { x, y in y.broadcast(to: [3]) + x },
        .shapeMismatch(operation: "broadcast(to:)", left: [2], right: [3])
      ),
      (
        .root { x, y in y.reshaped([3]) + x },
        .shapeMismatch(operation: "reshaped", left: [2], right: [3])
      ),
      (
        .root { x, y in outer(Cubic.M, y) },
        .shapeMismatch(operation: "outer", left: [2, 2], right: [2])
      ),
      (
        .root { x, y in matmul(y, matmul(Cubic.N, Cubic.N)) },
        .shapeMismatch(operation: "matmul", left: [2, 3], right: [2, 3])
      ),
      (
        .root { x, y in Tensor.concatenate([y, Cubic.M]).at(0) },
        .shapeMismatch(operation: "concatenate", left: [2], right: [2, 2])
      ),
      (
        .stationary { x, y in (y - x).squaredNorm() },
        .shapeMismatch(operation: "-", left: [2], right: [3])
      ),
      (.fixedPoint { x, y in y * x }, .shapeMismatch(operation: "*", left: [2], right: [3])),
    ]
    for (conditions, expected) in table {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { _ in [1, 2] }, conditions: conditions)
      #expect(throws: expected) { try function.linearize(at: Cubic.x) }
    }
  }

  @Test("As many equations as unknowns, and an objective of one number")
  func sizes() {
    func linearize(_ conditions: Conditions<Tensor, Tensor>) throws {
      _ = try ImplicitFunction<Tensor, Tensor>(forward: { _ in [1, 2] }, conditions: conditions)
        .linearize(
          at: Cubic.x)
    }
    let what = "the residual (one equation for each unknown)"
    #expect(throws: DifferentiationError.sizeMismatch(what: what, expected: 2, found: 3)) {
      try linearize(.root { x, y in x + y.sum() })
    }
    #expect(throws: DifferentiationError.sizeMismatch(what: what, expected: 2, found: 1)) {
      try linearize(.root { x, y in x.sum() + y.sum() })
    }
    #expect(throws: DifferentiationError.notScalar(shape: [2])) {
      try linearize(.stationary { x, y in y * y })
    }
  }

  @Test("Conditions that do not depend on y, or not on x")
  func missingDependence() throws {
    let constant = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in [1, 2] }, conditions: .root { x, y in y - [1, 2] })
    #expect(try constant.jacobian(at: Cubic.x).value == Tensor.zeros([2, 3]))
    #expect(try constant.pullback(at: Cubic.x, [1, 1]).value == Tensor.zeros([3]))
    let free = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in [1, 2] }, conditions: .root { x, _ in x.slice(0..<2) })
    #expect {
      try free.linearize(at: Cubic.x)
    } throws: { error in
      guard case DifferentiationError.linearSolve(_, let during) = error else { return false }
      return during.contains("A = ∂F/∂y")
    }
  }

  @Test("What conditions throw is passed on")
  func errorsPass() {
    struct Refused: Error, Equatable {}
    let function = ImplicitFunction<Tensor, Tensor>(
      forward: { _ in [1, 2] }, conditions: .root { (_, _) throws -> Tensor in throw Refused() })
    #expect(throws: Refused()) { try function.linearize(at: Cubic.x) }
  }
}
