// # A transport plan has a derivative, its potentials have a gauge
//
// Page: docs/SinkhornFixedPoint.md
// Teaches: How to differentiate a transport plan although its equations are singular.
// Minutes: 25
//
// You have computed the cheapest way to move one heap of sand onto another, and then the question
// comes: *if I put a spoonful more here and take it away there, how does the whole plan shift?* You
// look at the equations to differentiate them and find that their matrix is singular. Always, for
// any data. Is there no derivative, or is something else going on?
//
// There is one. The equations leave a single number free that nobody cares about, and once this is
// said aloud, one linear solve gives the motion of the plan.

// hide begin
import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-10)
let epsilon = try options.real(
  "epsilon", default: 0.01, quick: 0.03, in: 0.003...0.1, help: "weight of the entropy")
let smallest = try options.real(
  "smallest-epsilon", default: 0.001, quick: 0.01, in: 0.001...0.1,
  help: "where the sweep over the entropy ends")
let longest = try options.integer(
  "iterations", default: 5_000, quick: 100, in: 10...100_000,
  help: "iterations of Sinkhorn that are unrolled at most")
let flowSteps = try options.integer(
  "flow", default: 200, quick: 4, in: 1...10_000, help: "steps of the flow between the images")
let sweepSteps = DifferenceSteps(ratio: options.quick ? 10 : 2)
let tolerance = options.tolerance
try beginPage(options)
// hide end

// ## By hand, on two heaps
//
// Two sources hold the masses $a_1, a_2$, two targets want $b_1, b_2$, with equal sums. A *plan* is
// a matrix $P$ with entry $P_{ij}$ moved from source $i$ to target $j$: its rows sum to $a$, its
// columns to $b$. Moving a unit costs $C_{ij}$. The cheapest plan is no smooth function of the data:
// as the masses move it follows with kinks, and as the costs move it stands still until it jumps. So we
// take the plan that minimises
//
// $$\langle C, P\rangle + \varepsilon \sum_{ij} P_{ij}\log P_{ij} ,$$
//
// the cost *minus* $\varepsilon$ times the entropy $-\sum P \log P$. Entropy is large when much is
// spread over many ways, so spreading is rewarded, the more the larger $\varepsilon$ is.
//
// Four entries with these marginals have one degree of freedom, $p = P_{11}$. Setting the derivative
// in $p$ to zero gives
//
// $$\log P_{11} + \log P_{22} - \log P_{12} - \log P_{21} = \frac{\Delta}{\varepsilon}, \qquad
// \Delta = C_{12} + C_{21} - C_{11} - C_{22},$$
//
// with $P_{12} = a_1 - p$, $P_{21} = b_1 - p$, $P_{22} = a_2 - b_1 + p$: one equation, quadratic in
// $p$ after exponentiation. Now differentiate both sides. Let $\Delta$ move, or let a little mass
// move from source 2 to source 1 ($\dot a = (1, -1)$):
//
// $$\frac{dp}{d\Delta} = \frac{1}{\varepsilon}\,\frac{1}{S}, \qquad
// \frac{dp}{da} = \frac{1/P_{12} + 1/P_{22}}{S}, \qquad S = \sum_{ij} \frac{1}{P_{ij}} .$$
//
// (As $P_{12} = a_1 - p$ and $P_{22} = a_2 - b_1 + p$ depend on $a$ themselves.)

let (a1, a2, b1, b2) = (0.6, 0.4, 0.5, 0.5)
let ratio = exp(Tensor(2)).scalar  // Δ = 2, ε = 1
let half = (a2 - b1 + ratio * (a1 + b1)) / (2 * (ratio - 1))
let p = half - (half * half - ratio * a1 * b1 / (ratio - 1)).squareRoot()
let (p11, p12, p21, p22) = (p, a1 - p, b1 - p, a2 - b1 + p)
let S = 1 / p11 + 1 / p12 + 1 / p21 + 1 / p22
let byHand = (cost: 1 / S, mass: (1 / p12 + 1 / p22) / S)
show("plan", p11, p12, p21, p22)
show("dp/dΔ, dp/da", byHand.cost, byHand.mass)
note("share", digits(2, byHand.mass))

// Of a unit moved to source 1, \(share) goes to target 1; the rest goes to target 2, and source 2
// makes room.
//
// ## The same for any number of heaps
//
// With $n$ sources and $m$ targets one does not eliminate; one uses multipliers. The minimiser has
// the form
//
// $$P_{ij} = e^{(f_i + g_j - C_{ij})/\varepsilon}$$
//
// with a *potential* $f_i$ for each source and $g_j$ for each target, and the conditions are that
// its marginals are right:
//
// $$P\mathbf 1 - a = 0, \qquad P^{\mathsf T}\mathbf 1 - b = 0 .$$
//
// These are $n + m$ equations for $n + m$ unknowns, and this is how they look in code. Sinkhorn's
// iteration solves the first half for $f$, then the second half for $g$, and so on in turns.

/// A question: move `a` to `b` at this cost.
struct Transport: TensorStructure {
  var cost: Tensor
  var a: Tensor
  var b: Tensor
  static var fields: [TensorField<Transport>] {
    [.init("cost", \.cost), .init("a", \.a), .init("b", \.b)]
  }
}

/// Its answer, in disguise.
struct Potentials: TensorStructure {
  var f: Tensor
  var g: Tensor
  static var fields: [TensorField<Potentials>] { [.init("f", \.f), .init("g", \.g)] }
}

@Sendable func plan(_ cost: Tensor, _ y: Potentials, _ epsilon: Double) -> Tensor {
  exp((y.f.expanded(atAxis: 1) + y.g - cost).scaled(by: 1 / epsilon))
}

@Sendable func marginals(_ x: Transport, _ y: Potentials, _ epsilon: Double) -> [Tensor] {
  let P = plan(x.cost, y, epsilon)
  return [P.sum(alongAxis: 1) - x.a, P.sum(alongAxis: 0) - x.b]
}

