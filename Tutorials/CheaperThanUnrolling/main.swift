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
let reachShare = options.quick ? 8 : 50
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
// steps can be reversed and no more. Here $s$ counts the start, which is always kept: with nothing else,
// the first of $r + 1$ steps is run $r$ times, and $\beta(1, r) = r + 1$. Otherwise the first state kept after
// the start splits the chain in two. The steps behind it are reversed first, with one place less. Those
// before it have been run once by then; they have all places again, and one repetition less. So
// $\beta(s, r) = \beta(s-1, r) + \beta(s, r-1)$, Pascal's triangle.
//
// If places and repetitions grow together, $\beta(s, s)$ is nearly $4^s/\sqrt{\pi s}$, and both need only grow
// like the logarithm of $N$. With a fixed number of places $\beta$ grows like $r^s/s!$, so the repetitions grow
// like a root, $r \approx (s!\,N)^{1/s}$:

var reaches: [[any CustomStringConvertible]] = []
var rootIsNear = true
var together: [Int] = []
for steps in [100, 10_000, 1_000_000, 100_000_000] {
  let three = BinomialSchedule(steps: steps, slots: 3).repetitions
  let cubeRoot = exp(log(Tensor(6 * Double(steps))) / 3).scalar
  // β(3, r) = (r + 1)(r + 2)(r + 3)/6 lies between (r + 1)³/6 and (r + 3)³/6.
  rootIsNear = rootIsNear && Double(three) > cubeRoot - 3 && Double(three) < cubeRoot
  var both = 1
  while BinomialSchedule(steps: steps, slots: both).repetitions > both { both += 1 }
  together.append(both)
  reaches.append([
    steps, three, digits(3, cubeRoot), BinomialSchedule(steps: steps, slots: 10).repetitions, both,
  ])
}
try table(
  ["steps N", "r for s = 3", "(6 N)^(1/3)", "r for s = 10", "smallest s with r ≤ s"], rows: reaches)
try check(rootIsNear, "with three states r is the cube root of 6 N, less than 3 below it")
// hide begin
note("together first", together[0])
note("together last", together[3])
// hide end

// From a hundred steps to a hundred million, \(together first) states and repetitions become
// \(together last). For the fit:

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
// Where the ball creeps, down a direction of small curvature, they are real, and $\sigma_1$, the larger, is
// close to 1. Where it oscillates, they are complex, and both have the size $\sqrt\gamma$.
//
// What shrinks on the way forth grows on the way back, rounding with it. The velocity is a double of its
// own, rounded relative to itself. After $N$ steps it has shrunk to $|\sigma_1|^N$ of what it was, and its
// error is $\varepsilon|\sigma_1|^N$. A position does not shrink, and cannot hold what lies below its last place, $\varepsilon$.
//
// - As long as the error of the velocity is below that place, $w - v$ is rounded to the old position, bit
//   by bit, and the gradient there is the one that was used. The error of the velocity is
//   divided by $\gamma$ with every step, until it has grown to $\varepsilon$.
// - That takes $N \ln|\sigma_1| / \ln\gamma$ steps and leaves $N \ln|\sigma_2| / \ln\gamma$, since the
//   two logarithms have the sum $\ln\gamma$. In these the position is off too, and the error grows by
//   $1/|\sigma_2|$, as any error does that is not along the slower direction.
//
// So the walk misses the start by about
//
// $$\varepsilon\, g^N , \qquad \ln g = \frac{(\ln|\sigma_2|)^2}{\ln(1/\gamma)} .$$
//
// For a creeping ball $g$ is nearly $1/\gamma$. For an oscillating one it is $\gamma^{-1/4}$, which is little,
// and not nothing. And at some time the ball lies still: when $|\sigma_1|^N < \varepsilon$, no step
// changes the position any more. By then an oscillating ball has lost half of its digits,
// $\varepsilon\,g^N = \sqrt\varepsilon$, and from then on each further step costs the full $1/|\sigma_2|$.

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
// (below), and gives the factors of the ball in the direction that loses most, or no less than the others. After
// how many steps will the walk back miss the start by a millionth?

