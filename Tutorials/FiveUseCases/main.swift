// # Five problems, one equation: A y′ = −B
//
// Page: docs/FiveUseCases.md
// Teaches: What the five use cases have in common, and what differs: the conditions, and the matrix.
// Minutes: 5
//
// The pages of this workbook differentiate a fit, a constrained program, a transport plan, a system
// of equations and a probability. Is that five subjects or one? Here they stand side by side, each
// as small as it gets and each with a derivative known in closed form.

// hide begin
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Optimality

let options = try Options(seed: 1, tolerance: 1e-12)
try beginPage(options)
// hide end

// What a use case is, to the library: the solution by any means, and conditions. What comes out is
// compared with the formula below each.

var rows: [[any CustomStringConvertible]] = []
var worst = 0.0

@MainActor func compare<Input: TensorStructure, Output: TensorStructure>(
  _ name: String, _ function: ImplicitFunction<Input, Output>, at x: Input,
  along tangent: Input, exact: (Output) throws -> Tensor, read: (Output) -> Tensor
) throws {
  let linearization = try function.linearize(at: x)
  let derivative = try linearization.pushforward(tangent)
  let expected = try exact(linearization.solution)
  let error = ((read(derivative.value) - expected).norm() / expected.norm()).scalar
  worst = max(worst, error)
  rows.append([
    name, linearization.B.rowCount, linearization.B.columnCount,
    derivative.report.linearSolver, measured(error), linearization.recordedBytes,
  ])
}

// **A fit.** Ridge regression, $f = \tfrac12\lVert Pw - q\rVert^2 + \tfrac12\theta\lVert w\rVert^2$.
// Conditions: $\nabla_w f = 0$. The derivative in the penalty is $-H^{-1}w$.

let i = Tensor((1...20).map(Double.init))
let P = sin(outer(i, Tensor([1, 2, 3, 4, 5])))
let q = cos(i)
@Sendable func hessian(_ theta: Tensor) -> Tensor {
  matmul(P, P, transposingLeft: true) + theta * Tensor.identity(5)
}
let ridge = ImplicitFunction<Tensor, Tensor>(
  forward: { theta in try solve(hessian(theta), matmul(q, P)) },
  conditions: .stationary { theta, w in
    0.5 * (matmul(P, w) - q).squaredNorm() + 0.5 * theta * w.squaredNorm()
  })
try compare(
  "fit", ridge, at: 0.1, along: 1,
  exact: { w in -(try solve(hessian(0.1), w)) }, read: { $0 })

// **A constrained program.** $\min \tfrac12\lVert z\rVert^2 + c\cdot z$ with $z \ge 0$. Conditions:
// the KKT system, in $z$ and the multipliers. The solution is $\max(-c, 0)$, so a change of $c$
// passes, with its sign turned, where the bound does not bind.

let c: Tensor = [-1, 2, -0.5, 3]
let program = QuadraticProgram(
  Q: Tensor.identity(4), c: c, G: -Tensor.identity(4), h: Tensor.zeros([4]),
  constants: [.quadratic, .inequalityMatrix, .inequalityLimits])
let bounded = ImplicitFunction<QuadraticProgram, KKTPoint<Tensor>>(
  forward: { program in
    let found = try InteriorPoint().solve(
      Q: program.Q, c: program.c, G: program.G, h: program.h)
    return KKTPoint(
      primal: found.point, equalityMultipliers: found.equalityMultipliers,
      inequalityMultipliers: found.inequalityMultipliers)
  },
  conditions: .quadraticProgram())
var change = program
change.c = Tensor.ones([4])
try compare(
  "constrained program", bounded, at: program, along: change,
  exact: { _ in Tensor([-1, 0, -1, 0]) }, read: { $0.primal })

// **A fixed point.** Entropic transport between two heaps of four, by Sinkhorn's iteration. Conditions:
// both marginals are met, in the two potentials, which are free up to one constant: the gauge. When
// the first marginal changes by $\dot a$, the rows of the plan must change by just that.

