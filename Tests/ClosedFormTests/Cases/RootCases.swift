@testable import ImplicitDifferentiation

// `y₀² + 2y₁ = a`, `y₀ − y₁ = b`: the first line plus twice the second is quadratic in y₀ alone,
// `(y₀ + 1)² = 1 + a + 2b`. A = [2y₀ 2; 1 −1] is not symmetric.

private let parabolaPoint: Tensor = [2, 0.75]

@Sendable func parabola(_ x: Tensor, _ y: Tensor) -> Tensor {
  [y.at(0) * y.at(0) + 2 * y.at(1) - x.at(0), y.at(0) - y.at(1) - x.at(1)]
}

@Sendable func parabolaRoot(_ x: [Jet]) -> [Jet] {
  let first = squareRoot(1 + x[0] + 2 * x[1]) - 1
  return [first, first - x[1]]
}

/// A case of the problem above.
func parabolaCase(
  _ constructor: String, as what: String = "", _ conditions: Conditions<Tensor, Tensor>
) -> ClosedForm {
  ClosedForm(
    constructor, what, at: parabolaPoint, unknown: Tensor.zeros([2]), conditions: conditions,
    formula: parabolaRoot)
}

private struct Parabola: ImplicitProblem {
  let forward: @Sendable (Tensor) -> Tensor
  func optimality(_ x: Tensor, _ y: Tensor) -> Tensor { parabola(x, y) }
  func solve(_ x: Tensor) -> Tensor { forward(x) }
}

/// An input of two tensors and a constant.
struct Scaled: TensorStructure {
  var scores: Tensor
  var offset: Tensor
  var temperature: Tensor
  static var fields: [TensorField<Scaled>] {
    [
      .init("scores", \.scores), .constant("offset", \.offset),
      .init("temperature", \.temperature),
    ]
  }
}

/// `softmax((θ + c)/τ)` and `log Σ exp((θ + c)/τ) − 1`.
private let softmaxFormula: @Sendable ([Jet]) -> [Jet] = { x in
  let offset: [Jet] = [0.5, 0, -0.25]
  let exponentials = (0..<3).map { exponential((x[$0] + offset[$0]) / x[3]) }
  let total = sum(exponentials)
  return exponentials.map { $0 / total } + [logarithm(total) - 1]
}

private let softmax = ClosedForm(
  "root", "softmax, in structures",
  at: Scaled(scores: [0.25, -1, 0.75], offset: [0.5, 0, -0.25], temperature: 0.8),
  unknown: [Tensor.zeros([3]), Tensor(0)],
  conditions: .root { x, y in
    // Stationarity and feasibility of min −⟨θ + c, y⟩ + τ Σ yᵢ log yᵢ, Σ yᵢ = 1, the former over τ.
    let scores = (x.scores + x.offset) / x.temperature
    return [log(y[0]) + 1 + y[1] - scores, y[0].sum() - 1]
  }, formula: softmaxFormula)

// z = √(z + x), the root being an implicit function: z² − z − x = 0.

private let squareRootFunction = ImplicitFunction<Tensor, Tensor>(
  forward: { sqrt($0) }, conditions: .root { x, y in y * y - x })

@Sendable private func nestedRoots(_ x: [Jet]) -> [Jet] {
  x.map { x -> Jet in
    let root = squareRoot(1 + 4 * x)
    return 0.5 * (1 + root)
  }
}

private let nested = ClosedForm(
  "root", "an implicit function inside", at: Tensor([0.25, 2]), unknown: Tensor.zeros([2]),
  conditions: .root { x, z in
    let root = try squareRootFunction(z + x)
    return z - root
  }, formula: nestedRoots)

// The solution of a linear system whose matrix is the input, as an operation inside conditions.

@Sendable private func solutionOfSystem(_ K: [Jet]) -> [Jet] {
  eliminate([[K[0], K[1]], [K[2], K[3]]], [1, -2])
}

private let solveInside = ClosedForm(
  "root", "`solve` inside", at: Tensor([[4, 1], [-0.5, 3]]), unknown: Tensor.zeros([2]),
  conditions: .root { K, y in
    let solution = try solve(K, [1, -2])
    return y - solution
  }, formula: solutionOfSystem)

private let problem = ClosedForm(
  "root", "posed as an ImplicitProblem", at: parabolaPoint, unknown: Tensor.zeros([2]),
  function: { Parabola(forward: $0).implicitFunction }, formula: parabolaRoot)

private let byProduct = ClosedForm(
  "root", "conditions with a by-product of the solver", at: parabolaPoint,
  unknown: Tensor.zeros([2]),
  function: { forward in
    ImplicitFunction<Tensor, Tensor>(
      forward: { x in (forward(x), 2.0) },
      conditions: { factor in .root { x, y in Tensor(factor) * parabola(x, y) } })
  }, formula: parabolaRoot)

