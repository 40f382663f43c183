import Comparison
import ImplicitDifferentiation
import Optimality
import Testing

/// min ½(z₀² + z₁²) subject to z₀ + z₁ = b and z₀ − 2z₁ ≤ −½: inactive for b > 1, active for b < 1,
/// weakly active at b = 1.
private let problem = ConstrainedProblem<Tensor, Tensor>(
  objective: { _, z in 0.5 * z.squaredNorm() },
  equalities: { b, z in z.sum() - b },
  inequalities: { _, z in z.at(0) - 2 * z.at(1) + 0.5 })

private let minimum = ConstrainedMinimum(
  problem,
  primalSolver: { b -> Tensor in
    let b = b.scalar
    return b >= 1
      ? [Tensor(b / 2), Tensor(b / 2)] : [Tensor((2 * b - 0.5) / 3), Tensor((b + 0.5) / 3)]
  })

@Suite struct WeaklyActiveTests {
  @Test(arguments: [(1.5, [0.5, 0.5]), (0.5, [2.0 / 3, 1.0 / 3])])
  func bothSidesHaveTheirDerivative(_ b: Double, _ expected: [Double]) throws {
    let tangent = try minimum.pushforward(at: Tensor(b), along: 1).value.primal.scalars
    for (found, value) in zip(tangent, expected) { #expect((found - value).magnitude < 1e-14) }
    // Away from kinks the one-sided derivative is the pushforward, in both directions.
    for sign in [1.0, -1.0] {
      let oneSided = try minimum.oneSidedPushforward(at: Tensor(b), along: Tensor(sign))
      #expect(oneSided.binding.isEmpty)
      for (found, value) in zip(oneSided.value.primal.scalars, expected) {
        #expect((found - sign * value).magnitude < 1e-14)
      }
    }
  }

  @Test func theDerivativeAtTheKinkIsRefusedByName() throws {
    func check(_ body: () throws -> Void) {
      do {
        try body()
        Issue.record("a derivative at a kink")
      } catch KKTError.weaklyActive(let constraints, tolerance: 1e-6) {
        #expect(constraints.map(\.constraint) == [0])
        #expect(constraints.allSatisfy { $0.slack < 1e-15 && $0.multiplier < 1e-15 })
      } catch { Issue.record(error) }
    }
    check { _ = try minimum.linearize(at: 1) }
    check { _ = try minimum.function.pullback(at: 1, minimum(1)) }
    check { _ = try minimum.function.pushforward(at: 1, 1) }
    check { _ = try gradient(at: Tensor(1)) { b in try minimum(b).primal.sum() } }
    let error = KKTError.weaklyActive(
      [WeaklyActiveConstraint(constraint: 0, slack: 0, multiplier: 2e-7)], tolerance: 1e-6)
    #expect(
      "\(error)".hasPrefix(
        "Weakly active: inequality 0 (slack < 1e-13, multiplier 2e-7); both numbers are within "
          + "1e-6 of zero. The solution has a kink here"))
    let set = try minimum.activeSet(at: 1)
    #expect(set.weaklyActive == [0] && set.complementarityMargin < 1e-15)
    #expect(set.hasIndependentGradients && set.gradientCount == 2)
  }

  @Test(arguments: [(1.0, [0.5, 0.5], [Int]()), (-1.0, [-2.0 / 3, -1.0 / 3], [0])])
  func eachSideHasADerivative(
    _ direction: Double, _ expected: [Double], _ binding: [Int]
  ) throws {
    // Any length of the direction: the derivative is positively homogeneous.
    for scale in [1.0, 1e-200, 1e200] {
      let answer = try minimum.oneSidedPushforward(at: 1, along: Tensor(direction * scale))
      #expect(answer.binding == binding)
      for (found, value) in zip(answer.value.primal.scalars, expected) {
        #expect((found / scale - value).magnitude < 1e-14)
      }
      // The multiplier of the inequality can only grow.
      #expect((answer.value.inequalityMultipliers[0] > 0) == (direction < 0))
    }
  }

