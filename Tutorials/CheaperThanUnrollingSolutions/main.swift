// # Solutions: thirty-eight states, a square root, an average, and a critical momentum
//
// Page: docs/CheaperThanUnrollingSolutions.md
//
// These are the exercises of [Unrolling need not keep its steps, and need not take them
// all](CheaperThanUnrolling.md#exercises), worked out.

// hide begin
import Comparison
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
let longest = try options.integer(
  "iterations", default: 2_500, quick: 400, in: 100...100_000,
  help: "steps that are differentiated at most")
try beginPage(options)
// hide end

// ## 1. Three times and no more
//
// *How many states must be kept so that 10,000 steps can be reversed and none is run forward more than
// three times?*
//
// The smallest $s$ with $\beta(s, 3) = \binom{s+3}{3} = (s+1)(s+2)(s+3)/6 \ge 10{,}000$. The cube root of 60,000
// is a little above 39, so $s$ is near 37.

for slots in [37, 38] {
  let schedule = BinomialSchedule(steps: 10_000, slots: slots)
  show(
    "states, steps within reach, repetitions", slots,
    (slots + 1) * (slots + 2) * (slots + 3) / 6, schedule.repetitions)
}
try check(
  BinomialSchedule(steps: 10_000, slots: 37).repetitions == 4
    && BinomialSchedule(steps: 10_000, slots: 38).repetitions == 3,
  "38 states are enough, 37 are not")

// ## 2. Every k steps
//
// *A state kept every $k$ steps: which $k$ holds the fewest bytes, if a recording takes $c$ times the
// bytes of a state?*
//
// $N/k$ states and $k$ recordings are $N/k + ck$ states' worth. The derivative $-N/k^2 + c$ vanishes at
// $k = \sqrt{N/c}$: fewer steps at a time than $\sqrt N$, since recordings are the larger things.

let coupling: Tensor = [[0.4, -0.3, 0.1], [0.2, 0.5, -0.2], [0.1, 0.3, 0.6]]
func solver(_ iterations: Int) -> UnrolledSolver<Tensor, Tensor> {
  UnrolledSolver(
    start: { _ in .zeros([3]) }, step: { x, y in tanh(matmul(coupling, y) + x) },
    iterations: iterations)
}
func bytes(_ method: UnrollingMethod, _ iterations: Int) throws -> Int {
  try solver(iterations).pullback(
    at: [0.1, 0.2, -0.1], cotangent: [1, 2, 3], method: method
  ).report.peakBytes
}
let state = 24
let recording = try bytes(.everything, 2) - bytes(.everything, 1)
let best = (Double(longest * state) / Double(recording)).squareRoot()
show("bytes of a state, and of one more recording", state, recording)
show("√(N/c) for N steps", longest, digits(3, best))

var held: [(k: Int, bytes: Int)] = []
for k in [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50] {
  held.append((k, try bytes(.everySteps(k), longest)))
}
try table(["k", "bytes at most"], rows: held.map { [$0.k, $0.bytes] })
let fewest = held.min { $0.bytes < $1.bytes }?.k ?? 0
try check(
  Double(fewest) > best / 2 && Double(fewest) < 2 * best,
  "the best of these k, \(fewest), is within a factor of two of √(N/c)")

// ## 3. Alternating signs
//
// *On $y \leftarrow -0.9\,y + x$ the estimate is nineteen times too large. Why? Mend the* derivative*, with no
// product more.*
//
// The terms are $(-0.9)^j$, and what is missing after $k$ of them is $(-0.9)^k/(1 + 0.9)$. The estimate adds up
// lengths and gets $0.9^k/(1 - 0.9)$, larger by $1.9/0.1 = 19$.
//
// The partial sums jump from one side of the limit to the other, so the mean of two neighbours is
// much better than both: of $k - 1$ and $k$ terms its error is half of $(-0.9)^{k-1}(1 - 0.9)/(1 + 0.9)$, smaller
// by a factor of 18.

let alternating = UnrolledSolver<Tensor, Tensor>(
  start: { _ in Tensor(0) }, step: { x, y in -0.9 * y + x }, iterations: 400)
