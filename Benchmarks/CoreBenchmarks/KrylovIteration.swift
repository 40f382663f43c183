import HandWritten
import ImplicitDifferentiation
import Measurement

/// An iteration of conjugate gradients on a symmetric tridiagonal system, the library's method on
/// the traced operator and on a stored band, against one written by hand with vector registers and
/// every pass over memory that can be saved, saved.
///
/// The hand-written product and the traced one know that the diagonals beside the main one are −1.
/// The band stores them, so that it reads two thirds more memory; no ratio is wanted of it.
func benchmarkKrylovIteration(
  count n: Int, _ settings: Settings, into report: inout Report
) throws {
  let problem = SecondDifference(count: n)
  let iterations = settings.quick ? 20 : 100
  // The second difference with a little on its diagonal needs hundreds of iterations: none of the
  // contestants is done before the limit, so all of them do the same work.
  let solver = ConjugateGradient(relativeTolerance: 1e-14, maximumIterations: iterations)
  let traced = try solver.prepare(try problem.linearization().jacobian)
  let banded = try solver.prepare(
    try BandedOperator(
      below: [Double](repeating: -1, count: n - 1), diagonal: problem.diagonal,
      above: [Double](repeating: -1, count: n - 1)))
  let b = problem.rightHandSide

  // The library refuses to return what has not converged, but says how far it came.
  var norms = [0.0, 0.0, 0.0]
  let size = b.reduce(0) { $0 + $1 * $1 }.squareRoot()
  func relativeResidual(_ prepared: any PreparedLinearSolver) throws -> Double {
    do {
      _ = try prepared.solve(b, transposed: false, initialGuess: nil)
      throw UsageError(description: "The system of the Krylov benchmark is too easy.")
    } catch let error as LinearSolveError {
      guard case .notConverged(_, let residualNorm, _) = error else { throw error }
      return residualNorm / size
    }
  }
  let hand = HandWrittenConjugateGradient(problem.diagonal, b)
  let expected = hand.run(iterations: iterations)
  let timings = try alternate(
    rounds: settings.rounds, turn: settings.turn,
    [
      Contestant(
        name: "hand-written", run: { norms[0] = hand.run(iterations: iterations) },
        error: { abs(norms[0] / expected - 1) }),
      Contestant(
        name: "ConjugateGradient, traced operator",
        run: { norms[1] = try relativeResidual(traced) },
        error: { abs(norms[1] / expected - 1) }),
      Contestant(
        name: "ConjugateGradient, BandedOperator", run: { norms[2] = try relativeResidual(banded) },
        error: { abs(norms[2] / expected - 1) }),
    ]
  ).map { timing in
    var timing = timing
    timing.seconds = timing.seconds.map { $0 / Double(iterations) }
    return timing
  }
  report.add(
    "conjugate gradients, one iteration of \(iterations), n = \(n)", timings,
    targets: [nil, 1.3, nil])
}

/// `Aᵢᵢ = 2 + 10⁻⁴(1 + uᵢ)`, `Aᵢ,ᵢ±₁ = −1`: positive definite, condition number about 3·10⁴.
private struct SecondDifference {
  let diagonal: [Double]
  let rightHandSide: [Double]

  init(count n: Int) {
    var generator = SplitMix64(seed: 114)
    diagonal = (0..<n).map { _ in 2 + 1e-4 * (1 + generator.unit()) }
    rightHandSide = generator.symmetric(count: n)
  }

  func linearization() throws -> Linearization<Tensor, Tensor> {
    let d = Tensor(diagonal)
    return try ImplicitDifferentiation.linearization(at: Tensor(rightHandSide)) { y in
      d * y - y.shifted(by: 1) - y.shifted(by: -1)
    }
  }
}
