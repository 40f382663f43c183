// # The gradient of a minimiser costs one linear solve
//
// Page: docs/UnconstrainedOptimization.md
//
// A solver has just fitted your model: a few hundred steps, a line search, perhaps somebody else's
// Fortran, and out came the weights that minimise an objective. The objective has knobs (ten
// penalties, say), and you would like to turn all ten at once, downhill, by gradient descent. So
// you need the derivative of *“run the solver until it converges”*. What is that?
//
// It is easier than it sounds, because the solver has nothing to do with it. Whatever route it
// took, it ended at a point where the gradient of the objective is zero, and that sentence can be
// differentiated.

// hide begin
import Comparison
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-10)
let longest = try options.integer(
  "iterations", default: 10_000, quick: 300, in: 10...1_000_000,
  help: "gradient steps that are unrolled at most")
let descentSteps = try options.integer(
  "descent", default: 40, quick: 5, in: 1...1_000, help: "steps of descent on the penalties")
try beginPage(options)
// hide end

// ## By hand, on one number
//
// Let $y$ minimise $f(x, y) = y^3/3 - x\,y$ over $y > 0$, for a knob $x > 0$. At the minimum the
// slope in $y$ vanishes:
//
// $$y^2 - x = 0 .$$
//
// This holds at *every* $x$ if $y$ is read as the function $y(x)$. Two equal functions have equal
// derivatives, so differentiate both sides:
//
// $$2y\,y' - 1 = 0, \qquad\text{hence}\qquad y' = \frac{1}{2y} .$$
//
// That was all. Nobody asked how $y$ was found; we used it, once, at the end.

let x = 2.0
let y = x.squareRoot()
show("y", y)
show("y' = 1/(2y)", 1 / (2 * y))

// ## The same for any number of unknowns
//
// Write the conditions as $F(x, y) = 0$, with as many equations as unknowns. They hold at every
// $x$ near ours, with $y = y(x)$, so
//
// $$\underbrace{\frac{\partial F}{\partial y}}_{A}\; y' \;=\; -\,\underbrace{\frac{\partial F}{\partial x}}_{B} .$$
//
// If $A$ is invertible, this *determines* $y'$; that is the implicit function theorem. To move the
// input along a direction $\dot x$, solve $A\,\dot y = -B\,\dot x$. To get the gradient of a loss
// from its gradient $\bar y$ in the solution, solve $A^{\mathsf T} u = \bar y$ and return
// $-B^{\mathsf T} u$. Either way: one linear system, at the solution, and no memory of how one got
// there. When $F$ is the gradient of an objective, $A$ is its Hessian, the same matrix that one
// step of Newton's method would use.
//
// ## Three ways to say “square root”
//
// The library wants two things: any code that finds $y$, and the conditions, as a function of
// tensors. It takes care of $A$ and $B$. Our little minimiser can be described in three ways, as
// a stationary point, as a root, and as the fixed point of the Babylonian iteration
// $y \mapsto \tfrac12 (y + x/y)$. The forward code is the same, and never looked into.

let numbers: Tensor = [0.25, 2, 9]
let forward: @Sendable (Tensor) -> Tensor = { x in sqrt(x) }

let ways: [(name: String, function: ImplicitFunction<Tensor, Tensor>)] = [
  (
    "stationary point",
    ImplicitFunction(
      forward: forward, conditions: .stationary { x, y in (pow(y, 3) / 3 - x * y).sum() })
  ),
  (
    "root",
    ImplicitFunction(forward: forward, conditions: .root { x, y in y * y - x })
  ),
  (
    "fixed point",
    ImplicitFunction(forward: forward, conditions: .fixedPoint { x, y in 0.5 * (y + x / y) })
  ),
]

var rows: [[any CustomStringConvertible]] = []
var largestError = 0.0
for (name, function) in ways {
  let linearization = try function.linearize(at: numbers)
  let jacobian = try linearization.jacobian().value.diagonal()
  let exact = 0.5 / sqrt(numbers)
  let matrix = try Tensor(shape: [3, 3], linearization.A.denseMatrix()).diagonal()
  largestError = max(largestError, ((jacobian - exact) / exact).norm(.infinity).scalar)
  rows.append([name] + matrix.scalars.map { $0 } + jacobian.scalars.map { $0 })
}
try table(
  ["conditions", "A at x = 0.25", "A at 2", "A at 9", "y′ at x = 0.25", "y′ at 2", "y′ at 9"],
  rows: rows)
try check("relative error against ½ x^(−½)", largestError, below: 1e-12)

