// # Solutions: a matrix cancels, a branch jumps, a corner has four sides, a step squares
//
// Page: docs/WhenThereIsNoDerivativeSolutions.md
//
// These are the exercises of [When there is no derivative, the answer is a
// sentence](WhenThereIsNoDerivative.md#exercises), worked out.

// hide begin
import Comparison
import ImplicitDifferentiation
import LiteratePages
import Optimality

let options = try Options(seed: 1, tolerance: 1e-10)
try beginPage(options)
// hide end

// ## 1. The matrix cancels, the units do not
//
// With $\tilde F = MF$ come $\tilde A = MA$ and $\tilde B = MB$, so $\tilde A^{-1}\tilde F = A^{-1}M^{-1}MF$
// is the old correction and $\tilde A^{-1}\tilde B$ the old derivative. Here are two roots, the second one
// wrong in the fifth digit, with and without an $M$.

let M: Tensor = [[2e6, 1], [3e6, 5]]
let point: Tensor = [4, 9]
let nearly: Tensor = [2, 3.0003]

func correction(of conditions: Conditions<Tensor, Tensor>) throws -> Double {
  let function = ImplicitFunction<Tensor, Tensor>(
    forward: { _ in nearly }, conditions: conditions, policy: .warn)
  return try function.linearize(at: point).report.newtonCorrection ?? .nan
}
let plain = try correction(of: .root { x, y in y * y - x })
let mixed = try correction(of: .root { x, y in matmul(M, y * y - x) })
show("‖A⁻¹F‖/‖y‖, plain and mixed", digits(4, plain), digits(4, mixed))
try check("their relative difference", (mixed / plain - 1).magnitude, below: 1e-9)

// Other units for the unknowns, $y = Sz$, are another matter: $\tilde A^{-1}F = S^{-1}A^{-1}F$ is the same
// step in new units, and its *length* relative to the solution's is not the same number. If one unknown is
// a thousand and the other a thousandth, an error of a tenth of a percent in the small one does not show in
// the length at all.

let unequal = ImplicitFunction<Tensor, Tensor>(
  forward: { _ in [1e3, 1.001e-3] }, conditions: .root { x, y in y * y - x })
let small = try unequal.pullback(at: [1e6, 1e-6], [0, 1])
let passed = small.report.newtonCorrection ?? .nan
let digitsOfTheSmall = small.report.trustedDigits ?? -1
show("correction", digits(2, passed))
show("derivative of the small root, true value", small.value[1], 500.0)
show("digits to be trusted", digitsOfTheSmall)
try check(
  passed < 1e-6 && (2...3).contains(digitsOfTheSmall),
  "the point passes, and the report promises no more than two or three digits")

// The point passes for a solution, which in the large unknown it is. The error of the derivative is
// estimated from the correction of each entry by itself, and tells. Choose units in which the unknowns are of
// similar size, or read the digits.
//
// ## 2. The branch jumps
//
// At $x = 1$ the solver returns 1, the condition holds, $A = 2$, and the derivative is that of the branch
// through this point, $\tfrac12$. For $x < 1$ that is the derivative of what the solver returns. At $x = 1$
// the returned function jumps by 2 and has none.

let jumping = ImplicitFunction<Tensor, Tensor>(
  forward: { x in x <= 1 ? sqrt(x) : -sqrt(x) }, conditions: .root { x, y in y * y - x })
let atTheJump = try jumping.pullback(at: 1, 1)
show("derivative at x = 1", atTheJump.value.scalar)
show("digits to be trusted", atTheJump.report.trustedDigits ?? -1)
let comparison = try GradientComparison(of: jumping, at: 1, loss: { $0 })
for finding in comparison.findings { quote(finding) }
try check(
  atTheJump.value.scalar == 0.5
    && !comparison.findings.contains { if case .agreement = $0 { true } else { false } },
  "the library answers 1/2; the comparison does not agree")

// The derivative comes without a warning, and rightly: it was asked for that of a solution that obeys the
// conditions *nearby*, and there is one. That the solver will not follow it is known to those alone who run
// it again. The comparison does. It takes the jump for noise in the solver, as one may, and notices that
// the differences have nothing to do with $\tfrac12$.
//
// ## 3. Four sides
//
// $z_i = \max(x_i, 0)$ moves along $\dot x$ by $\max(\dot x_i, 0)$: each number by itself, with two pieces
// each, so there is one linear piece for each quadrant.

let corner = ConstrainedProblem<Tensor, Tensor>(
  objective: { x, z in 0.5 * (z - x).squaredNorm() }, inequalities: { _, z in -z })
func oneSided(_ direction: Tensor) throws -> [Double] {
  try corner.oneSidedPushforward(
    at: [0, 0], solution: KKTPoint(primal: [0, 0], inequalityMultipliers: [0, 0]),
    along: direction
  ).value.primal.scalars
}
let quadrants: [[Double]] = [[1, 2], [-1, 2], [1, -2], [-1, -2]]
let moves = try quadrants.map { try oneSided(Tensor($0)) }
try table(
  ["ẋ", "ż"],
  rows: zip(quadrants, moves).map { [PageCell($0).text, PageCell($1).text] })
let sum = zip(moves[0], moves[3]).map { $0 + $1 }
let ofSum = try oneSided([0, 0])
show("D(ẋ) + D(−ẋ), D(0)", sum, ofSum)
try check(sum == [1, 2] && ofSum == [0, 0], "along ẋ and back is not along nothing")

// A linear map would give zero. What remains of linearity is $D(t\dot x) = t\,D(\dot x)$ for $t \ge 0$.
//
// ## 4. A step squares the error
//
// The solver stops at $y^2 - x = 10^{-10}$ or below. A step, $y - F/2y$, costs one evaluation and one
// division (in general a solve with the factors of $A$, which are new at the new point for the derivative).

let distance = 1e-4
var approximate = 1.0
while approximate * approximate - distance > options.tolerance {
  approximate -= 0.5 * (approximate * approximate - distance)
}
let stepped = approximate - (approximate * approximate - distance) / (2 * approximate)
var root = ImplicitFunction<Tensor, Tensor>(
  forward: { x in sqrt(x) }, conditions: .root { x, y in y * y - x })
root.certification = Certification(.measure)
var reports = try [approximate, stepped].map {
  try root.linearize(at: Tensor(distance), solution: Tensor($0)).pullback(1)
}
var polished = root
polished.polish = true
reports.append(
  try polished.linearize(at: Tensor(distance), solution: Tensor(approximate)).pullback(1))
let trueSlope = 0.5 / distance.squareRoot()
try table(
  ["", "digits to be trusted", "true error, relative"],
  rows: zip(["as the solver left it", "after one step", "with `polish = true`"], reports).map {
    [$0, $1.report.trustedDigits ?? -1, measured(($1.value.scalar / trueSlope - 1).magnitude)]
  })
let gained = (reports[1].report.trustedDigits ?? 0) - (reports[0].report.trustedDigits ?? 0)
try check(gained >= 5, "the step buys at least five digits")

// The library makes such steps if asked to (`polish`), until they no longer help.
try endPage()  // hide
