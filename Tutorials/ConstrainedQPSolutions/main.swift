// # Solutions: wrong signs are noticed, twins can be merged, and one kink has many sides
//
// Page: docs/ConstrainedQPSolutions.md
//
// These are the exercises of [A constraint that binds is an equation, and one that does not is not
// there](ConstrainedQP.md#exercises), worked out.

// hide begin
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages
import Optimality

let options = try Options(seed: 1, tolerance: 1e-10)
try beginPage(options)
// hide end

let method = InteriorPoint(tolerance: options.tolerance)

@Sendable func interiorPoint(_ program: QuadraticProgram) throws -> KKTPoint<Tensor> {
  let solution = try method.solve(
    Q: program.Q, c: program.c, A: program.A, b: program.b, G: program.G, h: program.h)
  return KKTPoint(
    primal: solution.point, equalityMultipliers: solution.equalityMultipliers,
    inequalityMultipliers: solution.inequalityMultipliers)
}

let minimum = ConstrainedMinimum(QuadraticProgram.problem, solver: interiorPoint)

// ## 1. The other sign
//
// *A solver of yours writes its multipliers with the other sign, $L = f - \lambda^{\mathsf T} G$. Will the
// library return a wrong gradient?*
//
// It would satisfy $\lambda \circ G = 0$ as well, but no multiplier may be negative, and that is checked
// wherever conditions are recorded:

let small = QuadraticProgram(
  Q: [[2, 0.5, 0], [0.5, 1, 0.3], [0, 0.3, 1.5]], c: [-1, 0.5, -2],
  A: [[1, 2, 1]], b: [1], G: [[0, -1, 1], [1, 0, 2]], h: [0.5, 4])
let otherSign = ConstrainedMinimum(
  QuadraticProgram.problem,
  solver: { program in
    var point = try interiorPoint(program)
    point.inequalityMultipliers = -point.inequalityMultipliers
    return point
  })
try quoteError { _ = try otherSign.linearize(at: small) }

// If all inequalities have slack, the multipliers are zero in both conventions and nothing is wrong. With
// the other sign for the *equalities*, stationarity fails, and the Newton correction says so:

let otherEquality = ConstrainedMinimum(
  QuadraticProgram.problem,
  solver: { program in
    var point = try interiorPoint(program)
    point.equalityMultipliers = -point.equalityMultipliers
    return point
  })
try quoteError { _ = try otherEquality.linearize(at: small) }

// One can also leave the signs to the library, and hand over the primal variables alone:

let recovered = ConstrainedMinimum(
  QuadraticProgram.problem, primalSolver: { program in try interiorPoint(program).primal })
let byRecovery = try recovered.linearize(at: small).primalPullback([1, 2, -1]).value
let bySolver = try minimum.linearize(at: small).primalPullback([1, 2, -1]).value
let difference = Tensor(zip(byRecovery.flattened(), bySolver.flattened()).map { $0 - $1 })
try check(
  "relative difference of the gradients in all letters",
  (difference.norm() / Tensor(bySolver.flattened()).norm()).scalar, below: 1e-10)

// ## 2. Twins
//
// *Make the twins one flower that counts twice. What changes in the program, and what is the derivative of
// the sum of their weights with respect to $\log C$?*
//
// In the dual, the two weights $\alpha$ and $\alpha'$ of equal flowers occur as $s = \alpha + \alpha'$ only,
// and $s$ can be anything between $0$ and $2C$. So leave out one of them and move the other's wall to
// $2C$. Nothing else changes.

let columns = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]
let pageSource = #filePath.replacing("ConstrainedQPSolutions", with: "ConstrainedQP")
let iris = try Table(csv: try dataFile("iris.csv", file: pageSource))
let lengths = try iris.columns(columns).slice(50..<150)
let species = try iris.labels("species")
let center = lengths.mean(alongAxis: 0)
let deviation = sqrt(pow(lengths - center, 2).mean(alongAxis: 0))
let (first, second) = (102 - 51, 143 - 51)

/// The dual of the machine for some of the hundred flowers, whose wall is `C` times `copies`.
@Sendable func dual(logC: Tensor, rows: [Int], copies: [Double]) -> QuadraticProgram {
  let n = rows.count
  let x = ((lengths - center) / deviation).gathered(rows)
  let t = Tensor(rows.map { $0 < 50 ? -1 : 1 })
  let squares = (x * x).sum(alongAxis: 1)
  let distances = squares.reshaped([n, 1]) + squares - 2 * matmul(x, x.transposed())
  return QuadraticProgram(
    Q: outer(t, t) * exp(-2 * distances), c: -Tensor.ones([n]), A: t.reshaped([1, n]), b: [0],
    G: .concatenate([.identity(n), -Tensor.identity(n)]),
    h: .concatenate([exp(logC) * Tensor(copies), .zeros([n])]),
    constants: [.quadratic, .linear, .equalityMatrix, .equalityValues, .inequalityMatrix])
}

let all = Array(0..<100)
let merged = all.filter { $0 != second }
let copies = merged.map { $0 == first ? 2.0 : 1 }
try check(species[50] == "versicolor" && species[149] == "virginica", "the labels are as assumed")

let (sum, slope) = try valueAndGradient(at: Tensor(0)) { logC in
  try minimum(dual(logC: logC, rows: merged, copies: copies)).primal.at(first)
}
show("sum of the twins' weights", sum.scalar)
show("its slope in log C", slope.scalar)

// The program with both twins has no derivative to compare with. But the solver finds *some* solution of it,
// with the same sum, and differences of that sum can be taken:

