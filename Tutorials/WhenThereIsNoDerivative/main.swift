// # When there is no derivative, the answer is a sentence
//
// Page: docs/WhenThereIsNoDerivative.md
// Teaches: Why a derivative may not exist, how one can tell, and how many of its digits to believe.
// Minutes: 25
//
// The number came back. Is it a derivative? A formula like $-A^{-1}B$ is easily evaluated: at points that
// solve nothing, with matrices that have no inverse, at kinks. Some number comes out, often
// a plausible one, and nothing in a number says where it is from. In DiffOpt, as we read its
// sources, a nonlinear program whose matrix could not be factorised had the derivative zero, and so
// had a conic one for every cotangent shorter than $10^{-4}$. Both are finite, of the right shape, and
// a descent goes on with them.
//
// So the question is what has to be looked at before a number is handed out. We begin with the
// smallest example, then feed \(inputs) hostile inputs to the library and read what it says.

// hide begin
import HostileInputs
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-10)
let perDecade = try options.integer(
  "points", default: 8, quick: 2, in: 1...50, help: "distances from the fold in each decade")
let tolerance = options.tolerance
try beginPage(options)
note("inputs", HostileInput.all.count)
// hide end

// ## By hand: how far is this from a solution?
//
// Let $y(x) = \sqrt x$ be known by its condition $F = y^2 - x = 0$. Then $A = \partial F/\partial y = 2y$,
// $B = -1$, and the derivative is $-A^{-1}B = 1/2y$. Nobody checks that $y$ is a solution: the formula
// takes any $y$. At $x = 4$ and $y = 2.01$ it gives \(slope at 2.01) where 0.25 is right. The obvious test is
// that $\lVert F\rVert$ be small. But $10^{-9}(y^2 - x) = 0$ is the same condition, with the same
// solution and the same derivative, and any residual that you like.
//
// What does not depend on the scale of the condition is how far Newton's method would move from
// here,
//
// $$A^{-1}F = \frac{c\,(y^2 - x)}{2cy} = \frac{y^2 - x}{2y},$$
//
// because $A$ has the units of $F$ over those of $y$. To first order it is the distance to the solution,
// and divided by $y$ it is here also the relative error of the derivative, which is
// \(error at 2.01) at $y = 2.01$. Four points. The last one belongs to $y^2 + x = 0$ with $x = 10^{-10}$, which has no real
// solution at all.

func scaledRoot(_ c: Double, sign: Double = -1) -> Conditions<Tensor, Tensor> {
  .root { x, y in Tensor(c) * (y * y + Tensor(sign) * x) }
}
let trials: [(name: String, c: Double, sign: Double, x: Double, y: Double)] = [
  ("y² − x, a bad point", 1, -1, 4, 2.01),
  ("10⁻⁹(y² − x), the same bad point", 1e-9, -1, 4, 2.01),
  ("10⁹(y² − x), a good point", 1e9, -1, 4, 2 + 1e-10),
  ("y² + x, no solution", 1, 1, 1e-10, 1e-5),
]
var trialRows: [[any CustomStringConvertible]] = []
var refusals: [String] = []
for (name, c, sign, x, y) in trials {
  let residual = c * (y * y + sign * x)
  let correction = (residual / (2 * c * y)).magnitude
  let function = ImplicitFunction<Tensor, Tensor>(
    forward: { _ in Tensor(y) }, conditions: scaledRoot(c, sign: sign))
  do {
    let slope = try function.pullback(at: Tensor(x), 1)
    refusals.append("")
    trialRows.append([
      name, digits(2, residual.magnitude), digits(2, correction / y),
      "\(formatted(slope.value.scalar)), \(slope.report.trustedDigits ?? 0) digits",
    ])
  } catch {
    var verdict = "refused"
    if case DifferentiationError.noSolutionNearby = error { verdict += ": none is close by" }
    refusals.append(verdict)
    trialRows.append([name, digits(2, residual.magnitude), digits(2, correction / y), verdict])
  }
}
try table(["condition", "‖F‖", "‖A⁻¹F‖ / ‖y‖", "the library"], rows: trialRows)
try check(
  refusals == ["refused", "refused", "", "refused: none is close by"],
  "refused are the first two points and the last")
let residualOfGood = 1e9 * ((2 + 1e-10) * (2 + 1e-10) - 4)
try check(
  residualOfGood > 0.0401 && residualOfGood > 1e9 * 2e-10,
  "the good point has the largest residual, more than a billion times that of the last")
