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

let options = try Options(seed: 1, tolerance: 1e-13)
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
  let pulled = try geometric.pullback(
    at: Tensor(1), cotangent: Tensor(1), method: .truncated(last: k))
  let missing = 1 / (1 - rho) - pulled.value.scalar
  firstSums.append([k, pulled.value.scalar, missing, pulled.report.truncation?.error ?? .nan])
}
try table(
  ["last steps taken", "derivative", "missing of 1/(1 − ϱ) = 2", "estimated"], rows: firstSums)

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
  ["all steps in one recording", loop.recordedBytes, "", 0],
  ["every step recorded", plain.report.peakBytes, "100", 0],
]
var sameBits = true
var agreesWithTheory = true
var largestShare = 0.0
var again: [UnrolledDerivative<Tensor, Tensor>] = []
for method in [
  UnrollingMethod.everySteps(longest / 100), .checkpoints(slots: 100), .checkpoints(slots: 10),
] {
  let result = try timed("\(method)") {
    try descent(longest).pullback(at: x, cotangent: validationGradient, method: method)
  }
  again.append(result)
  let report = result.report
  let percent = 100 * Double(report.peakBytes) / Double(plain.report.peakBytes)
  sameBits = sameBits && result.value == plain.value
  largestShare = max(largestShare, percent)
  var name = "a state every \(longest / 100) steps"
  if case .checkpoints(let slots) = method {
    name = "at most \(slots) states"
    let schedule = BinomialSchedule(steps: longest, slots: slots)
    agreesWithTheory = agreesWithTheory && report.stepsRepeated == schedule.forwardSteps
  }
  keeping.append([name, report.peakBytes, digits(2, percent), report.stepsRepeated])
}
try table(
  ["what is kept", "bytes at most", "% of every step", "steps run again"], rows: keeping)
try check(sameBits, "all these derivatives are the same as with every step recorded, bit by bit")
try check(agreesWithTheory, "the steps run again are as many as the binomial formula says")
// hide begin
if longest >= 10_000 {
  try check("largest share of the bytes, in percent", largestShare, below: 2)
}
note("products", plain.report.products)
let one = try descent(1).pullback(at: x, cotangent: validationGradient, method: .everything)
note("one recording", one.report.peakBytes)
let hundred = BinomialSchedule(steps: longest, slots: 100)
let ten = BinomialSchedule(steps: longest, slots: 10)
note("repetitions of 100", hundred.repetitions)
note("repetitions of 10", ten.repetitions)
note("per step of 100", digits(2, Double(hundred.forwardSteps) / Double(longest)))
note("per step of 10", digits(2, Double(ten.forwardSteps) / Double(longest)))
// hide end

// The bytes were counted while it ran: the states and recordings held at a time, and once the table of
// patients, which all recordings share. What is left with ten states is nearly all in the one
// recording that cannot be avoided, \(one recording) bytes. The price: on average each step is run
// \(per step of 100) times more with a hundred states and \(per step of 10) times more with ten, none
// more than \(repetitions of 100) and \(repetitions of 10) times. The way back takes \(products) products
// in every row, one for each step, in the same order; hence the same bits.