// The matrices $A$ differ: $2y$, again $2y$, and $-1$ (the Babylonian map is flat at its fixed
// point, so $A = \partial T/\partial y - 1 = -1$). So do the $B$. The derivative does not: it belongs to the
// function $y(x)$, and the conditions are only a way to get hold of it.

// ## How good is the derivative if the solver stops early?
//
// No solver returns the exact minimiser. Say it returns $\hat y$, and the derivative is taken there
// all the same. For ridge regression with one penalty $\theta$ for all weights everything can be
// written down: with $H = X^{\mathsf T}X/n + \theta I$ the solution is $y^* = H^{-1} X^{\mathsf T}b/n$
// and its derivative in $\theta$ is $J^* = -H^{-1} y^*$. The implicit estimate at $\hat y$ is
// $\hat J = -H^{-1}\hat y$. Subtract: the error is $H^{-1}(\hat y - y^*)$, so with $\mu$ the smallest
// eigenvalue of $H$
//
// $$\lVert \hat J - J^* \rVert \;\le\; \frac{1}{\mu}\,\lVert \hat y - y^* \rVert .$$
//
// The derivative is as good as the solution, up to a constant. Unrolled differentiation has no such
// bound: it differentiates the *iterates*, and their derivatives lag behind.
//
// Twenty rows, five unknowns and a penalty of 0.01 are enough to watch it. Gradient descent with
// step $1/L$, where $L$ is the largest eigenvalue, is stopped after $t$ steps:

let rowCount = 20
let columnCount = 5
let i = Tensor((1...rowCount).map(Double.init))
let j = Tensor((1...columnCount).map(Double.init))
let P = sin(1 + outer(i, j)) * pow(Tensor(0.5), j - 1)
let q = cos(0.5 * i)
let smallRidge: @Sendable (Tensor, Tensor) -> Tensor = { theta, w in
  let r = matmul(P, w) - q
  return 0.5 * (r * r).mean() + 0.5 * theta * w.squaredNorm()
}

let theta = Tensor(0.01)
let n = Tensor(Double(rowCount))
let H = matmul(P, P, transposingLeft: true) / n + theta * Tensor.identity(columnCount)
let exactWeights = try solve(H, matmul(q, P) / n)
let exactJacobian = -(try solve(H, exactWeights))

// (The two extreme eigenvalues, by a few hundred multiplications with $H$ and with $H^{-1}$.)

var top = Tensor.ones([columnCount])
var bottom = Tensor.ones([columnCount])
for _ in 0..<400 {
  top = matmul(H, top)
  top /= top.norm()
  bottom = try solve(H, bottom)
  bottom /= bottom.norm()
}
let L = top.dot(matmul(H, top))
let mu = bottom.dot(matmul(H, bottom))
show("L, μ, 1/μ", L.scalar, mu.scalar, 1 / mu.scalar)

/// Gradient descent, all of its iterates: an ordinary loop, run on plain or on traced tensors.
@Sendable func descend(from start: Tensor, steps: Int, step: Tensor, _ theta: Tensor) -> [Tensor] {
  var w = start
  var iterates = [w]
  for _ in 0..<steps {
    w = w - step * gradient(at: w) { w in smallRidge(theta, w) }
    iterates.append(w)
  }
  return iterates
}

// One forward sweep differentiates every iterate with respect to $\theta$; the implicit estimate
// takes each as if it were the solution (so its check, of which more below, is switched off).

let unchecked = ImplicitFunction<Tensor, Tensor>(
  forward: { _ in exactWeights },
  conditions: .stationary(of: smallRidge), conditionsTolerance: nil)

func errors(from start: Tensor, steps: Int) throws -> (
  iterate: [Double], implicit: [Double], unrolled: [Double]
) {
  let (iterates, tangents) = valueAndPushforward(at: theta, along: Tensor(1)) { theta in
    descend(from: start, steps: steps, step: 1 / L, theta)
  }
  let implicit = try iterates.map { iterate in
    try unchecked.linearize(at: theta, solution: iterate).pushforward(1).value
  }
  return (
    iterates.map { ($0 - exactWeights).norm().scalar },
    implicit.map { ($0 - exactJacobian).norm().scalar },
    tangents.map { ($0 - exactJacobian).norm().scalar }
  )
}

let run = try errors(from: Tensor.zeros([columnCount]), steps: 800)
try table(
  ["t", "‖ŷ − y*‖", "implicit error", "unrolled error", "implicit ÷ iterate", "unrolled ÷ iterate"],
  rows: [0, 1, 10, 50, 100, 200, 400, 800].map { t in
    [
      t, run.iterate[t], run.implicit[t], run.unrolled[t],
      digits(3, run.implicit[t] / run.iterate[t]), digits(4, run.unrolled[t] / run.iterate[t]),
    ]
  })
try endPage()  // hide
