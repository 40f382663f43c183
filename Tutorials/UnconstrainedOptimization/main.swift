// # A gradient through a minimiser costs one linear solve
//
// Page: docs/UnconstrainedOptimization.md
// Teaches: Why a gradient through a fit needs one linear system, and none of the solver's steps.
// Minutes: 20
//
// A solver has just fitted your model: a few hundred steps, a line search, perhaps somebody else's
// Fortran, and out came the weights that minimise an objective. The objective has knobs (ten
// penalties, say), and you would like to turn all ten at once, downhill, by gradient descent. So
// you need the derivative of *“run the solver until it converges”*. What is that?
//
// It is easier than it sounds, because the solver has nothing to do with it. Whatever route it
// took, it ended at a point where the gradient of the objective is zero, and that sentence can be
// differentiated.

// hide begin
import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-10)
let longest = try options.integer(
  "iterations", default: 10_000, quick: 300, in: 10...1_000_000,
  help: "gradient steps that are unrolled at most")
let descentSteps = try options.integer(
  "descent", default: 40, quick: 5, in: 1...1_000, help: "steps of descent on the penalties")
let compared = min(longest, 3_000)
let sweepSteps = DifferenceSteps(ratio: options.quick ? 10 : 2)
try beginPage(options)
// hide end

// ## By hand, on one number
//
// Let $y$ minimise $f(x, y) = y^3/3 - x\,y$ over $y > 0$, for a knob $x > 0$. At the minimum the
// slope in $y$ vanishes:
//
// $$y^2 - x = 0 .$$
//
// This holds at *every* $x$ if $y$ is read as the function $y(x)$. Two equal functions have equal
// derivatives, so differentiate both sides:
//
// $$2y\,y' - 1 = 0, \qquad\text{hence}\qquad y' = \frac{1}{2y} .$$
//
// Nobody asked how $y$ was found. We used it once, at the end.

let x = 2.0
let y = x.squareRoot()
show("y", y)
show("y' = 1/(2y)", 1 / (2 * y))

// ## The same for any number of unknowns
//
// Write the conditions as $F(x, y) = 0$, with as many equations as unknowns, and let
// $A = \partial F/\partial y$ and $B = \partial F/\partial x$ at a solution. The implicit function
// theorem says: if $F$ is continuously differentiable and $A$ is invertible, then near this
// solution there is exactly one $y(x)$ for each $x$, and it is differentiable. What is left is what
// we did by hand. Differentiate $F(x, y(x)) = 0$:
//
// $$A\,y' = -B .$$
//
// There are two ways to use this equation, and both have names.
//
// - *Pushforward*: the input moves in a direction $\dot x$; how does the solution move? Solve
//   $A\,\dot y = -B\,\dot x$.
// - *Pullback*: a loss depends on the solution, and its gradient there is $\bar y$; what is its
//   gradient in the input? Solve $A^{\mathsf T} u = \bar y$, and return $-B^{\mathsf T} u$.
//
// A pushforward is one linear system for each direction, a pullback is one for each loss, however many
// inputs there are, and however many steps the solver took. The matrix is always $A$ at the solution, or
// its transpose, so that one factorisation serves them all. When $F$ is
// the gradient of an objective, $A$ is its Hessian, the matrix of one step of Newton's method.
//
// ## Three ways to say “square root”
//
// The library wants two things: any code that finds $y$, and the conditions, as a function of
// tensors. It takes care of $A$ and $B$. Our little minimiser can be described as a stationary
// point of $f$, as a root of $y^2 - x$, and as the fixed point of the Babylonian iteration
// $T(y) = \tfrac12 (y + x/y)$. The code that computes it is the same, and never looked into.

let numbers: Tensor = [0.25, 2, 9]
let forward: @Sendable (Tensor) -> Tensor = { x in sqrt(x) }

let ways: [(name: String, function: ImplicitFunction<Tensor, Tensor>)] = [
  (
    "stationary point",
    ImplicitFunction(
      forward: forward, conditions: .stationary { x, y in (pow(y, 3) / 3 - x * y).sum() })
  ),
  (
    "root",
    ImplicitFunction(forward: forward, conditions: .root { x, y in y * y - x })
  ),
  (
    "fixed point",
    ImplicitFunction(forward: forward, conditions: .fixedPoint { x, y in 0.5 * (y + x / y) })
  ),
]

