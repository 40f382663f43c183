import HandWritten
import ImplicitDifferentiation
import Measurement

/// The Hessian–vector product of ridge regression, `XᵀX v / m + θ ∘ v`, from the traced objective
/// (the gradient derived, the Hessian its recording), against two hand-written loops over the
/// rows of `X`.
func benchmarkRidgeProduct(
  rows m: Int, columns n: Int, _ settings: Settings, into report: inout Report
) throws {
  var generator = SplitMix64(seed: 101)
  let matrix = generator.symmetric(count: m * n)
  let targets = generator.symmetric(count: m)
  let weights = generator.symmetric(count: n)
  let v = generator.symmetric(count: n)
  let penalty = [Double](repeating: 0.1, count: n)

  let features = Tensor(shape: [m, n], matrix)
  let (b, theta) = (Tensor(targets), Tensor(penalty))
  let scale = Tensor(0.5 / Double(m))
  let hessian = try linearization(at: Tensor(weights)) { w in
    gradient(at: w) { w in
      scale * (matmul(features, w) - b).squaredNorm() + 0.5 * theta.dot(w * w)
    }
  }.jacobian

  var traced = [Double](repeating: 0, count: n)
  var looped = traced
  var residual = [Double](repeating: 0, count: m)
  var reference = traced
  ridgeReference(matrix, rows: m, columns: n, penalty, v, into: &reference)
  for transposed in [false, true] {
    let timings = try alternate(
      rounds: settings.rounds, turn: settings.turn,
      [
        Contestant(
          name: "two naive hand loops",
          run: {
            naiveRidgeProduct(
              matrix, rows: m, columns: n, penalty, v, residual: &residual, into: &looped)
          }, error: { relativeError(looped, reference) }),
        Contestant(
          name: "replayed program",
          run: {
            var out = traced.mutableSpan
            if transposed {
              try hessian.transposeMatvec(v.span, into: &out)
            } else {
              try hessian.matvec(v.span, into: &out)
            }
          }, error: { relativeError(traced, reference) }),
      ])
    report.add(
      "ridge Hessian-vector product \(m)×\(n), \(transposed ? "transposed" : "as recorded")",
      timings, targets: [nil, 0.7])
  }
}