/// The potentials as a function of cost and masses.
func potentials(
  _ epsilon: Double, gauge: Gauge<Transport, Potentials>?, stopping: Stopping? = nil,
  conditionsTolerance: Double? = 1e-6
) -> ImplicitFunction<Transport, Potentials> {
  let stopping = stopping ?? Stopping(gradientTolerance: tolerance)
  return ImplicitFunction(
    forward: { x in
      let found = try Sinkhorn(epsilon: epsilon, stopping: stopping)
        .transport(cost: x.cost, from: x.a, to: x.b)
      return Potentials(f: found.rowPotentials, g: found.columnPotentials)
    },
    conditions: .root { x, y in marginals(x, y, epsilon) },
    conditionsTolerance: conditionsTolerance, gauge: gauge)
}

// Nothing is differentiated so far. Ask for the linearisation of the two heaps:

let heaps = Transport(cost: [[0, 1], [1, 0]], a: [0.6, 0.4], b: [0.5, 0.5])
try quoteError { _ = try potentials(1, gauge: nil).linearize(at: heaps) }

// ## The gauge
//
// Look at the formula for $P$. Raise all $f_i$ by $t$ and lower all $g_j$ by $t$: no entry of the
// plan notices. So the potentials were never determined in the first place, only up to one number,
// and $A = \partial F/\partial (f, g)$ maps the direction $(1, \dots, 1, -1, \dots, -1)$ to zero.
// Such a freedom is called a *gauge*. And a square matrix that loses a direction at its entrance
// misses one at its exit: the equations contain one that follows from the others, because rows and
// columns of *any* plan have the same total. Here is $A$ for the two heaps, with both directions.
// It is symmetric, so they are the same: $A r = 0$ and $r^{\mathsf T} A = 0$ for
// $r = (1, 1, -1, -1)$.

let gauge = Gauge<Transport, Potentials>(
  right: { x, _ in [Potentials(f: .ones([x.a.count]), g: -Tensor.ones([x.b.count]))] })
let twoHeaps = try potentials(1, gauge: gauge).linearize(at: heaps)
let A = try Tensor(shape: [4, 4], twoHeaps.A.denseMatrix())
try table(
  ["", "f₁", "f₂", "g₁", "g₂"],
  rows: (0..<4).map { row in
    [["row 1", "row 2", "column 1", "column 2"][row]] + (0..<4).map { A[row, $0] }
  })
try check(
  "largest entry of A r", matmul(A, [1, 1, -1, -1]).norm(.infinity).scalar, below: 1e-14)

// The two directions have different jobs. The one at the entrance says what cannot be asked: a
// quantity that changes with $t$, such as $f_1$ alone, has no derivative. The one at the exit says
// what cannot be prescribed: with $r^{\mathsf T} A = 0$, the equation $A\,\dot y = -B\,\dot x$ has
// a solution only if $r^{\mathsf T} B\,\dot x = 0$, and that reads
//
// $$\sum_i \dot a_i = \sum_j \dot b_j .$$
//
// Mass that enters must leave. With the gauge declared, the derivative of the *plan* is an
// ordinary one. Here it is along both directions that we did by hand:

func planDerivative(
  _ function: ImplicitFunction<Transport, Potentials>, _ epsilon: Double, at x: Transport,
  along tangent: Transport
) throws -> (plan: Tensor, change: Tensor) {
  let (P, dP) = try valueAndPushforward(at: x, along: tangent) { x in
    plan(x.cost, try function(x), epsilon)
  }
  return (P, dP)
}

let towards1 = Transport(cost: .zeros([2, 2]), a: [1, -1], b: [0, 0])
let raised = Transport(cost: [[0, 1], [0, 0]], a: [0, 0], b: [0, 0])
let (small, moved) = try planDerivative(
  potentials(1, gauge: gauge), 1, at: heaps, along: towards1)
let (_, dearer) = try planDerivative(potentials(1, gauge: gauge), 1, at: heaps, along: raised)
show("dP for ȧ = (1, −1)", moved[0, 0], moved[0, 1], moved[1, 0], moved[1, 1])
show("dP for Ċ₁₂ = 1", dearer[0, 0], dearer[0, 1], dearer[1, 0], dearer[1, 1])
let handError = Swift.max(
  (small[0, 0] - p).magnitude, (moved[0, 0] - byHand.mass).magnitude,
  (dearer[0, 0] - byHand.cost).magnitude)
try check("difference from the formulas", handError, below: 1e-9)

// Every row of the first change sums to $\dot a$, every column to $\dot b = 0$. Raising a price
// moves mass around a square and changes no sum at all.
//
// ### Why not just drop an equation?
//
// That is often proposed: one equation is redundant, so cross out the last one, pin
// $g_m = 0$, and the rest is regular. It is right for tangents that conserve mass. For the others
// it is worse than an error. Put mass on source 1 and take it from nowhere:

let pinned = A.slice(0..<3, alongAxis: 0).slice(0..<3, alongAxis: 1)
let answer = try solve(pinned, [1, 0, 0])  // ȧ = (1, 0), ḃ = 0
let change = small * (answer.slice(0..<2).expanded(atAxis: 1) + Tensor([answer[2], 0]))
let arrived = change.sum(alongAxis: 0)
show("column sums of dP, asked for 0 and 0", measured(arrived[0]), arrived[1])

// The system was solved without a complaint, and target 2, whose equation was crossed out,
// received the whole unit. Whoever crosses out another equation gets another answer. The declared
// gauge refuses instead:

let created = Transport(cost: .zeros([2, 2]), a: [1, 0], b: [0, 0])
try quoteError { _ = try twoHeaps.pushforward(created) }

// And the other way round, the gradient of $f_1$:

try quoteError { _ = try twoHeaps.pullback(Potentials(f: [1, 0], g: [0, 0])) }

// $f_1 - f_2$ is fine, as is $f_1 + g_1$, and everything else that can be said about the plan.
//
// Someone who wants the least-squares answer to an inconsistent question can have it, but has to
// ask, and the report says so:

let lenient = Gauge<Transport, Potentials>(
  right: { x, _ in [Potentials(f: .ones([x.a.count]), g: -Tensor.ones([x.b.count]))] },
  inconsistent: .leastSquares)
let spread = try potentials(1, gauge: lenient).pushforward(at: heaps, created)
quote(spread.report.linearSolver)

