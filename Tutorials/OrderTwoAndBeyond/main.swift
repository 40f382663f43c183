// # The derivative of a solve is a solve, so there is a second, and a third
//
// Page: docs/OrderTwoAndBeyond.md
// Teaches: How Hessians pass through a solver, what they cost, and which shortcuts are wrong.
// Minutes: 25
//
// You tune ten penalties of a regression by gradient descent on a validation loss. Each gradient
// passes through the fit by one linear solve, and after some seventy steps it is done. Newton's
// method, you remember, takes half a dozen. But it wants the Hessian of a loss that has a *solver* inside. For
// a solution $y$ of conditions $F(x, y) = 0$ the first derivative is $-A^{-1}B$, with
// $A = \partial F/\partial y$ and $B = \partial F/\partial x$, both taken at the solution. Now the
// solution moves, and the inverse moves along. Can one have second derivatives of that? And the ones
// after?

// hide begin
import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Optimality
import Synchronization

let options = try Options(seed: 1, tolerance: 1e-11)
let stepLimit = try options.integer(
  "steps", default: 1_000, quick: 100, in: 80...100_000, help: "steps of descent at most")
try beginPage(options)
// hide end

// ## By hand, on one number
//
// Let $y(x) = \sqrt x$ be known only by its condition $y^2 = x$. Both sides are functions of $x$,
// and equal, so differentiate. And again, because the result is once more an equation between
// functions; and again:
//
// $$\begin{aligned} 2y\,y' &= 1 \\ 2y\,y'' &= -2\,y'^2 \\ 2y\,y''' &= -6\,y'y'' \\
// 2y\,y'''' &= -8\,y'y''' - 6\,y''^2 . \end{aligned}$$
//
// Look at the left-hand sides. Whatever the order, the unknown is multiplied by the same $2y$,
// which is $A$ for $F = y^2 - x$ (and $B = -1$); what changes is the right-hand side, and it is made
// of lower orders. One factorisation serves all.

let four = 4.0
let root = four.squareRoot()
let first = 1 / (2 * root)
let second = -2 * first * first / (2 * root)
let third = -6 * first * second / (2 * root)
let fourth = (-8 * first * third - 6 * second * second) / (2 * root)
show("√x and its derivatives at x = 4", root, first, second, third, fourth)

// ## A linear solve is an implicit function
//
// In more dimensions the second line of the scheme reads like this. Let $u$ be the solution of
// $A u = b$, where matrix and right-hand side depend on something (a dot is a derivative along it).
// This too is a condition, $A u - b = 0$, in the unknown $u$, and it is differentiated like any
// other:
//
// $$A\,\dot u = \dot b - \dot A\,u .$$
//
// The derivative of a solve with $A$ is a solve with $A$. That is all there is to higher orders.
// A first derivative is a product with $B$ and a solve; its derivative is products and another
// solve, whose derivative is products and another solve, always with the matrix at the one point
// where we stand. The products $\dot A\,u$ need no new idea either: $A\,u$ is a directional
// derivative of $F$, a function made of ordinary operations, and one differentiates it.
//
// To see that it is so, we count. A linear solver is a value that prepares a matrix and then
// solves with it; ours passes both on to LU, and keeps a tally.

/// How often the forward solver ran, a matrix was factorised, and a linear system solved.
struct Cost: Sendable {
  var forwardSolves = 0
  var factorisations = 0
  var linearSolves = 0
}

final class Tally: Sendable {
  private let cost = Mutex(Cost())

  func count(_ part: WritableKeyPath<Cost, Int> & Sendable) {
    cost.withLock { $0[keyPath: part] += 1 }
  }

  var total: Cost { cost.withLock { $0 } }

  /// The value of `body`, and what it cost.
  func of<Value>(_ body: () throws -> Value) rethrows -> (value: Value, cost: Cost) {
    cost.withLock { $0 = Cost() }
    let value = try body()
    return (value, total)
  }
}
let tally = Tally()

struct Counting: LinearSolver {
  var base: any LinearSolver = LUSolver()

  func prepare(_ A: any LinearOperator) throws(LinearSolveError) -> any PreparedLinearSolver {
    tally.count(\.factorisations)
    return Prepared(base: try base.prepare(A))
  }

  struct Prepared: PreparedLinearSolver {
    let base: any PreparedLinearSolver
    var methodDescription: String { base.methodDescription }

    func solve(
      _ b: [Double], transposed: Bool, initialGuess: [Double]?
    ) throws(LinearSolveError) -> LinearSolution {
      tally.count(\.linearSolves)
      return try base.solve(b, transposed: transposed, initialGuess: initialGuess)
    }
  }
}

// The square root again, as the library sees it. To differentiate twice, write `gradient` twice.

let squareRoot = ImplicitFunction<Tensor, Tensor>(
  forward: { x in
    tally.count(\.forwardSolves)
    return sqrt(x)
  },
  conditions: .root { x, y in y * y - x }, linearSolver: Counting())

@Sendable func derivative(
  _ order: Int, of function: @Sendable (Tensor) throws -> Tensor, at x: Tensor
) throws -> Tensor {
  if order == 0 { return try function(x) }
  return try gradient(at: x) { x in try derivative(order - 1, of: function, at: x) }
}

var orderRows: [[any CustomStringConvertible]] = []
var orderError = 0.0
for (order, byHand) in [root, first, second, third, fourth].enumerated() where order > 0 {
  let (nested, cost) = try tally.of {
    try derivative(order, of: { try squareRoot($0) }, at: Tensor(four)).scalar
  }
  orderError = max(orderError, abs(Tensor(nested / byHand - 1)).scalar)
  orderRows.append([
    order, byHand, nested, cost.forwardSolves, cost.factorisations, cost.linearSolves,
  ])
}
try table(
  ["order", "by hand", "nested", "forward solves", "factorisations", "linear solves"],
  rows: orderRows)
try check("relative error of all four", orderError, below: 1e-13)

// The forward solver runs once and one matrix is factorised, whatever the order. (That the point is a
// solution takes no solve here, because its residual is zero; else it takes one.) The number of solves doubles
// with each order, and one more, because we nest blindly: each `gradient` differentiates everything below it. By
// hand we needed one solve for each order; exercise 3 gets there.
//
// ## Ten penalties
//
// Now the question of the beginning. The data are those of [the page on
// minimisers](UnconstrainedOptimization.md): ten measurements on each of 442 diabetes patients, a
// third to train, a third to validate, a third to test, and a penalty of its own for each
// measurement, by its logarithm $\rho_j$:
//
// $$w(\rho) = \arg\min_w\; \frac{1}{2m}\lVert X w - b\rVert^2 + \frac12 \sum_j e^{\rho_j} w_j^2 .$$

