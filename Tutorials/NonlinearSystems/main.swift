// # One matrix finds a root, moves it, and knows when it is gone
//
// Page: docs/NonlinearSystems.md
// Teaches: What the matrix of Newton's method knows about roots, folds and a power network.
// Minutes: 25
//
// Your program has just solved a nonlinear system: where a planet is today, how hot a slab becomes,
// which voltages a power network settles at. Now somebody turns a knob by a little. Do you have to
// solve again to say what happens? And suppose that the knob has been turned too far, so that no
// solution is left at all. Would you notice, with a residual of 1e-10 in your hands?
//
// Newton's method solves $F(y) = 0$ with one matrix, the derivative of $F$ at the current $y$. The
// same matrix answers both questions. We work up from one equation to the 22 of a real network.

// hide begin
import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-10)
// On fewer points the residual past the fold is not below 1e-10.
let slabPoints = try options.integer(
  "points", default: 100, quick: 40, in: 40...400, help: "grid points of the slab")
let longest = try options.integer(
  "iterations", default: 1_000, quick: 100, in: 100...10_000,
  help: "fixed-point iterations that are unrolled at most")
try beginPage(options)
// hide end

// ## By hand: where is Mercury?
//
// A planet on an ellipse of eccentricity $e$ sweeps equal areas in equal times. Its *mean anomaly*
// $M$ grows like the time, its place on the ellipse follows from the *eccentric anomaly* $E$, and
// the two are tied by Kepler's equation of 1609,
//
// $$F(E) = E - e \sin E - M = 0 .$$
//
// No formula gives $E$. Newton's method does: the derivative of $F$ is $A = 1 - e\cos E$, and each
// step subtracts $F/A$.

let mercury = (M: Tensor(0.1), e: Tensor(0.2056))

var E = mercury.M
for _ in 0..<6 {
  E -= (E - mercury.e * sin(E) - mercury.M) / (1 - mercury.e * cos(E))
}
show("E", E.scalar)

// A day later $M$ is a little larger. How does $E$ move? The equation holds at every $M$, with $E$
// read as the function $E(M)$; so do the derivatives of its two sides:
//
// $$(1 - e\cos E)\,\frac{dE}{dM} - 1 = 0, \qquad\qquad
//   (1 - e\cos E)\,\frac{dE}{de} - \sin E = 0 .$$
//
// In both, the unknown derivative is multiplied by the number $A$ that Newton's method has just been
// dividing by. Divide once more:

let A = 1 - mercury.e * cos(E)
show("dE/dM = 1/A", (1 / A).scalar)
show("dE/de = sin E / A", (sin(E) / A).scalar)

// With $n$ equations $F(x, y) = 0$ for $n$ unknowns $y$, and any number of inputs $x$, the two lines above
// become one. Let $A = \partial F/\partial y$, Newton's matrix, and $B = \partial F/\partial x$. (For
// Kepler $A$ is one number, and $B$ is $-1$ for the input $M$, $-\sin E$ for $e$.) When the input moves
// along $\dot x$, the solution moves along the $\dot y$ with
//
// $$A\,\dot y = -B\,\dot x .$$
//
// The gradient of a loss goes the other way: from $\bar y$, the gradient in the solution, solve
// $A^{\mathsf T} u = \bar y$, and $-B^{\mathsf T}u$ is the gradient in the input. The library does both. It
// wants code that finds $y$, which it never looks into, and the equations. Here are three bodies at once:

struct Orbit: TensorStructure {
  var meanAnomaly: Tensor
  var eccentricity: Tensor
  static var fields: [TensorField<Orbit>] {
    [.init("meanAnomaly", \.meanAnomaly), .init("eccentricity", \.eccentricity)]
  }
}

let bodies = ["Mars", "Mercury", "Halley's comet"]
let orbits = Orbit(meanAnomaly: [0.1, 0.1, 0.1], eccentricity: [0.0934, 0.2056, 0.9671])

let kepler = ImplicitFunction<Orbit, Tensor>(
  forward: { orbit in
    var E = orbit.meanAnomaly + orbit.eccentricity
    for _ in 0..<20 {
      let slope = 1 - orbit.eccentricity * cos(E)
      E -= (E - orbit.eccentricity * sin(E) - orbit.meanAnomaly) / slope
    }
    return E
  },
  conditions: .root { orbit, E in E - orbit.eccentricity * sin(E) - orbit.meanAnomaly })

let positions = try kepler.linearize(at: orbits)
let sensitivity = try positions.pullback(Tensor.ones([3])).value
let slope = 1 - orbits.eccentricity * cos(positions.solution)
try table(
  ["body", "E", "dE/dM", "dE/de"],
  rows: bodies.indices.map { k in
    [
      bodies[k], positions.solution[k], sensitivity.meanAnomaly[k], sensitivity.eccentricity[k],
    ]
  })
let keplerError = max(
  (sensitivity.meanAnomaly - 1 / slope).norm(.infinity),
  (sensitivity.eccentricity - sin(positions.solution) / slope).norm(.infinity))
try check("difference from 1/A and sin E / A", keplerError.scalar, below: 1e-12)

// (Each body has its own equation, so one pullback of $(1, 1, 1)$ gives all six derivatives.)
//
// The recipe fails when $A = 0$. On an ellipse it never is, since $e < 1$. At $e = 1$ it can be: an
// ellipse that keeps its length while $e$ grows becomes ever thinner, and at $e = 1$ it has collapsed
// to a line, on which a body falls straight into the sun. It arrives at $M = 0$. There
// $E \approx \sqrt[3]{6M}$, a curve with a vertical tangent. Ask for its slope:

let impact = Orbit(meanAnomaly: 0, eccentricity: 1)
try quoteError { _ = try kepler.linearize(at: impact, solution: 0) }

// ## A slab that heats itself
//
// With more unknowns $A$ becomes a matrix, and it can become singular in the middle of an honest
// problem. A slab of material between two cold walls reacts, and the warmer it is the faster. In
// suitable units its temperature obeys Bratu's equation
//
// $$-u''(x) = \lambda\, e^{u(x)}, \qquad u(0) = u(1) = 0,$$
//
// with a knob $\lambda$ for the strength of the reaction. On a grid of $n$ points a distance
// $h = 1/(n+1)$ apart this is a system of $n$ equations,
//
// $$F_i = 2u_i - u_{i-1} - u_{i+1} - h^2 \lambda\, e^{u_i} = 0 .$$
//
// (In the code the reaction may have a strength of its own at each point; we will want that later.)
// Newton's method is here `NewtonRootFinder`, and it is *damped*: a step that would not make
// $\lVert F\rVert$ smaller is halved until it does. Near a root whole steps pass.

@Sendable func heatBalance(_ u: Tensor, reaction: Tensor) -> Tensor {
  let h = 1 / Tensor(Double(u.count + 1))
  return 2 * u - u.shifted(by: 1) - u.shifted(by: -1) - h * h * reaction * exp(u)
}

@Sendable func slab(points n: Int, stopping: Stopping) -> ImplicitFunction<Tensor, Tensor> {
  let newton = NewtonRootFinder(stopping: stopping)
  return ImplicitFunction(
    forward: { lambda in
      try newton.root(of: { u in heatBalance(u, reaction: lambda) }, from: Tensor.zeros([n])).point
    },
    conditions: .root { lambda, u in heatBalance(u, reaction: lambda) })
}

let n = slabPoints
let middle = n / 2
let temperature = slab(points: n, stopping: .after(40))

