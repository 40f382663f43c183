// # Softmax has a formula; its derivative does not need it
//
// Page: docs/SoftmaxAsOptimization.md
// Teaches: How to train through a layer that is the solution of an optimisation problem.
// Minutes: 25
//
// The last layer of your classifier turns ten scores into ten shares that add to one. Softmax does
// it, and training is easy, because softmax has a formula. Then somebody asks for *no share above
// one half*, or for *exact zeros for hopeless candidates*, or for shares that add up within groups.
// Each of these is easy to write down as an optimisation problem, and a solver will find the shares.
// But the familiar formula no longer applies. For groups there is another one; in general there is
// none: let the shares have a mean *cost* that meets a budget, and the solver has to find the root of an
// equation that nobody can solve by hand. Can you still train through that layer?
//
// We rehearse on softmax itself. It solves an optimisation problem too, so we can throw its formula
// away, differentiate the problem, and compare every number with the truth. At the end we leave
// softmax for the relative with exact zeros, whose constraints bind. The cap and the groups are left
// to you, as the first and the last [exercise](#exercises).

// hide begin
import Comparison
import ImplicitDifferentiation
import LiteratePages
import Optimality

let options = try Options(seed: 1, tolerance: 1e-10)
let imageCount = try options.integer(
  "images", default: 900, quick: 100, in: 20...1_797, help: "digits that train the classifier")
let trainingSteps = try options.integer(
  "steps", default: 100, quick: 5, in: 1...10_000, help: "steps of its training")
let batchSize = try options.integer(
  "batch", default: 900, quick: 100, in: 20...10_000, help: "softmaxes that are solved together")
try beginPage(options)
// hide end

// ## By hand, with two candidates
//
// Give the share $x$ to a candidate with score $\theta_1$ and the rest, $1-x$, to one with score
// $\theta_2$. Whoever wants the largest total score gives everything to the better one. Whoever also
// likes an even spread adds the entropy, and maximises
//
// $$x\,\theta_1 + (1-x)\,\theta_2 - x\log x - (1-x)\log(1-x) .$$
//
// At the maximum the slope vanishes:
//
// $$\theta_1 - \theta_2 = \log\frac{x}{1-x} .$$
//
// You can solve this for $x$. Don't. Differentiate it as it stands, in $\theta_1$: on the left 1, on
// the right $x'/x + x'/(1-x)$, which is $x'/(x(1-x))$. So $x' = x\,(1-x)$, and if somebody hands us
// the $x$ that belongs to $\theta_1-\theta_2 = 1$, we know its derivative. We can say what becomes of $x$
// when $\theta_1$ rises by a hundredth:

let x = 0.7310585786300049
show("θ₁ − θ₂ at this x", log(Tensor(x / (1 - x))).scalar)
show("x′ = x (1 − x)", x * (1 - x))
show("x a hundredth further: predicted", x + 0.01 * x * (1 - x))
show("found", logistic(1.01).scalar)

// ## The problem, and what holds at its solution
//
// With $n$ candidates the problem is
//
// $$\max_x\; x^{\mathsf T}\theta - \sum_i x_i \log x_i \quad\text{subject to}\quad
// \mathbf 1^{\mathsf T}x = 1,\; x \ge 0 .$$
//
// Give the equation a multiplier $u$, and the inequalities multipliers $v \ge 0$. The conditions of
// Karush, Kuhn and Tucker come in four groups:
//
// | | |
// |---|---|
// | stationarity | $\theta - \log x - \mathbf 1 + u\,\mathbf 1 + v = 0$ |
// | feasibility | $\mathbf 1^{\mathsf T}x = 1$ and $x \ge 0$ |
// | signs of multipliers | $v \ge 0$; the sign of $u$ is free |
// | complementarity | $v_i\,x_i = 0$ for all $i$ |
//
// The maximum meets them, because the constraints are linear and because no share is zero there (the
// slope of the entropy is infinite at zero). Conversely, whatever meets them *is* the maximum, and the
// only one, because the objective is strictly concave: its matrix of second derivatives,
// $-\operatorname{diag}(x)^{-1}$, is negative definite. So at any other point $x'$ of the feasible set the
// objective is less than it would be along the tangent at $x$, and the tangent does not rise towards $x'$: its
// slope is $-u\,\mathbf 1 - v$ by stationarity, $\mathbf 1^{\mathsf T}(x'-x) = 0$, and
// $-v^{\mathsf T}(x'-x) = -v^{\mathsf T}x' \le 0$ by complementarity. To solve the conditions is to solve the problem.
//
// The equations among them are $2n+1$, as many as the unknowns $(x, u, v)$. The inequalities hold
// strictly or are settled by the others, so they stay true nearby and need not be differentiated.

/// Shares, the multiplier of their sum, and the multipliers of their signs.
struct Optimum: TensorStructure {
  var x: Tensor
  var u: Tensor
  var v: Tensor

  static var fields: [TensorField<Optimum>] {
    [.init("x", \.x), .init("u", \.u), .init("v", \.v)]
  }
}

let optimality = Conditions<Tensor, Optimum>.root { theta, y in
  Optimum(x: theta - log(y.x) - 1 + y.u + y.v, u: y.x.sum() - 1, v: y.v * y.x)
}

// Something has to find the shares. Stationarity with $v = 0$ says $x_i = e^{\theta_i - 1 + u}$, and the
// sum of these grows with $u$. So we bisect: sum too large, $u$ too large. No division, no formula for
// softmax, and nothing one would like to differentiate. (The last axis holds the candidates; further
// axes come into play later.)

@Sendable func multiplier(_ theta: Tensor) -> Tensor {
  let axis = theta.rank - 1
  // At `high` the best candidate alone has the share 1; at `low` no candidate has more than 1/n.
  var high = 1 - theta.max(alongAxis: axis)
  var low = high - log(Tensor(Double(theta.shape[axis])))
  for _ in 0..<60 {
    let middle = 0.5 * (low + high)
    let sum = exp(theta - 1 + middle.expanded(atAxis: axis)).sum(alongAxis: axis)
    let isTooLarge = Tensor(1).isLess(than: sum)
    high = select(isTooLarge, middle, high)
    low = select(isTooLarge, low, middle)
  }
  return 0.5 * (low + high)
}

@Sendable func shares(_ theta: Tensor) -> Optimum {
  let u = multiplier(theta)
  let x = exp(theta - 1 + u.expanded(atAxis: theta.rank - 1))
  return Optimum(x: x, u: u, v: Tensor.zeros(theta.shape))
}

let softmax = ImplicitFunction<Tensor, Optimum>(forward: shares, conditions: optimality)

let theta: Tensor = [0.9, -0.4, 0.3, 1.6, -1.1]
let n = theta.count
let atTheta = try softmax.linearize(at: theta)
let y = atTheta.solution
try table(
  ["i", "θ", "x", "v"],
  rows: (0..<n).map { i in [i + 1, theta[i], digits(5, y.x[i]), y.v[i]] })
show("u", y.u.scalar)
show("1 − log Σ exp θ", 1 - theta.logSumExp().scalar)

// The multiplier has a closed form. Put $x_i = e^{\theta_i - 1 + u}$ into $\sum x_i = 1$:
//
// $$u = 1 - \operatorname{logsumexp}(\theta) .$$
//
// For three equal scores of zero it is \(u at zero), a negative number, and by adding a constant to all
// scores you can give it any value you like, while the shares stay as they are. Keep that in mind.

let atZero = shares(Tensor.zeros([3]))
note("u at zero", digits(3, atZero.u.scalar))
try check(
  "distance of u from 1 − log 3", abs(atZero.u - (1 - log(Tensor(3)))).scalar, below: 1e-14)

// ## One elimination, and the derivative is there
//
// Call the equations $F(\theta, y) = 0$, with $y = (x, u, v)$. The implicit function theorem says: if $F$ is
// continuously differentiable near a solution (here it is, smooth even, as long as $x > 0$), and
// $A = \partial F/\partial y$ is invertible there, then for each $\theta$ nearby there is exactly one
// solution near this one, and it can be differentiated. With $B = \partial F/\partial\theta$ the
// derivative is found from $A\,dy = -B\,d\theta$. Written out, at a solution, where $x > 0$ and therefore
// $v = 0$:
//
// $$-\operatorname{diag}(x)^{-1}dx + \mathbf 1\,du + dv = -d\theta, \qquad \mathbf 1^{\mathsf T}dx = 0,
// \qquad \operatorname{diag}(x)\,dv = 0 .$$
//
// The last says $dv = 0$: the signs play no part. The first becomes $dx = \operatorname{diag}(x)\,d\theta
// + x\,du$. Sum it, use the second: $du = -x^{\mathsf T}d\theta$. Put that back:
//
// $$\frac{dx}{d\theta} = \operatorname{diag}(x) - x\,x^{\mathsf T}, \qquad
// \frac{du}{d\theta} = -x^{\mathsf T}, \qquad \frac{dv}{d\theta} = 0 .$$
//
// The library was told none of this. It gets the conditions and the solution:

let jacobian = try atTheta.jacobian().value  // 2n + 1 rows: x, u, v
let closedForm = y.x.diagonal() - outer(y.x, y.x)

