import ImplicitDifferentiation
import Kernels
import Optimality

/// A seeded generator (SplitMix64).
struct TestRandom {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  /// Uniform in -1 ..< 1.
  mutating func next() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    z ^= z >> 31
    return Double(z >> 11) * 0x1p-52 - 1
  }

  mutating func vector(_ n: Int) -> [Double] { (0..<n).map { _ in next() } }

  mutating func matrix(_ m: Int, _ n: Int) -> [[Double]] { (0..<m).map { _ in vector(n) } }
}

/// A quadratic program made from its solution: z, ν, λ and the active set are drawn first, then
/// c, b and h such that they solve it.
struct RandomProgram {
  let program: QuadraticProgram
  let solution: KKTPoint<Tensor>
  let activeCount: Int

  /// - Parameters:
  ///   - singular: gives `Q` the rank `n − equalities − active`: singular, and still positive
  ///     definite along the constraints (they are drawn at random).
  init(seed: UInt64, n: Int, equalities p: Int, inequalities m: Int, active: Int, singular: Bool) {
    var random = TestRandom(seed: seed)
    let rank = singular ? n - p - active : n
    let factor = random.matrix(rank, n)
    var Q = (0..<n).map { i in
      (0..<n).map { j in (0..<rank).reduce(0.0) { $0 + factor[$1][i] * factor[$1][j] } }
    }
    if !singular { for i in 0..<n { Q[i][i] += 0.5 } }
    let (A, G) = (random.matrix(p, n), random.matrix(m, n))
    let (z, nu) = (random.vector(n), random.vector(p))
    // Clearly active or clearly not: margins of at least 0.3.
    let lambda = (0..<m).map { $0 < active ? 0.65 + 0.35 * random.next() : 0 }
    let slack = (0..<m).map { $0 < active ? 0 : 0.65 + 0.35 * random.next() }
    var c = [Double](repeating: 0, count: n)
    for i in 0..<n {
      for j in 0..<n { c[i] -= Q[i][j] * z[j] }
      for k in 0..<p { c[i] -= A[k][i] * nu[k] }
      for k in 0..<m { c[i] -= G[k][i] * lambda[k] }
    }
    func product(_ M: [[Double]]) -> [Double] {
      M.map { row in zip(row, z).reduce(0.0) { $0 + $1.0 * $1.1 } }
    }
    program = QuadraticProgram(
      Q: Tensor(Q), c: Tensor(c), A: p == 0 ? nil : Tensor(A), b: p == 0 ? nil : Tensor(product(A)),
      G: m == 0 ? nil : Tensor(G),
      h: m == 0 ? nil : Tensor(zip(product(G), slack).map { $0 + $1 }))
    solution = KKTPoint(
      primal: Tensor(z), equalityMultipliers: Tensor(nu), inequalityMultipliers: Tensor(lambda))
    activeCount = active
  }

  /// Twenty programs of different sizes, with and without each block, some with singular `Q`.
  static let all: [RandomProgram] = (0..<20).map { k in
    let sizes = [(4, 1, 3, 1), (6, 2, 5, 2), (5, 0, 6, 3), (7, 3, 0, 0), (8, 2, 7, 4)][k % 5]
    return RandomProgram(
      seed: 100 + UInt64(k), n: sizes.0, equalities: sizes.1, inequalities: sizes.2,
      active: sizes.3, singular: k % 4 == 3)
  }
}

/// The derivative of a QP's solution by differentiating its KKT conditions on paper and solving
/// them with plain Gaussian elimination: OptNet's matrix (Amos and Kolter 2017, equation 6), one
/// column for each entry of Q, c, A, b, G, h.
struct AnalyticDerivative {
  /// `(n + p + m)` rows, a column for each entry.
  let jacobian: [[Double]]

  init(_ random: RandomProgram) {
    let (program, point) = (random.program, random.solution)
    let (z, nu, lambda) = (
      point.primal.scalars, point.equalityMultipliers.scalars, point.inequalityMultipliers.scalars
    )
    let (n, p, m) = (z.count, nu.count, lambda.count)
    func entry(_ M: Tensor?, _ i: Int, _ j: Int) -> Double { M?[i, j] ?? 0 }
    let slack = (0..<m).map { i in
      (0..<n).reduce(-(program.h?[i] ?? 0)) { $0 + entry(program.G, i, $1) * z[$1] }
    }
    var K = [[Double]](repeating: [Double](repeating: 0, count: n + p + m), count: n + p + m)
    for i in 0..<n {
      for j in 0..<n { K[i][j] = 0.5 * (program.Q[i, j] + program.Q[j, i]) }
      for k in 0..<p {
        K[i][n + k] = entry(program.A, k, i)
        K[n + k][i] = entry(program.A, k, i)
      }
      for k in 0..<m {
        K[i][n + p + k] = entry(program.G, k, i)
        K[n + p + k][i] = lambda[k] * entry(program.G, k, i)
      }
    }
    for k in 0..<m { K[n + p + k][n + p + k] = slack[k] }

    // −∂F/∂θ, a column for each θ.
    var columns: [[Double]] = []
    func column(_ fill: (inout [Double]) -> Void) {
      var rhs = [Double](repeating: 0, count: n + p + m)
      fill(&rhs)
      columns.append(rhs)
    }
    for i in 0..<n {
      for j in 0..<n {
        column {
          $0[i] -= 0.5 * z[j]
          $0[j] -= 0.5 * z[i]
        }
      }
    }
    for i in 0..<n { column { $0[i] = -1 } }
    for k in 0..<p {
      for j in 0..<n {
        column {
          $0[j] = -nu[k]
          $0[n + k] = -z[j]
        }
      }
    }
    for k in 0..<p { column { $0[n + k] = 1 } }
    for k in 0..<m {
      for j in 0..<n {
        column {
          $0[j] = -lambda[k]
          $0[n + p + k] = -lambda[k] * z[j]
        }
      }
    }
    for k in 0..<m { column { $0[n + p + k] = lambda[k] } }
    let solved = eliminated(K, columns)
    jacobian = (0..<(n + p + m)).map { i in solved.map { $0[i] } }
  }
}

/// Gaussian elimination with partial pivoting, for several right-hand sides.
func eliminated(_ matrix: [[Double]], _ rightHandSides: [[Double]]) -> [[Double]] {
  let n = matrix.count
  var a = matrix
  var b = rightHandSides
  for k in 0..<n {
    let pivot = (k..<n).max { a[$0][k].magnitude < a[$1][k].magnitude } ?? k
    a.swapAt(k, pivot)
    for r in b.indices { b[r].swapAt(k, pivot) }
    for i in (k + 1)..<Swift.max(n, k + 1) {
      let factor = a[i][k] / a[k][k]
      for j in k..<n { a[i][j] -= factor * a[k][j] }
      for r in b.indices { b[r][i] -= factor * b[r][k] }
    }
  }
  for r in b.indices {
    for k in (0..<n).reversed() {
      for j in (k + 1)..<Swift.max(n, k + 1) { b[r][k] -= a[k][j] * b[r][j] }
      b[r][k] /= a[k][k]
    }
  }
  return b
}
