// # Unrolling need not keep its steps, and need not take them all
//
// Page: docs/CheaperThanUnrolling.md
// Teaches: Which steps of a solver its derivative needs, which it can run again, and which it can skip.
// Minutes: 20
//
// Your model is fitted by ten thousand steps of gradient descent, and you want the derivative of what
// comes out. The obvious way records every step and walks back through the recordings. It works, and
// it fills the memory: each step leaves behind whatever its derivative needs. Must it all be kept?
// Must it all be walked?

// hide begin
import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
let longest = try options.integer(
  "iterations", default: 10_000, quick: 400, in: 100...100_000,
  help: "gradient steps that are differentiated at most")
try beginPage(options)
// hide end

// ## By hand, on one number
//
// Take the smallest solver there is: $y \leftarrow \varrho\,y + x$ with $|\varrho| < 1$, started at zero.
// It converges to $x/(1-\varrho)$. After $N$ steps it has computed
//
// $$y_N = x + \varrho x + \varrho^2 x + \dots + \varrho^{N-1} x , \qquad
// \frac{dy_N}{dx} = 1 + \varrho + \varrho^2 + \dots + \varrho^{N-1} .$$
//
// In the derivative, every step has a term of its own. The last step contributes 1, the one before
// it $\varrho$, since one more step has shrunk it, and the step $j$ places before the end contributes
// $\varrho^j$. Walking back from the end collects these terms, the largest first. That suggests two
// savings, which have little to do with each other.
//
// - *Do not keep.* A step that is needed on the way back can be run again, from a state that was
//   kept. The derivative stays the same to the last bit; memory is traded for time.
// - *Do not take.* Stop walking after $k$ steps. What is then missing is
//   $\varrho^k + \varrho^{k+1} + \dots$, at most $\varrho^k/(1-\varrho)$. The derivative is another one,
//   and one has to know how wrong it is.
//
// For both, the solver must be told as *one step*, a function of the input and the state. (A loop
// cannot be entered in the middle.)

let rho = 0.5
let geometric = UnrolledSolver<Tensor, Tensor>(
  start: { _ in Tensor(0) }, step: { x, y in Tensor(rho) * y + x }, iterations: 50)

var firstSums: [[any CustomStringConvertible]] = []
for k in [1, 2, 3, 4, 5, 10] {
  let pulled = try geometric.pullback(at: Tensor(1), cotangent: Tensor(1), method: .truncated(last: k))
  let missing = 1 / (1 - rho) - pulled.value.scalar
  firstSums.append([k, pulled.value.scalar, missing, pulled.report.truncation?.error ?? .nan])
}
try table(["last steps taken", "derivative", "missing of 1/(1 − ϱ) = 2", "estimated"], rows: firstSums)

// The last column was computed without knowing the answer; how, comes later.
//
// ## A fit that takes ten thousand steps
//
// Now real data: ten measurements on each of 442 diabetes patients. Will a patient's disease have
// progressed by more than the average within a year? A logistic regression with a penalty of its own for each
// measurement has the weights
//
// $$w(x) = \arg\min_w\; \frac1m \sum_i \log\left(1 + e^{-s_i\,a_i^{\mathsf T} w}\right)
// + \frac12 \sum_j e^{x_j} w_j^2 ,$$
//
// where $a_i$ are the standardised measurements of patient $i$ and $s_i = \pm1$ says what happened. Every
// third patient trains the model, the next validates it. The input $x$ of the derivative are the ten
// logarithms of the penalties, all penalties being 0.001; the loss is that of the validating
// patients.

let names = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
// hide begin
let firstTutorial = #filePath.replacing(
  "CheaperThanUnrolling/main.swift", with: "UnconstrainedOptimization/main.swift")
// hide end
let patients = try Table(csv: try dataFile("diabetes.csv", file: firstTutorial))
  .columns(names + ["progression"])
let thirds = (0..<2).map { part in
  patients.gathered(Array(stride(from: part, to: patients.shape[0], by: 3)))
}
let center = thirds[0].mean(alongAxis: 0)
let deviation = sqrt(pow(thirds[0] - center, 2).mean(alongAxis: 0))

/// Rows `sᵢ aᵢ` of some patients.
func signedRows(_ raw: Tensor) -> Tensor {
  let table = (raw - center) / deviation
  let progression = table.at(10, alongAxis: 1)
  let sign = 1 - 2 * progression.isLess(than: Tensor(0))
  return table.slice(0..<10, alongAxis: 1) * sign.expanded(atAxis: 1)
}
let training = signedRows(thirds[0])
let validation = signedRows(thirds[1])

