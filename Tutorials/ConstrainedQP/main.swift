// # A constraint that binds is an equation, and one that does not is not there
//
// Page: docs/ConstrainedQP.md
// Teaches: How a solution moves that leans on inequalities, and where it has a kink instead.
// Minutes: 30
//
// You have trained a support vector machine. Two numbers were chosen beforehand, from a grid, by trying:
// the penalty $C$, and $\gamma$, which sets the width of the kernel (the larger, the narrower). Now you
// would like to know which way to turn them, and how steeply the validation loss falls that way. But the
// machine is the solution of a quadratic program with a hundred inequalities. What is the derivative of
// “minimise, and stay inside these walls”?
//
// The solution leans on some walls and does not touch the others. Where it leans, it has to follow
// when the wall moves: there the wall is an equation. The others could as well be missing. What is
// left is an equality-constrained problem, and that can be differentiated like any other equation.

// hide begin
import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Optimality

let options = try Options(seed: 1, tolerance: 1e-10)
let gridCount = try options.integer(
  "points", default: 40, quick: 8, in: 2...1_000, help: "values of C on the path")
let descentSteps = try options.integer(
  "descent", default: 30, quick: 2, in: 1...1_000, help: "steps of descent on C and γ")
let walkLimit = try options.integer(
  "kinks", default: 200, quick: 3, in: 1...10_000, help: "kinks to walk through at most")
let letterSteps = DifferenceSteps(ratio: options.quick ? 30 : 4)
let sweepSteps = DifferenceSteps(ratio: options.quick ? 10 : 2)
let iterationCounts = options.quick ? [6, 10, 12] : [4, 6, 8, 9, 10, 11, 12]
try beginPage(options)
// hide end

// ## By hand, on one number
//
// Find the $y \le 1$ that is closest to a given $x$: minimise $\tfrac12 (y - x)^2$ subject to
// $y - 1 \le 0$. Everybody knows the answer, $y = \min(x, 1)$; let us get it the long way, because
// the long way generalises. With a multiplier $\lambda$ for the inequality, the Lagrangian is
// $L = \tfrac12 (y - x)^2 + \lambda\,(y - 1)$, and at the minimum
//
// $$y - x + \lambda = 0, \qquad \lambda\,(y - 1) = 0, \qquad y \le 1, \quad \lambda \ge 0 .$$
//
// The first two are equations in the unknowns $(y, \lambda)$; the rest picks the right solution of
// them. Differentiate the equations in $x$:
//
// $$\begin{pmatrix} 1 & 1 \\ \lambda & y - 1 \end{pmatrix}
// \begin{pmatrix} y' \\ \lambda' \end{pmatrix} = \begin{pmatrix} 1 \\ 0 \end{pmatrix},
// \qquad \det = (y - 1) - \lambda .$$
//
// At $x = \tfrac12$ the wall is not touched: $\lambda = 0$, so the second row says $\lambda' = 0$,
// and $y' = 1$. At $x = 2$ we lean on it with $\lambda = 1$: the second row says $y' = 0$, and
// $\lambda' = 1$ (the push grows as the target moves away). The determinant vanishes only where the
// slack and the multiplier vanish *together*: at $x = 1$, where the wall is touched without a push.
// There $\min(x, 1)$ has its kink.
//
// The library wants the objective, the constraints with the sign $G \le 0$, and any solver.

let nearest = ConstrainedMinimum<Tensor, Tensor>(
  ConstrainedProblem(
    objective: { x, y in 0.5 * (y - x) * (y - x) },
    inequalities: { _, y in y - 1 }),
  primalSolver: { x in min(x, 1) })

var handRows: [[any CustomStringConvertible]] = []
for x in [0.5, 2] {
  let linearization = try nearest.linearize(at: Tensor(x))
  let tangent = try linearization.pushforward(1).value
  let (y, multiplier) = (
    linearization.solution.primal, linearization.solution.inequalityMultipliers
  )
  handRows.append([
    formatted(x), y.scalar, multiplier.scalar, tangent.primal.scalar,
    tangent.inequalityMultipliers.scalar,
  ])
  try check(
    tangent.primal.scalar == (x < 1 ? 1 : 0)
      && tangent.inequalityMultipliers.scalar == (x < 1 ? 0 : 1),
    "at x = \(formatted(x)) the library finds what we found by hand")
}
try table(["x", "y", "λ", "y′", "λ′"], rows: handRows)

// (The solver returned $y$ alone. The multiplier was recovered from the balance of gradients.) At the
// kink there is no derivative to return, and none is returned:

try quoteError { _ = try nearest.linearize(at: 1) }

// ## Every letter of a quadratic program
//
// The general case has the letters
//
// $$\min_z\; \tfrac12 z^{\mathsf T} Q z + c^{\mathsf T} z \quad\text{subject to}\quad A z = b,\;
// G z \le h .$$
//
// Let $G_a z \le h_a$ be the rows that bind, with multipliers $\lambda_a$. They count as equations,
// $G_a z = h_a$. A row with slack has the multiplier zero. So its term disappears from the Lagrangian, and
// in place of the row stands $\lambda_i = 0$, one equation for one unknown, which says that the multiplier
// stays zero when the data move a little. These unknowns are settled, nothing else depends on them, and
// the conditions for the others, $(z, \nu, \lambda_a)$, are linear:
//
// $$\underbrace{\begin{pmatrix} Q & A^{\mathsf T} & G_a^{\mathsf T} \\ A & & \\ G_a & & \end{pmatrix}}_{K}
// \begin{pmatrix} z \\ \nu \\ \lambda_a \end{pmatrix}
// = \begin{pmatrix} -c \\ b \\ h_a \end{pmatrix} .$$
//
// (The library keeps all unknowns, with the equations $\lambda_i = 0$. Its system has as many equations as
// there are numbers in $z$, $\nu$ and $\lambda$.) Now move all the data at once. By the product rule
//
// $$K \begin{pmatrix} \dot z \\ \dot\nu \\ \dot\lambda_a \end{pmatrix}
// = \begin{pmatrix} -\dot c \\ \dot b \\ \dot h_a \end{pmatrix}
// - \dot K \begin{pmatrix} z \\ \nu \\ \lambda_a \end{pmatrix},$$
//
// where $\dot K$ holds $\dot Q$, $\dot A$ and $\dot G_a$. A loss with gradient $\bar z$ in the solution changes by
// $\bar z^{\mathsf T}\dot z$. Solve $K\,(d_z, d_\nu, d_\lambda) = (\bar z, 0, 0)$ once. Since $K$ is symmetric, the
// change is the inner product of $(d_z, d_\nu, d_\lambda)$ with the right-hand side above, and one can read
// off the gradient in every letter:
//
// $$\bar Q = -\tfrac12 (d_z z^{\mathsf T} + z\, d_z^{\mathsf T}), \quad \bar c = -d_z, \quad
// \bar A = -(\nu\, d_z^{\mathsf T} + d_\nu z^{\mathsf T}), \quad \bar b = d_\nu,$$
//
// and $\bar G$, $\bar h$ like $\bar A$, $\bar b$ with $\lambda_a$ and $d_\lambda$, and zero for rows that have
// slack. Here is a program with three unknowns, one equality and two inequalities, the first of which binds.

let small = QuadraticProgram(
  Q: [[2, 0.5, 0], [0.5, 1, 0.3], [0, 0.3, 1.5]], c: [-1, 0.5, -2],
  A: [[1, 2, 1]], b: [1], G: [[0, -1, 1], [1, 0, 2]], h: [0.5, 4])

let method = InteriorPoint(tolerance: options.tolerance)

