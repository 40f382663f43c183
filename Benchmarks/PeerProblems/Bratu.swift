import FaultOracle
import ForwardSolvers
import ImplicitDifferentiation
import Kernels
import Measurement

/// The Bratu equation in one dimension, with a coefficient at every node.
/// ```
/// 2uᵢ − uᵢ₋₁ − uᵢ₊₁ − h² λᵢ exp(uᵢ) = 0,  h = 1/(n+1), zero outside      L = vᵀu      dL/dλ
/// ```
package struct Bratu: PeerProblem {
  package static let name = "bratu"
  package static let sizes = [10, 100, 1000, 10_000]

  package let count: Int
  package let coefficients: [Double]
  package let direction: [Double]

  private var spacing: Double { 1 / Double(count + 1) }

  package init(count n: Int) {
    var generator = SplitMix64(seed: 107)
    count = n
    coefficients = generator.unit(count: n).map { 1 + 0.5 * $0 }
    direction = generator.symmetric(count: n)
  }

  package var data: [(name: String, values: [Double])] {
    [("lambda", coefficients), ("v", direction)]
  }

  package var tasks: [PeerTask] {
    let (start, square) = (Tensor.zeros([count]), Tensor(spacing * spacing))
    let residual = { @Sendable (lambda: Tensor, u: Tensor) in
      2 * u - u.shifted(by: 1) - u.shifted(by: -1) - square * lambda * exp(u)
    }
    // A residual is about h² where nothing is solved yet, and cannot fall below √n times the rounding
    // of one entry, 2⁻⁵⁵ for 2u in [¼, ½): for a million unknowns that is more than 10⁻¹⁴.
    let rounding = Double(count).squareRoot() * 0x1p-55
    let newton = NewtonRootFinder(
      stopping: Stopping(gradientTolerance: max(1e-14, rounding), relativeTolerance: 1e-9))
    let solution = ImplicitFunction<Tensor, Tensor>(
      forward: { lambda in
        try newton.root(of: { u in residual(lambda, u) }, from: start).point
      }, conditions: .root(residual))
    let (lambda, v) = (Tensor(coefficients), Tensor(direction))
    return [
      PeerTask(
        .solveAndGradient,
        run: { try solution.linearize(at: lambda).pullback(v).value.scalars },
        reference: reference)
    ]
  }

  /// Newton's method whose residuals are computed to 32 digits and whose steps are solved to 16: the
  /// condition number is near `n²`, so that plain numbers would know nine digits for the largest `n`.
  private func reference() throws -> [Double] {
    let square = DoubleDouble(spacing * spacing)
    let zero = DoubleDouble(0)
    var u = [DoubleDouble](repeating: zero, count: count)
    /// `h² λ exp(u)`.
    func reactions() -> [DoubleDouble] {
      zip(coefficients, u).map { square * DoubleDouble($0) * exponential($1) }
    }
    /// `A x − b`, with `A` the second differences without what is to be subtracted from the diagonal.
    func residual(
      _ x: [DoubleDouble], diagonal: [DoubleDouble], minus b: [DoubleDouble]
    ) -> [DoubleDouble] {
      x.indices.map { i in
        let neighbours = (i > 0 ? x[i - 1] : zero) + (i + 1 < count ? x[i + 1] : zero)
        return diagonal[i] * x[i] - neighbours - b[i]
      }
    }
    let two = [DoubleDouble](repeating: DoubleDouble(2), count: count)
    for _ in 0..<30 {
      let reactions = reactions()
      let step = Bratu.elimination(
        diagonal: reactions.map { 2 - $0.high },
        residual(u, diagonal: two, minus: reactions).map(\.high))
      for i in u.indices { u[i] = u[i] - DoubleDouble(step[i]) }
      if step.allSatisfy({ $0.magnitude < 1e-24 }) { break }
    }
    let final = reactions()
    let diagonal = final.map { DoubleDouble(2) - $0 }
    let v = direction.map { DoubleDouble($0) }
    var w = [DoubleDouble](repeating: zero, count: count)
    for _ in 0..<10 {
      let step = Bratu.elimination(
        diagonal: diagonal.map(\.high), residual(w, diagonal: diagonal, minus: v).map(\.high))
      for i in w.indices { w[i] = w[i] - DoubleDouble(step[i]) }
    }
    return zip(w, u).map { (square * $0 * exponential($1)).high }
  }

  /// The tridiagonal system with −1 beside the diagonal, without exchanges.
  private static func elimination(diagonal: [Double], _ b: [Double]) -> [Double] {
    let n = b.count
    var (d, x) = (diagonal, b)
    for i in 1..<max(n, 1) {
      d[i] -= 1 / d[i - 1]
      x[i] += x[i - 1] / d[i - 1]
    }
    x[n - 1] /= d[n - 1]
    for i in stride(from: n - 2, through: 0, by: -1) { x[i] = (x[i] + x[i + 1]) / d[i] }
    return x
  }
}

/// The exponential function to about 31 digits, for arguments below 1 in size: its Taylor series at an
/// eighth of the argument, squared three times.
func exponential(_ x: DoubleDouble) -> DoubleDouble {
  let eighth = x * DoubleDouble(0.125)
  var (term, sum) = (DoubleDouble(1), DoubleDouble(1))
  for k in 1...24 {
    term = term * eighth / DoubleDouble(Double(k))
    sum = sum + term
  }
  for _ in 0..<3 { sum = sum * sum }
  return sum
}
