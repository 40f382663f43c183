// # Solutions: one potential, one more input, one direction, one curvature
//
// Page: docs/SinkhornFixedPointSolutions.md
//
// These are the exercises of [A transport plan has a derivative, its potentials have a
// gauge](SinkhornFixedPoint.md#exercises), worked out on a small problem: twelve points on a line,
// two uneven heaps, squared distances, $\varepsilon = 0.05$.

// hide begin
import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-13)
let tolerance = options.tolerance
try beginPage(options)
// hide end

let n = 12
let points = Tensor((0..<n).map { Double($0) / Double(n - 1) })
let uneven = (2 + sin(7 * points), 2 + cos(4 * points))
let (a, b) = (uneven.0 / uneven.0.sum(), uneven.1 / uneven.1.sum())
let cost = pow(points.expanded(atAxis: 1) - points, 2)

/// Everything that the plan depends on, the weight of the entropy included.
struct Transport: TensorStructure {
  var cost: Tensor
  var a: Tensor
  var b: Tensor
  var epsilon: Tensor
  static var fields: [TensorField<Transport>] {
    [.init("cost", \.cost), .init("a", \.a), .init("b", \.b), .init("epsilon", \.epsilon)]
  }
}

struct Potentials: TensorStructure {
  var f: Tensor
  var g: Tensor
  static var fields: [TensorField<Potentials>] { [.init("f", \.f), .init("g", \.g)] }
}

let question = Transport(cost: cost, a: a, b: b, epsilon: 0.05)

/// A tangent with the given parts, zero elsewhere.
func along(a: Tensor = .zeros([n]), b: Tensor = .zeros([n]), epsilon: Tensor = 0) -> Transport {
  Transport(cost: .zeros([n, n]), a: a, b: b, epsilon: epsilon)
}

func unit(_ i: Int) -> Tensor { Tensor([1]).scattered([i], count: n) }

@Sendable func sinkhorn(_ x: Transport) throws -> EntropicTransport {
  try Sinkhorn(
    epsilon: x.epsilon.scalar,
    stopping: Stopping(gradientTolerance: tolerance, maximumIterations: 100_000)
  ).transport(cost: x.cost, from: x.a, to: x.b)
}

@Sendable func plan(_ x: Transport, _ y: Potentials) -> Tensor {
  exp((y.f.expanded(atAxis: 1) + y.g - x.cost) / x.epsilon)
}

let potentials = ImplicitFunction<Transport, Potentials>(
  forward: { x in
    let found = try sinkhorn(x)
    return Potentials(f: found.rowPotentials, g: found.columnPotentials)
  },
  conditions: .root { x, y in
    let P = plan(x, y)
    return [P.sum(alongAxis: 1) - x.a, P.sum(alongAxis: 0) - x.b]
  },
  gauge: Gauge { _, _ in [Potentials(f: .ones([n]), g: -Tensor.ones([n]))] })

func planDerivative(_ tangent: Transport) throws -> Tensor {
  try valueAndPushforward(at: question, along: tangent) { x in
    plan(x, try potentials(x))
  }.tangent
}

func relative(_ x: Tensor, to exact: Tensor) -> Double {
  ((x - exact).norm() / exact.norm()).scalar
}

// ## 1. One potential is enough
//
// *Eliminate $g$: the potential $f$ alone is a fixed point, $f = T(f)$, of one whole iteration.
// What is free here, and which right-hand sides are refused?*
//
// Given $f$, the second half of Sinkhorn's iteration finds $g$, and the first half a new $f$.
// Raising $f$ by a constant lowers $g$ by it, and raises the new $f$ by it: $T(f + t) = T(f) + t$.
// So $\partial T - I$ maps $\mathbf 1$ to zero.

@Sendable func columnPotential(_ x: Transport, _ f: Tensor) -> Tensor {
  let exponents = (f.expanded(atAxis: 1) - x.cost) / x.epsilon
  return x.epsilon * (log(x.b) - exponents.logSumExp(alongAxis: 0))
}

@Sendable func wholeIteration(_ x: Transport, _ f: Tensor) -> Tensor {
  let exponents = (columnPotential(x, f) - x.cost) / x.epsilon
  return x.epsilon * (log(x.a) - exponents.logSumExp(alongAxis: 1))
}

let single = ImplicitFunction<Transport, Tensor>(
  forward: { x in try sinkhorn(x).rowPotentials },
  conditions: .fixedPoint(wholeIteration),
  gauge: Gauge { _, _ in [.ones([n])] })
let linearized = try single.linearize(at: question)
let A = try Tensor(shape: [n, n], linearized.A.denseMatrix())
try check("largest entry of A 1", A.sum(alongAxis: 1).norm(.infinity).scalar, below: 1e-12)
show("largest entry of 1ᵀA", A.sum(alongAxis: 0).norm(.infinity).scalar)
try check("largest entry of aᵀA", matmul(a, A).norm(.infinity).scalar, below: 1e-12)

// $A$ is not symmetric, and its direction at the exit is $a$. A residual of this system is a change
// of potentials, and its average *weighted by the masses* is what has to vanish. The gauge above
// declares only the first direction; the library has found the second from $A^{\mathsf T}$. It
// refuses the same tangents as before, those that create mass:

let spoonful = unit(8) - unit(2)
try quoteError { _ = try linearized.pushforward(along(a: unit(8))) }

// And it gives the same derivative of the plan:

let bySingle = try valueAndPushforward(at: question, along: along(a: spoonful)) { x in
  let f = try single(x)
  return plan(x, Potentials(f: f, g: columnPotential(x, f)))
}.tangent
let byBoth = try planDerivative(along(a: spoonful))
try check("relative difference of dP", relative(bySingle, to: byBoth), below: 1e-10)
try check(
  "largest error of dP·1 = ȧ", (bySingle.sum(alongAxis: 1) - spoonful).norm(.infinity).scalar,
  below: 1e-12)
try check(
  "largest error of dPᵀ1 = 0", bySingle.sum(alongAxis: 0).norm(.infinity).scalar, below: 1e-12)

// ## 2. More entropy
//
// *How does the value change with $\varepsilon$? Find it without a solve. And the plan?*
//
// The value is the minimum of $\langle C, P\rangle + \varepsilon\sum P\log P$. Hold the plan fixed
// and differentiate in $\varepsilon$: what remains is $\sum P \log P$, by the envelope theorem. The
// cost $\langle C, P\rangle$ alone is no minimum, so its slope does need the motion of the plan.
// Since $\varepsilon$ is an input like the others, nothing new has to be written for it.

let y = try potentials(question)
let P = plan(question, y)
let minusEntropy = (P * log(P)).sum().scalar
let dP = try planDerivative(along(epsilon: 1))
let slope = (cost * dP).sum().scalar
let valueSweep = try DifferenceSweep(scale: 0.01) { h in
  var x = question
  x.epsilon += Tensor(h)
  return try sinkhorn(x).value.scalar
}
let costSweep = try DifferenceSweep(scale: 0.01) { h in
  var x = question
  x.epsilon += Tensor(h)
  return (x.cost * (try sinkhorn(x).plan)).sum().scalar
}
show("slope of the value: Σ P log P, and by differences", minusEntropy, valueSweep.derivative)
show("slope of ⟨C, P⟩: from dP, and by differences", slope, costSweep.derivative)
try check(
  "larger of the relative differences",
  Swift.max(
    ((minusEntropy - valueSweep.derivative) / minusEntropy).magnitude,
    ((slope - costSweep.derivative) / slope).magnitude), below: 1e-7)
try check(
  "largest row or column sum of dP/dε",
  Swift.max(
    dP.sum(alongAxis: 0).norm(.infinity).scalar, dP.sum(alongAxis: 1).norm(.infinity).scalar),
  below: 1e-12)

// The value falls with $\varepsilon$, since $\sum P \log P$, minus the entropy, is negative; the cost
// rises, since the plan spreads.
//
// ## 3. Dividing by the sum is a direction, too
//
// *A colleague differentiates numerically: add $h$ to pixel $i$, divide by the sum, solve,
// subtract. Which derivative is that?*
//
// The masses are $a(h) = (a + h e_i)/(1 + h)$. At $h = 0$ they move along $e_i - a$: a unit arrives
// at $i$, and everybody pays for it in proportion to what he has. That is a tangent which conserves
// mass, and a fine one. It is only not $\partial/\partial a_i$, which does not exist.

let i = 8
let normalised = try DifferenceSweep(scale: 0.01) { h in
  var x = question
  x.a = (a + Tensor(h) * unit(i)) / Tensor(1 + h)
  x.a = x.a / x.a.sum()
  return (x.cost * (try sinkhorn(x).plan)).sum().scalar
}
let proportional = (cost * (try planDerivative(along(a: unit(i) - a)))).sum().scalar
show("by differences, along e₈ − a", normalised.derivative, proportional)
try check(
  "relative difference", ((normalised.derivative - proportional) / proportional).magnitude,
  below: 1e-7)

// ## 4. The curvature of the value
//
// *The second derivative of the value in $a$ is the first derivative of $f$. Show by two
// pushforwards that it is symmetric, and that it is larger than that of
// $\varepsilon \sum a \log a$.*
//
// The gradient is $f$, so along tangents $s$ and $t$ the second derivative is
// $\langle s, \dot f(t)\rangle$. (The gauge adds a constant to $\dot f$, which $s$ does not see.)
// The solution of the two-potential system is $\dot f = \varepsilon H^{+} t$ with
// $H = \mathrm{diag}(a) - P\,\mathrm{diag}(b)^{-1}P^{\mathsf T}$. Something positive is subtracted
// from $\mathrm{diag}(a)$, so $H$ is smaller and its inverse larger than $\mathrm{diag}(a)^{-1}$,
// which is the second derivative of $\sum a \log a$.

func slopeOfF(_ tangent: Tensor) throws -> Tensor {
  try potentials.pushforward(at: question, along(a: tangent)).value.f
}
let waves = (0..<4).map { k in
  let wave = sin(Tensor(Double(3 * k + 2)) * points + Tensor(Double(k)))
  return wave - wave.mean()
}
let slopes = try waves.map(slopeOfF)
let scale = waves[0].dot(slopes[0]).scalar
try check(
  "asymmetry ⟨s, ḟ(t)⟩ − ⟨t, ḟ(s)⟩, relative",
  ((waves[1].dot(slopes[0]) - waves[0].dot(slopes[1])).scalar / scale).magnitude, below: 1e-12)
let curvatures = zip(waves, slopes).map { wave, slope in
  (wave.dot(slope) / (0.05 * (wave * wave / a).sum())).scalar
}
try table(
  ["t", "curvature of OT ÷ that of ε Σ a log a"],
  rows: curvatures.indices.map { ["wave \($0 + 1)", digits(5, curvatures[$0])] })
try check(curvatures.allSatisfy { $0 >= 1 }, "along all waves the ratio is at least 1")

// Long waves are stiff, since ink has to travel; short ones cost hardly more than their entropy,
// since the plan spreads beyond them anyway. The largest possible ratio is $1/(1 - \sigma_2^2)$,
// which set the step length of the flow.
try endPage()  // hide