/// A solver from the shelf; it does not know that it will be differentiated.
@Sendable func interiorPoint(_ program: QuadraticProgram) throws -> KKTPoint<Tensor> {
  let solution = try method.solve(
    Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h)
  return KKTPoint(
    primal: solution.point, equalityMultipliers: solution.equalityMultipliers,
    inequalityMultipliers: solution.inequalityMultipliers)
}

let minimum = ConstrainedMinimum(QuadraticProgram.problem, solver: interiorPoint)
let atSmall = try minimum.linearize(at: small)
show("z", atSmall.solution.primal)
show("λ", atSmall.solution.inequalityMultipliers)
let smallSet = try minimum.activeSet(at: small)
quote(smallSet)
try check(
  "distance of the relative multiplier of wall 0 from 1", (smallSet.multipliers[0] - 1).magnitude,
  below: 1e-12)

// That report (it counts inequalities from zero) is what the derivative rests on. The *complementarity
// margin* says how clearly each wall is leaned on or not, as the larger of slack and multiplier of the
// least clear one. Both are measured without units, so that the margin does not change when the problem
// is written in other units: a slack as a distance from the wall, in sizes of the solution
// $\lVert z\rVert$; a multiplier by its force $\lambda_i \lVert\nabla G_i\rVert$, in units of the largest of the
// forces that balance. The force of wall 0 happens to be that largest one, so its margin is 1,
// although its $\lambda$ is not. The *rank* says that no binding constraint repeats another. Now the six
// gradients of the loss $z_1 + 2 z_2 - z_3$, against the formulas above and against differences:

let weights: Tensor = [1, 2, -1]

/// The gradient by the formulas, with a dense `K`.
func gradientByFormula(of program: QuadraticProgram, at point: KKTPoint<Tensor>) throws
  -> QuadraticProgram
{
  guard let A = program.A, let G = program.G else { return program }
  let (z, nu, lambda) = (
    point.primal, point.equalityMultipliers, point.inequalityMultipliers
  )
  let active = lambda.scalars.indices.filter { lambda[$0] > 0 }
  let rows = Tensor.concatenate([A, G.gathered(active)])
  let (n, p) = (z.count, rows.shape[0])
  let upper = Tensor.concatenate([program.Q, rows.transposed()], alongAxis: 1)
  let lower = Tensor.concatenate([rows, Tensor.zeros([p, p])], alongAxis: 1)
  let d = try solve(
    Tensor.concatenate([upper, lower]), Tensor.concatenate([weights, Tensor.zeros([p])]))
  let dz = d.slice(0..<n)
  let dnu = d.slice(n..<n + nu.count)
  let dlambda = d.slice(n + nu.count..<n + p).scattered(active, count: lambda.count)
  return QuadraticProgram(
    Q: -0.5 * (outer(dz, z) + outer(z, dz)), c: -dz, A: -(outer(nu, dz) + outer(dnu, z)), b: dnu,
    G: -(outer(lambda, dz) + outer(dlambda, z)), h: dlambda)
}

let formula = try gradientByFormula(of: small, at: atSmall.solution)
var letterRows: [[any CustomStringConvertible]] = []
var worstLetter = 0.0
for letter in QuadraticProgram.Part.allCases {
  var program = small
  program.constants = Set(QuadraticProgram.Part.allCases).subtracting([letter])
  var reference = formula
  reference.constants = program.constants
  let comparison = try GradientComparison(
    of: minimum.function, at: program, loss: { point in weights.dot(point.primal) },
    unrolled: { program in try interiorPoint(program) }, reference: reference,
    differences: letterSteps)
  let rows = comparison.rows
  let implicit = rows.filter { $0.method.rawValue.hasPrefix("implicit") }
  let error = implicit.compactMap(\.error).reduce(0) { max($0, $1) }
  worstLetter = max(worstLetter, error)
  letterRows.append([
    letter.rawValue, implicit[0].derivatives.count,
    digits(5, Tensor(implicit[0].derivatives).norm().scalar), measured(error),
    measured(comparison[.unrolledPullback]?.error ?? .nan),
    measured(comparison[.centralDifferences]?.error ?? .nan),
  ])
}
try table(
  ["letter", "numbers", "norm of the gradient", "error, implicit", "unrolled", "differences"],
  rows: letterRows)
try check("largest relative error of the implicit gradients", worstLetter, below: 1e-10)

// Other solvers write the constraints as $l \le K z \le u$, where an equality is a row with equal limits and
// a missing limit is infinite. That is the same problem, so it had better have the same derivative:

let boxed = try BoxQuadraticProgram(
  Q: small.Q, c: small.c, K: [[1, 2, 1], [0, -1, 1], [1, 0, 2]],
  lower: [1, -.infinity, -.infinity], upper: [1, 0.5, 4])
let boxedMinimum = ConstrainedMinimum(
  BoxQuadraticProgram.problem, solver: { _ in atSmall.solution })
let boxedGradient = try boxedMinimum.linearize(at: boxed).primalPullback(weights).value
let boxedNumbers = Tensor(
  boxedGradient.Q.scalars + boxedGradient.c.scalars + (boxedGradient.K?.scalars ?? [])
    + boxedGradient.equal.scalars + boxedGradient.upper.scalars)
let formulaNumbers = Tensor(
  formula.Q.scalars + formula.c.scalars + (formula.A?.scalars ?? []) + (formula.G?.scalars ?? [])
    + (formula.b?.scalars ?? []) + (formula.h?.scalars ?? []))
try check(
  "relative error of the gradient in the other form",
  ((boxedNumbers - formulaNumbers).norm() / formulaNumbers.norm()).scalar, below: 1e-10)

// The unrolled column of the table above differentiates the steps of the interior-point method itself,
// which is written in tensors and so can be recorded. It ends with a solve of $K$, and is exact for that
// reason. What it costs without, we shall see.
//
// ## A hundred flowers
//
// Fisher measured four lengths on fifty flowers each of *Iris versicolor* and *Iris virginica*, which
// overlap. We call a flower by its row in the file, counted from 1 below the heading: versicolor has the
// rows 51 to 100, virginica 101 to 150 (the first fifty, *Iris setosa*, are not used). The odd rows, 51,
// 53, …, 149, train the machine, the even ones validate it. The columns are standardised by mean and
// deviation of all hundred.

let columns = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]
let iris = try Table(csv: try dataFile("iris.csv"))
let species = try iris.labels("species")
let lengths = try iris.columns(columns).slice(50..<150)
let center = lengths.mean(alongAxis: 0)
let deviation = sqrt(pow(lengths - center, 2).mean(alongAxis: 0))

/// Some of the hundred flowers, a row for each; `labels` is 1 for virginica, −1 for versicolor. Here and
/// in the code below flowers count from 0: number `k` of the hundred is row `51 + k` of the file.
struct Flowers: Sendable {
  let features: Tensor
  let labels: Tensor
  var count: Int { labels.count }

  init(_ rows: [Int]) {
    features = ((lengths - center) / deviation).gathered(rows)
    labels = Tensor(rows.map { species[50 + $0] == "virginica" ? 1 : -1 })
  }

  /// Squared distances, a row for each flower here and a column for each of the others.
  func squaredDistances(to other: Flowers) -> Tensor {
    let mine = (features * features).sum(alongAxis: 1).reshaped([count, 1])
    let theirs = (other.features * other.features).sum(alongAxis: 1)
    return max(mine + theirs - 2 * matmul(features, other.features.transposed()), 0)
  }
}

let training = Flowers(Array(stride(from: 0, to: 100, by: 2)))
let validation = Flowers(Array(stride(from: 1, to: 100, by: 2)))
let among = training.squaredDistances(to: training)
let across = training.squaredDistances(to: validation)
show("flowers: training, validation", training.count, validation.count)