var rows: [[any CustomStringConvertible]] = []
for lambda in [0.5, 1, 2, 3, 3.5] {
  let state = try temperature.linearize(at: Tensor(lambda))
  let tangent = try state.pushforward(1)
  rows.append([lambda, digits(5, state.solution[middle]), digits(5, tangent.value[middle])])
}
try table(["λ", "hottest temperature", "its derivative in λ"], rows: rows)
note("n", n)
note("solver", try temperature.pushforward(at: 1, 1).report.linearSolver)

// Newton's method may take forty steps here; once rounding lets no step pass, the rest leave the
// temperature as it is. Each derivative cost one more linear solve, by *\(solver)*: nobody declared the
// band, it was found in the recorded equations.
//
// Look at the right column. It does more than grow, it runs away. Something happens a little beyond
// $\lambda = 3.5$, and to see what, turn the question round: which $\lambda$ gives
// the hottest point the temperature $s$? That is a system too, with the unknowns $(u, \lambda)$ and one equation
// more, $u_\text{middle} - s = 0$.

struct State: TensorStructure {
  var temperature: Tensor
  var reaction: Tensor
  static var fields: [TensorField<State>] {
    [.init("temperature", \.temperature), .init("reaction", \.reaction)]
  }
}

@Sendable func heldAt(_ s: Tensor, _ state: State) -> State {
  State(
    temperature: heatBalance(state.temperature, reaction: state.reaction),
    reaction: state.temperature.at(middle) - s)
}

let grid = Tensor((1...n).map { Double($0) / Double(n + 1) })
let parabola = 4 * grid * (1 - grid)
let untilRounding = NewtonRootFinder(stopping: .after(10))
let byHeight = ImplicitFunction<Tensor, State>(
  forward: { s in
    try untilRounding.root(
      of: { state in heldAt(s, state) }, from: State(temperature: s * parabola, reaction: 1)
    ).point
  },
  conditions: .root(heldAt))

let heights = stride(from: 0.1, through: 4.5, by: 0.1).map { $0 }
var reactions: [Double] = []
var reactionSlopes: [Double] = []
for s in heights {
  let state = try byHeight.linearize(at: Tensor(s))
  reactions.append(state.solution.reaction.scalar)
  reactionSlopes.append(try state.pushforward(1).value.reaction.scalar)
}
let turning = reactionSlopes.firstIndex { $0 < 0 } ?? 1
show("dλ/ds changes its sign between s =", heights[turning - 1], heights[turning])

// In this direction nothing runs away. The reaction that is needed grows, reaches a maximum, and
// *falls*: there is a second family of hotter solutions, and the two meet where $d\lambda/ds = 0$.
// The derivative that ran away is the reciprocal of one that passes through zero.
//
// For Bratu's equation itself, without a grid, a formula exists: every $\alpha > 0$ gives a solution,
// with $s = 2\log\cosh\alpha$ and $\lambda = 8\,(\alpha/\cosh\alpha)^2$. It is the dashed curve; the dots
// are ours, with $n = \(n)$.

// hide begin
let alpha = Tensor(stride(from: 0.02, through: 3, by: 0.02).map { $0 })
let cosine = (exp(alpha) + exp(-alpha)) / 2
let everyOther = Array(stride(from: 0, to: heights.count, by: 2))
try plot(
  "fold",
  Plot(
    "Two solutions meet and vanish", x: .linear("reaction λ"), y: .linear("hottest temperature s"),
    [
      .points(
        "grid, λ(s) by the implicit function", x: everyOther.map { reactions[$0] },
        y: everyOther.map { heights[$0] }),
      .line(
        "Bratu's equation itself, by the formula", x: (8 * pow(alpha / cosine, 2)).scalars,
        y: (2 * log(cosine)).scalars, dashed: true),
    ],
    caption: "Below the turning point the slab is warm and calm, above it hot and unstable; to the "
      + "right of it there is no steady temperature at all: the slab explodes."))
// hide end

// ## The turning point is a root as well
//
// Where exactly is the last $\lambda^*$? At the fold the matrix $A = \partial F/\partial u$ is
// singular: some direction $v \neq 0$ has $A v = 0$. Write that down, fix the length of $v$, and take
// $\lambda$ as one more unknown:
//
// $$F(u, \lambda) = 0, \qquad A(u, \lambda)\, v = 0, \qquad v^{\mathsf T} v - 1 = 0 .$$
//
// These are $2n + 1$ equations for the $2n + 1$ numbers $(u, v, \lambda)$, and their own Jacobian is
// perfectly invertible at the fold. The product $A v$ is a derivative of $F$; inside the conditions it
// is written as one, and when the library differentiates the conditions it differentiates that too.

struct Fold: TensorStructure {
  var temperature: Tensor
  var direction: Tensor
  var reaction: Tensor
  static var fields: [TensorField<Fold>] {
    [
      .init("temperature", \.temperature), .init("direction", \.direction),
      .init("reaction", \.reaction),
    ]
  }
}

@Sendable func bordered(_ strength: Tensor, _ fold: Fold) -> Fold {
  let (balance, product) = valueAndPushforward(at: fold.temperature, along: fold.direction) { u in
    heatBalance(u, reaction: fold.reaction * strength)
  }
  return Fold(
    temperature: balance, direction: product, reaction: fold.direction.squaredNorm() - 1)
}

let foldPoint = ImplicitFunction<Tensor, Fold>(
  forward: { strength in
    let n = strength.count
    let grid = Tensor((1...n).map { Double($0) / Double(n + 1) })
    let bump = 4 * grid * (1 - grid)
    let start = Fold(temperature: 1.2 * bump, direction: bump / bump.norm(), reaction: 3.5)
    return try untilRounding.root(of: { fold in bordered(strength, fold) }, from: start).point
  },
  conditions: .root(bordered))

let references = [
  (n: 10, value: 3.498683936587), (n: 50, value: 3.513127792616), (n: 100, value: 3.513651506259),
  (n: 200, value: 3.513785470018),
].filter { $0.n <= 2 * slabPoints }
let summit = try untilRounding.root(of: { alpha in alpha * tanh(alpha) - 1 }, from: 1.2).point
let limit = (32 * pow(summit / (exp(summit) + exp(-summit)), 2)).scalar
rows = []
var worst = 0.0
for reference in references {
  let critical = try foldPoint(Tensor.ones([reference.n])).reaction.scalar
  worst = max(worst, (critical - reference.value).magnitude)
  rows.append([reference.n, critical, digits(3, limit - critical)])
}
try table(["n", "λ*", "below that of the equation"], rows: rows)
try check("difference from reference values of twelve decimals", worst, below: 1e-12)
note("limit", limit)

// The reference values were computed once by another route, in arithmetic of forty digits, and rounded to
// twelve decimals. Take $u_1 = p$ for known; then the equations give $u_2, u_3, \dots, u_{n+1}$ one after the
// other, and at the fold both $u_{n+1}$ and $\partial u_{n+1}/\partial p$ vanish: two equations for $\lambda$
// and $p$. The last column compares with the maximum of $8\,(\alpha/\cosh\alpha)^2$, at which the derivative
// of its logarithm vanishes, $\alpha\tanh\alpha = 1$; it is $\lambda^* = \(limit)$. From 50 to 100 to 200 points
// the distance falls to a quarter each time, as it should.
//
// The fold is now a function like any other, and has derivatives. Let the reaction have the strength
// $q_i$ at point $i$ (so far 1 everywhere). Where should one dilute the material to postpone the
// explosion? One pullback answers for all points at once:

let uniform = Tensor.ones([n])
let fold = try foldPoint.linearize(at: uniform)
let zero = Tensor.zeros([n])
let effect = try fold.pullback(Fold(temperature: zero, direction: zero, reaction: 1)).value
let critical = fold.solution.reaction
try check(
  "sum of the derivatives against −λ*, relative",
  ((effect.sum() + critical) / critical).scalar.magnitude, below: 1e-10)

// The sum is no surprise: twice the strength everywhere is the same as twice $\lambda$, so
// $\sum_i \partial\lambda^*/\partial q_i = -\lambda^*$. There is even a formula for each entry. Multiply
// the derivative of $F = 0$ from the left by $v^{\mathsf T}$ ($A$ is symmetric, so $v^{\mathsf T}A = 0$
// and the unknown $\dot u$ drops out): $\partial\lambda^*/\partial q_i = -\lambda^*\, v_i e^{u_i} / \sum_j
// v_j e^{u_j}$.

let weight = fold.solution.direction * exp(fold.solution.temperature)
let formula = -critical * weight / weight.sum()
try check(
  "relative error against that formula", ((effect - formula).norm() / formula.norm()).scalar,
  below: 1e-9)
let inMiddleThird = grid.isLess(than: 2.0 / 3) * Tensor(1.0 / 3).isLess(than: grid)
let diluted = uniform - 0.01 * inMiddleThird
show(
  "λ* predicted with 1 % less in the middle third",
  (critical - 0.01 * effect.dot(inMiddleThird)).scalar)
show("λ* found by solving again", try foldPoint(diluted).reaction.scalar)
note("share", digits(2, 100 * (effect.dot(inMiddleThird) / effect.sum()).scalar))

// The middle third of the slab carries \(share) per cent of the effect.
//
// ## How far can you trust a derivative near the fold?
//
// Walk towards $\lambda^*$ and differentiate on the way. The truth is known: at the height $s$ it is
// $1/(d\lambda/ds)$, from the well-behaved function above. What tells the library how good a solution is
// is the *Newton correction*, $\lVert A^{-1}F\rVert/\lVert y\rVert$, how far one more
// Newton step would move it, relative to its size. A solver that stops when $\lVert F\rVert_2$ is below
// \(tolerance) gives the left half of this table, a patient one that goes on until rounding stops it the
// right half.

note("tolerance", formatted(options.tolerance))
let foldHeight = fold.solution.temperature.at(middle)
let early = slab(points: n, stopping: Stopping(gradientTolerance: options.tolerance))
let walk = [0.3, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6]

/// The derivative whatever its evidence, to look at both.
func unguarded(
  _ function: ImplicitFunction<Tensor, Tensor>, at lambda: Tensor, truth: Double
) throws -> (error: Double, correction: Double, isRefused: Bool) {
  var asking = function
  asking.policy = .warn
  let tangent = try asking.pushforward(at: lambda, 1)
  return (
    ((tangent.value[middle] - truth) / truth).magnitude,
    tangent.report.newtonCorrection ?? .infinity, !tangent.report.warnings.isEmpty
  )
}

// hide begin
/// The power of ten above a number whose digits are rounding.
func below(_ value: Double) -> String {
  var (bound, power) = (1e-13, -13)
  while value >= bound {
    power += 1
    bound *= 10
  }
  return "< 1e\(power)"
}
// hide end

var (gaps, slopes, errors, corrections) = ([Double](), [Double](), [Double](), [Double]())
rows = []
for distance in walk {
  let state = try byHeight.linearize(at: foldHeight - Tensor(distance))
  let lambda = state.solution.reaction
  let truth = 1 / (try state.pushforward(1).value.reaction.scalar)
  let stopped = try unguarded(early, at: lambda, truth: truth)
  let patient = try unguarded(temperature, at: lambda, truth: truth)
  gaps.append((critical - lambda).scalar)
  slopes.append(truth)
  errors.append(stopped.error)
  corrections.append(stopped.correction)
  rows.append([
    digits(3, (critical - lambda).scalar), digits(4, truth),
    stopped.isRefused ? "refused" : below(stopped.error), measured(stopped.correction),
    patient.isRefused ? "refused" : below(patient.error), below(patient.correction),
  ])
}
try table(
  ["λ* − λ", "ds/dλ", "its error", "Newton correction", "error, patient", "correction, patient"],
  rows: rows)

let firstRefused = corrections.firstIndex { $0 > 1e-6 } ?? 0
note("refused", digits(2, errors[firstRefused]))

// Three things happen at once.
//
// - The derivative grows like $(\lambda^*-\lambda)^{-1/2}$, and it is right to grow.
// - The Newton correction loses digits, although the solver met the same tolerance every time. Once it
//   passes 1e-6, the library refuses; the first derivative that it refuses is wrong by \(refused) of its
//   size.
// - The error of the *derivative* is larger than the correction, the more so the closer the fold: where
//   $ds/d\lambda$ behaves like $1/(s^*-s)$, an error $\delta$ in $s$ makes a *relative* error
//   $\delta/(s^*-s)$ in the slope. So close to a fold ask the solver for all that rounding lets it give.

// hide begin
try plot(
  "growth",
  Plot(
    "Towards the fold the derivative grows, and the trust in it shrinks",
    x: .logarithmic("λ* − λ"), y: .logarithmic("derivative, error, correction"),
    [
      .lineWithPoints("ds/dλ", x: gaps, y: slopes),
      .lineWithPoints("its error, relative", x: gaps, y: errors),
      .lineWithPoints("Newton correction", x: gaps, y: corrections),
    ],
    marks: [.horizontal(1e-6, "refused above")],
    caption:
      "For the solver that stops when ‖F‖₂ is below \(formatted(options.tolerance)). Six more "
      + "digits of closeness are three more digits of derivative: the square root of a fold."))
// hide end

// All these points lie *before* the fold, and $A$ is still invertible there. Exactly at the fold, which
// no continuation in $\lambda$ would ever hit but the bordered system does, it is not:

try quoteError { _ = try temperature.linearize(at: critical, solution: fold.solution.temperature) }

// ## Past the fold
//
// Now the question of the beginning. Go a hundred-millionth too far, to $\lambda^* + 10^{-8}$, where no
// solution exists. Sixteen damped Newton steps end with a residual far below 1e-10:

let tooFar = critical + 1e-8
let phantom = try NewtonRootFinder(stopping: .after(16)).root(
  of: { u in heatBalance(u, reaction: tooFar) }, from: zero
).point
let residual = heatBalance(phantom, reaction: tooFar)
show(
  "largest entry and length of F there, ‖F‖∞ and ‖F‖₂", digits(2, residual.norm(.infinity).scalar),
  digits(3, residual.norm().scalar))
try check("‖F‖₂, past the fold", residual.norm().scalar, below: 1e-10)

// Nothing is wrong with the solver: $F$ does become that small. The temperatures of the fold miss the
// equations by only $h^2 \cdot 10^{-8}\, e^{u_i}$. Other temperatures nearby can hardly do better: to first
// order they cannot change $v^{\mathsf T}F$, since $v^{\mathsf T}A = 0$, and nearly all of the miss lies along
// $v$. Newton's method ends not far above:

let missed = exp(fold.solution.temperature) / Tensor(Double((n + 1) * (n + 1))) * 1e-8
let floor = abs(fold.solution.direction.dot(missed)).scalar
show(
  "length of the miss at the fold, of its part along v", digits(3, missed.norm().scalar),
  digits(3, floor))