// ## A three that becomes an eight
//
// Now a heap of 64 pixels. Two handwritten digits, a 3 and an 8, are images of 8×8 pixels with 0 to
// 16 parts of ink. Every pixel gets one part more, because a plan with entropy sends something from
// everywhere to everywhere and an empty pixel would need the logarithm of zero; then each image is
// divided by its sum. The cost is the squared distance, with coordinates between 0 and 1.

let table64 = try Table(csv: try dataFile("digits.csv"))
let ink = try table64.columns((0..<64).map { "p\($0)" }) + 1
func image(row: Int) -> Tensor {
  let pixels = ink.at(row - 1)
  return pixels / pixels.sum()
}
let (a, b) = (image(row: 4), image(row: 9))
let across = Tensor((0..<64).map { Double($0 % 8) / 7 })
let down = Tensor((0..<64).map { Double($0 / 8) / 7 })
let cost =
  pow(across.expanded(atAxis: 1) - across, 2) + pow(down.expanded(atAxis: 1) - down, 2)
let digitsQuestion = Transport(cost: cost, a: a, b: b)
note("epsilon", epsilon)
note("tolerance", tolerance)

// The weight $\varepsilon$ of the entropy is \(epsilon). Sinkhorn's iteration ends once
// $\lVert P\mathbf 1 - a\rVert_1 + \lVert P^{\mathsf T}\mathbf 1 - b\rVert_1$, the error of the
// marginals, is at most \(tolerance); the ink of each image adds up to 1.

let found = try Sinkhorn(
  epsilon: epsilon, stopping: Stopping(gradientTolerance: tolerance)
).transport(cost: cost, from: a, to: b)
show("iterations", found.iterations)
show("marginal error", digits(2, found.marginalError))
show("cost ⟨C, P⟩", (cost * found.plan).sum().scalar)
note("content", found.iterations)

// Take a spoonful of ink from a pixel at the upper left of the 3 (number 10, counted from the top
// left, row by row, beginning with 0) and add it to one at its lower right (number 53). Watch a
// third one in the middle, number 27, of which nothing is asked. How does the plan change?

let (source, sink, bystander) = (10, 53, 27)
let between = potentials(epsilon, gauge: gauge)
var spoon = Tensor.zeros([64])
spoon = spoon + Tensor([1, -1]).scattered([sink, source], count: 64)
let spoonful = Transport(cost: .zeros([64, 64]), a: spoon, b: .zeros([64]))
let (P, dP) = try planDerivative(between, epsilon, at: digitsQuestion, along: spoonful)
let rowError = (dP.sum(alongAxis: 1) - spoon).norm(.infinity).scalar
let columnError = dP.sum(alongAxis: 0).norm(.infinity).scalar
try check("largest error of dP·1 = ȧ", rowError, below: 1e-12)
try check("largest error of dPᵀ1 = ḃ", columnError, below: 1e-12)

// hide begin
func shaded(_ title: String, _ values: Tensor) -> ImageGrid.Image {
  ImageGrid.Image(title, columns: 8, values: (values / values.norm(.infinity)).scalars)
}
try figure(
  "digits",
  try ImageGrid(
    "From a 3 to an 8",
    [
      shaded("a", a - a.min()), shaded("b", b - b.min()),
      shaded("where pixel 10 goes", P.at(source)), shaded("where pixel 53 goes", P.at(sink)),
      shaded("where pixel 27 goes", P.at(bystander)),
    ], range: 0...1,
    caption: "The two images, and three rows of the plan as images, each in shades of its own."
  ).figure())
try figure(
  "change",
  try ImageGrid(
    "How the rows of the plan change",
    [
      shaded("of pixel 10 (gives)", dP.at(source)), shaded("of pixel 53 (receives)", dP.at(sink)),
      shaded("of pixel 27 (not asked)", dP.at(bystander)),
    ], range: -1...1, perRow: 3,
    caption: "Mid-grey is no change, darker is more, paler is less, each in shades of its own. The "
      + "first row of the plan sums to −1, the second to 1, the third to 0."
  ).figure())
// hide end

// Pixel 10 sends less, pixel 53 sends more. But the eight still wants what it wanted, so all the
// others have to shift. Pixel 27 sends as much ink as before, its row of $dP$ sums to zero, and the
// third picture shows what it does with it: less for the rows below, more for its own place.

let below = Tensor((0..<64).map { $0 / 8 > bystander / 8 ? 1 : 0 })
try check(
  "sum of the row of pixel 27", dP.at(bystander).sum().scalar.magnitude, below: 1e-12)
show("change of what pixel 27 sends to the rows below", dP.at(bystander).dot(below).scalar)
show("change of what it sends to its own place", dP[bystander, bystander])
try check(
  dP.at(bystander).dot(below).scalar < 0 && dP[bystander, bystander] > 0,
  "pixel 27 sends less down and keeps more")

// Why up? Count the rows of the image from the top, beginning with 0. Every place of the eight gets what it got, so
// the sum of (ink times row of arrival) over the whole plan does not change. Pixel 53 brings a unit
// more to places far down, pixel 10 a unit less to places far up, and the others must make up for
// it:

let arrival = matmul(dP, Tensor((0..<64).map { Double($0 / 8) }))
let others = (0..<64).filter { $0 != source && $0 != sink }
let byOthers = others.map { arrival[$0] }.reduce(0, +)
show(
  "change of ink times row, pixels 10, 53, 27", arrival[source], arrival[sink], arrival[bystander])
show("the same, the 62 others together", byOthers)
show("how many of the 62 deliver further up", others.count { arrival[$0] < 0 })
try check(
  "sum over all pixels", (arrival[source] + arrival[sink] + byOthers).magnitude, below: 1e-11)
try check(arrival[bystander] < 0, "pixel 27 delivers further up")
let redirected = abs(dP).sum().scalar / 2
show("sum of the entries of dP above zero", redirected)
note("redirected", digits(2, redirected))

// The whole chain counts. The entries of the plan that grow do so by \(redirected) in all, and the
// others shrink by as much: for one spoonful that is moved, \(redirected) change their way.

