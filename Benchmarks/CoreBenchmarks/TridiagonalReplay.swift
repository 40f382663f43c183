import HandWritten
import ImplicitDifferentiation
import Measurement

/// One replay of the Jacobian of `Fᵢ = 2yᵢ − yᵢ₋₁ − yᵢ₊₁ + xᵢ exp(yᵢ) − 1` in `y`, forwards and
/// backwards, against the loop that a person writes: plain arrays, checked subscripts, a branch at
/// either end, the diagonal computed beforehand.
func benchmarkTridiagonalReplay(
  count n: Int, _ settings: Settings, into report: inout Report
) throws {
  let problem = ExponentialTridiagonal(count: n)
  let jacobian = try problem.linearization().jacobian
  let v = problem.direction
  let diagonal = problem.diagonal

  var replayed = [Double](repeating: 0, count: n)
  var looped = replayed
  let reference = problem.reference(v)
  for transposed in [false, true] {
    let timings = try alternate(
      rounds: settings.rounds, turn: settings.turn,
      [
        Contestant(
          name: "naive hand loop", run: { naiveTridiagonalProduct(diagonal, v, into: &looped) },
          error: { relativeError(looped, reference) }),
        Contestant(
          name: "replayed program",
          run: {
            var out = replayed.mutableSpan
            if transposed {
              try jacobian.transposeMatvec(v.span, into: &out)
            } else {
              try jacobian.matvec(v.span, into: &out)
            }
          }, error: { relativeError(replayed, reference) }),
      ])
    report.add(
      "tridiagonal replay \(transposed ? "backwards" : "forwards"), n = \(n)", timings,
      targets: [nil, 1.2])
  }
}

/// The problem of the replay benchmarks, with inputs in `[½, 1½)` and unknowns in `[−1, 1)`.
struct ExponentialTridiagonal {
  let count: Int
  let unknowns: [Double]
  let inputs: [Double]
  let direction: [Double]
  /// `2 + xᵢ exp(yᵢ)`; the diagonals beside it are −1.
  let diagonal: [Double]

  init(count n: Int) {
    var generator = SplitMix64(seed: 113)
    count = n
    unknowns = generator.symmetric(count: n)
    inputs = (0..<n).map { _ in 0.5 + generator.unit() }
    direction = generator.symmetric(count: n)
    let products = (Tensor(inputs) * exp(Tensor(unknowns))).scalars
    diagonal = products.map { 2 + $0 }
  }

  func linearization() throws -> Linearization<Tensor, Tensor> {
    let x = Tensor(inputs)
    return try ImplicitDifferentiation.linearization(at: Tensor(unknowns)) { y in
      2 * y - y.shifted(by: 1) - y.shifted(by: -1) + x * exp(y) - 1
    }
  }

  /// The product row by row, the neighbours summed first: another order than either contestant's.
  func reference(_ v: [Double]) -> [Double] {
    (0..<count).map { i in
      let neighbours = (i > 0 ? v[i - 1] : 0) + (i + 1 < count ? v[i + 1] : 0)
      return diagonal[i] * v[i] - neighbours
    }
  }
}
