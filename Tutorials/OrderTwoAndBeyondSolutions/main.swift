// # Solutions: one divisor, one step, one solve for each order, one for a value
//
// Page: docs/OrderTwoAndBeyondSolutions.md
//
// These are the exercises of [The derivative of a solve is a solve, so there is a second, and a
// third](OrderTwoAndBeyond.md#exercises), worked out.

// hide begin
import ImplicitDifferentiation
import LiteratePages
import Synchronization

let options = try Options(seed: 1, tolerance: 1e-12)
let orders = try options.integer(
  "orders", default: 8, quick: 5, in: 2...12, help: "orders of derivatives in exercise 3")
try beginPage(options)
// hide end

// Linear solves are counted, as on that page, by a solver that passes everything on to LU.

final class Tally: Sendable {
  private let count = Atomic<Int>(0)

  func increment() { count.add(1, ordering: .relaxed) }

  /// The value of `body`, and how many linear systems it solved.
  func of<Value>(_ body: () throws -> Value) rethrows -> (value: Value, solves: Int) {
    count.store(0, ordering: .relaxed)
    let value = try body()
    return (value, count.load(ordering: .relaxed))
  }
}
let tally = Tally()

struct Counting: LinearSolver {
  func prepare(_ A: any LinearOperator) throws(LinearSolveError) -> any PreparedLinearSolver {
    Prepared(base: try LUSolver().prepare(A))
  }

  struct Prepared: PreparedLinearSolver {
    let base: any PreparedLinearSolver
    var methodDescription: String { base.methodDescription }

    func solve(
      _ b: [Double], transposed: Bool, initialGuess: [Double]?
    ) throws(LinearSolveError) -> LinearSolution {
      tally.increment()
      return try base.solve(b, transposed: transposed, initialGuess: initialGuess)
    }
  }
}

@Sendable func derivative(
  _ order: Int, of function: @Sendable (Tensor) throws -> Tensor, at x: Tensor
) throws -> Tensor {
  if order == 0 { return try function(x) }
  return try gradient(at: x) { x in try derivative(order - 1, of: function, at: x) }
}

// ## 1. A cubic
//
// *Let $y^3 + y = x$. Find $y'$, $y''$ and $y'''$ at $x = 2$ by hand. Which number do you divide by,
// each time?*
//
// At $x = 2$ the solution is $y = 1$. Differentiate three times:
//
// $$\begin{aligned} (3y^2 + 1)\,y' &= 1 \\ (3y^2 + 1)\,y'' &= -6y\,y'^2 \\
// (3y^2 + 1)\,y''' &= -6y'^3 - 18y\,y'y'' . \end{aligned}$$
//
// The divisor is $A = 3y^2 + 1 = 4$ throughout, and the derivatives are $\tfrac14$,
// $-\tfrac3{32}$ and $\tfrac{21}{256}$.

let cubic = ImplicitFunction<Tensor, Tensor>(
  forward: { x in
    var y = Tensor(1.3)
    for _ in 0..<20 { y -= (pow(y, 3) + y - x) / (3 * y * y + 1) }
    return y
  },
  conditions: .root { x, y in pow(y, 3) + y - x })
let ofCubic = try (1...3).map { try derivative($0, of: { try cubic($0) }, at: 2).scalar }
show("y′, y″, y‴", ofCubic[0], ofCubic[1], ofCubic[2])
let fractions = [0.25, -3.0 / 32, 21.0 / 256]
try check(
  "largest relative error", zip(ofCubic, fractions).map { ($0 / $1 - 1).magnitude }.max() ?? .nan,
  below: 1e-12)

// ## 2. One step from anywhere
//
// *For ridge regression, one Newton step from any frozen weights gives all derivatives of all orders.
// Why is that no contradiction to this page?*
//
// The objective is quadratic in $w$, so one Newton step from *anywhere* ends at the solution, for
// every penalty and not only the one at which we stand. What is differentiated is then the solution
// formula $w - H^{-1}(Hw - b) = H^{-1}b$, in which the frozen $w$ cancels. Freezing a thing is harmless
// where nothing depends on it; for the square root, it was the point. The step must be made with the
// Hessian *of the penalty at hand*, though. With the Hessian frozen too, the second derivative is wrong again.

let i = Tensor((1...20).map(Double.init))
let j = Tensor((1...5).map(Double.init))
let P = sin(1 + outer(i, j)) * pow(Tensor(0.5), j - 1)
let M = matmul(P, P, transposingLeft: true) / 20
let b = matmul(cos(0.5 * i), P) / 20

@Sendable func objective(_ rho: Tensor, _ w: Tensor) -> Tensor {
  0.5 * w.dot(matmul(M, w)) - b.dot(w) + 0.5 * (exp(rho) * w * w).sum()
}
let weights = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in try solve(M + exp(rho).diagonal(), b) },
  conditions: .stationary(of: objective), linearSolver: Counting())

