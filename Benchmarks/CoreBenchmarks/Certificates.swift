import ForwardSolvers
import ImplicitDifferentiation
import Measurement
import PeerProblems

/// What it costs to know the error of a pullback: one cold pullback, from a solution to a gradient, with
/// everything switched off, with the Newton correction alone, with errors estimated where an
/// estimate will do (the default), and with errors measured. The default is to cost a tenth of the
/// derivative at most.
func benchmarkCertificates(_ settings: Settings, into report: inout Report) throws {
  // At a solution as good as rounding allows, and where a solver has stopped.
  for n in settings.quick ? [100] : [100, 10_000] {
    for error in [0, 1e-13, 1e-10] {
      let problem = CubicTridiagonal(count: n, lower: 1, upper: 0.5, relativeError: error)
      let reference = problem.pullbackByElimination()
      try compareCertifications(
        "tridiagonal, n = \(n), \(solution(offBy: error))",
        problem.function(conditionsTolerance: 1e-6), at: Tensor(problem.inputs),
        Tensor(problem.direction), reference: reference, settings, into: &report)
    }
  }
  for n in settings.quick ? [100] : [100, 300] {
    try compareCertifications(
      "dense, factorised, n = \(n)",
      denseProblem(count: n, .definite, Automatic(denseThreshold: n)),
      at: Tensor.zeros([n]), Tensor.ones([n]), settings, into: &report)
  }
  for n in settings.quick ? [200] : [150, 200, 300, 1000] {
    for error in n == 300 ? [0, 1e-9] : [0] {
      try compareCertifications(
        "dense, conjugate gradients, n = \(n), \(solution(offBy: error))",
        denseProblem(count: n, .definite, Automatic(), error: error), at: Tensor.zeros([n]),
        Tensor.ones([n]),
        settings, into: &report)
    }
  }
  // From the input on, as `gradient(at:)` is used: Newton's method finds the solution first.
  for n in settings.quick ? [200] : [150, 300, 1000] {
    for isSymmetric in [true, false] {
      try compareCertifications(
        "dense, \(isSymmetric ? "symmetric" : "not symmetric"), n = \(n), solved by Newton's method",
        denseProblem(
          count: n, isSymmetric ? .definite : .general, Automatic(), isSolved: true),
        solving: true,
        at: Tensor.zeros([n]), Tensor.ones([n]), settings, into: &report)
    }
  }
  // Where the matrix is not symmetric: LU; GMRES; and with 300 unknowns GMRES given up for elimination.
  let methods: [(String, Int, any LinearSolver)] =
    settings.quick
    ? [("GMRES", 200, GMRES())]
    : [
      ("factorised", 300, Automatic(denseThreshold: 300)), ("GMRES", 300, GMRES()),
      ("automatic", 300, Automatic()), ("automatic", 1000, Automatic()),
    ]
  for (name, n, solver) in methods {
    for error in [0, 1e-9] {
      try compareCertifications(
        "dense, not symmetric, \(name), n = \(n), \(solution(offBy: error))",
        denseProblem(count: n, .general, solver, error: error), at: Tensor.zeros([n]),
        Tensor.ones([n]), settings, into: &report)
    }
  }
  // Eigenvalues of both signs: conjugate gradients fail, and MINRES or LU takes over.
  for n in settings.quick ? [200] : [150, 300, 1000] {
    try compareCertifications(
      "dense, symmetric and indefinite, n = \(n), the solution",
      denseProblem(count: n, .indefinite, Automatic()), at: Tensor.zeros([n]), Tensor.ones([n]),
      settings, into: &report)
  }
  try reportBratu(count: settings.quick ? 1000 : 1_000_000, into: &report)
}

private func solution(offBy error: Double) -> String {
  error == 0 ? "the solution" : "off by \(error)"
}

private func compareCertifications(
  _ name: String, _ function: ImplicitFunction<Tensor, Tensor>, solving: Bool = false, at x: Tensor,
  _ v: Tensor, reference: [Double]? = nil, _ settings: Settings, into report: inout Report
) throws {
  let y = try function(x)
  func pullback(_ function: ImplicitFunction<Tensor, Tensor>) throws -> Derivative<Tensor> {
    let point = solving ? try function.linearize(at: x) : try function.linearize(at: x, solution: y)
    return try point.pullback(v)
  }
  var off = function
  off.conditionsTolerance = nil
  off.certification = .off
  var correction = function
  correction.certification = .off
  var measured = function
  measured.certification = Certification(.measure)
  let contestants = [
    ("everything off", off), ("Newton correction alone", correction), ("default", function),
    ("measured", measured),
  ]
  let exact = try reference ?? pullback(measured).value.scalars
  var results = contestants.map { _ in [Double]() }
  let timings = try alternate(
    rounds: settings.rounds, turn: settings.turn,
    contestants.indices.map { k in
      Contestant(
        name: contestants[k].0,
        run: { results[k] = try pullback(contestants[k].1).value.scalars },
        error: { relativeError(results[k], exact) })
    })
  let title = "certificates of a \(solving ? "gradient" : "cold pullback"): \(name)"
  report.add(title, timings, targets: [nil, nil, 1.1])
  let defaultReport = try pullback(function).report
  report.add(
    Finding(
      benchmark: title,
      contestant: defaultReport.errorEstimate?.isMeasured == true
        ? "error stated by default (measured)" : "error stated by default (estimated)",
      value: defaultReport.relativeError ?? .nan, unit: "relative"))
}

