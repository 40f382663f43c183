import Kernels
import LinearSolvers

/// What errors are measured by: other right-hand sides, and other points.
extension Certifier {
  /// The solver that measures: that of the derivative, or a factorisation in place of an iterative
  /// method where that costs little. An iterative method would be blind for its own weaknesses, such
  /// as equations in small units.
  func reference() throws -> any PreparedLinearSolver {
    if solver.condition != nil || solver is PreparedGaugedSolver
      || A.rowCount > Self.factorisedCount
    {
      return solver
    }
    if let known = state.withLock({ $0.reference }) { return known }
    let reference = try LUSolver().prepare(A)
    state.withLock { $0.reference = reference }
    return reference
  }

  /// Solutions by the reference solver; with a gauge, without the components that are free.
  func solve(_ columns: [[Double]], transposed: Bool) throws -> [[Double]] {
    let solver = try reference()
    guard let gauged = solver as? PreparedGaugedSolver else {
      return try solver.solve(columns: columns, transposed: transposed).map(\.vector)
    }
    return try gauged.regular.solve(columns: columns, transposed: transposed).map {
      var x = $0.vector
      removeComponents(transposed ? gauged.left : gauged.right, from: &x)
      return x
    }
  }

  /// `max |b − A x|ᵢ / (|A||x| + |b|)ᵢ`: the smallest relative change of the *entries* of `A` and `b`
  /// for which `x` is exact (W. Oettli and W. Prager 1964). Unlike a ratio of norms it is not blind for
  /// equations in smaller units, which iterative methods do not scale.
  ///
  /// Where `|b|` alone shows as much as the norms do, that is enough; otherwise `|A||x|` is taken from
  /// products with random signs, two of them in one pass over the operator.
  func componentwiseError(
    _ answer: LinearSolution, _ b: [Double], transposed: Bool
  ) throws -> Double {
    let x = answer.vector
    let residual: [Double]
    if let known = answer.residual {
      residual = known
    } else {
      let image = try transposed ? A.transposeApplied(to: x) : A.applied(to: x)
      residual = zip(b, image).map { $0 - $1 }
    }
    func error(_ terms: (Int) -> Double) -> Double {
      residual.indices.reduce(0) { largest, i in
        residual[i] == 0 ? largest : Swift.max(largest, residual[i].magnitude / terms(i))
      }
    }
    let byRightHandSide = error { b[$0].magnitude }
    if byRightHandSide <= Self.roundings * answer.backwardError { return byRightHandSide }
    let signs = try A.applied(
      toEach: Self.seeds.map { perturbed(x, seed: $0) }, transposed: transposed)
    return error { i in
      signs.reduce(b[i].magnitude) { Swift.max($0, $1[i].magnitude) }
    }
  }

  /// `‖B‖_F / √n`, by one product with a random vector: the length of `Bᵀ` times a vector of length
  /// one, on the average over its directions.
  func inputNorm() throws -> Double {
    if let known = state.withLock({ $0.inputNorm }) { return known }
    let found = try B.transposedNormEstimate(seed: 5)
    state.withLock { $0.inputNorm = found }
    return found
  }

  /// Whether a Newton step is no longer than what rounding of the residual makes of it.
  func isNoise(_ step: [Double]) -> Bool {
    guard let noise = try? noiseStep() else { return false }
    return norm(step) <= 2 * norm(noise)
  }

  /// How far the solution moves when each term of the residual is changed at random by some units of
  /// rounding: the longest of three tries, for one may miss the direction in which it moves easily.
  /// The terms are taken to be as large as those of `A y` and `B x`.
  func noiseStep() throws -> [Double] {
    if let known = state.withLock({ $0.noiseStep }) { return known }
    let noise = try [31, 41, 51].map { (seed: UInt64) in
      let image = perturbed(try A.applied(to: perturbed(solution, seed: seed)), seed: seed + 1)
      let terms = perturbed(try B.applied(to: perturbed(input(), seed: seed + 2)), seed: seed + 3)
      return zip(image, terms).map { 4 * Double.ulpOfOne * ($0 + $1) }
    }
    let step =
      try solve(noise, transposed: false).max { norm($0) < norm($1) } ?? []
    state.withLock { $0.noiseStep = step }
    return step
  }

  func perturbed(_ x: [Double], seed: UInt64) -> [Double] {
    zip(x, ProbeVector.make(count: x.count, seed: seed)).map { $0 * $1 }
  }

  func norm(_ x: [Double]) -> Double { ProbeVector.norm(x) }
}
