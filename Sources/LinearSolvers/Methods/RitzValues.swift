import Kernels

// What the small matrices of Krylov methods show about the spectrum of `A`: numbers between its
// smallest and its largest singular value, so that their ratios bound the condition number from below.

/// The spaces of powers of `A` times a vector, in which these methods look for solutions.
package enum KrylovSpace {
  /// A method that ends sooner has seen few directions, and knows little of the condition.
  package static var fewSteps: Int { 5 }
}

/// The Lanczos matrix of conjugate gradients as `T = L D Lᵀ`, from the numbers that the method computes
/// anyway: `D = diag(1/αₖ)`, and `−√βₖ` below the unit diagonal of `L`.
///
/// Source: G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed. (2013), section 11.3.4.
struct LanczosFactors {
  private var alphas: [Double] = []
  private var rootBetas: [Double] = []

  /// `βₖ / αₖ` of the last step.
  private var last = 0.0

  init() {
    // Most solves take fewer steps.
    alphas.reserveCapacity(32)
    rootBetas.reserveCapacity(32)
  }

  /// The largest entry on the diagonal of `T`, at most its largest eigenvalue.
  private(set) var largestDiagonal = 0.0

  /// Takes in one step, `x ← x + α p` and `p ← r + β p`.
  mutating func append(alpha: Double, beta: Double) {
    let inverse = 1 / alpha
    largestDiagonal = max(largestDiagonal, inverse + last)
    last = beta * inverse
    alphas.append(alpha)
    rootBetas.append(beta.squareRoot())
  }

  /// The smallest eigenvalue of `T` or a little more, from three steps of inverse iteration. `T⁻¹` has
  /// no negative entry, so neither has its leading eigenvector, and a vector of ones is a good start.
  var smallestEigenvalue: Double {
    let k = alphas.count
    if k == 0 { return .infinity }
    let arena = VectorArena(vectors: 2, length: k)
    let (y, product) = (arena[0], arena[1])
    y.update(repeating: 1 / Double(k).squareRoot(), count: k)
    var eigenvalue = Double.infinity
    alphas.withUnsafeBufferPointer { alphas in
      rootBetas.withUnsafeBufferPointer { rootBetas in
        for _ in 0..<3 {
          var carried = 0.0
          for j in 0..<k {
            let value = y[j] + carried
            product[j] = value * alphas[j]
            carried = rootBetas[j] * value
          }
          for j in stride(from: k - 2, through: 0, by: -1) {
            product[j] += rootBetas[j] * product[j + 1]
          }
          // A Rayleigh quotient of T⁻¹ is at most its largest eigenvalue.
          eigenvalue = min(eigenvalue, 1 / Vector.dot(y, product, count: k))
          y.update(from: product, count: k)
          Vector.scale(1 / Vector.norm(y, count: k), y, count: k)
        }
      }
    }
    return eigenvalue
  }
}

/// An upper triangle with two diagonals above the main one, which the methods with short recurrences
/// reduce their matrices to.
struct NarrowTriangle {
  /// The reciprocals of the main diagonal, and the two diagonals above it.
  private var columns: [(inverse: Double, above: Double, above2: Double)] = []
  private var least = Double.infinity

  /// One more column, from the main diagonal upwards.
  mutating func append(_ diagonal: Double, _ above: Double, _ above2: Double) {
    columns.append((1 / diagonal, above, above2))
    least = min(least, diagonal.magnitude)
  }

  /// `b ← R⁻¹ b`, by columns.
  private func solve(_ b: inout [Double]) {
    columns.withUnsafeBufferPointer { columns in
      b.withUnsafeMutableBufferPointer { b in
        // What columns j and j + 1 leave in rows j and j − 1.
        var (next, afterNext) = (0.0, 0.0)
        for j in stride(from: columns.count - 1, through: 0, by: -1) {
          let column = columns[j]
          b[j] = (b[j] - next) * column.inverse
          next = afterNext + column.above * b[j]
          afterNext = column.above2 * b[j]
        }
      }
    }
  }

  /// `b ← R⁻ᵀ b`.
  private func solveTransposed(_ b: inout [Double]) {
    columns.withUnsafeBufferPointer { columns in
      b.withUnsafeMutableBufferPointer { b in
        var (previous, before) = (0.0, 0.0)
        for j in columns.indices {
          let column = columns[j]
          let value = (b[j] - column.above2 * before - column.above * previous) * column.inverse
          (before, previous) = (previous, value)
          b[j] = value
        }
      }
    }
  }

  /// The smallest singular value or a little more; six sweeps.
  var leastSingularValue: Double {
    inverseIteration(
      count: columns.count, atMost: least, solve: solve, solveTransposed: solveTransposed)
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
    scale(&y, by: 1 / size)
    solve(&y)
    // z = R⁻¹y with ‖y‖ = 1.
    let inverse = ProbeVector.norm(y)
    if !(inverse > 0 && inverse.isFinite) { return least }
    least = min(least, 1 / inverse)
    scale(&y, by: 1 / inverse)
  }
  return least
}

private func scale(_ y: inout [Double], by factor: Double) {
  y.withUnsafeMutableBufferPointer { y in
    if let start = y.baseAddress { Vector.scale(factor, start, count: y.count) }
  }
}
