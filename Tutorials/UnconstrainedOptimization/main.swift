// # The gradient of a minimiser costs one linear solve
//
// Page: docs/UnconstrainedOptimization.md
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
let compared = min(longest, 3_000)
let descentSteps = try options.integer(
  "descent", default: 40, quick: 5, in: 1...1_000, help: "steps of descent on the penalties")
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
// That was all. Nobody asked how $y$ was found; we used it, once, at the end.

let x = 2.0
let y = x.squareRoot()
show("y", y)
show("y' = 1/(2y)", 1 / (2 * y))

// ## The same for any number of unknowns
//
// Write the conditions as $F(x, y) = 0$, with as many equations as unknowns. They hold at every
// $x$ near ours, with $y = y(x)$, so
//
// $$\underbrace{\frac{\partial F}{\partial y}}_{A}\; y' \;=\; -\,\underbrace{\frac{\partial F}{\partial x}}_{B} .$$
//
// If $A$ is invertible, this *determines* $y'$; that is the implicit function theorem. To move the
// input along a direction $\dot x$, solve $A\,\dot y = -B\,\dot x$. To get the gradient of a loss
// from its gradient $\bar y$ in the solution, solve $A^{\mathsf T} u = \bar y$ and return
// $-B^{\mathsf T} u$. Either way: one linear system, at the solution, and no memory of how one got
// there. When $F$ is the gradient of an objective, $A$ is its Hessian, the same matrix that one
// step of Newton's method would use.
//
// ## Three ways to say “square root”
//
// The library wants two things: any code that finds $y$, and the conditions, as a function of
// tensors. It takes care of $A$ and $B$. Our little minimiser can be described in three ways, as
// a stationary point, as a root, and as the fixed point of the Babylonian iteration
// $y \mapsto \tfrac12 (y + x/y)$. The forward code is the same, and never looked into.

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
  let jacobian = try linearization.jacobian().value.diagonal()
  let exact = 0.5 / sqrt(numbers)
  let matrix = try Tensor(shape: [3, 3], linearization.A.denseMatrix()).diagonal()
  largestError = max(largestError, ((jacobian - exact) / exact).norm(.infinity).scalar)
  rows.append([name] + matrix.scalars.map { $0 } + jacobian.scalars.map { $0 })
}
try table(
  ["conditions", "A at x = 0.25", "A at 2", "A at 9", "y′ at x = 0.25", "y′ at 2", "y′ at 9"],
  rows: rows)
try check("relative error against ½ x^(−½)", largestError, below: 1e-12)

// The matrices $A$ differ: $2y$, again $2y$, and $-1$ (the Babylonian map is flat at its fixed
// point, so $A = \partial T/\partial y - 1 = -1$). So do the $B$. The derivative does not: it belongs to the
// function $y(x)$, and the conditions are only a way to get hold of it.

// ## Ten penalties, 442 patients
//
// Now real data: ten measurements on each of 442 diabetes patients (age, sex, body mass index, blood
// pressure, six blood serum values), and how far the disease progressed within a year. Every third
// patient trains a linear model, the next validates it, the next tests it. Columns are standardised
// by the mean and deviation of the training patients.

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
// The solver is L-BFGS, about as opaque as solvers get: it decides on step lengths and keeps a
// history. To us it is a black box. The conditions are *stationary point of the objective*, and
// nobody writes a derivative:

@Sendable func objective(_ rho: Tensor, _ w: Tensor) -> Tensor {
  training.loss(w) + 0.5 * (exp(rho) * w * w).sum()
}

let solver = LBFGS(stopping: Stopping(gradientTolerance: options.tolerance))
let start = Tensor.zeros([10])
let fit = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in try solver.minimum(of: { w in objective(rho, w) }, from: start).point },
  conditions: .stationary(of: objective))

// The question: all penalties being 0.01, how does the *validation* loss change with each? The
// gradient of that loss in the weights is the cotangent $\bar y$; the pullback turns it into the
// gradient in the log-penalties.