var rows: [[any CustomStringConvertible]] = []
var largestError = 0.0
for (name, function) in ways {
  let linearization = try function.linearize(at: numbers)
  let matrix = try Tensor(shape: [3, 3], linearization.A.denseMatrix())
  let jacobian = try linearization.jacobian().value
  let exact = (0.5 / sqrt(numbers)).diagonal()
  largestError = max(largestError, ((jacobian - exact) / exact.norm()).norm().scalar)
  rows.append([name] + (0..<3).map { matrix[$0, $0] } + (0..<3).map { jacobian[$0, $0] })
}
try table(
  ["conditions", "A at x = 0.25", "A at 2", "A at 9", "y′ at x = 0.25", "y′ at 2", "y′ at 9"],
  rows: rows)
try check("relative error of all Jacobians against ½ x^(−½)", largestError, below: 1e-12)

// The first two are the same equation, $y^2 - x = 0$, with $A = 2y$. The third is another one: the
// Babylonian map is flat at its fixed point, so $A = \partial T/\partial y - 1 = -1$, and
// $B = 1/(2y)$. The derivative is the same, since it belongs to the function $y(x)$; conditions
// are only a way to get hold of it.

// ## Ten penalties, 442 patients
//
// Now real data: ten measurements on each of 442 diabetes patients (age, sex, body mass index, blood
// pressure, six blood serum values), and how far the disease progressed within a year. Every third
// patient trains a linear model, the next validates it, the next tests it. All columns, the
// progression too, are standardised by mean and deviation of the training patients, so that a model
// that predicts nothing has a loss of about one half.

let names = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
let raw = try Table(csv: try dataFile("diabetes.csv")).columns(names + ["progression"])

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
show(
  "patients: training, validation, test", training.progression.count,
  validation.progression.count, test.progression.count)

// Ridge regression with a penalty of its own for each measurement. We use the logarithms $\rho_j$ of
// the penalties, so that every real number is allowed:
//
// $$w(\rho) = \arg\min_w\; \frac{1}{2m}\lVert X w - b\rVert^2 + \frac12 \sum_j e^{\rho_j} w_j^2 .$$
//
// The solver is L-BFGS: it searches for step lengths and keeps a history, nothing one would like to
// differentiate. To us it is a black box. The conditions are *stationary point of the objective*,
// and nobody writes a derivative:

@Sendable func objective(_ rho: Tensor, _ w: Tensor) -> Tensor {
  training.loss(w) + 0.5 * (exp(rho) * w * w).sum()
}

let solver = LBFGS(stopping: Stopping(gradientTolerance: options.tolerance))
let start = Tensor.zeros([10])
let fit = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in try solver.minimum(of: { w in objective(rho, w) }, from: start).point },
  conditions: .stationary(of: objective))

// The question: all penalties being 0.01, how does the *validation* loss change with the logarithm
// of each? Its
// gradient in the weights is the $\bar y$ of the pullback.

let rho = log(Tensor(repeating: 0.01, shape: [10]))
let (weights, pullback) = try fit.valueWithPullback(at: rho)
let hypergradient = try pullback(gradient(at: weights) { w in validation.loss(w) })
try table(
  ["measurement", "weight", "slope of the validation loss in ρ"],
  rows: names.indices.map { j in
    [names[j], digits(4, weights[j]), digits(4, hypergradient.value[j])]
  })
show("validation loss", validation.loss(weights).scalar)

// A negative slope says: at this point, raise that penalty. Each derivative comes with a report:

quote(hypergradient.report)

// Its second line answers the first question one should have: is this a solution at all? The
// *Newton correction* is the length of the step that Newton's method would still make, relative to
// the weights. Up to 128 unknowns the matrix is formed and factorised, which is what happened here.
//
// ## Is it right?
//
// This problem can be checked by a formula. The Hessian is $H = X^{\mathsf T}X/m +
// \mathrm{diag}(e^\rho)$ and $B = \mathrm{diag}(e^\rho \circ w)$, so the gradient is
// $-e^\rho \circ w \circ H^{-1}\bar y$.

