// # A solution forgets where the search began, unless its conditions remember
//
// Page: docs/MetaLearning.md
// Teaches: What the derivative in a starting point is, and how a start can be learned all the same.
// Minutes: 20
//
// You have many small learning tasks, with a few examples each, and would like to *learn where to
// start*: a starting point from which a new task is learned well. That asks for the derivative of
// “run the solver until it converges” in the point where it began. You wrap your solver in an
// implicit function, ask, and the answer is zero. All of it, to the last bit. Is that a bug?
//
// It is not. A solver that converges to a nondegenerate minimum forgets its start, as long as the start
// stays in the basin of that minimum, and zero is the truth. What many programs differentiate instead is
// a solver that has *not* converged. And what can be differentiated honestly is a solution whose
// conditions mention the start.

// hide begin
import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-10)
let tasksPerDigit = try options.integer(
  "tasks", default: 5, quick: 1, in: 1...5, help: "training tasks for each digit")
let metaSteps = try options.integer(
  "steps", default: 60, quick: 3, in: 1...1_000, help: "steps of meta-training")
let longest = try options.integer(
  "iterations", default: 600, quick: 100, in: 50...10_000,
  help: "gradient steps that are unrolled at most")
let tolerance = options.tolerance
try beginPage(options)
// hide end

// ## By hand, on one number
//
// Minimise $f(y) = \tfrac12 h\,(y - c)^2$ by gradient descent from $y_0$, with steps $\eta$. Each step
// shrinks the distance to $c$ by the factor $1 - \eta h$, so
//
// $$y_k - c = (1 - \eta h)^k\,(y_0 - c), \qquad \frac{\partial y_k}{\partial y_0} = (1 - \eta h)^k .$$
//
// The derivative of $k$ steps goes to zero, at the rate at which the solver converges. The solution
// itself, $y = c$, does not contain $y_0$ at all.
//
// Now change the *problem*, and let it pull the solution to an anchor $x$:
//
// $$y(x) = \arg\min_y\; f(y) + \frac{\lambda}{2}(y - x)^2 .$$
//
// Its condition $h(y - c) + \lambda(y - x) = 0$ has the solution $y = (hc + \lambda x)/(h + \lambda)$,
// and
//
// $$\frac{dy}{dx} = \frac{\lambda}{h + \lambda} = \Bigl(1 + \frac h\lambda\Bigr)^{-1} .$$
//
// This does not depend on any solver: it is between 0 (data decide) and 1 (the anchor decides).

let (h, c, eta, lambda) = (2.0, 3.0, 0.1, 1.0)
let pulled = ImplicitFunction<Tensor, Tensor>(
  forward: { x in (Tensor(h * c) + Tensor(lambda) * x) / Tensor(h + lambda) },
  conditions: .stationary { x, y in
    Tensor(h / 2) * (y - Tensor(c)).squaredNorm() + Tensor(lambda / 2) * (y - x).squaredNorm()
  })
let shrinking = [1, 10, 100].map { k in pow(Tensor(1 - eta * h), k).scalar }
show("(1 − ηh)ᵏ for k = 1, 10, 100", shrinking[0], shrinking[1], shrinking[2])
show("1/(1 + h/λ)", 1 / (1 + h / lambda))
show("dy/dx by the library", try pulled.pushforward(at: 0, 1).value.scalar)

// ## Tasks: complete a digit
//
// The data are scanned handwritten digits, 8×8 pixels, with values scaled to 0…1. A task is: *you are
// shown three images of some digit; now complete the lower halves of others, of which you see the upper
// half.*
// The model is linear. A row $u$ of 33 numbers (the 32 upper pixels and a one) gives the 32 lower
// pixels $uW$, so $W$ has \(unknowns) entries, far more than three images can determine.

let raw = try Table(csv: try dataFile("digits.csv"))
let pixels = try raw.columns((0..<64).map { "p\($0)" }) / 16
let labels = try raw.columns(["digit"]).scalars.map { Int($0) }

/// Some images: upper halves with a one, and lower halves.
struct Images: Sendable {
  let upper: Tensor
  let lower: Tensor

  init(rows: ArraySlice<Int>) {
    let chosen = pixels.gathered(Array(rows))
    upper = Tensor.concatenate(
      [chosen.slice(0..<32, alongAxis: 1), Tensor.ones([rows.count, 1])], alongAxis: 1)
    lower = chosen.slice(32..<64, alongAxis: 1)
  }

  var count: Double { Double(upper.shape[0]) }

  /// Half the squared error of an image, summed over its lower pixels; the mean over the images.
  func loss(_ W: Tensor) -> Tensor {
    (matmul(upper, W) - lower).squaredNorm().scaled(by: 0.5 / count)
  }

