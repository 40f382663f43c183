// # Solutions: a cap, a temperature, a prior, forty unrolled steps, and groups
//
// Page: docs/SoftmaxAsOptimizationSolutions.md
//
// These are the exercises of [Softmax has a formula; its derivative does not need
// it](SoftmaxAsOptimization.md#exercises), worked out.

// hide begin
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
let longest = try options.integer(
  "iterations", default: 40, quick: 10, in: 1...1_000, help: "mirror steps that are unrolled")
try beginPage(options)

func largest(_ a: Tensor) -> Double { a.norm(.infinity).scalar }
// hide end

let theta: Tensor = [0.9, -0.4, 0.3, 1.6, -1.1]
let n = theta.count

// ## 1. No share above a cap
//
// *Write the problem, find the shares, and train through them. What is the Jacobian?*
//
// The problem is that of softmax with $x_i \le c$ added, where $c \ge 1/n$ or nothing is feasible. Give the
// caps multipliers $w \ge 0$. Then $\theta_i - \log x_i - 1 + u - w_i = 0$, and $w_i(x_i - c) = 0$. A
// candidate below the cap has $w_i = 0$ and $x_i = e^{\theta_i-1+u}$; one at the cap has $x_i = c$. So
// $x_i = \min(c, e^{\theta_i-1+u})$, and bisection on $u$ is still the whole solver.

/// Shares, the multiplier of their sum, and those of the caps.
struct Capped: TensorStructure {
  var x: Tensor
  var u: Tensor
  var w: Tensor
  static var fields: [TensorField<Capped>] { [.init("x", \.x), .init("u", \.u), .init("w", \.w)] }
}

let cap = 0.3
let capped = ImplicitFunction<Tensor, Capped>(
  forward: { theta in
    var low = -theta.max() - 1
    var high = 1 - theta.min()  // here every candidate is at the cap
    for _ in 0..<64 {
      let middle = 0.5 * (low + high)
      if min(exp(theta - 1 + middle), Tensor(cap)).sum() > 1 { high = middle } else { low = middle }
    }
    let u = 0.5 * (low + high)
    let z = theta - 1 + u
    return Capped(x: min(exp(z), Tensor(cap)), u: u, w: max(z - log(Tensor(cap)), 0))
  },
  conditions: .root { theta, y in
    Capped(
      x: theta - log(y.x) - 1 + y.u - y.w, u: y.x.sum() - 1, w: y.w * (y.x - Tensor(cap)))
  })
let atCap = try capped.linearize(at: theta)
let shares = atCap.solution.x
try table(
  ["i", "θ", "softmax", "capped at 0.3", "multiplier w"],
  rows: (0..<n).map { i in
    [
      i + 1, theta[i], digits(4, theta.softmax()[i]), digits(4, shares[i]),
      digits(4, atCap.solution.w[i]),
    ]
  })

// Where a cap binds, $w_i\,dx_i = 0$ gives $dx_i = 0$. The others, with the indicator $f$ and together
// the mass $m = f^{\mathsf T}x$, obey the equations of softmax, so that $dx = x\circ f\circ(d\theta +
// du)$, and zero sum gives $du = -(x\circ f)^{\mathsf T}d\theta/m$:
//
// $$\frac{dx}{d\theta} = \operatorname{diag}(x\circ f) - \frac{(x\circ f)(x\circ f)^{\mathsf T}}{m} .$$

let free = shares * shares.isLess(than: Tensor(cap))
let cappedJacobian = free.diagonal() - outer(free, free) / free.sum()
try check(
  "error of the Jacobian", largest(try atCap.jacobian().value.slice(0..<n) - cappedJacobian),
  below: 1e-12)

// To train through it is to call it in a loss. Which scores give the shares 0.28, 0.1, 0.2, 0.25, 0.17?
// Two hundred gradient steps on the squared distance will tell, from equal scores and from $\theta$.

let wanted: Tensor = [0.28, 0.1, 0.2, 0.25, 0.17]
func distance(_ scores: Tensor) throws -> Tensor {
  (try capped(scores).x - wanted).squaredNorm()
}
func descended(from start: Tensor) throws -> Tensor {
  var scores = start
  for _ in 0..<200 { scores -= 2 * (try gradient(at: scores) { try distance($0) }) }
  return try distance(scores)
}
let fromEqual = try descended(from: Tensor.zeros([n])).scalar
let fromTheta = try descended(from: theta).scalar
try check("squared distance after, from equal scores", fromEqual, below: 1e-10)
show("from θ", digits(2, fromTheta))

// From $\theta$ it gets stuck. The first and the fourth candidate are at the cap there, their rows of the
// Jacobian are zero, and the loss has no slope that would bring them down. The derivative is right: a
// little less score does not change a capped share. It is the price of exact constraints, and
// sparsemax asks the same price for its exact zeros.