let hessian = training.normalEquations.matrix + exp(rho).diagonal()
let exactSolution = try solve(hessian, training.normalEquations.vector)
let exactCotangent = gradient(at: exactSolution) { w in validation.loss(w) }
let closedForm = -(exp(rho) * exactSolution * (try solve(hessian, exactCotangent)))

func relativeError(_ gradient: Tensor) -> Double {
  ((gradient - closedForm).norm() / closedForm.norm()).scalar
}
try check("relative error against the formula", relativeError(hypergradient.value), below: 1e-7)

// A formula is a luxury. Two other routes are always open: differentiate the steps of a solver
// (*unrolling*), and run the solver again at neighbouring inputs (*differences*). The library
// compares them all in one call. The solver to unroll is plain gradient descent, \(steps) steps of
// length $1/L$ with $L$ the largest eigenvalue of the Hessian (we find it by multiplying with the
// Hessian, and the smallest one by multiplying with its inverse).

func extremeEigenvalues(_ matrix: Tensor) throws -> (
  largest: Double, smallest: Double, lowest: Tensor
) {
  var top = Tensor.ones([matrix.shape[0]])
  var bottom = top
  for _ in 0..<400 {
    top = matmul(matrix, top)
    top /= top.norm()
    bottom = try solve(matrix, bottom)
    bottom /= bottom.norm()
  }
  return (top.dot(matmul(matrix, top)).scalar, bottom.dot(matmul(matrix, bottom)).scalar, bottom)
}

let (largest, smallest, _) = try extremeEigenvalues(hessian)
show("condition number of the Hessian", digits(3, largest / smallest))

@Sendable func gradientDescent(_ steps: Int) -> GradientDescent {
  GradientDescent(stepSize: .fixed(1 / largest), stopping: .after(steps))
}

let comparison = try GradientComparison(
  of: fit, at: rho, loss: { w in validation.loss(w) },
  unrolled: { rho in
    try gradientDescent(compared).minimum(of: { w in objective(rho, w) }, from: start).point
  },
  reference: closedForm, differences: sweepSteps)
note("steps", compared)
try table(
  ["route", "relative error", "solver runs", "bytes recorded", "step chosen"],
  rows: comparison.rows.map { row in
    [
      row.method.rawValue, row.error.map { measured($0) }?.description ?? "",
      row.forwardSolvesText, row.recordedBytes?.description ?? "",
      row.step.map { digits(2, $0) }?.description ?? "",
    ]
  })
for finding in comparison.findings { quote(finding) }

// The implicit rows are as accurate as the solution that L-BFGS returned, in either direction. The
// three kinds of differences share one sweep over many step lengths for each of the ten penalties, because
// nobody knows beforehand which length is right: too long and the curve bends, too short and the solver's
// own error is amplified. (The choice is made without looking at the reference.) Their solver runs are
// counted for all three together. The finding that the differences are flat is about *central* ones. It
// names the noise, and the step chosen, of the noisiest of the ten penalties, and the error that central
// differences of all ten together expect of themselves, relative to the gradient. The table has the
// error that they turn out to have, and the longest of the ten steps; one-sided differences choose
// steps of their own. All are good here, but an exact derivative needs no choice.
//
// The unrolled rows are worse than central differences, and the comparison says why: gradient descent has
// not arrived yet. That is only part of the reason, so the next section takes both derivatives at the
// same point.
//
// ## What unrolling costs
//
// How many steps should one unroll? Run $k$ of them, and take the derivative both ways: through the
// $k$ steps, and implicitly at the point that they have reached.

let anywhere = ImplicitFunction<Tensor, Tensor>(
  forward: { _ in start },  // not called: the point is given below, and need not be a solution
  conditions: .stationary(of: objective), conditionsTolerance: nil)

func bothWays(_ steps: Int) throws -> (bytes: Int, unrolled: Double, implicit: Double) {
  let recording = try linearization(at: rho) { rho in
    try gradientDescent(steps).minimum(of: { w in objective(rho, w) }, from: start).point
  }
  let cotangent = gradient(at: recording.value) { w in validation.loss(w) }
  let unrolled = try recording.pullback(cotangent)
  let implicit = try anywhere.linearize(at: rho, solution: recording.value).pullback(cotangent)
  return (recording.recordedBytes, relativeError(unrolled), relativeError(implicit.value))
}