// ## What the value asks for, and what the plan asks for
//
// How does the optimal *value* change, cost and entropy together? That needs no linear system. The
// value is a minimum over plans. When the costs move a little, the plan moves too, but at a minimum
// this has no effect to first order (the envelope theorem, or Danskin's). What remains is how the
// objective depends on $C$ with the plan held fixed, and that is $P$.
//
// With the masses this does not work: the objective does not contain them, and no plan can be held
// fixed whose rows have to sum to another $a$. They stand in the constraints, and there the derivative
// is the multiplier, $f$ or $g$: what one more unit at a place would cost. The *dual* form treats all
// three alike. The value is also a maximum, over all potentials, of
//
// $$D(f, g) = a^{\mathsf T}f + b^{\mathsf T}g + \varepsilon\Bigl(\sum_i a_i - \sum_{ij} P_{ij}\Bigr),
// \qquad P_{ij} = e^{(f_i + g_j - C_{ij})/\varepsilon} .$$
//
// Its gradient in the potentials is $(a - P\mathbf 1,\; b - P^{\mathsf T}\mathbf 1)$, which is zero at the
// solution, so there is nothing to pull back and nothing to solve. What remains is how $D$ depends on
// the data with the *potentials* held fixed:
//
// $$\frac{\partial\,\mathrm{OT}}{\partial C} = P, \qquad
// \frac{\partial\,\mathrm{OT}}{\partial a} = f, \qquad \frac{\partial\,\mathrm{OT}}{\partial b} = g,$$
//
// the last two up to a constant, which mass-conserving directions do not see.

@Sendable func value(_ x: Transport, _ y: Potentials) -> Tensor {
  let mass = x.a.sum() - plan(x.cost, y, epsilon).sum()
  return y.f.dot(x.a) + y.g.dot(x.b) + mass.scaled(by: epsilon)
}

let y = try between(digitsQuestion)
let inPotentials = gradient(at: y) { y in value(digitsQuestion, y) }
let inQuestion = gradient(at: digitsQuestion) { x in value(x, y) }
func relative(_ x: Tensor, to exact: Tensor) -> Double {
  ((x - exact).norm() / exact.norm()).scalar
}
try check(
  "gradient of the value in the potentials, largest entry",
  Swift.max(inPotentials.f.norm(.infinity).scalar, inPotentials.g.norm(.infinity).scalar),
  below: 1e-9)
try check("∂OT/∂C against P", relative(inQuestion.cost, to: P), below: 1e-12)

// That was algebra. A difference quotient knows nothing of it. Take three: the spoonful; one way made
// longer, from pixel 27 to the one below it, which should show the ink $P_{27,35}$ on this way; and
// a toll on all ways from the upper half of the image to the lower one, which should show all the
// ink that crosses the middle downwards. (What crosses it upwards pays nothing. And it takes
// such a choice of ways to test the plan. Making all ways to one pixel longer would show $b_j$, and
// would for any plan whatever.)

func slope(along tangent: Transport) throws -> Double {
  try DifferenceSweep(scale: 0.01, steps: sweepSteps) { t in
    let h = Tensor(t)
    return try Sinkhorn(epsilon: epsilon).transport(
      cost: cost + h * tangent.cost, from: a + h * tangent.a, to: b
    ).value.scalar
  }.derivative
}
func toll(_ ways: Tensor) -> Transport {
  Transport(cost: ways, a: .zeros([64]), b: .zeros([64]))
}
let oneWay = Tensor([1]).scattered([27 * 64 + 35], count: 64 * 64).reshaped([64, 64])
let upper = Tensor((0..<64).map { $0 < 32 ? 1 : 0 })
let crossing = outer(upper, 1 - upper)
let slopes = try [spoonful, toll(oneWay), toll(crossing)].map { try slope(along: $0) }
let expected = [(y.f[53] - y.f[10]), P[27, 35], (P * crossing).sum().scalar]
show("slope along the spoonful, f₅₃ − f₁₀", slopes[0], expected[0])
show("slope for a longer way, P₂₇,₃₅", slopes[1], expected[1])
show("slope for the toll, Σ P from the upper to the lower half", slopes[2], expected[2])
show("the same upwards, where nothing is paid", (P * crossing.transposed()).sum().scalar)
try check(
  "largest relative difference",
  zip(slopes, expected).map { (($0 - $1) / $1).magnitude }.max() ?? .nan, below: 1e-6)

// So far so cheap, and here lies a trap. Many people want the cost alone, $\langle C, P\rangle$,
// without the entropy that was only added to make life smooth. The plan does *not* minimise that,
// so there is no envelope theorem for it, and $P$ is not its gradient in $C$:

@Sendable func sharp(_ x: Transport, _ y: Potentials) -> Tensor {
  (x.cost * plan(x.cost, y, epsilon)).sum()
}
let sharpGradient = try gradient(at: digitsQuestion) { x in sharp(x, try between(x)) }
show("relative error of taking P for the gradient of ⟨C, P⟩", relative(P, to: sharpGradient.cost))
show("entries of that gradient below zero, of 4,096", sharpGradient.cost.scalars.count { $0 < 0 })

// A negative entry says: make this way *dearer*, and the transport becomes cheaper. That happens
// because the plan, rewarded for entropy, sends a little along dear ways too, and less so when they
// are dearer still. The linear system makes it precise. It answers with a price $u_i$ for each source
// and $v_j$ for each target, and
//
// $$\frac{\partial \langle C, P\rangle}{\partial C_{ij}} =
// P_{ij}\left(1 - \frac{C_{ij} - u_i - v_j}{\varepsilon}\right) :$$
//
// negative for every way that costs over $\varepsilon$ more than its two ends are worth. The prices
// are the derivatives in $a$ and $b$ of the same pullback, one linear solve for all 4,096 entries:

let prices = sharpGradient.a.expanded(atAxis: 1) + sharpGradient.b
try check(
  "the gradient against this formula",
  relative(P * (1 - (cost - prices).scaled(by: 1 / epsilon)), to: sharpGradient.cost), below: 1e-9)