let names = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
let firstPage = #filePath.replacing("OrderTwoAndBeyond", with: "UnconstrainedOptimization")
let raw = try Table(csv: try dataFile("diabetes.csv", file: firstPage))
  .columns(names + ["progression"])

/// Measurements and progression of some patients, a row for each.
struct Patients: Sendable {
  let features: Tensor
  let progression: Tensor

  init(_ rows: Tensor) {
    features = rows.slice(0..<10, alongAxis: 1)
    progression = rows.at(10, alongAxis: 1)
  }

  /// Half the mean squared error of a linear model.
  func loss(_ weights: Tensor) -> Tensor {
    let residual = matmul(features, weights) - progression
    return 0.5 * (residual * residual).mean()
  }

  /// Second derivative of the loss, and minus its first derivative at zero.
  var normalEquations: (matrix: Tensor, vector: Tensor) {
    let m = Tensor(Double(progression.count))
    return (
      matmul(features, features, transposingLeft: true) / m, matmul(progression, features) / m
    )
  }
}

let thirds = (0..<3).map { part in
  raw.gathered(Array(stride(from: part, to: raw.shape[0], by: 3)))
}
let center = thirds[0].mean(alongAxis: 0)
let deviation = sqrt(pow(thirds[0] - center, 2).mean(alongAxis: 0))
let training = Patients((thirds[0] - center) / deviation)
let validation = Patients((thirds[1] - center) / deviation)
let test = Patients((thirds[2] - center) / deviation)

@Sendable func penalised(_ rho: Tensor, _ w: Tensor) -> Tensor {
  training.loss(w) + 0.5 * (exp(rho) * w * w).sum()
}

let inner = Newton(stopping: Stopping(gradientTolerance: options.tolerance))
let zero = Tensor.zeros([10])
let fit = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in
    tally.count(\.forwardSolves)
    return try inner.minimum(of: { w in penalised(rho, w) }, from: zero).point
  },
  conditions: .stationary(of: penalised), linearSolver: Counting())

// What is minimised over $\rho$ is the validation loss, plus a weak pull of strength $\tau$ towards
// penalties of 0.1. Without the pull there is no minimum to find: some penalties run off, ever more
// slowly, to infinity (leave that measurement out) or to zero (set its weight free).

let tau = 1e-3
let start = log(Tensor(repeating: 0.1, shape: [10]))
@Sendable func validationLoss(_ rho: Tensor) throws -> Tensor { validation.loss(try fit(rho)) }
@Sendable func objective(_ rho: Tensor) throws -> Tensor {
  try validationLoss(rho) + 0.5 * Tensor(tau) * (rho - start).squaredNorm()
}

// `objective` is a function of tensors like any other, so every method that takes such a function
// can be tried on it, Newton's included. That one asks for the Hessian, either whole or by products
// with vectors, which conjugate gradients put together to a step.

let stopping = Stopping(gradientTolerance: 1e-8, maximumIterations: stepLimit)
let methods: [(name: String, method: any Minimizer)] = [
  ("gradient descent", GradientDescent(stepSize: .backtracking(initial: 100), stopping: stopping)),
  ("L-BFGS", LBFGS(stopping: stopping)),
  (
    "Newton, conjugate gradients",
    Newton(linearSystem: .conjugateGradients(), stopping: stopping)
  ),
  ("Newton, whole Hessian", Newton(stopping: stopping)),
]
var methodRows: [[any CustomStringConvertible]] = []
var curves: [Plot.Series] = []
var minima: [Tensor] = []
var steps: [Int] = []
var costs: [Cost] = []
var norms: [[Double]] = []
var firstStep = 1.0
for (name, method) in methods {
  var path: [(runs: Double, norm: Double)] = []
  let (minimum, cost) = try tally.of {
    try method.minimum(of: objective, from: start) { iterate in
      path.append((Double(tally.total.forwardSolves), iterate.gradientNorm))
      if iterate.iteration == 1 { firstStep = iterate.stepLength }
    }
  }
  minima.append(minimum.point)
  steps.append(minimum.iterations)
  costs.append(cost)
  norms.append(path.map(\.norm))
  curves.append(.lineWithPoints(name, x: path.map(\.runs), y: path.map(\.norm)))
  methodRows.append([
    name, minimum.iterations, cost.forwardSolves, cost.linearSolves,
    digits(6, minimum.value.scalar), digits(2, minimum.gradientNorm),
  ])
}
try table(
  ["method", "steps", "forward solves", "linear solves", "objective", "norm of its gradient"],
  rows: methodRows)
let tuned = minima[3]
note("steps of descent", steps[0])
note("steps of L-BFGS", steps[1])
note("Newton steps", steps[3])
try check(
  (65...80).contains(steps[0]) && steps[3] <= 7,
  "some seventy steps of descent, half a dozen of Newton's method")

/// By how much each of the last three steps divides the norm of the gradient.
func lastFactors(_ norms: [Double]) -> [Double] {
  zip(norms, norms.dropFirst()).map { $0 / $1 }.suffix(3)
}
/// How many times as many digits as the step before it each of the last two steps gains.
func growthOfGain(_ norms: [Double]) -> [Double] {
  let gains = log(Tensor(lastFactors(norms))).scalars
  return zip(gains, gains.dropFirst()).map { $1 / $0 }
}
for (name, factors) in [
  ("conjugate gradients", lastFactors(norms[2])), ("whole Hessian", lastFactors(norms[3])),
] {
  show(
    "\(name): the last three steps divide the norm by", digits(2, factors[0]),
    digits(2, factors[1]), digits(2, factors[2]))
}
try check(
  growthOfGain(norms[3]).allSatisfy { (1.8...2.2).contains($0) },
  "with the whole Hessian, each of them gains about twice as many digits as the one before")
try check(
  growthOfGain(norms[2]).allSatisfy { $0 > 1.2 } && growthOfGain(norms[2])[0] < 1.5,
  "with conjugate gradients, each of them gains more than the one before, but not always twice")
try check(
  costs[1].linearSolves == costs.map(\.linearSolves).min()
    && costs[3].forwardSolves == costs.map(\.forwardSolves).min(),
  "L-BFGS needs the fewest linear solves, Newton's method with the whole Hessian the fewest fits")