let rho = log(Tensor(repeating: 0.01, shape: [10]))
let (weights, pullback) = try fit.valueWithPullback(at: rho)
let cotangent = gradient(at: weights) { w in validation.loss(w) }
let hypergradient = try pullback(cotangent)
try table(
  ["measurement", "weight", "slope of the validation loss"],
  rows: names.indices.map { j in
    [names[j], digits(4, weights[j]), digits(4, hypergradient.value[j])]
  })
show("validation loss", validation.loss(weights).scalar)

// A negative slope says: raise this penalty. The derivative does not come alone. It carries its
// evidence, which you can print:

quote(hypergradient.report)

// The *Newton correction* answers the first question one should have: is this a solution at all? It
// is the length of the step that Newton's method would still make, relative to the weights. The
// system had ten unknowns, so it was factorised once.
//
// ## Is it right?
//
// This problem is simple enough to check by a formula. The Hessian is $H = X^{\mathsf T}X/m +
// \mathrm{diag}(e^\rho)$, the cross derivative $B = \mathrm{diag}(e^\rho \circ w)$, so the gradient is
// $-e^\rho \circ w \circ H^{-1}\bar y$.

let patientCount = Tensor(Double(training.progression.count))
let hessian =
  matmul(training.features, training.features, transposingLeft: true) / patientCount
  + exp(rho).diagonal()
let exactSolution = try solve(
  hessian, matmul(training.progression, training.features) / patientCount)
let exactCotangent = gradient(at: exactSolution) { w in validation.loss(w) }
let closedForm = -(exp(rho) * exactSolution * (try solve(hessian, exactCotangent)))

func relativeError(_ gradient: Tensor) -> Double {
  ((gradient - closedForm).norm() / closedForm.norm()).scalar
}
try check("relative error against the formula", relativeError(hypergradient.value), below: 1e-7)

// A formula is a luxury. Two other routes are always open: differentiate the steps of a solver
// (*unrolling*), and run the solver again at neighbouring inputs (*differences*). The library
// compares them all in one call. The solver to unroll is plain gradient descent, \(steps) steps of
// length 1 over the largest eigenvalue of the Hessian; the one that differences run is L-BFGS.

var direction = Tensor.ones([10])
for _ in 0..<200 {
  direction = matmul(hessian, direction)
  direction /= direction.norm()
}
let stepSize = 1 / direction.dot(matmul(hessian, direction)).scalar

@Sendable func gradientDescent(_ steps: Int) -> GradientDescent {
  GradientDescent(stepSize: .fixed(stepSize), stopping: .after(steps))
}

let comparison = try GradientComparison(
  of: fit, at: rho, loss: { w in validation.loss(w) },
  unrolled: { rho in
    try gradientDescent(compared).minimum(of: { w in objective(rho, w) }, from: start).point
  },
  reference: closedForm)
note("steps", compared)
try table(
  ["route", "relative error", "solver runs", "bytes stored", "best step"],
  rows: comparison.rows.map { row in
    [
      row.method.rawValue, row.error.map { measured($0) }?.description ?? "",
      row.forwardSolves, row.recordedBytes?.description ?? "",
      row.step.map { digits(2, $0) }?.description ?? "",
    ]
  })
for finding in comparison.findings { quote(finding) }

// The implicit rows are as accurate as the solution that L-BFGS returned, in either direction.
// Unrolling has not arrived yet after all these steps, and has stored them all. Differences run the
// solver again and again, because nobody knows beforehand which step is right (too long and the
// curve bends, too short and the solver's own error is amplified), and they lose digits all the
// same. The quoted sentences are the comparison's own: it measures the noise of the solver from the
// differences themselves, and it does not let a row pass that it cannot explain.
//
// ## Downhill
//
// With a gradient the penalties can be tuned like any other parameters. The layer is called on
// traced tensors here, inside an objective that is itself minimised: it records a single
// instruction, whose derivative is the linear solve.