// The machine has a weight $\alpha_i$ for each training flower, labels $t_i = \pm 1$, and a Gaussian
// kernel $k(u, v) = e^{-\gamma \lVert u - v\rVert^2}$. Its dual problem is
//
// $$\min_\alpha\; \tfrac12 \sum_{ij} \alpha_i t_i\, k(x_i, x_j)\, t_j \alpha_j - \sum_i \alpha_i
// \quad\text{subject to}\quad \sum_i t_i \alpha_i = 0,\; 0 \le \alpha_i \le C ,$$
//
// a quadratic program whose $Q$ depends on $\gamma$ and whose $h$ depends on $C$. We turn the
// logarithms of both, so that every real number is allowed.

/// What we would like to turn.
struct Knobs: TensorStructure {
  var logC: Tensor
  var logGamma: Tensor

  static var fields: [TensorField<Knobs>] {
    [.init("logC", \.logC), .init("logGamma", \.logGamma)]
  }
}

@Sendable func kernel(_ knobs: Knobs, _ squaredDistances: Tensor) -> Tensor {
  exp(-exp(knobs.logGamma) * squaredDistances)
}

@Sendable func dual(_ knobs: Knobs, _ flowers: Flowers, _ distances: Tensor) -> QuadraticProgram {
  let n = flowers.count
  let t = flowers.labels
  return QuadraticProgram(
    Q: outer(t, t) * kernel(knobs, distances), c: -Tensor.ones([n]),
    A: t.reshaped([1, n]), b: [0],
    G: .concatenate([.identity(n), -Tensor.identity(n)]),
    h: .concatenate([exp(knobs.logC) * Tensor.ones([n]), .zeros([n])]),
    constants: [.linear, .equalityMatrix, .equalityValues, .inequalityMatrix])
}

@Sendable func machine(_ knobs: Knobs) throws -> KKTPoint<Tensor> {
  try minimum(dual(knobs, training, among))
}

let start = Knobs(logC: log(1), logGamma: log(0.5))
let trained = try machine(start)

// A flower with $\alpha_i = 0$ is classified well enough not to matter; one with $\alpha_i = C$ lies on
// the wrong side of its margin; the *free* ones between lie exactly on the margin and hold the machine
// in place. We count $i$ from 0 to 49, so that $\alpha_i$ belongs to row $51 + 2i$ of the file; inequality
// $i$ is the wall $\alpha_i \le C$, and inequality $50 + i$ the wall $\alpha_i \ge 0$.

/// How many flowers are at `C`, free, and at zero.
func counts(_ activeSet: ActiveSet) -> (bound: Int, free: Int, zero: Int) {
  let n = activeSet.statuses.count / 2
  let bound = activeSet.active.count { $0 < n }
  let zero = activeSet.active.count { $0 >= n }
  return (bound, n - bound - zero, zero)
}

let startProgram = dual(start, training, among)
let startSet = try minimum.activeSet(at: startProgram)
let startCounts = counts(startSet)
show("at C, free, at zero", startCounts.bound, startCounts.free, startCounts.zero)
show("complementarity margin", digits(3, startSet.complementarityMargin))
show("rank of active gradients, and their number", startSet.rank, startSet.gradientCount)

// The machine's decision for a flower $x$ is $f(x) = \sum_i \alpha_i t_i k(x_i, x) + \nu$. The bias is
// $\nu$, the multiplier of the equality: at a free flower the stationarity of the Lagrangian reads
// $t_i f(x_i) = 1$. So multipliers are part of the answer, and they get derivatives like the rest.
// The loss to be lowered is the logistic loss of the margins $t f(x)$ of validation flowers, which
// is smooth, unlike the count of mistakes.

@Sendable func margins(
  _ knobs: Knobs, _ point: KKTPoint<Tensor>, _ distances: Tensor, _ flowers: Flowers
) -> Tensor {
  let decisions = matmul(training.labels * point.primal, kernel(knobs, distances))
  return flowers.labels * (decisions + point.equalityMultipliers)
}

@Sendable func loss(_ knobs: Knobs, _ point: KKTPoint<Tensor>) -> Tensor {
  softplus(-margins(knobs, point, across, validation)).mean()
}

func mistakes(_ knobs: Knobs, _ point: KKTPoint<Tensor>) -> Int {
  margins(knobs, point, across, validation).scalars.count { $0 <= 0 }
}
show("validation loss", loss(start, trained).scalar)
show("mistakes among \(validation.count)", mistakes(start, trained))

// ## Which way to turn
//
// The loss calls the machine like any other function. Recording it, the library notes one
// instruction for the whole quadratic program, whose derivative is one linear solve; the chain rule
// through $Q(\gamma)$, $h(C)$ and the kernel of the loss is done around it.

let (value, slopes) = try valueAndGradient(at: start) { knobs in
  loss(knobs, try machine(knobs))
}
show("dℓ/dlog C", slopes.logC.scalar)
show("dℓ/dlog γ", slopes.logGamma.scalar)
let cotangent = gradient(at: trained) { point in loss(start, point) }
quote(try minimum.linearize(at: dual(start, training, among)).pullback(cotangent).report)

// The *Newton correction* says how far the machine is from solving the conditions; the rest, how well
// the linear system of the derivative was solved. (It has 151 unknowns: 50 weights, the bias, and a
// hundred multipliers, those of walls with slack included, which is little enough to be factorised.)
//
// Is it right? Only the free flowers and the bias can move; the ones at $C$ follow their wall. By
// hand, with $F$ the free and $U$ those at $C$,
//
// $$\begin{pmatrix} Q_{FF} & t_F \\ t_F^{\mathsf T} & 0 \end{pmatrix}
// \begin{pmatrix} \dot\alpha_F \\ \dot\nu \end{pmatrix}
// = -\begin{pmatrix} \dot Q_{F\cdot}\,\alpha + Q_{FU} \mathbf 1\, \dot C \\ t_U^{\mathsf T} \mathbf 1\,\dot C
// \end{pmatrix},$$
//
// with $\dot C = C$ for a step in $\log C$, and $\dot k = -\gamma \lVert u - v\rVert^2 k$ for one in
// $\log\gamma$. That is our reference.

func slopeByHand(_ knobs: Knobs, _ point: KKTPoint<Tensor>, logC: Double, logGamma: Double) throws
  -> Double
{
  let (C, gamma) = (exp(knobs.logC).scalar, exp(knobs.logGamma).scalar)
  let (t, alpha) = (training.labels, point.primal)
  let lambda = point.inequalityMultipliers
  let n = training.count
  let atC = (0..<n).filter { lambda[$0] > 0 }
  let free = (0..<n).filter { lambda[$0] == 0 && lambda[n + $0] == 0 }
  let Q = outer(t, t) * kernel(knobs, among)
  let dQ = Tensor(-gamma * logGamma) * among * Q
  let follow = Tensor(C * logC) * Tensor.ones([atC.count]).scattered(atC, count: n)
  let tFree = t.gathered(free)
  let QFree = Q.gathered(free).gathered(free, alongAxis: 1)
  let m = free.count
  let matrix = Tensor.concatenate([
    .concatenate([QFree, tFree.reshaped([m, 1])], alongAxis: 1),
    .concatenate([tFree, .zeros([1])]).reshaped([1, m + 1]),
  ])
  let moved = matmul(dQ, alpha) + matmul(Q, follow)
  let answer = try solve(
    matrix, -Tensor.concatenate([moved.gathered(free), t.dot(follow).reshaped([1])]))
  let dAlpha = follow + answer.slice(0..<m).scattered(free, count: n)
  let dKernel = Tensor(-gamma * logGamma) * across * kernel(knobs, across)
  let dDecision =
    matmul(t * dAlpha, kernel(knobs, across)) + matmul(t * alpha, dKernel)
    + answer.slice(m..<m + 1)
  let z = margins(knobs, point, across, validation)
  return (-logistic(-z) * validation.labels * dDecision).mean().scalar
}