let rho = Tensor([-2, -3, -1, -2.5, -4])
let anywhere = Tensor([5, -7, 1, 3, -2])
let here = try weights(rho)
let H = M + exp(rho).diagonal()
let steps: [(name: String, weights: @Sendable (Tensor) throws -> Tensor)] = [
  ("the solution", { rho in try weights(rho) }),
  (
    "one Newton step from anywhere",
    { rho in
      let H = M + exp(rho).diagonal()
      return anywhere - (try solve(H, matmul(H, anywhere) - b))
    }
  ),
  (
    "one step from the solution, Hessian frozen",
    { rho in here - (try solve(H, matmul(M, here) + exp(rho) * here - b)) }
  ),
]
// A third derivative: along (1, …, 1), of the sum of squares of the weights.
let along = Tensor.ones([5])
let byOrder = try steps.map { _, weights in
  try (1...3).map { order in
    try derivative(order, of: { t in try weights(rho + t * along).squaredNorm() }, at: 0).scalar
  }
}
try table(
  ["differentiated", "first", "second", "third derivative"],
  rows: zip(steps, byOrder).map { step, values in [step.name] + values.map { digits(6, $0) } })
try check(
  "relative error of one Newton step, all three orders",
  zip(byOrder[1], byOrder[0]).map { ($0 / $1 - 1).magnitude }.max() ?? .nan, below: 1e-11)
try check(
  (byOrder[2][0] / byOrder[0][0] - 1).magnitude < 1e-12
    && (byOrder[2][1] / byOrder[0][1] - 1).magnitude > 0.01,
  "with a frozen Hessian the first derivative is right, and the second is not")

// ## 3. One solve for each order
//
// *Put $x = 4 + t$ and $y = y_0 + y_1 t + y_2 t^2 + \dots$ into $y^2 = x$ and find the coefficients one
// after the other.*
//
// Compare the coefficients of $t^k$ on both sides. On the left it is $\sum_{j=0}^k y_j\,y_{k-j}$, in
// which the newest coefficient $y_k$ occurs twice, each time multiplied by $y_0$:
//
// $$2y_0\,y_k = x_k - \sum_{j=1}^{k-1} y_j\,y_{k-j} .$$
//
// One solve with $A = 2y_0$ for each order, and $y^{(k)} = k!\,y_k$. This is the *Taylor mode* of automatic
// differentiation, and it works for any $F$: evaluate $F$ on truncated series, and the coefficient of
// $t^k$ is $A\,y_k$ plus what is known. It is the better way to a high order along *one* direction. Nesting
// is the way to Hessians and to their products with vectors, where the order is low and the
// directions are many.

let squareRoot = ImplicitFunction<Tensor, Tensor>(
  forward: { sqrt($0) }, conditions: .root { x, y in y * y - x }, linearSolver: Counting(),
  conditionsTolerance: nil)
var series = [2.0]
var factorial = 1.0
var taylorRows: [[any CustomStringConvertible]] = []
var taylorError = 0.0
for k in 1...orders {
  let known = (1..<k).reduce(0.0) { $0 + series[$1] * series[k - $1] }
  series.append(((k == 1 ? 1 : 0) - known) / (2 * series[0]))
  factorial *= Double(k)
  let (nested, solves) = try tally.of {
    try derivative(k, of: { try squareRoot($0) }, at: 4).scalar
  }
  taylorError = max(taylorError, (factorial * series[k] / nested - 1).magnitude)
  taylorRows.append([k, factorial * series[k], nested, k, solves])
}
try table(
  ["order k", "k! yₖ", "nested", "solves, series", "solves, nested"], rows: taylorRows)
try check("largest relative difference", taylorError, below: 1e-12)

// ## 4. The curvature of a minimum
//
// *The training objective at its own minimum is $V(\rho) = \min_w f(\rho, w)$. How many linear solves
// does its gradient need, and how many its Hessian times a vector?*
//
// None, and one. In $V' = \partial_\rho f + \partial_w f\cdot w'$ the second term vanishes, because
// $\partial_w f = 0$ at the minimum *for every $\rho$*. What is left,
// $\partial_\rho f(\rho, w(\rho)) = \tfrac12\,e^\rho\circ w^2$, is the gradient as a function of
// $\rho$, and its derivative contains $\dot w$ once:
//
// $$V''v = \tfrac12\,e^\rho\circ w^2\circ v + e^\rho\circ w\circ\dot w, \qquad A\,\dot w = -B\,v.$$
//
// Nesting $V$ as it stands knows nothing of this, and solves two more systems whose answer is zero.

let unchecked = ImplicitFunction<Tensor, Tensor>(
  forward: { rho in try solve(M + exp(rho).diagonal(), b) },
  conditions: .stationary(of: objective), linearSolver: Counting(), conditionsTolerance: nil)
let v = Tensor([1, -0.5, 2, 0.3, -1])
let (nested, nestedSolves) = try tally.of {
  try valueAndPushforward(at: rho, along: v) { rho in
    try gradient(at: rho) { rho in objective(rho, try unchecked(rho)) }
  }.tangent
}
let (envelope, envelopeSolves) = try tally.of {
  try valueAndPushforward(at: rho, along: v) { rho in
    let w = try unchecked(rho)
    return 0.5 * exp(rho) * w * w
  }.tangent
}
show("linear solves, nested", nestedSolves)
show("linear solves, by the gradient of the envelope", envelopeSolves)
try check(
  "relative difference of V″v", ((nested - envelope).norm() / nested.norm()).scalar, below: 1e-12)
try endPage()  // hide
