// # The theorem in one picture: a curve has a slope wherever it is not vertical
//
// Page: docs/ImplicitFunctionTheorem.md
// Teaches: What the implicit function theorem promises, and what each of its conditions is for.
// Minutes: 10
//
// Everything in this workbook rests on one theorem. What does it say, and what happens where one
// of its conditions fails? A circle shows nearly all of it.

// hide begin
import Comparison
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
try beginPage(options)
// hide end

// ## The picture
//
// All points with $x^2 + y^2 = 1$ form a circle. It is not the graph of a function: above most $x$
// there are two points. But take a magnifying glass to one of them, say $(0.6,\,0.8)$. What one sees
// through the glass *is* a graph, of some $y(x)$ with a slope. On this graph the equation holds at
// every $x$, so differentiate both sides:
//
// $$2x + 2y\,y' = 0, \qquad y' = -\frac{x}{y} .$$
//
// With $F(x, y) = x^2 + y^2 - 1$ the two terms are $B = \partial F/\partial x = 2x$ and
// $A\,y'$ with $A = \partial F/\partial y = 2y$, and the slope is $-B/A$.

let places = [-0.8, 0, 0.6, 0.96]
var rows: [[any CustomStringConvertible]] = []
for x in places {
  let y = (1 - x * x).squareRoot()
  rows.append([x, y, 2 * y, 2 * x, -x / y])
}
try table(["x", "y", "A", "B", "slope −B/A"], rows: rows)

// hide begin
let angles = (0...180).map { Double($0) * 2 }
let circle = angles.map { degrees in
  let t = Tensor(degrees * 3.141592653589793 / 180)
  return (x: cos(t).scalar, y: sin(t).scalar)
}
func tangent(_ x: Double) -> Plot.Series {
  let y = (1 - x * x).squareRoot()
  let reach = 0.45 * y
  return .line(
    "", x: [x - reach, x + reach], y: [y + reach * x / y, y - reach * x / y], dashed: true)
}
try plot(
  "circle",
  Plot(
    "x² + y² = 1", x: .linear("x"), y: .linear("y"),
    [.line("F(x, y) = 0", x: circle.map(\.x), y: circle.map(\.y))]
      + places.dropLast().map { tangent($0) }
      + [.points("vertical: A = 0", x: [-1, 1], y: [0, 0])],
    caption:
      "Wherever the curve is not vertical it is locally a graph, and has a slope. At (±1, 0) "
      + "two solutions merge and end; there A = 2y = 0."))
// hide end

// Towards $x = 1$ the slope grows without bound, and at $(1, 0)$ there is none: to the right of it
// there is no $y$ at all, to the left there are two. The number that tells is $A$. It vanishes there
// and nowhere else on the right half of the circle.
//
// ## The statement
//
// Let $F(x, y)$ have as many components as $y$ has. Suppose that at a point $(x_0, y_0)$
//
// 1. $F(x_0, y_0) = 0$,
// 2. $F$ is continuously differentiable nearby,
// 3. the square matrix $A = \partial F/\partial y$ is invertible there.
//
// Then for each $x$ near $x_0$ there is exactly one $y(x)$ near $y_0$ with $F(x, y(x)) = 0$, it is
// continuously differentiable, and
//
// $$y'(x) = -A^{-1} B, \qquad B = \frac{\partial F}{\partial x} .$$
//
// Many texts write the conclusion as $F(x_0, y(x_0)) = 0$ “in a neighbourhood”. That freezes the
// point, and a frozen equation cannot be differentiated: the identity must hold for all $x$ near
// $x_0$.
//
// ## Rows or columns
//
// With $n$ unknowns and $m$ inputs the Jacobian $y'$ has $n$ rows and $m$ columns. A column is a
// pushforward, one solve with $A$. A row is a pullback, one solve with $A^{\mathsf T}$. The whole
// matrix costs $\min(n, m)$ solves, and $A$ is factorised once.

let tallInput = Tensor([1, 2])
let tall = ImplicitFunction<Tensor, Tensor>(
  forward: { x in Tensor([1, 2, 3, 4, 5]) * x.sum() },
  conditions: .root { x, y in y - Tensor([1, 2, 3, 4, 5]) * x.sum() })