let byHand = [
  try slopeByHand(start, trained, logC: 1, logGamma: 0),
  try slopeByHand(start, trained, logC: 0, logGamma: 1),
]

func distance(_ gradient: [Double]) -> Double {
  let difference = Tensor(zip(gradient, byHand).map { $0 - $1 })
  return (difference.norm() / Tensor(byHand).norm()).scalar
}

let directions = [Knobs(logC: 1, logGamma: 0), Knobs(logC: 0, logGamma: 1)]
let pushed = try directions.map { direction in
  try valueAndPushforward(at: start, along: direction) { knobs in
    loss(knobs, try machine(knobs))
  }.tangent.scalar
}

/// The machine by steps of the interior-point method that are recorded; without `iterations` to its
/// end, with the last solve.
@Sendable func unrolledMachine(_ knobs: Knobs, iterations: Int?) throws -> KKTPoint<Tensor> {
  var method = method
  method.fixedIterations = iterations
  method.polishes = iterations == nil
  let program = dual(knobs, training, among)
  let solution = try method.solve(
    Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h)
  return KKTPoint(
    primal: solution.point, equalityMultipliers: solution.equalityMultipliers,
    inequalityMultipliers: solution.inequalityMultipliers)
}

let recorded = try linearization(at: start) { knobs in
  loss(knobs, try unrolledMachine(knobs, iterations: nil))
}
let unrolled = try recorded.pullback(1)
let sweeps = try directions.map { direction in
  try DifferenceSweep(steps: sweepSteps) { step in
    let knobs = Knobs(
      logC: start.logC + Tensor(step) * direction.logC,
      logGamma: start.logGamma + Tensor(step) * direction.logGamma)
    return loss(knobs, try machine(knobs)).scalar
  }
}
let routes: [(name: String, gradient: [Double], solves: Int)] = [
  ("implicit, pullback", [slopes.logC.scalar, slopes.logGamma.scalar], 1),
  ("implicit, pushforward", pushed, directions.count),
  ("unrolled, pullback", [unrolled.logC.scalar, unrolled.logGamma.scalar], 1),
  ("central differences", sweeps.map(\.derivative), sweeps.reduce(0) { $0 + $1.evaluations }),
]
try table(
  ["route", "dℓ/dlog C", "dℓ/dlog γ", "relative error", "programs solved"],
  rows: routes.map {
    [$0.name, $0.gradient[0], $0.gradient[1], measured(distance($0.gradient)), $0.solves]
  })
for route in routes.prefix(2) {
  try check("error, \(route.name)", distance(route.gradient), below: 1e-9)
}

// (The pushforwards were asked for one after the other, each with a program of its own; both directions
// at one linearisation would need one. The \(programs) programs of the last row are those of two sweeps over
// step lengths, \(each) in $\log C$ and in $\log\gamma$. The first of them solves one at the point itself, \(at both ends)
// at both ends of \(step lengths) steps, and \(for the noise) more from which it estimates the noise of the loss.)
//
// The last row is off by \(off) %, and it is not the implicit rows that are wrong. Look at the differences in
// $\log C$, at each of the \(step lengths) steps:

note("off", digits(2, 100 * distance(routes[3].gradient)))
note("programs", routes[3].solves)
note("each", sweeps.map { "\($0.evaluations)" }.joined(separator: " and "))
note("step lengths", sweeps[0].entries.count)
note("at both ends", 2 * sweeps[0].entries.count)
note("for the noise", sweeps[0].evaluations - 1 - 2 * sweeps[0].entries.count)
let distances = sweeps[0].entries.map { entry in
  (step: entry.step, error: ((entry.central - byHand[0]) / byHand[0]).magnitude)
}
let misled = distances.filter { $0.error > 0.01 }
let sound = distances.filter { $0.error <= 0.01 }
let misledErrors = misled.map(\.error)
note("least", digits(2, 100 * (misledErrors.min() ?? .nan)))
note("most", digits(2, 100 * (misledErrors.max() ?? .nan)))
note("first sound step", digits(2, sound[0].step))
note("first sound error", digits(2, sound[0].error))
note("chosen steps", sweeps.map { formatted($0.entries[$0.best].step) }.joined(separator: " and "))
if !options.quick {
  try check(
    "of the first two small errors, the distance of their ratio from 4",
    (sound[0].error / sound[1].error - 4).magnitude, below: 0.01)
}
// hide begin
try plot(
  "differences",
  Plot(
    "Central differences in log C", x: .logarithmic("step"),
    y: .logarithmic("relative error", floor: 1e-13),
    [.lineWithPoints("error", x: distances.map(\.step), y: distances.map(\.error))],
    caption:
      "From the right: the steps that straddle a kink are off by percents. At the first one that does "
      + "not, the error drops to \(digits(2, sound[0].error)). From there it falls with the square of the "
      + "step, until rounding takes over and brings it back up."))
// hide end

// Long steps straddle changes of the active set, where the loss has kinks, and an average over kinks has
// little to do with the slope here: such steps are off by \(least) to \(most) %. The first step that is shorter
// than the distance to the nearest kink is \(first sound step) (we shall find the kink below), and there the error
// drops to \(first sound error). From then on half the step makes it a quarter, as it should, until rounding
// takes over. A sweep cannot know that. It sees irregular values, takes them for noise of the solver, and
// prefers a long step: in the two sweeps it chose \(chosen steps). Told to begin below the kink, both agree with
// the derivative:

let short = try directions.map { direction in
  try DifferenceSweep(scale: 1e-3, steps: sweepSteps) { step in
    let knobs = Knobs(
      logC: start.logC + Tensor(step) * direction.logC,
      logGamma: start.logGamma + Tensor(step) * direction.logGamma)
    return loss(knobs, try machine(knobs)).scalar
  }.derivative
}
try check("error of differences with steps below 1e-4", distance(short), below: 1e-6)

// ## Unrolling an interior-point method
//
// Interior-point methods take few iterations, so one could record them. Without the last solve, after
// $k$ of them, the derivative of the iterate and the implicit derivative *at* the iterate compare like
// this:

/// The implicit gradient at a point found elsewhere, or `nil` where the library refuses it.
func gradientAt(_ point: KKTPoint<Tensor>) throws -> (gradient: Knobs, bytes: Int)? {
  do {
    let program = dual(start, training, among)
    let linearization = try minimum.function.linearize(at: program, solution: point)
    let cotangent = gradient(at: point) { point in loss(start, point) }
    let letters = try linearization.pullback(cotangent).value
    let total = gradient(at: start) { knobs in
      let moved = dual(knobs, training, among)
      return loss(knobs, point) + letters.Q.flattened().dot(moved.Q.flattened())
        + (letters.h ?? 0).dot(moved.h ?? 0)
    }
    return (total, linearization.recordedBytes)
  } catch is KKTError {
    return nil
  } catch DifferentiationError.conditionsNotMet, DifferentiationError.noSolutionNearby {
    return nil
  }
}

var unrolledRows: [[any CustomStringConvertible]] = []
var byteRatio = 0.0
var lagging = (iterations: 0, iterate: Double.nan, derivative: Double.nan)  // the last one refused
for iterations in iterationCounts {
  let recorded = try linearization(at: start) { knobs in
    loss(knobs, try unrolledMachine(knobs, iterations: iterations))
  }
  let gradient = try recorded.pullback(1)
  let iterate = try unrolledMachine(start, iterations: iterations)
  let iterateError = ((iterate.primal - trained.primal).norm() / trained.primal.norm()).scalar
  let implicit = try gradientAt(iterate)
  if let implicit { byteRatio = Double(recorded.recordedBytes) / Double(implicit.bytes) }
  let error = distance([gradient.logC.scalar, gradient.logGamma.scalar])
  if implicit == nil { lagging = (iterations, iterateError, error) }
  unrolledRows.append([
    iterations, measured(iterateError), recorded.recordedBytes, measured(error),
    implicit.map { "\($0.bytes)" } ?? "",
    implicit.map { "\(measured(distance([$0.gradient.logC.scalar, $0.gradient.logGamma.scalar])))" }
      ?? "refused",
  ])
}
try table(
  [
    "iterations", "error of α", "bytes, unrolled", "error, unrolled", "bytes, implicit",
    "error, implicit",
  ],
  rows: unrolledRows)