func largest(_ a: Tensor) -> Double { a.norm(.infinity).scalar }
try check(
  "error of dx/dθ", largest(jacobian.slice(0..<n) - closedForm), below: 1e-13)
try check(
  "error of du/dθ", largest(jacobian.at(n) + y.x), below: 1e-13)
try check("largest entry of dv/dθ", largest(jacobian.slice(n + 1..<2 * n + 1)), below: 1e-13)
try check(
  "J·1, since shifting all scores moves no share",
  largest(matmul(jacobian.slice(0..<n), Tensor.ones([n]))), below: 1e-13)

// The derivative has a null vector, $\mathbf 1$: its rank is $n-1$. A singular *answer* is no trouble.
// What must not be singular is the *system* that was solved for it, so let us look at that one.
//
// ## Is the system invertible?
//
// The theorem asks for it, so let us compute the determinant. $A$ is block triangular (its last block row
// is $(\operatorname{diag}(v), 0, \operatorname{diag}(x))$, and $v = 0$), the upper left block is
//
// $$K = \begin{pmatrix} -X^{-1} & \mathbf 1 \\ \mathbf 1^{\mathsf T} & 0 \end{pmatrix},
// \qquad X = \operatorname{diag}(x), \qquad
// K^{-1} = \begin{pmatrix} -X + x x^{\mathsf T} & x \\ x^{\mathsf T} & 1 \end{pmatrix},$$
//
// and the Schur complement of $-X^{-1}$ in $K$ is $\mathbf 1^{\mathsf T}x = 1$. So
// $\det K = (-1)^n / \prod x_i$, and with the factor $\prod x_i$ of the last block
// $\det A = (-1)^n$, for all scores. The derivative is the upper left block of $-K^{-1}$.

// hide begin
/// The determinant of a square matrix, by elimination with pivoting.
func determinant(_ matrix: Tensor) -> Double {
  let n = matrix.shape[0]
  var a = matrix.scalars
  var result = 1.0
  for k in 0..<n {
    let pivot = (k..<n).max { abs(a[$0 * n + k]) < abs(a[$1 * n + k]) } ?? k
    if a[pivot * n + k] == 0 { return 0 }
    if pivot != k {
      result = -result
      for j in 0..<n { a.swapAt(pivot * n + j, k * n + j) }
    }
    result *= a[k * n + k]
    for i in k + 1..<n {
      let factor = a[i * n + k] / a[k * n + k]
      for j in k..<n { a[i * n + j] -= factor * a[k * n + j] }
    }
  }
  return result
}
// hide end
/// `∂F/∂(x, u, v)` of conditions at a point.
func matrix(
  at y: Optimum, of F: (Optimum) throws -> Optimum
) throws -> Tensor {
  let size = y.variableCount
  return try Tensor(shape: [size, size], linearization(at: y, of: F).jacobian.denseMatrix())
}

func corrected(_ theta: Tensor, _ y: Optimum) -> Optimum {
  Optimum(x: theta - log(y.x) - 1 + y.u + y.v, u: y.x.sum() - 1, v: y.v * y.x)
}

let K = try matrix(at: y) { corrected(theta, $0) }.slice(0..<n + 1).slice(
  0..<n + 1, alongAxis: 1)
let inverse = Tensor.concatenate([
  Tensor.concatenate([-closedForm, y.x.expanded(atAxis: 1)], alongAxis: 1),
  Tensor.concatenate([y.x, [1]]).expanded(atAxis: 0),
])
try check("K K⁻¹ − I", largest(matmul(K, inverse) - Tensor.identity(n + 1)), below: 1e-13)

// ## Where the classic note goes wrong
//
// This derivation is begun, and left before the inversion, in a note by J. Chiu (2021), from which this
// page took its subject. One slip in it is worth an experiment. The note treats the *equation* like
// an inequality and multiplies it by its multiplier: in place of $\mathbf 1^{\mathsf T}x - 1 = 0$ it
// writes $u\,(\mathbf 1^{\mathsf T}x - 1) = 0$, and argues that $u > 0$. But an equation has no
// complementarity, and its multiplier no sign. We have just seen a negative one, and a shift of the
// scores brings it to zero.

func asInTheNote(_ theta: Tensor, _ y: Optimum) -> Optimum {
  Optimum(x: theta - log(y.x) - 1 + y.u + y.v, u: y.u * (y.x.sum() - 1), v: y.v * y.x)
}

var rows: [[any CustomStringConvertible]] = []
var curve: [(level: Double, u: Double, corrected: Double, note: Double)] = []
for k in -8...8 {
  let level = 1 + 0.25 * Double(k)  // of logsumexp
  let shifted = theta - theta.logSumExp() + Tensor(level)
  let y = shares(shifted)
  let determinants = (
    determinant(try matrix(at: y) { corrected(shifted, $0) }),
    determinant(try matrix(at: y) { asInTheNote(shifted, $0) })
  )
  curve.append((level, y.u.scalar, determinants.0, determinants.1))
  if k % 4 == 0 {
    rows.append(
      [level, measured(y.u.scalar, digits: 6)]
        + [determinants.0, determinants.1].map {
          measured($0, digits: 6)
        })
  }
}
try table(["logsumexp(θ)", "u", "det, corrected", "det, as in the note"], rows: rows)
try check(
  "largest | det + 1 | of the corrected matrix (n is odd)",
  curve.map { abs($0.corrected + 1) }.max() ?? .nan, below: 1e-12)
try check(
  "largest | det + u | of the note's", curve.map { abs($0.note + $0.u) }.max() ?? .nan,
  below: 1e-12)

// hide begin
try plot(
  "determinants",
  Plot(
    "Softmax does not change along this axis", x: .linear("logsumexp(θ), moved by a shift"),
    y: .linear("value"),
    [
      .line("u", x: curve.map(\.level), y: curve.map(\.u)),
      .line(
        "|det|, note", x: curve.map(\.level), y: curve.map { abs($0.note) }, dashed: true),
      .line("|det|, corrected", x: curve.map(\.level), y: curve.map { abs($0.corrected) }),
    ],
    marks: [.vertical(1, "u = 0")],
    caption:
      "Determinants are drawn without their signs. That of the note's matrix is |det| = |u|, "
      + "and vanishes where u changes its sign. Nothing happens to softmax there; the corrected "
      + "|det| stays at one."))
// hide end

// Why should equations break down where the function they describe does not? Because at $u = 0$ the
// note's equation says nothing about the sum. It has a second solution, $x = e^{\theta - 1}$ with
// $u = 0$, for *every* $\theta$: positive numbers that add to anything. Two families of solutions
// cross where logsumexp is 1, and at a crossing the equations cannot say which one to follow. The
// library, asked there, declines. (For once we choose the shares and not the scores, as powers of two,
// so that even in floating point they add to exactly one.)

let literal = ImplicitFunction<Tensor, Optimum>(
  forward: shares,
  conditions: .root { theta, y in
    Optimum(x: theta - log(y.x) - 1 + y.u + y.v, u: y.u * (y.x.sum() - 1), v: y.v * y.x)
  })
let crossing: Tensor = [0.25, 0.0625, 0.125, 0.5, 0.0625]
try quoteError {
  _ = try literal.linearize(
    at: 1 + log(crossing), solution: Optimum(x: crossing, u: 0, v: y.v))
}

// Away from the crossing the note's equations give the right derivative of softmax. They give the
// right derivative of the other family just as willingly, if a solver ends up there:

let stray = Optimum(x: exp(theta - 1), u: 0, v: y.v)
let strayJacobian = try literal.linearize(at: theta, solution: stray).jacobian().value
show("sum of the “shares”", stray.x.sum().scalar)
try check(
  "distance of the derivative from diag(x)",
  largest(strayJacobian.slice(0..<n) - stray.x.diagonal()), below: 1e-12)
try quoteError { _ = try softmax.linearize(at: theta, solution: stray) }

// The corrected conditions, in the last line, are not met by it. Everything else in the note that needs
// a correction is collected [below](#the-note-line-by-line).
//
// ## Four routes to the same matrix
//
// Conditions are a way to get hold of a function, and there are always several.
//
// 1. The formula, if there is one.
// 2. All $2n+1$ equations, as above.
// 3. The first $n+1$ of them, since $v = 0$ and $dv = 0$.
// 4. A fixed point: mirror descent with the step $\eta$ maps $x$ to
//    $\operatorname{softmax}\bigl((1-\eta)\log x + \eta\,\theta\bigr)$, a geometric mean of old shares and
//    $e^\theta$, normalised. At $\eta = 1$ this *is* the formula, whatever $x$ is, which makes a poor
//    test. The test is $\eta = \tfrac12$, here and on the rest of this page; $\eta = 1$ stands in the
//    last row of the table for comparison only.

/// Shares and the multiplier of their sum.
struct Reduced: TensorStructure {
  var x: Tensor
  var u: Tensor
  static var fields: [TensorField<Reduced>] { [.init("x", \.x), .init("u", \.u)] }
}

let reduced = ImplicitFunction<Tensor, Reduced>(
  forward: { theta in
    let y = shares(theta)
    return Reduced(x: y.x, u: y.u)
  },
  conditions: .root { theta, y in
    Reduced(x: theta - log(y.x) - 1 + y.u, u: y.x.sum() - 1)
  })