// ## Is it right?
//
// Take the slope of $\langle C, P\rangle$ along the spoonful, and for a reference do the linear
// algebra of the pullback by hand. It turns the gradient $(\bar f, \bar g)$ of the cost in the
// potentials into its gradient in the masses, the prices $(u, v)$ from above, by solving
//
// $$\frac 1\varepsilon \begin{pmatrix} \mathrm{diag}(a) & P \\ P^{\mathsf T} & \mathrm{diag}(b)
// \end{pmatrix} \begin{pmatrix} u \\ v \end{pmatrix} =
// \begin{pmatrix} \bar f \\ \bar g \end{pmatrix} .$$
//
// The second row gives $v = (\varepsilon \bar g - P^{\mathsf T} u)/b$, entry by entry, and with this
// the first is a system for the 64 entries of $u$ alone:
//
// $$H u = \varepsilon\,(\bar f - P\,(\bar g / b)), \qquad
// H = \mathrm{diag}(a) - P\,\mathrm{diag}(b)^{-1} P^{\mathsf T} .$$
//
// The gauge is still there, as $H\mathbf 1 = 0$. With $a a^{\mathsf T}$ added to $H$ the system is
// regular, and of all its solutions we get the one with $a^{\mathsf T} u = 0$. The plan is iterated
// until rounding stops it.

let tight = try Sinkhorn(
  epsilon: epsilon, stopping: Stopping(gradientTolerance: 1e-13, maximumIterations: 100_000)
).transport(cost: cost, from: a, to: b)
let Q = tight.plan
let H = a.diagonal() - matmul(Q / b, Q, transposingRight: true) + outer(a, a)
let (fBar, gBar) = ((cost * Q).sum(alongAxis: 1), (cost * Q).sum(alongAxis: 0))  // times 1/ε
let exact = try solve(H, fBar - matmul(Q, gBar / b))
let reference = Transport(
  cost: .zeros([64, 64]), a: exact, b: (gBar - matmul(exact, Q)) / b)

let enough = min(longest, 800)
func unrolled(_ iterations: Int) -> (Transport) throws -> Potentials {
  { x in
    let found = try Sinkhorn(epsilon: epsilon, stopping: .after(iterations))
      .transport(cost: x.cost, from: x.a, to: x.b)
    return Potentials(f: found.rowPotentials, g: found.columnPotentials)
  }
}
let rounding = 100.0  // the condition of A: errors below 100 · 1e-13 are shown as a bound
let comparison = try GradientComparison(
  of: between, at: digitsQuestion, loss: { y in (cost * plan(cost, y, epsilon)).sum() },
  along: .along(spoonful), unrolled: unrolled(enough), reference: reference,
  differences: sweepSteps)
note("enough", enough)
try table(
  ["route", "slope", "relative error", "solver runs", "bytes recorded"],
  rows: comparison.rows.map { row in
    [
      row.method.rawValue, row.derivatives[0],
      row.error.map { measured($0, scale: rounding) }?.description ?? "",
      row.forwardSolvesText, row.recordedBytes?.description ?? "",
    ]
  })
for finding in comparison.findings { quote(finding) }
if let report = comparison.report { quote(report) }
let oneSided: Set<GradientComparison.Method> = [.forwardDifferences, .backwardDifferences]
func largestError(ofOneSided: Bool) -> Double {
  let errors = comparison.rows.filter { oneSided.contains($0.method) == ofOneSided }.map(\.error)
  return errors.map { $0 ?? .nan }.reduce(0, Swift.max)
}
note("one-sided", digits(2, largestError(ofOneSided: true)))
note("others", digits(2, largestError(ofOneSided: false)))

// All routes meet: the one-sided differences to \(one-sided) of the slope, which is as close as a
// formula of first order comes with this noise, all the others to \(others). The implicit rows are as
// good as the plan they start from: the report has announced an error of about that size as *Newton
// correction*. The unrolled rows have made
// \(enough) iterations where the solver was content with \(content), which is the only reason for
// their better digits; with more iterations the implicit ones gain the same, as the next table shows.
// The noise of the differences comes from the solver, too.

// ## What the iterations would have cost
//
// Unrolling records every iteration: two arrays of 64×64 numbers each time, whatever happens with
// them later. Take the derivative of the sharp cost in $a$ after $k$ iterations, through those $k$
// iterations and implicitly at the point they have reached (with the check of the conditions off,
// since the point is no solution yet).

let unchecked = potentials(epsilon, gauge: gauge, conditionsTolerance: nil)
func centered(_ x: Tensor) -> Tensor { x - x.mean() }  // a gradient in a, without its constant
let exactInA = centered(reference.a)

func bothWays(_ iterations: Int) throws -> (bytes: Int, unrolled: Double, implicit: Double) {
  let recording = try linearization(
    at: digitsQuestion, of: unrolled(iterations))
  let cotangent = gradient(at: recording.value) { y in (cost * plan(cost, y, epsilon)).sum() }
  let through = try recording.pullback(cotangent)
  let implicit = try unchecked.linearize(at: digitsQuestion, solution: recording.value)
    .pullback(cotangent).value
  return (
    recording.recordedBytes, relative(centered(through.a), to: exactInA),
    relative(centered(implicit.a), to: exactInA)
  )
}

var costs: [(iterations: Int, bytes: Int, unrolled: Double, implicit: Double)] = []
// hide begin
var progress = Progress("unrolling", total: longest)
// hide end
for iterations in [10, 30, 100, 200, 400, 600, 1_000, 2_000, 5_000, 10_000]
where iterations <= longest {
  let cost = try timed("\(iterations) iterations") { try bothWays(iterations) }
  costs.append((iterations, cost.bytes, cost.unrolled, cost.implicit))
  progress.update(completed: iterations)  // hide
}
progress.end()  // hide
let implicitBytes = try between.linearize(at: digitsQuestion).recordedBytes
try table(
  ["iterations", "bytes, unrolled", "bytes, implicit", "error, unrolled", "error, implicit"],
  rows: costs.map {
    [
      $0.iterations, $0.bytes, implicitBytes, measured($0.unrolled, scale: rounding),
      measured($0.implicit, scale: rounding),
    ]
  })
// hide begin
try plot(
  "unrolled",
  Plot(
    "Error of the derivative after k iterations", x: .logarithmic("k"),
    y: .logarithmic("relative error", floor: 1e-11),
    [
      .lineWithPoints("unrolled", x: costs.map { Double($0.iterations) }, y: costs.map(\.unrolled)),
      .lineWithPoints("implicit", x: costs.map { Double($0.iterations) }, y: costs.map(\.implicit)),
    ],
    caption: "Both fall at the rate of the iteration, the unrolled one later, until rounding is "
      + "reached."))