  /// The curvature of the loss: `loss` of each lower pixel has this Hessian.
  var hessian: Tensor { matmul(upper, upper, transposingLeft: true).scaled(by: 1 / count) }
}

/// Three images to learn from, twelve to be judged by.
struct DigitTask: Sendable {
  let digit: Int
  let support: Images
  let query: Images
}

func tasks(_ numbers: Range<Int>) -> [DigitTask] {
  numbers.flatMap { number in
    (0..<10).map { digit in
      let rows = labels.indices.filter { labels[$0] == digit }
      let first = 15 * number
      return DigitTask(
        digit: digit, support: Images(rows: rows[first..<(first + 3)]),
        query: Images(rows: rows[(first + 3)..<(first + 15)]))
    }
  }
}
let training = tasks(0..<tasksPerDigit)
let test = tasks(5..<(5 + tasksPerDigit))
let unknowns = 33 * 32
note("unknowns", unknowns)
show("tasks: training, test", training.count, test.count)

// ## A start that is forgotten
//
// Fit one task by gradient descent, with a little weight decay, $\tfrac12\delta\lVert W\rVert^2$. The
// Hessian is then at least $\delta$ in every direction: the minimum is nondegenerate, and there is one.
// As a type, the problem states its objective and its solver. The *input* is the start. The solver
// uses it and the objective does not.

struct Fit: MinimizationProblem {
  let images: Images
  let decay: Double
  let descent: GradientDescent

  func objective(_ start: Tensor, _ W: Tensor) -> Tensor {
    images.loss(W) + W.squaredNorm().scaled(by: decay / 2)
  }

  func solve(_ start: Tensor) throws -> Tensor {
    try descent.minimum(of: { W in objective(start, W) }, from: start).point
  }
}

let decay = 0.3
let images = training[3].support
let largest = try largestEigenvalue(images.hessian) + decay
let step = 1 / largest
let fit = Fit(
  images: images, decay: decay,
  descent: GradientDescent(
    stepSize: .fixed(step), stopping: Stopping(gradientTolerance: tolerance)))
let start = Tensor.zeros([33, 32])
show("largest curvature L, smallest curvature δ", digits(4, largest), decay)
// hide begin
func largestEigenvalue(_ matrix: Tensor) throws -> Double {
  var v = Tensor.ones([matrix.shape[0]])
  for _ in 0..<400 {
    v = matmul(matrix, v)
    v /= v.norm()
  }
  return v.dot(matmul(matrix, v)).scalar
}
// hide end

// Push the start along two directions. The first changes what the three images give as answer; the
// second is invisible to all three (it is orthogonal to their rows), so that only the decay acts on it.

let seen = matmul(images.upper, Tensor.ones([3, 32]), transposingLeft: true)
let unseen = try invisible(
  sin(outer(Tensor((1...33).map(Double.init)), Tensor((1...32).map(Double.init)))))
// hide begin
/// The part of a matrix of weights that the images do not see.
func invisible(_ W: Tensor) throws -> Tensor {
  let gram = matmul(images.upper, images.upper, transposingRight: true)
  return W - matmul(images.upper, try solve(gram, matmul(images.upper, W)), transposingLeft: true)
}
// hide end

/// The sizes of the derivatives of all iterates of gradient descent in their start.
func decline(_ fit: Fit, along direction: Tensor, steps: Int) -> [Double] {
  let (_, tangents) = valueAndPushforward(at: start, along: direction) { start in
    var W = start
    var iterates = [W]
    for _ in 0..<steps {
      W -= gradient(at: W) { W in fit.objective(start, W) }.scaled(by: step)
      iterates.append(W)
    }
    return iterates
  }
  return tangents.map { ($0.norm() / direction.norm()).scalar }
}

let fading = decline(fit, along: unseen, steps: longest)
let fadingSeen = decline(fit, along: seen, steps: longest)
let atSolution = try fit.linearize(at: start)
let implicitSizes = try [seen, unseen].map { try atSolution.pushforward($0).value.norm().scalar }
show(
  "implicit derivative: size along the first direction, along the second", implicitSizes[0],
  implicitSizes[1])
let marks = [0, 10, 30, 100, 300, 600].filter { $0 <= longest }
try table(
  ["k", "‖∂Wₖ/∂W₀‖, unrolled", "(1 − ηδ)ᵏ", "along the first direction"],
  rows: marks.map { k in
    [
      k, digits(4, fading[k]), digits(4, pow(Tensor(1 - step * decay), k).scalar),
      measured(fadingSeen[k]),
    ]
  })
let rateError = marks.map { k in
  (fading[k] / pow(Tensor(1 - step * decay), k).scalar - 1).magnitude
}.reduce(0, max)
try check("relative difference of the second and the third column", rateError, below: 1e-10)
try check(implicitSizes == [0, 0], "the implicit derivative is exactly zero along both directions")