@Sendable func mirrorStep(_ theta: Tensor, _ x: Tensor, _ eta: Double) -> Tensor {
  (Tensor(1 - eta) * log(x) + Tensor(eta) * theta).softmax(alongAxis: theta.rank - 1)
}
@Sendable func mirrorDescent(step eta: Double) -> ImplicitFunction<Tensor, Tensor> {
  ImplicitFunction(
    forward: { theta in shares(theta).x }, conditions: .fixedPoint { mirrorStep($0, $1, eta) })
}

func route<Solution: TensorStructure>(
  _ name: String, _ function: ImplicitFunction<Tensor, Solution>
) throws -> (name: String, unknowns: Int, solver: String, jacobian: Tensor) {
  let at = try function.linearize(at: theta)
  let (jacobian, report) = (try at.jacobian().value, try at.pullback(at.solution).report)
  let solver = String(report.linearSolver.prefix { $0 != "(" }.dropLast())
  return (name, at.solution.variableCount, solver, jacobian.slice(0..<n))
}

let routes = [
  try route("all KKT equations", softmax),
  try route("without v", reduced),
  try route("mirror descent, η = ½", mirrorDescent(step: 0.5)),
  try route("mirror descent, η = 1", mirrorDescent(step: 1)),
]
try table(
  ["route", "unknowns", "what is solved", "∂x₁/∂θ₁", "∂x₁/∂θ₂", "∂x₄/∂θ₁", "error"],
  rows: [
    ["formula", "–", "nothing", closedForm[0, 0], closedForm[0, 1], closedForm[3, 0], ""]
  ]
    + routes.map { route in
      [
        route.name, route.unknowns, route.solver, route.jacobian[0, 0], route.jacobian[0, 1],
        route.jacobian[3, 0], measured(largest(route.jacobian - closedForm)),
      ]
    })
try check(
  "largest difference from the formula",
  routes.map { largest($0.jacobian - closedForm) }.max() ?? .nan, below: 1e-13)
// hide begin
func operations(_ unknowns: Int) -> Double { Double(2 * unknowns * unknowns * unknowns) / 3 }
note("LU, all", digits(2, operations(2 * n + 1)))
note("LU, without v", digits(2, operations(n + 1)))
note("LU, mirror", digits(2, operations(n)))
note("LU, ratio", digits(2, operations(2 * n + 1) / operations(n + 1)))
// hide end

// They cost different work. The formula has nothing to solve. To factorise a dense matrix with $m$ rows takes
// about $\tfrac23 m^3$ operations: \(LU, all) for all the equations, \(LU, without v) without $v$,
// \(LU, mirror) for the fixed point with $\eta = \tfrac12$. That is done once; each tangent or cotangent then
// takes $2m^2$ for its solve. A step that refines it takes twice as many: $2m^2$ for a product with $A$,
// and $2m^2$ for one more solve. To drop what is known to vanish
// makes the factorisation \(LU, ratio) times cheaper here, and eight times as $n$ grows. At $\eta = 1$ the
// matrix is $-I$, and the library divides.

// In training one needs the *pullback*: from the gradient $\bar x$ of a loss in the shares to its gradient
// in the scores. It is one solve with $A^{\mathsf T}$. By hand it is $\bar\theta_i = x_i\,(\bar x_i -
// x^{\mathsf T}\bar x)$, two passes over a vector. The Jacobian $\operatorname{diag}(x) - xx^{\mathsf T}$
// is symmetric ($A$ need not be: for all the equations it is not, nor for the fixed point), so the
// *pushforward*, from a change of scores to one of shares, is the same map.

let cotangent: Tensor = [1, -2, 0.5, 0, 3]
let byHand = y.x * (cotangent - y.x.dot(cotangent))
let pulled = try reduced.pullback(at: theta, Reduced(x: cotangent, u: 0)).value
let pushed = try reduced.pushforward(at: theta, cotangent).value.x
try check("pullback against the two passes", largest(pulled - byHand), below: 1e-13)
try check("pushforward against pullback", largest(pushed - pulled), below: 1e-13)

// ## Twice
//
// The conditions can be differentiated once more, along a line $\theta + t\,\dot\theta$. With
// $z = \log x$ as unknown they are $\theta - z - 1 + u = 0$ and $\sum e^{z_i} = 1$. The first, differentiated
// twice, leaves $\ddot z_i = \ddot u$, the same number for all. The second leaves
// $\sum x_i(\dot z_i^2 + \ddot z_i) = 0$, which gives that number, $-\sum x_i\dot z_i^2$. So
//
// $$\ddot x_i = x_i\,\bigl(\dot z_i^2 - \textstyle\sum_j x_j\,\dot z_j^2\bigr), \qquad
// \dot z_i = \dot\theta_i - x^{\mathsf T}\dot\theta .$$
//
// Read $x$ as probabilities and $\dot\theta$ as a quantity: $\dot z$ is its deviation from the mean, and a
// share bends upwards when its squared deviation exceeds the variance. In coordinates,
//
// $$\frac{\partial^2 x_i}{\partial\theta_j\,\partial\theta_k} = x_i\bigl[(\delta_{ij}-x_j)(\delta_{ik}-x_k) -
// x_j(\delta_{jk}-x_k)\bigr] .$$
//
// The library's way is the same, for any conditions: differentiate $F$ twice along the known
// $(\dot\theta, \dot y)$, which gives a vector $q$, and solve $A\,\ddot y = -q$ with the $A$ we have.
// A *load* $r$, added to the conditions as one more input, puts that solve at our disposal.

/// Scores, and a right-hand side.
struct Loaded: TensorStructure {
  var theta: Tensor
  var load: Reduced
  static var fields: [TensorField<Loaded>] { [.init("theta", \.theta), .init("load", \.load)] }
}

@Sendable func F(_ theta: Tensor, _ y: Reduced) -> Reduced {
  Reduced(x: theta - log(y.x) - 1 + y.u, u: y.x.sum() - 1)
}
let loaded = ImplicitFunction<Loaded, Reduced>(
  forward: { input in
    let y = shares(input.theta)  // at load zero
    return Reduced(x: y.x, u: y.u)
  },
  conditions: .root { input, y in
    let residual = F(input.theta, y)
    return Reduced(x: residual.x + input.load.x, u: residual.u + input.load.u)
  })

let zero = Reduced(x: Tensor.zeros([n]), u: 0)
let solveWithA = try loaded.linearize(at: Loaded(theta: theta, load: zero))
let y0 = solveWithA.solution
func secondDerivative(along direction: Tensor) throws -> Tensor {
  let dy = try solveWithA.pushforward(Loaded(theta: direction, load: zero)).value
  let q = valueAndPushforward(at: Tensor(0), along: 1) { s in
    valueAndPushforward(at: s, along: 1) { t in
      F(theta + t * direction, Reduced(x: y0.x + t * dy.x, u: y0.u + t * dy.u))
    }.tangent
  }.tangent
  return try solveWithA.pushforward(Loaded(theta: Tensor.zeros([n]), load: q)).value.x
}

let deviation = cotangent - y.x.dot(cotangent)
let variance = (y.x * deviation * deviation).sum()
try check(
  "second derivative along a line, against mean and variance",
  largest(try secondDerivative(along: cotangent) - y.x * (deviation * deviation - variance)),
  below: 1e-12)

// All entries follow from lines: $2\,\partial_j\partial_k$ is the second derivative along $e_j + e_k$
// less those along $e_j$ and $e_k$.

let e = (0..<n).map { Tensor.identity(n).at($0) }
let along = try e.map { try secondDerivative(along: $0) }
var worst = 0.0
for j in 0..<n {
  for k in 0..<n {
    let entry = 0.5 * (try secondDerivative(along: e[j] + e[k]) - along[j] - along[k])
    let (dj, dk) = (e[j] - y.x.gathered([j]), e[k] - y.x.gathered([k]))
    let formula = y.x * (dj * dk - y.x.gathered([j]) * dk.gathered([j]))
    worst = max(worst, largest(entry - formula))
  }
}
try check("all second derivatives against the formula", worst, below: 1e-12)

// None of that has to be written. A derivative through an implicit function is made of solves, and a solve
// is an implicit function itself: so one takes the gradient of a gradient, and the library finds $q$ and
// solves with the factors it has. For a loss $c^{\mathsf T}x$ the gradient is $g = x\circ(c -
// x^{\mathsf T}c)$, and differentiating that once more gives
// $\operatorname{diag}(g) - g\,x^{\mathsf T} - x\,g^{\mathsf T}$. (How far this goes, and at what cost, is the
// subject of [a page of its own](OrderTwoAndBeyond.md).)

let nested = try e.map { direction in
  try gradient(at: theta) { theta in
    try gradient(at: theta) { try reduced($0).x.dot(cotangent) }.dot(direction)
  }.expanded(atAxis: 0)
}
let g = y.x * deviation
try check(
  "Hessian of cᵀx, by the gradient of a gradient, against the formula",
  largest(Tensor.concatenate(nested) - (g.diagonal() - outer(g, y.x) - outer(y.x, g))),
  below: 1e-12)