try check(
  floor < residual.norm().scalar && residual.norm().scalar < 1.1 * floor,
  "‖F‖₂ is above that part by less than a tenth")

// A residual cannot tell a solution from a near miss, and one that is scaled by $h^2$ even less. The
// derivative is refused (where the message says residual, it means $\lVert F\rVert_2$):

try quoteError { _ = try temperature.linearize(at: tooFar, solution: phantom) }

// The Newton correction sees the difference because it divides by $A$. Close to a fold everything
// happens along one direction, where the equation looks like $z^2 + \delta = 0$ at a distance $\delta$
// past the fold; a Newton step has the length $(z^2 + \delta)/(2|z|)$, which is at least
// $\sqrt\delta$ *wherever* the solver stops. So no choice of the last iterate can hide the gap. Here
// are forty iterations for each of several gaps, and the smallest residual and the smallest correction
// among them:

var watched = temperature
watched.policy = .warn
rows = []
for delta in [1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12] {
  let lambda = critical + Tensor(delta)
  var (smallestResidual, smallestCorrection) = (Double.infinity, Double.infinity)
  _ = try NewtonRootFinder(stopping: .after(40)).root(
    of: { u in heatBalance(u, reaction: lambda) }, from: zero,
    observing: { iterate in
      let residual = heatBalance(iterate.point, reaction: lambda).norm().scalar
      let report = try watched.linearize(at: lambda, solution: iterate.point).report
      smallestResidual = min(smallestResidual, residual)
      smallestCorrection = min(smallestCorrection, report.newtonCorrection ?? .infinity)
    })
  rows.append([
    formatted(delta), measured(smallestResidual), measured(smallestCorrection),
    measured(smallestCorrection / delta.squareRoot()),
  ])
}
try table(
  ["λ − λ*", "smallest ‖F‖₂", "smallest Newton correction", "divided by √(λ − λ*)"], rows: rows)

// The last column hardly changes, as $\sqrt\delta$ says. It also names the limit of the check: at the
// threshold 1e-6 a gap of 1e-12 can slip through. Whoever works that close to a fold lowers
// `conditionsTolerance`, and uses the bordered system.
//
// ## Fourteen buses, two hundred and fifty-nine megawatts
//
// Now a network. The American Electric Power system of 1962, cut down to the 14 buses that engineers
// have tested programs on ever since: two power stations, three condensers (machines that make reactive
// power only), twenty lines and transformers, eleven loads. *Active* power, in MW, does the work.
// *Reactive* power, in Mvar, only swings between the magnetic and electric fields of machines and lines,
// but without enough of it voltages sink. Voltages are counted *per unit*: 1 is what that part of the network
// is built for.

let buses = try Table(csv: try dataFile("ieee14-buses.csv"))
let branches = try Table(csv: try dataFile("ieee14-branches.csv"))
let generators = try Table(csv: try dataFile("ieee14-generators.csv"))
let kinds = try buses.labels("type")
let busCount = buses.rowCount
let unregulated = kinds.indices.filter { kinds[$0] == "PQ" }
let regulated = kinds.indices.filter { kinds[$0] != "PQ" }
show("load, MW and Mvar", try buses["load_MW"].sum().scalar, try buses["load_MVAr"].sum().scalar)
show("buses whose voltage is held", regulated.map { "\($0 + 1)" }.joined(separator: ", "))

// Each bus has a voltage of magnitude $V$ and angle $\theta$. A line between two buses is an impedance
// with a capacitor at either end, a transformer has a ratio $t$ on its first side; together they make
// the complex *admittance* matrix by which voltages drive currents. Its real part is called conductance,
// its imaginary part susceptance.

/// Conductance and susceptance between all pairs of buses, per unit of 100 MVA: of the branches
/// between the pairs that are wanted, and of the shunts.
func admittance(
  between isWanted: (Int, Int) -> Bool
) throws -> (conductance: Tensor, susceptance: Tensor) {
  var g = [[Double]](repeating: [Double](repeating: 0, count: busCount), count: busCount)
  var b = g
  let columns = ["from", "to", "resistance_pu", "reactance_pu", "charging_pu", "tap_ratio"]
  let lines = try branches.columns(columns)
  for line in 0..<branches.rowCount {
    let (i, k) = (Int(lines[line, 0]) - 1, Int(lines[line, 1]) - 1)
    guard isWanted(i, k) else { continue }
    let (r, x) = (lines[line, 2], lines[line, 3])
    let charging = lines[line, 4] / 2
    let tap = lines[line, 5] == 0 ? 1 : lines[line, 5]
    let (series, cross) = (r / (r * r + x * x), -x / (r * r + x * x))
    g[i][i] += series / (tap * tap)
    b[i][i] += (cross + charging) / (tap * tap)
    g[k][k] += series
    b[k][k] += cross + charging
    for (row, column) in [(i, k), (k, i)] {
      g[row][column] -= series / tap
      b[row][column] -= cross / tap
    }
  }
  let shunt = try buses.columns(["shunt_MW", "shunt_MVAr"]) / 100
  for i in 0..<busCount {
    g[i][i] += shunt[i, 0]
    b[i][i] += shunt[i, 1]
  }
  return (Tensor(g), Tensor(b))
}
let everyBranch = try admittance { _, _ in true }

// Power flows in where generators are and out where loads are, and at each bus the two must balance
// what the lines take away. Bus 1, the *slack*, has the angle zero and delivers whatever is missing.
// The buses with a generator or condenser hold their voltage. That leaves as unknowns thirteen angles
// and nine magnitudes, and as equations the thirteen active balances and nine reactive ones:

struct Loads: TensorStructure {
  /// MW at each bus.
  var active: Tensor
  /// Mvar at each bus.
  var reactive: Tensor
  static var fields: [TensorField<Loads>] {
    [.init("active", \.active), .init("reactive", \.reactive)]
  }
}

struct Voltages: TensorStructure {
  /// Radians, at the buses after the first.
  var angles: Tensor
  /// Per unit, at the buses where nobody holds them.
  var magnitudes: Tensor
  static var fields: [TensorField<Voltages>] {
    [.init("angles", \.angles), .init("magnitudes", \.magnitudes)]
  }
}

var held = [Double](repeating: 0, count: busCount)
var produced = [Double](repeating: 0, count: busCount)
let stations = try generators.columns(["bus", "active_MW", "voltage_setpoint_pu"])
for station in 0..<generators.rowCount {
  let bus = Int(stations[station, 0]) - 1
  produced[bus] = stations[station, 1]
  held[bus] = stations[station, 2]
}
let setpoints = Tensor(held)
let production = Tensor(produced)

/// Magnitude at all buses.
@Sendable func allMagnitudes(_ voltages: Voltages) -> Tensor {
  setpoints + voltages.magnitudes.scattered(unregulated, count: busCount)
}

/// What the lines take away at each bus, per unit.
@Sendable func outflow(
  _ voltages: Voltages, through lines: (conductance: Tensor, susceptance: Tensor) = everyBranch
) -> (active: Tensor, reactive: Tensor) {
  let magnitude = allMagnitudes(voltages)
  let angle = voltages.angles.padded(before: 1, after: 0)
  let (e, f) = (magnitude * cos(angle), magnitude * sin(angle))
  let realCurrent = matmul(lines.conductance, e) - matmul(lines.susceptance, f)
  let imaginaryCurrent = matmul(lines.susceptance, e) + matmul(lines.conductance, f)
  return (e * realCurrent + f * imaginaryCurrent, f * realCurrent - e * imaginaryCurrent)
}

