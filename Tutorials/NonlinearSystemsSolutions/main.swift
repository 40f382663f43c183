// # Solutions: a cube root, a limit of Kepler's, two temperatures and one line
//
// Page: docs/NonlinearSystemsSolutions.md
//
// These are the exercises of [One matrix finds a root, moves it, and knows when it is
// gone](NonlinearSystems.md#exercises), worked out.

// hide begin
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
let finest = try options.integer(
  "points", default: 200, quick: 100, in: 50...400, help: "grid points of the finer slab")
try beginPage(options)
// hide end

// ## 1. The straight fall
//
// *In the straight fall ($e = 1$) the slope at $M = 0$ was refused. What is it at $M = 10^{-3}, 10^{-6},
// 10^{-9}$, and how does the Newton correction behave?*
//
// For small $E$ the equation $E - \sin E = M$ is $E^3/6 \approx M$. So $E \approx (6M)^{1/3}$, and the
// slope is $dE/dM \approx E/(3M)$: it grows like $M^{-2/3}$. Newton's method is started at $E = 1$ and
// makes sixty steps, until rounding stops it.

let fall = ImplicitFunction<Tensor, Tensor>(
  forward: { M in
    try NewtonRootFinder(stopping: .after(60)).root(of: { E in E - sin(E) - M }, from: 1).point
  },
  conditions: .root { M, E in E - sin(E) - M })

var rows: [[any CustomStringConvertible]] = []
for M in [1e-1, 1e-3, 1e-6, 1e-9] {
  let state = try fall.linearize(at: Tensor(M))
  let slope = try state.pushforward(1).value.scalar
  rows.append([
    formatted(M), digits(4, state.solution.scalar), digits(4, slope),
    digits(4, slope * 3 * M / state.solution.scalar),
    below(state.report.newtonCorrection ?? .infinity),
  ])
}
try table(["M", "E", "dE/dM", "dE/dM ÷ E/(3M)", "Newton correction"], rows: rows)

/// The power of ten above a number whose digits are rounding.
func below(_ value: Double) -> String {
  var (bound, power) = (1e-13, -13)
  while value >= bound {
    power += 1
    bound *= 10
  }
  return "< 1e\(power)"
}

// The Newton correction loses digits because $E - \sin E$ does: two numbers of size $E$ are subtracted to
// leave $E^3/6$. At $M = 10^{-9}$ that costs six digits, and the root is known to about ten. At
// $M = 0$ nothing remains to divide by.
//
// ## 2. Kepler in a slab
//
// *The fold of Bratu's equation itself, without a grid, satisfies $\alpha\tanh\alpha = 1$. Show
// that $\lambda^* = 8(\alpha^2-1)$, and compare. Then look up the Laplace limit of Kepler's
// equation. What is 8 times its square?*
//
// At a maximum of $\lambda = 8\,(\alpha/\cosh\alpha)^2$ the derivative of $\log(\alpha/\cosh\alpha)$ vanishes,
// $1/\alpha - \tanh\alpha = 0$. Then $1/\cosh^2\alpha = 1 - \tanh^2\alpha = 1 - 1/\alpha^2$, and multiplying by
// $8\alpha^2$ gives $8(\alpha^2 - 1)$.

let alpha = try NewtonRootFinder(stopping: .after(8)).root(
  of: { alpha in alpha * tanh(alpha) - 1 }, from: 1.2
).point
let limit = 8 * (alpha * alpha - 1)
show("α", alpha.scalar)
show("λ* = 8 (α² − 1)", limit.scalar)

// On a grid the error falls like $h^2$, so two grids give a better number than either: weigh them so that
// $h^2$ drops out.

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

@Sendable func heatBalance(_ u: Tensor, _ lambda: Tensor) -> Tensor {
  let h = 1 / Tensor(Double(u.count + 1))
  return 2 * u - u.shifted(by: 1) - u.shifted(by: -1) - h * h * lambda * exp(u)
}

func slabFold(points n: Int) throws -> Fold {
  let grid = Tensor((1...n).map { Double($0) / Double(n + 1) })
  let bump = 4 * grid * (1 - grid)
  return try NewtonRootFinder(stopping: .after(10)).root(
    of: { fold in
      let (balance, product) = valueAndPushforward(at: fold.temperature, along: fold.direction) {
        u in heatBalance(u, fold.reaction)
      }
      return Fold(
        temperature: balance, direction: product, reaction: fold.direction.squaredNorm() - 1)
    }, from: Fold(temperature: 1.2 * bump, direction: bump / bump.norm(), reaction: 3.5)
  ).point
}

let coarse = finest / 2
let (coarseFold, fineFold) = (try slabFold(points: coarse), try slabFold(points: finest))
let (h, k) = (1 / Double(coarse + 1), 1 / Double(finest + 1))
let extrapolated =
  (h * h * fineFold.reaction.scalar - k * k * coarseFold.reaction.scalar) / (h * h - k * k)
try table(
  ["", "λ*", "distance from 8(α² − 1)"],
  rows: [
    ["coarse grid", coarseFold.reaction.scalar, digits(2, (coarseFold.reaction - limit).scalar)],
    ["fine grid", fineFold.reaction.scalar, digits(2, (fineFold.reaction - limit).scalar)],
    ["extrapolated", extrapolated, digits(2, extrapolated - limit.scalar)],
  ])
try check(
  "the extrapolated fold against the formula", (extrapolated - limit.scalar).magnitude, below: 1e-6)

