import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Optimality
import Testing

/// The numbers of the page ConstrainedQP on the machine for Fisher's flowers, against references
/// computed elsewhere, and the ways in which it fails.
@Suite struct ConstrainedQPTests {
  /// Versicolor and virginica, standardised: rows 51 to 150 of the file.
  private static let flowers: (features: Tensor, labels: [Double]) = {
    let columns = [
      "sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm",
    ]
    do {
      let source = #filePath.replacing(
        "Tests/TutorialTests/ConstrainedQPTests", with: "Tutorials/ConstrainedQP/main")
      let table = try Table(csv: try dataFile("iris.csv", file: source))
      let raw = try table.columns(columns).slice(50..<150)
      let center = raw.mean(alongAxis: 0)
      let deviation = sqrt(pow(raw - center, 2).mean(alongAxis: 0))
      let labels = try table.labels("species")[50...].map { $0 == "virginica" ? 1.0 : -1 }
      return ((raw - center) / deviation, labels)
    } catch {
      Issue.record("\(error)")
      return (.zeros([100, 4]), [Double](repeating: 1, count: 100))
    }
  }()

  private static let half = Array(stride(from: 0, to: 100, by: 2))

  private static func dual(
    C: Double, gamma: Double, rows: [Int] = half
  ) -> QuadraticProgram {
    let n = rows.count
    let x = flowers.features.gathered(rows)
    let t = Tensor(rows.map { flowers.labels[$0] })
    let squares = (x * x).sum(alongAxis: 1)
    let distances = squares.reshaped([n, 1]) + squares - 2 * matmul(x, x.transposed())
    return QuadraticProgram(
      Q: outer(t, t) * exp(Tensor(-gamma) * distances), c: -Tensor.ones([n]),
      A: t.reshaped([1, n]), b: [0], G: .concatenate([.identity(n), -Tensor.identity(n)]),
      h: .concatenate([Tensor(repeating: C, shape: [n]), .zeros([n])]),
      constants: [.quadratic, .linear, .equalityMatrix, .equalityValues, .inequalityMatrix])
  }

  private static func minimum() -> ConstrainedMinimum<QuadraticProgram, Tensor> {
    ConstrainedMinimum(
      QuadraticProgram.problem,
      solver: { program in
        let solution = try InteriorPoint().solve(
          Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h)
        return KKTPoint(
          primal: solution.point, equalityMultipliers: solution.equalityMultipliers,
          inequalityMultipliers: solution.inequalityMultipliers)
      })
  }

  /// All walls at `C` move by one.
  private static func widening(_ program: QuadraticProgram) -> QuadraticProgram {
    var tangent = program
    let n = program.c.count
    tangent.h = .concatenate([.ones([n]), .zeros([n])])
    return tangent
  }

  /// The reference: 25 changes of the active set between 40 values of C from 0.05 to 50, spaced
  /// evenly in the logarithm, at γ = 0.5.
  @Test func theActiveSetChangesInTwentyFiveIntervals() throws {
    let minimum = Self.minimum()
    let path = try (0..<40).map { k in
      let C = 0.05 * exp(Tensor(Double(k) / 39) * log(1000)).scalar
      return try minimum.activeSet(at: Self.dual(C: C, gamma: 0.5)).statuses
    }
    #expect(zip(path, path.dropFirst()).count { $0 != $1 } == 25)
  }

  /// Within a segment the solution is linear in C, so the derivative predicts it exactly.
  @Test func thePathIsStraightBetweenKinks() throws {
    let minimum = Self.minimum()
    let program = Self.dual(C: 15, gamma: 0.5)
    let state = try minimum.linearize(at: program)
    let motion = try state.pushforward(Self.widening(program)).value
    // Beyond the last kink nothing is at C any more, and nothing moves.
    #expect(motion.primal.norm(.infinity).scalar < 1e-10)

    let before = Self.dual(C: 7, gamma: 0.5)
    let early = try minimum.linearize(at: before)
    let predicted =
      early.solution.primal
      + 0.2 * (try early.pushforward(Self.widening(before)).value.primal)
    let solved = try minimum(Self.dual(C: 7.2, gamma: 0.5)).primal
    // κ · the tolerance of a linear solve.
    #expect(((predicted - solved).norm() / solved.norm()).scalar < 1e-9)
  }

  /// At small C every flower is at C: weights follow, the bias is not determined.
  @Test func withoutAFreeVectorTheBiasIsRefused() throws {
    let program = Self.dual(C: 0.05, gamma: 0.5)
    let minimum = Self.minimum()
    let activeSet = try minimum.activeSet(at: program)
    #expect(activeSet.gradientCount == 51 && activeSet.rank == 50)
    let state = try minimum.linearize(at: program)
    let motion = try state.pushforward(Self.widening(program)).value.primal
    #expect((motion - 1).norm(.infinity).scalar < 1e-10)
    #expect(throws: DifferentiationError.self) {
      try state.pullback(
        KKTPoint(
          primal: .zeros([50]), equalityMultipliers: [1], inequalityMultipliers: .zeros([100])))
    }
  }

  /// Rows 102 and 143 of the file are the same flower; both are free at γ = 2 and C = 1.
  @Test func freeTwinsMakeTheConditionsSingular() throws {
    let (first, second) = (102 - 51, 143 - 51)
    let features = Self.flowers.features
    #expect(features.at(first).scalars == features.at(second).scalars)
    let program = Self.dual(C: 1, gamma: 2, rows: Array(0..<100))
    let weights = try Self.minimum()(program).primal
    for twin in [first, second] { #expect(weights[twin] > 1e-3 && weights[twin] < 1 - 1e-3) }
    let error = #expect(throws: KKTError.self) {
      try Self.minimum().linearize(at: program)
    }
    guard case .noUniqueSolution = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func programsWithoutSolutionSayWhy() throws {
    var impossible = Self.dual(C: 0.05, gamma: 0.5)
    impossible.b = [3]
    #expect {
      _ = try Self.minimum()(impossible)
    } throws: { error in
      if case ForwardSolverError.infeasible = error { true } else { false }
    }
    var endless = Self.dual(C: 1, gamma: 0.5)
    endless.Q = .zeros([50, 50])
    endless.G = -Tensor.identity(50)
    endless.h = .zeros([50])
    #expect {
      _ = try Self.minimum()(endless)
    } throws: { error in
      if case ForwardSolverError.unboundedDirection = error { true } else { false }
    }
  }
}