var validationCurve: [Double] = []
var testCurve: [Double] = []
let tuning = GradientDescent(
  stepSize: .backtracking(initial: 100), stopping: .after(descentSteps))
let tuned = try tuning.minimum(
  of: { rho in validation.loss(try fit(rho)) }, from: rho,
  observing: { iterate in
    let weights = try fit(iterate.point)
    validationCurve.append(iterate.value)
    testCurve.append(test.loss(weights).scalar)
  }
).point

let stepNumbers = validationCurve.indices.map(Double.init)
// hide begin
try plot(
  "descent",
  Plot(
    "Tuning ten penalties by their gradient", x: .linear("step"), y: .linear("loss"),
    [
      .line("validation (descended)", x: stepNumbers, y: validationCurve),
      .line("test (only watched)", x: stepNumbers, y: testCurve, dashed: true),
    ],
    caption: "The validation loss falls because it is minimised; the test loss, of patients that "
      + "neither fit nor tuning has seen, is the honest one."))
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
note("validation before", digits(4, validationCurve[0]))
note("validation after", digits(4, validationCurve[validationCurve.count - 1]))
note("test before", digits(4, testCurve[0]))
note("test after", digits(4, testCurve[testCurve.count - 1]))

// The validation loss fell from \(validation before) to \(validation after), the test loss from
// \(test before) to \(test after). Measurements that only add noise have been switched off by large
// penalties, a few others have been set free.
//
// ## What unrolling costs
//
// How many steps should one unroll? Here is the price of each answer, from 10 steps to 10,000.

func unrolled(_ steps: Int) throws -> (gradients: Int, bytes: Int, error: Double) {
  var gradients = 0
  let recording = try linearization(at: rho) { rho in
    let minimum = try gradientDescent(steps)
      .minimum(of: { w in objective(rho, w) }, from: start)
    gradients = minimum.evaluations
    return minimum.point
  }
  let cotangent = gradient(at: recording.value) { w in validation.loss(w) }
  let pulledBack = try recording.pullback(cotangent)
  return (gradients, recording.recordedBytes, relativeError(pulledBack))
}

var costs: [(steps: Int, gradients: Int, bytes: Int, error: Double)] = []
var progress = Progress("unrolling", total: longest)
for steps in [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000] where steps <= longest {
  let cost = try timed("unrolling \(steps) steps") { try unrolled(steps) }
  costs.append((steps, cost.gradients, cost.bytes, cost.error))
  progress.update(completed: steps)
}
progress.end()

let implicitBytes = try fit.linearize(at: rho).recordedBytes
try table(
  ["differentiated", "gradients of f recorded", "bytes stored", "relative error of the result"],
  rows: costs.map { ["\($0.steps) steps", $0.gradients, $0.bytes, measured($0.error)] }
    + [["the conditions", 1, implicitBytes, measured(relativeError(hypergradient.value))]])
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
    caption: "Unrolling stores every step; the conditions are recorded once, at the end."))
// hide end

// Each gradient of $f$ is a product with $X$ and one with $X^{\mathsf T}$; the sweep back repeats
// them all. Both memory and work grow with the number of steps, and an accurate answer needs
// thousands. The implicit derivative is taken *after* the solver, so it does not know how many steps
// there were. (Times are not for a page; a run in the terminal prints them.)
//
// ## How good is the derivative if the solver stops early?
//
// No solver returns the exact minimiser. Say it returns $\hat y$, and the derivative is taken there
// all the same. For ridge regression with one penalty $\theta$ for all weights everything can be
// written down: with $H = X^{\mathsf T}X/n + \theta I$ the solution is $y^* = H^{-1} X^{\mathsf T}b/n$
// and its derivative in $\theta$ is $J^* = -H^{-1} y^*$. The implicit estimate at $\hat y$ is
// $\hat J = -H^{-1}\hat y$. Subtract: the error is $H^{-1}(\hat y - y^*)$, so with $\mu$ the smallest
// eigenvalue of $H$
//
// $$\lVert \hat J - J^* \rVert \;\le\; \frac{1}{\mu}\,\lVert \hat y - y^* \rVert .$$
//
// The derivative is as good as the solution, up to a constant. Unrolled differentiation has no such
// bound: it differentiates the *iterates*, and their derivatives lag behind.
//
// Twenty rows, five unknowns and a penalty of 0.01 are enough to watch it. Gradient descent with
// step $1/L$, where $L$ is the largest eigenvalue, is stopped after $t$ steps:

let rowCount = 20
let columnCount = 5
let i = Tensor((1...rowCount).map(Double.init))
let j = Tensor((1...columnCount).map(Double.init))
let P = sin(1 + outer(i, j)) * pow(Tensor(0.5), j - 1)
let q = cos(0.5 * i)
let smallRidge: @Sendable (Tensor, Tensor) -> Tensor = { theta, w in
  let r = matmul(P, w) - q
  return 0.5 * (r * r).mean() + 0.5 * theta * w.squaredNorm()
}

let theta = Tensor(0.01)
let n = Tensor(Double(rowCount))
let H = matmul(P, P, transposingLeft: true) / n + theta * Tensor.identity(columnCount)
let exactWeights = try solve(H, matmul(q, P) / n)
let exactJacobian = -(try solve(H, exactWeights))

// (The two extreme eigenvalues, by a few hundred multiplications with $H$ and with $H^{-1}$.)

var top = Tensor.ones([columnCount])
var bottom = Tensor.ones([columnCount])
for _ in 0..<400 {
  top = matmul(H, top)
  top /= top.norm()
  bottom = try solve(H, bottom)
  bottom /= bottom.norm()
}
let L = top.dot(matmul(H, top))
let mu = bottom.dot(matmul(H, bottom))
show("L, μ, 1/μ", L.scalar, mu.scalar, 1 / mu.scalar)

/// Gradient descent, all of its iterates: an ordinary loop, run on plain or on traced tensors.
@Sendable func descend(from start: Tensor, steps: Int, step: Tensor, _ theta: Tensor) -> [Tensor] {
  var w = start
  var iterates = [w]
  for _ in 0..<steps {
    w = w - step * gradient(at: w) { w in smallRidge(theta, w) }
    iterates.append(w)
  }
  return iterates
}

// One forward sweep differentiates every iterate with respect to $\theta$; the implicit estimate
// takes each as if it were the solution (so its check, of which more below, is switched off).

let unchecked = ImplicitFunction<Tensor, Tensor>(
  forward: { _ in exactWeights },
  conditions: .stationary(of: smallRidge), conditionsTolerance: nil)

func errors(from start: Tensor, steps: Int) throws -> (
  iterate: [Double], implicit: [Double], unrolled: [Double]
) {
  let (iterates, tangents) = valueAndPushforward(at: theta, along: Tensor(1)) { theta in
    descend(from: start, steps: steps, step: 1 / L, theta)
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
      digits(3, run.implicit[t] / run.iterate[t]), digits(4, run.unrolled[t] / run.iterate[t]),
    ]
  })

// Look at the last two columns. The implicit error, measured in errors of the iterate, climbs to
// $1/\mu$ and stays there. The unrolled one grows without end: for each digit that the iterate gains,
// its derivative falls a little further behind. (It decays like $t\,\varrho^t$ where the iterates'
// error decays like $\varrho^t$, with $\varrho = 1 - \mu/L$.)

let every = Array(stride(from: 0, through: 800, by: 10))
try check(
  every.allSatisfy { run.implicit[$0] <= run.iterate[$0] / mu.scalar * (1 + 1e-6) },
  "the implicit error is below ‖ŷ − y*‖/μ at every tenth step up to 800")