// ## Temperature, and a condition number that frightens for nothing
//
// Weigh the entropy $H(x) = -\sum x_i\log x_i$ by a temperature $\tau$: maximise
// $x^{\mathsf T}\theta + \tau H(x)$. The shares become $\operatorname{softmax}(\theta/\tau)$ and their derivative
// $(\operatorname{diag}(x) - xx^{\mathsf T})/\tau$. As $\tau$ falls the shares gather on the best candidate,
// and the others become small: with ten scores 0.2 apart and $\tau = 0.01$ the last share is
// $e^{-180}$. Stationarity contains $\tau\log x$, so $K$ now has $-\tau/x_i$ on its diagonal. We shall see
// what that does to its condition number, and to the solvers.

let steep = Tensor((0..<10).map { -0.2 * Double($0) })

func reducedAt(_ tau: Double, _ solver: any LinearSolver) -> ImplicitFunction<Tensor, Reduced> {
  ImplicitFunction(
    forward: { theta in
      let (t, scaled) = (Tensor(tau), theta / Tensor(tau))
      return Reduced(x: scaled.softmax(), u: t - t * scaled.logSumExp())
    },
    conditions: .root { theta, y in
      Reduced(x: theta - Tensor(tau) * (log(y.x) + 1) + y.u, u: y.x.sum() - 1)
    },
    linearSolver: solver)
}

// As the yardstick we need the derivative $J$ free of cancellation. In $x_i(1-x_i)$ the difference cancels
// when $x_i$ is almost 1; $x_i\sum_{j\ne i} x_j$ is the same number, with all its digits.

func exactJacobian(_ x: Tensor, _ tau: Double) -> Tensor {
  let off = outer(x, x) * (1 - Tensor.identity(x.count))
  return (off.sum(alongAxis: 1).diagonal() - off) / Tensor(tau)
}

// hide begin
/// `[block, border; borderᵀ, corner]`.
func bordered(_ block: Tensor, _ border: Tensor, _ corner: Tensor) -> Tensor {
  Tensor.concatenate([
    Tensor.concatenate([block, border.expanded(atAxis: 1)], alongAxis: 1),
    Tensor.concatenate([border, corner.reshaped([1])]).expanded(atAxis: 0),
  ])
}

/// The largest sum of absolute values in a row.
func rowNorm(_ a: Tensor) -> Double { abs(a).sum(alongAxis: 1).max().scalar }

/// `‖·‖ ‖·⁻¹‖` of the matrix in `log x`, which is `[−I, 1; xᵀ, 0]`, with `[1 xᵀ − I, 1; xᵀ, 1]`.
func logCondition(_ x: Tensor) -> Double {
  let (one, I) = (Tensor.ones([x.count]), Tensor.identity(x.count))
  func norm(_ block: Tensor, _ corner: Double) -> Double {
    let lastRow = abs(x).sum().scalar + corner
    return max(
      rowNorm(Tensor.concatenate([block, one.expanded(atAxis: 1)], alongAxis: 1)), lastRow)
  }
  return norm(-I, 0) * norm(outer(one, x) - I, 1)
}

/// The system of the derivative in shares: `K (dx; du) = −(I; 0)`, with `K⁻¹` from the Jacobian.
struct System {
  let matrix: Tensor
  let inverse: Tensor
  let rightHandSide: Tensor
  let solution: Tensor

  init(_ x: Tensor, _ tau: Double, jacobian: Tensor) {
    let n = x.count
    matrix = bordered((-Tensor(tau) / x).diagonal(), Tensor.ones([n]), 0)
    inverse = bordered(-jacobian, x, Tensor(tau))
    rightHandSide = Tensor.concatenate([-Tensor.identity(n), Tensor.zeros([1, n])])
    solution = Tensor.concatenate([jacobian, -x.expanded(atAxis: 0)])
  }

  /// `‖K‖ ‖K⁻¹‖`.
  var condition: Double { rowNorm(matrix) * rowNorm(inverse) }

  /// Skeel's `‖ |K⁻¹| |K| ‖`.
  var skeel: Double { rowNorm(matmul(abs(inverse), abs(matrix))) }

  /// The largest `(|K⁻¹| (|K| |y| + |b|))ᵢ / |yᵢ|`, over all entries of all columns.
  var worstEntry: Double {
    let change = matmul(abs(matrix), abs(solution)) + abs(rightHandSide)
    return (matmul(abs(inverse), change) / abs(solution)).max().scalar
  }

  /// `‖S K S‖ ‖(S K S)⁻¹‖`, with `S² = diag(min(x/τ, 1), 1)`.
  var scaledCondition: Double {
    let n = solution.shape[1]
    let diagonal = (0..<n).map { min(Tensor(1), Tensor(-1 / matrix[$0, $0])).scalar.squareRoot() }
    let S = Tensor(diagonal + [1])
    return rowNorm(matrix * outer(S, S)) * rowNorm(inverse / outer(S, S))
  }
}

// hide end

// The same problem can be written in $z = \log x$, as in [Twice](#twice). Nothing large is left in its
// matrix.

struct LogReduced: TensorStructure {
  var z: Tensor
  var u: Tensor
  static var fields: [TensorField<LogReduced>] { [.init("z", \.z), .init("u", \.u)] }
}

func logarithmicAt(_ tau: Double, _ solver: any LinearSolver) -> ImplicitFunction<
  Tensor, LogReduced
> {
  ImplicitFunction(
    forward: { theta in
      let scaled = theta / Tensor(tau)
      return LogReduced(z: scaled - scaled.logSumExp(), u: 1 - scaled.logSumExp())
    },
    conditions: .root { theta, y in
      LogReduced(z: theta / Tensor(tau) - y.z - 1 + y.u, u: exp(y.z).sum() - 1)
    },
    linearSolver: solver)
}

// Two tables. The first has condition numbers, three of them for $K\,y = b$, the system of $y = (dx, du)$.
// The usual one, $\lVert K\rVert\,\lVert K^{-1}\rVert$, bounds by how much a change of $K$ that is small compared
// with its *largest* entry can change the solution. Skeel's, $\lVert\,|K^{-1}|\,|K|\,\rVert$ with absolute
// values taken entry by entry, asks the same for changes that are small compared with *each* entry, as
// those of rounding are. Both norms are the largest sum of absolute values in a row, the norm that
// belongs to the largest entry of a vector; so both measure the change of $y$ by the largest entry of
// $y$. The third measures that of $y_i$ by $|y_i|$: it is
// $\bigl(|K^{-1}|\,(|K|\,|y| + |b|)\bigr)_i / |y_i|$, and the table has the worst among all the entries of
// $dx/d\theta$ and $du/d\theta$. The last column is the usual number again, for the matrix in $\log x$. The second
// table has the relative errors of the Jacobian $\hat J$ that each method finds,
// $\lVert\hat J - J\rVert / \lVert J\rVert$, where a norm is the root of the sum of squares of all entries; where
// the library throws an error in place of a Jacobian it says *refused*.

// hide begin
/// The error of a Jacobian, or that there is none.
func outcome(_ tau: Double, _ jacobian: (Tensor) throws -> Tensor) -> String {
  do {
    let x = (steep / Tensor(tau)).softmax()
    let exact = exactJacobian(x, tau)
    return measured(((try jacobian(x) - exact).norm() / exact.norm()).scalar).description
  } catch {
    return "refused"
  }
}

// hide end
let temperatures = [1, 0.3, 0.1, 0.03, 0.01]
func coldShares(_ tau: Double) -> Tensor { (steep / Tensor(tau)).softmax() }
let systems = temperatures.map { tau in
  System(coldShares(tau), tau, jacobian: exactJacobian(coldShares(tau), tau))
}
try table(
  ["τ", "smallest share", "‖K‖ ‖K⁻¹‖", "Skeel’s number", "worst entry", "in log x"],
  rows: temperatures.indices.map { k in
    let (tau, system) = (temperatures[k], systems[k])
    return [
      tau, digits(2, coldShares(tau).min().scalar), digits(2, system.condition),
      digits(2, system.skeel), digits(2, system.worstEntry),
      digits(2, logCondition(coldShares(tau))),
    ]
  })

func textbook(_ x: Tensor, _ tau: Double) -> Tensor { (x.diagonal() - outer(x, x)) / Tensor(tau) }
func logarithmic(_ tau: Double, _ solver: any LinearSolver) -> String {
  outcome(tau) { x in
    x.expanded(atAxis: 1)
      * (try logarithmicAt(tau, solver).jacobian(at: steep).value.slice(0..<10))
  }
}
func inShares(_ tau: Double, _ solver: any LinearSolver) -> String {
  outcome(tau) { _ in try reducedAt(tau, solver).jacobian(at: steep).value.slice(0..<10) }
}
/// The textbook formula, and one step of iterative refinement with it.
func refined(_ x: Tensor, _ tau: Double) -> Tensor {
  let system = System(x, tau, jacobian: textbook(x, tau))
  let residual = system.rightHandSide - matmul(system.matrix, system.solution)
  return (system.solution + matmul(system.inverse, residual)).slice(0..<x.count)
}