private let byHand = Conditions<Tensor, Tensor>.products(
  residual: { parabola($0, $1) },
  solutionProduct: { _, y, v in [2 * y.at(0) * v.at(0) + 2 * v.at(1), v.at(0) - v.at(1)] },
  transposedSolutionProduct: { _, y, u in
    [2 * y.at(0) * u.at(0) + u.at(1), 2 * u.at(0) - u.at(1)]
  }, inputProduct: { _, _, v in -v }, transposedInputProduct: { _, _, u in -u })

private let inPieces = Conditions<Tensor, Tensor>.root { x, y in
  let F = parabola(x, y)
  return [1e5 * F.at(1), -3 * F.at(0)]
}

private let mapping = Conditions<Tensor, Tensor>.fixedPoint { x, y in
  let factors = Tensor([[0.25, 0.5], [0, -1]])
  return y - matmul(factors, parabola(x, y))
}

// Kepler's equation E = M + e sin E, for two anomalies and one eccentricity: references.py.

@Sendable private func anomalies(_ x: [Jet]) -> [Jet] {
  let (first, second) = (-2.34822971779333517046736488001, 0.211528345076572316058769576633)
  let (third, fourth) = (-0.131436975768558474726792610184, -0.434557451599906520245313160351)
  return [
    Jet(
      value: 0.840689455572976813685018023207,
      gradient: [1.71480493681591570045282811534, 0, 1.27770652390345069865270849914],
      hessian: [
        [first, 0, second], [0, 0, 0], [second, 0, 1.61890792151208174808475561418],
      ]),
    Jet(
      value: 2.41513917061017890877747074536,
      gradient: [0, 0.681566048197695740311570267695, 0.452711622343757812951238145238],
      hessian: [
        [0, 0, 0], [0, third, fourth], [0, fourth, -0.519296913551061280148184560494],
      ]),
  ]
}

private let kepler = ClosedForm(
  "fixedPoint", "Kepler's equation", at: [Tensor([0.375, 2]), Tensor(0.625)],
  unknown: Tensor.zeros([2]), conditions: .fixedPoint { x, E in x[0] + x[1] * sin(E) },
  formula: anomalies)

// Structures that the linear programs treat apart: entries in another order, and equations that are
// read again by others. L u = a, K (L u − a) + v² = b and K⁻¹(L u − a) + v² = b: u = L⁻¹a, v = √b.

private let permutation = ClosedForm(
  "root", "entries gathered and scattered", at: Tensor([0.5, 2, 3, 1.25]),
  unknown: Tensor.zeros([4]),
  conditions: .root { x, y in
    // y₂² = x₀, y₀² = x₁, y₃² = x₂, y₁² = x₃, said in the order of y.
    let squares = (y * y).gathered([2, 0, 3, 1])
    return (squares - x).scattered([2, 0, 3, 1], count: 4)
  },
  formula: { x in [squareRoot(x[1]), squareRoot(x[3]), squareRoot(x[0]), squareRoot(x[2])] })

private let linearPermutation = ClosedForm(
  "root", "entries in another order, linear", at: Tensor([0.5, 2, 3, 1.25]),
  unknown: Tensor.zeros([4]), conditions: .root { x, y in y.gathered([2, 0, 3, 1]) - x * x },
  formula: { x in [x[1] * x[1], x[3] * x[3], x[0] * x[0], x[2] * x[2]] })

@Sendable private func triangular(_ x: [Jet]) -> [Jet] {
  eliminate([[2, 1], [-1, 3]], [x[0], x[1]]) + [squareRoot(x[2]), squareRoot(x[3])]
}

private func readAgain(
  _ what: String, _ map: @escaping @Sendable (_ K: Tensor, _ w: Tensor) throws -> Tensor
) -> ClosedForm {
  ClosedForm(
    "root", what, at: [Tensor([0.5, -1.25]), Tensor([2, 3])],
    unknown: [Tensor.zeros([2]), Tensor.zeros([2])],
    conditions: .root { x, y in
      let first = matmul(Tensor([[2, 1], [-1, 3]]), y[0]) - x[0]
      let again = try map(Tensor([[3, -1], [2, 1]]), first)
      return [first, again + y[1] * y[1] - x[1]]
    }, formula: triangular)
}

let rootCases: [ClosedForm] = [
  parabolaCase("root", .root(parabola)),
  parabolaCase("root", as: "equations in pieces, of other scales", inPieces), problem, byProduct,
  softmax, nested, solveInside, parabolaCase("products", byHand),
  parabolaCase("fixedPoint", mapping), kepler, permutation, linearPermutation,
  readAgain("an equation multiplied by a matrix in another") { K, w in matmul(K, w) },
  readAgain("an equation solved with in another") { K, w in try solve(K, w) },
]
