// # Solutions: the step does not matter, the start does not matter, the conditions do
//
// Page: docs/UnconstrainedOptimizationSolutions.md
//
// These are the exercises of [A gradient through a minimiser costs one linear
// solve](UnconstrainedOptimization.md#exercises), worked out. All of them use the small ridge
// regression of that page: twenty rows, five unknowns, one penalty $\theta = 0.01$.

// hide begin
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
let longest = try options.integer(
  "iterations", default: 1_000, quick: 100, in: 100...100_000,
  help: "gradient steps that are unrolled at most")
try beginPage(options)
// hide end

let i = Tensor((1...20).map(Double.init))
let j = Tensor((1...5).map(Double.init))
let P = sin(1 + outer(i, j)) * pow(Tensor(0.5), j - 1)
let q = cos(0.5 * i)
let theta = Tensor(0.01)
let H = matmul(P, P, transposingLeft: true) / 20 + theta * Tensor.identity(5)
let exact = try solve(H, matmul(q, P) / 20)

@Sendable func objective(_ theta: Tensor, _ w: Tensor) -> Tensor {
  let residual = matmul(P, w) - q
  return 0.5 * (residual * residual).mean() + 0.5 * theta * w.squaredNorm()
}

// ## 1. The step size of a fixed point
//
// *Describe the minimiser as a fixed point of one gradient step, $T(w) = w - \eta\,\nabla f(w)$. Does
// the derivative depend on $\eta$? What if $\eta$ is so large that iterating $T$ would diverge?*
//
// With $F = T - w = -\eta\,\nabla f$ we have $A = -\eta H$ and $B = -\eta\,\partial_\theta\nabla f$. The
// factor $-\eta$ cancels in $-A^{-1}B$. Nothing is iterated, so nothing can diverge: a fixed point may
// well be repelling.

@Sendable func weightsAsFixedPoint(step: Double) -> ImplicitFunction<Tensor, Tensor> {
  ImplicitFunction(
    forward: { _ in exact },
    conditions: .fixedPoint { theta, w in
      w - Tensor(step) * gradient(at: w) { w in objective(theta, w) }
    })
}

let derivative = -(try solve(H, exact))
var rows: [[any CustomStringConvertible]] = []
var worst = 0.0
for step in [0.01, 1, 100] {
  let slope = try weightsAsFixedPoint(step: step).pushforward(at: theta, 1).value
  let error = ((slope - derivative).norm() / derivative.norm()).scalar
  worst = max(worst, error)
  rows.append([formatted(step)] + slope.scalars.map { digits(5, $0) })
}
try table(["η", "dw₁/dθ", "dw₂/dθ", "dw₃/dθ", "dw₄/dθ", "dw₅/dθ"], rows: rows)
try check("relative error, whatever the step", worst, below: 1e-10)

// ## 2. The penalty that has no effect
//
// *Which change of the penalty leaves the loss on the training data as it is, to first order?*
//
// The training loss is $\ell(w) = \tfrac1{2n}\lVert Pw - q\rVert^2$, and at the solution
// $\nabla \ell = -\theta w$. So its derivative in $\theta$ is $\nabla\ell \cdot w' = \theta\, w^{\mathsf T}
// H^{-1} w$, which is positive unless $w = 0$: with a single penalty there is no such change, more
// penalty always fits worse. At $\theta = 0$ the derivative vanishes: the first bit of penalty costs
// nothing.

let weights = ImplicitFunction<Tensor, Tensor>(
  forward: { theta in
    try solve(
      matmul(P, P, transposingLeft: true) / 20 + theta * Tensor.identity(5), matmul(q, P) / 20)
  },
  conditions: .stationary(of: objective))

@Sendable func trainingLossSlope(at theta: Tensor) throws -> Double {
  let (w, pullback) = try weights.valueWithPullback(at: theta)
  return try pullback(gradient(at: w) { w in objective(0, w) }).value.scalar
}

let byFormula = theta.scalar * exact.dot(try solve(H, exact)).scalar
let bySolve = try trainingLossSlope(at: theta)
show("slope of the training loss at θ = 0.01", bySolve)
show("at θ = 0", measured(abs(Tensor(try trainingLossSlope(at: 0))).scalar))
try check(
  "relative error against θ wᵀH⁻¹w", ((bySolve - byFormula) / byFormula).magnitude, below: 1e-10)

// ## 3. Where the solver started
//
// *What is the derivative of the solution with respect to the point where the solver started? And
// that of $k$ unrolled steps?*
//
// The conditions do not mention the start, so $B = 0$ and the implicit derivative is exactly zero.
// Unrolled, gradient descent with step $\eta$ is linear in its start, with the matrix
// $(I - \eta H)^k$. That tends to zero, but as slowly as the solver converges.

let eta = 1.5
var spread: [(k: Int, norm: Double)] = []
for k in [10, 30, 100, 300, 1_000] where k <= longest {
  let (_, moved) = try valueAndPushforward(at: Tensor.zeros([5]), along: Tensor.ones([5])) {
    start in
    try GradientDescent(stepSize: .fixed(eta), stopping: .after(k))
      .minimum(of: { w in objective(theta, w) }, from: start).point
  }
  spread.append((k, (moved / sqrt(5)).norm().scalar))
}
try table(
  ["k", "unrolled: change of wₖ per change of the start"],
  rows: spread.map { [$0.k, measured($0.norm)] })

// ## 4. The conditions of another problem
//
// *A colleague minimises with the penalty but forgets it in the conditions. What does the library say?
// What would it have returned?*
//
// The point does not solve $\nabla\ell(w) = 0$. A Newton step on these conditions goes all the way to
// the least-squares solution, and its length is what the library reports:

let forgotten = ImplicitFunction<Tensor, Tensor>(
  forward: { _ in exact },
  conditions: .stationary { _, w in objective(0, w) })
try quoteError { _ = try forgotten.linearize(at: theta) }
let leastSquares = try solve(matmul(P, P, transposingLeft: true), matmul(q, P))
show(
  "distance to the least-squares solution, relative",
  ((leastSquares - exact).norm() / exact.norm()).scalar)

// Without the check it would have been a derivative of zero, since the conditions no longer contain
// $\theta$: plausible, and wrong.
try endPage()  // hide