@Sendable func powerBalance(_ loads: Loads, _ voltages: Voltages) -> [Tensor] {
  let flow = outflow(voltages)
  let active = (production - loads.active) / 100 - flow.active
  let reactive = -loads.reactive / 100 - flow.reactive
  return [active.slice(1..<busCount), reactive.gathered(unregulated)]
}

let flat = Voltages(
  angles: Tensor.zeros([busCount - 1]), magnitudes: Tensor.ones([unregulated.count]))
let powerFlow = ImplicitFunction<Loads, Voltages>(
  forward: { loads in
    try NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-12)).root(
      of: { voltages in powerBalance(loads, voltages) }, from: flat
    ).point
  },
  conditions: .root(powerBalance))

let loads = Loads(active: try buses["load_MW"], reactive: try buses["load_MVAr"])
let network = try powerFlow.linearize(at: loads)
let magnitude = allMagnitudes(network.solution)
let degrees = 57.29577951308232 * network.solution.angles.padded(before: 1, after: 0)
let published = try buses.columns(["voltage_pu", "angle_deg"])
try table(
  ["bus", "load, MW", "load, Mvar", "V, per unit", "angle, °", "published V", "published angle"],
  rows: (0..<busCount).map { bus in
    [
      bus + 1, loads.active[bus], loads.reactive[bus], magnitude[bus], degrees[bus],
      published[bus, 0], published[bus, 1],
    ]
  })
try check(
  "largest difference from the published voltages, per unit",
  (magnitude - published.at(0, alongAxis: 1)).norm(.infinity).scalar, below: 2e-3)
try check(
  "largest difference from the published angles, degrees",
  (degrees - published.at(1, alongAxis: 1)).norm(.infinity).scalar, below: 0.02)
// hide begin
// Computed by separate code from the same data; ten and eight decimals.
let elsewhere = Tensor([
  [1.06, 0], [1.045, -4.98258914], [1.01, -12.72509994], [1.0176708537, -10.31290109],
  [1.0195138598, -8.77385390], [1.07, -14.22094646], [1.0615195325, -13.35962737],
  [1.09, -13.35962737], [1.0559317206, -14.93852130], [1.0509846250, -15.09728846],
  [1.0569065185, -14.79062203], [1.0551885632, -15.07558452], [1.0503817136, -15.15627634],
  [1.0355299459, -16.03364453],
])
let voltageGap = (magnitude - elsewhere.at(0, alongAxis: 1)).norm(.infinity).scalar
let angleGap = (degrees - elsewhere.at(1, alongAxis: 1)).norm(.infinity).scalar / 57.29577951308232
try check(
  "largest difference from a solution by separate code, per unit and radians",
  max(voltageGap, angleGap), below: 1e-9)
/// The buses where a published column is off by more than half a unit of its last decimal.
func beyondRounding(_ gap: Tensor, _ unit: Double) -> String {
  (0..<busCount).filter { gap[$0].magnitude > 0.5 * unit * (1 + 1e-9) }
    .map { "\($0 + 1)" }.joined(separator: ", ")
}
note("voltages off", beyondRounding(magnitude - published.at(0, alongAxis: 1), 1e-3))
note("angles off", beyondRounding(degrees - published.at(1, alongAxis: 1), 1e-2))
let voltageOff = (magnitude - published.at(0, alongAxis: 1)).norm(.infinity).scalar
let angleOff = (degrees - published.at(1, alongAxis: 1)).norm(.infinity).scalar
note("voltage gap", digits(2, voltageOff))
note("angle gap", digits(2, angleOff))
// hide end
quote(network.report)

// (The published solution has three decimals for voltages and two for angles. Rounding explains most
// of the differences, but not the voltage at bus \(voltages off), which is off by \(voltage gap), nor the
// angles at buses \(angles off), off by up to \(angle gap) degrees. The third check compares with the
// same equations, written a second time and solved by separate code; that solution is in the source of
// this page.)
//
// ## Every voltage against every load
//
// There are $22$ unknowns and $28$ loads, active and reactive at each bus. The whole Jacobian costs
// $22$ solves with the one matrix that has already been factorised. Differences would run the power
// flow 56 times; as a check, we do.

let jacobian = try network.jacobian().value
let probe = 0.1
var differences: [Tensor] = []
for column in 0..<2 * busCount {
  var numbers = loads.flattened()
  numbers[column] += probe
  let above = try powerFlow(try loads.rebuilt(from: numbers)).flattened()
  numbers[column] -= 2 * probe
  let below = try powerFlow(try loads.rebuilt(from: numbers)).flattened()
  differences.append((Tensor(above) - Tensor(below)) / Tensor(2 * probe))
}
let differenceQuotients = Tensor.stack(differences).transposed()
try check(
  "largest difference from central differences, relative to the largest entry",
  ((jacobian - differenceQuotients).norm(.infinity) / jacobian.norm(.infinity)).scalar, below: 1e-6)

// A matrix of 22 rows is for looking at. First the voltages, in thousandths of a per unit for each MW or
// Mvar more. For the picture the five held voltages are added as rows of zeros. They are not among the
// unknowns, because no load moves them: that is what holding a voltage means.

let byVoltage = jacobian.slice(busCount - 1..<jacobian.shape[0])
let allVoltages = byVoltage.scattered(unregulated, count: busCount)
let allAngles =
  57.29577951308232
  * jacobian.slice(0..<busCount - 1).padded(before: 1, after: 0)
let busNames = (1...busCount).map { "\($0)" }
// hide begin
try figure(
  "voltages",
  HeatMap(
    "Voltage, 0.001 per unit, for one MW (P) or Mvar (Q) more", rows: busNames,
    columns: busNames + busNames, values: (1_000 * allVoltages).scalars,
    rowLabel: "voltage at bus",
    columnGroups: [("active load at bus", busCount), ("reactive load at bus", busCount)],
    caption: "A dot is exactly zero. Nearly every load lowers the voltages, a reactive one most "
      + "where it is: the diagonal of the right half."
  ).figure())
try figure(
  "angles",
  HeatMap(
    "Angle, degrees, for one MW (P) or Mvar (Q) more", rows: busNames, columns: busNames + busNames,
    values: allAngles.scalars, rowLabel: "angle at bus",
    columnGroups: [("active load at bus", busCount), ("reactive load at bus", busCount)],
    caption: "Active power moves angles; the slack, bus 1, is where angles are measured from."
  ).figure())
// hide end

// Six columns vanish too, and are zeros of the Jacobian itself. A load at bus 1 is met by bus 1. A
// *reactive* load at a bus that holds its voltage is met by the machine there, which has no limits in our
// data, and the rest of the network never hears of it. In the equations one sees it before any solve:
// the balances in which these loads stand are those that were left out, so their columns of $B$ are zero,
// and so are those of $-A^{-1}B$.

let silent = (0..<2 * busCount).filter { jacobian.at($0, alongAxis: 1).norm(.infinity).scalar == 0 }
let loadNames = busNames.map { "P" + $0 } + busNames.map { "Q" + $0 }
show("loads without any effect", silent.map { loadNames[$0] }.joined(separator: ", "))
try check(
  silent == [0] + regulated.map { busCount + $0 },
  "they are P1 and the Q of the buses that hold their voltage")