// Now Kepler. The power series of $E$ in $e$, at fixed $M$, converges up to $e = 0.6627434$, the Laplace
// limit: there the series meets a *complex* $e$ at which $1 - e\cos E = 0$, a fold of Kepler's equation off
// the real line. Put $M = \pi/2$, $e = i\varepsilon$ and $E = \pi/2 + i\eta$. The equation becomes
// $\eta = \varepsilon\cosh\eta$, its derivative $1 = \varepsilon\sinh\eta$, so $\eta\tanh\eta = 1$: the same
// $\alpha$, with $\varepsilon = 1/\sinh\alpha = \sqrt{\alpha^2 - 1}$. Hence $\lambda^*$ is 8 times the square of
// the Laplace limit.

let laplaceLimit = sqrt(alpha * alpha - 1)
show("Laplace limit", laplaceLimit.scalar)
try check(
  "1/sinh α against √(α² − 1)",
  (2 / (exp(alpha) - exp(-alpha)) - laplaceLimit).scalar.magnitude, below: 1e-12)

// ## 3. Two temperatures
//
// *Find both temperatures of the slab at $\lambda = 2$, and the derivative of each. How do the two
// derivatives compare as $\lambda$ approaches the fold?*
//
// Newton's method finds the calm root from zero, and the hot one from a start above it. The implicit
// function differentiates what it is given:

@Sendable func slab(from peak: Double) -> ImplicitFunction<Tensor, Tensor> {
  ImplicitFunction(
    forward: { lambda in
      let grid = Tensor((1...99).map { Double($0) / 100 })
      return try NewtonRootFinder(stopping: .after(40)).root(
        of: { u in heatBalance(u, lambda) }, from: 4 * Tensor(peak) * grid * (1 - grid)
      ).point
    },
    conditions: .root { lambda, u in heatBalance(u, lambda) })
}

let (calm, hot) = (slab(from: 0), slab(from: 4))
rows = []
var ratios: [Double] = []
for lambda in [2, 3, 3.4, 3.5, 3.51, 3.513] {
  let (low, high) = (
    try calm.linearize(at: Tensor(lambda)), try hot.linearize(at: Tensor(lambda))
  )
  let (slopeLow, slopeHigh) = (
    try low.pushforward(1).value[49], try high.pushforward(1).value[49]
  )
  ratios.append(slopeHigh / slopeLow)
  rows.append([
    lambda, digits(4, low.solution[49]), digits(4, slopeLow), digits(4, high.solution[49]),
    digits(4, slopeHigh), digits(3, slopeHigh / slopeLow),
  ])
}
try table(
  ["λ", "calm, hottest", "its derivative", "hot, hottest", "its derivative", "ratio"], rows: rows)
try check(
  zip(ratios, ratios.dropFirst()).allSatisfy { $0 < $1 && $1 < -1 },
  "the ratio of the derivatives moves towards −1 and does not pass it")

// Near the fold $\lambda^* - \lambda \approx c\,(s - s^*)^2$. The two temperatures lie at the same distance on
// either side of $s^*$ and move towards each other at the same speed: the ratio tends to $-1$. The hot
// temperature *falls* when the reaction is made stronger, which no experiment shows, because that
// state is unstable.
//
// ## 4. One line, one load
//
// *A source of voltage 1, a line of reactance $x$, a load of active power $P$: $V^4 - V^2 + x^2P^2 = 0$. Find
// the largest load by the bordered system, and its derivative in $x$.*
//
// With $w = V^2$ the equation is a quadratic, $w = \tfrac12 \pm \sqrt{\tfrac14 - x^2P^2}$; the roots meet at
// $P^* = 1/(2x)$, where $V = 1/\sqrt2$, and $dP^*/dx = -1/(2x^2)$. With one unknown the vector $v$ is a number
// of length 1, and the bordered system is $F = 0$, $\partial F/\partial V = 0$:

struct Nose: TensorStructure {
  var voltage: Tensor
  var load: Tensor
  static var fields: [TensorField<Nose>] { [.init("voltage", \.voltage), .init("load", \.load)] }
}

@Sendable func collapse(_ x: Tensor, _ nose: Nose) -> Nose {
  let (balance, slope) = valueAndPushforward(at: nose.voltage, along: 1) { V in
    pow(V, 4) - pow(V, 2) + pow(x * nose.load, 2)
  }
  return Nose(voltage: balance, load: slope)
}

let largestLoad = ImplicitFunction<Tensor, Nose>(
  forward: { x in
    try NewtonRootFinder(stopping: .after(10)).root(
      of: { nose in collapse(x, nose) }, from: Nose(voltage: 0.8, load: 2)
    ).point
  },
  conditions: .root(collapse))

let reactance = Tensor(0.2)
let nose = try largestLoad.linearize(at: reactance)
let tangent = try nose.pushforward(1).value
show("P*, V", nose.solution.load.scalar, nose.solution.voltage.scalar)
show("dP*/dx", tangent.load.scalar)
show("|dV/dx| at the largest load", measured(tangent.voltage.scalar.magnitude))
try check("P* against 1/(2x)", (nose.solution.load - 2.5).scalar.magnitude, below: 1e-12)
try check("dP*/dx against −1/(2x²)", (tangent.load + 12.5).scalar.magnitude, below: 1e-10)

// The voltage of collapse does not depend on the line at all: it is $1/\sqrt2$ of the source, 71 per cent.
// And a line that is one per cent longer carries one per cent less.
try endPage()  // hide