let rate =
  try descent(longest).pullback(at: x, cotangent: validationGradient, method: .oneStep)
  .report.truncation?.rate ?? .nan
show("slowest factor of gradient descent", rate)

func ln(_ value: Double) -> Double { log(Tensor(value)).scalar }

/// ln |σ₁|, ln |σ₂| for the direction of smallest curvature.
func logarithmicFactors(_ momentum: Double) -> (Double, Double) {
  let trace = rate + momentum
  let root = max(trace * trace - 4 * momentum, 0).squareRoot()
  let larger = root > 0 ? ln((trace + root) / 2) : ln(momentum) / 2
  return (larger, ln(momentum) - larger)
}

/// The steps after which a drift of a millionth is expected.
func expectedReach(_ momentum: Double) -> (growth: Double, steps: Double) {
  let (larger, smaller) = logarithmicFactors(momentum)
  let growth = -smaller * smaller / ln(momentum)
  let digits = ln(1e-6 / Double.ulpOfOne)
  let untilRest = ln(Double.ulpOfOne) / larger
  let lostAtRest = growth * untilRest
  return lostAtRest > digits
    ? (growth, digits / growth) : (growth, untilRest - (digits - lostAtRest) / smaller)
}

/// The steps after which it is there, by bisection.
func foundReach(_ momentum: Double, near expected: Double) throws -> Int {
  var (low, high) = (Int(expected / 2), Int(expected * 3 / 2))
  guard try drift(momentum, low) < 1e-6, try drift(momentum, high) > 1e-6 else { return 0 }
  while high - low > max(low / reachShare, 1) {
    let middle = (low + high) / 2
    if try drift(momentum, middle) > 1e-6 { high = middle } else { low = middle }
  }
  return high
}

var drifts: [[any CustomStringConvertible]] = []
var reachError = 0.0
for momentum in [0.8, 0.9, 0.95, 0.97].prefix(longest < 1_000 ? 3 : 4) {
  let (growth, expected) = expectedReach(momentum)
  let found = try foundReach(momentum, near: expected)
  reachError = max(reachError, (Double(found) / expected - 1).magnitude)
  var row: [any CustomStringConvertible] = [
    momentum, digits(3, exp(Tensor(logarithmicFactors(momentum).1)).scalar),
    digits(4, exp(Tensor(growth)).scalar),
  ]
  var isLost = false
  for iterations in [100, 200, 500, 1_000, 2_000] {
    let missed = isLost ? .infinity : try drift(momentum, iterations)
    isLost = missed > 1
    row.append(isLost ? "> 1" : "\(measured(missed, digits: 1))")
  }
  drifts.append(row + [digits(2, expected), digits(2, Double(found))])
}
try table(
  [
    "momentum", "|σ₂|", "g", "drift, 100 steps", "200", "500", "1,000", "2,000",
    "steps to 1e-6, expected", "found",
  ],
  rows: drifts)
try check(
  "steps to a drift of a millionth, found against expected, relative", reachError, below: 0.3)