//
// ## The planner's question
//
// The lowest voltage that nobody holds is at bus \(lowest). The planner may pay one customer to
// use 1 MW less, at the same power factor. Which bus raises that voltage most? One row of the Jacobian,
// one pullback, answers for all of them; bus $k$ counts $-(\partial V/\partial P_k +
// (Q_k/P_k)\,\partial V/\partial Q_k)$.

let lowestPlace =
  unregulated.indices.min {
    network.solution.magnitudes[$0] < network.solution.magnitudes[$1]
  } ?? 0
note("lowest", unregulated[lowestPlace] + 1)
var unit = [Double](repeating: 0, count: unregulated.count)
unit[lowestPlace] = 1
let reaction = try network.pullback(
  Voltages(angles: Tensor.zeros([busCount - 1]), magnitudes: Tensor(unit))
).value

/// One MW less at a bus, with as much reactive power less as keeps the power factor.
func shedding(_ bus: Int) -> Loads {
  var (active, reactive) = (
    [Double](repeating: 0, count: busCount), [Double](repeating: 0, count: busCount)
  )
  active[bus] = -1
  reactive[bus] = -loads.reactive[bus] / loads.active[bus]
  return Loads(active: Tensor(active), reactive: Tensor(reactive))
}

let candidates = (0..<busCount).filter { loads.active[$0] > 0 }
let gains = candidates.map { bus in
  let step = shedding(bus)
  let gain = reaction.active.dot(step.active) + reaction.reactive.dot(step.reactive)
  return (bus: bus, predicted: gain.scalar)
}.sorted { $0.predicted > $1.predicted }
var confirmed: [(bus: Int, predicted: Double, solved: Double)] = []
for (bus, predicted) in gains {
  let step = shedding(bus)
  let after = try powerFlow(
    Loads(active: loads.active + step.active, reactive: loads.reactive + step.reactive))
  let solved = after.magnitudes[lowestPlace] - network.solution.magnitudes[lowestPlace]
  confirmed.append((bus, predicted, solved))
}
try table(
  ["1 MW less at bus", "Mvar less", "predicted rise, per unit", "found by solving again"],
  rows: confirmed.map { bus, predicted, solved in
    [
      bus + 1, digits(2, loads.reactive[bus] / loads.active[bus]), digits(3, predicted),
      digits(4, solved),
    ]
  })
try check(
  confirmed[0].bus == 8 && confirmed[1].bus == 9, "bus 9 is the best place, bus 10 the second best")
try check(
  zip(confirmed, confirmed.dropFirst()).allSatisfy { $0.solved > $1.solved },
  "solving again puts all candidates in the same order")
try check(
  "largest difference at the four best places, relative",
  confirmed.prefix(4).map { ($0.predicted / $0.solved - 1).magnitude }.max() ?? 1, below: 0.005)

// The prediction is a straight line and the truth bends a little. Bus 4 itself is among the poor places,
// although it is the bus to be helped. Why? Take each rise apart: what a megawatt does, what a Mvar does, and
// how many Mvar go with the megawatt.

let parts = [unregulated[lowestPlace], confirmed[0].bus].map { bus in
  (
    bus: bus, active: -reaction.active[bus], reactive: -reaction.reactive[bus],
    ratio: loads.reactive[bus] / loads.active[bus]
  )
}
try table(
  [
    "bus", "rise for 1 MW less", "for 1 Mvar less", "Mvar with each MW", "rise by the Mvar", "both",
  ],
  rows: parts.map {
    [
      $0.bus + 1, digits(3, $0.active), digits(3, $0.reactive), digits(2, $0.ratio),
      digits(3, $0.ratio * $0.reactive), digits(3, $0.active + $0.ratio * $0.reactive),
    ]
  })
let sameFactor = parts.map { $0.active + parts[1].ratio * $0.reactive }
try check(
  parts[0].reactive > 2 * parts[1].reactive && sameFactor[0] > sameFactor[1],
  "with the power factor of bus 9 at both, bus 4 would be the better place")
note("Mvar at 4", digits(2, parts[0].reactive / parts[1].reactive))
note("loss", digits(2, -100 * parts[0].ratio * parts[0].reactive / parts[0].active))
note(
  "gain",
  digits(2, 100 * parts[1].ratio * parts[1].reactive / confirmed[0].predicted))
note("same factor", digits(3, sameFactor[0]))
let byMvar = parts.map { $0.ratio * $0.reactive }
note(
  "share of the Mvar",
  digits(
    2, 100 * (byMvar[1] - byMvar[0]) / (byMvar[1] - byMvar[0] + parts[1].active - parts[0].active)))

// It is mostly the power factor: the Mvar make \(share of the Mvar) per cent of the difference between the two
// buses. A Mvar at bus 4 moves the voltage there \(Mvar at 4) times as far as a Mvar at bus 9, but the
// customer at bus 4 has none to give back. It *delivers* a little with each megawatt that it takes, and when it
// takes less, that support goes too, \(loss) per cent of what the megawatt brings. The customer at bus 9 takes
// more than half a Mvar with each megawatt, and giving those back makes \(gain) per cent of the rise. Had the
// customer at bus 4 the same power factor, the rise there would be \(same factor), more than any in the table above.
//
// The other reason is in the second column. Why does a *megawatt* count for less at bus 4 itself? Only buses 1
// and 2 generate active power, and the transformers 4–7, 4–9 and 5–6 carry it from the first five buses to
// the other nine. Shed 1 MW, without any Mvar, at bus 4 or at bus 9: how much more do these transformers
// then take out of buses 4 and 5? Their reactive power depends on the voltages at their near ends (buses 4
// and 5), on the angles and on the voltages beyond; a pushforward along a part of $\dot y$ gives the
// share of that part.

let transformers = try admittance { i, k in (i < 5) != (k < 5) }
func drawn(along tangent: Voltages) -> (active: Double, reactive: Double) {
  let (_, change) = valueAndPushforward(at: network.solution, along: tangent) { voltages in
    let flow = outflow(voltages, through: transformers)
    return [100 * flow.active.slice(3..<5).sum(), 100 * flow.reactive.slice(3..<5).sum()]
  }
  return (change[0].scalar, change[1].scalar)
}
let noAngles = Tensor.zeros([busCount - 1])
let nearEnds = Tensor(unregulated.map { $0 < 5 ? 1 : 0 })
var taken: [Double] = []
rows = []
for (bus, _, _, _) in parts {
  let step = Loads(
    active: -Tensor.identity(busCount).at(bus), reactive: Tensor.zeros([busCount]))
  let moved = try network.pushforward(step).value
  let all = drawn(along: moved)
  let near = Voltages(angles: noAngles, magnitudes: nearEnds * moved.magnitudes)
  let turned = Voltages(angles: moved.angles, magnitudes: Tensor.zeros([unregulated.count]))
  let beyond = Voltages(angles: noAngles, magnitudes: (1 - nearEnds) * moved.magnitudes)
  taken.append(all.reactive)
  rows.append(
    [bus + 1, digits(2, all.active), digits(2, all.reactive)]
      + [near, turned, beyond].map { digits(2, drawn(along: $0).reactive) })
}
try table(
  [
    "1 MW less at bus", "more MW taken", "more Mvar taken", "by the voltages of buses 4 and 5",
    "by the angles", "by the voltages beyond",
  ], rows: rows)
try check(
  taken[0] > 0.1 && taken[1].magnitude < 0.01,
  "the transformers take a tenth of a Mvar more in the first case, and hardly any more in the second"
)

