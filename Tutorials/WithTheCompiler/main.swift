// # The compiler can differentiate everything around a solver; the solver brings its own derivative
//
// Page: docs/WithTheCompiler.md
// Teaches: How an implicit function sits in code that the Swift compiler differentiates, and what that compiler gets wrong.
// Minutes: 15
//
// You already write `@differentiable` code, and Swift differentiates it at compile time. Now one line
// of it calls a solver. What changes? Less than one fears: the solver gets a derivative that is not
// its own code's, everything else stays. But the smallest example holds a surprise.

// hide begin
import CompilerDifferentiation
import LiteratePages

let options = try Options(seed: 1, tolerance: 1e-12)
try beginPage(options)
#if compiler(>=6.3.2)
  let toolchain = "a Swift later than 6.3.1"
#elseif compiler(>=6.3.1)
  let toolchain = "Swift 6.3.1"
#else
  let toolchain = "a Swift earlier than 6.3.1"
#endif
// hide end

// ## A square root, three times
//
// Newton's method for $y^2 = x$ subtracts $(y^2 - x)/2y$ until that is small. Nothing in it is hard to
// differentiate, so let the compiler do it:

@differentiable(reverse)
func newtonRoot(_ x: Double) -> Double {
  var y = x
  for _ in 0..<50 {
    let step = (y * y - x) / (2 * y)
    if abs(step) < 1e-12 { return y }
    y = y - step
  }
  return y
}
let unrolled = gradient(at: 2.0, of: newtonRoot)
show("√2", newtonRoot(2))
show("its slope, says the compiler", unrolled)

// By hand it is one line. At the solution $y^2 = x$ holds for every $x$, so $2y\,y' = 1$: the slope
// is $1/2y$, and no iteration occurs in it.

let slope = 1 / (2 * newtonRoot(2))
show("its slope, by hand", slope)
// hide begin
let isMended = abs(unrolled - slope) < 1e-6
if isMended {
  say("Built with \(toolchain), the two agree. Other compilers disagree here; see below.")
} else {
  say(
    "Built with \(toolchain), the compiler is wrong, without a warning. Why is told below; it is "
      + "one more reason not to differentiate the iteration.")
}
// hide end

// So hand the compiler the derivative that needs no iteration. An `ImplicitFunction` knows it from the
// conditions, and `solution(at:)` is the call that the compiler can differentiate:

let root = ImplicitFunction<Tensor, Tensor>(
  forward: { x in Tensor(newtonRoot(x.scalar)) },  // any code, not differentiated
  conditions: .root { x, y in y * y - x })
let implicit = gradient(at: Tensor(2)) { x in root.solution(at: x).scalar }
show("its slope, by the conditions", implicit)
try check("error", abs(implicit.scalar - slope), below: 1e-13)

// Let $F(x, y) = 0$ be the conditions, here $y^2 - x = 0$, with $A = \partial F/\partial y$ and $B =
// \partial F/\partial x$. The pullback of `solution(at:)` takes a cotangent $\bar y$ to $\bar x =
// -B^{\mathsf T}u$, where $A^{\mathsf T}u = \bar y$: one linear solve and one product. Before and
// behind it the compiler's own derivatives go on; `Tensor` is `Differentiable`, with a derivative for
// each of its operations that does not throw.
//
// ## A solver inside a model that is trained
//
// Let a sensor answer $x$ with the $y$ that solves $y^3 + y = w x + b$, and let $w$ and $b$ be
// unknown. The model is an ordinary `Differentiable` struct; the layer in it is no parameter.

struct Sensor: Differentiable {
  var w: Tensor
  var b: Tensor
  @noDerivative let layer: ImplicitFunction<Tensor, Tensor>

  @differentiable(reverse)
  func callAsFunction(_ x: Tensor) -> Tensor { layer.solution(at: w * x + b) }
}

let cubic = ImplicitFunction<Tensor, Tensor>(
  forward: { s in
    var y = s / (1 + abs(s))
    for _ in 0..<60 { y = y - (y * y * y + y - s) / (3 * y * y + 1) }
    return y
  },
  conditions: .root { s, y in y * y * y + y - s })

