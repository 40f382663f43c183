import ImplicitDifferentiation
import Testing

/// Facts about softmax as the solution of an optimisation problem, which its page rests on.
///
/// Everything is compared with closed forms in a form without cancellation; tolerances are for
/// matrices with entries of size one and at most twenty roundings on top of each other.
@Suite struct SoftmaxFactsTests {
  /// Rounding in dense solves with systems of up to 21 unknowns of moderate condition.
  static let rounding = 1e-12

  /// Scores of several sizes, spreads and signs: pseudo-random, reproducible.
  static let scores: [Tensor] = [2, 3, 5, 10].map { (n: Int) -> Tensor in
    let numbers = (1...n).map { (i: Int) -> Double in
      let pseudoRandom = (i * 7919 + n * 104_729) % 1000
      return Double(pseudoRandom) / 250 - 2
    }
    return Tensor(numbers)
  }

  @Test(arguments: scores)
  func fourRoutesAgree(theta: Tensor) throws {
    let n = theta.count
    let x = theta.softmax()
    let exact = jacobian(of: x)
    let routes: [Tensor] = [
      try SoftmaxProblem.full().jacobian(at: theta).value.slice(0..<n),
      try SoftmaxProblem.reduced().jacobian(at: theta).value.slice(0..<n),
      try SoftmaxProblem.mirrorDescent(step: 0.5).jacobian(at: theta).value,
      try SoftmaxProblem.mirrorDescent(step: 1).jacobian(at: theta).value,
    ]
    for route in routes { #expect(largest(route - exact) < Self.rounding) }
  }

  /// At `η = 1` the map is the closed form and does not depend on `x`: `A = −I`; at ½ it does.
  @Test func fullMirrorStepIsTheFormula() throws {
    let theta = Self.scores[1]
    for (eta, isFormula) in [(1.0, true), (0.5, false)] {
      let A = try SoftmaxProblem.mirrorDescent(step: eta).linearize(at: theta).A.denseMatrix()
      let distance = largest(Tensor(shape: [3, 3], A) + Tensor.identity(3))
      #expect((distance < Self.rounding) == isFormula)
    }
  }

  @Test(arguments: scores)
  func multipliersFollowTheirClosedForms(theta: Tensor) throws {
    let n = theta.count
    let at = try SoftmaxProblem.full().linearize(at: theta)
    let jacobian = try at.jacobian().value
    #expect((at.solution.u.scalar - (1 - theta.logSumExp().scalar)).magnitude < Self.rounding)
    #expect(largest(jacobian.at(n) + at.solution.x) < Self.rounding)
    #expect(largest(jacobian.slice(n + 1..<2 * n + 1)) < Self.rounding)
  }

  @Test func multiplierIsNegativeForThreeEqualScores() {
    let u = 1 - Tensor.zeros([3]).logSumExp().scalar
    #expect((u + 0.0986).magnitude < 5e-5)  // printed with four decimals
  }

  /// The derivative has rank n − 1 with the null vector 1, and is symmetric.
  @Test(arguments: scores)
  func shiftsAreTheOnlyNullDirection(theta: Tensor) throws {
    let n = theta.count
    let J = try SoftmaxProblem.reduced().jacobian(at: theta).value.slice(0..<n)
    #expect(largest(matmul(J, Tensor.ones([n]))) < Self.rounding)
    #expect(largest(J - J.transposed()) < Self.rounding)
    // With the null direction filled in it is regular: 1 goes to n 1, and everything has a source.
    let filled = J + Tensor.ones([n, n])
    let source = try solve(filled, Tensor.ones([n]))
    #expect(largest(source - 1 / Tensor(Double(n))) < Self.rounding)
  }

  // MARK: Determinants

  @Test(arguments: scores)
  func determinants(theta: Tensor) throws {
    let n = theta.count
    let sign = n.isMultiple(of: 2) ? 1.0 : -1
    let y = SoftmaxProblem.solution(theta)
    let corrected = try matrix(SoftmaxProblem.F, theta, y)
    let note = try matrix(SoftmaxProblem.asInTheNote, theta, y)
    #expect((determinant(corrected) - sign).magnitude < Self.rounding)
    #expect((determinant(note) - sign * y.u.scalar).magnitude < Self.rounding)
    let K = corrected.slice(0..<n + 1).slice(0..<n + 1, alongAxis: 1)
    let product = y.x.scalars.reduce(1, *)
    #expect((determinant(K) * product - sign).magnitude < Self.rounding)
  }

  @Test(arguments: scores)
  func theNotesMatrixIsSingularWhereLogSumExpIsOne(theta: Tensor) throws {
    let shifted = theta - theta.logSumExp() + 1
    let y = SoftmaxProblem.Optimum(x: exp(shifted - 1), u: 0, v: Tensor.zeros(theta.shape))
    #expect(determinant(try matrix(SoftmaxProblem.asInTheNote, shifted, y)).magnitude < 1e-14)
    let J = try SoftmaxProblem.full().jacobian(at: shifted).value.slice(0..<theta.count)
    #expect(largest(J - jacobian(of: theta.softmax())) < Self.rounding)
  }

  /// Powers of two add to exactly one, so that the matrix is singular in floating point as well.
  @Test(arguments: [[0.5, 0.5], [0.5, 0.25, 0.25], [0.25, 0.0625, 0.125, 0.5, 0.0625]])
  func theNotesMatrixIsRefused(shares: [Double]) throws {
    let x = Tensor(shares)
    let y = SoftmaxProblem.Optimum(x: x, u: 0, v: Tensor.zeros(x.shape))
    let error = #expect(throws: DifferentiationError.self) {
      _ = try SoftmaxProblem.note().linearize(at: 1 + log(x), solution: y)
    }
    guard case .linearSolve(.singular, _) = error else {
      Issue.record("expected a singular system, not \(String(describing: error))")
      return
    }
    let J = try SoftmaxProblem.full().linearize(at: 1 + log(x), solution: y).jacobian().value
    #expect(largest(J.slice(0..<x.count) - jacobian(of: x)) < Self.rounding)
  }