// In both cases the lines that bring power to buses 4 and 5 are relieved of about a megawatt. But when buses 4
// and 5 rise, the higher voltage drives reactive power through the transformers, whose far ends stay behind:
// bus 6 is held, and bus 8 holds bus 7 back. So the rise at bus 4 undoes a part of itself. After shedding at
// bus 9 the same happens and is made good. The transformers carry a megawatt less and need less reactive
// power for it, and their far ends, of which bus 9 is one, rise by more.
//
// ## By other routes
//
// Two other routes lead to the same number: differentiate the steps of the solver (*unrolling*), or run
// it again at neighbouring inputs (*differences*). Here is the rise of the lowest voltage for 1 MW less
// at bus 9, by all of them. The solver to unroll is Newton's method with five steps from the flat start
// (every angle 0, every free voltage 1), one more than it needs. The three kinds of differences share the
// runs of one sweep over many steps.

let comparison = try GradientComparison(
  of: powerFlow, at: loads, loss: { $0.magnitudes.at(lowestPlace) }, along: .along(shedding(8)),
  unrolled: { loads in
    try NewtonRootFinder(stopping: .after(5)).root(
      of: { voltages in powerBalance(loads, voltages) }, from: flat
    ).point
  })
try table(
  [
    "route", "derivative", "distance from the first row, relative", "solver runs", "bytes stored",
    "best step, MW",
  ],
  rows: comparison.rows.map { row in
    [
      row.method.rawValue, digits(6, row.derivatives[0]), measured(row.deviation),
      row.forwardSolvesText, row.recordedBytes?.description ?? "",
      row.step.map { digits(2, $0) }?.description ?? "",
    ]
  })
for finding in comparison.findings { quote(finding) }

// The implicit rows do not know that Newton's method was used. Broyden's method needs no Jacobian after the
// first and takes more steps, each of them cheaper. It ends at the same voltages, so it has the same
// derivatives, and nothing but the forward code changes:

let broyden = Broyden(stopping: Stopping(gradientTolerance: 1e-12))
let byBroyden = ImplicitFunction<Loads, Voltages>(
  forward: { loads in
    try broyden.root(of: { voltages in powerBalance(loads, voltages) }, from: flat).point
  },
  conditions: .root(powerBalance))
let newtonSteps = try NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-12)).root(
  of: { voltages in powerBalance(loads, voltages) }, from: flat
).iterations
let broydenSteps = try broyden.root(
  of: { voltages in powerBalance(loads, voltages) }, from: flat
).iterations
show("steps of Newton's method, of Broyden's", newtonSteps, broydenSteps)
let byBroydenJacobian = try byBroyden.jacobian(at: loads).value
try check(
  "largest difference between the two Jacobians, relative",
  ((byBroydenJacobian - jacobian).norm(.infinity) / jacobian.norm(.infinity)).scalar, below: 1e-10)

// Unrolling Newton's method is exact in the end, because the last step alone is: differentiate
// $\Phi(x, y) = y - A^{-1}F$ at a root, where $F = 0$, and what remains is
// $\partial\Phi/\partial y = 0$ and $\partial\Phi/\partial x = -A^{-1}B$, the implicit derivative.
// The earlier steps are multiplied by zero. They are stored and swept through all the same. Watch the
// slab at $\lambda = 3.5$, step by step; the truth is again taken from the height:

let near = Tensor(3.5)
let converged = try temperature(near)
let truth = 1 / (try byHeight.pushforward(at: converged.at(middle), 1).value.reaction.scalar)
var steps: [(iterate: Double, unrolled: Double, implicit: Double, bytes: Int)] = []
for k in 0...6 {
  let recording = try linearization(at: near) { lambda in
    try NewtonRootFinder(stopping: .after(k)).root(
      of: { u in heatBalance(u, reaction: lambda) }, from: zero
    ).point
  }
  let iterate = recording.value
  let unrolled = try recording.pushforward(1)[middle]
  let implicit = try watched.linearize(at: near, solution: iterate).pushforward(1).value[middle]
  steps.append(
    (
      ((iterate - converged).norm(.infinity) / converged.norm(.infinity)).scalar,
      ((unrolled - truth) / truth).magnitude, ((implicit - truth) / truth).magnitude,
      recording.recordedBytes
    ))
}
try table(
  [
    "Newton steps", "error of u", "of the unrolled derivative", "of the implicit one",
    "bytes unrolled",
  ],
  rows: steps.enumerated().map { k, step in
    [
      k, measured(step.iterate), measured(step.unrolled), measured(step.implicit), step.bytes,
    ]
  })
note("implicit bytes", try temperature.linearize(at: near).recordedBytes)
let bytesOfStep = steps[6].bytes - steps[5].bytes
note("bytes of a step", bytesOfStep)
note("dense matrices", digits(2, Double(bytesOfStep) / Double(8 * n * n)))
try check(
  steps.allSatisfy { $0.implicit < $0.unrolled },
  "the implicit derivative is the better one at every step")

// The unrolled derivative is the worse of the two at every step, and in the end each step doubles its
// disadvantage. That is the chain rule: Newton's error obeys $\varepsilon_{k+1} \approx
// c\,\varepsilon_k^2$, and differentiating the square gives $\varepsilon_{k+1}' \approx
// 2c\,\varepsilon_k\varepsilon_k'$. Convergence is so fast that one step more makes up for it. The price
// is memory. An unrolled step stores \(bytes of a step) bytes, about as much as \(dense matrices) dense matrices of
// $n \times n$ numbers: to be differentiated, the step assembles its Jacobian as a dense matrix, column by
// column, and what it passes through on the way is stored too. The implicit derivative keeps
// \(implicit bytes) bytes, once.
//
// A slower solver is cheaper by the step. Write $L$ for the matrix of second differences, $(Lu)_i = 2u_i -
// u_{i-1} - u_{i+1}$, and solve with it alone, taking the reaction of the previous temperature:
// $u \leftarrow L^{-1} h^2\lambda e^{u}$. This fixed-point iteration needs no Jacobian, and near the
// fold it converges slowly: its rate tends to 1 there.

let spacing = 1 / Tensor(Double(n + 1))
let laplacian =
  2 * Tensor.identity(n) - Tensor.identity(n).shifted(by: 1)
  - Tensor.identity(n).shifted(by: -1)
let inverse = try solve(laplacian, Tensor.identity(n))
var costs: [[any CustomStringConvertible]] = []
for count in [10, 100, 1_000, 10_000] where count <= longest {
  let recording = try linearization(at: near) { lambda in
    var u = zero
    for _ in 0..<count { u = matmul(inverse, spacing * spacing * lambda * exp(u)) }
    return u
  }
  let unrolled = try recording.pushforward(1)[middle]
  let error = ((recording.value - converged).norm(.infinity) / converged.norm(.infinity)).scalar
  let implicit = try watched.linearize(at: near, solution: recording.value).pushforward(1)
  let derivativeErrors = [unrolled, implicit.value[middle]].map { ($0 - truth).magnitude / truth }
  if count == 100 { note("lag", digits(2, derivativeErrors[0] / derivativeErrors[1])) }
  costs.append(
    [count, measured(error)]
      + derivativeErrors.map { $0 < 1e-11 ? below($0) : measured($0).description }
      + [recording.recordedBytes])
}
try table(
  [
    "fixed-point steps", "error of u", "of the unrolled derivative", "of the implicit one",
    "bytes unrolled",
  ], rows: costs)