note("fits of Newton", costs[3].forwardSolves)
note("fits of L-BFGS", costs[1].forwardSolves)
try check(
  "largest distance between the four minima",
  minima.map { ($0 - tuned).norm().scalar }.max() ?? .nan, below: 1e-4)
show("test loss before", digits(4, test.loss(try fit(start)).scalar))
show("test loss after", digits(4, test.loss(try fit(tuned)).scalar))
// hide begin
try plot(
  "methods",
  Plot(
    "Ten penalties, four methods", x: .linear("forward solves"),
    y: .logarithmic("norm of the gradient", floor: 1e-9), curves,
    caption: "Newton's method has to shorten its first step, either way. At the end, steps with "
      + "the whole Hessian double the number of right digits; those by conjugate gradients gain "
      + "more and more, but less regularly."))
// hide end

// Newton needs \(Newton steps) steps where gradient descent needs \(steps of descent). A step of
// Newton's costs more, and the table does not hide it: by the number of linear solves, L-BFGS
// (\(steps of L-BFGS) steps), which guesses the Hessian from gradients, is the cheapest of all.
// Which count matters depends on the solver inside. A linear solve with a factorised matrix is a
// small part of a fit. Where fits are dear, count forward solves: \(fits of Newton) for Newton's
// method with the whole Hessian, \(fits of L-BFGS) for L-BFGS.
//
// The digits double for the whole Hessian only. Conjugate gradients end when the relative residual is
// $\sqrt{\lVert g\rVert/\lVert g_0\rVert}$, with $g$ the gradient and $g_0$ the one at the start (one
// half, if that is less): far from the minimum an exact step would be wasted work. Close to it, such
// steps promise half as many digits again with each step, which is *superlinear* but not quadratic.
//
// But a Hessian tells more than where to step next.
//
// ## What its eigenvalues say
//
// The function `linearization` records the gradient of the validation loss once, at a point. The
// forward solver runs once for that, and each column of the Hessian is one product. (The weak pull is
// left out here: what do the *data* say?)

func hessian(of function: (Tensor) throws -> Tensor, at x: Tensor) throws -> Tensor {
  let slope = try linearization(at: x) { x in try gradient(at: x, of: function) }
  return Tensor(shape: [x.count, x.count], try slope.jacobian.denseMatrix())
}

/// Eigenvalues, largest first, with unit eigenvectors: Jacobi's rotations, each of which makes one
/// off-diagonal entry zero.
func eigenpairs(_ symmetric: Tensor) -> [(value: Double, vector: Tensor)] {
  let n = symmetric.shape[0]
  var (D, V) = (symmetric, Tensor.identity(n))
  for _ in 0..<12 {
    for p in 0..<n {
      for q in p + 1..<n where D[p, q] != 0 {
        let slope = (D[q, q] - D[p, p]) / (2 * D[p, q])
        let t = (slope < 0 ? -1 : 1) / (slope.magnitude + (1 + slope * slope).squareRoot())
        let c = 1 / (1 + t * t).squareRoot()
        var rotation = Tensor.identity(n).scalars
        (rotation[p * n + p], rotation[p * n + q]) = (c, t * c)
        (rotation[q * n + p], rotation[q * n + q]) = (-t * c, c)
        let R = Tensor(shape: [n, n], rotation)
        D = matmul(matmul(R, D, transposingLeft: true), R)
        V = matmul(V, R)
      }
    }
  }
  return (0..<n).map { (D[$0, $0], V.at($0, alongAxis: 1)) }.sorted { $0.value > $1.value }
}

let (curvature, hessianCost) = try tally.of { try hessian(of: validationLoss, at: tuned) }
let pairs = eigenpairs(curvature)
try table(
  ["eigenvalue λ", "λ/τ", "mostly along", "component", "and along", "component"],
  rows: pairs.map { value, vector in
    let order = vector.scalars.indices.sorted { vector[$0].magnitude > vector[$1].magnitude }
    let sign = vector[order[0]] < 0 ? -1.0 : 1
    return [
      digits(3, value), digits(2, value / tau),
      names[order[0]], digits(2, sign * vector[order[0]]),
      names[order[1]], digits(2, sign * vector[order[1]]),
    ]
  })
show(
  "forward solves, factorisations, linear solves for the Hessian", hessianCost.forwardSolves,
  hessianCost.factorisations, hessianCost.linearSolves)
let atStart = eigenpairs(try hessian(of: validationLoss, at: start)).map(\.value)
try table(
  ["at the start"] + (1...10).map { "\($0)" }, rows: [["λ/τ"] + atStart.map { digits(4, $0 / tau) }]
)
note("the part", "1/\(Int(1 / firstStep))")
note("smallest at the start", digits(4, atStart[9] / tau))
note("smallest with the pull", digits(1, atStart[9] / tau + 1))
try check(
  atStart[9] < -tau && atStart[8] > -tau,
  "smallest λ < -τ at the start, and no other")
try check(pairs[9].value < 0 && pairs[9].value > -tau, "-τ < smallest λ < 0 at the minimum")
let flattest = pairs.min { $0.value.magnitude < $1.value.magnitude } ?? pairs[0]
let free = flattest.vector.scalars.indices.max {
  flattest.vector[$0].magnitude < flattest.vector[$1].magnitude
}
note("flattest", names[free ?? 0])
note("flattest λ/τ", digits(2, flattest.value / tau))
note("decided", pairs.count { $0.value > tau })

// At the start the loss is curved upwards in some directions and downwards in others, in one of them
// more than the pull makes good: $\lambda = \(smallest at the start)\,\tau$, so that the Hessian of the
// whole objective has the eigenvalue $\(smallest with the pull)\,\tau$. It is indefinite, but only just.
// Newton's method with the whole Hessian shifts it until it is positive definite, and then it is only just
// that: the step is far too long, and no more than \(the part) of it is taken.
//
// At the minimum, look at the first \(decided) eigenvectors: along them the loss is curved more than the
// pull, so there the data hold the penalties in place. And one eigenvalue is *negative*: the loss still
// curves downwards there, and nothing but the pull makes this point a minimum. The gradient of the
// objective shows none of this. At the minimum it is zero.
//
// Along the penalty of \(flattest), $\lambda = \(flattest λ/τ)\,\tau$. Is it then a matter of
// indifference? The curvature alone cannot say so, for a straight slope has none either. But the
// slope is known: where the objective is at a minimum the pull balances it, so the slope of the loss
// along $\rho_j$ is $\tau\,(\log 0.1 - \rho_j)$. How far a penalty has moved tells how hard the data
// push.