note("slope at 2.01", digits(6, 0.5 / 2.01))
note("error at 2.01", digits(2, 1 - 0.5 / 2.01 / 0.25))

// By residuals, the good point would be the worst of the four, and the one that solves nothing almost the
// best. By corrections the order is right. The test costs one more solve with a matrix that
// is factorised anyway, and the library makes it with every derivative; above $10^{-6}$ it refuses, unless
// told otherwise. Before it does, it looks whether Newton's method, left to itself, arrives somewhere (at
// most 25 steps, until the correction is small): if so, the solver had stopped early or solves other
// conditions, and if not, there may be nothing to arrive at.

// ## A fold, approached
//
// The correction says how far the solution is. How wrong the *derivative* is, is a second question, and its
// answer comes with every derivative: an error, and the number of digits that it leaves. To see both at
// work we let a patient but crude solver, $y \leftarrow y - \tfrac12(y^2 - x)$, stop when $\lvert y^2 - x\rvert$
// is below \(stop at), and let $x$ go to zero. There the two branches $\pm\sqrt x$ meet, $A = 2y$ vanishes,
// and the derivative grows without bound.

@Sendable func patientRoot(_ x: Tensor) -> Tensor {
  let x = x.scalar
  var y = 1.0
  while (y * y - x).magnitude > tolerance { y -= 0.5 * (y * y - x) }
  return Tensor(y)
}
var watched = ImplicitFunction<Tensor, Tensor>(
  forward: patientRoot, conditions: scaledRoot(1), policy: .warn)
watched.certification = Certification(.measure)
note("stop at", formatted(tolerance))

var distances: [Double] = []
var stated: [Double] = []
var trueErrors: [Double] = []
var promised: [Double] = []
var corrections: [Double] = []
for step in 0...(12 * perDecade) {
  let x = pow(Tensor(10), Tensor(-Double(step) / Double(perDecade))).scalar
  let slope = try watched.pullback(at: Tensor(x), 1)
  let value = slope.value.scalar
  let digitCount = slope.report.trustedDigits ?? 0
  distances.append(x)
  stated.append(slope.report.relativeError ?? .nan)
  trueErrors.append((value - 0.5 / x.squareRoot()).magnitude / value)
  promised.append(pow(Tensor(10), Tensor(-Double(digitCount))).scalar)
  corrections.append(slope.report.newtonCorrection ?? .nan)
}
let refusedBelow = zip(distances, corrections).first { $0.1 > 1e-6 }?.0 ?? 0
note("refused below", digits(2, refusedBelow))
// hide begin
try plot(
  "fold",
  Plot(
    "Near a fold the digits go, and the report says so",
    x: .logarithmic("x, the distance from the fold"),
    y: .logarithmic("relative error of the derivative", floor: 1e-13),
    [
      .line("true error", x: distances, y: trueErrors),
      .line("stated error", x: distances, y: stated, dashed: true),
      .line("10^(−trusted digits)", x: distances, y: promised),
    ],
    marks: [.horizontal(1e-6, "above, its correction is refused")],
    caption:
      "The solver stops below the same residual everywhere. Where the dashed curve turns flat, at "
      + "the left, the point is farther from the solution than the solution from the fold, and at the "
      + "very end one Newton step says little about the rest of the way, and the stated error makes up "
      + "for that: these points are refused."))
// hide end
let honest = zip(zip(stated, trueErrors), corrections).filter { $0.1 <= 1e-6 }
try check(
  honest.allSatisfy { $0.0.0 >= $0.0.1 && $0.0.0 < 9 * $0.0.1 + 1e-12 },
  "wherever the library answers, the stated error is at least the true one and below nine times it"
)
try check(
  (stated.last ?? 0) >= (trueErrors.last ?? 0),
  "at the last point, refused, it still covers the true one")
try check(
  zip(promised, trueErrors).allSatisfy { $0 == 1 || $0 >= $1 },
  "no digit is promised that is not there, refused points included")
show("at x = 0.01", try watched.pullback(at: 0.01, 1).report)
show("at x = 1e-9", try watched.pullback(at: 1e-9, 1).report)