let wide = ImplicitFunction<Tensor, Tensor>(
  forward: { x in sqrt(x.slice(0..<2) * x.sum()) },
  conditions: .root { x, y in y * y - x.slice(0..<2) * x.sum() })
let tallJacobian = try tall.jacobian(at: tallInput)
let wideJacobian = try wide.jacobian(at: [1, 2, 3, 4, 5])
try table(
  ["unknowns n", "inputs m", "shape of the Jacobian", "linear solves"],
  rows: [
    [
      5, 2, tallJacobian.value.shape.map(String.init).joined(separator: " × "),
      tallJacobian.report.linearSolves,
    ],
    [
      2, 5, wideJacobian.value.shape.map(String.init).joined(separator: " × "),
      wideJacobian.report.linearSolves,
    ],
  ])

// One never needs the whole matrix to descend a loss: its gradient is one pullback, whatever $m$ is.
//
// ## When the point is no solution
//
// Condition 1 looks innocent, since the solver is there to provide it. But every point lies on
// *some* curve $F = c$, and that curve has a slope too. A derivative taken at a wrong point is a
// perfectly smooth number that belongs to another function. So the library measures how far Newton's
// method would still move the point:

let semicircle = ImplicitFunction<Tensor, Tensor>(
  forward: { x in sqrt(1 - x * x) }, conditions: .root { x, y in x * x + y * y - 1 })
try quoteError { _ = try semicircle.linearize(at: 0.6, solution: 0.7) }

// ## When A is singular
//
// At $(1, 0)$ the library refuses:

try quoteError { _ = try semicircle.linearize(at: 1) }

// A singular $A$ does not say what is wrong, only that the theorem is silent. In one dimension there
// are four kinds of silence, and each is refused:
//
// | conditions | at | what is there |
// | --- | --- | --- |
// | $x^2 + y^2 - 1 = 0$ | (1, 0) | two solutions merge and end: a *fold* |
// | $y^2 - x^2 = 0$ | (0, 0) | two solutions cross: which one did you mean? |
// | $y^3 - x = 0$ | (0, 0) | one solution for each $x$, with an infinite slope |
// | $(y - x)^2 = 0$ | (0, 0) | a smooth solution, $y = x$, described so badly that $A$ cannot see it |
//
// The last one deserves a thought. The function is harmless and its derivative is 1, but these
// conditions do not reveal it; $y - x = 0$ would. Singular conditions are often a matter of the
// description, and then the cure is a better description.

let silences: [(conditions: Conditions<Tensor, Tensor>, name: String)] = [
  (.root { x, y in y * y - x * x }, "crossing"),
  (.root { x, y in pow(y, 3) - x }, "infinite slope"),
  (.root { x, y in pow(y - x, 2) }, "bad description"),
]
var refused = 0
for (conditions, _) in silences {
  let function = ImplicitFunction<Tensor, Tensor>(
    forward: { _ in Tensor(0) }, conditions: conditions)
  do {
    _ = try function.linearize(at: 0)
  } catch DifferentiationError.linearSolve {
    refused += 1
  }
}
try check(refused == silences.count, "the other three rows are refused as well")

// ## When F has a kink
//
// Let $y + \max(y, 0) = x$. For negative $x$ the solution is $y = x$, for positive $x$ it is
// $y = x/2$. At zero there are two slopes, so there is no derivative. $A$ is invertible on both
// sides, and no linear solve will ever notice; this condition has to be looked at from outside.
// Differences from the left and from the right see it:

let kinked = ImplicitFunction<Tensor, Tensor>(
  forward: { x in min(x, 0.5 * x) }, conditions: .root { x, y in y + max(y, 0) - x })
let comparison = try GradientComparison(of: kinked, at: Tensor(0), loss: { y in y })
try table(
  ["route", "derivative at 0"],
  rows: comparison.rows.map { [$0.method.rawValue, digits(3, $0.derivatives[0])] })
for finding in comparison.findings { quote(finding) }

// ## References
//
// - A. L. Dontchev, R. T. Rockafellar, *Implicit Functions and Solution Mappings*, 2nd ed., Springer
//   (2014), Theorem 1B.1, and Chapter 2 for kinks.
// - S. G. Krantz, H. R. Parks, *The Implicit Function Theorem: History, Theory, and Applications*,
//   Birkhäuser (2002).
try endPage()  // hide