// hide begin
let every = Array(stride(from: 0, through: longest, by: 5))
try plot(
  "forgetting",
  Plot(
    "Derivative of k steps of gradient descent in their start", x: .linear("k"),
    y: .logarithmic("size", floor: 1e-13),
    [
      .line(
        "a direction no image sees, decay", x: every.map(Double.init), y: every.map { fading[$0] }),
      .line(
        "a direction the images see", x: every.map(Double.init), y: every.map { fadingSeen[$0] }),
    ],
    caption:
      "The slowest direction fades at the solver's rate, others faster. The implicit derivative is "
      + "the limit, exactly zero, and has no place on a logarithmic axis."))
// hide end

// In the theorem $F(x, y) = 0$ are the conditions, here that the gradient of the objective in $y$
// vanishes. If $A = \partial F/\partial y$ is invertible, $dy/dx = -A^{-1}B$ with $B = \partial
// F/\partial x$. Here $x$ is the start and is not in $F$, so $B = 0$, and $-A^{-1}B$ is zero without
// rounding. (The zero says nothing about $A$, which is invertible here because of the decay.) The zeros
// above the table and its second column are both right, for different functions: the column belongs to
// *“k steps”*, the zeros to *“the minimum”*. They agree when $k$ is large, and then there is nothing left to
// learn from either.
//
// This is what limits *semi-amortized inference*, where a network (the encoder) proposes the start, a
// few solver steps refine it, and the encoder is trained through them. By the chain rule, its
// gradient is the gradient in the start times the encoder's own derivative. Where all curvatures are between
// $\delta > 0$ and $L$, and $\eta \le 1/L$, at most the fraction $(1 - \eta\delta)^k$ of the gradient at
// $W_k$ is left of it after $k$ steps, whatever the encoder is. (Elsewhere it need not shrink: flat
// directions keep all of it, as the next section shows, and near the border between two basins it first
// grows, [below](#two-minima-a-jump-not-a-slope) from \(slope after 20) at $k = 20$ to \(slope after 60)
// at $k = 60$.) There are three ways out: few steps (then train what is used, $k$ steps, by
// unrolling); a loss on the proposal itself, such as its distance from the refined answer, held
// constant; or conditions that contain the proposal.
//
// ## Where nothing else decides, the start does
//
// Take the decay away. Three images determine three combinations of the 33 weights of a pixel; the
// Hessian is zero along the other 30, and minimisers fill a whole flat space. Gradient descent never
// moves along a flat direction, because the gradient has no part there:

let flat = Fit(images: images, decay: 0, descent: fit.descent)
let kept = decline(flat, along: unseen, steps: longest)
let keptSeen = decline(flat, along: seen, steps: longest)
try table(
  ["k", "‖∂Wₖ/∂W₀‖, a direction no image sees", "a direction the images see"],
  rows: marks.map { [$0, digits(4, kept[$0]), measured(keptSeen[$0])] })
try check(
  "largest distance of the second column from 1", kept.map { ($0 - 1).magnitude }.max() ?? 0,
  below: 1e-12)

// Now the start matters for ever, and zero would be wrong. But what it does is a property of
// *gradient descent*; the conditions say nothing about it, and another solver could end elsewhere in
// the flat space. The theorem asks for an invertible $A$. Take the gradient of the loss on the query
// images, which see directions that the three support images did not, and ask for its pullback:

let queryGradient = try gradient(at: flat(start)) { W in training[3].query.loss(W) }
try quoteError { _ = try flat.linearize(at: start).pullback(queryGradient) }

// A matrix of this size is known by its products alone, and that it is singular shows when something is
// asked that it cannot give. A pushforward of the start would not notice: its right-hand side
// $-B\dot x$ is zero, and zero is met by zero, whatever the matrix. Name a direct method for the linear
// systems, and the matrix is factorised before anything is asked:

var factorised = flat.implicitFunction
factorised.linearSolver = CholeskySolver()
try quoteError { _ = try factorised.linearize(at: start) }

// This is why learning a start by unrolling works at all. MAML (Finn and others) unrolls a few
// gradient steps on a task with few examples: steep directions converge; in flat ones, and largely in
// those that the examples see only weakly, the start remains. The curvatures that our three images see are
// between \(flattest) and \(steepest): five steps of length 0.1 leave \(left in the steepest) of the start
// along the steepest direction, and \(left in the flattest) along the flattest. So incomplete
// convergence is a second reason. It is also why the method is fragile: what is learned is tied to that
// solver, its step and its number of steps.

