import FaultOracle
import ImplicitDifferentiation
import Kernels
import Measurement

/// Optimal transport with entropy between two clouds of `n` points, `ε = 0.1`: the gradient of a linear
/// function of the plan in all `n²` costs.
/// ```
/// P = argmin ⟨C, P⟩ + ε Σ P log P   subject to   P 1 = a,  Pᵀ1 = b      L = ⟨P, W⟩      dL/dC
/// ```
package struct EntropicPlan: PeerProblem {
  package static let name = "sinkhorn"
  package static let sizes = [10, 50, 100, 200]
  package static let epsilon = 0.1

  package let count: Int
  package let cost: [Double]
  package let a: [Double]
  package let b: [Double]
  package let weights: [Double]

  package init(count n: Int) {
    var generator = SplitMix64(seed: 106)
    count = n
    let xs = generator.unit(count: 2 * n)
    let ys = generator.unit(count: 2 * n)
    var cost: [Double] = []
    for i in 0..<n {
      for j in 0..<n {
        let (dx, dy) = (xs[2 * i] - ys[2 * j], xs[2 * i + 1] - ys[2 * j + 1])
        cost.append(dx * dx + dy * dy)
      }
    }
    self.cost = cost
    func masses() -> [Double] {
      let raw = generator.unit(count: n).map { 0.5 + $0 }
      let sum = raw.reduce(0, +)
      return raw.map { $0 / sum }
    }
    a = masses()
    b = masses()
    weights = generator.symmetric(count: n * n)
  }

  package var data: [(name: String, values: [Double])] {
    [("C", cost), ("a", a), ("b", b), ("W", weights)]
  }

  /// A step of Sinkhorn's iteration on the scaling `r` in `P = diag(r) exp(−C/ε) diag(s)`. Scalings are
  /// determined up to a factor; with a mean of one there is one fixed point, and no gauge.
  private static func step(_ K: Tensor, _ r: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
    let s = b / matmul(K, r, transposingLeft: true)
    let next = a / matmul(K, s)
    return next / next.mean()
  }

  private var scaling: ImplicitFunction<Tensor, Tensor> {
    let (a, b) = (Tensor(a), Tensor(b))
    return ImplicitFunction(
      forward: { cost in
        let K = EntropicPlan.kernel(cost)
        var r = Tensor.ones(a.shape)
        for _ in 0..<10_000 {
          let next = EntropicPlan.step(K, r, a, b)
          let isOver = (next - r).norm(.infinity) < 1e-11
          r = next
          if isOver { break }
        }
        return r
      },
      conditions: .fixedPoint { cost, r in
        EntropicPlan.step(EntropicPlan.kernel(cost), r, a, b)
      })
  }

  private static func kernel(_ cost: Tensor) -> Tensor { exp(cost.scaled(by: -1 / epsilon)) }

  /// `⟨P, W⟩`, with both marginals made right.
  private func loss(_ cost: Tensor, _ r: Tensor) -> Tensor {
    let K = EntropicPlan.kernel(cost)
    let s = Tensor(b) / matmul(K, r, transposingLeft: true)
    let rows = Tensor(a) / matmul(K, s)
    return rows.dot(matmul(K * Tensor(shape: [count, count], weights), s))
  }

  package var tasks: [PeerTask] {
    let scaling = scaling
    let cost = Tensor(shape: [count, count], cost)
    return [
      PeerTask(
        .solveAndGradient,
        run: { try gradient(at: cost) { cost in loss(cost, try scaling(cost)) }.scalars },
        reference: reference)
    ]
  }

  /// Newton's method on the marginals with the last potential at zero and the last equation left out,
  /// and the adjoint of the same matrix.
  private func reference() throws -> [Double] {
    let (n, epsilon) = (count, EntropicPlan.epsilon)
    let size = 2 * n - 1
    var (f, g) = ([Double](repeating: 0, count: n), [Double](repeating: 0, count: n))
    func plan() -> [Double] {
      (0..<(n * n)).map { Elementary.exp((f[$0 / n] + g[$0 % n] - cost[$0]) / epsilon) }
    }
    func sums(_ P: [Double]) -> (rows: [Double], columns: [Double]) {
      var (rows, columns) = ([Double](repeating: 0, count: n), [Double](repeating: 0, count: n))
      for i in 0..<n {
        for j in 0..<n {
          rows[i] += P[i * n + j]
          columns[j] += P[i * n + j]
        }
      }
      return (rows, columns)
    }
    for _ in 0..<100 {
      let rows = sums(plan()).rows
      for i in 0..<n { f[i] += epsilon * (Elementary.log(a[i]) - Elementary.log(rows[i])) }
      let columns = sums(plan()).columns
      for j in 0..<n { g[j] += epsilon * (Elementary.log(b[j]) - Elementary.log(columns[j])) }
    }
    func elimination(_ P: [Double]) throws -> DenseElimination {
      let (rows, columns) = sums(P)
      var matrix = [DoubleDouble](repeating: DoubleDouble(0), count: size * size)
      for i in 0..<n {
        matrix[i * size + i] = DoubleDouble(rows[i] / epsilon)
        for j in 0..<(n - 1) {
          matrix[i * size + n + j] = DoubleDouble(P[i * n + j] / epsilon)
          matrix[(n + j) * size + i] = DoubleDouble(P[i * n + j] / epsilon)
        }
      }
      for j in 0..<(n - 1) {
        matrix[(n + j) * size + n + j] = DoubleDouble(columns[j] / epsilon)
      }
      guard let elimination = DenseElimination(matrix, count: size) else {
        throw ReferenceFailure(problem: EntropicPlan.name, count: n)
      }
      return elimination
    }
    func solve(_ P: [Double], _ b: [Double]) throws -> [Double] {
      guard
        let x = try elimination(P).solve(b.map { DoubleDouble($0) }, transposed: false)
      else { throw ReferenceFailure(problem: EntropicPlan.name, count: n) }
      return x.map(\.high)
    }
    for _ in 0..<5 {
      let P = plan()
      let (rows, columns) = sums(P)
      let step = try solve(
        P, zip(a, rows).map { $0 - $1 } + zip(b, columns).map { $0 - $1 }.dropLast())
      for i in 0..<n { f[i] += step[i] }
      for j in 0..<(n - 1) { g[j] += step[n + j] }
    }
    let P = plan()
    let moments = sums(zip(P, weights).map { $0 * $1 })
    let u = try solve(P, (moments.rows + moments.columns.dropLast()).map { $0 / epsilon }) + [0]
    return (0..<(n * n)).map { P[$0] / epsilon * (u[$0 / n] + u[n + $0 % n] - weights[$0]) }
  }
}