// The unrolled derivative pays in digits too, and more with every step: after 100 steps its error is
// \(lag) times that of the implicit derivative at the same temperature. The error of $u$ behaves like
// $\rho^k$ after $k$ steps, with a rate $\rho$ that depends on $\lambda$; its derivative behaves like
// $k\,\rho^{k-1}$.

// ## What goes wrong, and what you are told
//
// **Too much load.** Let all loads grow by one factor (bus 2 generates what it did, bus 1 delivers
// the rest) and follow the voltages, each solution being the start for the next:

func times(_ factor: Tensor) -> Loads {
  Loads(active: factor * loads.active, reactive: factor * loads.reactive)
}
var followed = network.solution
var drift = followed
rows = []
for factor: Tensor in [1, 2, 3, 3.5, 3.9, 4] {
  followed = try NewtonRootFinder(stopping: Stopping(gradientTolerance: 1e-12)).root(
    of: { voltages in powerBalance(times(factor), voltages) }, from: followed
  ).point
  drift = try powerFlow.linearize(at: times(factor), solution: followed).pushforward(loads).value
  let (voltage, slope) = (followed.magnitudes[lowestPlace], drift.magnitudes[lowestPlace])
  rows.append([factor.scalar, digits(4, voltage), digits(3, slope)])
}
try table(
  [
    "times the load", "voltage at bus \(unregulated[lowestPlace] + 1)",
    "its derivative in the factor",
  ], rows: rows)

// The right column runs away as it did for the slab, and for the same reason: the network has a fold,
// and engineers call it voltage collapse. The bordered system finds it from the last row, whose derivative
// is nearly along $v$:

struct Collapse: TensorStructure {
  var voltages: Voltages
  var direction: Voltages
  var factor: Tensor
  static var fields: [TensorField<Collapse>] {
    [
      .init("voltages", \.voltages), .init("direction", \.direction), .init("factor", \.factor),
    ]
  }
}

let length = sqrt(drift.angles.squaredNorm() + drift.magnitudes.squaredNorm())
let lastLoad = try untilRounding.root(
  of: { end in
    let (balance, product) = valueAndPushforward(at: end.voltages, along: end.direction) {
      powerBalance(times(end.factor), $0)
    }
    let v = end.direction
    return balance + product + [v.angles.squaredNorm() + v.magnitudes.squaredNorm() - 1]
  },
  from: Collapse(
    voltages: followed,
    direction: Voltages(angles: drift.angles / length, magnitudes: drift.magnitudes / length),
    factor: 4)
).point
show("times the load at the fold", lastLoad.factor.scalar)
note("last factor", digits(5, lastLoad.factor.scalar))
try check(
  "difference from a fold found by separate code",
  (lastLoad.factor - 4.00450200832).scalar.magnitude, below: 1e-10)

// So the solution that belongs to the network as it runs ends at \(last factor) times the load. At five times the
// load Newton's method finds no other one from the flat start. (That alone would not say that
// there is none: a solver can fail for reasons of its own.)

try quoteError { _ = try powerFlow(times(5)) }

// **The solver stopped early.** Two Newton steps give voltages that look fine. They solve the equations of
// slightly different loads:

let hasty = ImplicitFunction<Loads, Voltages>(
  forward: { loads in
    try NewtonRootFinder(stopping: .after(2)).root(
      of: { voltages in powerBalance(loads, voltages) }, from: flat
    ).point
  },
  conditions: .root(powerBalance))
show(
  "largest error of its voltages, per unit",
  measured((try hasty(loads).magnitudes - network.solution.magnitudes).norm(.infinity).scalar))
try quoteError { _ = try hasty.linearize(at: loads) }

// **Nobody fixed the angle of bus 1.** Only differences of angles matter. With all fourteen as unknowns, and
// the balance of bus 1 as the equation that seems to be missing, everything can be turned by the same
// angle and nothing determines it. (The generators deliver what the solution needs, so a solution is at
// hand.)

let balanced = outflow(network.solution).active
let floating = ImplicitFunction<Tensor, Voltages>(
  forward: { _ in
    Voltages(
      angles: network.solution.angles.padded(before: 1, after: 0),
      magnitudes: network.solution.magnitudes)
  },
  conditions: .root { demand, voltages in
    let reference = voltages.angles.at(0)
    let turned = Voltages(
      angles: voltages.angles.slice(1..<busCount) - reference, magnitudes: voltages.magnitudes)
    let flow = outflow(turned)
    let reactive = -loads.reactive / 100 - flow.reactive
    return [balanced - flow.active + demand, reactive.gathered(unregulated)]
  })
try quoteError { _ = try floating.linearize(at: Tensor.zeros([busCount])) }

// **A meter failed.** The load of bus 9 is missing from the table (entries count from 0):

var readings = loads.active.scalars
readings[8] = .nan
try quoteError {
  _ = try powerFlow(Loads(active: Tensor(readings), reactive: loads.reactive))
}

// **The wrong root.** This one is not reported, because nothing is wrong: below the fold the slab has two
// temperatures, and the derivative belongs to the one that the solver found. Its sign differs on the hot
// branch. Which root is meant is for you to know, and for the starting point to say.
//
// ## Exercises
//
// 1. In the straight fall ($e = 1$) the slope at $M = 0$ was refused. What is it at $M = 10^{-3},
//    10^{-6}, 10^{-9}$, and how does the Newton correction behave?
// 2. The fold of Bratu's equation itself, without a grid, satisfies $\alpha \tanh\alpha = 1$. Show that
//    $\lambda^* = 8(\alpha^2 - 1)$, and compare with the numbers for $n = 100$ and $200$, extrapolated.
//    Then look up the *Laplace limit* of Kepler's equation. What is $8$ times its square?
// 3. Find both temperatures of the slab at $\lambda = 2$, and the derivative of each. How do the two
//    derivatives compare as $\lambda$ approaches the fold?
// 4. The smallest power network: a source of voltage 1, a line of reactance $x$, a load of active power $P$.
//    Its voltage satisfies $V^4 - V^2 + x^2P^2 = 0$. Find the largest load by the bordered system, and its
//    derivative in $x$, and compare with the formula.
//
// [Solutions](NonlinearSystemsSolutions.md)
//
// ## References
//
// - J. Kepler, *Astronomia nova* (1609): the equation, in chapter 60.
// - D. A. Frank-Kamenetskii, *Diffusion and Heat Exchange in Chemical Kinetics*, Princeton (1955): the slab
//   that heats itself, and its critical $\lambda$.
// - R. Seydel, “Numerical computation of branch points in nonlinear equations”, Numerische Mathematik 33
//   (1979); G. Moore, A. Spence, “The calculation of turning points of nonlinear equations”, SIAM Journal on
//   Numerical Analysis 17 (1980): the bordered system.
// - C. T. Kelley, *Iterative Methods for Linear and Nonlinear Equations*, SIAM (1995): Newton's method.
// - W. F. Tinney, C. E. Hart, “Power Flow Solution by Newton's Method”, IEEE Transactions on Power Apparatus
//   and Systems 86 (1967).
// - Power Systems Test Case Archive, University of Washington (IEEE Common Data Format, 1993): the 14 buses.
// - I. Dobson, “Observations on the geometry of saddle node bifurcation and voltage collapse in electrical
//   power systems”, IEEE Transactions on Circuits and Systems I 39 (1992): derivatives of the fold.
try endPage()  // hide