let last = costs.last { $0.implicit > 1e-11 } ?? (0, 0, 1, 1)
note("last", last.iterations)
note("times", digits(2, last.unrolled / last.implicit))
note("megabytes", digits(3, Double(costs.last?.bytes ?? 0) / 1e6))
note("implicit kilobytes", digits(2, Double(implicitBytes) / 1e3))
note("matrix kilobytes", digits(3, Double(128 * 128 * MemoryLayout<Double>.size) / 1e3))
note("longest", costs.last?.iterations ?? 0)
// hide end

// Sinkhorn is a well-behaved iteration, and unrolling it is no disaster: the error is the same up
// to a factor that grows with $k$ (\(times) at $k = \(last)$). The memory is the price:
// \(megabytes) MB for \(longest) iterations. Implicitly, \(implicit kilobytes) kB are recorded, most
// of them the plan; not counted there is the dense 128×128 matrix that the solver factorises, another
// \(matrix kilobytes) kB. Neither grows with the iterations.

// ## Less entropy
//
// As $\varepsilon$ goes down the plan gets sharper, the iteration slower, and the derivative more
// delicate. Part of this is told by one number: $\sigma_2$, the second largest singular value of
// $\mathrm{diag}(a)^{-1/2} P\,\mathrm{diag}(b)^{-1/2}$ (the largest is 1 and belongs to the gauge).
// *In the end*, an iteration of Sinkhorn multiplies the error by $\sigma_2^2$; and $A$, scaled to a
// unit diagonal and with the gauge taken out, has the condition number $2/(1 - \sigma_2)$. Both have
// the same reason: two parts of the image that hardly exchange ink do not know much about each
// other's potentials.
//
// The rest of the story is how long it takes to come to this end. So the table counts the iterations
// in two parts: those made while the marginals were wrong by more than 1e-3, and the others.

/// `1 − σ₂²`, by inverse iteration with the gauge shifted away.
func gap(_ P: Tensor) throws -> Double {
  let (a, b) = (P.sum(alongAxis: 1), P.sum(alongAxis: 0))
  let S = P / sqrt(outer(a, b))
  let top = sqrt(b)
  let matrix = Tensor.identity(64) - matmul(S, S, transposingLeft: true) + outer(top, top)
  var v = sin(Tensor((1...64).map(Double.init)))
  for _ in 0..<100 {
    v = try solve(matrix, v)
    v = v / v.norm()
  }
  return v.dot(matmul(matrix, v)).scalar
}

let ladder = [0.1, 0.03, 0.01, 0.003, 0.001].filter { $0 >= smallest }
var sweep: [(epsilon: Double, errors: [Double])] = []
var rows: [[any CustomStringConvertible]] = []
var (worstMarginal, worstChange) = (0.0, 0.0)
for epsilon in ladder {
  var errors: [Double] = []
  let found = try Sinkhorn(
    epsilon: epsilon,
    stopping: Stopping(gradientTolerance: tolerance, maximumIterations: 5_000)
  ).transport(cost: cost, from: a, to: b) { _, error in errors.append(error) }
  worstMarginal = Swift.max(worstMarginal, found.marginalError)
  let gap = try gap(found.plan)
  let sigma = (1 - gap).squareRoot()
  let (_, dP) = try planDerivative(
    potentials(epsilon, gauge: gauge), epsilon, at: digitsQuestion, along: spoonful)
  let marginal = Swift.max(
    (dP.sum(alongAxis: 1) - spoon).norm(.infinity).scalar,
    dP.sum(alongAxis: 0).norm(.infinity).scalar)
  worstChange = Swift.max(worstChange, marginal)
  sweep.append((epsilon, errors))
  let early = errors.count { $0 > 1e-3 }
  let f = found.rowPotentials
  rows.append([
    epsilon, early, found.iterations - early, digits(4, 1 - gap),
    digits(4, errors[errors.count - 1] / errors[errors.count - 2]),
    digits(3, 2 * (1 + sigma) / gap), digits(2, ((f.max() - f.min()) / Tensor(epsilon)).scalar),
    found.plan.scalars.count { $0 == 0 }, digits(4, (cost * found.plan).sum().scalar),
  ])
}
try table(
  [
    "ε", "iterations to 1e-3", "from there", "σ₂²", "last factor", "condition",
    "(max f − min f)/ε", "zeros in P", "⟨C, P⟩",
  ],
  rows: rows)
try check("marginals of P, at every ε: largest error", worstMarginal, below: 2 * tolerance)
try check("marginals of dP, at every ε: largest error", worstChange, below: 1e-12)
// hide begin
try plot(
  "sweep",
  Plot(
    "Sinkhorn's iteration", x: .linear("iteration"), y: .logarithmic("marginal error"),
    sweep.map { run in
      let every = max(1, run.errors.count / 200)
      let shown = Array(stride(from: 0, to: run.errors.count, by: every))
      return .line(
        "ε = \(formatted(run.epsilon))", x: shown.map(Double.init),
        y: shown.map { run.errors[$0] })
    }, caption: "In the end each curve is straight, with the slope that σ₂² predicts."))
// hide end

// The last iteration has indeed shrunk the error by the factor $\sigma_2^2$, to about three digits. At
// the lower end of the table this factor settles, as the plan itself does, and with it the condition
// number and the second count of iterations. The first count does not settle. The column before the
// zeros says how many $\varepsilon$ the potentials are apart in the end, and they start together. One
// iteration changes $f_i$ by $\varepsilon \log (a_i / (P\mathbf 1)_i)$. That depends on how wrong the sum
// of row $i$ is, not on how far its potential still has to go: a row that is wrong by four percent moves
// by $0.04\,\varepsilon$. Take the potential that moves most, in each of the iterations of the first
// count:

/// The largest change of an `fᵢ`, in units of ε, in each of the iterations after the first.
func largestMoves(_ epsilon: Double, count: Int) throws -> [Double] {
  let one = Sinkhorn(epsilon: epsilon, stopping: .after(1))
  var g: Tensor?
  return try (0..<count).map { _ in
    let found = try one.transport(cost: cost, from: a, to: b, startingAt: g)
    g = found.columnPotentials
    return abs(log(a / found.plan.sum(alongAxis: 1))).max().scalar
  }
}
let sharpest = ladder.last ?? epsilon
let earlyCount = sweep.last?.errors.count { $0 > 1e-3 } ?? 0
let moves = try largestMoves(sharpest, count: earlyCount).sorted()
show("largest move in units of ε, median", digits(2, moves[earlyCount / 2]))
show("all of these moves together", digits(2, moves.reduce(0, +)))
note("sharpest", sharpest)
note("first count", earlyCount)
note("median move", digits(2, moves[earlyCount / 2]))

// That is how the \(first count) iterations at $\varepsilon = \(sharpest)$ are spent: in the median one, no
// potential moves by more than \(median move) $\varepsilon$. On the flat stretches of the last curve the
// marginals are nearly right, and the potentials creep.
//
// The way can be shortened: begin with a large $\varepsilon$, stop at 1e-3, and start the next one
// from its potentials.

var start: Tensor?
var taken = 0
for epsilon in ladder {
  let goal = epsilon == ladder.last ? tolerance : 1e-3
  let found = try Sinkhorn(epsilon: epsilon, stopping: Stopping(gradientTolerance: goal))
    .transport(cost: cost, from: a, to: b, startingAt: start)
  start = found.columnPotentials
  taken += found.iterations
}
show("iterations at the last ε, from zero", sweep.last?.errors.count ?? 0)
show("iterations at all of them, each from the one before", taken)

// The derivative knows nothing of this history. It depends on the last point alone.
//
// At the smallest $\varepsilon$ part of the plan has underflown to exact zeros, while the potentials
// are ordinary numbers. That is why the iteration works on the exponents
// $(f_i + g_j - C_{ij})/\varepsilon$, and takes exponentials only after the largest of a row or
// column has been subtracted; and why the value is taken from the potentials: $P \log P$ of a zero
// would be NaN.
//
// ## Let it flow
//
// A gradient that costs no solve invites descent. Let image $a$ move downhill, towards $b$, by
// $a \leftarrow a\, e^{-\eta \nabla}$, divided by its sum: masses stay positive and add up to one.
// The obvious thing to descend is $\mathrm{OT}(a, b)$, with gradient $f$. Does it end at $b$? The
// end is where $f$ is constant, and there the formula for the plan says
// $P_{ij} = b_j K_{ij} / \sum_k K_{kj}$ with $K = e^{-C/\varepsilon}$. Its row sums are $b$,
// *blurred* with the kernel $K$. Entropy is rewarded, and where $a$ may be chosen, the plan earns some
// by fetching the ink of each place $j$ from several places around it.
//
// The remedy is to subtract what an image costs with itself. The *debiased divergence*
// $\mathrm{OT}(a, b) - \tfrac12\mathrm{OT}(a, a) - \tfrac12\mathrm{OT}(b, b)$ is smallest at
// $a = b$; its gradient is $f$ minus the potential of $a$ with itself, still without a solve. The
// step length is what the last section has measured: $\eta = (1 - \sigma_2^2)/\varepsilon$, one
// over the largest curvature of OT at the first image, in units of the curvature of $\sum a \log a$.

let loose = Sinkhorn(
  epsilon: epsilon, stopping: Stopping(gradientTolerance: 1e-8, maximumIterations: 100_000))
let step = try gap(tight.plan) / epsilon

func flow(
  steps: Int, gradient: (_ a: Tensor, _ start: Tensor?) throws -> (Tensor, Tensor)
) throws -> [Tensor] {
  var images = [a]
  var x = a
  var start: Tensor?
  for _ in 0..<steps {
    let (slope, potentials) = try gradient(x, start)
    x = log(x) - slope.scaled(by: step)
    x = x.softmax()
    start = potentials
    images.append(x)
  }
  return images
}

let biased = try timed("biased flow") {
  try flow(steps: flowSteps) { x, start in
    let found = try loose.transport(cost: cost, from: x, to: b, startingAt: start)
    return (found.rowPotentials, found.columnPotentials)
  }
}
let debiased = try timed("debiased flow") {
  try flow(steps: flowSteps) { x, start in
    let between = try loose.transport(cost: cost, from: x, to: b, startingAt: start)
    let own = try loose.selfTransport(cost: cost, of: x)
    return (between.rowPotentials - own.rowPotentials, between.columnPotentials)
  }
}

let kernel = exp(cost.scaled(by: -1 / epsilon))
let blurred = matmul(kernel, b / kernel.sum(alongAxis: 0))
func distance(_ x: Tensor, _ y: Tensor) -> Double { abs(x - y).sum().scalar }

/// How much neighbours differ, `Σ (rᵢ − rⱼ)² / Σ r²` over pairs one pixel apart: 0 for a constant, 7
/// for a chessboard.
func roughness(_ r: Tensor) -> Double {
  let pixels = r.reshaped([8, 8])
  let steps = [0, 1].map { axis in
    pixels.slice(1..<8, alongAxis: axis) - pixels.slice(0..<7, alongAxis: axis)
  }
  return ((steps[0] * steps[0]).sum() + (steps[1] * steps[1]).sum()).scalar / (r * r).sum().scalar
}
let shownSteps = [0, 1, 3, 10, 30, 100, 200, 1_000].filter { $0 <= flowSteps }
try table(
  [
    "step", "‖a − b‖₁, biased", "‖a − blurred b‖₁, biased", "‖a − b‖₁, debiased",
    "roughness of a − b, debiased",
  ],
  rows: shownSteps.map { k in
    [
      k, digits(3, distance(biased[k], b)), digits(2, distance(biased[k], blurred)),
      digits(3, distance(debiased[k], b)), digits(2, roughness(debiased[k] - b)),
    ]
  })