let slopes = try gradient(at: tuned, of: validationLoss)
try check(
  "largest difference between slope and τ (log 0.1 - ρ), divided by τ",
  ((slopes - Tensor(tau) * (start - tuned)).norm(.infinity) / Tensor(tau)).scalar, below: 1e-5)
let farthest = slopes.scalars.indices.max { slopes[$0].magnitude < slopes[$1].magnitude }
var pushRows: [[any CustomStringConvertible]] = []
var changes: [[Double]] = []
for j in [free ?? 0, farthest ?? 0] {
  // The loss with this penalty a tenth of what it is, and ten times it.
  let ofLoss = try [0.1, 10].map { factor in
    let moved = tuned + log(Tensor(factor)) * Tensor.identity(10).at(j)
    return (try validationLoss(moved) - validationLoss(tuned)).scalar / tau
  }
  changes.append(ofLoss)
  pushRows.append([
    names[j], digits(2, tuned[j] - start[j]), digits(2, slopes[j] / tau), digits(2, ofLoss[0]),
    digits(2, ofLoss[1]),
  ])
}
try table(
  [
    "penalty of", "ρ - log 0.1", "slope of the loss / τ", "change / τ, penalty a tenth",
    "penalty tenfold",
  ], rows: pushRows)
try check(
  changes[0].allSatisfy { $0.magnitude < 0.2 } && changes[1].allSatisfy { $0.magnitude > 2 },
  "the loss hardly depends on the first penalty, and does depend on the second")
note("farthest", names[farthest ?? 0])

// The loss has neither slope nor curvature along the penalty of \(flattest) to speak of, and a factor of
// ten in it changes next to nothing. It *is* a matter of indifference: do not interpret it, it is where
// the pull has put it. The penalty of \(farthest) is the opposite: the data push it up, and would push
// on, were it not for the pull.
//
// The eigenvalues predict something that can be tested. The tuned penalties are themselves an
// implicit function, of the target of the pull: the minimiser of a function that has a minimiser
// inside. Along an eigenvector they must move by $\tau/(\tau + \lambda)$ for each unit that the
// target moves. So we say what they are, in the usual three lines, and ask for the Jacobian.

let tunedPenalties = ImplicitFunction<Tensor, Tensor>(
  forward: { target in
    try Newton(stopping: Stopping(gradientTolerance: 1e-11)).minimum(
      of: { rho in
        try validationLoss(rho) + 0.5 * Tensor(tau) * (rho - target).squaredNorm()
      }, from: start
    ).point
  },
  conditions: .stationary { target, rho in
    try validationLoss(rho) + 0.5 * Tensor(tau) * (rho - target).squaredNorm()
  })
let response = try tunedPenalties.jacobian(at: start).value
var responseError = 0.0
for (value, vector) in pairs {
  let moved = matmul(response, vector)
  responseError = max(
    responseError, (moved - Tensor(tau / (tau + value)) * vector).norm().scalar)
}
show("along the first eigenvector the penalties move by", digits(3, tau / (tau + pairs[0].value)))
show("along the last", digits(3, tau / (tau + pairs[9].value)))
try check("largest deviation from τ/(τ + λ)", responseError, below: 1e-4)

// Where the data decide, the target hardly matters; along the last eigenvector the penalties move
// more than twice as far as the target does.
//
// ## Four ways to nest, one number
//
// A Hessian times a vector, $H v$, is a derivative of a derivative, and each of the two can be
// taken forwards or backwards. The chain through the solver, written out once, for a loss $\ell(w)$
// with gradient $\bar w$, is forwards over backwards
//
// $$A\,\dot w = -B\,v, \qquad A^{\mathsf T} u = \bar w, \qquad
// A^{\mathsf T}\dot u = \dot{\bar w} - \dot A^{\mathsf T} u, \qquad
// H v = -B^{\mathsf T}\dot u - \dot B^{\mathsf T} u .$$
//
// Three solves, of which the second is that of the gradient. For ridge regression all this can also be
// written in a formula. With $P = \mathrm{diag}(e^\rho)$, $G = (X^{\mathsf T}X/m + P)^{-1}$,
// $z = G\,\nabla\ell(w)$ and $K = \nabla^2\ell$, let $W = -GP\,\mathrm{diag}(w)$ be the
// derivative of $w$ and $Z = GKW - GP\,\mathrm{diag}(z)$ that of $z$. The gradient is
// $-e^\rho \circ z \circ w$, and its derivative
//
// $$H = -\mathrm{diag}(e^\rho\circ z\circ w) - P\,\mathrm{diag}(w)\,Z
// - P\,\mathrm{diag}(z)\,W .$$

func exactHessian(at rho: Tensor) throws -> Tensor {
  let p = exp(rho)
  let (M, b) = training.normalEquations
  let G = try solve(M + p.diagonal(), Tensor.identity(10))
  let w = matmul(G, b)
  let z = matmul(G, gradient(at: w) { w in validation.loss(w) })
  let W = -matmul(G, (p * w).diagonal())
  let Z =
    matmul(G, matmul(validation.normalEquations.matrix, W)) - matmul(G, (p * z).diagonal())
  return -(p * z * w).diagonal() - matmul((p * w).diagonal(), Z)
    - matmul((p * z).diagonal(), W)
}

func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
  ((a - b).flattened().norm() / b.flattened().norm()).scalar
}

let v = Tensor(repeating: 1, shape: [10]) / sqrt(10)
let exactH = try exactHessian(at: start)
let exactProduct = matmul(exactH, v)
let nestings: [(name: String, product: () throws -> Tensor)] = [
  (
    "backwards over backwards",
    { try gradient(at: start) { x in try gradient(at: x, of: validationLoss).dot(v) } }
  ),
  (
    "forwards over backwards",
    {
      try valueAndPushforward(at: start, along: v) { x in
        try gradient(at: x, of: validationLoss)
      }.tangent
    }
  ),
  (
    "backwards over forwards",
    {
      try gradient(at: start) { x in
        try valueAndPushforward(at: x, along: v, of: validationLoss).tangent
      }
    }
  ),
]
var nestingRows: [[any CustomStringConvertible]] = []
var products: [Tensor] = []
for (name, product) in nestings {
  let (Hv, cost) = try tally.of(product)
  products.append(Hv)
  nestingRows.append([
    name, "H v", measured(((Hv - exactProduct).norm() / exactProduct.norm()).scalar),
    cost.forwardSolves, cost.factorisations, cost.linearSolves,
  ])
}
let (vHv, forwardCost) = try tally.of {
  try valueAndPushforward(at: start, along: v) { x in
    try valueAndPushforward(at: x, along: v, of: validationLoss).tangent
  }.tangent.scalar
}
let exactCurvature = v.dot(exactProduct).scalar
nestingRows.append([
  "forwards over forwards", "v·H v", measured((vHv - exactCurvature) / exactCurvature),
  forwardCost.forwardSolves, forwardCost.factorisations, forwardCost.linearSolves,
])
try table(
  ["way", "gives", "relative error", "forward solves", "factorisations", "linear solves"],
  rows: nestingRows)