note("ratio of bytes", digits(2, byteRatio))
note("lagging", lagging.iterations)
note("lagging iterate", digits(2, lagging.iterate))
note("lagging derivative", digits(2, lagging.derivative))
note("remaining", (iterationCounts.last ?? 0) - lagging.iterations)

// The derivative that is recorded with the iterates lags behind them: after \(lagging) iterations the weights are
// right to \(lagging iterate), their derivative only to \(lagging derivative). The \(remaining) iterations that remain
// bring both to rounding level. *Refused* means that the point is no solution yet, by the size of the
// Newton step that is still to go; where the point is accepted, the implicit derivative has about as many
// correct digits as the point. At the end, unrolling
// holds \(ratio of bytes) times the memory for the same number. That is bearable, unlike the thousands of
// iterations of a first-order method; but it takes a solver written in tensors, and the implicit
// derivative takes any.
//
// ## Downhill
//
// Gradient descent on $(\log C, \log\gamma)$, with a line search:

var curve: [(loss: Double, knobs: Knobs, counts: (bound: Int, free: Int, zero: Int))] = []
let tuning = GradientDescent(
  stepSize: .backtracking(initial: 10), stopping: .after(descentSteps))
let descent = try timed("descent") {
  try tuning.minimum(
    of: { knobs in loss(knobs, try machine(knobs)) }, from: start,
    observing: { iterate in
      let set = try minimum.activeSet(at: dual(iterate.point, training, among))
      curve.append((iterate.value, iterate.point, counts(set)))
    })
}
let tuned = descent.point

// hide begin
try plot(
  "descent",
  Plot(
    "Tuning C and γ by the gradient", x: .linear("step"), y: .linear("validation loss"),
    [.lineWithPoints("loss", x: curve.indices.map(Double.init), y: curve.map(\.loss))],
    caption:
      "Most of the way is done in the first few steps. In \(descent.iterations) steps the line search "
      + "tried \(descent.evaluations) points, the start included. Each cost one quadratic program and one "
      + "linear solve for the gradient."))
// hide end
let tunedMachine = try machine(tuned)
try table(
  ["", "C", "γ", "validation loss", "mistakes", "at C", "free", "at zero"],
  rows: [(start, trained, curve[0]), (tuned, tunedMachine, curve[curve.count - 1])].enumerated().map
  {
    index, entry in
    let (knobs, point, state) = entry
    return [
      index == 0 ? "before" : "after", digits(4, exp(knobs.logC).scalar),
      digits(4, exp(knobs.logGamma).scalar), digits(4, state.loss), mistakes(knobs, point),
      state.counts.bound, state.counts.free, state.counts.zero,
    ] as [any CustomStringConvertible]
  })
try check(
  curve[curve.count - 1].loss < curve[0].loss, "the tuned machine has the lower validation loss")
// The winner has a wide kernel, nearly a straight cut. (Fifty validation flowers have been used to find it,
// so its loss flatters; a third set would tell the truth.) Its $C$ looks strict, but the values of $C$ at
// different $\gamma$ cannot be compared. For small $\gamma$
//
// $$k(u, v) \approx 1 - \gamma \lVert u\rVert^2 - \gamma \lVert v\rVert^2 + 2 \gamma\, u^{\mathsf T} v ,$$
//
// of which $\sum_i t_i \alpha_i = 0$ leaves the last term alone in the dual. With $\beta = 2\gamma\alpha$ this is the
// machine with the kernel $u^{\mathsf T} v$, a straight cut, and its walls are at $2\gamma C$. Here is that machine:

let flatC = 2 * exp(tuned.logGamma) * exp(tuned.logC)
let straightProgram = QuadraticProgram(
  Q: outer(training.labels, training.labels)
    * matmul(training.features, training.features.transposed()),
  c: startProgram.c, A: startProgram.A, b: startProgram.b, G: startProgram.G,
  h: .concatenate([flatC * Tensor.ones([training.count]), .zeros([training.count])]))
let straight = try minimum(straightProgram)
let normal = matmul(training.labels * straight.primal, training.features)
let straightDecisions = matmul(validation.features, normal) + straight.equalityMultipliers
let tunedDecisions = validation.labels * margins(tuned, tunedMachine, across, validation)
let agreeing = zip(straightDecisions.scalars, tunedDecisions.scalars).count { $0 * $1 > 0 }
show("2γC", digits(3, flatC.scalar))
show("flowers, of \(validation.count), on which it agrees with the winner", agreeing)

// Towards the end the descent is slow. The reason shows in its last points, with the slopes of the loss at
// each and, in the last two columns, along the step that led there:

// hide begin
/// Where a flower is, in words.
func place(of flower: Int, in set: ActiveSet) -> String {
  let n = training.count
  return set.statuses[flower] == .active
    ? "at C" : set.statuses[n + flower] == .active ? "at zero" : "free"
}
// hide end
let ends = try curve.suffix(5).map { entry in
  (
    knobs: entry.knobs,
    slopes: try gradient(at: entry.knobs) { knobs in loss(knobs, try machine(knobs)) },
    activeSet: try minimum.activeSet(at: dual(entry.knobs, training, among))
  )
}
let lastSteps = zip(ends, ends.dropFirst()).map { before, after in
  let (dC, dGamma) = (
    after.knobs.logC - before.knobs.logC, after.knobs.logGamma - before.knobs.logGamma
  )
  func along(_ slopes: Knobs) -> Double {
    (dC * slopes.logC + dGamma * slopes.logGamma).scalar
      / (dC * dC + dGamma * dGamma).scalar.squareRoot()
  }
  let (old, new) = (before.activeSet.statuses, after.activeSet.statuses)
  return (
    changed: Set(old.indices.filter { old[$0] != new[$0] }.map { $0 % training.count }),
    start: along(before.slopes), end: along(after.slopes), after: after
  )
}
let crossing = lastSteps.last?.changed.min() ?? 0
try table(
  [
    "step", "row \(51 + 2 * crossing)", "dℓ/dlog C", "dℓ/dlog γ", "slope at its start",
    "at its end",
  ],
  rows: lastSteps.enumerated().map { k, step in
    [
      curve.count - lastSteps.count + k, place(of: crossing, in: step.after.activeSet),
      digits(3, step.after.slopes.logC.scalar), digits(3, step.after.slopes.logGamma.scalar),
      digits(2, step.start), digits(2, step.end),
    ] as [any CustomStringConvertible]
  })
note("crossing", 51 + 2 * crossing)
if descentSteps == 30 {  // the claims are about the end of this descent
  try check(
    lastSteps.allSatisfy { $0.changed == [crossing] },
    "in each of these steps it is one flower that changes its state, and always the same")
  try check(
    lastSteps.allSatisfy { $0.start < 0 && $0.end > 0 },
    "each of these steps begins downhill and ends uphill")
}

// The gradient has two values, by turns: one where the flower of row \(crossing) is free, another where it is at
// $C$. They hardly change from one visit to the next; it is the kink between that turns the slope of each step
// from down to up. Both sides fall towards the kink, it is the bottom of a valley, and a method for smooth
// losses zigzags there.
//
// ## Where the kinks are
//
// Let us fix $\gamma = 0.5$ and follow the machine from $C = 0.05$ to $50$. First the report, at
// \(grid points) values of $C$, of which we show a few:

let logRange = [log(0.05).scalar, log(50).scalar]
let grid = (0..<gridCount).map { k in
  logRange[0] + Double(k) / Double(gridCount - 1) * (logRange[1] - logRange[0])
}
note("grid points", gridCount)

/// The program of a given `C`, of which only the limits `h` are differentiated.
func program(C: Double) -> QuadraticProgram {
  var program = dual(Knobs(logC: log(Tensor(C)), logGamma: start.logGamma), training, among)
  program.constants = Set(QuadraticProgram.Part.allCases).subtracting([.inequalityLimits])
  return program
}

let path = try grid.map { logC in
  let C = exp(Tensor(logC)).scalar
  return (C: C, activeSet: try minimum.activeSet(at: program(C: C)))
}
let changed = (1..<gridCount).filter {
  path[$0].activeSet.statuses != path[$0 - 1].activeSet.statuses
}
try table(
  ["C", "at C", "free", "at zero", "margin", "rank of active gradients"],
  rows: stride(from: 0, to: gridCount, by: max(1, gridCount / 10)).map { k in
    let (C, set) = path[k]
    let (bound, free, zero) = counts(set)
    return [
      digits(3, C), bound, free, zero, digits(2, set.complementarityMargin),
      "\(set.rank) of \(set.gradientCount)",
    ] as [any CustomStringConvertible]
  })
note("changed intervals", changed.count)
note("intervals", gridCount - 1)

// In \(changed intervals) of the \(intervals) intervals between neighbouring values the active set has
// changed. Between two changes, the conditions are linear equations with $C$ on the right-hand side only:
// the solution is a *straight line* in $C$, and one derivative describes all of it. It even says where the
// line ends, at the first wall that a free $\alpha_i$ reaches or the first multiplier that reaches zero.
// So one can walk from kink to kink. Each line takes one quadratic program, solved at its beginning, and
// one linear solve, for its direction (besides the one by which the library checks that solution). Between
// its ends nothing is solved. (Statisticians call this the path algorithm of support vector machines.
// Theirs does without the programs: it updates the solution of the line before.)

/// A piece of the path on which the active set stays the same.
struct Segment {
  let start: Double
  let end: Double
  let solution: KKTPoint<Tensor>
  let motion: KKTPoint<Tensor>

  func point(at C: Double) -> KKTPoint<Tensor> {
    let step = Tensor(C - start)
    return KKTPoint(
      primal: solution.primal + step * motion.primal,
      equalityMultipliers: solution.equalityMultipliers + step * motion.equalityMultipliers,
      inequalityMultipliers: solution.inequalityMultipliers + step * motion.inequalityMultipliers)
  }
}

func segment(from C: Double) throws -> Segment {
  let program = program(C: C)
  let n = training.count
  let linearization = try minimum.linearize(at: program)
  let solution = linearization.solution
  var tangent = program
  tangent.h = .concatenate([.ones([n]), .zeros([n])])
  let motion = try linearization.pushforward(tangent).value
  guard let G = program.G, let h = program.h, let dh = tangent.h else {
    return Segment(start: C, end: .infinity, solution: solution, motion: motion)
  }
  let slack = (h - matmul(G, solution.primal)).scalars
  let slackRate = (dh - matmul(G, motion.primal)).scalars
  let (lambda, lambdaRate) = (
    solution.inequalityMultipliers.scalars, motion.inequalityMultipliers.scalars
  )
  // What is positive and falls, and when it reaches zero. Rates at rounding level are none.
  let arrivals = (0..<2 * n).compactMap { i -> Double? in
    let (value, rate) = lambda[i] > 0 ? (lambda[i], lambdaRate[i]) : (slack[i], slackRate[i])
    return rate < -1e-10 ? -value / rate : nil
  }
  return Segment(
    start: C, end: C + (arrivals.min() ?? .infinity), solution: solution, motion: motion)
}

// Below the first free flower the multipliers are not unique (more on that below), so the walk begins
// at the first value of the grid that has one. The next segment begins a ten-thousandth of $C$ beyond the
// kink; where the library still calls that point weakly active, a little further, but at most three
// thousandths. The walk skips these gaps, so two kinks that are closer than that may be counted as one.
// Then two walls, or more, change their state from one line to the next, and we count how often.

func segment(beyond kink: Double) throws -> Segment {
  for distance in [1e-4, 3e-4, 1e-3] {
    do {
      return try segment(from: kink * (1 + distance))
    } catch KKTError.weaklyActive {
      continue
    }
  }
  return try segment(from: kink * 1.003)
}

var segments: [Segment] = []
let departure = path.first { counts($0.activeSet).free > 0 }?.C ?? 1
// hide begin
var progress = Progress("walking", total: walkLimit)
// hide end
segments.append(try segment(from: departure))
while let last = segments.last, last.end < 50, segments.count < walkLimit {
  segments.append(try segment(beyond: last.end))
  progress.update(completed: segments.count)  // hide
}
progress.end()  // hide
let kinks = segments.map(\.end).filter { $0 < 50 }
show("first C of the walk", digits(4, departure))
show("kinks", kinks.count)
show("where the last one is", digits(5, kinks.last ?? .nan))
let spacings = zip(kinks, kinks.dropFirst()).map { ($1 - $0) / $0 }
show("closest two, as a part of C", digits(2, spacings.min() ?? .nan))
let merged = zip(segments, segments.dropFirst()).count { before, after in
  let (lambda, next) = (
    before.solution.inequalityMultipliers.scalars, after.solution.inequalityMultipliers.scalars
  )
  return zip(lambda, next).count { ($0 > 0) != ($1 > 0) } > 1
}
show("at how many of them more than one wall changes", merged)

// Does the line hold what it promises? At each value of the grid that lies on one, we compare the point on
// the line with the solution of the program. Values before the walk begins are left out, and so would be
// those that happen to fall into one of the gaps:

var worstOnLine = 0.0
var onLines = 0
for (C, _) in path {
  guard let line = segments.last(where: { $0.start <= C && C <= $0.end }) else { continue }
  onLines += 1
  let solved = try minimum(program(C: C))
  let error = (line.point(at: C).primal - solved.primal).norm() / solved.primal.norm()
  worstOnLine = max(worstOnLine, error.scalar)
}
let before = path.count { $0.C < departure }
show(
  "values of C before the walk, on a line, neither", before, onLines, path.count - before - onLines)
try check("largest relative distance of the lines from the solutions", worstOnLine, below: 1e-8)
let reached = min(segments.last?.end ?? 0, 50)
let inWalk = changed.filter { path[$0 - 1].C >= departure && path[$0].C <= reached }
try check(
  inWalk.allSatisfy { k in kinks.contains { path[k - 1].C <= $0 && $0 <= path[k].C } },
  "every interval of the grid in which the active set has changed contains a kink of the walk")

// On the lines, the slope of the validation loss costs a product. It jumps at the kinks:

// hide begin
/// Values of C along a segment, close enough to draw it.
func samples(_ segment: Segment) -> [Double] {
  let (a, b) = (segment.start, min(segment.end, 50))
  let count = 2 + Int(20 * log(Tensor(b / a)).scalar)
  return (0...count).map { k in
    exp(log(Tensor(a)) + Tensor(Double(k) / Double(count)) * log(Tensor(b / a))).scalar
  }
}
func slope(at C: Double, _ segment: Segment) -> Double {
  let knobs = Knobs(logC: log(Tensor(C)), logGamma: start.logGamma)
  let cotangent = gradient(at: segment.point(at: C)) { point in loss(knobs, point) }
  let motion = segment.motion
  return C
    * (cotangent.primal.dot(motion.primal)
    + cotangent.equalityMultipliers.dot(motion.equalityMultipliers)).scalar
}
let slopeLine = segments.flatMap { segment in
  samples(segment).map { (C: $0, slope: slope(at: $0, segment)) }
}
let kinked = segments.filter { $0.end < 50 }
try plot(
  "slope",
  Plot(
    "Slope of the validation loss along the path", x: .logarithmic("C"), y: .linear("dℓ / dlog C"),
    [
      .line("slope", x: slopeLine.map(\.C), y: slopeLine.map(\.slope)),
      .points("kinks", x: kinks, y: kinked.map { slope(at: $0.end, $0) }),
    ],
    caption:
      "The slope is computed on the lines of the walk only; the steep strokes between them join "
      + "one line to the next. A point for each kink, where a flower reaches a wall or leaves one, at "
      + "the slope that ends there."))
