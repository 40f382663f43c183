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
try endPage()  // hide