try check(
  "largest difference between the first three, relative",
  products.map { (($0 - products[0]).norm() / exactProduct.norm()).scalar }.max() ?? .nan,
  below: 1e-12)

// (One solve in each row is the check of the solution.) The derivative that is taken last, the outer
// one, may as well be forwards: it needs no second recording, and it can be repeated. That is what
// `linearization` did above, where ten columns cost two solves each, besides the two for
// the gradient. So what does one product cost, once the gradient has been recorded? The rival is a
// difference of two gradients, each with a fit of its own.

let (recorded, recordingCost) = try tally.of {
  try linearization(at: start) { x in try gradient(at: x, of: validationLoss) }
}
let (product, productCost) = try tally.of { try recorded.pushforward(v) }
let (difference, differenceCost) = try tally.of {
  let h = Tensor(1e-5)
  let ahead = try gradient(at: start + h * v, of: validationLoss)
  let behind = try gradient(at: start - h * v, of: validationLoss)
  return (ahead - behind) / (2 * h)
}
try check("relative error of the product", relativeError(product, exactProduct), below: 1e-12)
try check("and of the difference", relativeError(difference, exactProduct), below: 1e-6)
try table(
  ["what", "forward solves", "factorisations", "linear solves"],
  rows: [
    ("the gradient, recorded", recordingCost), ("each H v from then on", productCost),
    ("each H v by central differences", differenceCost),
  ].map { [$0, $1.forwardSolves, $1.factorisations, $1.linearSolves] })
try check(
  productCost.forwardSolves == 0 && productCost.factorisations == 0
    && productCost.linearSolves == 2 && differenceCost.forwardSolves == 2,
  "two solves with the matrix at hand, against two fits")

// ## Differences of gradients, differences of values
//
// Most Hessians in the world are made of differences. One may difference the gradients,
// $(g(h) - g(-h))/2h$, each taken through the solver as above, or the values,
// $(\varphi(h) - 2\varphi(0) + \varphi(-h))/h^2$. Rounding is divided by $h$ in the one case and by
// $h^2$ in the other. Is what an unfinished inner solver leaves behind divided likewise? We look at
// $v\cdot Hv$ for $v = (1, \dots, 1)/\sqrt{10}$, with the inner solver run to the end (Newton's
// method) and with a hasty one, which stops when its gradient is below $10^{-5}$ (L-BFGS).

@Sendable func hastyMinimum(_ rho: Tensor) throws -> Minimum<Tensor> {
  try LBFGS(stopping: Stopping(gradientTolerance: 1e-5)).minimum(
    of: { w in penalised(rho, w) }, from: zero)
}
let hasty = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in try hastyMinimum(rho).point },
  conditions: .stationary(of: penalised), conditionsTolerance: nil)

func differences(_ fit: ImplicitFunction<Tensor, Tensor>) throws -> (
  steps: [Double], ofGradients: [Double], ofValues: [Double]
) {
  let steps = DifferenceSteps(largest: 1, smallest: 1e-7)
  let gradients = try DifferenceSweep(steps: steps) { h in
    try gradient(at: start + Tensor(h) * v) { rho in validation.loss(try fit(rho)) }.dot(v).scalar
  }
  let values = try DifferenceSweep(steps: steps) { h in
    validation.loss(try fit(start + Tensor(h) * v)).scalar
  }
  func error(_ estimate: Double) -> Double { (estimate / exactCurvature - 1).magnitude }
  return (
    gradients.entries.map(\.step), gradients.entries.map { error($0.central) },
    values.entries.map { error(($0.forward - $0.backward) / $0.step) }
  )
}
let careful = try differences(fit)
let careless = try differences(hasty)
let nestedHasty = try valueAndPushforward(at: start, along: v) { x in
  try gradient(at: x) { rho in validation.loss(try hasty(rho)) }
}.tangent.dot(v).scalar

/// The errors of one curve for the steps in a range.
func part(of curve: [Double], for range: ClosedRange<Double>) -> [Double] {
  zip(careful.steps, curve).compactMap { step, error in range.contains(step) ? error : nil }
}
let plateaus = [careless.ofGradients, careless.ofValues].map { part(of: $0, for: 1e-4...0.01) }
let best = [careful.ofGradients, careful.ofValues].map { $0.min() ?? .nan }
let flat = plateaus.map { $0[$0.count / 2] }
note("flat of gradients", digits(2, flat[0]))
note("flat of values", digits(2, flat[1]))
// hide begin
try plot(
  "differences",
  Plot(
    "Second derivatives by differences", x: .logarithmic("step"),
    y: .logarithmic("relative error", floor: 1e-13),
    [
      .line("of gradients", x: careful.steps, y: careful.ofGradients),
      .line("of values", x: careful.steps, y: careful.ofValues),
      .line("of gradients, hasty solver", x: careless.steps, y: careless.ofGradients, dashed: true),
      .line("of values, hasty solver", x: careless.steps, y: careless.ofValues, dashed: true),
    ], marks: [.horizontal(1e-13, "nested, solved to the end: below this line")],
    caption:
      "The solid curves are Vs: long steps are in error by the curve's bending within them, short "
      + "ones by rounding, divided by h for gradients and by h² for values. The dashed ones jump, "
      + "and then are flat."))
// hide end
try table(
  ["second derivative by", "solved to the end, best step", "hasty, steps from 1e-4 to 0.01"],
  rows: [
    ["differences of gradients", digits(1, best[0]), digits(2, flat[0])],
    ["differences of values", digits(1, best[1]), digits(2, flat[1])],
    [
      "nesting (no step)", measured(relativeError(product, exactProduct)),
      measured((nestedHasty / exactCurvature - 1).magnitude),
    ],
  ])
try check(
  best[1] > 100 * best[0] && flat[1] > 10 * flat[0],
  "differences of gradients beat those of values, by a factor of 100 and of 10")