// hide begin
func bytesHeld(_ steps: Int, _ method: UnrollingMethod) throws -> Double {
  let result = try descent(steps).pullback(
    at: x, cotangent: validationGradient, method: method, estimateProducts: 0)
  return Double(result.report.peakBytes)
}
let lengths = [10, 30, 100, 300, 1_000, 3_000].filter { $0 <= longest }
let plainBytes = try lengths.map { try bytesHeld($0, .everything) }
let everyBytes = try lengths.map { try bytesHeld($0, .everySteps(Int(Double($0).squareRoot()))) }
let tenBytes = try lengths.map { try bytesHeld($0, .checkpoints(slots: 10)) }
let piggybackBytes = try lengths.map { try bytesHeld($0, .piggyback) }
let stepNumbers = lengths.map(Double.init)
try plot(
  "bytes",
  Plot(
    "What a derivative holds", x: .logarithmic("steps"), y: .logarithmic("bytes"),
    [
      .lineWithPoints("every step recorded", x: stepNumbers, y: plainBytes),
      .lineWithPoints("a state every √N steps", x: stepNumbers, y: everyBytes),
      .lineWithPoints("at most ten states", x: stepNumbers, y: tenBytes),
      .line("piggyback (below)", x: stepNumbers, y: piggybackBytes, dashed: true),
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
// one that was used, and then the old velocity is $(v + \alpha\nabla f)/\gamma$. So walk back, and record
// each step when the walk gets there. For real numbers that is exact. For doubles, look at the
// division. Along an eigenvector of the Hessian with eigenvalue $\lambda$ a step has two factors, $\sigma_1$ and
// $\sigma_2$, with
//
// $$\sigma_1 \sigma_2 = \gamma , \qquad \sigma_1 + \sigma_2 = 1 + \gamma - \alpha\lambda .$$
//
// Where the ball creeps, down a direction of small curvature, they are real. The velocity shrinks by
// the larger one, and its rounding with it; on the way back errors grow by $1/\sigma_2$, the velocity by
// $1/\sigma_1$ only. So in units of the velocity the error grows by $\sigma_1/\sigma_2$ with every step, at
// worst by $1/\gamma$. Where the ball oscillates, the two factors are complex and equal in size, and nothing is lost.

@Sendable func ball(
  _ momentum: Double, _ iterations: Int
) throws -> ReversibleSolver<Tensor, HeavyBallState> {
  try .heavyBall(
    of: objective, stepSize: 1 / L, momentum: momentum, from: .zeros([10]), iterations: iterations)
}
@Sendable func ballGradient(_ state: HeavyBallState) -> HeavyBallState {
  HeavyBallState(position: validationGradient(state.position))
}

/// How far from the start the walk back ends, relative to the weights.
func drift(_ momentum: Double, _ iterations: Int) throws -> Double {
  var unchecked = try ball(momentum, iterations)
  unchecked.driftTolerance = .infinity
  return try unchecked.pullback(at: x, cotangent: ballGradient).report.reversalDrift ?? .nan
}

// The slowest factor of gradient descent, $1 - \alpha\lambda$ for the smallest $\lambda$, comes with its derivatives
// (below), and gives the factors of the ball:

let rate =
  try descent(longest).pullback(at: x, cotangent: validationGradient, method: .oneStep)
  .report.truncation?.rate ?? .nan
show("slowest factor of gradient descent", rate)

var drifts: [[any CustomStringConvertible]] = []
var growthError = 0.0
for momentum in [0.8, 0.9, 0.95, 0.99] {
  let trace = rate + momentum
  let discriminant = trace * trace - 4 * momentum
  let root = max(discriminant, 0).squareRoot()
  let expected = (trace + root) / (trace - root)
  let walks = try [50, 100, 200].map { try drift(momentum, $0) }
  let grown = exp(log(Tensor(walks[2] / walks[1])) / 100).scalar
  if expected > 1.01 { growthError = max(growthError, (grown / expected - 1).magnitude) }
  drifts.append(
    [momentum] + walks.map { measured($0, digits: 1) } + [digits(4, expected)]
      + [expected > 1.01 ? digits(3, grown).description : ""])
}
try table(
  [
    "momentum", "drift, 50 steps", "100 steps", "200 steps", "σ₁/σ₂", "growth per step, measured",
  ],
  rows: drifts)
try check("measured growth against σ₁/σ₂, relative", growthError, below: 0.02)

// The *drift* is how far from the start the walk ended, relative to the weights. It is known, since the
// start is known, and by default the library throws when it exceeds a millionth:

try quoteError { _ = try ball(0.8, 200).pullback(at: x, cotangent: ballGradient) }
let patient = try ball(0.95, 400)
let backwards = try patient.pullback(at: x, cotangent: ballGradient)
let forwards = try patient.solver.pullback(at: x, cotangent: ballGradient, method: .everything)
try check(
  "momentum 0.95, 400 steps: difference from plain unrolling, relative",
  difference(backwards.value, forwards.value), below: 1e-9)
show("bytes held, backwards and plain", backwards.report.peakBytes, forwards.report.peakBytes)

// Maclaurin, Duvenaud and Adams, who trained networks this way, keep the bits that each step would lose
// and put them back, in integer arithmetic: exact, for $\log_2(1/\gamma)$ bits a number and step instead of
// 64. Plain doubles do for momenta so large that hardly anything creeps.
//
// ## Do not take: the last steps are enough
//
// So far the derivative was that of \(steps in words), converged or not. If they have converged, the
// steps that matter are the last ones. Let $A = \partial T/\partial w$ and $B = \partial T/\partial x$ be the derivatives of
// one step at the fixed point. The walk back collects
//
// $$B^{\mathsf T} \left(1 + A^{\mathsf T} + (A^{\mathsf T})^2 + \dots\right) \bar w$$
//
// for the gradient $\bar w$ of the loss. There are several ways to take some of these terms:
//
// - *truncated unrolling* records the last $k$ steps and forgets that there were others; *one-step*
//   differentiation is $k = 1$;
// - a *Neumann series* of $k$ terms takes $A$ and $B$ at the last state: one recording, $k$ products;
// - *piggyback* carries the adjoint along with the solver, $\bar u \leftarrow A^{\mathsf T}\bar u + \bar w$ at
//   every new state: $k$ steps give $k$ terms, early ones taken at bad states, and nothing is kept;
// - *two-phase* lets the solver converge, then takes terms at its last state until one is small.
//
// All of them differentiate the *fixed point*. The truth is then the implicit derivative, one linear
// system at the solution:

note("steps in words", "\(longest) steps")  // hide
let tolerance = options.tolerance  // hide
let fit = ImplicitFunction<Tensor, Tensor>(
  forward: { x in
    try Newton(stopping: Stopping(gradientTolerance: tolerance))
      .minimum(of: { w in objective(x, w) }, from: .zeros([10])).point
  },
  conditions: .stationary(of: objective), linearSolver: ConjugateGradient())
let (solution, implicitPullback) = try fit.valueWithPullback(at: x)
let implicit = try implicitPullback(validationGradient(solution))
func error(_ derivative: Tensor) -> Double { difference(derivative, implicit.value) }

// A fixed point does not know who found it, so we let Newton's method do that, and give each row as
// many steps of gradient descent from there as it wants. Only piggyback starts from zero.

func settled(_ iterations: Int) -> UnrolledSolver<Tensor, Tensor> {
  .gradientDescent(of: objective, stepSize: 1 / L, from: solution, iterations: iterations)
}

note("one step", digits(2, 1 - rate))  // hide

struct Terms {
  let count: Int
  let truncated, neumann, piggyback: Double
  let estimate, rateBound: Double
}
let implicitSize = implicit.value.norm().scalar
let taken = try [1, 10, 100, 300, 1_000, 3_000, 6_000].filter { $0 <= longest }.map { k in
  let truncated = try settled(k).pullback(
    at: x, cotangent: validationGradient, method: .truncated(last: k), estimateProducts: 0)
  let neumann = try settled(1).pullback(
    at: x, cotangent: validationGradient, method: .neumann(terms: k))
  let piggyback = try descent(k).pullback(
    at: x, cotangent: validationGradient, method: .piggyback, estimateProducts: 0)
  let estimate = neumann.report.truncation
  return Terms(
    count: k, truncated: error(truncated.value), neumann: error(neumann.value),
    piggyback: error(piggyback.value), estimate: (estimate?.error ?? .nan) / implicitSize,
    rateBound: (estimate?.spectralBound ?? .nan) / implicitSize)
}
try table(
  ["terms k", "truncated", "Neumann", "estimated", "ϱᵏ‖t₀‖/(1 − ϱ)", "piggyback"],
  rows: taken.map {
    [
      $0.count, measured($0.truncated), measured($0.neumann), measured($0.estimate),
      measured($0.rateBound), measured($0.piggyback),
    ]
  })
// hide begin
let counts = taken.map { Double($0.count) }
try plot(
  "truncation",
  Plot(
    "Error of a derivative of k terms", x: .linear("k"),
    y: .logarithmic("relative error", floor: 1e-13),
    [
      .lineWithPoints("truncated, Neumann", x: counts, y: taken.map(\.neumann)),
      .lineWithPoints("piggyback", x: counts, y: taken.map(\.piggyback)),
      .line("estimated", x: counts, y: taken.map(\.estimate), dashed: true),
      .line("ϱᵏ‖t₀‖/(1 − ϱ)", x: counts, y: taken.map(\.rateBound), dashed: true),
    ],
    caption:
      "Each term gains the same factor ϱ. Piggyback is later, by the terms it took at states "
      + "that had not converged."))
// hide end

// All errors are relative to the implicit derivative. Truncated unrolling and the Neumann series agree,
// since the solver has converged. One-step is the first row, and tells next to nothing: in its slowest
// direction a step of this fit goes \(one step) of the way, so one step shows no more of the derivative
// either.
//
// ## How wrong? The estimate
//
// What is missing after $k$ terms $t_0, t_1, \dots$ is a sum of terms again. If $A$ is symmetric, or at
// least normal, each is shorter than the one before by the factor $\varrho$, the spectral radius of $A$,
// or more; so the sum is at most $\varrho^k \lVert t_0\rVert/(1-\varrho)$. That is the column with the formula.
// The estimate beside it is sharper: with a few products more (here ten, as many as there are
// weights) Arnoldi's method makes a small model of $A$ on the terms, and the lengths of the missing
// terms are added up there. $\varrho$ comes from the same model.

try check(
  taken.allSatisfy {
    $0.neumann <= 1.000001 * $0.estimate && $0.estimate <= $0.rateBound * 1.000001
  },
  "error ≤ estimate ≤ ϱᵏ‖t₀‖/(1 − ϱ) in every row")
try check(
  taken.allSatisfy { $0.estimate <= 10 * $0.neumann },
  "the estimate is within a factor of ten of the error")
try check(
  taken.allSatisfy { $0.rateBound <= 10 * $0.neumann },
  "so is the formula")

// Why two numbers? Because $\varrho$ says how terms shrink *in the end*. Look at
//
// $$A = \begin{pmatrix} 1/2 & c \\ 0 & 1/2 \end{pmatrix}, \qquad
// A^j = 2^{-j}\begin{pmatrix} 1 & 2jc \\ 0 & 1 \end{pmatrix} .$$
//
// Both eigenvalues are one half, whatever $c$. But the powers first grow, with $c$ as large as you like,
// and a bound that knows $\varrho = 1/2$ alone is wrong by as much. With $c = 100$, pushed along the second
// coordinate:

let matrix: Tensor = [[0.5, 100], [0, 0.5]]
let sheared = UnrolledSolver<Tensor, Tensor>(
  start: { _ in .zeros([2]) }, step: { x, y in matmul(matrix, y) + x }, iterations: 100)
let sum = try solve(Tensor.identity(2) - matrix, Tensor([0, 1]))
var shear: [[any CustomStringConvertible]] = []
var isCovered = true
for k in [1, 5, 10, 20] {
  let neumann = try sheared.pushforward(at: [1, 1], along: [0, 1], method: .neumann(terms: k))
  guard let estimate = neumann.report.truncation else { continue }
  let missing = (neumann.value - sum).norm().scalar
  isCovered = isCovered && missing <= 1.000001 * estimate.error
  shear.append([
    k, digits(3, missing), digits(3, estimate.error), digits(3, estimate.spectralBound),
  ])
}
try table(["terms k", "missing", "estimated", "ϱᵏ‖t₀‖/(1 − ϱ)"], rows: shear)

// Such matrices are not rare. Momentum makes one: what is put into the velocity comes out in the
// position, step after step. The ball of above, with momentum 0.9, on the same patients:

let rolling = try ReversibleSolver<Tensor, HeavyBallState>.heavyBall(
  of: objective, stepSize: 1 / L, momentum: 0.9, from: solution, iterations: 1
).solver
var transient: [[any CustomStringConvertible]] = []
var worst = 0.0
for k in [1, 3, 10, 30, 100] {
  let neumann = try rolling.pullback(
    at: x, cotangent: ballGradient, method: .neumann(terms: k))
  guard let estimate = neumann.report.truncation else { continue }
  let wrong = error(neumann.value)
  isCovered = isCovered && wrong <= 1.000001 * estimate.error / implicitSize
  worst = max(worst, wrong * implicitSize / estimate.spectralBound)
  transient.append([
    k, measured(wrong), measured(estimate.error / implicitSize),
    measured(estimate.spectralBound / implicitSize),
  ])
}
try table(["terms k", "Neumann", "estimated", "ϱᵏ‖t₀‖/(1 − ϱ)"], rows: transient)
try check(isCovered, "the estimate covers the error in every row of both tables")
note("worst", digits(2, worst))

// The effect is mild here, the formula promises errors up to \(worst) times smaller than they are; but
// it does not hold. The estimate, which adds up terms as they come, is not deceived, and the report says so:

quote(
  try rolling.pullback(at: x, cotangent: ballGradient, method: .neumann(terms: 30)).report)

// Two limits remain. The Arnoldi model is exact with as many products as unknowns, and a guess with
// fewer, the better the fewer directions matter. And lengths are added: if the terms alternate in
// sign, they cancel in the derivative and not in the estimate (exercise 3).
//
// ## Never twice
//
// There is a trap in the approximations that no estimate shows. Take Newton's method for the square
// root, $y \leftarrow \frac12(y + x/y)$. At its fixed point $\partial T/\partial y = 0$: the last step alone gives the
// derivative exactly, $\partial T/\partial x = 1/(2y)$. How convenient. Now differentiate once more, as somebody
// does who wants a Hessian:

let babylonian = UnrolledSolver<Tensor, Tensor>(
  start: { _ in Tensor(1) }, step: { x, y in 0.5 * (y + x / y) }, iterations: 8)

func twice(_ f: (Tensor) throws -> Tensor) throws -> (first: Double, second: Double) {
  let result = try valueAndPushforward(at: Tensor(2), along: 1) { x in
    try valueAndPushforward(at: x, along: 1, of: f).tangent
  }
  return (result.value.scalar, result.tangent.scalar)
}
let root = 2.0.squareRoot()
let everyStep = try twice { x in try babylonian(x) }
let lastStep = try twice { x in try babylonian.truncated(x, last: 1) }
let lastTwo = try twice { x in try babylonian.truncated(x, last: 2) }
try table(
  ["at x = 2", "first derivative", "second derivative"],
  rows: [
    ["√x", 1 / (2 * root), -1 / (8 * root)],
    ["all steps", everyStep.first, everyStep.second],
    ["the last step", lastStep.first, lastStep.second],
    ["the last two steps", lastTwo.first, lastTwo.second],
  ])
try check(
  "one step, error of the first derivative", abs(Tensor(lastStep.first - 1 / (2 * root))).scalar,
  below: 1e-14)
try check(lastStep.second.magnitude < 1e-14, "and its second derivative is zero")

// The last step starts from a number. Seen from there, the state does not move with $x$; the
// step repairs that to first order, and no further. (Two steps of Newton repair it to third order, each doubles the
// digits. A linearly convergent solver repairs nothing: it only shrinks the error, by $\varrho$ a step.) The
// methods of this page that return numbers refuse to be differentiated:

try quoteError {
  _ = try valueAndPushforward(at: Tensor(2), along: 1) { x in
    try babylonian.pullback(at: x, cotangent: Tensor(1), method: .oneStep).value
  }
}

// Plain unrolling and implicit functions nest.
//
// ## What else goes wrong
//
// **The solver has not converged.** Then there is a derivative of the steps, and one of the fixed point,
// and they differ. The approximations aim at the second, from the wrong place:

quote(
  try descent(longest / 10).pullback(
    at: x, cotangent: validationGradient, method: .neumann(terms: 2 * longest)
  ).report)

// **The step does not contract.** Gradient descent with a step of $2.5/L$ runs away from its fixed point,
// and the terms of the derivative do the same. On one number, with $L = 1$:

let tooLong = UnrolledSolver<Tensor, Tensor>(
  start: { _ in Tensor(0) }, step: { x, y in y - 2.5 * (y - x) }, iterations: 5)
try quoteError {
  _ = try tooLong.pullback(
    at: Tensor(1), cotangent: Tensor(1), method: .twoPhase(maximumTerms: 100))
}

// ## Which one?
//
// All routes side by side. The first two differentiate the \(steps in words), the others the fixed point,
// from where a solver has left it.

func row(
  _ name: String, _ result: UnrolledDerivative<Tensor, Tensor>
) -> [any CustomStringConvertible] {
  let report = result.report
  return [
    name, report.peakBytes, report.stepsRecorded, report.products, measured(error(result.value)),
  ]
}
var routes = [row("every step recorded", plain), row("at most 10 states", again[2])]
let tenth = longest / 10
for (name, method) in [
  ("last \(tenth) steps", UnrollingMethod.truncated(last: tenth)),
  ("Neumann, \(tenth) terms", .neumann(terms: tenth)),
  ("two-phase, to 1e-6", .twoPhase(relativeTolerance: 1e-6)),
] {
  let solver = settled(method == .truncated(last: tenth) ? tenth : 1)
  let result = try solver.pullback(
    at: x, cotangent: validationGradient, method: method, estimateProducts: 0)
  routes.append(row(name, result))
}
routes.append([
  "implicit, conjugate gradients", try fit.linearize(at: x).recordedBytes, "",
  implicit.report.operatorProducts, "",
])
try table(
  ["route", "bytes at most", "steps recorded", "products", "from the implicit derivative"],
  rows: routes)
note("implicit products", implicit.report.operatorProducts)
note("two-phase products", routes[4][3])

// If you want the derivative of *these steps*, unconverged as they may be (in a learning rate, an
// initialisation, with early stopping), use checkpoints: the answer is that of plain unrolling, and
// memory is no longer a question. If the steps have converged, their derivative is that of the fixed
// point, and the series of terms is a slow way to solve $(1 - A^{\mathsf T})\,u = \bar w$: a solver for linear systems
// needs \(implicit products) products where the series needs \(two-phase products). Truncation has one thing to say
// for itself: it needs no conditions and no linear algebra, and when a solver contracts fast, a few
// terms are all there is.
//
// ## Exercises
//
// 1. How many states must be kept so that 10,000 steps can be reversed and none is run forward more than
//    three times?
// 2. A state kept every $k$ steps: which $k$ holds the fewest bytes, if a recording takes $c$ times the
//    bytes of a state?
// 3. On $y \leftarrow -0.9\,y + x$ the estimate is nineteen times too large. Why? Mend the *derivative*, with
//    no product more.
// 4. From which momentum on does the ball creep in no direction of the fit, so that it can be run
//    backwards as long as one likes?
//
// [Solutions](CheaperThanUnrollingSolutions.md)
//
// ## References
//
// - A. Griewank, “Achieving Logarithmic Growth of Temporal and Spatial Complexity in Reverse
//   Automatic Differentiation”, Optimization Methods and Software 1 (1992); A. Griewank, A. Walther,
//   “Algorithm 799: Revolve”, ACM Transactions on Mathematical Software 26 (2000).
// - D. Maclaurin, D. Duvenaud, R. P. Adams, “Gradient-based Hyperparameter Optimization through
//   Reversible Learning”, ICML (2015).
// - B. Christianson, “Reverse Accumulation and Attractive Fixed Points”, Optimization Methods and
//   Software 3 (1994): two phases.
// - A. Griewank, C. Faure, “Piggyback Differentiation and Optimization”, in *Large-Scale
//   PDE-Constrained Optimization*, Springer (2003).
// - J. Bolte, E. Pauwels, S. Vaiter, “One-step Differentiation of Iterative Algorithms”, NeurIPS (2023).
// - B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, “Least Angle Regression”, Annals of Statistics
//   32 (2004): the diabetes data.
try endPage()  // hide
