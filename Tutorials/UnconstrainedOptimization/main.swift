// # The derivative of a square root needs no derivative of its algorithm
//
// Page: docs/UnconstrainedOptimization.md
//
// The square root of $x$ is known through a condition, $y^2 - x = 0$. Differentiating the
// condition gives $2 y\,y' = 1$, whatever algorithm found $y$.

// hide begin
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
let steps = try options.integer(
  "steps", default: 20, quick: 8, in: 1...1_000, help: "Newton steps to plot")
try beginPage(options)
// hide end

let x = 2.0
var iterates = [x]
while iterates.count <= steps {
  let y = iterates[iterates.count - 1]
  iterates.append(0.5 * (y + x / y))
}
let y = iterates[iterates.count - 1]
let derivative = 1 / (2 * y)
show("y", y)
show("y'", derivative)

// Central differences agree.

let h = 1e-5
let difference = ((x + h).squareRoot() - (x - h).squareRoot()) / (2 * h)
let gap = (difference - derivative).magnitude / derivative
try check("relative difference to central differences", gap, below: 1e-9)

// Newton's method doubles the digits with each step.

let errors = iterates.map { ($0 - x.squareRoot()).magnitude }
try table(
  ["step", "error"],
  rows: errors.prefix(6).enumerated().map { [$0.offset, measured($0.element)] })
try plot(
  "newton",
  Plot(
    "Error of Newton's method", x: .linear("step"), y: .logarithmic("error"),
    [.lineWithPoints("", x: errors.indices.map(Double.init), y: errors)],
    caption: "The last error that is not rounding is that of step 4."))
try endPage()  // hide