@Sendable func loss(_ rows: Tensor, _ w: Tensor) -> Tensor { softplus(-matmul(rows, w)).mean() }
@Sendable func objective(_ x: Tensor, _ w: Tensor) -> Tensor {
  loss(training, w) + 0.5 * (exp(x) * w * w).sum()
}
@Sendable func validationGradient(_ w: Tensor) -> Tensor {
  gradient(at: w) { w in loss(validation, w) }
}

let x = log(Tensor(repeating: 0.001, shape: [10]))

// The second derivative of $\log(1 + e^{-t})$ is at most 1/4, so $L = \lambda/4 + 0.001$ bounds the
// curvature of the objective, with $\lambda$ the largest eigenvalue of the matrix of the measurements.
// Gradient descent takes steps of length $1/L$:

let moments = matmul(training, training, transposingLeft: true) / Tensor(Double(training.shape[0]))
var top = Tensor.ones([10])
for _ in 0..<200 {
  top = matmul(moments, top)
  top /= top.norm()
}
let L = top.dot(matmul(moments, top)).scalar / 4 + 0.001

func descent(_ iterations: Int) -> UnrolledSolver<Tensor, Tensor> {
  .gradientDescent(of: objective, stepSize: 1 / L, from: .zeros([10]), iterations: iterations)
}
show("patients: training, validation", training.shape[0], validation.shape[0])
show("steps", longest)

// ## Do not keep: run it again
//
// Keep the states that the solver passes (ten numbers each) instead of the recordings of its steps,
// and only some of them. To walk back over a stretch, start from the last state that was kept, run to
// where the walk is, and record from there.
//
// Where should the kept states stand? *Every k steps* is the simple answer: $N/k$ states, and on the
// way back $k$ recordings at a time. The whole solver runs about once more. *Binomial checkpointing*
// is the best answer to another question: with at most $s$ states kept at a time, places that become
// free being used again, how few steps must be rerun? If no step may be run forward more than $r$
// times, then
//
// $$\beta(s, r) = \binom{s + r}{s}$$
//
// steps can be reversed and no more: the last kept state splits the chain in two, the right part
// with one place less, the left part with one repetition less, and
// $\beta(s, r) = \beta(s-1, r) + \beta(s, r-1)$ is Pascal's triangle. Memory and repetitions both grow like
// logarithms.

let plain = try timed("everything") {
  try descent(longest).pullback(at: x, cotangent: validationGradient, method: .everything)
}
let loop = try timed("one recording of the loop") {
  try linearization(at: x) { x in try descent(longest)(x) }
}
let wholeLoop = try loop.pullback(validationGradient(loop.value))

func difference(_ a: Tensor, _ b: Tensor) -> Double { ((a - b).norm() / b.norm()).scalar }
try check(
  "difference between single steps and one recording of the loop, relative",
  difference(plain.value, wholeLoop), below: 1e-12)

var keeping: [[any CustomStringConvertible]] = [
  ["all steps in one recording", loop.recordedBytes, "", 0, 0],
  ["every step recorded", plain.report.peakBytes, "100", 0, 0],
]
var sameBits = true
var agreesWithTheory = true
var share = 0.0
for method in [
  UnrollingMethod.everySteps(longest / 100), .checkpoints(slots: 100), .checkpoints(slots: 20),
  .checkpoints(slots: 10), .checkpoints(slots: 5),
] {
  let result = try timed("\(method)") {
    try descent(longest).pullback(at: x, cotangent: validationGradient, method: method)
  }
  let report = result.report
  sameBits = sameBits && result.value == plain.value
  let percent = 100 * Double(report.peakBytes) / Double(plain.report.peakBytes)
  var name = "a state every \(longest / 100) steps"
  if case .checkpoints(let slots) = method {
    name = "at most \(slots) states"
    let schedule = BinomialSchedule(steps: longest, slots: slots)
    agreesWithTheory = agreesWithTheory && report.stepsRepeated == schedule.forwardSteps
    share = max(share, percent)
  }
  keeping.append([
    name, report.peakBytes, digits(2, percent), report.stepsRepeated,
    digits(3, Double(report.stepsRepeated) / Double(longest)),
  ])
}
try table(
  ["what is kept", "bytes at most", "% of every step", "steps run again", "per step"], rows: keeping)