// hide begin
let supportGram =
  matmul(images.upper, images.upper, transposingRight: true).scaled(by: 1 / images.count)
let steepest = try largestEigenvalue(supportGram)
let flattest = 1 / (try largestEigenvalue(solve(supportGram, Tensor.identity(3))))
note("flattest", digits(3, flattest))
note("steepest", digits(3, steepest))
note("left in the flattest", digits(2, pow(Tensor(1 - 0.1 * flattest), 5).scalar))
note("left in the steepest", digits(1, pow(Tensor(1 - 0.1 * steepest), 5).scalar))
// hide end

// ## Conditions that remember
//
// iMAML (Rajeswaran and others) writes the start into the problem instead, as the anchor of the
// first section:
//
// $$W(x, \lambda) = \arg\min_W\; \ell_{\mathrm{support}}(W) + \frac{\lambda}{2}\lVert W - x\rVert^2 .$$
//
// The Hessian is at least $\lambda$, so there is one solution, whatever solver finds it. Its
// derivative in the anchor is $(I + H/\lambda)^{-1}$, and a loss with gradient $\bar g$ at the solution
// has the *meta-gradient* $(I + H/\lambda)^{-1}\bar g$: one linear system, no steps.
//
// Two things are learned here for all tasks, so they are the input: the anchor and (as a logarithm, so
// that every number is allowed) the strength.

struct Prior: TensorStructure {
  var start: Tensor
  var logStrength: Tensor
  static var fields: [TensorField<Prior>] {
    [.init("start", \.start), .init("logStrength", \.logStrength)]
  }
}

struct Adaptation: MinimizationProblem {
  let task: DigitTask
  let solver = LBFGS(stopping: Stopping(gradientTolerance: tolerance))

  func objective(_ prior: Prior, _ W: Tensor) -> Tensor {
    task.support.loss(W) + 0.5 * exp(prior.logStrength) * (W - prior.start).squaredNorm()
  }

  func solve(_ prior: Prior) throws -> Tensor {
    try solver.minimum(of: { W in objective(prior, W) }, from: prior.start).point
  }
}

// The problem is called like a function, `Adaptation(task: task)(prior)`. Weakening the pull shows what
// it means. The derivative keeps what no image sees and gives up what they see:

let adaptation = Adaptation(task: training[3])
var softer: [(strength: Double, seen: Double, unseen: Double)] = []
for strength in [100, 1, 0.01, 0.0001] {
  let prior = Prior(start: start, logStrength: log(Tensor(strength)))
  let linearization = try adaptation.linearize(at: prior)
  func size(along direction: Tensor) throws -> Double {
    let tangent = Prior(start: direction, logStrength: 0)
    return (try linearization.pushforward(tangent).value.norm() / direction.norm()).scalar
  }
  softer.append((strength, try size(along: seen), try size(along: unseen)))
}
try table(
  ["λ", "along a direction the images see", "along one they do not"],
  rows: softer.map { [formatted($0.strength), digits(4, $0.seen), digits(4, $0.unseen)] })
try check(
  "largest distance of the last column from 1", softer.map { ($0.unseen - 1).magnitude }.max() ?? 0,
  below: 1e-9)

// For $\lambda \to 0$ the derivative tends to the projection on what is unseen, the very limit of
// unrolled gradient descent. Only the limit is the same. Before it, along a direction of curvature $h$, the
// pull keeps $1/(1 + s)$ of the start with $s = h/\lambda$, and many short steps keep about $e^{-s}$ with $s
// = \eta k h$: a similar but different filter, by up to \(filters), in which $1/\lambda$ plays the part
// of the number of steps times their length.

// hide begin
let grid = Tensor((0...1_000).map { 0.01 * Double($0) })
note("filters", digits(2, (reciprocal(1 + grid) - exp(-grid)).max().scalar))
// hide end

// ## Is it right?
//
// Everything is quadratic, so there is a formula. With $W = (H + \lambda I)^{-1}(U^{\mathsf T}V/n +
// \lambda x)$ the meta-gradient in $x$ is $m = \lambda (H + \lambda I)^{-1}\bar g$, and in
// $\log\lambda$ it is $-\langle m, W - x\rangle$.

let prior = Prior(start: start, logStrength: log(Tensor(3)))

/// The formula.
func closedForm(_ task: DigitTask, _ prior: Prior) throws -> Prior {
  let support = task.support
  let strength = exp(prior.logStrength)
  let matrix = support.hessian + strength * Tensor.identity(33)
  let data = matmul(support.upper, support.lower, transposingLeft: true) / Tensor(support.count)
  let W = try solve(matrix, data + strength * prior.start)
  let m = strength * (try solve(matrix, gradient(at: W) { W in task.query.loss(W) }))
  return Prior(start: m, logStrength: -(m * (W - prior.start)).sum())
}