try table(
  [
    "τ", "formula (X − xxᵀ)/τ", "refined once", "LU for x", "GMRES for x", "LU for log x",
    "GMRES for log x",
  ],
  rows: temperatures.map { tau in
    [
      tau, outcome(tau) { textbook($0, tau) }, outcome(tau) { refined($0, tau) },
      inShares(tau, LUSolver()), inShares(tau, GMRES()), logarithmic(tau, LUSolver()),
      logarithmic(tau, GMRES()),
    ]
  })

// There is a lot in these columns. The usual condition number grows like $\tau/\min x$, and at
// \(hopeless) one would not expect a single digit. But it says little about the problem, and much about
// the units of the equations: multiply one equation by a million, and it changes, although the solution
// does not. Skeel's number stays the same when rows are multiplied, and here it stays below twenty-five.
//
// That is still no promise for $J$. At $\tau = 0.01$ an entry of $du$ is almost $-1$, while no entry of $J$
// is larger than \(largest slope). A relative error of \(rounding), half a unit in the last place, in
// each entry of $K$ may, by Skeel's number, change both by \(allowed): of the small one, that is the part
// \(allowed of J). The third number does promise: no entry of $dx$ or $du$ changes, relative to itself, by more than
// \(worst entry) times as much as the entries of $K$ and $b$ did. All digits are there to be had, by a method
// that does no more harm than that.
//
// The formula is no such method: $x_1(1-x_1)$ subtracts from 1 a share that is almost 1, and at $\tau = 0.01$
// half the digits are gone. (The two passes over a vector in
// [Four routes](#four-routes-to-the-same-matrix), divided by $\tau$, cancel in the same way;
// $\bar\theta_i = x_i\sum_j x_j(\bar x_i - \bar x_j)/\tau$, in about $n^2$ operations, avoids the cancellation
// against $x_1 \approx 1$, and leaves that among its own terms.) Nor is elimination of one share after the
// other, in the order in which they stand: it finds $du$, then $dx_1 = x_1(d\theta_1 + du)/\tau$, and that is
// the formula again. Two things stand between LU and this loss, and either is enough.
//
// * *Pivoting.* In the first column of $K$ stand $-\tau/x_1$, about $-0.01$, and the 1 of the last equation.
//   Elimination takes the larger one: it finds the changes of the small shares first, and that of $x_1$ as
//   minus the sum of theirs, in which nothing cancels. This is what happens in the column *LU for x*.
// * *Refinement.* The library computes the residual of what it found, $b - K y$, and solves once more for a
//   correction. In the last equation, $\mathbf 1^{\mathsf T}dx = 0$, only the tiny entries are added, so its
//   residual shows what is wrong with $dx_1$ with all digits. *Refined once* is the formula with this one step.
//   *LU for log x* needs it: the pivots there are the $-1$ on the diagonal, in the given order.
//
// A third thing decides whether there is an answer at all. Before it factorises, the library multiplies rows and
// columns by powers of two that make their largest entries alike. The pivots would be the same without. But
// whether a matrix is to count as singular is judged by the condition number of the *scaled* one, which is not
// \(hopeless) but small. (Multiply row and column $i$ by the smaller of $\sqrt{x_i/\tau}$ and 1, and
// it is at most \(scaled) in this table.)

let coldest = systems[systems.count - 1]
let J = coldest.solution.slice(0..<10)
note("hopeless", digits(2, coldest.condition))
note("largest slope", digits(2, largest(J)))
note("rounding", digits(2, 0.5 * Double.ulpOfOne))
note("allowed", digits(2, 0.5 * Double.ulpOfOne * coldest.skeel))
note("allowed of J", digits(2, 0.5 * Double.ulpOfOne * coldest.skeel / largest(J)))
note("worst entry", digits(2, systems.map(\.worstEntry).max() ?? .nan))
note("scaled", digits(3, systems.map(\.scaledCondition).max() ?? .nan))
try check("Skeel's number, the largest", systems.map(\.skeel).max() ?? .nan, below: 25)
try check(
  "the condition number of the scaled matrix, the largest",
  systems.map(\.scaledCondition).max() ?? .nan, below: 13)
try check("the third number, the largest", systems.map(\.worstEntry).max() ?? .nan, below: 8.001)
try check(
  "error of J by refined formula, at the lowest temperature",
  ((refined(coldShares(0.01), 0.01) - J).norm() / J.norm()).scalar, below: 1e-13)

// GMRES sees the matrix as it is, without that scaling, and is refused, rightly, when nothing
// certifies its answer:

try quoteError { _ = try reducedAt(0.01, GMRES()).linearize(at: steep).jacobian() }

// The cure is a change of coordinates. With $z = \log x$ the matrix is
// $\bigl(\begin{smallmatrix} -I & \mathbf 1\\ x^{\mathsf T} & 0 \end{smallmatrix}\bigr)$, its inverse
// $\bigl(\begin{smallmatrix} \mathbf 1x^{\mathsf T}-I & \mathbf 1\\ x^{\mathsf T} & 1 \end{smallmatrix}\bigr)$,
// and the largest sums of absolute values in their rows are 2 and $3 - 2\min x$. So the condition number
// stays below 6 at any temperature, and GMRES converges everywhere.
//
// It is not as accurate as LU where it is cold: its errors are \(error at 0.03) at $\tau = 0.03$ and
// \(error at 0.01), about eight digits, at $\tau = 0.01$. The first is a matter of its tolerance, which is
// \(tolerance). The second is not:

note("tolerance", GMRES().relativeTolerance)
note("error at 0.03", logarithmic(0.03, GMRES()))
note("error at 0.01", logarithmic(0.01, GMRES()))
try check(
  "condition number in log x, the largest",
  temperatures.map { logCondition(coldShares($0)) }.max() ?? .nan, below: 6.001)
let strict = GMRES(relativeTolerance: 1e-15)
show("τ = 0.03, tolerance 1e-15", logarithmic(0.03, strict))
show("τ = 0.01, tolerance 1e-15", logarithmic(0.01, strict))
let dz = J.at(0)[0] / coldShares(0.01)[0]
show("τ = 0.01: ż₁ and ż₂, when θ₁ moves", digits(3, dz), digits(3, coldest.solution[10, 0] / 0.01))

// When $\theta_1$ moves, nine logarithms move by $-1/\tau$, and $\log x_1$, which carries most of the Jacobian,
// hardly at all. GMRES makes the residual small relative to its right-hand side, and with it the error
// relative to *all* of $\dot z$; of $\dot z_1$, so much smaller, rounding then leaves those eight digits.
//
// The logarithms help in one more way. Shares that underflow, as they do when a gap exceeds $745\,\tau$,
// are no longer an obstacle. At $\tau = 0.001$ the smallest are zero in floating point, and their logarithms
// infinite:

try quoteError { _ = try reducedAt(0.001, LUSolver()).linearize(at: steep) }
let veryCold = try logarithmicAt(0.001, GMRES()).linearize(at: steep)
show("log x₁₀, as an unknown of its own", veryCold.solution.z[9])
let coldSlope = try veryCold.pushforward(Tensor.identity(10).at(9)).value.z
show("d log x₁₀ / dθ₁₀, which is 1/τ", coldSlope[9])

// ## Down to zero
//
// In the limit $\tau\to 0$ the entropy is gone, and the problem is a linear program: everything to the
// best candidate. Its solution is constant until another candidate takes over, so its derivative is
// zero, and at a tie there is none. This is what one gets for differentiating *argmax*, and why one
// does not. The derivative of softmax shows both on its way there:

/// `dx₁/dθ₁` for two candidates.
func ownSlope(_ theta: Tensor, _ tau: Double) throws -> Double {
  let cold = try logarithmicAt(tau, LUSolver()).linearize(at: theta)
  let dz = try cold.pushforward([1, 0]).value.z
  return (exp(cold.solution.z) * dz)[0]
}

var cooling: [(tau: Double, gap: Double, tie: Double)] = []
for k in 0...24 {
  let tau = exp(Tensor(-0.25 * Double(k))).scalar
  cooling.append((tau, try ownSlope([0.2, 0], tau), try ownSlope([0, 0], tau)))
}
let last = cooling[cooling.count - 1]
show("τ", digits(3, last.tau))
show("dx₁/dθ₁: scores 0.2 apart, and tied", digits(3, last.gap), digits(3, last.tie))
try check(
  "relative error of 1/(4τ) at the tie",
  cooling.map { ($0.tie * 4 * $0.tau - 1).magnitude }.max() ?? .nan, below: 1e-12)

// The slope with the gap grows at first and then falls. With $s$ for the gap in units of $\tau$ it is
// $x(1-x)/\tau$ at $x = 1/(1+e^{-s})$, which is $s/(4\cosh^2\tfrac s2)$ divided by the gap. That is largest
// where $s\tanh\tfrac s2 = 1$:

var (less, more) = (0.0, 2.0)
for _ in 0..<60 {
  let s = 0.5 * (less + more)
  if s * tanh(Tensor(0.5 * s)).scalar < 1 { less = s } else { more = s }
}
let turn = 0.2 / less
show("s = gap/τ", less)
show("τ, and τ/gap, where the slope is largest", digits(3, turn), digits(3, turn / 0.2))
let slopes = try [0.99, 1, 1.01].map { try ownSlope([0.2, 0], $0 * turn) }
try check(
  slopes[0] < slopes[1] && slopes[2] < slopes[1],
  "a hundredth colder or warmer the implicit derivative is smaller")