let inputs = Tensor((0...20).map { Double($0) / 10 - 1 })
let truth = Sensor(w: 4, b: -1, layer: cubic)
let answers = truth(inputs)

@differentiable(reverse)
func loss(_ model: Sensor) -> Double { (model(inputs) - answers).squaredNorm().scalar }

var model = Sensor(w: 1, b: 0, layer: cubic)
var losses = [loss(model)]
for _ in 0..<120 {
  let slope = try withThrownFailures { gradient(at: model, of: loss) }
  model.w.move(by: -0.2 * slope.w)
  model.b.move(by: -0.2 * slope.b)
  losses.append(loss(model))
}
show("w, b", digits(6, model.w.scalar), digits(6, model.b.scalar))
try check(losses[1] > losses[0], "the first step is too long: it raises the loss")

// hide begin
let recovered = max(abs(model.w - 4), abs(model.b + 1)).scalar
try check(recovered < 1e-5, "the two parameters are found, to five digits")
try plot(
  "training",
  Plot(
    "Training through a solver", x: .linear("step"), y: .logarithmic("loss", floor: 1e-13),
    [.line("", x: losses.indices.map(Double.init), y: losses)],
    caption:
      "The loss while w and b descend along the compiler's gradient; each gradient takes one "
      + "solve, of \(inputs.count) equations that are independent of each other. The first step "
      + "raises the loss from \(digits(2, losses[0])) to \(digits(3, losses[1]))."))
// hide end

// Is that the gradient? At the start it can be compared with that of the library's own tracing, and
// with differences, which see nothing but values of the loss:

func lossAt(_ w: Double, _ b: Double) -> Double {
  loss(Sensor(w: Tensor(w), b: Tensor(b), layer: cubic))
}
let compiled = gradient(at: Sensor(w: 1, b: 0, layer: cubic), of: loss)
let own = ImplicitDifferentiation.gradient(at: [Tensor(1), Tensor(0)]) { p in
  (Sensor(w: p[0], b: p[1], layer: cubic)(inputs) - answers).squaredNorm()
}
let apart = 1e-5
let quotients = [
  (lossAt(1 + apart, 0) - lossAt(1 - apart, 0)) / (2 * apart),
  (lossAt(1, apart) - lossAt(1, -apart)) / (2 * apart),
]
try table(
  ["", "∂loss/∂w", "∂loss/∂b"],
  rows: [
    ["the compiler", compiled.w.scalar, compiled.b.scalar],
    ["the library's tracing", own[0].scalar, own[1].scalar],
    ["central differences", quotients[0], quotients[1]],
  ])
let size = max(abs(compiled.w), abs(compiled.b)).scalar
try check(
  "relative difference from the library's tracing",
  max(abs(compiled.w - own[0]), abs(compiled.b - own[1])).scalar / size, below: 1e-13)
try check(
  "relative difference from central differences",
  max(abs(compiled.w.scalar - quotients[0]), abs(compiled.b.scalar - quotients[1])) / size,
  below: 1e-8)

// A solve can fail, and a pullback cannot throw. `withThrownFailures` runs its closure under a policy
// that notes the first failure, goes on with NaN, and throws in the end; without it the program
// stops with the same sentence. Where it is the *forward* solve that fails, the NaN have the shape of
// $x$, or of a placeholder that `solution(at:orElse:)` takes if a solution has another type.
//
// A square root, for instance, has no slope at zero:

let exact = ImplicitFunction<Tensor, Tensor>(
  forward: { x in sqrt(x) }, conditions: .root { x, y in y * y - x })
try quoteError {
  try withThrownFailures { _ = gradient(at: Tensor(0)) { x in exact.solution(at: x).scalar } }
}

