import ForwardSolvers
import ImplicitDifferentiation
import Optimality
import PromptTasks
import Testing

/// min ½‖z‖² + cᵀz with the equality z₀ + z₁ + z₂ = b given twice, the second time doubled.
private struct Repeated: TensorStructure {
  var c: Tensor
  var b: Tensor
  static var fields: [TensorField<Repeated>] { [.init("c", \.c), .init("b", \.b)] }
}

private let repeated = ConstrainedMinimum(
  ConstrainedProblem<Repeated, Tensor>(
    objective: { x, z in 0.5 * z.squaredNorm() + x.c.dot(z) },
    equalities: { x, z in Tensor.stack([z.sum(), 2 * z.sum()]) - x.b }),
  primalSolver: { x in
    // z = −c + (b₀ + Σc)/3.
    (x.b.at(0) + x.c.sum()) * Tensor(1.0 / 3) - x.c
  })

private let data = Repeated(c: [0.5, -1, 2], b: [3, 6])

@Suite struct DegenerateProgramTests {
  @Test func redundantEqualitiesHaveAPrimalDerivative() throws {
    let linearization = try repeated.linearize(at: data)
    #expect(linearization.gaugeDimension == 1)
    // Along the consistent tangents: dz = −dc + (db₀ + Σdc)/3.
    let tangent = Repeated(c: [1, 0, -2], b: [0.5, 1])
    let dz = try linearization.pushforward(tangent).value.primal.scalars
    for (found, value) in zip(dz, [-1 - 1.0 / 6, -1.0 / 6, 2 - 1.0 / 6]) {
      #expect((found - value).magnitude < 1e-14)
    }
    // Of all ways to share the influence of b among its two copies the pullback gives the shortest,
    // (1, 2)/5.
    let gradient = try linearization.primalPullback([3, 0, 0] as Tensor).value
    for (found, value) in zip(gradient.b.scalars, [0.2, 0.4]) {
      #expect((found - value).magnitude < 1e-14)
    }
    for (found, value) in zip(gradient.c.scalars, [-2.0, 1, 1]) {
      #expect((found - value).magnitude < 1e-14)
    }
  }

  /// ½‖z‖² is quadratic in c: its Hessian is I − 11ᵀ/3, whichever multipliers were found. Those of
  /// linear constraints are free by combinations that do not vary.
  @Test func redundantEqualitiesHaveASecondDerivative() throws {
    let gradientOfHalfNorm: (Repeated) throws -> Repeated = { x in
      try gradient(at: x) { x in try 0.5 * repeated(x).primal.squaredNorm() }
    }
    let tangent = Repeated(c: [1, 0, -2], b: [0.5, 1])
    let second = try valueAndPushforward(at: data, along: tangent, of: gradientOfHalfNorm).tangent
    for (found, value) in zip(second.c.scalars, [1 + 1.0 / 3, 1.0 / 3, -2 + 1.0 / 3]) {
      #expect((found - value).magnitude < 1e-14)
    }
  }