// hide begin
try plot(
  "cooling",
  Plot(
    "The derivative of a share in its own score", x: .logarithmic("temperature τ"),
    y: .logarithmic("dx₁/dθ₁"),
    [
      .line("a tie", x: cooling.map(\.tau), y: cooling.map(\.tie)),
      .line("scores 0.2 apart", x: cooling.map(\.tau), y: cooling.map(\.gap)),
    ],
    marks: [.vertical(turn, "largest")],
    caption: "Cooling goes from right to left. The slope at the tie is 1/(4τ) and grows for ever. "
      + "With a gap of 0.2 between the scores the slope grows at first, too; once τ has fallen to "
      + "\(digits(2, turn)), about two thirds of the gap, it turns round, and vanishes faster than "
      + "any power of τ."))
// hide end

// ## Against unrolling and differences
//
// Back to $\tau = 1$ and five candidates. The second one is the right answer, the loss is $-\log x_2$,
// and everybody knows its gradient: $x - e_2$. Three sources of derivatives, one table. What is
// unrolled is mirror descent from equal shares, forty steps with $\eta = \tfrac12$.

@Sendable func descend(_ theta: Tensor, steps: Int) -> Tensor {
  var x = Tensor(repeating: 1 / Double(theta.count), shape: theta.shape)
  for _ in 0..<steps { x = mirrorStep(theta, x, 0.5) }
  return x
}

let comparison = try GradientComparison(
  of: mirrorDescent(step: 0.5), at: theta, loss: { x in -log(x.gathered([1])).sum() },
  unrolled: { theta in descend(theta, steps: 40) },
  reference: y.x - e[1])
try table(
  ["route", "relative error", "solver runs", "bytes recorded"],
  rows: comparison.rows.map { row in
    [
      row.method.rawValue, row.error.map { measured($0) }?.description ?? "",
      row.forwardSolvesText, row.recordedBytes?.description ?? "",
    ]
  })
for finding in comparison.findings { quote(finding) }
note("ten", 2 * theta.count)  // hide

// The three rows of differences share one sweep over many step lengths, made for each of the five scores.
// Its solver runs are counted for all three together, not for each, and nearly all of them go into the
// choice of a step. Whoever has one takes two runs for each score, \(ten) in all, for central differences.
//
// How many steps does one need to unroll? The implicit derivative below is taken at the same iterate
// $x_k$, with the check of the conditions switched off.

let unchecked = ImplicitFunction<Tensor, Tensor>(
  forward: { theta in shares(theta).x },
  conditions: .fixedPoint { theta, x in mirrorStep(theta, x, 0.5) }, conditionsTolerance: nil)

func unrolled(_ steps: Int) throws -> (value: Tensor, jacobian: Tensor, bytes: Int) {
  let recording = try linearization(at: theta) { theta in descend(theta, steps: steps) }
  return (
    recording.value, try Tensor(shape: [n, n], recording.jacobian.denseMatrix()),
    recording.recordedBytes
  )
}
func startSlope(_ steps: Int) -> Double {
  let (_, slope) = valueAndPushforward(
    at: Tensor(repeating: 0.2, shape: [n]), along: [1, -1, 0, 0, 0]
  ) { start in
    var x = start
    for _ in 0..<steps { x = mirrorStep(theta, x, 0.5) }
    return x
  }
  return slope.norm().scalar
}

var lag: [(k: Int, iterate: Double, unrolled: Double, implicit: Double, start: Double)] = []
try table(
  ["k", "‖xₖ − x‖", "unrolled error", "implicit error", "bytes, unrolled", "dxₖ/d(start)"],
  rows: [1, 2, 5, 10, 20, 30, 40].map { k in
    let (value, slope, bytes) = try unrolled(k)
    let implicit = try unchecked.linearize(at: theta, solution: value).jacobian().value
    lag.append(
      (
        k, (value - y.x).norm().scalar, (slope - closedForm).norm().scalar,
        (implicit - closedForm).norm().scalar, startSlope(k)
      ))
    let row = lag[lag.count - 1]
    return [k] + [row.iterate, row.unrolled, row.implicit].map { measured($0) }
      + [bytes, measured(row.start)]
  })

// Unrolled, the error follows that of the iterate: a digit every three to four steps. It does not lag
// behind, as it does on [another page](UnconstrainedOptimization.md). There the input is a penalty, which
// stands in the matrix of the iteration, so that each step changes with it. Here a step multiplies
// $\log x$ by $1 - \eta$ and adds a term with $\theta$: the input adds something and leaves the factor alone
// ([exercise 4](#exercises) has the formula). The implicit error is about the *square* of the iterate's. That is a gift of this
// map: the two terms by which an error of $x$ enters $A$ and $B$ cancel to first order. In general one can
// count on proportionality only.
//
// The last column is the size of the *derivative with respect to the starting point*, which some texts ask
// for (when the start gains a little of the first share and loses as much of the second). After a few
// steps there is one, and it about halves with each. That of the solution is exactly zero, since the
// conditions do not mention the start.
//
// And there are solvers that one should not unroll at all. Our bisection is one. Its recorded steps are
// legal tensor operations, they converge to machine precision, and their derivative is
//

let wrong = try linearization(at: theta) { theta in shares(theta).x }
let wrongJacobian = try Tensor(shape: [n, n], wrong.jacobian.denseMatrix())
try table(
  ["", "∂x₁/∂θ₁", "∂x₁/∂θ₂", "∂x₁/∂θ₃", "∂x₁/∂θ₄", "∂x₁/∂θ₅"],
  rows: [("unrolled bisection", wrongJacobian), ("truth", closedForm)].map { name, matrix in
    [name] + (0..<n).map { digits(4, matrix[0, $0]) }
  })
try check(largest(wrongJacobian - closedForm) > 0.1, "unrolling the bisection is wrong")

// Each comparison is a decision, and decisions have no derivative. What was differentiated is the
// bracket we started with, which follows the best candidate alone: $u$ moves by $-d\theta_4$ in place of
// $-x^{\mathsf T}d\theta$. A tape gives no warning. The implicit derivative never looked into the solver.
//
// ## Hundreds of softmaxes at once
//
// A classifier wants the shares of a whole batch of images, and one `ImplicitFunction` can give them all:
// scores are a matrix, a row for each of \(rows) images (made up for now; real ones come in the next
// section), and so are shares. The system then has a small block for each row. It pays to think for a
// minute about *which* conditions to write. The table shows what one pullback takes.

@Sendable func sums(_ a: Tensor) -> Tensor { a.sum(alongAxis: 1) }
@Sendable func column(_ a: Tensor) -> Tensor { a.expanded(atAxis: 1) }

let batchForShares = ImplicitFunction<Tensor, Reduced>(
  forward: { theta in
    let y = shares(theta)
    return Reduced(x: y.x, u: y.u)
  },
  conditions: .root { theta, y in
    Reduced(x: theta - log(y.x) - 1 + column(y.u), u: sums(y.x) - 1)
  })
let batchForLogarithms = ImplicitFunction<Tensor, LogReduced>(
  forward: { theta in
    let u = multiplier(theta)
    return LogReduced(z: theta - 1 + column(u), u: u)
  },
  conditions: .root { theta, y in
    LogReduced(z: theta - y.z - 1 + column(y.u), u: sums(exp(y.z)) - 1)
  })
let batchForMultipliers = ImplicitFunction<Tensor, Tensor>(
  forward: multiplier,
  conditions: .root { theta, u in sums(exp(theta - 1 + column(u))) - 1 })

let candidates = Tensor((1...10).map(Double.init))
note("rows", batchSize)
let batch = 3 * sin(outer(Tensor((1...batchSize).map(Double.init)), candidates))
func work<Solution: TensorStructure>(
  _ name: String, _ function: ImplicitFunction<Tensor, Solution>
) throws -> [any CustomStringConvertible] {
  let (y, pullback) = try function.valueWithPullback(at: batch)
  let report = try pullback(y).report
  return [
    name, y.variableCount,
    String(report.linearSolver.prefix { $0 != "," && $0 != "(" && !$0.isNumber }),
    report.linearIterations, report.operatorProducts,
  ]
}
try table(
  ["unknowns", "how many", "chosen by the library", "steps", "products with A or Aᵀ"],
  rows: [
    try timed("x and u") { try work("x and u", batchForShares) },
    try timed("log x and u") { try work("log x and u", batchForLogarithms) },
    try timed("mirror") { try work("x, mirror descent, η = ½", mirrorDescent(step: 0.5)) },
    try timed("u alone") { try work("u alone", batchForMultipliers) },
  ])