  /// The note's equations have a second family of solutions; the corrected ones refuse it.
  @Test func theNotesSecondFamily() throws {
    let theta = Self.scores[2]
    let stray = SoftmaxProblem.Optimum(x: exp(theta - 1), u: 0, v: Tensor.zeros(theta.shape))
    let J = try SoftmaxProblem.note().linearize(at: theta, solution: stray).jacobian().value
    #expect(largest(J.slice(0..<theta.count) - stray.x.diagonal()) < Self.rounding)
    let error = #expect(throws: DifferentiationError.self) {
      _ = try SoftmaxProblem.full().linearize(at: theta, solution: stray)
    }
    guard case .conditionsNotMet(_, let correction, _) = error else {
      Issue.record("expected conditions that are not met, not \(String(describing: error))")
      return
    }
    #expect(correction > 0.1)
  }

  @Test(arguments: scores)
  func blockInverse(theta: Tensor) throws {
    let n = theta.count
    let y = SoftmaxProblem.solution(theta)
    let K = try matrix(SoftmaxProblem.F, theta, y).slice(0..<n + 1).slice(
      0..<n + 1, alongAxis: 1)
    let inverse = bordered(-jacobian(of: y.x), y.x, 1)
    #expect(largest(matmul(K, inverse) - Tensor.identity(n + 1)) < Self.rounding)
  }

  // MARK: Temperature

  @Test(arguments: [2, 1, 0.3, 0.1])
  func temperature(tau: Double) throws {
    let theta = Self.scores[2]
    let x = (theta / Tensor(tau)).softmax()
    let at = try SoftmaxProblem.reduced(temperature: tau).linearize(at: theta)
    #expect(largest(at.solution.x - x) < Self.rounding)
    let J = try at.jacobian().value.slice(0..<theta.count)
    #expect(largest(J - jacobian(of: x) / Tensor(tau)) < Self.rounding / tau)
  }

  /// Ten scores 0.2 apart at τ = 0.01: shares down to 1e-78.
  static let steep = Tensor((0..<10).map { -0.2 * Double($0) })
  static let cold = 0.01

  @Test func eliminationIsRightWhereConditionNumbersAreHopeless() throws {
    let x = (Self.steep / Tensor(Self.cold)).softmax()
    let exact = jacobian(of: x) / Tensor(Self.cold)
    let K = bordered((-Tensor(Self.cold) / x).diagonal(), Tensor.ones([10]), 0)
    let inverse = bordered(-exact, x, Tensor(Self.cold))
    #expect(norm(K) * norm(inverse) > 1e75)
    #expect(norm(matmul(abs(inverse), abs(K))) < 25)
    let J = try SoftmaxProblem.reduced(temperature: Self.cold, solver: LUSolver())
      .jacobian(at: Self.steep).value.slice(0..<10)
    #expect(relative(J, exact) < 1e-12)
    // The textbook formula cancels in 1 − x₁: about half of the digits are lost.
    let naive = (x.diagonal() - outer(x, x)) / Tensor(Self.cold)
    #expect(relative(naive, exact) > 1e-10)
    #expect(relative(naive, exact) < 1e-6)
  }

  /// No entry of the solution is sensitive, relative to itself, to changes of each entry by rounding.
  @Test(arguments: [1, 0.3, 0.1, 0.03, 0.01])
  func eachEntryIsWellConditioned(tau: Double) throws {
    let x = (Self.steep / Tensor(tau)).softmax()
    let exact = jacobian(of: x) / Tensor(tau)
    let K = bordered((-Tensor(tau) / x).diagonal(), Tensor.ones([10]), 0)
    let inverse = bordered(-exact, x, Tensor(tau))
    let solution = Tensor.concatenate([exact, -x.expanded(atAxis: 0)])
    let rightHandSide = Tensor.concatenate([-Tensor.identity(10), Tensor.zeros([1, 10])])
    let change = matmul(abs(K), abs(solution)) + abs(rightHandSide)
    let numbers = matmul(abs(inverse), change) / abs(solution)
    #expect(numbers.max().scalar < 8.001)
    // And LU keeps to it, entry by entry: about 8 ε, with some room for the yardstick's own rounding.
    let J = try SoftmaxProblem.reduced(temperature: tau, solver: LUSolver())
      .jacobian(at: Self.steep).value.slice(0..<10)
    #expect(largest((J - exact) / exact) < 20 * Double.ulpOfOne)
  }

  /// In log-coordinates `‖·‖ ‖·⁻¹‖ = 2 (3 − 2 min x)`.
  @Test(arguments: [1, 0.3, 0.1, 0.03, 0.01])
  func logarithmsAreWellConditioned(tau: Double) throws {
    let x = (Self.steep / Tensor(tau)).softmax()
    let A = try SoftmaxProblem.logarithmic(temperature: tau).linearize(at: Self.steep).A
    let matrix = Tensor(shape: [11, 11], try A.denseMatrix())
    let condition = norm(matrix) * norm(try solve(matrix, Tensor.identity(11)))
    #expect((condition - 2 * (3 - 2 * x.min().scalar)).magnitude < Self.rounding)
  }

  /// A step of refinement gives the textbook formula its lost digits back.
  @Test func refinementRepairsTheFormula() throws {
    let (x, tau) = ((Self.steep / Tensor(Self.cold)).softmax(), Tensor(Self.cold))
    let exact = jacobian(of: x) / tau
    let naive = (x.diagonal() - outer(x, x)) / tau
    let K = bordered((-tau / x).diagonal(), Tensor.ones([10]), 0)
    let rightHandSide = Tensor.concatenate([-Tensor.identity(10), Tensor.zeros([1, 10])])
    let found = Tensor.concatenate([naive, -x.expanded(atAxis: 0)])
    let correction = matmul(bordered(-naive, x, tau), rightHandSide - matmul(K, found))
    #expect(relative(naive, exact) > 1e-10)
    #expect(relative((found + correction).slice(0..<10), exact) < 1e-14)
  }

  @Test func iterationIsRefusedThereAndCuredByLogarithms() throws {
    let exact = jacobian(of: (Self.steep / Tensor(Self.cold)).softmax()) / Tensor(Self.cold)
    let reduced = try SoftmaxProblem.reduced(temperature: Self.cold, solver: GMRES())
      .linearize(at: Self.steep)
    #expect(throws: DifferentiationError.self) { _ = try reduced.jacobian() }
    for (solver, tolerance): (any LinearSolver, Double) in [(LUSolver(), 1e-12), (GMRES(), 1e-6)] {
      let at = try SoftmaxProblem.logarithmic(temperature: Self.cold, solver: solver).linearize(
        at: Self.steep)
      let J = exp(at.solution.x).expanded(atAxis: 1) * (try at.jacobian().value.slice(0..<10))
      #expect(relative(J, exact) < tolerance)
    }
  }

  @Test func underflowIsAnErrorInSharesAndNoneInLogarithms() throws {
    let theta: Tensor = [0, -0.8]  // 800 temperatures apart, beyond 745
    let tau = 0.001
    let error = #expect(throws: DifferentiationError.self) {
      _ = try SoftmaxProblem.reduced(temperature: tau).linearize(at: theta)
    }
    guard case .notFinite = error else {
      Issue.record("expected an infinite logarithm, not \(String(describing: error))")
      return
    }
    let slope = try SoftmaxProblem.logarithmic(temperature: tau).pushforward(at: theta, [0, 1])
    #expect((slope.value.x[1] * tau - 1).magnitude < Self.rounding)
  }

  @Test func pullbackInTwoPassesCancelsAndInPairsDoesNot() throws {
    let x = (Self.steep / Tensor(Self.cold)).softmax()
    let cotangent = Tensor((0..<10).map { Double($0 % 3) - 0.7 })
    let exact = x * matmul(pairs(cotangent), x) / Tensor(Self.cold)
    let twoPasses = x * (cotangent - x.dot(cotangent)) / Tensor(Self.cold)
    #expect(relative(twoPasses, exact) > 1e-10)
    let implicit = try SoftmaxProblem.reduced(temperature: Self.cold, solver: LUSolver())
      .pullback(at: Self.steep, SoftmaxProblem.Reduced(x: cotangent, u: 0)).value
    #expect(relative(implicit, exact) < 1e-6)
  }

  /// The limit τ → 0: derivative zero away from ties, 1/(4τ) at a tie of two.
  @Test(arguments: [0.1, 0.01, 0.005])
  func limitOfLowTemperature(tau: Double) throws {
    let function = SoftmaxProblem.logarithmic(temperature: tau)
    func slope(_ theta: Tensor) throws -> Double {
      let at = try function.linearize(at: theta)
      let dz = try at.pushforward([1, 0]).value.x
      return (exp(at.solution.x) * dz)[0]
    }
    #expect((try slope([0, 0]) * 4 * tau - 1).magnitude < Self.rounding)
    #expect(try slope([0.3, 0]) <= 1.01 * exp(Tensor(-0.3 / tau)).scalar / tau)
  }

  /// The slope with a gap is largest where `s tanh(s/2) = 1`, `s = gap/τ`: two thirds of the gap.
  @Test(arguments: [0.2, 1, 3])
  func slopeIsLargestAtTwoThirdsOfTheGap(gap: Double) throws {
    let s = 1.5434046384182085
    #expect((s * tanh(Tensor(s / 2)).scalar - 1).magnitude < 1e-14)
    func slope(_ tau: Double) throws -> Double {
      let at = try SoftmaxProblem.logarithmic(temperature: tau).linearize(at: [Tensor(gap), 0])
      return (exp(at.solution.x) * (try at.pushforward([1, 0]).value.x))[0]
    }
    let top = try slope(gap / s)
    #expect(try slope(0.999 * gap / s) < top)
    #expect(try slope(1.001 * gap / s) < top)
  }

  // MARK: Second derivatives

  /// `∂²xᵢ/∂θⱼ∂θₖ` by nested derivatives of the conditions and a second solve with the same `A`.
  @Test func secondDerivative() throws {
    let theta = Self.scores[2]
    let n = theta.count
    let at = try SoftmaxProblem.loaded().linearize(at: .init(theta: theta, load: .zero(n)))
    let (x, y) = (at.solution.x, at.solution)
    func along(_ direction: Tensor) throws -> Tensor {
      let dy = try at.pushforward(.init(theta: direction, load: .zero(n))).value
      let q = valueAndPushforward(at: Tensor(0), along: 1) { s in
        valueAndPushforward(at: s, along: 1) { t in
          SoftmaxProblem.F(
            theta + t * direction, .init(x: y.x + t * dy.x, u: y.u + t * dy.u))
        }.tangent
      }.tangent
      return try at.pushforward(.init(theta: Tensor.zeros([n]), load: q)).value.x
    }
    let e = (0..<n).map { Tensor.identity(n).at($0) }
    for j in 0..<n {
      for k in 0..<n {
        let entry = 0.5 * (try along(e[j] + e[k]) - (try along(e[j])) - (try along(e[k])))
        let formula = Tensor(
          (0..<n).map { i in
            func delta(_ a: Int, _ b: Int) -> Double { a == b ? 1 : 0 }
            let product = (delta(i, j) - x[j]) * (delta(i, k) - x[k])
            return x[i] * (product - x[j] * (delta(j, k) - x[k]))
          })
        #expect(largest(entry - formula) < Self.rounding)
      }
    }
  }

  // MARK: Sparsemax

  /// Supports of one, two, three and all candidates.
  @Test(
    arguments: [
      ([3, 0.5, 1], [1, 0, 0]), ([0.9, -0.4, 0.3, 1.6, -1.1], [1, 0, 0, 1, 0]),
      ([1, 0.9, 0.8, -2], [1, 1, 1, 0]), ([0.1, 0.2, 0], [1, 1, 1]),
    ] as [([Double], [Double])])
  func sparsemax(theta: [Double], support: [Double]) throws {
    let n = theta.count
    let s = Tensor(support)
    let at = try SoftmaxProblem.sparsemax().linearize(at: Tensor(theta))
    #expect(at.solution.x.scalars.map { $0 > 0 ? 1 : 0 } == support)
    #expect(at.solution.v.min().scalar >= -1e-15)
    let J = try at.jacobian().value.slice(0..<n)
    #expect(largest(J - (s.diagonal() - outer(s, s) / s.sum())) < Self.rounding)
  }

  @Test func sparsemaxHasNoDerivativeAtAKink() throws {
    let error = #expect(throws: DifferentiationError.self) {
      _ = try SoftmaxProblem.sparsemax().linearize(at: [1, 0])
    }
    guard case .linearSolve(.singular, _) = error else {
      Issue.record("expected a singular system, not \(String(describing: error))")
      return
    }
  }

  // MARK: Helpers

  /// `diag(x) − xxᵀ`, with `xᵢ Σ xⱼ` over the others in place of `xᵢ (1 − xᵢ)`.
  private func jacobian(of x: Tensor) -> Tensor {
    let off = outer(x, x) * (1 - Tensor.identity(x.count))
    return off.sum(alongAxis: 1).diagonal() - off
  }

  /// `gᵢ − gⱼ`.
  private func pairs(_ g: Tensor) -> Tensor { g.expanded(atAxis: 1) - g.expanded(atAxis: 0) }

  private func largest(_ a: Tensor) -> Double { a.norm(.infinity).scalar }

  private func relative(_ a: Tensor, _ b: Tensor) -> Double { ((a - b).norm() / b.norm()).scalar }

  /// The largest sum of a row's absolute values.
  private func norm(_ a: Tensor) -> Double { abs(a).sum(alongAxis: 1).max().scalar }

  private func bordered(_ block: Tensor, _ border: Tensor, _ corner: Tensor) -> Tensor {
    Tensor.concatenate([
      Tensor.concatenate([block, border.expanded(atAxis: 1)], alongAxis: 1),
      Tensor.concatenate([border, corner.reshaped([1])]).expanded(atAxis: 0),
    ])
  }

  private func matrix(
    _ F: (Tensor, SoftmaxProblem.Optimum) -> SoftmaxProblem.Optimum, _ theta: Tensor,
    _ y: SoftmaxProblem.Optimum
  ) throws -> Tensor {
    let size = y.variableCount
    return try Tensor(
      shape: [size, size],
      linearization(at: y) { F(theta, $0) }.jacobian.denseMatrix())
  }

  /// By expansion along rows, without pivoting or thresholds: for matrices of which most entries
  /// vanish, above all in the last rows.
  private func determinant(_ matrix: Tensor) -> Double {
    func minor(_ rows: ArraySlice<[Double]>, _ columns: [Int]) -> Double {
      guard let row = rows.first else { return 1 }
      var (sum, sign) = (0.0, 1.0)
      for (place, j) in columns.enumerated() {
        if row[j] != 0 {
          var others = columns
          others.remove(at: place)
          sum += sign * row[j] * minor(rows.dropFirst(), others)
        }
        sign = -sign
      }
      return sum
    }
    let n = matrix.shape[0]
    // Sparse rows first, for fewer branches; reversing the order of n rows is n (n − 1)/2 swaps.
    let rows = (0..<n).reversed().map { matrix.at($0).scalars }
    return ((n * (n - 1) / 2).isMultiple(of: 2) ? 1 : -1) * minor(rows[...], Array(0..<n))
  }
}