let task = training[3]
let proximalStep = 1 / (try largestEigenvalue(task.support.hessian) + 3)
let comparison = try GradientComparison(
  of: adaptation.implicitFunction, at: prior, loss: { W in task.query.loss(W) },
  along: .random(seed: options.seed),
  unrolled: { prior in
    try GradientDescent(stepSize: .fixed(proximalStep), stopping: .after(60)).minimum(
      of: { W in adaptation.objective(prior, W) }, from: prior.start
    ).point
  },
  reference: try closedForm(task, prior))
try table(
  ["route, along one random direction", "relative error", "solver runs", "bytes recorded"],
  rows: comparison.rows.map { row in
    [
      row.method.rawValue, row.error.map { measured($0) }?.description ?? "", row.forwardSolves,
      row.recordedBytes?.description ?? "",
    ]
  })
for finding in comparison.findings { quote(finding) }
let whole = try adaptation.valueWithPullback(at: prior)
let pulledBack = try whole.pullback(gradient(at: whole.value) { W in task.query.loss(W) })
let formula = try closedForm(task, prior)
try check(
  "relative error of the implicit meta-gradient, all \(unknowns + 1) entries",
  ((Tensor.concatenate([
    pulledBack.value.start.flattened(), pulledBack.value.logStrength.reshaped([1]),
  ])
    - Tensor.concatenate([formula.start.flattened(), formula.logStrength.reshaped([1])])).norm()
    / formula.start.norm()).scalar, below: 1e-8)
quote(pulledBack.report)

// Three images give the Hessian three curvatures above zero, and conjugate gradients need about as many
// products. Here is the other route: unroll $k$ gradient steps on the *same* proximal problem,
// beginning at the anchor. It arrives at the same derivative, at the solver's rate:

func unrolledError(_ k: Int) throws -> (error: Double, bytes: Int) {
  let recording = try linearization(at: prior.start) { x in
    try GradientDescent(stepSize: .fixed(proximalStep), stopping: .after(k)).minimum(
      of: { W in adaptation.objective(Prior(start: x, logStrength: prior.logStrength), W) }, from: x
    ).point
  }
  let m = try recording.pullback(gradient(at: recording.value) { W in task.query.loss(W) })
  return (((m - formula.start).norm() / formula.start.norm()).scalar, recording.recordedBytes)
}
let unrolledCounts = [1, 5, 10, 20, 40]
let unrolledErrors = try unrolledCounts.map { try unrolledError($0) }
let implicitBytes = try adaptation.linearize(at: prior).recordedBytes
try table(
  ["k", "relative error, unrolled", "bytes, unrolled", "bytes, implicit"],
  rows: zip(unrolledCounts, unrolledErrors).map {
    [$0, measured($1.error), $1.bytes, implicitBytes]
  })

// ## What the short cuts leave out
//
// Three well-known rules avoid the linear system.
//
// - *FOMAML* takes $\bar g$ itself, here at the proximal solution, as if adaptation moved with the anchor
//   one for one: $H = 0$.
// - *Reptile* steps towards the adapted weights, along $W - x$. It never looks at the query images. What is
//   subtracted below is $\lambda(x - W)$, so its length contains the factor $\lambda = 3$.
// - *MAML* differentiates something else: five plain gradient steps of length 0.1 on the support loss,
//   without a pull. For *that* adaptation its gradient is exact.
//
// The mean of their directions over all training tasks, compared with that of the exact meta-gradient
// at $x = 0$, $\lambda = 3$:

enum Rule: String, CaseIterable {
  case implicit = "iMAML"
  case unrolled = "MAML, 5 steps"
  case firstOrder = "FOMAML"
  case reptile = "Reptile"
  case strength = "iMAML, λ learned"

  /// What adaptation makes of the prior.
  func adapted(_ task: DigitTask, _ prior: Prior) throws -> Tensor {
    if self != .unrolled { return try Adaptation(task: task)(prior) }
    var W = prior.start
    for _ in 0..<5 { W -= gradient(at: W) { W in task.support.loss(W) }.scaled(by: 0.1) }
    return W
  }

  /// The direction in which a task would move the prior, with its sign turned.
  func direction(_ task: DigitTask, _ prior: Prior) throws -> Prior {
    switch self {
    case .implicit, .unrolled, .strength:
      return try gradient(at: prior) { prior in task.query.loss(try adapted(task, prior)) }
    case .firstOrder:
      let W = try adapted(task, prior)
      return Prior(start: gradient(at: W) { W in task.query.loss(W) }, logStrength: 0)
    case .reptile:
      return Prior(
        start: exp(prior.logStrength) * (prior.start - (try adapted(task, prior))), logStrength: 0)
    }
  }