struct Potentials: TensorStructure {
  var f: Tensor
  var g: Tensor
  static var fields: [TensorField<Potentials>] { [.init("f", \.f), .init("g", \.g)] }
}
let cost = pow(outer(Tensor([1, 2, 3, 4]), Tensor.ones([4])) - Tensor([1, 2, 3, 4]), 2)
let masses: Tensor = [0.4, 0.3, 0.2, 0.1]
let target: Tensor = [0.25, 0.25, 0.25, 0.25]
let free = Potentials(f: Tensor.ones([4]), g: -Tensor.ones([4]))
@Sendable func plan(_ y: Potentials) -> Tensor {
  exp(y.f.reshaped([4, 1]) + y.g.reshaped([1, 4]) - cost)
}
let transport = ImplicitFunction<Tensor, Potentials>(
  forward: { a in
    let found = try Sinkhorn(epsilon: 1).transport(cost: cost, from: a, to: target)
    return Potentials(f: found.rowPotentials, g: found.columnPotentials)
  },
  conditions: .root { a, y in
    [plan(y).sum(alongAxis: 1) - a, plan(y).sum(alongAxis: 0) - target]
  },
  gauge: Gauge(right: free))
let moved: Tensor = [0.1, 0, 0, -0.1]
let solved = try transport(masses)
try compare(
  "fixed point", transport, at: masses, along: moved,
  exact: { _ in moved },
  read: { dy in (plan(solved) * (dy.f.reshaped([4, 1]) + dy.g.reshaped([1, 4]))).sum(alongAxis: 1) }
)

// **A system of equations.** Kepler's equation $E - e\sin E = M$ for six mean anomalies at once. The
// derivative in $M$ is $1/(1 - e\cos E)$.

let anomalies: Tensor = [0.5, 1, 1.5, 2, 2.5, 3]
let kepler: @Sendable (Tensor, Tensor) -> Tensor = { M, E in E - 0.3 * sin(E) - M }
let orbit = ImplicitFunction<Tensor, Tensor>(
  forward: { M in try NewtonRootFinder().root(of: { E in kepler(M, E) }, from: M).point },
  conditions: .root(kepler))
try compare(
  "system of equations", orbit, at: anomalies, along: Tensor.ones([6]),
  exact: { E in 1 / (1 - 0.3 * cos(E)) }, read: { $0 })

// **A probability.** Softmax as the maximiser of $x\cdot\theta$ plus entropy on the simplex.
// Conditions: stationarity and $\sum x = 1$, in $x$ and one multiplier. The Jacobian is
// $\mathrm{diag}(x) - xx^{\mathsf T}$.

struct Shares: TensorStructure {
  var x: Tensor
  var u: Tensor
  static var fields: [TensorField<Shares>] { [.init("x", \.x), .init("u", \.u)] }
}
let scores: Tensor = [0.3, -1, 2, 0.7]
let direction: Tensor = [1, 0.5, -1, 2]
let shares = ImplicitFunction<Tensor, Shares>(
  forward: { theta in Shares(x: theta.softmax(), u: 1 - theta.logSumExp()) },
  conditions: .root { theta, y in
    Shares(x: theta - log(y.x) - 1 + y.u, u: y.x.sum() - 1)
  })
try compare(
  "probability", shares, at: scores, along: direction,
  exact: { y in y.x * (direction - y.x.dot(direction)) }, read: { $0.x })

// ## The table

try table(
  [
    "problem", "unknowns", "inputs", "solver of the linear system", "relative error",
    "bytes recorded",
  ],
  rows: rows)
try check("relative error of all five", worst, below: 1e-8)

// What differs is the matrix $A$: a Hessian, a KKT matrix, a singular matrix with a declared gauge, a
// diagonal, a diagonal with a border. What does not differ is everything else: record the conditions
// at the solution, check that it is one, solve one linear system.
//
// | problem | page | what can go wrong there |
// | --- | --- | --- |
// | fit | [UnconstrainedOptimization](UnconstrainedOptimization.md) | singular Hessian, solver stopped early |
// | constrained program | [ConstrainedQP](ConstrainedQP.md) | a constraint that is just about to bind: a kink |
// | fixed point | [SinkhornFixedPoint](SinkhornFixedPoint.md) | a direction that nothing determines: the gauge |
// | system of equations | [NonlinearSystems](NonlinearSystems.md) | a fold, where solutions merge and end |
// | probability | [SoftmaxAsOptimization](SoftmaxAsOptimization.md) | entries near zero: bad scaling |
try endPage()  // hide