// A *step* is one of the iterative solver, or one that refines the result of the division. Each takes one
// product, and one product more gives the residual of the answer. The first system has entries $1/x_i$ of all sizes, and an iterative
// solver works through them. In log-coordinates every block has the same three eigenvalues, $-1$ and
// $(-1\pm\sqrt5)/2$, whatever the scores are, so that GMRES needs three steps for any batch; for mirror
// descent they are $-1$ and $-\eta = -\tfrac12$, and it needs two. Best is to look which unknowns the rest follow from explicitly. Given
// $u$, stationarity *is* a formula for $x$, so we keep one equation for each row,
// $\sum_j e^{\theta_{ij} - 1 + u_i} = 1$. Now $A$ is diagonal: the library sees that in the recording, and
// divides.

@Sendable func implicitSoftmax(_ theta: Tensor) throws -> Tensor {
  exp(theta - 1 + column(try batchForMultipliers(theta)))
}

// ## Training through it
//
// The data are scanned handwritten digits of eight by eight pixels. A linear classifier scores an image
// $p$ by $p^{\mathsf T}W + b$; we minimise the mean of $-\log$ of the share of the right digit, plus a small
// penalty, by accelerated gradient steps. Training runs twice: with the closed form of softmax, and with
// the implicit function called inside the loss, so that each gradient passes through a bisection by one
// division per image. Steps are counted from 1, and each is listed with the loss that it starts from:
// at step 1 all weights are zero, all shares a tenth, and the loss is $\log 10$.

let digitTable = try Table(csv: try dataFile("digits.csv"))
let allPixels = try digitTable.columns((0..<64).map { "p\($0)" }) / 16
let allLabels = try digitTable.columns(["digit"]).scalars.map { Int($0) }

/// Images in rows, each with a constant last pixel for the bias, and a row of the identity as label.
struct Images: Sendable {
  let pixels: Tensor
  let labels: [Int]
  let oneHot: Tensor

  init(_ rows: [Int]) {
    let chosen = allPixels.gathered(rows)
    pixels = Tensor.concatenate([chosen, Tensor.ones([rows.count, 1])], alongAxis: 1)
    labels = rows.map { allLabels[$0] }
    oneHot = Tensor.identity(10).gathered(labels)
  }

  func loss(_ weights: Tensor, _ softmax: (Tensor) throws -> Tensor) throws -> Tensor {
    let x = try softmax(matmul(pixels, weights))
    return -log(sums(x * oneHot)).mean() + 0.0005 * weights.squaredNorm()
  }

  /// The fraction of images whose own digit has the largest score.
  func accuracy(_ weights: Tensor) -> Double {
    let scores = matmul(pixels, weights)
    let right = labels.indices.filter { row in
      !(0..<10).contains { scores[row, $0] > scores[row, labels[row]] }
    }
    return Double(right.count) / Double(labels.count)
  }
}

let everySecond = Array(stride(from: 0, to: allLabels.count, by: 2))
let rest = Array(stride(from: 1, to: allLabels.count, by: 2))
let order = everySecond + rest
let training = Images(Array(order.prefix(imageCount)))
let test = Images(Array(order.dropFirst(min(imageCount, order.count - 10))))
show("images: training, test", training.labels.count, test.labels.count)

func train(_ softmax: (Tensor) throws -> Tensor) throws -> (weights: Tensor, losses: [Double]) {
  var weights = Tensor.zeros([65, 10])
  var ahead = weights
  var losses: [Double] = []
  for step in 0..<trainingSteps {
    let (value, slope) = try valueAndGradient(at: ahead) { w in try training.loss(w, softmax) }
    losses.append(value.scalar)
    let next = ahead - 0.15 * slope
    ahead = next + Tensor(Double(step) / Double(step + 3)) * (next - weights)
    weights = next
  }
  return (weights, losses)
}

let byFormula = try timed("training, closed form") { try train { $0.softmax(alongAxis: 1) } }
let byImplicit = try timed("training, implicit") { try train(implicitSoftmax) }
let largestGap = zip(byFormula.losses, byImplicit.losses).map { abs($0 - $1) }.max() ?? .nan
let steps = byFormula.losses.count
try table(
  ["step", "loss, closed form", "loss, implicit"],
  rows: [0, 1, 4, 9, 24, 49, 99].filter { $0 < steps }.map {
    [$0 + 1, byFormula.losses[$0], byImplicit.losses[$0]]
  })
try check(
  "distance of the loss at step 1 from log 10",
  abs(Tensor(byImplicit.losses[0]) - log(Tensor(10))).scalar, below: 1e-12)
try check("largest difference of the two curves", largestGap, below: 1e-10)
note("accuracy", digits(3, 100 * test.accuracy(byImplicit.weights)))
show("right on unseen images, percent", digits(3, 100 * test.accuracy(byImplicit.weights)))
// hide begin
try plot(
  "training",
  Plot(
    "A digit classifier, trained twice", x: .linear("step"), y: .logarithmic("loss"),
    [
      .line(
        "implicit softmax", x: byImplicit.losses.indices.map { Double($0 + 1) },
        y: byImplicit.losses),
      .points(
        "closed form", x: stride(from: 0, to: steps, by: 5).map { Double($0 + 1) },
        y: stride(from: 0, to: steps, by: 5).map { byFormula.losses[$0] }),
    ],
    caption: "One curve, with every fifth point of the closed form. The implicit run never used a "
      + "formula for softmax."))
// hide end

// ## When the constraints bind
//
// Throughout, $x > 0$ made the signs and their multipliers disappear. That was a property of the
// entropy, whose slope is infinite at zero. Replace it by $-\tfrac12\lVert x\rVert^2$:
//
// $$\max_x\; x^{\mathsf T}\theta - \tfrac12\lVert x\rVert^2 \quad\text{subject to}\quad
// \mathbf 1^{\mathsf T}x = 1,\; x\ge 0 .$$
//
// This is the projection of $\theta$ on the simplex, known as *sparsemax*: hopeless candidates get exactly
// zero. Stationarity is now $\theta - x + u\mathbf 1 + v = 0$; the other conditions stay as they are. The
// solver is the same bisection, on $\sum_i \max(\theta_i + u, 0) = 1$. The objective is strictly concave
// again, so whatever meets the conditions is again the only maximum.

@Sendable func sparseShares(_ theta: Tensor) -> Optimum {
  var high = 1 - theta.max()
  var low = high - 1
  for _ in 0..<60 {
    let middle = 0.5 * (low + high)
    if max(theta + middle, 0).sum() > 1 { high = middle } else { low = middle }
  }
  // The support is known now, and on it the equations are linear.
  let support = Tensor(0).isLess(than: theta + high)
  let u = (1 - (support * theta).sum()) / support.sum()
  let x = support * (theta + u)
  return Optimum(x: x, u: u, v: x - theta - u)
}
let sparsemax = ImplicitFunction<Tensor, Optimum>(
  forward: sparseShares,
  conditions: .root { theta, y in
    Optimum(x: theta - y.x + y.u + y.v, u: y.x.sum() - 1, v: y.v * y.x)
  })

let sparse = try sparsemax.linearize(at: theta)
let sparseJacobian = try sparse.jacobian().value.slice(0..<n)
try table(
  ["i", "θ", "softmax", "sparsemax", "multiplier v"],
  rows: (0..<n).map { i in
    [i + 1, theta[i], digits(4, y.x[i]), sparse.solution.x[i], sparse.solution.v[i]]
  })

// Two candidates share everything, three are at zero with positive multipliers. There $v_i\,dx_i = 0$ gives
// $dx_i = 0$, while on the support $x_i\,dv_i = 0$ gives $dv_i = 0$: each complementarity equation does
// one of two jobs. With $s$ the indicator of the support, the derivative is
//
// $$\operatorname{diag}(s) - \frac{s\,s^{\mathsf T}}{\mathbf 1^{\mathsf T}s}.$$

let s = Tensor(0).isLess(than: sparse.solution.x)
let sparseClosedForm = s.diagonal() - outer(s, s) / s.sum()
try check("error of the Jacobian", largest(sparseJacobian - sparseClosedForm), below: 1e-13)

// Dropping $v$, which was harmless for softmax, would be a mistake here, and one that is noticed: the
// shorter system describes the projection on a plane, and our shares are not its solution.

let withoutSigns = ImplicitFunction<Tensor, Reduced>(
  forward: { theta in
    let y = sparseShares(theta)
    return Reduced(x: y.x, u: y.u)
  },
  conditions: .root { theta, y in Reduced(x: theta - y.x + y.u, u: y.x.sum() - 1) })
try quoteError { _ = try withoutSigns.linearize(at: theta) }

// Optimisation layers of this kind need not be written by hand. `ConstrainedMinimum` takes the problem as
// it is stated, derives the conditions, recovers the multipliers when the solver returns shares only,
// and says which constraints bind (it counts from zero). Mirror descent's Euclidean sibling needs no
// multipliers: the shares are a fixed point of a projected gradient step.

let problem = ConstrainedProblem<Tensor, Tensor>(
  objective: { theta, x in 0.5 * x.squaredNorm() - x.dot(theta) },
  equalities: { _, x in x.sum() - 1 },
  inequalities: { _, x in -x })
let minimum = ConstrainedMinimum(problem, primalSolver: { theta in sparseShares(theta).x })
let binding = try minimum.activeSet(at: theta)
quote(binding)
note("size", digits(4, sparse.solution.x.norm().scalar))
try check(
  "distance of the margin from x₁ / ‖x‖",
  (binding.complementarityMargin - (sparse.solution.x[0] / sparse.solution.x.norm().scalar))
    .magnitude,
  below: 1e-12)