note("neighbour", digits(2, kernel[0, 1]))
// hide begin
let frames = [0, 10, 30, 100, 200].map { min($0, flowSteps) }
func drawn(_ title: String, _ image: Tensor) -> ImageGrid.Image {
  ImageGrid.Image(title, columns: 8, values: (image - b.min()).scalars)
}
try figure(
  "flow",
  try ImageGrid(
    "From the 3 to the 8, debiased (above) and biased (below)",
    frames.map { drawn("step \($0)", debiased[$0]) }
      + [drawn("b", b)]
      + frames.map { drawn("step \($0)", biased[$0]) }
      + [drawn("b, blurred", blurred)],
    range: 0...(b.max() - b.min()).scalar, perRow: 6,
    caption: "Each flow and, at the right, the image where it ends. The biased one arrives sooner."
  ).figure())
// hide end

// Was the step short enough all the way? With the image the plan changes, and $\sigma_2$ with the plan.
// Such a descent is stable as long as $\eta$ times the largest curvature is below 2. It was 1 at the first image;
// at the last one:

let growth = try [biased, debiased].map { images in
  let last = images[images.count - 1]
  return step * epsilon / (try gap(try loose.transport(cost: cost, from: last, to: b).plan))
}
show(
  "η times the largest curvature of OT, biased and debiased", digits(3, growth[0]),
  digits(3, growth[1]))
note("curvature", digits(2, growth[1] / (step * epsilon)))
try check(growth.allSatisfy { $0 < 2 }, "both are below 2")

// (That is \(curvature) $\varepsilon$ for the larger curvature. Debiasing takes away between $\varepsilon/2$ and
// $\varepsilon$ of it, the curvatures of $\tfrac12\mathrm{OT}(a, a)$ in these units.)
//
// The biased flow ends at the blurred eight, the debiased one goes on to the eight itself. It is in
// no hurry with the finest details: what is left of $a - b$ gets rougher, as the last column says,
// more and more like a chessboard. Neighbours are $1/7$ apart, where the kernel
// $e^{-1/(49\,\varepsilon)}$ is still \(neighbour), so every plan averages a little over them. A pattern of alternating signs loses most by this, and the slope of the divergence
// sees only what is left.

// ## What goes wrong, and what you are told
//
// The errors are cases of `ForwardSolverError` and, from the derivative, of `DifferentiationError`.
// Their names stand beside what causes them, their words below it.
//
// **The sums differ**, `massesDiffer`. Somebody forgot to divide one image by its sum:

let sinkhorn = Sinkhorn(epsilon: epsilon)
try quoteError { _ = try sinkhorn.transport(cost: cost, from: a, to: ink.at(8)) }

// **A pixel is empty**, `massNotPositive`. The raw images have dozens; its potential would be $-\infty$:

let raw = try table64.columns((0..<64).map { "p\($0)" })
let empty = raw.at(3) / raw.at(3).sum()
try quoteError { _ = try sinkhorn.transport(cost: cost, from: empty, to: b) }

// **A mass is negative**, again `massNotPositive` with the number of the entry, say because a step
// of descent was too long:

let tooFar = a - 1.5 * a.at(27) * Tensor([1]).scattered([27], count: 64)
try quoteError { _ = try sinkhorn.transport(cost: cost, from: tooFar / tooFar.sum(), to: b) }

// **The cost has a hole**, `notFinite`. One distance is missing:

let hole = cost + Tensor([.nan]).scattered([700], count: 64 * 64).reshaped([64, 64])
try quoteError { _ = try sinkhorn.transport(cost: hole, from: a, to: b) }

// **Sinkhorn was stopped too early**, `marginalsNotMet`. The solver says so itself, if it is asked to
// watch:

let hasty = Sinkhorn(epsilon: epsilon, stopping: Stopping(maximumIterations: 10))
try quoteError { _ = try hasty.transport(cost: cost, from: a, to: b) }

// A solver that keeps quiet about it is found out by the conditions, `conditionsNotMet`:

try quoteError {
  _ = try potentials(epsilon, gauge: gauge, stopping: .after(10)).linearize(at: digitsQuestion)
}

// **The tangent creates mass**, `inconsistentWithGauge`. A difference quotient in one pixel, $a_{53} \to a_{53} + h$, asks
// for it without noticing. Sinkhorn would refuse to solve, and the derivative refuses to exist:

let unbalanced = Transport(
  cost: .zeros([64, 64]), a: Tensor([1]).scattered([53], count: 64), b: .zeros([64]))
try quoteError { _ = try between.pushforward(at: digitsQuestion, unbalanced) }

// ## Exercises
//
// 1. Eliminate $g$: the potential $f$ alone is a fixed point, $f = T(f)$, of one whole iteration.
//    What is free here, and which right-hand sides are refused? (The second answer is not
//    $\mathbf 1$.)
// 2. How does the value change with $\varepsilon$? Find it without a solve. And the plan?
// 3. A colleague differentiates numerically: add $h$ to pixel $i$, divide by the sum, solve,
//    subtract. Which derivative is that?
// 4. The second derivative of the value in $a$ is the first derivative of $f$. Show by two
//    pushforwards that it is symmetric, and that it is larger than that of
//    $\varepsilon \sum a \log a$.
//
// [Solutions](SinkhornFixedPointSolutions.md)
//
// ## References
//
// - R. Sinkhorn, “A Relationship Between Arbitrary Positive Matrices and Doubly Stochastic
//   Matrices”, Annals of Mathematical Statistics 35 (1964).
// - M. Cuturi, “Sinkhorn Distances: Lightspeed Computation of Optimal Transport”, NeurIPS (2013).
// - G. Peyré, M. Cuturi, *Computational Optimal Transport*, Foundations and Trends in Machine
//   Learning 11 (2019): chapter 4 for the iteration, its rate and logarithms, chapter 9 for
//   derivatives.
// - G. Luise, A. Rudi, M. Pontil, C. Ciliberto, “Differential Properties of Sinkhorn Approximation
//   for Learning with Wasserstein Distance”, NeurIPS (2018): the sharp cost, by the implicit
//   function theorem.
// - J. Feydy, T. Séjourné, F.-X. Vialard, S. Amari, A. Trouvé, G. Peyré, “Interpolating between
//   Optimal Transport and MMD using Sinkhorn Divergences”, AISTATS (2019): the debiased divergence.
// - E. Alpaydin, C. Kaynak, “Optical Recognition of Handwritten Digits”, UCI Machine Learning
//   Repository (1998): the images.
try endPage()  // hide