try check(
  plateaus.allSatisfy { ($0.max() ?? .nan) < 1.05 * ($0.min() ?? .nan) },
  "with the hasty solver the errors are the same for all these steps, within 5 %")
try check(
  "solved to the end, the largest error of differences of gradients for steps from 1e-6 to 0.001",
  part(of: careful.ofGradients, for: 1e-6...1e-3).max() ?? .nan, below: 1e-7)
try check(
  (careful.ofValues.last ?? .nan) > 1,
  "and differences of values have no right digit left at the shortest step")
let counts = try [1.0 / 16, 1.0 / 32].map { h in
  try [-h, 0, h].map { try hastyMinimum(start + Tensor($0) * v).iterations }
}
try table(
  ["h", "steps of the hasty solver at -h", "at 0", "at h"],
  rows: zip(["1/16", "1/32"], counts).map { [$0, $1[0], $1[1], $1[2]] })
try check(
  Set(counts[0]).count > 1 && Set(counts[1]).count == 1,
  "the counts differ for h = 1/16, and agree for h = 1/32")
note("nested hasty", digits(2, (nestedHasty / exactCurvature - 1).magnitude))
note(
  "gradient hasty",
  digits(
    2,
    relativeError(
      try gradient(at: start) { rho in validation.loss(try hasty(rho)) },
      try gradient(at: start, of: validationLoss))))

// With the inner problem solved to the end, each curve is a V. (The best step was picked with the
// answer at hand, which flatters both.) Differences of gradients will do there, at the price of two
// fits for each product: any step from $10^{-6}$ to $10^{-3}$ gives seven digits. Differences of values
// are worse at their best step by a factor of more than a hundred, and at the shortest useless.
//
// The hasty solver shows two other things. At long steps it may stop after one step more at one end than
// at the other, and then the two results differ by a jump. Divided by $h^2$ (by $h$, where it shows
// less) it grows, until $h$ is so small that the counts agree. From there on the weights depend smoothly
// on the penalties, only they are not the solution, and the differences converge, to a wrong
// number. What the solver left is then not amplified at all: the error is \(flat of values) for values
// and \(flat of gradients) for gradients, whatever the step, until for values amplified rounding exceeds even
// that. (Where a dashed curve dips below its plateau, errors of different sign happen to cancel.)
//
// So it is no proof of accuracy that a difference does not change with the step. Nesting is no way
// out: it takes the hasty weights for the solution, and its error is \(nested hasty), where that of the
// gradient is \(gradient hasty).
//
// ## A solver inside the conditions of another
//
// Two more examples with closed forms. In the first one, conditions contain an implicit function. Let
// $z$ solve $z = \sqrt{z + x}$, where the root is our function from above, forward solver and all. At
// $x = 2$, $z = 2$. Squared, the condition is $z^2 = z + x$, so by hand $(2z - 1)\,z' = 1$,
// $(2z - 1)\,z'' = -2z'^2$ and $(2z - 1)\,z''' = -6z'z''$: $\tfrac13$, $-\tfrac2{27}$, $\tfrac4{81}$.

let nestedRoot = ImplicitFunction<Tensor, Tensor>(
  forward: { x in
    var z = x
    for _ in 0..<40 { z = sqrt(z + x) }
    return z
  },
  conditions: .root { x, z in z - (try squareRoot(z + x)) })
let byFormula = [1.0 / 3, -2.0 / 27, 4.0 / 81]
let byNesting = try (1...3).map { order in
  try derivative(order, of: { try nestedRoot($0) }, at: 2).scalar
}
show("z′, z″, z‴ at x = 2", byNesting[0], byNesting[1], byNesting[2])
try check(
  "largest relative error", zip(byNesting, byFormula).map { ($0 / $1 - 1).magnitude }.max() ?? .nan,
  below: 1e-12)

// The second one is [softmax](SoftmaxAsOptimization.md), $x = e^\theta / \sum_i e^{\theta_i}$, which
// maximises $x\cdot\theta$ plus entropy over the simplex. Its second derivative is
//
// $$\frac{\partial^2 x_i}{\partial\theta_j\,\partial\theta_k} = x_i\left[(\delta_{ij} - x_j)
// (\delta_{ik} - x_k) - x_j(\delta_{jk} - x_k)\right].$$
//
// We describe it by stationarity and feasibility, and by half a step of mirror descent, and solve the
// linear systems by LU or by GMRES, which knows nothing but products.

let theta: Tensor = [0.3, -1.2, 2, 0.7]
let shares = theta.softmax()
let exactSecond = (0..<4).map { i in
  let e = Tensor.identity(4).at(i)
  let bracket = outer(e - shares, e - shares) - (shares.diagonal() - outer(shares, shares))
  return Tensor(shares[i]) * bracket
}

func softmaxes(_ solver: any LinearSolver) -> [(String, @Sendable (Tensor) throws -> Tensor)] {
  let optimum = ImplicitFunction<Tensor, [Tensor]>(
    forward: { theta in [theta.softmax(), theta.logSumExp() - 1] },
    conditions: .root { theta, y in [log(y[0]) + 1 + y[1] - theta, y[0].sum() - 1] },
    linearSolver: solver)
  let mirror = ImplicitFunction<Tensor, Tensor>(
    forward: { theta in theta.softmax() },
    conditions: .fixedPoint { theta, x in (log(x) + 0.5 * (theta - log(x))).softmax() },
    linearSolver: solver)
  return [("optimality", { try optimum($0)[0] }), ("mirror descent", { try mirror($0) })]
}
var softmaxRows: [[any CustomStringConvertible]] = []
var softmaxError = 0.0
for (method, solver) in [
  ("LU", LUSolver() as any LinearSolver), ("GMRES", GMRES(relativeTolerance: 1e-13)),
] {
  for (conditions, softmax) in softmaxes(solver) {
    let errors = try (0..<4).map { i in
      let second = try hessian(of: { try softmax($0).slice(i..<i + 1).sum() }, at: theta)
      return (second - exactSecond[i]).norm(.infinity).scalar
    }
    softmaxError = max(softmaxError, errors.max() ?? .nan)
    softmaxRows.append([conditions, method, measured(errors.max() ?? .nan)])
  }
}
try table(["conditions", "linear solver", "largest error of 64 numbers"], rows: softmaxRows)
try check("largest error of all", softmaxError, below: 1e-10)