// The first two creep, the others oscillate. The *drift* is how far from the start the walk ended,
// relative to the weights. It is known, since the start is known, and by default the library throws when it
// exceeds a millionth:

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
// 64. Plain doubles do for as many steps as the last columns say: some hundreds where the ball creeps, some
// thousands where the momentum is so close to 1 that nothing does.
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
  let estimate, thumb, bound: Double
}
let implicitSize = implicit.value.norm().scalar
// Here B = −α diag(eˣ w), the one matrix of this page that can be written down.
let normOfB = (exp(x) * solution).scalars.map(\.magnitude).max() ?? .nan
let gradientAtEnd = validationGradient(solution).norm().scalar
let firstTerm = (exp(x) * solution * validationGradient(solution)).norm().scalar
let boundOverThumb = normOfB * gradientAtEnd / firstTerm
let taken = try [1, 10, 100, 300, 1_000, 3_000, 6_000].filter { $0 <= longest }.map { k in
  let truncated = try settled(k).pullback(
    at: x, cotangent: validationGradient, method: .truncated(last: k), estimateProducts: 0)
  let neumann = try settled(1).pullback(
    at: x, cotangent: validationGradient, method: .neumann(terms: k))
  let piggyback = try descent(k).pullback(
    at: x, cotangent: validationGradient, method: .piggyback, estimateProducts: 0)
  let estimate = neumann.report.truncation
  let thumb = (estimate?.spectralBound ?? .nan) / implicitSize
  return Terms(
    count: k, truncated: error(truncated.value), neumann: error(neumann.value),
    piggyback: error(piggyback.value), estimate: (estimate?.error ?? .nan) / implicitSize,
    thumb: thumb, bound: thumb * boundOverThumb)
}
try table(
  [
    "terms k", "truncated", "Neumann", "piggyback", "estimated", "ϱᵏ‖t₀‖/(1 − ϱ)",
    "‖B‖ϱᵏ‖w̄‖/(1 − ϱ)",
  ],
  rows: taken.map {
    [
      $0.count, measured($0.truncated), measured($0.neumann), measured($0.piggyback),
      measured($0.estimate), measured($0.thumb), measured($0.bound),
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
      .line("ϱᵏ‖t₀‖/(1 − ϱ)", x: counts, y: taken.map(\.thumb), dashed: true),
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
// The terms are $t_j = B^{\mathsf T} (A^{\mathsf T})^j \bar w$, and what is missing after $k$ of them is
// the sum of those from $t_k$ on. If $A$ is symmetric, as here, or at least normal, a product with $A^{\mathsf T}$
// shrinks every vector by the factor $\varrho$ or more, the spectral radius of $A$. So
//
// $$\Bigl\lVert \sum_{j \ge k} t_j \Bigr\rVert \le \lVert B\rVert \, \frac{\varrho^k}{1-\varrho} \, \lVert\bar w\rVert .$$
//
// That is the last column. Seldom does one know $\lVert B\rVert$ (here $B$ is diagonal). The column before
// has the length of the first term, $\lVert t_0\rVert = \lVert B^{\mathsf T}\bar w\rVert$, in place of
// $\lVert B\rVert\,\lVert\bar w\rVert$, and is a rule of thumb. The estimate
// is sharper: with a few products more (here ten, as many as there are
// weights) Arnoldi's method makes a small model of $A$ on the terms, and the lengths
// $\lVert t_k\rVert + \lVert t_{k+1}\rVert + \dots$ are added up there. $\varrho$ comes from the same model.

try check(
  taken.allSatisfy {
    $0.neumann <= 1.000001 * $0.estimate && $0.estimate <= $0.bound * 1.000001
  },
  "error ≤ estimate ≤ ‖B‖ϱᵏ‖w̄‖/(1 − ϱ) in every row")
try check(
  taken.allSatisfy { $0.estimate <= 10 * $0.neumann },
  "the estimate is within a factor of ten of the error")
try check(
  taken.allSatisfy { $0.estimate <= $0.thumb * 1.000001 && $0.thumb <= 10 * $0.neumann },
  "the rule of thumb is above the estimate, and within a factor of ten of the error too")

// The thumb can err, even with a symmetric $A$. Take two numbers that shrink by 0.9 and by 0.5, an
// input that moves both alike, and $\bar w = (1, -1)$. Then $t_j = 0.9^j - 0.5^j$. In the first term the two
// cancel, and the rule finds nothing missing; but $10 - 2$ is.

let factors: Tensor = [0.9, 0.5]
let hidden = UnrolledSolver<Tensor, Tensor>(
  start: { _ in .zeros([2]) }, step: { x, y in factors * y + x }, iterations: 1_000)
let oneTerm = try hidden.pullback(at: Tensor(1), cotangent: [1, -1], method: .neumann(terms: 1))
let hiddenEstimate = oneTerm.report.truncation
show("first term", oneTerm.value.scalar)
show("estimated to be missing", hiddenEstimate?.error ?? .nan)
show("rule of thumb", hiddenEstimate?.spectralBound ?? .nan)
try check(
  oneTerm.value.scalar == 0 && hiddenEstimate?.spectralBound == 0
    && ((hiddenEstimate?.error ?? .nan) - 8).magnitude < 1e-2,
  "the first term and the rule are zero, the estimate is 8")

// In a pushforward no $B^{\mathsf T}$ comes last: the terms are $A^j B\dot x$, and the rule is a bound, if $A$ is
// normal. If it is not, $\varrho$ only says how terms shrink *in the end*. Look at
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
// position, step after step. The ball of above, with momentum 0.9, on the same patients, pushed forward
// along $\dot x = (1, \dots, 1)$:

let rolling = try ReversibleSolver<Tensor, HeavyBallState>.heavyBall(
  of: objective, stepSize: 1 / L, momentum: 0.9, from: solution, iterations: 1
).solver
let along = Tensor.ones([10])
let pushed = try fit.pushforward(at: x, along).value
let pushedSize = pushed.norm().scalar
var transient: [[any CustomStringConvertible]] = []
var worst = 0.0
for k in [1, 3, 10, 30, 100] {
  let neumann = try rolling.pushforward(at: x, along: along, method: .neumann(terms: k))
  guard let estimate = neumann.report.truncation else { continue }
  // At the fixed point the velocity is zero, whatever x is.
  let missing = Tensor.concatenate([neumann.value.position - pushed, neumann.value.velocity])
  let wrong = missing.norm().scalar
  isCovered = isCovered && wrong <= 1.000001 * estimate.error
  worst = max(worst, wrong / estimate.spectralBound)
  transient.append([
    k, measured(wrong / pushedSize), measured(estimate.error / pushedSize),
    measured(estimate.spectralBound / pushedSize),
  ])
}
try table(["terms k", "Neumann", "estimated", "ϱᵏ‖t₀‖/(1 − ϱ)"], rows: transient)
try check(isCovered, "the estimate covers the error in every row of both tables")
note("worst", digits(2, worst))

// What would be a bound for a normal $A$ promises errors up to \(worst) times smaller than they are. The
// estimate, which adds up terms as they come, is not deceived, and the report says so:

quote(
  try rolling.pushforward(at: x, along: along, method: .neumann(terms: 30)).report)

// Two limits remain. The Arnoldi model is exact with as many products as unknowns, and a guess with
// fewer, the better the fewer directions matter. And lengths are added: if the terms alternate in
// sign, they cancel in the derivative and not in the estimate (exercise 3).
//
// ## Twice, with care
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
// step repairs that to first order, and no further. Two steps of Newton repair it to third order, each doubles the
// digits. Other methods need a slower solver to show what they do. Here are two for the same root,
//
// $$y \leftarrow y + \tfrac15\,(x - y^2) , \qquad y \leftarrow y + \tfrac12\,(\ln x - 2\ln y) ,$$
//
// which shrink errors by $1 - 0.4\sqrt2 = 0.43$ and $1 - 1/\sqrt2 = 0.29$ a step.
//
// - *Truncated unrolling* freezes the state $k$ steps before the end. A second derivative lacks what that state
//   would have contributed, and $k$ steps have shrunk it: to the order of $k\varrho^k$, one factor $k$ since each
//   of the steps may be the one that is differentiated twice. It converges, if later than the first.
// - *Neumann series*, *two-phase* and the *piggyback* of this page freeze the state at which $A$ and $B$ are
//   taken. Their limit is $D(x, y) = (1 - A)^{-1}B$ at a number $y$. Differentiated, it gives
//   $\partial D/\partial x$, where $\partial D/\partial x + (\partial D/\partial y)\,y'$ is meant.
//   More terms do not help.

let steps: [@Sendable (Tensor, Tensor) -> Tensor] = [
  { x, y in y + 0.2 * (x - y * y) }, { x, y in y + 0.5 * (log(x) - 2 * log(y)) },
]
func slow(_ step: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> UnrolledSolver<Tensor, Tensor>
{
  UnrolledSolver(start: { _ in Tensor(1) }, step: step, iterations: 80)
}

/// The derivative by a Neumann series of so many terms at the last state, a number, written out so that it
/// can be differentiated once more.
func frozen(_ solver: UnrolledSolver<Tensor, Tensor>, _ x: Tensor, terms: Int) throws -> Tensor {
  let y = try solver(x.withoutDerivative)
  var term = try valueAndPushforward(at: x, along: 1) { x in try solver.step(x, y) }.tangent
  var sum = term
  for _ in 1..<terms {
    term = try valueAndPushforward(at: y, along: term) { y in try solver.step(x, y) }.tangent
    sum = sum + term
  }
  return sum
}

/// The same along all states, which are numbers.
func piggyback(_ solver: UnrolledSolver<Tensor, Tensor>, _ x: Tensor) throws -> Tensor {
  var y = Tensor(1)
  var tangent = Tensor(0)
  for _ in 0..<solver.iterations {
    let state = y
    tangent =
      try valueAndPushforward(at: x, along: 1) { x in try solver.step(x, state) }.tangent
      + valueAndPushforward(at: state, along: tangent) { y in try solver.step(x, y) }.tangent
    y = try solver.step(x.withoutDerivative, state)
  }
  return tangent
}
let implicitRoot = ImplicitFunction<Tensor, Tensor>(
  forward: { x in sqrt(x) }, conditions: .root { x, y in y * y - x })

struct Orders {
  let name: String
  /// First and second derivative, with each of the two steps.
  let pairs: [(first: Double, second: Double)]

  /// The largest errors, if the second derivative is so many times the true one.
  func errors(_ factors: [Double] = [1, 1]) -> (first: Double, second: Double) {
    let (first, second) = (0.5 / root, -1 / (8 * root))
    return (
      pairs.map { ($0.first - first).magnitude }.max() ?? .nan,
      zip(pairs, factors).map { ($0.second - $1 * second).magnitude }.max() ?? .nan
    )
  }
}
func orders(
  _ name: String, _ derivative: (UnrolledSolver<Tensor, Tensor>, Tensor) throws -> Tensor
) throws -> Orders {
  let pairs = try steps.map { step in
    let both = try valueAndPushforward(at: Tensor(2), along: 1) { x in
      try derivative(slow(step), x)
    }
    return (both.value.scalar, both.tangent.scalar)
  }
  return Orders(name: name, pairs: pairs)
}
func slope(_ f: (Tensor) throws -> Tensor, at x: Tensor) throws -> Tensor {
  try valueAndPushforward(at: x, along: 1, of: f).tangent
}

let allSteps = try orders("all steps") { solver, x in try slope({ try solver($0) }, at: x) }
let lastSteps = try [1, 5, 10, 40].map { k in
  try orders(k == 1 ? "one-step" : "the last \(k) steps") { solver, x in
    try slope({ try solver.truncated($0, last: k) }, at: x)
  }
}
let series = try [5, 10, 40].map { k in
  try orders("Neumann, \(k) terms") { solver, x in try frozen(solver, x, terms: k) }
}
let carried = try orders("piggyback") { solver, x in try piggyback(solver, x) }
let solved = try orders("implicit") { _, x in try slope({ try implicitRoot($0) }, at: x) }
try table(
  ["at x = 2", "x − y²: first", "second", "ln x − 2 ln y: first", "second"],
  rows: ([allSteps] + lastSteps + series + [carried, solved]).map { row in
    [row.name]
      + row.pairs.flatMap { [$0.first, $0.second] }.map { $0.magnitude < 1e-13 ? 0 : $0 }
  })
try check(
  "second derivative by all steps, by the last 40, and implicit, largest error",
  max(allSteps.errors().second, lastSteps[3].errors().second, solved.errors().second),
  below: 1e-12)
try check(
  "first derivative by 40 terms, and by piggyback, largest error",
  max(series[2].errors().first, carried.errors().first), below: 1e-12)
try check(
  "their second derivative: how far it is from 0, and from twice the truth",
  max(series[2].errors([0, 2]).second, carried.errors([0, 2]).second), below: 1e-12)

// What the frozen methods give is not even a property of $\sqrt x$. With the first step
// $D = 1/(2y)$, which does not contain $x$; with the second $D = y/(2x)$, and $-y/(2x^2)$ is twice the truth. (Two-phase
// is the Neumann series with its own choice of $k$.) So the methods of this page that return numbers refuse
// to be differentiated:

try quoteError {
  _ = try valueAndPushforward(at: Tensor(2), along: 1) { x in
    try babylonian.pullback(at: x, cotangent: Tensor(1), method: .oneStep).value
  }
}

// Plain unrolling and implicit functions nest. So does truncated unrolling as a function, `truncated(_:last:)`
// above, with as many steps as the second derivative needs.
//
// ## What else goes wrong
//
// **The solver has not converged.** Then there is a derivative of the steps, and one of the fixed point,
// and they differ. The approximations aim at the second, from the wrong place:

quote(
  try descent(longest / 10).pullback(
    at: x, cotangent: validationGradient, method: .neumann(terms: 2 * longest)
  ).report)

// **The step does not contract.** Gradient descent with steps of length $\alpha$ contracts only as long as
// $\alpha\lambda_{\max} < 2$, where $\lambda_{\max}$ is the largest eigenvalue of the Hessian at the solution. Our $L$
// is a bound on it, and a generous one:

let hessian = try linearization(at: solution) { w in gradient(at: w) { w in objective(x, w) } }
var steepest = Tensor.ones([10])
for _ in 0..<300 {
  steepest = try hessian.pushforward(steepest)
  steepest /= steepest.norm()
}
let largestCurvature = steepest.dot(try hessian.pushforward(steepest)).scalar
show(
  "λmax/L, and the longest step that contracts, times L",
  digits(3, largestCurvature / L), digits(3, 2 * L / largestCurvature))
try check(largestCurvature < L, "λmax is below L")

// With a longer step the solver runs away from its fixed point, and so do the terms of the
// derivative. On one number, with $\lambda_{\max} = 1$ and $\alpha = 2.5$, the terms are $(-1.5)^j$:

let tooLong = UnrolledSolver<Tensor, Tensor>(
  start: { _ in Tensor(0) }, step: { x, y in y - 2.5 * (y - x) }, iterations: 5)
let diverged = try quoteError {
  _ = try tooLong.pullback(
    at: Tensor(1), cotangent: Tensor(1), method: .twoPhase(maximumTerms: 100))
}

// A hundred of them have the sum $(1 - 1.5^{100})/2.5$, and the last one is $1.5^{99}$: in size $2.5/1.5$ of it.

// hide begin
guard case UnrollingError.adjointNotConverged(_, let lastTerm, _) = diverged else { throw diverged }
// hide end
try check("last term over sum, less 2.5/1.5", (lastTerm - 2.5 / 1.5).magnitude, below: 1e-12)

// ## Which one?
//
// All routes side by side. The first two differentiate the \(steps in words), the third the 400 steps of
// a heavy ball with momentum 0.95, the others the fixed point: piggyback on the way to it, the rest from where
// a solver has left it.

func row<State>(
  _ name: String, _ result: UnrolledDerivative<State, Tensor>
) -> [any CustomStringConvertible] {
  let report = result.report
  return [
    name, report.peakBytes, report.stepsRecorded, report.products, measured(error(result.value)),
  ]
}
var routes = [
  row("every step recorded", plain), row("at most 10 states", again[2]),
  row("heavy ball, run backwards", backwards),
]
let tenth = longest / 10
for (name, method) in [
  ("one-step", UnrollingMethod.oneStep),
  ("last \(tenth) steps", .truncated(last: tenth)),
  ("Neumann, \(tenth) terms", .neumann(terms: tenth)),
] {
  let solver = settled(method == .truncated(last: tenth) ? tenth : 1)
  let result = try solver.pullback(
    at: x, cotangent: validationGradient, method: method, estimateProducts: 0)
  routes.append(row(name, result))
}
let ride = try descent(longest).pullback(
  at: x, cotangent: validationGradient, method: .piggyback, estimateProducts: 0)
routes.append(row("piggyback, \(longest) steps", ride))
let twoPhase = try [1e-6, 1e-9].map { tolerance in
  try settled(1).pullback(
    at: x, cotangent: validationGradient,
    method: .twoPhase(relativeTolerance: tolerance, maximumTerms: 100_000), estimateProducts: 0)
}
routes.append(row("two-phase, last term 1e-6", twoPhase[0]))
routes.append(row("two-phase, last term 1e-9", twoPhase[1]))

// The implicit derivative needs a solver for a linear system. Conjugate gradients stop at a relative
// residual of $10^{-12}$, as they do by default. How far their answer is from the truth, an LU factorisation
// of the ten by ten matrix tells:

let direct = try ImplicitFunction<Tensor, Tensor>(
  forward: { _ in solution }, conditions: .stationary(of: objective), linearSolver: LUSolver()
).pullback(at: x, validationGradient(solution))
let conjugateError = difference(implicit.value, direct.value)
routes.append([
  "implicit, conjugate gradients", try fit.linearize(at: x).recordedBytes, "",
  implicit.report.operatorProducts, measured(conjugateError),
])
try table(
  ["route", "bytes at most", "steps recorded", "products", "relative error"], rows: routes)
try check("conjugate gradients, relative residual", implicit.report.relativeResidual, below: 1e-12)
try check("conjugate gradients against LU, relative", conjugateError, below: 1e-9)
let missingTerms = 1 / (1 - rate)
let ratios = zip(twoPhase, [1e-6, 1e-9]).map { error($0.value) / ($1 * missingTerms) }
try check(
  ratios.allSatisfy { $0 > 0.5 && $0 < 2 },
  "two-phase: the error is the tolerance times 1/(1 − ϱ), within a factor of two")
// hide begin
note("implicit products", implicit.report.operatorProducts)
note("two-phase products", twoPhase[1].report.products)
note("missing terms", digits(3, missingTerms))
note("two-phase error", measured(error(twoPhase[0].value)))
// hide end

// Two-phase is told how small the *last term* may be, in proportion to the sum, and that is not the
// error. The terms that are missing shrink by $\varrho$ each, and together they are as long as
// $1/(1-\varrho)$ such terms, \(missing terms) here: a tolerance of $10^{-6}$ leaves an error of
// \(two-phase error). Whoever wants an error of $\delta$ has to ask for $(1-\varrho)\,\delta$.

// If you want the derivative of *these steps*, unconverged as they may be (in a learning rate, an
// initialisation, with early stopping), use checkpoints: the answer is that of plain unrolling, and
// memory is no longer a question. Running backwards holds as little, for as many steps as the drift
// allows. If the steps have converged, their derivative is that of the fixed
// point, and the series of terms is a slow way to solve $(1 - A^{\mathsf T})\,u = \bar w$: conjugate gradients
// need \(implicit products) products where the series needs \(two-phase products), and end closer. Truncation has one thing to say
// for itself: it needs no conditions and no linear algebra, and when a solver contracts fast, a few
// terms are all there is; for Newton's method, one.
//
// ## Exercises
//
// 1. How many states must be kept so that 10,000 steps can be reversed and none is run forward more than
//    three times?
// 2. A state kept every $k$ steps: which $k$ holds the fewest bytes, if a recording takes $c$ times the
//    bytes of a state?
// 3. On $y \leftarrow -0.9\,y + x$ the estimate is nineteen times too large. Why? Mend the *derivative*, with
//    no product more.
// 4. From which momentum on does the ball creep in no direction of the fit? How many steps can then be
//    run backwards before the drift exceeds a millionth?
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
