// # Solutions: how much is remembered, and by which well
//
// Page: docs/MetaLearningSolutions.md
//
// These are the exercises of [A solution forgets where the search began, unless its conditions
// remember](MetaLearning.md#exercises), worked out.

// hide begin
import ForwardSolvers
import ImplicitDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
let tolerance = options.tolerance
try beginPage(options)
// hide end

// ## 1. Steps and strength
//
// *Along an eigenvector of $H$ with curvature $h$, compare $(1 - \eta h)^k$ with $(1 + h/\lambda)^{-1}$
// at $\lambda = 1/(\eta k)$. Where do they differ most?*
//
// With $s = \eta k h$ the first is $(1 - s/k)^k$, which tends to $e^{-s}$ when steps are many and
// short, and the second is $1/(1 + s)$. Both are 1 at $s = 0$ with slope $-1$, both end at 0; the pull
// forgets more slowly.

let product: Tensor = [0, 0.1, 0.5, 1, 2.5, 5, 10]
let steps = 100
let bySteps = pow(1 - product / Tensor(Double(steps)), steps)
let byPull = reciprocal(1 + product)
try table(
  ["s", "\(steps) steps", "the limit e⁻ˢ", "pull"],
  rows: product.scalars.indices.map { i in
    [
      formatted(product[i]), digits(4, bySteps[i]), digits(4, exp(-product)[i]),
      digits(4, byPull[i]),
    ]
  })

// The difference $1/(1+s) - e^{-s}$ is largest where its slope is zero, $(1 + s)^2 = e^s$:

let widest = try NewtonRootFinder(stopping: Stopping(gradientTolerance: tolerance)).root(
  of: { s in 2 * log(1 + s) - s }, from: Tensor(2.5)
).point
let difference = reciprocal(1 + widest) - exp(-widest)
show("s, and the difference there", widest.scalar, difference.scalar)
try check(
  byPull.scalars.indices.allSatisfy { byPull[$0] - exp(-product)[$0] <= difference.scalar },
  "no row of the table has a larger difference")

// ## 2. What Reptile descends
//
// *Reptile's direction $\lambda(x - W)$ never solves a linear system. Of which function of $x$ is it the
// exact gradient?*
//
// Of the *minimum value* of the proximal problem, the Moreau envelope of the support loss:
//
// $$M(x) = \min_W\; \ell(W) + \frac\lambda2\lVert W - x\rVert^2, \qquad \nabla M(x) = \lambda\,(x - W(x)) .$$
//
// A change of $W$ does not count to first order, because the objective is stationary in it; what is
// left is the partial derivative in $x$. So Reptile is an exact method, for another question: it makes
// the *support* loss small near the start, and never asks about images that were not shown. To see it, take
// the gradient of $M$ the long way, through the implicit function, with three weights and a loss that
// is not quadratic.

struct Proximal: MinimizationProblem {
  let strength: Tensor

  func loss(_ W: Tensor) -> Tensor {
    let scores = matmul(Tensor([[1, 2, 0], [0, 1, -1], [3, 0, 1], [-1, 1, 1]]), W)
    return softplus(scores).sum() - scores.slice(0..<2).sum()
  }

  func objective(_ x: Tensor, _ W: Tensor) -> Tensor {
    loss(W) + 0.5 * strength * (W - x).squaredNorm()
  }

  func solve(_ x: Tensor) throws -> Tensor {
    try Newton(stopping: Stopping(gradientTolerance: tolerance)).minimum(
      of: { W in objective(x, W) }, from: x
    ).point
  }
}

let proximal = Proximal(strength: 2)
let x: Tensor = [0.5, -1, 0.25]
let W = try proximal(x)
let theLongWay = try gradient(at: x) { x in proximal.objective(x, try proximal(x)) }
let reptile = proximal.strength * (x - W)
show("λ(x − W)", reptile[0], reptile[1], reptile[2])
try check(
  "relative error of Reptile's direction as ∇M",
  ((theLongWay - reptile).norm() / reptile.norm()).scalar, below: 1e-9)

// Its own derivative, the Hessian of $M$, does need the linear system: $\lambda\,(I - (I +
// H/\lambda)^{-1})$, with $H$ the Hessian of the loss at $W$. Nested derivatives have it:

let H = try hessian(of: { W in proximal.loss(W) }, at: W)
let curvature = try hessian(of: { x in proximal.objective(x, try proximal(x)) }, at: x)
let identity = Tensor.identity(3)
let expected =
  proximal.strength * (identity - (try solve(identity + H / proximal.strength, identity)))
try check(
  "relative error of the Hessian of M", ((curvature - expected).norm() / expected.norm()).scalar,
  below: 1e-8)
// hide begin
func hessian(of f: (Tensor) throws -> Tensor, at x: Tensor) throws -> Tensor {
  Tensor.stack(
    try (0..<x.count).map { row in
      try gradient(at: x) { x in try gradient(at: x, of: f).at(row) }
    })
}
// hide end