let projected = ImplicitFunction<Tensor, Tensor>(
  forward: { theta in try Projection.simplex(theta) },
  conditions: .projectedGradient(
    of: { theta, x in 0.25 * x.squaredNorm() - 0.5 * x.dot(theta) },  // half of it: half a step
    onto: { _, point in try Projection.simplex(point) }))
try check(
  "stated problem, against the formula",
  largest(try minimum.linearize(at: theta).jacobian().value.slice(0..<n) - sparseClosedForm),
  below: 1e-13)
try check(
  "projected gradient, against the formula",
  largest(try projected.jacobian(at: theta).value - sparseClosedForm), below: 1e-13)

// (The *complementarity margin* is the larger of slack and multiplier of the least clear inequality,
// both measured without units. Here that is the share $x_1 = 0.15$, as a part of the size
// $\lVert x\rVert = \(size)$ of the solution.)
//
// Between two candidates, as the first one's score $t$ grows and the other's is zero:

// hide begin
let ts = (0...120).map { -1.5 + 0.025 * Double($0) }
try plot(
  "sparsemax",
  Plot(
    "Share of the first of two candidates", x: .linear("t = θ₁ − θ₂"), y: .linear("x₁"),
    [
      .line("sparsemax", x: ts, y: ts.map { sparseShares([Tensor($0), 0]).x[0] }),
      .line("softmax", x: ts, y: ts.map { shares([Tensor($0), 0]).x[0] }),
      .line(
        "softmax, τ = ¼", x: ts, y: ts.map { shares([Tensor(4 * $0), 0]).x[0] }, dashed: true),
    ],
    marks: [.vertical(-1, ""), .vertical(1, "kink")],
    caption: "Softmax never arrives at zero or one. Sparsemax does, with a kink on either side."))
// hide end

// At $t = 1$ the second share reaches zero and its multiplier is about to leave it: both vanish,
// $v_2 x_2 = 0$ says nothing to first order, and the system is singular. In general the kinks are where
// *some* share and its multiplier are both zero, $x_i = v_i = 0$: a candidate just at the threshold,
// $\theta_i = -u$. Everywhere else one of the two is positive, and its equation does its job. The equations
// as we wrote them only notice that the system is singular; the stated problem knows why:

try quoteError { _ = try sparsemax.linearize(at: [1, 0]) }
try quoteError { _ = try minimum.linearize(at: [1, 0]) }

// There is no derivative to be had, and
// none is invented. What exists is a motion for each side: nothing moves when $t$ rises, and when it falls
// both shares move by half of the fall. The comparison finds the same two slopes by differences:

let upwards = try minimum.oneSidedPushforward(at: [1, 0], along: [1, 0]).value.primal
let downwards = try minimum.oneSidedPushforward(at: [1, 0], along: [-1, 0]).value.primal
try table(
  ["direction of t", "dx₁", "dx₂"],
  rows: [["up", upwards[0], upwards[1]], ["down", downwards[0], downwards[1]]])
let kink = try GradientComparison(
  of: sparsemax, at: [1, 0], loss: { $0.x.gathered([0]).sum() }, along: .along([1, 0]))
for finding in kink.findings { quote(finding) }

// ## What else goes wrong
//
// **The solver stopped early.** Ten steps of mirror descent are not enough:

let stoppedEarly = ImplicitFunction<Tensor, Tensor>(
  forward: { theta in descend(theta, steps: 10) },
  conditions: .fixedPoint { theta, x in mirrorStep(theta, x, 0.5) })
try quoteError { _ = try stoppedEarly.linearize(at: theta) }

// **A score is missing.**

try quoteError { _ = try softmax(Tensor([0.9, .nan, 0.3, 1.6, -1.1])) }

// **A candidate is excluded** by giving it the score $-\infty$, as masks of attention layers do. Its share
// is zero, its $\log x$ infinite. Leave it out of the problem instead:

try quoteError { _ = try softmax(Tensor([0.9, -.infinity, 0.3, 1.6, -1.1])) }

// ## The note, line by line
//
// For those who have it at hand, in its own notation.
//
// | in the note | correction |
// |---|---|
// | (3), (4): primal feasibility multiplied by $u$ | $\mathbf 1^{\mathsf T}x - 1 = 0$; the middle row of (6) is then $(\mathbf 1^{\mathsf T}, 0, 0)$ |
// | “feasible, so $u > 0$” | no sign; $u = 1 - \operatorname{logsumexp}\theta$ |
// | invertibility rests on $u\ne 0$ | the determinant is $(-1)^n$; that of the note's matrix is $u\,(-1)^n$ |
// | the part of $v$ stays implicit | $x > 0$ forces $v = 0$ and $dv = 0$, the sign rows decouple; where shares vanish they do not |
// | the final $-[\partial F/\partial x]^{-1}\,\partial F/\partial z$ | $\partial F/\partial x$ is $(2n+1)\times n$; it is $-[\partial F/\partial(x,u,v)]^{-1}\,\partial F/\partial\theta$, and then the first $n$ rows |
// | $F(\theta, x)$ in (3), (4) and $F(\theta, x, u, v)$ in (5) | the unknown is $(x, u, v)$ throughout |
// | the theorem: $f(x_0, z^*(x_0)) = 0$ | $F(x, z^*(x)) = 0$ for *all* $x$ near $x_0$; at one point there is nothing to differentiate |
// | $F\in C^k$, “clearly $C^1$” | $C^1$ where $x > 0$; there even smooth, so that second derivatives exist |
// | “three steps”, of which two are listed | check the conditions; have products with $A$, no matrix; solve one system for each (co)tangent |
// | stationarity begins “$\theta + -\log x$”; $dx/x$ and $1dx$ in (5) | $\theta - \log x$; $\operatorname{diag}(x)^{-1}dx$ and $\mathbf 1^{\mathsf T}dx$ |
// | the entry $x^{\mathsf T}\mathbf 1 - 1$ in (6) | zero at the solution, a trace of the first slip |
// | section 4 asks for $\partial z^*/\partial z^{(0)}$, by the start | exactly zero for a nondegenerate optimum; unrolled steps have one that fades |
// | (3) leaves $x\ge 0$ out of primal feasibility | harmless here, since $\log x$ enforces it, but it belongs there |
// | section 4: the solve step is “$L(\theta, z^{(0)}) = 2$”; empty citations | unfinished; meant is a maximisation over $z$ started at $z^{(0)}$ |
//
// Right, and worth keeping: maximising, with $+v^{\mathsf T}x$ and $v\ge 0$, is a consistent choice of
// signs, and (5) differentiates (4) correctly, given (4).
//
// ## Exercises
//
// 1. The first wish we began with: no share above a cap $c$. Write the problem, find the shares, and train
//    through them. What is the Jacobian?
// 2. How do the shares change with the temperature? Derive it by hand, and let the library do it.
// 3. Replace the entropy by minus the divergence from given shares $q$, $-\sum x_i\log(x_i/q_i)$. What is the
//    derivative of the solution in $q$? Which changes of $q$ have no effect?
// 4. Show that $k$ unrolled steps of mirror descent with step $\eta$ have the derivative
//    $(1 - (1-\eta)^k)\,(\operatorname{diag}(x_k) - x_k x_k^{\mathsf T})$. What happens at $\eta = 1$, and
//    beyond?
// 5. The last wish we began with: the candidates come in groups, and the shares of group $g$ shall add to a
//    given $s_g$. What are the shares, and their derivatives in $\theta$ and in $s$? What does the library
//    say if the equation $\sum_i x_i = 1$ stays among the conditions?
//
// [Solutions](SoftmaxAsOptimizationSolutions.md)
//
// ## References
//
// - J. Chiu, “Implicit Differentiation”, note (2021).
// - A. F. T. Martins, R. F. Astudillo, “From Softmax to Sparsemax: A Sparse Model of Attention and
//   Multi-Label Classification”, ICML (2016).
// - A. Beck, M. Teboulle, “Mirror descent and nonlinear projected subgradient methods for convex
//   optimization”, Operations Research Letters 31 (2003).
// - M. Blondel, Q. Berthet, M. Cuturi, R. Frostig, S. Hoyer, F. Llinares-López, F. Pedregosa, J.-P.
//   Vert, “Efficient and Modular Implicit Differentiation”, NeurIPS (2022): mirror descent as a fixed
//   point.
// - R. D. Skeel, “Scaling for Numerical Stability in Gaussian Elimination”, Journal of the ACM 26
//   (1979): the condition number that scaling of the rows does not change. “Iterative refinement implies
//   numerical stability for Gaussian elimination”, Mathematics of Computation 35 (1980): why one step is
//   enough.
// - N. J. Higham, “Accuracy and Stability of Numerical Algorithms”, 2nd edition, SIAM (2002), section 7.2:
//   changes of each entry of the solution.
// - E. Alpaydin, C. Kaynak, “Optical Recognition of Handwritten Digits”, UCI Machine Learning Repository
//   (1998): the digits.
try endPage()  // hide