  /// The same plane twice, the second time with a factor that depends on b: the combination of
  /// multipliers that is free varies, and a second derivative would take it for constant.
  @Test func combinationsThatVaryStop() async {
    let result = await promptly {
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let minimum = ConstrainedMinimum(
          ConstrainedProblem<Tensor, Tensor>(
            objective: { _, z in 0.5 * z.squaredNorm() },
            equalities: { b, z in Tensor.stack([z.sum() - 2 * b, b * (z.sum() - 2 * b)]) }),
          primalSolver: { b in b * Tensor.ones([2]) })
        _ = try gradient(at: Tensor(1.5)) { b in
          try gradient(at: b) { b in try minimum(b).primal.sum() }
        }
      }
    }
    let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(words.contains("gauge of an implicit function depends on its input"), "\(words)")
  }

  @Test func theirMultipliersAreRefusedAsNotUnique() throws {
    let linearization = try repeated.linearize(at: data)
    let tangent = Repeated(c: [1, 0, -2], b: [0.5, 1])
    #expect(throws: KKTError.multipliersNotUnique(rank: 1, count: 2)) {
      try repeated.pushforward(at: data, along: tangent)
    }
    // ν₀ alone is not determined; ν₀ + 2ν₁ is: it is −(b₀ + Σc)/3.
    #expect {
      try linearization.pullback(KKTPoint(primal: .zeros([3]), equalityMultipliers: [1, 0]))
    } throws: { error in
      guard
        case DifferentiationError.linearSolve(.inconsistentWithGauge(.right, 0, _, _, _), _) = error
      else { return false }
      return true
    }
    let force = try linearization.pullback(
      KKTPoint(primal: .zeros([3]), equalityMultipliers: [1, 2])
    ).value
    for value in force.c.scalars { #expect((value + 1.0 / 3).magnitude < 1e-14) }
    #expect(throws: KKTError.multipliersNotUnique(rank: 1, count: 2)) {
      try repeated.optimalValueAndGradient(at: data)
    }
  }

  @Test func aTangentThatMakesThemContradictIsRefused() throws {
    #expect {
      try repeated.linearize(at: data).pushforward(Repeated(c: [0, 0, 0], b: [1, 0]))
    } throws: { error in
      guard
        case DifferentiationError.linearSolve(.inconsistentWithGauge(.left, 0, _, _, _), _) = error
      else { return false }
      return true
    }
  }

  /// Q = diag(1, 0) is singular, and definite along z₀ = z₁ − b.
  @Test func aSingularQMayHaveAUniqueSolution() throws {
    let program = QuadraticProgram(
      Q: [[1, 0], [0, 0]], c: [0, 2], A: [[-1, 1]], b: [1])
    // min ½z₀² + 2z₁ with z₁ = z₀ + b: z₀ = −2, z₁ = b − 2, ν = −2.
    let minimum = ConstrainedMinimum(
      QuadraticProgram.problem, primalSolver: { _ in [-2, -1] })
    let jacobian = try minimum.linearize(at: program).jacobian().value
    #expect(jacobian.shape == [3, 9])
    // By b, the last column; by c: z₀ = −c₀ − c₁, columns 4 and 5.
    for (row, expected) in [(0, [-1.0, -1, 0]), (1, [-1, -1, 1]), (2, [0, -1, 0])] {
      for (column, value) in zip([4, 5, 8], expected) {
        #expect((jacobian[row, column] - value).magnitude < 1e-14)
      }
    }
  }

  @Test func aSingularQWithoutUniqueSolutionIsNamed() {
    // min z₀ with z₀ ≥ −1: z₁ is free.
    let program = QuadraticProgram(
      Q: .zeros([2, 2]), c: [1, 0], G: [[-1, 0]], h: [1])
    let minimum = ConstrainedMinimum(
      QuadraticProgram.problem,
      solver: { _ in KKTPoint(primal: [-1, 0.5], inequalityMultipliers: [1]) })
    #expect {
      try minimum.linearize(at: program)
    } throws: { error in
      guard case KKTError.noUniqueSolution = error else { return false }
      return "\(error)".contains("leave it free")
    }
    #expect {
      try minimum.oneSidedPushforward(at: program, along: program)
    } throws: { error in
      guard case KKTError.noUniqueSolution = error else { return false }
      return true
    }
  }

  @Test(arguments: [(Double.infinity, "number infinite)"), (2e17, "number about 2e17)")])
  func theConditionNumberIsReadable(condition: Double, words: String) {
    #expect("\(KKTError.noUniqueSolution(estimatedCondition: condition))".contains(words))
  }

  @Test func aLinearProgramAtAVertexHasADerivative() throws {
    // min z₀ + 2z₁ with z ≥ h: the vertex moves with h.
    let program = QuadraticProgram(
      Q: .zeros([2, 2]), c: [1, 2], G: [[-1, 0], [0, -1]], h: [-3, -4])
    let minimum = ConstrainedMinimum(
      QuadraticProgram.problem, primalSolver: { _ in [3, 4] })
    let gradient = try minimum.linearize(at: program).primalPullback([1, 1] as Tensor).value
    #expect(gradient.h?.scalars == [-1, -1])
    #expect(gradient.c.scalars == [0, 0])
    #expect(try minimum(program).inequalityMultipliers.scalars == [1, 2])
  }

  /// The dual of a support vector machine: min ½αᵀQα − 1ᵀα, yᵀα = 0, 0 ≤ α ≤ C.
  private static func machine(
    _ positions: [Double], _ labels: [Double], _ C: Double,
    form: ComplementarityForm = .activeSet
  ) -> (QuadraticProgram, ConstrainedMinimum<QuadraticProgram, Tensor>) {
    let n = positions.count
    let (x, y) = (Tensor(positions), Tensor(labels))
    let distances = x.expanded(atAxis: 1) - x.expanded(atAxis: 0)
    let program = QuadraticProgram(
      Q: outer(y, y) * exp(-distances * distances), c: -Tensor.ones([n]), A: y.expanded(atAxis: 0),
      b: [0], G: Tensor.concatenate([.identity(n), -Tensor.identity(n)]),
      h: Tensor.concatenate([Tensor(repeating: C, shape: [n]), .zeros([n])]))
    let minimum = ConstrainedMinimum(
      QuadraticProgram.problem,
      solver: { program in
        let solution = try InteriorPoint().solve(
          Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h)
        return KKTPoint(
          primal: solution.point, equalityMultipliers: solution.equalityMultipliers,
          inequalityMultipliers: solution.inequalityMultipliers)
      }, form: form)
    return (program, minimum)
  }

  @Test(arguments: [ComplementarityForm.activeSet, .products])
  func withNoFreeVectorTheBiasIsNotDetermined(_ form: ComplementarityForm) throws {
    let (program, minimum) = Self.machine([0, 1, 2, 3], [1, -1, 1, -1], 0.1, form: form)
    let set = try minimum.activeSet(at: program)
    #expect(set.active == [0, 1, 2, 3] && set.rank == 4 && set.gradientCount == 5)
    let linearization = try minimum.linearize(at: program)
    #expect(linearization.gaugeDimension == 1)
    // All move with C, so α has a derivative; the bias ν has none.
    var tangent = try program.rebuilt(from: [Double](repeating: 0, count: program.variableCount))
    tangent.h = [1, 1, 1, 1, 0, 0, 0, 0]
    let dAlpha = try linearization.pushforward(tangent).value.primal
    #expect((dAlpha - 1).norm(.infinity).scalar < 1e-14)
    #expect(throws: KKTError.multipliersNotUnique(rank: 4, count: 5)) {
      try minimum.pushforward(at: program, along: tangent)
    }
  }

  @Test func twoIdenticalFreeVectorsAreNamed() throws {
    let (program, minimum) = Self.machine([0, 1.5, 1.5, 3], [1, -1, -1, 1], 10)
    let set = try minimum.activeSet(at: program)
    #expect(!set.active.contains(1) && !set.active.contains(2))
    #expect {
      try minimum.linearize(at: program)
    } throws: { error in
      guard case KKTError.noUniqueSolution = error else { return false }
      return true
    }
  }
}