// ## 2. The temperature
//
// *How do the shares change with the temperature?*
//
// At $\tau$ the shares are $\operatorname{softmax}(\theta/\tau)$. Changing $\tau$ changes the argument by
// $-\theta/\tau^2\,d\tau$, and the Jacobian of softmax does the rest:
//
// $$\frac{dx_i}{d\tau} = -\frac{x_i}{\tau^2}\,\bigl(\theta_i - x^{\mathsf T}\theta\bigr) .$$
//
// Warming takes from the candidates above the mean score $x^{\mathsf T}\theta$ and gives to those below. For the library the
// temperature is one more input of the conditions.

/// Scores and temperature.
struct Warm: TensorStructure {
  var theta: Tensor
  var tau: Tensor
  static var fields: [TensorField<Warm>] { [.init("theta", \.theta), .init("tau", \.tau)] }
}

/// Shares and the multiplier of their sum.
struct Solution: TensorStructure {
  var x: Tensor
  var u: Tensor
  static var fields: [TensorField<Solution>] { [.init("x", \.x), .init("u", \.u)] }
}

let tempered = ImplicitFunction<Warm, Solution>(
  forward: { input in
    let z = input.theta / input.tau
    return Solution(x: z.softmax(), u: input.tau * (1 - z.logSumExp()))
  },
  conditions: .root { input, y in
    Solution(x: input.theta - input.tau * (log(y.x) + 1) + y.u, u: y.x.sum() - 1)
  })
let tau = 0.7
let warm = try tempered.linearize(at: Warm(theta: theta, tau: Tensor(tau)))
let x = warm.solution.x
let byTemperature = try warm.pushforward(Warm(theta: Tensor.zeros([n]), tau: 1)).value.x
let byHand = -x * (theta - x.dot(theta)) / Tensor(tau * tau)
try table(
  ["i", "θ", "x at τ = 0.7", "dx/dτ"],
  rows: (0..<n).map { i in [i + 1, theta[i], digits(4, x[i]), digits(4, byTemperature[i])] })
try check("error of dx/dτ", largest(byTemperature - byHand), below: 1e-12)

// ## 3. A prior
//
// *Replace the entropy by minus the divergence from given shares $q$. What is the derivative of the solution
// in $q$? Which changes of $q$ have no effect?*
//
// Since $-\sum x_i\log(x_i/q_i) = H(x) + x^{\mathsf T}\log q$, this is softmax with the scores
// $\theta + \log q$. So $dx/dq = (\operatorname{diag}(x) - xx^{\mathsf T})\operatorname{diag}(q)^{-1}$. The
// null vector of the first factor is $\mathbf 1$, so that of the product is $q$: multiplying all of $q$ by
// the same factor changes nothing. (The solution does not notice whether $q$ adds to one.)

let prior: Tensor = [0.1, 0.4, 0.2, 0.2, 0.1]
let posterior = ImplicitFunction<Tensor, Solution>(
  forward: { q in
    let z = theta + log(q)
    return Solution(x: z.softmax(), u: 1 - z.logSumExp())
  },
  conditions: .root { q, y in
    Solution(x: theta - log(y.x / q) - 1 + y.u, u: y.x.sum() - 1)
  })
let atPrior = try posterior.linearize(at: prior)
let p = atPrior.solution.x
let formula = (p.diagonal() - outer(p, p)) / prior
try check(
  "error of dx/dq", largest(try atPrior.jacobian().value.slice(0..<n) - formula), below: 1e-12)
try check("change along q", largest(try atPrior.pushforward(prior).value.x), below: 1e-12)

// ## 4. Unrolled steps of mirror descent
//
// *Show that $k$ unrolled steps with step $\eta$ have the derivative
// $(1 - (1-\eta)^k)\,(\operatorname{diag}(x_k) - x_k x_k^{\mathsf T})$. What happens at $\eta = 1$, and
// beyond?*
//
// In $z = \log x$ a step is $z \leftarrow (1-\eta)\,z + \eta\,\theta$ plus a constant, and constants do not
// matter until the end: $x_k$ is the softmax of $(1-\eta)^k z_0 + (1-(1-\eta)^k)\,\theta$. Differentiate
// that once. With $\eta = 1$ a single step is exact. With $1 < \eta < 2$ the iterates jump to and fro about
// the solution, and still converge; at $\eta = 2$ they alternate between two points for ever, and the
// derivative between 0 and twice that of softmax at $x_1$.

func descend(_ theta: Tensor, steps: Int, _ eta: Double) -> Tensor {
  var x = Tensor(repeating: 1 / Double(theta.count), shape: theta.shape)
  for _ in 0..<steps { x = (Tensor(1 - eta) * log(x) + Tensor(eta) * theta).softmax() }
  return x
}

