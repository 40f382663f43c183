import ImplicitDifferentiation
import Measurement

/// Several right-hand sides as one block against one after the other: a dense LU factorisation that
/// is at hand, and conjugate gradients on the traced Hessian of ridge regression. Both at once show
/// the time of all columns.
func benchmarkBlockSolves(_ settings: Settings, into report: inout Report) throws {
  var generator = SplitMix64(seed: 202)
  let n = settings.quick ? 60 : 500
  var entries = generator.symmetric(count: n * n)
  for i in 0..<n { entries[i * n + i] += Double(n).squareRoot() }
  let A = try DenseOperator(rowCount: n, columnCount: n, entries: entries)
  try compare(
    "dense LU \(n)×\(n)", try LUSolver().prepare(A), A, columns: settings.quick ? 8 : 50,
    &generator, settings, into: &report)

  let (rows, features) = settings.quick ? (100, 50) : (1000, 500)
  let X = Tensor(shape: [rows, features], generator.symmetric(count: rows * features))
  let scale = Tensor(0.5 / Double(rows))
  let hessian = try linearization(at: Tensor(generator.symmetric(count: features))) { w in
    gradient(at: w) { w in scale * matmul(X, w).squaredNorm() + 0.05 * w.squaredNorm() }
  }.jacobian
  try compare(
    "CG, ridge Hessian \(rows)×\(features)", try ConjugateGradient().prepare(hessian), hessian,
    columns: 8, &generator, settings, into: &report)
}

private func compare(
  _ name: String, _ prepared: any PreparedLinearSolver, _ A: any LinearOperator,
  columns count: Int, _ generator: inout SplitMix64, _ settings: Settings,
  into report: inout Report
) throws {
  let exact = (0..<count).map { _ in generator.symmetric(count: A.columnCount) }
  let columns = try exact.map { try A.applied(to: $0) }
  let reference = exact.flatMap { $0 }
  var (single, block) = ([[Double]](), [[Double]]())
  let timings = try alternate(
    rounds: settings.rounds, turn: settings.turn,
    [
      Contestant(
        name: "one after the other",
        run: { single = try columns.map { try prepared.solve($0).vector } },
        error: { relativeError(single.flatMap { $0 }, reference) }),
      Contestant(
        name: "as a block", run: { block = try prepared.solve(columns: columns).map(\.vector) },
        error: { relativeError(block.flatMap { $0 }, reference) }),
    ])
  report.add("\(count) right-hand sides, \(name)", timings, targets: [nil, nil])
}