// (The policy `.warn` returns what would be refused, and puts the sentence into the report; the
// default throws it, here for $x$ of \(refused below) and less. We wanted to see the curves go on.) The residual stays below the same bound all the way, and the
// error grows from $10^{-10}$ to everything. The error is *measured* here: two more recordings, at the points
// that a Newton step leads to, give or take what rounding does to the residual; six times the larger change of the
// derivative is stated, for safety. By default it is
// *estimated*, from the condition number of $A$ and the correction, which costs next to nothing; and where an
// estimate cannot promise eight digits, it is measured.

// ## What is said when
//
// Now the inputs. Behind each is a link to its lines; the indented text is what the error prints, word for
// word. Each is also a test, of the type of the error and of its numbers; the tests have some more, which
// would say the same again. Where there is an answer after all, it stands without indentation.

// hide begin
/// What came of the inputs so far.
var (refused, answered, unexpected, shown) = (0, 0, 0, 0)

@MainActor func tell(_ reason: HostileInput.Reason, line: Int = #line) async {
  for input in HostileInput.all(reason) {
    let outcome = await input.outcome()
    if outcome.isRefusal { refused += 1 } else { answered += 1 }
    if !outcome.isExpected { unexpected += 1 }
    guard input.isShown else { continue }
    shown += 1
    let file = input.file.split(separator: "/").last ?? ""
    let place = "../Tutorials/HostileInputs/\(file)#L\(input.line)"
    let title = input.title.prefix(1).uppercased() + input.title.dropFirst()
    let sentence = title.hasSuffix("?") ? title : title + "."
    say("**\(sentence)** ([lines](\(place)))", line: line)
    if outcome.isRefusal {
      quote(outcome.words, line: line)
    } else {
      say(outcome.words, line: line)
    }
  }
}
// hide end

// ### Nothing was solved
//
// The theorem begins with a solution. What a solver returns need not be one: it was stopped, the problem has
// none, it solves another problem than the conditions state, or it returns something that is no
// number. A solver of yours may also throw; its error is passed on as it is, here those of the solvers
// that come with the library.

await tell(.noSolution)  // hide

// Note the condition without a solution, the third input, and the conditions of another problem. The residual of the former is tiny, and the
// derivative that belongs to the latter looks like any number. What is asked is the same for both: would
// Newton's method stay here? An early stop it can also mend (`polish`): the steps that were missing are
// made, as long as they help.
//
// ### The solution is not determined
//
// $A\,\dot y = -B\,\dot x$ needs an $A$ with an inverse. If $A$ maps some direction $r$ to zero, the
// conditions leave the solution free along $r$; and as $A$ is square, there is also an $\ell$ with
// $\ell^{\mathsf T}A = 0$, a combination of the equations to which nothing that $y$ does can
// contribute. Both matter. A tangent with $\ell^{\mathsf T}B\,\dot x \ne 0$ asks for the impossible, and a loss that
// changes along $r$ asks for what is not decided. Sometimes the freedom is meant (heights from
// differences, [potentials of a transport plan](SinkhornFixedPoint.md)); then declare it, and everything
// that does not depend on it has its derivative.

await tell(.undetermined)  // hide

// Regular or not is a question of the matrix; how close it is to singular is one of digits. At
// $x = 10^{-20}$ the root has the slope $5\cdot 10^9$, and there is nothing wrong with it: the solver had
// solved its equation, and the matrix is one number. A solver that only sees right-hand sides, as LSMR
// or conjugate gradients do, cannot know that the matrix is singular as long as these are consistent,
// which is why it can be asked to try a random one first.
//
// ### There is a kink
//
// Where an inequality begins to bind, the solution moves one way on this side and another way on that. Slack
// and multiplier are both zero at that moment, and that is how it is noticed. A derivative for each
// *side* exists, along any direction you name; one linear map for all directions does not, and
// so there is nothing that a pullback could return. The average that central differences give is the slope
// of neither side. (A ReLU at zero and a share of the simplex
// that has just become zero get the same sentence; the tests ask.)

await tell(.kink)  // hide

// An active set shows a kink because it is in the conditions. A function like `abs` or `max` decides for
// itself. That it does so is recorded, and the conditions are then tried out to both sides, as far away as the
// solution is uncertain: that is how the solver on the wrong side is noticed. The threshold above escapes,
// because its solution is exact, and the kink not in the solution but in the input: its formula has a slope
// on whichever side the comparison falls, and that is what is returned. It is the one input on this page
// with a kink and without a refusal. Asking twice, from both sides, is what a comparison with
// differences is for.
//
// ### The method does not fit
//
// Here the derivative exists, and the linear solver that was asked for is not made for its matrix, or the
// products that were written by hand are not those of one matrix. Most methods, misused, do
// return something: conjugate gradients are happy to run on a matrix that is not symmetric, and what they
// return solves nothing. Therefore what a method assumes is tried out with a random vector or two before it
// begins, what it returns is put back into the equations, and even a small residual is not believed if
// the solution is suspiciously long.