// ## A shortcut that is right once
//
// There is a popular trick: find the solution by any means, forget how, then make *one* step of
// Newton's method from it and differentiate that step alone, with the starting point held fixed. At a
// solution the step goes nowhere, but its derivative is
// $\partial/\partial x\,[\,y - A^{-1}F(x, y)\,] = -A^{-1}B$, for the terms that come from $A^{-1}$
// are multiplied by $F = 0$. Exactly right, and not a word about implicit functions. So let us
// differentiate it twice.

@Sendable func newtonSteps(_ count: Int, _ x: Tensor) -> Tensor {
  var y = sqrt(x.withoutDerivative)  // the solution, frozen
  for _ in 0..<count { y -= (y * y - x) / (2 * y) }
  return y
}
let truth = [first, second, third, fourth]
var shortcutRows: [[any CustomStringConvertible]] = [["(the truth)"] + truth.map { digits(6, $0) }]
var rightOrders: [Int] = []
for count in 0...3 {
  let values = try (1...4).map { order in
    try derivative(order, of: { newtonSteps(count, $0) }, at: Tensor(four)).scalar
  }
  shortcutRows.append(["\(count)"] + values.map { digits(6, $0) })
  rightOrders.append(zip(values, truth).prefix { ($0 / $1 - 1).magnitude < 1e-12 }.count)
}
try table(["Newton steps", "y′", "y″", "y‴", "y⁗"], rows: shortcutRows)
try check(rightOrders == [0, 1, 3, 4], "right are 0, 1, 3, and all four orders")

// One step is right to first order, and its second derivative is zero: not imprecise, absent. The
// frozen start carries the dependence that was to be differentiated. Two steps are right to order
// three, and $k$ steps to order $2^k - 1$: the start is off by a multiple of the change of $x$, and
// each step squares that.
//
// On the patients: replace the squares of the training loss by $\log\cosh$, which forgives outliers,
// so that the curvature depends on the weights. Differentiate the validation loss twice: through the
// solution, through one Newton step, and through one step of gradient descent, which is what
// *one-step* differentiation makes of a slower solver.

@Sendable func robust(_ rho: Tensor, _ w: Tensor) -> Tensor {
  let r = matmul(training.features, w) - training.progression
  return (softplus(2 * r) - r).mean() + 0.5 * (exp(rho) * w * w).sum()
}
let robustFit = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in
    try Newton(stopping: Stopping(gradientTolerance: 1e-13)).minimum(
      of: { w in robust(rho, w) }, from: zero
    ).point
  },
  conditions: .stationary(of: robust))
let frozen = try robustFit(start)
let frozenHessian = try hessian(of: { w in robust(start, w) }, at: frozen)
let dataHessian = frozenHessian - exp(start).diagonal()
let dataGradient = gradient(at: frozen) { w in robust(start, w) } - exp(start) * frozen
let steepest = eigenpairs(frozenHessian)[0].value

let routes: [(name: String, weights: @Sendable (Tensor) throws -> Tensor)] = [
  ("the solution", { rho in try robustFit(rho) }),
  (
    "one Newton step",
    { rho in
      let slope = dataGradient + exp(rho) * frozen
      return frozen - (try solve(dataHessian + exp(rho).diagonal(), slope))
    }
  ),
  (
    "one gradient step",
    { rho in frozen - (dataGradient + exp(rho) * frozen) / Tensor(steepest) }
  ),
]
let derivatives = try routes.map { _, weights in
  let loss: @Sendable (Tensor) throws -> Tensor = { rho in validation.loss(try weights(rho)) }
  return (gradient: try gradient(at: start, of: loss), hessian: try hessian(of: loss, at: start))
}
let routeErrors = derivatives.map {
  (
    gradient: relativeError($0.gradient, derivatives[0].gradient),
    hessian: relativeError($0.hessian, derivatives[0].hessian)
  )
}
try table(
  ["differentiated", "error of the gradient", "error of the Hessian"],
  rows: zip(routes, routeErrors).dropFirst().map {
    [$0.name, measured($1.gradient), digits(2, $1.hessian)]
  })
try check("error of the gradient by one Newton step", routeErrors[1].gradient, below: 1e-10)
note("percent", digits(2, 100 * routeErrors[1].hessian))

// An error of \(percent) % in a Hessian whose gradient is exact is the worst kind: Newton's method
// still converges with it, only no longer quadratically, and an eigenvalue or a variance read off
// from it is wrong without a sign of it. The step of gradient descent does not even get the gradient.

// ## What goes wrong
//
// **A kink.** Minimise $\tfrac12\lVert z\rVert^2$ subject to $z_1 + z_2 = b$ and
// $z_1 - 2z_2 \le -\tfrac12$. The inequality binds for $b < 1$ and does not for $b > 1$. The *value*
// $V(b) = \tfrac12\lVert z(b)\rVert^2$ is smooth enough for one derivative everywhere, but its
// curvature jumps.

let constrained = ConstrainedProblem<Tensor, Tensor>(
  objective: { _, z in 0.5 * z.squaredNorm() }, equalities: { b, z in z.sum() - b },
  inequalities: { _, z in z.dot([1, -2]) + 0.5 })
let closest = ConstrainedMinimum(
  constrained,
  primalSolver: { b in
    if b >= 1 { return Tensor.stack([b / 2, b / 2]) }
    return Tensor.stack([(2 * b - 0.5) / 3, (b + 0.5) / 3])
  })
@Sendable func optimalValue(_ b: Tensor) throws -> Tensor {
  0.5 * (try closest(b)).primal.squaredNorm()
}
let sides = try [0.999, 1.001].map { b in
  (
    b: b, slope: try gradient(at: Tensor(b), of: optimalValue).scalar,
    curvature: try derivative(2, of: optimalValue, at: Tensor(b)).scalar
  )
}
try table(["b", "V′", "V″"], rows: sides.map { [$0.b, $0.slope, $0.curvature] })
try check(
  "distance of the curvatures from 5/9 and 1/2",
  max((sides[0].curvature - 5.0 / 9).magnitude, (sides[1].curvature - 0.5).magnitude),
  below: 1e-12)

// At $b = 1$ the inequality is *weakly active*, neither binding nor slack, and there is no second
// derivative to be had. Second differences return the plausible mean of the two:

let reach = 1e-3
let ends = try [1 - reach, 1, 1 + reach].map { try optimalValue(Tensor($0)).scalar }
show(
  "second difference of V at the kink",
  digits(4, (ends[2] - 2 * ends[1] + ends[0]) / (reach * reach)))