// hide begin
try plot(
  "precision",
  Plot(
    "Error of the derivative at the t-th iterate", x: .linear("t"), y: .logarithmic("error"),
    [
      .line("unrolled", x: every.map(Double.init), y: every.map { run.unrolled[$0] }),
      .line("implicit", x: every.map(Double.init), y: every.map { run.implicit[$0] }),
      .line(
        "bound ‖ŷ − y*‖/μ", x: every.map(Double.init), y: every.map { run.iterate[$0] / mu.scalar },
        dashed: true),
      .line("iterate ‖ŷ − y*‖", x: every.map(Double.init), y: every.map { run.iterate[$0] }),
    ],
    caption: "Implicit error and bound can hardly be told apart; the unrolled error is the upper "
      + "curve, and the gap widens."))
// hide end

// It can be worse than late. Started from ten times the eigenvector of $\mu$, the derivative of the
// iterates first moves *away* from the truth, while the iterates converge from the first step on:
// the curse of unrolling.

let cursed = try errors(from: 10 * bottom, steps: 400)
let first = Array(stride(from: 0, through: 400, by: 2))
let peak = cursed.unrolled.indices.max { cursed.unrolled[$0] < cursed.unrolled[$1] } ?? 0
show("unrolled error at the start", cursed.unrolled[0])
show("largest unrolled error, and at which t", cursed.unrolled[peak], peak)
// hide begin
try plot(
  "curse",
  Plot(
    "The curse of unrolling", x: .linear("t"), y: .logarithmic("error relative to its start"),
    [
      .line(
        "unrolled derivative", x: first.map(Double.init),
        y: first.map { cursed.unrolled[$0] / cursed.unrolled[0] }),
      .line(
        "implicit derivative", x: first.map(Double.init),
        y: first.map { cursed.implicit[$0] / cursed.implicit[0] }),
      .line(
        "iterate", x: first.map(Double.init),
        y: first.map { cursed.iterate[$0] / cursed.iterate[0] }, dashed: true),
    ],
    caption: "Implicit derivative and iterate fall together (their curves coincide)."))
// hide end

// ## What goes wrong, and what you are told
//
// **The solver stopped early.** Ten gradient steps are not a solution of ten unknowns. By default
// that is an error, not a derivative:

let stoppedEarly = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in
    try gradientDescent(10).minimum(of: { w in objective(rho, w) }, from: start).point
  },
  conditions: .stationary(of: objective))
try quoteError { _ = try stoppedEarly.linearize(at: rho) }

// **The Hessian is singular.** Measure the body mass index twice and leave out the penalty: only the
// sum of the two weights is determined. A solver finds *some* minimiser. Its derivative does not
// exist, and the linear solve says so:

let twice = Tensor.concatenate(
  [training.features, training.features.slice(2..<3, alongAxis: 1)], alongAxis: 1)
let undetermined = ImplicitFunction<Tensor, Tensor>(
  forward: { target in
    try solver.minimum(
      of: { w in 0.5 * (pow(matmul(twice, w) - target, 2)).mean() }, from: Tensor.zeros([11])
    ).point
  },
  conditions: .stationary { target, w in 0.5 * (pow(matmul(twice, w) - target, 2)).mean() })
try quoteError { _ = try undetermined.linearize(at: training.progression) }

// **Nobody standardised the data.** In raw units the columns differ a hundredfold, the condition
// number of the Hessian is about a million, and gradient descent needs millions of steps. It is the
// forward solver that fails here, in its own words, and no derivative is attempted:

let rawTraining = Patients(thirds[0])
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

// and had the solver not noticed, the conditions would have:

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
//   solvers; the bound on the precision of the derivative (Theorem 1).
// - D. Scieur, G. Gidel, Q. Bertrand, F. Pedregosa, “The Curse of Unrolling: Rate of Differentiating
//   Through Optimization”, NeurIPS (2022).
// - Y. Bengio, “Gradient-Based Optimization of Hyperparameters”, Neural Computation 12 (2000).
// - B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, “Least Angle Regression”, Annals of Statistics
//   32 (2004): the diabetes data.
try endPage()  // hide