await tell(.linearSystem)  // hide

// ### The numbers themselves
//
// What remains is arithmetic. NaN is reported where it is first seen, since after that it is everywhere.
// Sizes are compared at the door. Tangents and cotangents are scaled by a power of two before they
// are used, so that small ones do not vanish; and equations are scaled before they are factorised, so that
// their units do not look like a condition number.

await tell(.numbers)  // hide

// All of them together:

try check(
  unexpected == 0, "all inputs gave the expected error or answer, with the expected numbers")
note("refused", refused)
note("answered", answered)
note("shown", shown)

// Of all inputs, \(refused) were refused and \(answered) answered. (\(shown) of them stand above.) Two of
// the answers are no derivatives although nothing was switched off. One
// is the threshold at its kink. The other is instructive: a line with a wave on it, so fine that the slope
// changes within the accuracy of the solver. An estimate of the error supposes that $A$ varies no
// faster than the solution itself, in proportion, as it does, up to a moderate factor, for most equations. But an
// estimate is taken only if it promises eight digits; here the solver stopped too early for that, so the error was
// measured, at a second point, and no digit is said to be right. (The measurement does not get the size right, since
// a Newton step on such a wave does not lead to the solution; but zero digits are zero digits.)
// If you suspect your equations of such waves where the solver is better, pay for it once:
// `certification = Certification(.measure)`.
//
// What no test of this kind can see is a solver that does not return the same branch twice, or conditions
// that hold exactly and are not yours. For that, compare with differences.
//
// ### Mistakes in the program
//
// What comes from data is thrown. What is a mistake in the program stops it, as an index out of range
// does, because no handler could mend it. Two of these would otherwise be wrong derivatives. **A number taken
// out of a tensor that is being differentiated**, as in `Tensor(y.scalar) * x`, would be a constant from there on:
// “`scalar` of a traced tensor would lose its derivative in silence. Stay with tensors (a comparison of
// tensors works on traced ones too), or write `.withoutDerivative` first where the derivative is not wanted.”
// And **a tensor captured from an enclosing function** that is being differentiated, instead of passed as
// part of the input: “The solver of an implicit function uses a traced tensor of an enclosing function that
// was not passed to it, so derivatives with respect to it would be lost. Pass it as part of the input, or use
// its `.withoutDerivative`.”
//
// ## Exercises
//
// 1. Multiply $F$ by a regular matrix $M$. Show that neither the derivative nor the correction
//    changes. And if the unknowns are measured in other units?
// 2. A solver returns $\sqrt x$ for $x \le 1$ and $-\sqrt x$ beyond. The condition $y^2 = x$ holds
//    everywhere, and $A$ is regular. What does the library say at $x = 1$, and who notices?
// 3. The projection of $x \in \mathbb R^2$ onto $z \ge 0$ has a kink at the origin. Into how many pieces does
//    its one-sided derivative fall, and how does one see that they are no linear map?
// 4. Near the fold above, one Newton step by hand before the derivative is taken: how many digits does it buy
//    at $x = 10^{-4}$, and what does it cost?
//
// [Solutions](WhenThereIsNoDerivativeSolutions.md)
//
// ## References
//
// - A. L. Dontchev, R. T. Rockafellar, *Implicit Functions and Solution Mappings*, 2nd ed., Springer
//   (2014): when there is a derivative, and what there is when there is none.
// - N. J. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., SIAM (2002), chapters 7
//   and 15: residuals, backward errors and condition numbers.
// - P. Deuflhard, *Newton Methods for Nonlinear Problems*, Springer (2004): why corrections, and not
//   residuals, measure the distance from a solution.
// - K. Jittorntrum, “Solution Point Differentiability without Strict Complementarity in Nonlinear
//   Programming”, Mathematical Programming Study 21 (1984): derivatives to one side.
// - The sources of DiffOpt.jl: `ConicProgram.jl`, where a short seed gives zero; the factorisation in its
//   nonlinear programs.
try endPage()  // hide