  /// The mean over tasks.
  func direction(_ tasks: [DigitTask], _ prior: Prior) throws -> Prior {
    var total = Prior(start: Tensor.zeros([33, 32]), logStrength: 0)
    for task in tasks {
      let one = try direction(task, prior)
      total.start += one.start
      total.logStrength += one.logStrength
    }
    let count = Tensor(Double(tasks.count))
    return Prior(start: total.start / count, logStrength: total.logStrength / count)
  }

  func loss(_ tasks: [DigitTask], _ prior: Prior) throws -> Double {
    try tasks.reduce(0) { try $0 + $1.query.loss(adapted($1, prior)).scalar } / Double(tasks.count)
  }
}

let exactDirection = try Rule.implicit.direction(training, prior).start
let plainRules: [Rule] = [.implicit, .unrolled, .firstOrder, .reptile]
try table(
  ["rule", "cosine with the meta-gradient", "length ÷ its length"],
  rows: plainRules.map { rule in
    let direction = try rule.direction(training, prior).start
    let cosine = (direction * exactDirection).sum() / (direction.norm() * exactDirection.norm())
    return [
      rule.rawValue, digits(3, cosine.scalar),
      digits(3, (direction.norm() / exactDirection.norm()).scalar),
    ]
  })

// ## Learning the start
//
// Gradient descent with momentum 0.9 and steps of 0.05 on the start, which begins at zero; the same for
// all rules. $\lambda$ stays 3, except in the last run, where it is learned too: only a
// rule with a derivative in $\lambda$ can do that.

func metaTrain(_ rule: Rule) throws -> (prior: Prior, curve: [(step: Int, loss: Double)]) {
  var prior = prior
  var speed = Tensor.zeros([33, 32])
  var curve: [(step: Int, loss: Double)] = []
  for step in 0...metaSteps {
    if step % 5 == 0 || step == metaSteps { curve.append((step, try rule.loss(test, prior))) }
    if step == metaSteps { break }
    let direction = try rule.direction(training, prior)
    speed = 0.9 * speed + direction.start
    prior.start -= 0.05 * speed
    if rule == .strength { prior.logStrength -= 0.5 * direction.logStrength }
  }
  return (prior, curve)
}

var runs: [(rule: Rule, prior: Prior, curve: [(step: Int, loss: Double)])] = []
for rule in Rule.allCases {
  let run = try timed(rule.rawValue) { try metaTrain(rule) }
  runs.append((rule, run.prior, run.curve))
}
// hide begin
try plot(
  "training",
  Plot(
    "Loss of unseen tasks, after adaptation", x: .linear("step of meta-training"),
    y: .linear("loss"),
    runs.map { run in
      .line(
        run.rule.rawValue, x: run.curve.map { Double($0.step) }, y: run.curve.map(\.loss),
        dashed: run.rule == .strength)
    },
    caption:
      "Mean over the test tasks: three images to adapt to, twelve to be judged by, none of them "
      + "used in meta-training."))
// hide end

// For comparison there is a start of zero, and something simpler than meta-learning: one model fitted to
// the images of all training tasks together, used as it is or as the start. Both starts get the best of
// seven strengths for the *training* tasks; the test tasks choose nothing.

let strengths = [0.01, 0.03, 0.1, 0.3, 1, 3, 10]
func best(from start: Tensor) throws -> (prior: Prior, strength: Double, loss: Double) {
  let tried = try strengths.map { strength in
    let prior = Prior(start: start, logStrength: log(Tensor(strength)))
    return (prior: prior, strength: strength, loss: try Rule.implicit.loss(training, prior))
  }
  return tried.dropFirst().reduce(tried[0]) { $1.loss < $0.loss ? $1 : $0 }
}
func plainLoss(_ tasks: [DigitTask], _ W: Tensor) -> Double {
  tasks.reduce(0) { $0 + $1.query.loss(W).scalar } / Double(tasks.count)
}
let zero = try best(from: start)
let everything = training.flatMap { [$0.support, $0.query] }
let together = everything.map { $0.hessian.scaled(by: $0.count) }.reduce(Tensor.zeros([33, 33]), +)
let targets = everything.map { matmul($0.upper, $0.lower, transposingLeft: true) }
  .reduce(Tensor.zeros([33, 32]), +)
let imageCount = everything.map(\.count).reduce(0, +)
let pooledModel = try solve(
  together + Tensor.identity(33).scaled(by: 0.1 * imageCount), targets)