// The advice at the end of that message is meant for systems in general. Here nothing can be replaced:
// $y = 0$ is a double root of $y^2 = 0$, and the graph of the root has a vertical tangent there.
//
// ## The other way round: conditions that the compiler differentiates
//
// Conditions may be `@differentiable` code too, with derivatives registered by hand in it. The
// library needs $A\dot y$ and $B\dot x$ as well as their transposes; the compiler offers reverse mode
// only, a pullback $u \mapsto (B^{\mathsf T}u, A^{\mathsf T}u)$ at a point. But a linear function that
// is written in tensor operations can be turned round: run the pullback once on a *traced* $u$, and
// the recording is the matrix $(B, A)^{\mathsf T}$ as a program. Transposed, it is $(B, A)$.

@Sendable @differentiable(reverse)
func residual(_ x: Tensor, _ y: Tensor) -> Tensor {
  matmul(Tensor([[2, 1], [0, 3]]), y) + x * x * y * y * y - exp(x)
}
func solveByNewton(_ x: Tensor) throws -> Tensor {
  var y = x
  for _ in 0..<50 {
    let step = try linearization(at: y) { y in residual(x, y) }
    y = y - (try solve(Tensor(shape: [2, 2], step.jacobian.denseMatrix()), step.value))
  }
  return y
}
let function = ImplicitFunction<Tensor, Tensor>(
  forward: { x in try solveByNewton(x) }, conditions: .compiler(residual))
let state = try function.linearize(at: [0.5, 1])
let forward = try state.pushforward([1, -1]).value
show("pushforward of (1, −1)", forward)

// The adjoint identity $\langle u, \dot y\rangle = \langle\bar x, \dot x\rangle$ ties the two
// directions together. Both come from the one recorded pullback, so it tests that the recording was
// turned round rightly, and it would hold as well if the compiler's pullback were wrong. A wrong
// pullback shows only from outside: compare all four entries of $dy/dx$ with differences of the solver.

let backward = try state.pullback([2, 1]).value
let mismatch = abs(forward.dot([2, 1]) - backward.dot([1, -1])).scalar
let units: [Tensor] = [[1, 0], [0, 1]]
let columns = try Tensor.stack(units.map { try state.pushforward($0).value }).transposed()
let rows = try Tensor.stack(units.map { try state.pullback($0).value })
let point: Tensor = [0.5, 1]
let central = try Tensor.stack(
  units.map { unit in
    let h = unit.scaled(by: 1e-5)
    return (try solveByNewton(point + h) - solveByNewton(point - h)) / 2e-5
  }
).transposed()
try table(
  ["", "∂y₁/∂x₁", "∂y₁/∂x₂", "∂y₂/∂x₁", "∂y₂/∂x₂"],
  rows: [("pushforwards", columns), ("pullbacks", rows), ("differences", central)].map {
    [$0] + $1.scalars.map { digits(6, $0) }
  })
try check("mismatch of the two sides of the adjoint identity", mismatch, below: 1e-13)
try check(
  "largest distance of the pushforwards from the differences", abs(columns - central).max().scalar,
  below: 1e-8)
try check(
  "largest distance of the pullbacks from the differences", abs(rows - central).max().scalar,
  below: 1e-8)

// What does it cost? When a derivative is asked for, $F$ runs once, and so does its pullback; the
// products are then those of a recorded program, as with `.root`. And there is a risk: $A$ and $B$
// are only as right as the compiler's derivative. Take $F = y + y^3 - x$, with the cube in a loop that
// could end early, the [first pattern below](#what-goes-wrong). At $x = 2$ the solution is $y = 1$,
// and its slope is $1/(1 + 3y^2) = \tfrac14$:

@Sendable @differentiable(reverse)
func cubicInALoop(_ x: Tensor, _ y: Tensor) -> Tensor {
  var sum = y - x
  for i in 0..<1 {
    let cube = y * y * y
    if i > 5 { break }
    sum = sum + cube
  }
  return sum
}
let ready: @Sendable (Tensor) -> Tensor = { _ in 1 }  // the solution at x = 2
let byCompiler = ImplicitFunction(forward: ready, conditions: .compiler(cubicInALoop))
let byTracing = ImplicitFunction(forward: ready, conditions: .root { x, y in cubicInALoop(x, y) })
let compiledSlope = try byCompiler.pullback(at: 2, 1).value.scalar
let tracedSlope = try byTracing.pullback(at: 2, 1).value.scalar
show("its slope with .compiler, with .root", compiledSlope, tracedSlope)
let forwardSlope = try byCompiler.pushforward(at: 2, 1).value.scalar
try check(
  forwardSlope == compiledSlope, "with .compiler the pushforward is the pullback's transpose")
try check("error with .root", abs(tracedSlope - 0.25), below: 1e-13)
// hide begin
say(
  compiledSlope == 0.25
    ? "Built with \(toolchain), both are right."
    : "Built with \(toolchain), the first is wrong, and nothing was thrown: the residual at $y = 1$ is "
      + "zero, the adjoint identity holds, and a wrong $A$ can be solved with as well as a right one."
)
// hide end

// `.root` runs the same function on traced tensors and records what ran; the compiler's derivative
// has no part in it. So prefer `.root`. Take `.compiler` where the derivatives that you registered by
// hand are to be used, and compare it with differences once.
//
// ## Second derivatives, from a compiler that has none
//
// Newton's method for a minimum, and the derivative of a minimiser, need products with a Hessian.
// The compiler cannot differentiate its own gradient. But the gradient is a pullback, a pullback of
// tensors is tensor operations, and running those on traced tensors records them. Take
// $f(y) = y_0^3 y_1$, with the gradient $(3y_0^2y_1,\ y_0^3)$ and the Hessian
// $\begin{pmatrix}6y_0y_1 & 3y_0^2\\ 3y_0^2 & 0\end{pmatrix}$:

let second = gradientAndHessianProduct(at: Tensor([2, 5]), along: [1, 10]) { y in
  pow(y.at(0), 3) * y.at(1)
}
show("gradient at (2, 5)", second.gradient)
show("Hessian times (1, 10)", second.product)
try check(second.product == [60 + 120, 12], "which is (6·2·5 + 3·4·10, 3·4)")

// The conditions of a minimum work like that: `.compilerStationary(of:)` takes a `@differentiable`
// objective. The compiler derives the gradient, the library the Hessian.

let minimiser = ImplicitFunction<Tensor, Tensor>(
  forward: { x in x / 3 },
  conditions: .compilerStationary { x, y in (y - x).squaredNorm() + 2 * y.squaredNorm() })
let jacobian = try minimiser.jacobian(at: [3, 6])
show("dy/dx", jacobian)
try check(
  (jacobian.value - Tensor.identity(2) / 3).norm().scalar < 1e-14,
  "each unknown moves by a third of what its input moves")

// ## What goes wrong
//
// Three patterns compile without a diagnostic and give a wrong number with Swift 6.3.1. All three
// sit where solvers are differentiated. First, a `let` inside a loop that is used after an early
// exit; its part of the derivative is dropped. That was the surprise at the top.

@differentiable(reverse,wrt: x)
func squares(_ x: Double, times n: Int) -> Double {
  var y = x
  for i in 0..<n {
    let square = x * x
    if i > 5 { break }
    y = y + square
  }
  return y
}
let loopSlope = gradient(at: 3.0) { x in squares(x, times: 1) }

// Second, a closure that is differentiated in its second argument only: the derivative in the first
// one comes back.

func slopeInSecond(_ f: @differentiable(reverse) (Double, Double) -> Double) -> Double {
  gradient(at: 3.0) { y in f(2, y) }
}
func slopeInSecondOfBoth(_ f: @differentiable(reverse) (Double, Double) -> Double) -> Double {
  gradient(at: 2.0, 3.0, of: f).1
}
let partialSlope = slopeInSecond { x, y in x * x * y }
let fullSlope = slopeInSecondOfBoth { x, y in x * x * y }

// Third, a pullback inside a differentiated function: its dependence on the point is lost.