  @Test func theAuditFindsAKinkAndQuotesTheRefusal() throws {
    let comparison = try GradientComparison(
      of: minimum.function, at: 1, loss: { $0.primal.at(0) })
    #expect(comparison.report == nil)
    #expect(comparison[.implicitPullback] == nil)
    guard case .implicitRefused(let reason) = comparison.findings.first else {
      Issue.record("no refusal among \(comparison.findings)")
      return
    }
    #expect(reason.hasPrefix("Weakly active"))
    let kink = comparison.findings.compactMap { finding -> [Double]? in
      guard case .kink(0, let backward, let forward) = finding else { return nil }
      return [backward, forward]
    }.first
    // Differences at the steps of the sweep; the exact values are 2/3 and 1/2.
    #expect(((kink?[0] ?? 0) - 2.0 / 3).magnitude < 1e-6)
    #expect(((kink?[1] ?? 0) - 0.5).magnitude < 1e-6)
    #expect(comparison.findings.count == 2)
  }

  /// Three limits meet at one corner: min ½‖z − x‖², z ≤ 0, x = 0. For each direction
  /// ż = min(ẋ, 0), entry by entry.
  @Test(arguments: [[1.0, 1, 1], [-1, 2, -3], [0.5, -0.25, 0], [-1, -1, -1]])
  func everyPieceOfAProjectionIsFound(_ direction: [Double]) throws {
    let projection = ConstrainedProblem<Tensor, Tensor>(
      objective: { x, z in 0.5 * (z - x).squaredNorm() }, inequalities: { _, z in z })
    let answer = try projection.oneSidedPushforward(
      at: [0, 0, 0],
      solution: KKTPoint(primal: [0, 0, 0], inequalityMultipliers: [0, 0, 0]),
      along: Tensor(direction))
    for (found, value) in zip(answer.value.primal.scalars, direction) {
      #expect((found - min(value, 0)).magnitude < 1e-15)
    }
    #expect(answer.binding == direction.indices.filter { direction[$0] > 0 })
  }

  /// Coupled weak constraints against brute force over all 2ᵏ sets.
  @Test(arguments: 0..<20) func pivotingAgreesWithEnumeration(_ seed: Int) throws {
    var random = TestRandom(seed: 900 + UInt64(seed))
    let (n, k) = (6, 5)
    let G = random.matrix(k, n)
    let factor = random.matrix(n, n)
    let program = ConstrainedProblem<Tensor, Tensor>(
      objective: { x, z in
        0.5 * (matmul(Tensor(factor), z).squaredNorm() + z.squaredNorm()) - x.dot(z)
      },
      inequalities: { _, z in matmul(Tensor(G), z) })
    let direction = random.vector(n)
    let found = try program.oneSidedPushforward(
      at: .zeros([n]),
      solution: KKTPoint(primal: .zeros([n]), inequalityMultipliers: .zeros([k])),
      along: Tensor(direction))
    // Brute force: the set for which all signs are right.
    var solutions: [[Double]] = []
    for code in 0..<(1 << k) {
      let set = (0..<k).filter { code >> $0 & 1 == 1 }
      var K = [[Double]](
        repeating: [Double](repeating: 0, count: n + set.count), count: n + set.count)
      for i in 0..<n {
        for j in 0..<n {
          K[i][j] = (0..<n).reduce(i == j ? 1 : 0) { $0 + factor[$1][i] * factor[$1][j] }
        }
        for (s, row) in set.enumerated() {
          K[i][n + s] = G[row][i]
          K[n + s][i] = G[row][i]
        }
      }
      let answer = eliminated(K, [direction + [Double](repeating: 0, count: set.count)])[0]
      let z = Array(answer[..<n])
      let feasible = (0..<k).allSatisfy { row in
        set.contains(row) || zip(G[row], z).reduce(0.0) { $0 + $1.0 * $1.1 } <= 1e-12
      }
      if feasible && answer[n...].allSatisfy({ $0 >= -1e-12 }) { solutions.append(z) }
    }
    #expect(solutions.count == 1)
    for (a, b) in zip(found.value.primal.scalars, solutions.first ?? []) {
      // Systems of eleven rows with condition numbers below 1e3.
      #expect((a - b).magnitude < 1e-12)
    }
  }
}