var costs: [(steps: Int, bytes: Int, unrolled: Double, implicit: Double)] = []
// hide begin
var progress = Progress("unrolling", total: longest)
// hide end
for steps in [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000] where steps <= longest {
  let cost = try timed("\(steps) steps") { try bothWays(steps) }
  costs.append((steps, cost.bytes, cost.unrolled, cost.implicit))
  progress.update(completed: steps)  // hide
}
progress.end()  // hide
let implicitBytes = try fit.linearize(at: rho).recordedBytes
try table(
  ["steps", "bytes, unrolled", "bytes, implicit", "error, unrolled", "error, implicit"],
  rows: costs.map {
    [$0.steps, $0.bytes, implicitBytes, measured($0.unrolled), measured($0.implicit)]
  })
// hide begin
try plot(
  "cost",
  Plot(
    "What a derivative stores", x: .logarithmic("gradient steps"), y: .logarithmic("bytes"),
    [
      .lineWithPoints(
        "unrolled", x: costs.map { Double($0.steps) }, y: costs.map { Double($0.bytes) })
    ],
    marks: [.horizontal(Double(implicitBytes), "implicit")],
    caption: "Unrolling records every step; the conditions are recorded once, at the end."))
// hide end

// Unrolled, memory grows with every step, and so does work: each step is a product with $X$ and one
// with $X^{\mathsf T}$, and the way back repeats them all. The implicit derivative is taken after
// the last step and does not know how many there were. And it is the more accurate of the two until
// both reach the level of rounding, although both start from the same point: the iterates of gradient descent converge
// before their derivatives do. Why, is the subject of the section after the next.
//
// ## Downhill
//
// With a gradient the penalties can be tuned like any other parameters. Here `fit` is called inside
// another objective, which gradient descent minimises: the derivative of the outer objective passes
// through the inner solver by one linear solve.

var validationCurve: [Double] = []
var testCurve: [Double] = []
let tuning = GradientDescent(
  stepSize: .backtracking(initial: 100), stopping: .after(descentSteps))
let tuned = try tuning.minimum(
  of: { rho in validation.loss(try fit(rho)) }, from: rho,
  observing: { iterate in
    validationCurve.append(iterate.value)
    testCurve.append(test.loss(try fit(iterate.point)).scalar)
  }
).point

// hide begin
let stepNumbers = validationCurve.indices.map(Double.init)
try plot(
  "descent",
  Plot(
    "Tuning ten penalties by their gradient", x: .linear("step"), y: .linear("loss"),
    [
      .line("validation (descended)", x: stepNumbers, y: validationCurve),
      .line("test (only watched)", x: stepNumbers, y: testCurve, dashed: true),
    ],
    caption: "The validation loss falls because it is minimised. The test loss, of patients that "
      + "neither fit nor tuning has seen, is the honest one; it zigzags with the long steps."))
// hide end
let tunedWeights = try fit(tuned)
try table(
  ["measurement", "penalty before", "after", "weight before", "after"],
  rows: names.indices.map { j in
    [
      names[j], digits(2, exp(rho)[j]), digits(2, exp(tuned)[j]), digits(3, weights[j]),
      digits(3, tunedWeights[j]),
    ]
  })
try check(
  validation.loss(tunedWeights).scalar < validation.loss(weights).scalar,
  "the tuned penalties have the lower validation loss")
note("validation before", digits(3, validationCurve[0]))
note("validation after", digits(3, validationCurve[validationCurve.count - 1]))
note("test before", digits(3, testCurve[0]))
note("test after", digits(3, testCurve[testCurve.count - 1]))
let large = names.indices.filter { exp(tuned)[$0] > 1 }.map { names[$0] }
let small = names.indices.filter { exp(tuned)[$0] < 0.01 }.map { names[$0] }
note("large", large.isEmpty ? "none" : large.joined(separator: ", "))
note("small", small.isEmpty ? "none" : small.joined(separator: ", "))