let pooled = try best(from: pooledModel)
let zeroLoss = try Rule.implicit.loss(test, zero.prior)
let pooledLoss = try Rule.implicit.loss(test, pooled.prior)
var results: [[any CustomStringConvertible]] = [
  ["zero, λ = \(formatted(zero.strength))", digits(4, zero.loss), digits(4, zeroLoss)],
  [
    "one model for all, not adapted", digits(4, plainLoss(training, pooledModel)),
    digits(4, plainLoss(test, pooledModel)),
  ],
  [
    "one model for all, λ = \(formatted(pooled.strength))", digits(4, pooled.loss),
    digits(4, pooledLoss),
  ],
]
for run in runs {
  results.append([
    run.rule.rawValue, digits(4, try run.rule.loss(training, run.prior)),
    digits(4, run.curve.last?.loss ?? .nan),
  ])
}
try table(["start", "loss on training tasks", "loss on test tasks"], rows: results)
let learned = runs[runs.count - 1].prior
let learnedLoss = try Rule.strength.loss(test, learned)
try check(
  learnedLoss < (runs[0].curve.first?.loss ?? 0),
  "unseen tasks are learned better from the learned start than from zero with λ = 3")
// hide begin
let differences = try test.map { task in
  try Rule.strength.loss([task], learned) - Rule.implicit.loss([task], pooled.prior)
}
let difference = learnedLoss - pooledLoss
let squares = differences.reduce(0) { $0 + ($1 - difference) * ($1 - difference) }
let standardError = (squares / Double(test.count * (test.count - 1))).squareRoot()
try check(
  difference > -standardError,
  "over the pooled model, adapted, the learned start gains less than one standard error")
note("zero", digits(4, zeroLoss))
note("pooled", digits(4, pooledLoss))
note("learned", digits(4, learnedLoss))
note("tested", test.count)
note("difference", digits(2, difference))
note("standard error", digits(2, standardError))
note("learned strength", digits(3, exp(learned.logStrength).scalar))
// hide end

// A start and a strength that were learned (the strength from 3 to \(learned strength)) bring the loss
// of unseen tasks to \(learned); a start of zero with its best strength brings it to \(zero). But the pooled model, adapted,
// has \(pooled): over it nothing is gained. (It is better by \(difference), the mean over \(tested) tasks,
// with a standard error of \(standard error).) What there is to gain here comes from *having* a common
// start and from adapting; for a linear model a pooled fit is a good one. The losses on the training tasks
// come from one run for each rule, all with the same step, and rank nothing on unseen tasks: there
// FOMAML and the pooled fit do as well. What the exact gradient does is what it promises, lower the loss on
// the tasks it is trained on, and give a derivative to everything else in the conditions.

// hide begin
let shown = [2, 3, 5, 6, 8]
var pictures: [ImageGrid.Image] = []
func picture(_ title: String, _ images: Images, _ lower: Tensor) -> ImageGrid.Image {
  let upper = images.upper.at(0).slice(0..<32)
  return ImageGrid.Image(title, columns: 8, values: upper.scalars + lower.at(0).scalars)
}
for digit in shown { pictures.append(picture("image", test[digit].query, test[digit].query.lower)) }
for (title, prior) in [
  ("from zero", zero.prior), ("learned start", learned),
] {
  for digit in shown {
    let W = try Adaptation(task: test[digit])(prior)
    pictures.append(picture(title, test[digit].query, matmul(test[digit].query.upper, W)))
  }
}
try figure(
  "completed",
  try ImageGrid(
    "Lower halves, completed after three examples", pictures, range: 0...1,
    caption:
      "Upper halves are given. First row: the images. Second: a start of zero, with a strength "
      + "of \(formatted(zero.strength)). Third: the learned start and strength. Values outside 0…1 are drawn as 0 or 1."
  ).figure())
// hide end

// ## Two minima: a jump, not a slope
//
// One case is left. Let $f(y) = \tfrac14(y^2 - 1)^2$, with minima at $-1$ and $1$. Both are
// nondegenerate, so near either of them nothing depends on the start. Yet the start decides which:

struct TwoWells: MinimizationProblem {
  func objective(_ start: Tensor, _ y: Tensor) -> Tensor { pow(y * y - 1, 2).scaled(by: 0.25) }
  func solve(_ start: Tensor) throws -> Tensor {
    try GradientDescent(stepSize: .fixed(0.1)).minimum(of: { objective(start, $0) }, from: start)
      .point
  }
}