try check(sameBits, "all five derivatives are the same, to the last bit, as with every step recorded")
try check(agreesWithTheory, "the steps run again are as many as the binomial formula says")
// hide begin
if longest >= 10_000 {
  try check("largest share of the bytes with checkpoints, in percent", share, below: 2)
}
note("pullback products", plain.report.products)
note("one recording", try descent(1).pullback(at: x, cotangent: validationGradient, method: .everything).report.peakBytes)
// hide end

// The bytes were counted while it ran: everything in the states and recordings held at a time, the
// table of patients included, once. What remains is nearly all in the one recording that cannot be avoided
// (\(one recording) bytes). The number of products on the way back is the same for all rows,
// \(pullback products), one for each step. A step that is run again costs less than one that is
// recorded, so a handful of repetitions costs less time than their number suggests.

// hide begin
var growth: [(steps: Int, plain: Int, every: Int, binomial: Int, one: Int)] = []
for steps in [10, 30, 100, 300, 1_000, 3_000, 10_000] where steps <= longest {
  func bytes(_ method: UnrollingMethod) throws -> Int {
    try descent(steps).pullback(
      at: x, cotangent: validationGradient, method: method, estimateProducts: 0
    ).report.peakBytes
  }
  let root = max(1, Int(Double(steps).squareRoot()))
  growth.append(
    (
      steps, try bytes(.everything), try bytes(.everySteps(root)),
      try bytes(.checkpoints(slots: 10)), try bytes(.piggyback)
    ))
}
let stepNumbers = growth.map { Double($0.steps) }
try plot(
  "bytes",
  Plot(
    "What a derivative holds", x: .logarithmic("steps"), y: .logarithmic("bytes"),
    [
      .lineWithPoints("every step recorded", x: stepNumbers, y: growth.map { Double($0.plain) }),
      .lineWithPoints("a state every √N steps", x: stepNumbers, y: growth.map { Double($0.every) }),
      .lineWithPoints("at most ten states", x: stepNumbers, y: growth.map { Double($0.binomial) }),
      .line("piggyback (below)", x: stepNumbers, y: growth.map { Double($0.one) }, dashed: true),
    ],
    caption: "Ten states and one recording are hardly more than one recording, however many steps "
      + "there were; the price is in steps run again."))
// hide end

// ## Do not keep: run it backwards
//
// Could one keep nothing at all? Some steps can be undone. A heavy ball, gradient descent with
// momentum $\gamma$, moves by
//
// $$v \leftarrow \gamma v - \alpha \nabla f(w), \qquad w \leftarrow w + v ,$$
//
// and from the new $(w, v)$ the old ones follow: $w - v$ is the old position, the gradient there is the
// one that was used, and then the old velocity is $(v + \alpha\nabla f)/\gamma$. So walk back, and record each
// step when the walk gets there. This is exact for real numbers. For doubles, look at the division: the rounding of
// every step is divided by $\gamma$ in all the steps that follow. A contraction forgets where it came
// from, in about $\log_2(1/\gamma)$ bits a step, and a double has 53.

@Sendable func ball(_ momentum: Double, _ iterations: Int) throws -> ReversibleSolver<
  Tensor, HeavyBallState
> {
  var ball = try ReversibleSolver<Tensor, HeavyBallState>.heavyBall(
    of: objective, stepSize: 1 / L, momentum: momentum, from: .zeros([10]), iterations: iterations)
  ball.driftTolerance = .infinity  // for the table: by default a drift of 1e-6 is an error
  return ball
}
@Sendable func ballGradient(_ state: HeavyBallState) -> HeavyBallState {
  HeavyBallState(position: validationGradient(state.position))
}

let walks = [50, 100, 200, 300, 400]
var drifts: [[any CustomStringConvertible]] = []
var wrong: [[any CustomStringConvertible]] = []
for momentum in [0.8, 0.9, 0.95, 0.99] {
  var driftRow: [any CustomStringConvertible] = [momentum]
  for steps in walks {
    let reversed = try ball(momentum, steps).pullback(at: x, cotangent: ballGradient)
    driftRow.append(measured(reversed.report.reversalDrift ?? .nan))
  }
  drifts.append(driftRow)
}
try table(["momentum"] + walks.map { "drift after \($0) steps" }, rows: drifts)

// The *drift* is how far from the start the walk ended, relative to the weights. It is known, since the
// start is known, and the library throws instead of returning a derivative along a wrong path:

var strict = try ball(0.8, 400)
strict.driftTolerance = 1e-6
try quoteError { _ = try strict.pullback(at: x, cotangent: ballGradient) }
let reversible = try ball(0.99, 100)
let backwards = try reversible.pullback(at: x, cotangent: ballGradient)
let forwards = try reversible.solver.pullback(at: x, cotangent: ballGradient, method: .everything)
try check(
  "momentum 0.99, 100 steps: difference from plain unrolling, relative",
  difference(backwards.value, forwards.value), below: 1e-10)

// Maclaurin, Duvenaud and Adams, who trained networks this way, keep the bits that each step would lose
// and put them back, in integer arithmetic: exact, for $\log_2(1/\gamma)$ bits a number and step instead of 64.
// With checkpoints at hand the method is for long runs whose momentum is close to one.
//
// ## Do not take: the last steps are enough
//
// So far the derivative was that of ten thousand steps, converged or not. If they have converged, the
// steps that matter are the last ones. Let $A = \partial T/\partial w$ and $B = \partial T/\partial x$ be the derivatives of one
// step at the fixed point. The walk back collects
//
// $$B^{\mathsf T} \left(1 + A^{\mathsf T} + (A^{\mathsf T})^2 + \dots\right) \bar w ,$$
//
// for the gradient $\bar w$ of the loss. There are several ways to take some of these terms:
//
// - *truncated unrolling* records the last $k$ steps and forgets that there were others; *one-step*
//   differentiation is $k = 1$;
// - a *Neumann series* of $k$ terms takes $A$ and $B$ at the last state: one recording, $k$ products;
// - *piggyback* carries the adjoint along with the solver, $\bar u \leftarrow A^{\mathsf T}\bar u + \bar w$ at each new state: $k$
//   steps give $k$ terms, the first of them taken at bad states, and nothing is kept;
// - *two-phase* first converges, then takes terms until one is small.
//
// All of them differentiate the *fixed point*. The truth is then the implicit derivative, one linear
// system at the solution:

let fit = ImplicitFunction<Tensor, Tensor>(
  forward: { x in
    try Newton(stopping: Stopping(gradientTolerance: 1e-13))
      .minimum(of: { w in objective(x, w) }, from: .zeros([10])).point
  },
  conditions: .stationary(of: objective))
let (solution, implicitPullback) = try fit.valueWithPullback(at: x)
let truth = try implicitPullback(validationGradient(solution)).value
func error(_ derivative: Tensor) -> Double { difference(derivative, truth) }

let takes = [1, 3, 10, 30, 100, 300, 1_000, 3_000].filter { $0 <= longest / 2 }
let truthSize = truth.norm().scalar
var taken:
  [(
    k: Int, truncated: Double, neumann: Double, piggyback: Double, estimate: Double,
    spectral: Double, bytes: Int
  )] = []
var rate = 0.0
for k in takes {
  func pulled(_ method: UnrollingMethod, _ iterations: Int) throws -> UnrolledDerivative<Tensor, Tensor> {
    try descent(iterations).pullback(at: x, cotangent: validationGradient, method: method)
  }
  let truncated = try pulled(.truncated(last: k), longest)
  let neumann = try pulled(.neumann(terms: k), longest)
  let piggyback = try pulled(.piggyback, k)
  guard let estimate = neumann.report.truncation else { continue }
  rate = estimate.rate
  taken.append(
    (
      k, error(truncated.value), error(neumann.value), error(piggyback.value),
      estimate.error / truthSize, estimate.spectralBound / truthSize, truncated.report.peakBytes
    ))
}
try table(
  ["terms k", "truncated", "Neumann", "piggyback", "Neumann, estimated", "ϱᵏ‖t₀‖/(1 − ϱ)"],
  rows: taken.map {
    [
      $0.k, measured($0.truncated), measured($0.neumann), measured($0.piggyback),
      measured($0.estimate), measured($0.spectral),
    ]
  })
show("contraction rate ϱ, as estimated", rate)
// hide begin
try plot(
  "truncation",
  Plot(
    "Error of a derivative of k terms", x: .linear("k"), y: .logarithmic("relative error", floor: 1e-13),
    [
      .lineWithPoints("truncated, Neumann", x: taken.map { Double($0.k) }, y: taken.map(\.neumann)),
      .lineWithPoints("piggyback", x: taken.map { Double($0.k) }, y: taken.map(\.piggyback)),
      .line("estimate", x: taken.map { Double($0.k) }, y: taken.map(\.estimate), dashed: true),
      .line("ϱᵏ‖t₀‖/(1 − ϱ)", x: taken.map { Double($0.k) }, y: taken.map(\.spectral), dashed: true),
    ],
    caption: "Straight lines: each step gains the factor ϱ."))
// hide end
