import Kernels

// What the small matrices of Krylov methods show about the spectrum of `A`: numbers between its
// smallest and its largest singular value, so that their ratios bound the condition number from below.

/// The Lanczos matrix of conjugate gradients as `T = L D Lᵀ`, from the numbers that the method computes
/// anyway: `D = diag(1/αₖ)`, and `−√βₖ` below the unit diagonal of `L`.
///
/// Source: G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed. (2013), section 11.3.4.
struct LanczosFactors {
  private var alphas: [Double] = []
  private var rootBetas: [Double] = []

  /// The largest entry on the diagonal of `T`, at most its largest eigenvalue.
  private(set) var largestDiagonal = 0.0

  /// Takes in one step, `x ← x + α p` and `p ← r + β p`.
  mutating func append(alpha: Double, beta: Double) {
    let previous = rootBetas.last.map { $0 * $0 / alphas[alphas.count - 1] } ?? 0
    largestDiagonal = max(largestDiagonal, 1 / alpha + previous)
    alphas.append(alpha)
    rootBetas.append(beta.squareRoot())
  }

  /// The smallest eigenvalue of `T` or a little more, from three steps of inverse iteration. `T⁻¹` has
  /// no negative entry, so neither has its leading eigenvector, and a vector of ones is a good start.
  var smallestEigenvalue: Double {
    let k = alphas.count
    var y = [Double](repeating: 1, count: k)
    var eigenvalue = Double.infinity
    for _ in 0..<3 {
      let size = ProbeVector.norm(y)
      for j in 0..<k { y[j] /= size }
      var product = y
      for j in 1..<max(k, 1) { product[j] += rootBetas[j - 1] * product[j - 1] }
      for j in 0..<k { product[j] *= alphas[j] }
      for j in stride(from: k - 2, through: 0, by: -1) {
        product[j] += rootBetas[j] * product[j + 1]
      }
      // A Rayleigh quotient of T⁻¹ is at most its largest eigenvalue.
      eigenvalue = min(eigenvalue, 1 / ProbeVector.dot(y, product))
      y = product
    }
    return eigenvalue
  }
}

/// An upper triangle with two diagonals above the main one, which the methods with short recurrences
/// reduce their matrices to.
struct NarrowTriangle {
  private var main: [Double] = []
  private var above: [Double] = []
  private var above2: [Double] = []

  /// One more column, from the main diagonal upwards.
  mutating func append(_ diagonal: Double, _ above: Double, _ above2: Double) {
    main.append(diagonal)
    self.above.append(above)
    self.above2.append(above2)
  }

  /// `b ← R⁻¹ b`.
  private func solve(_ b: inout [Double]) {
    let k = main.count
    for j in stride(from: k - 1, through: 0, by: -1) {
      var sum = b[j]
      if j + 1 < k { sum -= above[j + 1] * b[j + 1] }
      if j + 2 < k { sum -= above2[j + 2] * b[j + 2] }
      b[j] = sum / main[j]
    }
  }

  /// `b ← R⁻ᵀ b`.
  private func solveTransposed(_ b: inout [Double]) {
    for j in main.indices {
      var sum = b[j]
      if j >= 1 { sum -= above[j] * b[j - 1] }
      if j >= 2 { sum -= above2[j] * b[j - 2] }
      b[j] = sum / main[j]
    }
  }

  /// The smallest singular value or a little more; six sweeps.
  var leastSingularValue: Double {
    inverseIteration(
      count: main.count, atMost: main.reduce(.infinity) { min($0, $1.magnitude) },
      solve: solve, solveTransposed: solveTransposed)
  }
}

/// An upper triangle, column `k` from `k (k + 1) / 2`.
struct PackedTriangle {
  let entries: [Double]
  let count: Int

  private subscript(i: Int, k: Int) -> Double { entries[k * (k + 1) / 2 + i] }

  /// `b ← R⁻¹ b`.
  func solve(_ b: inout [Double]) {
    for k in stride(from: count - 1, through: 0, by: -1) {
      b[k] /= self[k, k]
      for j in 0..<k { b[j] -= b[k] * self[j, k] }
    }
  }

  /// `b ← R⁻ᵀ b`.
  func solveTransposed(_ b: inout [Double]) {
    for k in 0..<count {
      for j in 0..<k { b[k] -= self[j, k] * b[j] }
      b[k] /= self[k, k]
    }
  }

  /// The smallest singular value or a little more; six triangular solves.
  var leastSingularValue: Double {
    inverseIteration(
      count: count,
      atMost: (0..<count).reduce(.infinity) { min($0, self[$1, $1].magnitude) },
      solve: solve, solveTransposed: solveTransposed)
  }
}

/// `min ‖R z‖ / ‖z‖` over three steps of inverse iteration on `RᵀR` from a fixed random vector, or the
/// bound that is known if that is smaller.
private func inverseIteration(
  count: Int, atMost bound: Double, solve: (inout [Double]) -> Void,
  solveTransposed: (inout [Double]) -> Void
) -> Double {
  var y = ProbeVector.make(count: count, seed: 4)
  var least = bound
  for _ in 0..<3 {
    solveTransposed(&y)
    let size = ProbeVector.norm(y)
    if !(size > 0 && size.isFinite) { return least }
    for j in y.indices { y[j] /= size }
    solve(&y)
    // z = R⁻¹y with ‖y‖ = 1.
    let inverse = ProbeVector.norm(y)
    if !(inverse > 0 && inverse.isFinite) { return least }
    least = min(least, 1 / inverse)
    for j in y.indices { y[j] /= inverse }
  }
  return least
}