let n = training.count
let freeSpans = (0..<n).map { i in
  segments.count { segment in
    segment.solution.inequalityMultipliers[i] == 0
      && segment.solution.inequalityMultipliers[n + i] == 0
  }
}
let interesting = (0..<n).sorted { (freeSpans[$0], $1) > (freeSpans[$1], $0) }.prefix(5).sorted()
try plot(
  "weights",
  Plot(
    "Five flowers along the path", x: .logarithmic("C"), y: .linear("α / C"),
    interesting.map { i in
      .line(
        "row \(51 + 2 * i)", x: segments.flatMap { samples($0) },
        y: segments.flatMap { segment in
          samples(segment).map { segment.point(at: $0).primal[i] / $0 }
        })
    } + [.points("kinks", x: kinks, y: kinks.map { _ in 0 })],
    caption:
      "The weights α, as parts of C, of the five flowers that are free on the largest number of the "
      + "\(segments.count) lines of the walk; rows count from 1 in the file. At 1 a flower is at its upper "
      + "wall, at 0 it does not matter; each corner is a kink (the points below), though most kinks "
      + "belong to other flowers. Between kinks α = p + q C is a straight line in C, so what is drawn, "
      + "q + p/C, is curved; after the last one α stands still, and α/C falls as 1/C."))
// hide end
let nearestKink = kinks.map { abs(log(Tensor($0))).scalar }.min() ?? .nan
show("distance of the nearest kink from log C = 0", digits(3, nearestKink))
if reached > 2 {  // the walk has passed C = 1
  try check(
    distances.allSatisfy { ($0.step > nearestKink) == ($0.error > 0.01) },
    "of the differences above, those with longer steps are off by percents, and no others")
}

// That is where the differences above lost their way. Beyond the last kink the slope is exactly zero:
// no flower is at $C$ any more, so the wall can be moved without anybody noticing.
//
// ## At a kink
//
// What if the point of interest *is* a kink? The smallest example with two unknowns:
//
// $$\min\; \tfrac12 (z_1^2 + z_2^2) \quad\text{subject to}\quad z_1 + z_2 = b,\quad
// z_1 - 2 z_2 \le -\tfrac12 .$$
//
// For $b \ge 1$ the middle $z = (b/2, b/2)$ is allowed, and $z' = (\tfrac12, \tfrac12)$. For $b < 1$ it
// is not, both constraints are equations, and $z = \tfrac13 (2b - \tfrac12,\; b + \tfrac12)$ with
// $z' = (\tfrac23, \tfrac13)$. At $b = 1$ both meet, with slack and multiplier zero.

let corner = ConstrainedMinimum<Tensor, Tensor>(
  ConstrainedProblem(
    objective: { _, z in 0.5 * z.squaredNorm() },
    equalities: { b, z in z.sum() - b },
    inequalities: { _, z in z.dot([1, -2]) + 0.5 }),
  primalSolver: { b in
    b < 1
      ? .stack([(2 * b - 0.5) / 3, (b + 0.5) / 3])
      : .stack([0.5 * b, 0.5 * b])
  })
try quoteError { _ = try corner.linearize(at: 1) }

// What exists is a derivative for each *direction*: if $b$ starts to grow, the solution moves one
// way, and if it starts to shrink, it moves another. The library finds it on request, by solving a
// small problem of its own in which each weakly active wall decides whether to bind:

var cornerRows: [[any CustomStringConvertible]] = []
var worstCorner = 0.0
for (direction, expected) in [(1.0, [0.5, 0.5]), (-1, [-2.0 / 3, -1.0 / 3])] {
  let side = try corner.oneSidedPushforward(at: 1, along: Tensor(direction))
  let dz = side.value.primal
  worstCorner = max(worstCorner, (dz - Tensor(expected)).norm().scalar)
  cornerRows.append([
    direction > 0 ? "+1" : "−1", dz[0], dz[1], side.binding.isEmpty ? "no" : "yes",
  ])
}
try table(["direction of b", "dz₁", "dz₂", "wall binds"], rows: cornerRows)
try check("error against the two formulas", worstCorner, below: 1e-12)

// It is not linear: $-1$ does not give the negative of $+1$. So there is nothing to pull back, and
// gradients are refused. Central differences have no such scruples. The comparison looks at both sides
// and says what they hide:

let cornerComparison = try GradientComparison(
  of: corner.function, at: 1, loss: { point in point.primal.at(0) })
let cornerCentral = cornerComparison[.centralDifferences]?.derivatives[0] ?? .nan
show("central differences of z₁", cornerCentral)
for finding in cornerComparison.findings { quote(finding) }
try check(
  "distance of central differences from the average of ½ and ⅔",
  (cornerCentral - 7.0 / 12).magnitude, below: 1e-9)

// On a path it takes luck to hit a kink exactly. Descent needs none, as we saw: where both sides fall towards
// a kink, the minimum sits in it.
//
// ## The optimal value needs no solve
//
// If the loss is the optimal value itself, say $V = \min_\alpha$ of the dual, the motion of the solution
// does not matter to first order. What matters is the *Lagrangian* at fixed solution and multipliers:
//
// $$\frac{dV}{dh} = \frac{\partial}{\partial h}\bigl(f + \nu^{\mathsf T}(A z - b)
// + \lambda^{\mathsf T}(G z - h)\bigr) = -\lambda .$$
//
// (Not the objective, which does not contain $h$, and whose partial derivative is zero.) So
// $dV/dC = -\sum_i \lambda_i$ over the upper walls. To compare, we differentiate the objective at the
// solution in our knob $\log C$. That gives $dV/d\log C = C\,dV/dC$, which is the same number here, at
// $C = 1$.

let (optimum, envelope) = try minimum.optimalValueAndGradient(at: startProgram)
let slopeInC = (envelope.h ?? 0).slice(0..<training.count).sum().scalar
let (throughSolve, throughSlopes) = try valueAndGradient(at: start) { knobs in
  try QuadraticProgram.problem.objective(
    dual(knobs, training, among), try machine(knobs).primal)
}
show("V", optimum)
let slopeInLogC = exp(start.logC).scalar * slopeInC
show("dV/dC, from the multipliers", slopeInC)
show("dV/dlog C, by differentiating the solution", throughSlopes.logC.scalar)
try check(
  "relative difference of C dV/dC and dV/dlog C",
  ((slopeInLogC - throughSlopes.logC.scalar) / slopeInLogC).magnitude, below: 1e-10)

// The multiplier $\lambda_i$ of an upper wall is the amount by which flower $i$ violates its margin. The
// price of a constraint is its multiplier: that is what multipliers are called shadow prices for.
//
// ## What goes wrong, and what you are told
//
// **The quadratic form is singular.** That alone is no fault. Of
// $\tfrac12(z_1 + z_2)^2 - (z_1 + z_2)$ only the sum is determined, and $z_1 + z_2 = 1$ at the minimum. A wall
// that binds can decide the rest: with $z_1 - z_2 \le \tfrac12$, and a little reward for a large
// $z_1 - z_2$, the solution is unique, and has a derivative. Without the reward nothing pushes against the
// wall, and the solver returns one of many solutions:

func onlyTheSum(reward: Double) -> QuadraticProgram {
  QuadraticProgram(
    Q: [[1, 1], [1, 1]], c: Tensor([-1 - reward, -1 + reward]), G: [[1, -1]], h: [0.5])
}
let decided = try minimum.linearize(at: onlyTheSum(reward: 0.1))
var movedWall = onlyTheSum(reward: 0)
(movedWall.Q, movedWall.c) = (.zeros([2, 2]), .zeros([2]))
(movedWall.G, movedWall.h) = (.zeros([1, 2]), [1])
let moved = try decided.pushforward(movedWall).value.primal
show("z with the reward", decided.solution.primal)
show("its motion when the wall recedes", moved)
try check(
  "error of the motion (½, −½)", (moved - [0.5, -0.5]).norm(.infinity).scalar, below: 1e-12)
try quoteError { _ = try minimum.linearize(at: onlyTheSum(reward: 0)) }

// **Two identical flowers.** The same may hide in data. Rows 102 and 143 of the file hold the same numbers,
// and fall on different sides of our split. Train on all hundred flowers, and both are in:

let everyone = Flowers(Array(0..<100))
let (first, second) = (102 - 51, 143 - 51)
try check(
  everyone.features.at(first).scalars == everyone.features.at(second).scalars,
  "rows 102 and 143 are equal")
let allDistances = everyone.squaredDistances(to: everyone)
let narrow = Knobs(logC: start.logC, logGamma: log(2))
let allProgram = dual(narrow, everyone, allDistances)
let allMachine = try minimum(allProgram)
show("their weights", digits(4, allMachine.primal[first]), digits(4, allMachine.primal[second]))
show("C", exp(narrow.logC).scalar)

// With $\gamma = 2$ both are free, and $Q$ has two equal rows. The machine needs a certain *sum* of the two
// weights; how it is shared was up to the solver (interior points like the middle). The conditions do not
// say how the weights move, and the library does not pretend to know:

try quoteError { _ = try minimum.linearize(at: allProgram) }

// The matrix of the conditions is singular again: let one weight grow and the other shrink by as much, and
// no condition notices. The refusal comes at the linearisation, before any loss is named. That is hard on the
// decision function, which depends on the sum only, and that does have a derivative. Exercise 2 gets it.
//
// **No free flower.** At the beginning of the path every flower is at $C$. The weights are as
// determined as can be, and their derivative is right. The bias is not: there is a whole interval of
// biases, and the solver picks one. Whoever asks for its derivative hears:

let early = program(C: 0.05)
let atEarly = try minimum.linearize(at: early)
var wider = early
wider.h = .concatenate([.ones([training.count]), .zeros([training.count])])
let follow = try atEarly.pushforward(wider).value.primal
try check("distance of dα/dC from 1", (follow - 1).norm(.infinity).scalar, below: 1e-10)
try quoteError {
  _ = try atEarly.pullback(
    KKTPoint(
      primal: .zeros([training.count]), equalityMultipliers: [1],
      inequalityMultipliers: .zeros([2 * training.count])))
}

// The report said so too: its rank was one less than the number of active gradients. And whoever uses the
// bias asks for it, among them our validation loss:

let earlyKnobs = Knobs(logC: log(0.05), logGamma: start.logGamma)
try quoteError {
  _ = try valueAndGradient(at: earlyKnobs) { knobs in loss(knobs, try machine(knobs)) }
}

// The difference of two decisions does not contain the bias, and so has its derivative. As all weights are equal
// to $C$, it is proportional to $C$, and its slope in $\log C$ is the difference itself:

let (apart, apartSlopes) = try valueAndGradient(at: earlyKnobs) { knobs in
  let decisions =
    validation.labels * margins(knobs, try machine(knobs), across, validation)
  return decisions.at(0) - decisions.at(1)
}
show("difference of the first two decisions", apart.scalar)
try check(
  "relative distance of its slope in log C from that",
  ((apartSlopes.logC - apart) / apart).scalar.magnitude, below: 1e-10)

// Why were the twins refused outright, and here only who asks for the bias? The twins' *solution* is not
// unique. Which losses could tell one solution from another the library does not know beforehand, so it does
// not linearise at all. Here the solution is unique, and only *multipliers* are not: the bias, with the
// multipliers of the walls following. The library finds such combinations from the dependent gradients
// (its message calls them a gauge), and refuses the losses that see one.
//
// **No point satisfies the constraints.** With at most $C = 0.05$ for each of 25 virginicas and as many
// versicolors, $\sum t_i \alpha_i$ cannot be 3:

var impossible = early
impossible.b = [3]
try quoteError { _ = try minimum(impossible) }

// **The objective falls for ever.** No straight cut separates all hundred flowers. With a linear kernel and
// without the upper walls, the dual shows it by having no minimum:

let t = everyone.labels
let linearKernel = matmul(everyone.features, everyone.features.transposed())
let hardMargin = QuadraticProgram(
  Q: outer(t, t) * linearKernel, c: -Tensor.ones([everyone.count]),
  A: t.reshaped([1, everyone.count]), b: [0],
  G: -Tensor.identity(everyone.count), h: .zeros([everyone.count]))
try quoteError { _ = try minimum(hardMargin) }

// **The solver stopped early.** Eight interior-point iterations are too few here:

let hurried = ConstrainedMinimum(
  QuadraticProgram.problem,
  solver: { program in
    var short = method
    short.fixedIterations = 8
    short.polishes = false
    let solution = try short.solve(
      Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h)
    return KKTPoint(
      primal: solution.point, equalityMultipliers: solution.equalityMultipliers,
      inequalityMultipliers: solution.inequalityMultipliers)
  })
try quoteError { _ = try hurried.linearize(at: startProgram) }

// ## Exercises
//
// 1. A solver of yours writes its multipliers with the other sign, $L = f - \lambda^{\mathsf T} G$. Will
//    the library return a wrong gradient?
// 2. Make the twins one flower that counts twice. What changes in the program, and what is the
//    derivative of the sum of their weights with respect to $\log C$?
// 3. In the textbook, complementarity reads $\lambda \circ G = 0$. The library writes $G_i = 0$ for walls that
//    bind and $\lambda_i = 0$ for the others. Do the derivatives differ? Do the condition numbers?
// 4. In the example with the kink, let the limit move too: $z_1 - 2 z_2 \le -\tfrac12 + e$. In which
//    directions $(\dot b, \dot e)$ does the wall bind, and what is $\dot z$ there?
//
// [Solutions](ConstrainedQPSolutions.md)
//
// ## References
//
// - A. V. Fiacco, *Introduction to Sensitivity and Stability Analysis in Nonlinear Programming*,
//   Academic Press (1983): the derivative of a KKT point and when it exists (Theorem 3.2.2), and that
//   of the optimal value.
// - B. Amos, J. Z. Kolter, “OptNet: Differentiable Optimization as a Layer in Neural Networks”, ICML
//   (2017): the gradients in every letter of a quadratic program.
// - K. Jittorntrum, “Solution Point Differentiability without Strict Complementarity in Nonlinear
//   Programming”, Mathematical Programming Study 21 (1984): one-sided derivatives.
// - T. Hastie, S. Rosset, R. Tibshirani, J. Zhu, “The Entire Regularization Path for the Support Vector
//   Machine”, Journal of Machine Learning Research 5 (2004): the walk from kink to kink.
// - O. Chapelle, V. Vapnik, O. Bousquet, S. Mukherjee, “Choosing Multiple Parameters for Support Vector
//   Machines”, Machine Learning 46 (2002): gradients in C and the kernel.
// - R. A. Fisher, “The Use of Multiple Measurements in Taxonomic Problems”, Annals of Eugenics 7 (1936):
//   the flowers; UCI Machine Learning Repository, CC BY 4.0.
try endPage()  // hide