func sumOfBoth(_ logC: Double) throws -> Double {
  let weights = try minimum(
    dual(logC: Tensor(logC), rows: all, copies: all.map { _ in 1 })
  ).primal
  return weights[first] + weights[second]
}
let step = 1e-5
let differences = (try sumOfBoth(step) - sumOfBoth(-step)) / (2 * step)
try check(
  "relative difference of the sums", ((try sumOfBoth(0) - sum.scalar) / sum.scalar).magnitude,
  below: 1e-9)
try check(
  "relative difference of the slopes", ((differences - slope.scalar) / slope.scalar).magnitude,
  below: 1e-6)

// ## 3. The textbook's complementarity
//
// *In the textbook, complementarity reads $\lambda \circ G = 0$. The library writes $G_i = 0$ for walls that
// bind and $\lambda_i = 0$ for the others. Do the derivatives differ? Do the condition numbers?*
//
// The equations have the same solutions, so the derivatives agree. The matrices do not. For the closest
// $y \le 1$ to $x = 1 + \varepsilon$ we have $y = 1$, $\lambda = \varepsilon$, and
//
// $$A = \begin{pmatrix} 1 & 1 \\ \varepsilon & 0 \end{pmatrix}
// \qquad\text{against}\qquad A = \begin{pmatrix} 1 & 1 \\ 1 & 0 \end{pmatrix} .$$
//
// For a $2 \times 2$ matrix $\kappa + 1/\kappa = \lVert A\rVert_F^2 / \lvert\det A\rvert$, which gives:

func conditionNumber(_ a: [Double]) -> Double {
  let sum = Tensor(a).squaredNorm().scalar / (a[0] * a[3] - a[1] * a[2]).magnitude
  return sum / 2 + (sum * sum / 4 - 1).squareRoot()
}

func nearest(_ form: ComplementarityForm) -> ConstrainedMinimum<Tensor, Tensor> {
  ConstrainedMinimum(
    ConstrainedProblem(
      objective: { x, y in 0.5 * (y - x) * (y - x) }, inequalities: { _, y in y - 1 }),
    primalSolver: { x in min(x, 1) }, form: form)
}

var rows: [[any CustomStringConvertible]] = []
var worst = 0.0
for epsilon in [1, 1e-2, 1e-4] {
  let both = try [ComplementarityForm.products, .activeSet].map { form in
    let linearization = try nearest(form).linearize(at: Tensor(1 + epsilon))
    let tangent = try linearization.pushforward(1).value
    return (
      kappa: conditionNumber(try linearization.A.denseMatrix()),
      derivative: tangent.inequalityMultipliers.scalar
    )
  }
  worst = max(worst, both.map { ($0.derivative - 1).magnitude }.max() ?? 0)
  rows.append([formatted(epsilon), digits(4, both[0].kappa), digits(4, both[1].kappa)])
}
try table(["ε", "κ of the textbook's", "κ of the library's"], rows: rows)
try check("distance of λ′ from 1 in all of them", worst, below: 1e-10)

// The textbook's matrix becomes singular as the kink comes near, and warns of it. The library's does
// not; there the warning is the complementarity margin of the report.
//
// ## 4. All directions from the kink
//
// *In the example with the kink, let the limit move too: $z_1 - 2 z_2 \le -\tfrac12 + e$. In which
// directions $(\dot b, \dot e)$ does the wall bind, and what is $\dot z$ there?*
//
// Without the wall, $\dot z = (\dot b/2, \dot b/2)$, for which $\dot z_1 - 2\dot z_2 = -\dot b/2$. The wall
// recedes by $\dot e$. So it binds where $-\dot b/2 > \dot e$, and there $\dot z_1 + \dot z_2 = \dot b$ and
// $\dot z_1 - 2 \dot z_2 = \dot e$, that is $\dot z = \tfrac13(2 \dot b + \dot e,\; \dot b - \dot e)$.

let corner = ConstrainedMinimum<Tensor, Tensor>(
  ConstrainedProblem(
    objective: { _, z in 0.5 * z.squaredNorm() },
    equalities: { x, z in z.sum() - x.at(0) },
    inequalities: { x, z in z.dot([1, -2]) + 0.5 - x.at(1) }),
  primalSolver: { _ in [0.5, 0.5] })

var directionRows: [[any CustomStringConvertible]] = []
var worstDirection = 0.0
var asPredicted = true
for (b, e) in [(1.0, 0.0), (-1, 0), (0, 1), (0, -1), (-1, 1), (1, -1), (-2, 0.5)] {
  let side = try corner.oneSidedPushforward(at: [1, 0], along: Tensor([b, e]))
  let dz = side.value.primal
  let binds = -b / 2 > e
  let expected: Tensor = binds ? Tensor([(2 * b + e) / 3, (b - e) / 3]) : Tensor([b / 2, b / 2])
  worstDirection = max(worstDirection, (dz - expected).norm().scalar)
  asPredicted = asPredicted && side.binding.isEmpty == !binds
  directionRows.append([formatted(b), formatted(e), dz[0], dz[1], binds ? "yes" : "no"])
}
try table(["direction of b", "of e", "dz₁", "dz₂", "wall binds"], rows: directionRows)
try check(asPredicted, "the wall binds where we said")
try check("error against the formulas", worstDirection, below: 1e-12)

// On the line $\dot e = -\dot b/2$ the kink itself is followed, and both formulas agree. Each half of the
// plane of directions has a linear derivative of its own: two pieces for one weakly active wall, and up to
// $2^k$ for $k$ of them.
try endPage()  // hide