@differentiable(reverse)
func cube(_ y: Double) -> Double { y * y * y }
@differentiable(reverse)
func slopeOfCube(_ y: Double) -> Double { pullback(at: y, of: cube)(1) }
let nestedSlope = gradient(at: 2.0, of: slopeOfCube)

let curvature = gradientAndHessianProduct(at: Tensor(2), along: 1) { y in y * y * y }.product

// For each there is a way round it. The two loops are clear of the first pattern once the end of an
// iteration stands in the header of a `while`, or what lives through the exit is a `var`:

@differentiable(reverse,wrt: x)
func squaresInAWhile(_ x: Double, times n: Int) -> Double {
  var y = x
  var i = 0
  while i < n && i <= 5 {
    let square = x * x
    y = y + square
    i += 1
  }
  return y
}
@differentiable(reverse)
func newtonRootWithVar(_ x: Double) -> Double {
  var y = x
  var step = 0.0
  for _ in 0..<50 {
    step = (y * y - x) / (2 * y)
    if abs(step) < 1e-12 { return y }
    y = y - step
  }
  return y
}
let clearLoop = gradient(at: 3.0) { x in squaresInAWhile(x, times: 1) }
let clearRoot = gradient(at: 2.0, of: newtonRootWithVar)
try table(
  ["pattern", "the compiler", "right", "clear of it"],
  rows: [
    ["`let` in a loop, early exit", loopSlope, 7, clearLoop],
    ["the same, in Newton's method", unrolled, slope, clearRoot],
    ["second argument of a closure", partialSlope, 4, fullSlope],
    ["pullback in a derivative", nestedSlope, 12, curvature.scalar],
  ])
// hide begin
let wrong = [loopSlope == 7, isMended, partialSlope == 4, nestedSlope == 12].count { !$0 }
say(
  wrong == 0
    ? "This page was built with \(toolchain), which has mended all three."
    : "This page was built with \(toolchain); of the four numbers of the compiler \(wrong) are wrong."
)
try check(
  clearLoop == 7 && abs(clearRoot - slope) < 1e-10 && fullSlope == 4 && curvature == 12,
  "the last column is right with \(toolchain)")
let traced = ImplicitDifferentiation.gradient(at: Tensor(3)) { x in
  var y = x
  for i in 0..<1 {
    let square = x * x
    if i > 5 { break }
    y = y + square
  }
  return y
}
try check(traced == 7, "the library's tracing of the first loop, as it stands, gives 7")
// hide end

// Better still, do not unroll loops at all; the library's own tracing records what was run, so any
// loop will do for it. For partial derivatives: take the full pullback and drop a part of it, as `.compiler` does. For second derivatives: trace the compiler's
// pullback, as `gradientAndHessianProduct` does.
//
// A fourth pattern is not run here, because it corrupts memory. When a `try` stands in a
// differentiated function and the values hold references, as tensors do, the pullback frees a
// cotangent that is still in use (debug builds of Swift 6.3.1; in release builds some such code does
// not compile). So the library registers no derivative of anything that throws: `try layer(x)` in
// differentiated code is a compiler's error, and `layer.solution(at: x)`, which throws nothing,
// takes its place. In differentiated code write `solved(A, b)` instead of `try solve(A, b)`.
//
// And some code makes the compiler itself crash: a throwing call in a differentiated loop,
// `do … catch` or `try?` in a differentiated function, an `any P` whose `P` is `Differentiable`. That
// costs time, but no one takes it for a result.
//
// ## References
//
// - R. Wei, D. Zheng, M. Rasi, B. Chrzaszcz, *Differentiable Programming Manifesto*,
//   [swiftlang/swift](https://github.com/swiftlang/swift/blob/main/docs/DifferentiableProgramming.md).
// - J. Townsend, *A new trick for calculating Jacobian vector products* (2017), which turns a pullback
//   round as above.
// - A. Griewank, A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM (2008), Chapter 15 on implicit
//   functions.
// - [swift#84365](https://github.com/swiftlang/swift/issues/84365), which may be the second pattern.
try endPage()  // hide
