import ImplicitDifferentiation
import Measurement

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// One pullback at a given solution (record, choose, factorise, solve) of problems with structure,
/// chosen from the recorded program and from a matrix that is known by its products only.
func benchmarkStructure(_ settings: Settings, into report: inout Report) throws {
  for n in settings.quick ? [1000] : [1000, 3000, 10_000] {
    try compare("softmax KKT, n = \(n)", softmax(count: n), settings, into: &report)
  }
  for n in settings.quick ? [100] : [100, 200, 500] {
    try compare("ridge, \(2 * n) × \(n)", ridge(rows: 2 * n, columns: n), settings, into: &report)
  }
  for n in settings.quick ? [100] : [200, 500] {
    try compare(
      "ridge, \(2 * n) × \(n), columns of 1 to 1/1000",
      ridge(rows: 2 * n, columns: n, penalty: 1e-5, spread: 1000), settings, into: &report)
  }
  for n in settings.quick ? [500] : [500, 2000] {
    try compare("ridge, 50 × \(n)", ridge(rows: 50, columns: n), settings, into: &report)
  }
  for n in settings.quick ? [50] : [50, 100, 200] {
    try compare("QP KKT, n = \(n)", quadraticProgram(count: n), settings, into: &report)
  }
}

/// Conditions with a solution.
private struct Problem<Output: TensorStructure> {
  var conditions: Conditions<Tensor, Output>
  var x: Tensor
  var y: Output
  var cotangent: Output
}

private func compare<Output: TensorStructure>(
  _ name: String, _ problem: Problem<Output>, _ settings: Settings, into report: inout Report
) throws {
  let solvers: [(String, any LinearSolver)] = [
    ("program", Automatic()), ("matrix", Unstructured()), ("eliminated", BlockEliminationSolver()),
  ]
  var descriptions = solvers.map { _ in "" }
  var gradients = solvers.map { _ in [Double]() }
  let timings = try alternate(
    rounds: settings.rounds, turn: settings.turn,
    solvers.indices.map { k in
      Contestant(
        name: solvers[k].0,
        run: {
          var function = ImplicitFunction<Tensor, Output>(
            forward: { _ in problem.y }, conditions: problem.conditions,
            linearSolver: solvers[k].1)
          function.conditionsTolerance = nil
          function.certification = .off
          let derivative = try function.linearize(at: problem.x, solution: problem.y).pullback(
            problem.cotangent)
          descriptions[k] = derivative.report.linearSolver
          gradients[k] = derivative.value.scalars
        },
        error: { relativeError(gradients[k], gradients[1]) })
    })
  report.add("structure: \(name)", timings)
  for (solver, description) in zip(solvers, descriptions) { print("  \(solver.0): \(description)") }
}

/// `Automatic`, of a matrix of which only products are known.
private struct Unstructured: LinearSolver {
  func prepare(_ A: any LinearOperator) throws(LinearSolveError) -> any PreparedLinearSolver {
    try Automatic().prepare(Hidden(A: A))
  }

  private struct Hidden: LinearOperator {
    let A: any LinearOperator
    var rowCount: Int { A.rowCount }
    var columnCount: Int { A.columnCount }
    func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
      try A.matvec(x, into: &y)
    }
    func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
      throws(LinearSolveError)
    {
      try A.transposeMatvec(x, into: &y)
    }
    func denseMatrix() throws(LinearSolveError) -> [Double] { try A.denseMatrix() }
  }
}

/// `min xᵀy + Σ yᵢ log yᵢ` on the simplex, with the multiplier of `Σ y = 1` as an unknown.
private func softmax(count n: Int) -> Problem<[Tensor]> {
  var generator = SplitMix64(seed: 31)
  let x = Tensor(generator.symmetric(count: n)).scaled(by: 8)
  let weights = exp(-x)
  let y = weights / weights.sum()
  let conditions = Conditions<Tensor, [Tensor]>.root { x, unknowns in
    let (y, u) = (unknowns[0], unknowns[1])
    return [log(y) + x + u, y.sum() - 1]
  }
  let u = (log(y) + x).sum().scaled(by: -1 / Double(n))
  return Problem(
    conditions: conditions, x: x, y: [y, u],
    cotangent: [Tensor(generator.symmetric(count: n)), Tensor.zeros([])])
}

/// Ridge regression with a penalty for each column, between 1 and 10 times `penalty`; column `k` has
/// the size `spread^(−k/n)`.
private func ridge(
  rows m: Int, columns n: Int, penalty: Double = 0.3, spread: Double = 1
) -> Problem<Tensor> {
  var generator = SplitMix64(seed: 32)
  let sizes = exp(Tensor((0..<n).map { Double($0) / Double(n) }).scaled(by: -log(spread)))
  let X = Tensor(shape: [m, n], generator.symmetric(count: m * n)) * sizes
  let b = Tensor(generator.symmetric(count: m))
  return Problem(
    conditions: .root { penalty, w in
      matmul(matmul(X, w) - b, X).scaled(by: 1 / Double(m)) + penalty * w
    },
    x: exp(Tensor(generator.symmetric(count: n)) + 1).scaled(by: penalty),
    y: Tensor(generator.symmetric(count: n)),
    cotangent: Tensor(generator.symmetric(count: n)))
}

/// The conditions of a quadratic program with `n` unknowns, `n` inequalities, every fourth of them
/// active, and `n / 10` equations.
private func quadraticProgram(count n: Int) -> Problem<[Tensor]> {
  var generator = SplitMix64(seed: 33)
  let p = n / 10
  let N = Tensor(shape: [n, n], generator.symmetric(count: n * n))
  let Q = matmul(N, N, transposingRight: true).scaled(by: 1 / Double(n)) + Tensor.identity(n)
  let A = Tensor(shape: [p, n], generator.symmetric(count: p * n))
  let G = Tensor(shape: [n, n], generator.symmetric(count: n * n))
  let z = Tensor(generator.symmetric(count: n))
  let slack = Tensor((0..<n).map { (i: Int) -> Double in i % 4 == 0 ? 0 : Double(1 + i % 3) })
  let multipliers = Tensor(
    (0..<n).map { (i: Int) -> Double in i % 4 == 0 ? Double(1 + i % 5) : 0 })
  let h = matmul(G, z) + slack
  let b = matmul(A, z)
  let conditions = Conditions<Tensor, [Tensor]>.root { q, unknowns in
    let (z, nu, lambda) = (unknowns[0], unknowns[1], unknowns[2])
    let stationarity = matmul(Q, z) + q + matmul(nu, A) + matmul(lambda, G)
    return [stationarity, matmul(A, z) - b, lambda * (matmul(G, z) - h)]
  }
  return Problem(
    conditions: conditions, x: Tensor(generator.symmetric(count: n)),
    y: [z, Tensor.ones([p]), multipliers],
    cotangent: [
      Tensor(generator.symmetric(count: n)), Tensor.zeros([p]), Tensor.zeros([n]),
    ])
}