// The validation loss fell from \(validation before) to \(validation after), the test loss from
// \(test before) to \(test after), on one split of a small data set. Penalties above one (\(large))
// all but remove a measurement from the model; penalties below their start of 0.01 (\(small)) set it
// free. The slopes of the first table pointed downhill from the start only: some penalties went the
// other way later.
//
// ## How good is the derivative if the solver stops early?
//
// No solver returns the exact minimiser. Say it returns $\hat y$, and the derivative is taken there
// all the same. For ridge regression with a single penalty $\theta$, data $P$ with $n$ rows and
// target $q$, everything can be written down: with $H = P^{\mathsf T}P/n + \theta I$ the solution is
// $y^* = H^{-1} P^{\mathsf T}q/n$ and its derivative in $\theta$ is $J^* = -H^{-1} y^*$. The implicit
// estimate at $\hat y$ is $\hat J = -H^{-1}\hat y$. Subtract: $\hat J - J^* = -H^{-1}(\hat y - y^*)$,
// so with $\mu$ the smallest eigenvalue of $H$
//
// $$\lVert \hat J - J^* \rVert \;\le\; \frac{1}{\mu}\,\lVert \hat y - y^* \rVert .$$
//
// Here the derivative is as good as the solution, up to a constant. (For other problems the constant
// also contains how fast $A$ and $B$ change; Theorem 1 of Blondel and others.) Unrolled
// differentiation has no such bound: it differentiates the *iterates*, and their derivatives lag
// behind.
//
// Twenty rows, five unknowns and a penalty of 0.01 are enough to watch it. Gradient descent with
// step $1/L$ is stopped after $t$ steps:

let rowCount = 20
let columnCount = 5
let i = Tensor((1...rowCount).map(Double.init))
let j = Tensor((1...columnCount).map(Double.init))
let P = sin(1 + outer(i, j)) * pow(Tensor(0.5), j - 1)
let q = cos(0.5 * i)
let smallRidge: @Sendable (Tensor, Tensor) -> Tensor = { theta, w in
  let residual = matmul(P, w) - q
  return 0.5 * (residual * residual).mean() + 0.5 * theta * w.squaredNorm()
}

let theta = Tensor(0.01)
let n = Tensor(Double(rowCount))
let H = matmul(P, P, transposingLeft: true) / n + theta * Tensor.identity(columnCount)
let exactWeights = try solve(H, matmul(q, P) / n)
let exactJacobian = -(try solve(H, exactWeights))
let (L, mu, lowest) = try extremeEigenvalues(H)
show("L, μ, 1/μ", L, mu, 1 / mu)

/// Gradient descent, all of its iterates: an ordinary loop, whose tensors may be differentiated.
@Sendable func descend(from start: Tensor, steps: Int, _ theta: Tensor) -> [Tensor] {
  var w = start
  var iterates = [w]
  for _ in 0..<steps {
    w -= Tensor(1 / L) * gradient(at: w) { w in smallRidge(theta, w) }
    iterates.append(w)
  }
  return iterates
}

// One pushforward differentiates every iterate with respect to $\theta$. The implicit estimate takes
// each iterate as if it were the solution, so the check of the conditions is switched off.

let unchecked = ImplicitFunction<Tensor, Tensor>(
  forward: { _ in exactWeights }, conditions: .stationary(of: smallRidge),
  conditionsTolerance: nil)

func errors(from start: Tensor, steps: Int) throws -> (
  iterate: [Double], implicit: [Double], unrolled: [Double]
) {
  let (iterates, tangents) = valueAndPushforward(at: theta, along: 1) { theta in
    descend(from: start, steps: steps, theta)
  }
  let implicit = try iterates.map { iterate in
    try unchecked.linearize(at: theta, solution: iterate).pushforward(1).value
  }
  return (
    iterates.map { ($0 - exactWeights).norm().scalar },
    implicit.map { ($0 - exactJacobian).norm().scalar },
    tangents.map { ($0 - exactJacobian).norm().scalar }
  )
}

let run = try errors(from: Tensor.zeros([columnCount]), steps: 800)
try table(
  [
    "t", "‖ŷ − y*‖", "implicit error", "unrolled error", "implicit ÷ iterate", "unrolled ÷ iterate",
  ],
  rows: [0, 1, 10, 50, 100, 200, 400, 800].map { t in
    [
      t, run.iterate[t], run.implicit[t], run.unrolled[t],
      digits(4, run.implicit[t] / run.iterate[t]), digits(4, run.unrolled[t] / run.iterate[t]),
    ]
  })