// ## 3. A jump that nothing announces
//
// *Two minima with a tilt: $f(y) = \tfrac14(y^2-1)^2 + t\,y$, started at $y_0 = 0.5$. What is $dy/dt$? At
// which $t$ does the solution jump, and does $dy/dt$ announce it?*
//
// The condition is $y^3 - y + t = 0$, so $dy/dt = -1/(3y^2 - 1)$. The right well disappears at
// $t = 2/(3\sqrt3)$, where it meets the hill at $y = 1/\sqrt3$, $3y^2 = 1$, and the derivative
// grows without bound. But the solution jumps earlier: gradient descent stays in the right well as
// long as its *start* is to the right of the hilltop. The hilltop reaches 0.5 at
// $t = 0.5 - 0.5^3 = 0.375$.

struct Tilted: MinimizationProblem {
  func objective(_ t: Tensor, _ y: Tensor) -> Tensor {
    0.25 * pow(y * y - 1, 2) + t * y
  }

  func solve(_ t: Tensor) throws -> Tensor {
    try GradientDescent(stepSize: .fixed(0.1)).minimum(of: { y in objective(t, y) }, from: 0.5)
      .point
  }
}

var rows: [[any CustomStringConvertible]] = []
for t in [0, 0.2, 0.3, 0.37, 0.3749, 0.3751, 0.38] {
  let linearization = try Tilted().linearize(at: Tensor(t))
  rows.append([
    formatted(t), digits(4, linearization.solution.scalar),
    digits(4, try linearization.pushforward(1).value.scalar),
  ])
}
try table(["t", "solution", "dy/dt"], rows: rows)
let before = try Tilted().jacobian(at: 0.375 - 1e-7).value.scalar
let rightWell = (-0.5 + 3.25.squareRoot()) / 2
let slopeThere = -1 / (3 * rightWell * rightWell - 1)
show("dy/dt just before the jump", digits(3, before))
note("fold", digits(3, 2 / (3 * 3.0.squareRoot())))
try check(
  "its relative distance from the value at t = 0.375",
  ((before - slopeThere) / slopeThere).magnitude,
  below: 1e-5)

// Just before the jump the derivative is \(dy/dt just before the jump), nothing remarkable, and right: it
// belongs to the well, which is still there. At the end of the well, at $t = 2/(3\sqrt3)$ or \(fold), it
// would be infinite; but the jump comes first, and it belongs to the solver. No derivative of the
// conditions can announce it.

// ## 4. A pull for each weight
//
// *Let the pull differ from weight to weight: $\tfrac12\sum_i \lambda_i(y_i - x_i)^2$. For the loss of a
// task, when does the meta-gradient in $\log\lambda_i$ vanish?*
//
// With $\Lambda = \mathrm{diag}(\lambda)$ the condition is $\nabla\ell(y) + \Lambda(y - x) = 0$. Let
// $(H + \Lambda)u = \bar g$. The meta-gradient in $x_i$ is $m_i = \lambda_i u_i$, and that in
// $\log\lambda_i$ is $-\lambda_i u_i (y_i - x_i) = -m_i\,(y_i - x_i)$. It vanishes where the weight has
// not moved from its anchor, and where the loss has nothing to gain from moving the anchor. Otherwise a
// pull should grow if the weight moved in the direction in which the loss would rather not have its
// anchor go.
//
// Here the problem is its own input: its fields are the parameters, and its gradient is a problem.

struct Anchored: MinimizationProblem, TensorStructure {
  var anchor: Tensor
  var logStrengths: Tensor
  static var fields: [TensorField<Anchored>] {
    [.init("anchor", \.anchor), .init("logStrengths", \.logStrengths)]
  }

  func objective(_ problem: Anchored, _ y: Tensor) -> Tensor {
    let moved = y - anchor
    return proximal.loss(y) + 0.5 * (exp(logStrengths) * moved * moved).sum()
  }

  func solve(_ problem: Anchored) throws -> Tensor {
    try Newton(stopping: Stopping(gradientTolerance: tolerance)).minimum(
      of: { y in objective(problem, y) }, from: anchor
    ).point
  }
}

let anchored = Anchored(anchor: x, logStrengths: [0, 0.5, -1])
let (y, pullback) = try anchored.valueWithPullback()
let metaGradient = try pullback([1, -1, 2]).value
let byRule = -(metaGradient.anchor * (y - anchored.anchor))
try table(
  ["weight", "moved by", "meta-gradient in its anchor", "in the logarithm of its pull"],
  rows: (0..<3).map { i in
    [
      i + 1, digits(4, (y - anchored.anchor)[i]), digits(4, metaGradient.anchor[i]),
      digits(4, metaGradient.logStrengths[i]),
    ]
  })
try check(
  "largest difference from −mᵢ (yᵢ − xᵢ)",
  (metaGradient.logStrengths - byRule).norm(.infinity).scalar, below: 1e-12)
try endPage()  // hide