// The library refuses, and does so at the first derivative already, which passes through the kink of
// $z$. (The slope of the value, which needs no derivative of $z$, is there: one asks for
// `optimalValueAndGradient`.)

show("V′ at the kink", try closest.optimalValueAndGradient(at: 1).gradient.scalar)
try quoteError { _ = try derivative(2, of: optimalValue, at: 1) }

// **The solver stopped early.** At a point that is not quite the solution no derivative is quite right.
// Whether higher ones are worse than the first depends on the conditions. For the square root
// they are: $y^{(k)}$ is a multiple of $y^{1-2k}$, so if $y$ is off by a relative $\delta$, then $y^{(k)}$ is
// off by $(2k - 1)\,\delta$. With $\delta = 10^{-4}$ (and with the check of the conditions switched off,
// since that refuses such a point):

let delta = 1e-4
let early = ImplicitFunction<Tensor, Tensor>(
  forward: { x in Tensor(1 + delta) * sqrt(x) }, conditions: .root { x, y in y * y - x },
  conditionsTolerance: nil)
let lags = try truth.enumerated().map { order, exact in
  let value = try derivative(order + 1, of: { try early($0) }, at: Tensor(four)).scalar
  return (value / exact - 1).magnitude / delta
}
show(
  "error of y′, y″, y‴, y⁗, divided by δ", digits(3, lags[0]), digits(3, lags[1]),
  digits(3, lags[2]), digits(3, lags[3]))

// And on the patients, with an inner L-BFGS that is stopped after so many steps:

let exactGradient = try gradient(at: start, of: validationLoss)
func stoppedFit(after count: Int, tolerance: Double?) -> ImplicitFunction<Tensor, Tensor> {
  ImplicitFunction(
    forward: { rho in
      try LBFGS(stopping: .after(count)).minimum(of: { w in penalised(rho, w) }, from: zero).point
    },
    conditions: .stationary(of: penalised), conditionsTolerance: tolerance)
}
var stoppedRows: [[any CustomStringConvertible]] = []
var ratios: [Double] = []
for count in [10, 15, 20] {
  let unfinished = stoppedFit(after: count, tolerance: nil)
  let loss: @Sendable (Tensor) throws -> Tensor = { rho in validation.loss(try unfinished(rho)) }
  let checked = stoppedFit(after: count, tolerance: 1e-6)
  let ofGradient = relativeError(try gradient(at: start, of: loss), exactGradient)
  let ofHessian = relativeError(try hessian(of: loss, at: start), exactH)
  ratios.append(ofHessian / ofGradient)
  stoppedRows.append([
    count, measured(relativeError(try unfinished(start), try fit(start))), measured(ofGradient),
    measured(ofHessian),
    (try? checked.linearize(at: start)) == nil ? "refused" : "passes",
  ])
}
try table(
  ["steps", "error of the weights", "of the gradient", "of the Hessian", "the default check"],
  rows: stoppedRows)

try check(
  ratios.allSatisfy { (0.5...1.1).contains($0) },
  "the error of the Hessian is between half and 1.1 times that of the gradient")

// Here the errors of gradient and Hessian are much the same. For a ridge regression
// $A = X^{\mathsf T}X/m + P$ does not depend on $w$, and $B = P\,\mathrm{diag}(w)$ is linear in it, with
// $P = \mathrm{diag}(e^\rho)$. So the derivatives of $w$ of *all* orders are linear in the weights at
// which they are taken: their exponent is one at every order, where that of the root was $1 - 2k$.
// How fast errors grow with the order is a matter of how fast $A$ and $B$ change along the error.
//
// Two mistakes are not errors to be caught but sentences that end the program, since they are
// mistakes in the program.
//
// **Products by hand that leave tensors.** `Conditions.products` takes the products with $A$ and $B$
// from you. Written in tensor operations they are differentiated again, like anything else. If they
// read `scalars` to call some other code, first derivatives work, and a second one stops: “`scalars`
// of a traced tensor would lose its derivative in silence. Stay with tensors (a comparison of tensors
// works on traced ones too), or write `.withoutDerivative` first where the derivative is not wanted.”
//
// **A gauge that varies.** Where the conditions leave a direction free, as those of [a transport
// plan](SinkhornFixedPoint.md) do, its null vectors are declared, and second derivatives take them for
// constants. If yours depend on the input: “The gauge of an implicit function depends on its input,
// and a second derivative was asked for, which takes the null vectors for constants. Choose unknowns
// for which they are, or pin the free directions by conditions of their own.”
//
// ## Exercises
//
// 1. Let $y^3 + y = x$. Find $y'$, $y''$ and $y'''$ at $x = 2$ by hand. Which number do you divide by,
//    each time?
// 2. For ridge regression, one Newton step from *any* frozen weights gives all derivatives of all
//    orders. Why is that no contradiction to this page?
// 3. Nested gradients need $2^k - 1$ solves for the $k$-th derivative of the square root, and by hand
//    we needed $k$. Put $x = 4 + t$ and $y = y_0 + y_1 t + y_2 t^2 + \dots$ into $y^2 = x$ and find the
//    coefficients one after the other.
// 4. The *training* objective at its own minimum is $V(\rho) = \min_w f(\rho, w)$. How many linear
//    solves does its gradient need, and how many its Hessian times a vector?
//
// [Solutions](OrderTwoAndBeyondSolutions.md)
//
// ## References
//
// - B. Christianson, “Reverse Accumulation and Implicit Functions”, Optimization Methods and Software
//   9 (1998), 307–322: adjoints of implicit functions, and the adjoints of those.
// - A. Griewank, A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM (2008): chapter 15 for implicit
//   functions and iterations, chapter 13 for Taylor coefficients.
// - R. S. Dembo, S. C. Eisenstat, T. Steihaug, “Inexact Newton Methods”, SIAM Journal on Numerical
//   Analysis 19 (1982), 400–408: how accurate a step has to be, for which rate of convergence.
// - J. Domke, “Generic Methods for Optimization-Based Modeling”, AISTATS (2012): gradients through
//   solvers that stop early.
// - F. Pedregosa, “Hyperparameter Optimization with Approximate Gradient”, ICML (2016): how accurate
//   the inner solver has to be.
// - J. Bolte, E. Pauwels, S. Vaiter, “One-Step Differentiation of Iterative Algorithms”, NeurIPS
//   (2023).
// - B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, “Least Angle Regression”, Annals of Statistics
//   32 (2004): the diabetes data.
try endPage()  // hide