let slack = 1 + 1e-6
try check(
  run.iterate.indices.allSatisfy { run.implicit[$0] <= run.iterate[$0] / mu * slack },
  "the implicit error is below ‖ŷ − y*‖/μ, up to a millionth of it, at all 801 iterates")

// Look at the last two columns. The implicit error, measured in errors of the iterate, climbs to
// $1/\mu$ and stays there. The unrolled one keeps growing, about linearly in $t$: where the iterates
// converge like $\varrho^t$ with $\varrho = 1 - \mu/L$, their derivatives converge like
// $t\,\varrho^t$. Counted in steps, this is how far unrolling lags behind:

let levels = [10, 0.1, 1e-3, 1e-5]
let arrivals = levels.map { level in
  (
    implicit: run.implicit.firstIndex { $0 < level } ?? run.implicit.count,
    unrolled: run.unrolled.firstIndex { $0 < level } ?? run.unrolled.count
  )
}
try table(
  ["error of the derivative below", "first t, implicit", "first t, unrolled", "lag"],
  rows: zip(levels, arrivals).map { level, t in
    [formatted(level), t.implicit, t.unrolled, t.unrolled - t.implicit]
  })
let lags = arrivals.map { $0.unrolled - $0.implicit }
try check(
  zip(lags, lags.dropFirst()).allSatisfy { $0 < $1 }, "the lag grows from each level to the next")

// hide begin
let every = Array(stride(from: 0, through: 800, by: 10))
try plot(
  "precision",
  Plot(
    "Error of the derivative at the t-th iterate", x: .linear("t"), y: .logarithmic("error"),
    [
      .line("unrolled", x: every.map(Double.init), y: every.map { run.unrolled[$0] }),
      .line("implicit", x: every.map(Double.init), y: every.map { run.implicit[$0] }),
      .line(
        "bound ‖ŷ − y*‖/μ", x: every.map(Double.init), y: every.map { run.iterate[$0] / mu },
        dashed: true),
      .line("iterate ‖ŷ − y*‖", x: every.map(Double.init), y: every.map { run.iterate[$0] }),
    ],
    caption:
      "Implicit error and bound can hardly be told apart. Unrolling reaches each level later, "
      + "and lags further behind the lower the level."))
// hide end

// Unrolling can do worse than lag. Start from ten times the eigenvector of $\mu$ (of its two signs,
// the one that points away from the solution), and the derivative of the iterates first moves *away*
// from the truth, while the iterates themselves approach it from the first step on:

let away = lowest.dot(exactWeights) < 0 ? lowest : -lowest
let cursed = try errors(from: 10 * away, steps: 400)
let peak = cursed.unrolled.indices.max { cursed.unrolled[$0] < cursed.unrolled[$1] } ?? 0
let crossing = cursed.unrolled.indices.first { cursed.implicit[$0] < cursed.unrolled[$0] } ?? 0
show("unrolled error at t = 0, and at its largest", cursed.unrolled[0], cursed.unrolled[peak])
show("implicit error at t = 0", cursed.implicit[0])
show("t of the largest unrolled error; first t where implicit is better", peak, crossing)
// hide begin
let first = Array(stride(from: 0, through: 400, by: 2))
try plot(
  "curse",
  Plot(
    "The curse of unrolling", x: .linear("t"), y: .logarithmic("error of the derivative"),
    [
      .line("unrolled", x: first.map(Double.init), y: first.map { cursed.unrolled[$0] }),
      .line("implicit", x: first.map(Double.init), y: first.map { cursed.implicit[$0] }),
    ],
    caption: "From this start the implicit estimate is the worse one at first; it falls from "
      + "the first step, the unrolled one rises first."))
// hide end

// Neither is any good in the first steps. The difference is that the implicit error is tied to
// something one can estimate, the distance to the solution, and that is what the check of the
// conditions estimates.

// ## What goes wrong, and what you are told
//
// **The solver stopped early.** Ten gradient steps do not converge. By default that is an error and
// no derivative is returned:

let stoppedEarly = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in
    try gradientDescent(10).minimum(of: { w in objective(rho, w) }, from: start).point
  },
  conditions: .stationary(of: objective))