var worst = 0.0
var rows: [[any CustomStringConvertible]] = []
for eta in [0.25, 0.5, 1, 1.5, 2] {
  for k in [1, 2, 5, 10, 40] where k <= longest {
    let recording = try linearization(at: theta) { descend($0, steps: k, eta) }
    let slope = try Tensor(shape: [n, n], recording.jacobian.denseMatrix())
    let xk = recording.value
    let factor = 1 - (0..<k).reduce(1) { power, _ in power * (1 - eta) }
    worst = max(worst, largest(slope - Tensor(factor) * (xk.diagonal() - outer(xk, xk))))
    if k == 5 || k == 10 {
      let exact = theta.softmax()
      rows.append([
        eta, k, factor, measured(largest(xk - exact)),
        measured(largest(slope - (exact.diagonal() - outer(exact, exact)))),
      ])
    }
  }
}
try table(["η", "k", "1 − (1 − η)ᵏ", "error of xₖ", "error of its derivative"], rows: rows)
try check("distance from the formula, all steps", worst, below: 1e-12)

// ## 5. Groups
//
// *The candidates come in groups, and the shares of group $g$ shall add to a given $s_g$. What are the
// shares, and their derivatives in $\theta$ and in $s$? What does the library say if the equation
// $\sum_i x_i = 1$ stays among the conditions?*
//
// Each group has an equation of its own, and a multiplier $u_g$ for it. So $x_i = e^{\theta_i - 1 + u_g}$ for
// $i$ in $g$: a softmax in each group, times $s_g$. The equations of different groups have nothing in
// common, and for one of them the old elimination gives $dx = x\circ(d\theta + du_g)$ and, from
// $\sum dx_i = ds_g$, $s_g\,du_g = ds_g - x_{(g)}^{\mathsf T}d\theta$, where $x_{(g)}$ has the shares of the
// group and zeros elsewhere:
//
// $$\frac{dx}{d\theta} = \operatorname{diag}(x) - \sum_g \frac{x_{(g)}\,x_{(g)}^{\mathsf T}}{s_g}, \qquad
// \frac{dx}{ds_g} = \frac{x_{(g)}}{s_g} .$$

/// A row for each group, with ones at its candidates.
let groups: Tensor = [[1, 1, 0, 0, 0], [0, 0, 1, 1, 1]]

/// Scores, and what the shares of each group add to.
struct Grouped: TensorStructure {
  var theta: Tensor
  var sums: Tensor
  static var fields: [TensorField<Grouped>] { [.init("theta", \.theta), .init("sums", \.sums)] }
}

@Sendable func groupShares(_ input: Grouped) -> Solution {
  let top = input.theta.max()
  let e = exp(input.theta - top)
  let factors = input.sums / matmul(groups, e)
  return Solution(x: e * matmul(factors, groups), u: 1 + log(factors) - top)
}
let grouped = ImplicitFunction<Grouped, Solution>(
  forward: groupShares,
  conditions: .root { input, y in
    Solution(
      x: input.theta - log(y.x) - 1 + matmul(y.u, groups), u: matmul(groups, y.x) - input.sums)
  })
let budget = Grouped(theta: theta, sums: [0.4, 0.6])
let atBudget = try grouped.linearize(at: budget)
let inGroups = atBudget.solution.x
try table(
  ["i", "group", "θ", "softmax", "in groups of 0.4 and 0.6"],
  rows: (0..<n).map { i in
    [
      i + 1, groups[0, i] == 1 ? 1 : 2, theta[i], digits(4, theta.softmax()[i]),
      digits(4, inGroups[i]),
    ]
  })

let slopes = try atBudget.jacobian().value.slice(0..<n)  // five columns for θ, two for s
let perSum = groups * inGroups / budget.sums.expanded(atAxis: 1)
let perScore = inGroups.diagonal() - matmul(inGroups * groups, perSum, transposingLeft: true)
try check("error of dx/dθ", largest(slopes.slice(0..<n, alongAxis: 1) - perScore), below: 1e-12)
try check(
  "error of dx/ds", largest(slopes.slice(n..<n + 2, alongAxis: 1) - perSum.transposed()),
  below: 1e-12)

// That all shares add to one follows already, since $0.4 + 0.6 = 1$. Keep the equation all the same, with a
// multiplier $w$, and it repeats the sum of the others. Adding a number to both $u_g$ and taking it from
// $w$ changes nothing, so that the multipliers are not determined, and the library asks about just that:

/// Shares, the multipliers of the groups, and that of the sum.
struct Overdone: TensorStructure {
  var x: Tensor
  var u: Tensor
  var w: Tensor
  static var fields: [TensorField<Overdone>] {
    [.init("x", \.x), .init("u", \.u), .init("w", \.w)]
  }
}
let overdone = ImplicitFunction<Grouped, Overdone>(
  forward: { input in
    let y = groupShares(input)
    return Overdone(x: y.x, u: y.u, w: 0)
  },
  conditions: .root { input, y in
    Overdone(
      x: input.theta - log(y.x) - 1 + matmul(y.u, groups) + y.w,
      u: matmul(groups, y.x) - input.sums, w: y.x.sum() - 1)
  })
try quoteError { _ = try overdone.linearize(at: budget) }
try endPage()  // hide