var signs: [[any CustomStringConvertible]] = []
var ratioError = 0.0
for k in [2, 11, 41] {
  let sums = try [k - 1, k].map { terms in
    try alternating.pullback(
      at: Tensor(1), cotangent: Tensor(1), method: .neumann(terms: terms))
  }
  let error = (sums[1].value.scalar - 1 / 1.9).magnitude
  let mean = (sums[0].value.scalar + sums[1].value.scalar) / 2
  let estimate = sums[1].report.truncation?.error ?? .nan
  ratioError = max(ratioError, (estimate / error / 19 - 1).magnitude)
  signs.append([k, digits(4, error), digits(4, estimate), digits(4, (mean - 1 / 1.9).magnitude)])
}
try table(["terms k", "error", "estimated", "error of the mean of k − 1 and k terms"], rows: signs)
try check("estimate over error against 19, relative", ratioError, below: 1e-9)

// Averages of averages are better still. That is what the damped step $\frac12(y + T(y))$ does, which has the
// same fixed point and the factor $\frac12(1 - 0.9) = 0.05$ in place of $-0.9$: damp the *solver*, and
// the derivative follows.
//
// ## 4. Creeping and oscillating
//
// *From which momentum on does the ball creep in no direction of the fit? How many steps can then be run
// backwards before the drift exceeds a millionth?*
//
// A direction creeps if its two factors are real: $(1 + \gamma - \alpha\lambda)^2 \ge 4\gamma$. With $\gamma = \sigma^2$
// this is $1 + \sigma^2 - \alpha\lambda \ge 2\sigma$, or $(1 - \sigma)^2 \ge \alpha\lambda$. So none does as soon as
//
// $$\gamma > (1 - \sqrt{\alpha\mu})^2 ,$$
//
// where $\mu$ is the smallest eigenvalue; with a step of $1/L$ that is also the momentum that converges
// fastest. On the page the slowest factor of gradient descent, $1 - \alpha\mu$, is 0.998562.

func critical(slowestFactor: Double) -> Double {
  let sigma = 1 - (1 - slowestFactor).squareRoot()
  return sigma * sigma
}
let fit = critical(slowestFactor: 0.998562)
show("critical momentum of the fit", digits(4, fit))
try check(0.9 < fit && fit < 0.95, "momentum 0.9 creeps, 0.95 does not")

// From there on both factors have the size $\sqrt\gamma$, and the drift grows by $\gamma^{-1/4}$ a step until the ball
// lies still, $\gamma^{N/2} = \varepsilon$, with a drift of $\sqrt\varepsilon$. Then it grows by
// $\gamma^{-1/2}$ a step, from $\sqrt\varepsilon$ to the millionth. The two stretches together are
//
// $$N = \frac{2\ln(1/\varepsilon) + 2\ln(10^{-6}/\sqrt\varepsilon)}{\ln(1/\gamma)} .$$

func ln(_ value: Double) -> Double { log(Tensor(value)).scalar }
func reach(_ momentum: Double) -> Double {
  let epsilon = Double.ulpOfOne
  return (-2 * ln(epsilon) + 2 * ln(1e-6 / epsilon.squareRoot())) / -ln(momentum)
}
let numerator = reach(exp(Tensor(-1)).scalar)
show("N times ln(1/γ)", digits(3, numerator))
show(
  "steps at the critical momentum, at 0.95, at 0.99",
  digits(2, reach(fit)), digits(2, reach(0.95)), digits(2, reach(0.99)))

// The same on two numbers, with curvatures 1 and 0.0025:

let curvatures: Tensor = [1, 0.0025]
func walk(_ momentum: Double, _ iterations: Int = 300) throws -> Double {
  var ball = try ReversibleSolver<Tensor, HeavyBallState>.heavyBall(
    of: { x, y in 0.5 * (curvatures * (y - x) * (y - x)).sum() }, stepSize: 1,
    momentum: momentum, from: [1, -1], iterations: iterations)
  ball.driftTolerance = .infinity
  let pulled = try ball.pullback(
    at: [0.3, 0.7], cotangent: HeavyBallState(position: [1, 1]))
  return pulled.report.reversalDrift ?? .nan
}
let bound = critical(slowestFactor: 1 - 0.0025)
show("critical momentum", bound)
let below = try walk(bound - 0.05)
let above = try walk(bound + 0.01)
try check(
  below > 1e-3, "momentum 0.05 below it: after 300 steps back the drift exceeds a thousandth")
try check(above < 1e-11, "momentum 0.01 above it: the drift is below 1e-11")
let expected = reach(bound + 0.01)
show("steps to a millionth, expected there", digits(2, expected))
let early = try walk(bound + 0.01, Int(0.75 * expected))
let late = try walk(bound + 0.01, Int(1.5 * expected))
show(
  "drift after three quarters of them, and after half as many again",
  measured(early, digits: 1), measured(late, digits: 1))
try check(early < 1e-6 && late > 1e-6, "one is below a millionth, the other above it")
try endPage()  // hide