try quoteError { _ = try stoppedEarly.linearize(at: rho) }

// **The Hessian is singular.** Measure the body mass index twice and leave out the penalty: only the
// sum of the two weights is determined. A solver finds *some* minimiser, and the conditions do not
// determine how it moves (here, with the measured progression):

let twice = Tensor.concatenate(
  [training.features, training.features.slice(2..<3, alongAxis: 1)], alongAxis: 1)
let leastSquares: @Sendable (Tensor, Tensor) -> Tensor = { target, w in
  0.5 * pow(matmul(twice, w) - target, 2).mean()
}
let undetermined = ImplicitFunction<Tensor, Tensor>(
  forward: { target in
    try solver.minimum(of: { w in leastSquares(target, w) }, from: Tensor.zeros([11])).point
  },
  conditions: .stationary(of: leastSquares))
try quoteError { _ = try undetermined.linearize(at: training.progression) }

// **Nobody standardised the data.** In raw units the columns differ in size, and so do the curvatures
// of the objective:

let rawTraining = Patients(thirds[0])
let (rawLargest, rawSmallest, _) = try extremeEigenvalues(
  rawTraining.normalEquations.matrix + exp(rho).diagonal())
show("condition number of the Hessian, raw data", digits(2, rawLargest / rawSmallest))

// Gradient descent needs a number of steps proportional to that. It is the forward solver that fails
// here, in its own words, and no derivative is attempted:

let rawFit = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in
    try GradientDescent(stopping: Stopping(maximumIterations: 2_000)).minimum(
      of: { w in rawTraining.loss(w) + 0.5 * (exp(rho) * w * w).sum() }, from: start
    ).point
  },
  conditions: .stationary { rho, w in
    rawTraining.loss(w) + 0.5 * (exp(rho) * w * w).sum()
  })
try quoteError { _ = try rawFit(rho) }

// **A value is missing.** One cell of the table is not a number. It reaches the objective at the
// first evaluation:

var cells = training.features.scalars
cells[57] = .nan
let gap = Tensor(shape: training.features.shape, cells)
let withGap: @Sendable (Tensor, Tensor) -> Tensor = { rho, w in
  0.5 * pow(matmul(gap, w) - training.progression, 2).mean() + 0.5 * (exp(rho) * w * w).sum()
}
let missing = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in try solver.minimum(of: { w in withGap(rho, w) }, from: start).point },
  conditions: .stationary(of: withGap))
try quoteError { _ = try missing(rho) }

// Had the solver not noticed, the conditions would have:

try quoteError { _ = try missing.linearize(at: rho, solution: weights) }

// ## Exercises
//
// 1. Describe the minimiser as a fixed point of one gradient step, $T(w) = w - \eta\,\nabla f(w)$.
//    Does the derivative depend on $\eta$? What if $\eta$ is so large that iterating $T$ diverges?
// 2. Which change of a single penalty leaves the *training* loss as it is, to first order?
// 3. What is the derivative of the solution with respect to the point where the solver started? And
//    that of $k$ unrolled steps?
// 4. A colleague minimises with the penalty but forgets it in the conditions. What does the library
//    say? What would it have returned?
//
// [Solutions](UnconstrainedOptimizationSolutions.md)
//
// ## References
//
// - A. L. Dontchev, R. T. Rockafellar, *Implicit Functions and Solution Mappings*, 2nd ed., Springer
//   (2014): the theorem, and what remains of it at kinks.
// - M. Blondel, Q. Berthet, M. Cuturi, R. Frostig, S. Hoyer, F. Llinares-López, F. Pedregosa, J.-P.
//   Vert, “Efficient and Modular Implicit Differentiation”, NeurIPS (2022): conditions separated from
//   solvers; the precision of the derivative (Theorem 1).
// - D. Scieur, G. Gidel, Q. Bertrand, F. Pedregosa, “The Curse of Unrolling: Rate of Differentiating
//   Through Optimization”, NeurIPS (2022).
// - Y. Bengio, “Gradient-Based Optimization of Hyperparameters”, Neural Computation 12 (2000).
// - B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, “Least Angle Regression”, Annals of Statistics
//   32 (2004): the diabetes data.
try endPage()  // hide