let wells = TwoWells()
func unrolledSlope(_ y0: Double, _ k: Int) throws -> Double {
  try valueAndPushforward(at: Tensor(y0), along: 1) { y0 in
    try GradientDescent(stepSize: .fixed(0.1), stopping: .after(k))
      .minimum(of: { wells.objective(y0, $0) }, from: y0).point
  }.tangent.scalar
}
try table(
  ["start", "solution", "implicit", "unrolled, k = 20", "k = 60", "k = 200"],
  rows: [-0.5, -0.01, -0.0001, 0.0001, 0.01, 0.5].map { y0 in
    let y = try wells(Tensor(y0)).scalar
    let implicit = try wells.linearize(at: Tensor(y0)).pushforward(1).value.scalar
    return [
      formatted(y0), digits(3, y), formatted(implicit), digits(3, try unrolledSlope(y0, 20)),
      digits(3, try unrolledSlope(y0, 60)), measured(try unrolledSlope(y0, 200)),
    ]
  })
// hide begin
note("slope after 20", digits(3, try unrolledSlope(0.0001, 20)))
note("slope after 60", digits(3, try unrolledSlope(0.0001, 60)))
// hide end
let gap = 1e-4
let jump = (try wells(Tensor(gap)).scalar - wells(Tensor(-gap)).scalar) / (2 * gap)
show("difference quotient across 0, with starts ±0.0001", jump)

// On either side the derivative is zero; across 0 the solution jumps by 2, and a difference quotient
// is 2 divided by whatever step was chosen. Close to 0, a moderate number of unrolled steps has a very large
// derivative, for it differentiates the race away from the maximum between the wells. It is the
// derivative of those steps, and no gradient to learn the choice of a well from.
//
// At the hilltop itself gradient descent stays where it is, and there is a derivative too:

let top = try wells.linearize(at: 0)
show(
  "started at 0: solution, implicit derivative", top.solution.scalar,
  try top.pushforward(1).value.scalar)

// The theorem speaks of the solution of the *equations* near this one, and 0 solves them whatever the
// start. That a solver started anywhere else ends elsewhere is no business of the equations, and the
// library cannot know.

// ## What goes wrong, and what you are told
//
// **The inner solver stopped early.** It is tempting to save steps of the inner solver. The result is
// no solution of the proximal problem, and its derivative is not the formula's:

let hasty = ImplicitFunction<Prior, Tensor>(
  forward: { prior in
    try GradientDescent(stepSize: .fixed(proximalStep), stopping: .after(3)).minimum(
      of: { W in adaptation.objective(prior, W) }, from: prior.start
    ).point
  },
  conditions: .stationary(of: adaptation.objective))
try quoteError { _ = try hasty.linearize(at: prior) }

// **The pull pushes.** Without the logarithm a meta-step can make $\lambda$ negative. The objective is
// then unbounded below along every unseen direction, and it is the solver that has to say so:

let pushing = ImplicitFunction<Tensor, Tensor>(
  forward: { strength in
    try LBFGS(stopping: Stopping(maximumIterations: 50)).minimum(
      of: { W in images.loss(W) + 0.5 * strength * (W - 1).squaredNorm() }, from: start
    ).point
  },
  conditions: .stationary { strength, W in
    images.loss(W) + 0.5 * strength * (W - 1).squaredNorm()
  })
try quoteError { _ = try pushing(-0.1) }

// ## Exercises
//
// 1. The page says that $1/\lambda$ plays the part of steps times their length. Along an eigenvector of
//    $H$ with curvature $h$, compare $(1 - \eta h)^k$ with $(1 + h/\lambda)^{-1}$ at
//    $\lambda = 1/(\eta k)$. Where do they differ most?
// 2. Reptile's direction $\lambda(x - W)$ never solves a linear system. Of which function of $x$ is it
//    the exact gradient?
// 3. Two minima again, with a tilt: $f(y) = \tfrac14(y^2-1)^2 + t\,y$, started at $y_0 = 0.5$. What is
//    $dy/dt$? At which $t$ does the solution jump, and what happens to $dy/dt$ before it does?
// 4. Let the *pull* differ from weight to weight: $\tfrac12\sum_i \lambda_i (y_i - x_i)^2$. For the
//    loss of a task, when does the meta-gradient in $\log\lambda_i$ vanish?
//
// [Solutions](MetaLearningSolutions.md)
//
// ## References
//
// - A. Rajeswaran, C. Finn, S. Kakade, S. Levine, “Meta-Learning with Implicit Gradients”, NeurIPS
//   (2019): iMAML.
// - C. Finn, P. Abbeel, S. Levine, “Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks”,
//   ICML (2017): MAML, and its first-order variant.
// - A. Nichol, J. Achiam, J. Schulman, “On First-Order Meta-Learning Algorithms”, arXiv 1803.02999
//   (2018): Reptile.
// - Y. Kim, S. Wiseman, A. Miller, D. Sontag, A. Rush, “Semi-Amortized Variational Autoencoders”, ICML
//   (2018).
// - E. Alpaydin, C. Kaynak, “Optical Recognition of Handwritten Digits”, UCI Machine Learning
//   Repository (1998): the digits.
try endPage()  // hide
