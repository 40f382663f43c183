import ImplicitDifferentiation
import Kernels
import Optimality
import Testing

/// Constrained problems in other units.
@Suite struct MinimumScaleTests {
  /// `2ᵏ`.
  private static func power(_ k: Int) -> Tensor {
    Tensor(Double(sign: .plus, exponent: k, significand: 1))
  }

  /// Exponents of the powers that multiply the objective, the constraints, the input and `z`.
  static let units: [[Int]] = [
    [900, 900, 0, 0], [-900, -900, 0, 0], [0, 0, 900, 0], [0, 0, -900, 0], [0, -450, 0, -450],
    [-400, 0, -400, -400], [900, 0, 0, 0], [0, -300, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0],
    [0, 0, 1, 0], [0, 0, 0, 1], [33, -41, 57, -61], [0, 0, 40, 40], [0, 0, -40, -40],
    [40, 0, 0, 0], [-40, 0, 0, 0], [0, -900, 0, 0], [0, -600, 0, 0],
    // Entry by entry of the KKT matrix the curvature of the objective is nothing here against the
    // gradients of the constraints.
    [-900, 0, 0, 0], [0, 900, 0, 0], [0, 0, 400, 400], [0, 450, 0, 450],
  ]

  /// `dz/dx` for `min ½‖z − x‖²` with `½(‖z‖² − 1) ≤ 0`, `z₀ ≤ ⅞` and `z₂ ≥ −3`, without units.
  private static func jacobian(
    _ x: Tensor, at z: Tensor, _ units: [Int], _ form: ComplementarityForm
  ) throws -> [Double] {
    let (f, g, a, b) = (units[0], units[1], units[2], units[3])
    let (toX, toZ) = (power(-a), power(-b))
    let minimum = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { x, z in power(f) * (0.5 * (toZ * z - toX * x).squaredNorm()) },
        inequalities: { _, z in
          let z = toZ * z
          return power(g)
            * Tensor.stack([0.5 * (z.squaredNorm() - 1), z.at(0) - 0.875, -z.at(2) - 3])
        }),
      primalSolver: { _ in power(b) * z }, form: form)
    let jacobian = try minimum.linearize(at: power(a) * x).pushforwards(
      (0..<3).map { k in Tensor((0..<3).map { $0 == k ? 1 : 0 }) })
    return jacobian.flatMap { (power(a - b) * $0.value.primal).scalars }
  }

  @Test("No digit of the derivative of a constrained minimum depends on units", arguments: units)
  func exactness(_ units: [Int]) throws {
    for form in [ComplementarityForm.activeSet, .products] {
      let x: Tensor = [1.5, -0.5, 0.75]
      for (name, x, z) in [
        ("the ball", x, x / x.norm()),
        ("inside", [0.25, -0.5, 0.125], [0.25, -0.5, 0.125]),
        ("the plane", [1, 0, 0.25], [0.875, 0, 0.25]),
      ] as [(String, Tensor, Tensor)] {
        let plain = try Self.jacobian(x, at: z, [0, 0, 0, 0], form)
        let other = try Self.jacobian(x, at: z, units, form)
        #expect(other == plain, "\(name), \(form)")
      }
    }
  }

  /// (Below 1e-8 a solution may be the origin, and then the curvature gives its length: see ``ActiveSet``.)
  @Test(
    "A curvature that is rounding against the gradients is none, in any units",
    arguments: units.filter { $0[3] >= 0 })
  func noCurvature(_ units: [Int]) {
    // min Σzᵢ + 2⁻⁶⁰ ½‖z‖² with Σzᵢ ≥ x, where only 2⁻⁶⁰ decides along the plane.
    let (f, g, b) = (Self.power(units[0]), Self.power(units[1]), units[3])
    let minimum = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { x, z in
          let z = Self.power(-b) * z
          return f * (z.sum() + 0x1p-60 * 0.5 * z.squaredNorm())
        },
        inequalities: { x, z in g * (x - (Self.power(-b) * z).sum()) }),
      primalSolver: { _ in Self.power(b) * Tensor([1, 1, 1]) })
    #expect(throws: KKTError.self) { try minimum.linearize(at: 3) }
  }

  @Test("A multiplier beyond all numbers is an overflow that says so")
  func overflow() {
    let x: Tensor = [1.5, -0.5, 0.75]
    #expect(
      throws: DifferentiationError.overflow(
        what: "multiplier 0 of the equalities and active inequalities", exponent: 1800)
    ) { try Self.jacobian(x, at: x / x.norm(), [900, -900, 0, 0], .activeSet) }
  }

  @Test(
    "The multiplier of an inactive constraint may have a unit beyond all numbers",
    arguments: [[900, -900, 0, 0], [-900, 900, 0, 0], [600, -600, 30, 0], [-600, 600, 0, -30]])
  func inactive(_ units: [Int]) throws {
    let x: Tensor = [0.25, -0.5, 0.125]
    for form in [ComplementarityForm.activeSet, .products] {
      let plain = try Self.jacobian(x, at: x, [0, 0, 0, 0], form)
      #expect(try Self.jacobian(x, at: x, units, form) == plain, "\(form)")
    }
  }

  @Test("A solution at the origin has the length of its problem", arguments: [0, 300, -300])
  func origin(_ k: Int) throws {
    // min ½‖z − x‖² with z ≥ 0 at x < 0, and one bound farther away.
    let minimum = ConstrainedMinimum(
      ConstrainedProblem<Tensor, Tensor>(
        objective: { x, z in 0.5 * (z - x).squaredNorm() },
        inequalities: { _, z in Tensor.stack([-z.at(0), -z.at(1), z.at(0) - Self.power(k)]) }),
      primalSolver: { _ in [0, 0] })
    let set = try minimum.activeSet(at: Self.power(k) * Tensor([-1, -0.5]))
    #expect(set.active == [0, 1] && set.inactive == [2])
    #expect(set.slacks[2] > 0.1 && set.slacks[2] < 10)
  }
}