/// The matrix of a dense problem, made of a random `N`.
private enum DenseMatrix {
  /// `I + N Nᵀ/n`.
  case definite
  /// `±2` on the diagonal, and `0.4 (N + Nᵀ)/√n`.
  case indefinite
  /// `2 I + N/√n`, which is not symmetric.
  case general
}

/// The root of `M y + y³ − x − c`; with an indefinite `M`, of `M y + y³/20 − x − c`.
private func denseProblem(
  count n: Int, _ matrix: DenseMatrix, _ solver: any LinearSolver, error: Double = 0,
  isSolved: Bool = false
) throws -> ImplicitFunction<Tensor, Tensor> {
  var generator = SplitMix64(seed: 7)
  let N = Tensor(shape: [n, n], generator.symmetric(count: n * n))
  let root = Double(n).squareRoot()
  let M =
    switch matrix {
    case .definite:
      Tensor.identity(n) + matmul(N, N, transposingRight: true).scaled(by: 1 / Double(n))
    case .indefinite:
      Tensor.identity(n) * Tensor((0..<n).map { $0 % 2 == 0 ? 2 : -2 })
        + (N + N.transposed()).scaled(by: 0.4 / root)
    case .general: Tensor.identity(n).scaled(by: 2) + N.scaled(by: 1 / root)
    }
  let cubic = matrix == .indefinite ? 0.05 : 1
  let c = Tensor(generator.symmetric(count: n))
  let residual = { @Sendable (x: Tensor, y: Tensor) in
    matmul(M, y) + pow(y, 3).scaled(by: cubic) - x - c
  }
  let conditions = Conditions<Tensor, Tensor>.root(residual)
  if isSolved {
    let newton = NewtonRootFinder()
    return ImplicitFunction(
      forward: { x in try newton.root(of: { y in residual(x, y) }, from: Tensor.zeros([n])).point },
      conditions: conditions, linearSolver: solver)
  }
  var start = ImplicitFunction<Tensor, Tensor>(
    forward: { _ in Tensor.zeros([n]) }, conditions: conditions, linearSolver: LUSolver())
  start.polish = true
  let y = try start(Tensor.zeros([n]))
  let stopped = error == 0 ? y : y + Tensor(generator.symmetric(count: n)).scaled(by: error)
  return ImplicitFunction(forward: { _ in stopped }, conditions: conditions, linearSolver: solver)
}

/// `du(½)/dλ` of Bratu's problem at `λ = 1` on a grid whose matrix has the condition number `4 n² / π²`:
/// the formula for the equation without a grid is off by `O(n⁻²)`.
private func reportBratu(count n: Int, into report: inout Report) throws {
  let h = 1 / Double(n + 1)
  let residual = { @Sendable (lambda: Tensor, u: Tensor) in
    2 * u - u.shifted(by: 1) - u.shifted(by: -1) - (lambda * exp(u)).scaled(by: h * h)
  }
  var bratu = ImplicitFunction<Tensor, Tensor>(
    forward: { _ in
      Tensor(
        (1...n).map { i in
          let x = Double(i) * h
          return 0.5 * x * (1 - x)
        })
    }, conditions: .root(residual))
  bratu.polish = true
  let derivative = try bratu.pushforward(at: 1, 1)
  // α/cosh α = √(1/8), by halving below the fold.
  var (low, high) = (0.0, 1.0)
  for _ in 0..<80 {
    let a = (low + high) / 2
    if 8 * pow(Tensor(a) / cosine(a), 2).scalar < 1 { low = a } else { high = a }
  }
  let hyperbolic = cosine(low).scalar
  let tangent = tanh(Tensor(low)).scalar
  let exact = 2 * tangent / (16 * low / (hyperbolic * hyperbolic) * (1 - low * tangent))
  let found = derivative.value.scalars.max() ?? .nan
  let name = "Bratu's derivative, n = \(n)"
  for (what, value) in [
    ("condition number", derivative.report.conditionNumber ?? .nan),
    ("error", (found / exact - 1).magnitude),
    ("error stated", derivative.report.relativeError ?? .nan),
  ] {
    report.add(Finding(benchmark: name, contestant: what, value: value, unit: "relative"))
  }
}

private func cosine(_ a: Double) -> Tensor { (exp(Tensor(a)) + exp(Tensor(-a))).scaled(by: 0.5) }
