import ForwardSolvers
import ImplicitDifferentiation

/// `min ½ yᵀQ y + cᵀy`, `A y = b`, `G y ≤ h`; any block may be absent.
struct Program: Sendable, CustomStringConvertible {
  var name: String
  var Q: Tensor?
  var c: Tensor
  var A: Tensor?
  var b: Tensor?
  var G: Tensor?
  var h: Tensor?
  /// The solution, where it is known.
  var solution: Tensor = []

  var description: String { name }

  func solved(_ method: InteriorPoint = InteriorPoint()) throws -> QuadraticProgramSolution {
    try method.solve(Q: Q, c: c, A: A, b: b, G: G, h: h)
  }

  /// Made around a known solution: half of the constraints are active, with multipliers between 0.1
  /// and 1.1, the others have slacks between 0.1 and 1.1. The eigenvalues of `Q` are between ½ and
  /// about `n`.
  static func random(seed: UInt64, n: Int, p: Int, m: Int) -> Program {
    var numbers = SeededNumbers(seed: seed)
    let factor = numbers.matrix(n, n)
    let Q = matmul(factor, factor, transposingLeft: true) + 0.5 * Tensor.identity(n)
    let (A, G) = (numbers.matrix(p, n), numbers.matrix(m, n))
    let y = numbers.vector(n)
    let nu = numbers.vector(p)
    // No more equations than unknowns.
    let active = Swift.min(m / 2, n - p)
    let multipliers = (0..<m).map { $0 < active ? 0.1 + numbers.unit() : 0 }
    let slacks = (0..<m).map { $0 < active ? 0 : 0.1 + numbers.unit() }
    var gradient = matmul(Q, y)
    if p > 0 { gradient += matmul(A, nu, transposingLeft: true) }
    if m > 0 { gradient += matmul(G, Tensor(multipliers), transposingLeft: true) }
    return Program(
      name: "random \(seed): n = \(n), p = \(p), m = \(m)", Q: Q, c: -gradient,
      A: p > 0 ? A : nil, b: p > 0 ? matmul(A, y) : nil, G: m > 0 ? G : nil,
      h: m > 0 ? matmul(G, y) + Tensor(slacks) : nil, solution: y)
  }

  static let randoms: [Program] = (0..<30).map { seed in
    let n = 1 + seed
    return .random(
      seed: UInt64(seed), n: n, p: Swift.min(seed % 4, n - 1), m: seed % 5 == 0 ? 0 : 2 * n / 3 + 2)
  }

  /// Distance of a point from a box, for `min ½‖y − t‖²`, `0 ≤ y ≤ 1`.
  static let box: Program = {
    let identity = Tensor.identity(5)
    let t = Tensor([-0.5, 0.25, 2, 0.75, 1.5])
    return Program(
      name: "box", Q: identity, c: -t, G: .concatenate([identity, -identity]),
      h: [1, 1, 1, 1, 1, 0, 0, 0, 0, 0], solution: [0, 0.25, 1, 0.75, 1])
  }()

  /// The program of two pieces that meet at `b = 1`, where the constraint is weakly active.
  static func hinge(_ b: Double) -> Program {
    Program(
      name: "hinge at \(b)", Q: .identity(2), c: [0, 0], A: [[1, 1]], b: Tensor([b]),
      G: [[1, -2]], h: [-0.5],
      solution: b >= 1
        ? Tensor([b / 2, b / 2]) : Tensor([(2 * b - 0.5) / 3, (b + 0.5) / 3]))
  }

  static let known: [Program] = [
    box, hinge(0.5), hinge(1), hinge(2),
    Program(name: "one unknown", Q: [[2]], c: [-2], G: [[1]], h: [0.5], solution: [0.5]),
    Program(name: "one unknown, weakly active", Q: [[2]], c: [-2], G: [[1]], h: [1], solution: [1]),
    Program(name: "no constraint", Q: [[2, 1], [1, 2]], c: [-3, -3], solution: [1, 1]),
    Program(
      name: "equality alone", Q: .identity(3), c: [0, 0, 0], A: [[1, 1, 1]], b: [3],
      solution: [1, 1, 1]),
    Program(
      name: "projection on the simplex", Q: .identity(3), c: [-0.5, -0.9, 1], A: [[1, 1, 1]],
      b: [1], G: -Tensor.identity(3), h: [0, 0, 0], solution: [0.3, 0.7, 0]),
    Program(
      name: "linear program", c: [-1, -1], G: [[1, 0], [0, 1], [-1, 0], [0, -1]], h: [1, 2, 0, 0],
      solution: [1, 2]),
    Program(
      name: "linear program, three constraints in one vertex of the plane", c: [-1, -1],
      G: [[1, 0], [0, 1], [1, 1], [-1, 0]], h: [1, 1, 2, 0], solution: [1, 1]),
    Program(
      name: "linear program on the simplex", c: [3, 1, 2], A: [[1, 1, 1]], b: [1],
      G: -Tensor.identity(3), h: [0, 0, 0], solution: [0, 1, 0]),
    Program(
      name: "singular Q, held by a constraint", Q: [[1, 0], [0, 0]], c: [-1, 1], G: [[0, -1]],
      h: [-2], solution: [1, 2]),
    Program(
      name: "repeated equality", Q: [[2, 0], [0, 2]], c: [-2, 1], A: [[1, 1], [2, 2]], b: [1, 2],
      solution: [1.25, -0.25]),
    Program(
      name: "repeated inequality", Q: .identity(2), c: [-2, -2], G: [[1, 1], [1, 1], [2, 2]],
      h: [1, 1, 2], solution: [0.5, 0.5]),
    Program(
      name: "no interior", Q: [[1]], c: [1], G: [[1], [-1]], h: [2, -2], solution: [2]),
    Program(
      name: "only the symmetric part of Q counts", Q: [[2, 2], [0, 2]], c: [-3, -3],
      solution: [1, 1]),
    Program(
      name: "a tiny objective", Q: [[1e-200]], c: [-2e-200], G: [[1]], h: [1], solution: [1]),
    Program(
      name: "tiny sides", Q: .identity(2), c: [-1, -1], G: [[1, 0], [0, 1]], h: [1e-9, 2e-9],
      solution: [1e-9, 2e-9]),
    badlyScaled,
  ]

  /// Entries over 20 orders of magnitude; the solution by eliminating `y₁ = 1e5 (1 − y₀)`.
  static let badlyScaled: Program = {
    let y = (2e12 + 1e4 + 0.1) / (1e12 + 1e4)
    return Program(
      name: "bad scales", Q: [[1e12, 0], [0, 1e-6]], c: [-2e12, 1e-6], A: [[1e5, 1]], b: [1e5],
      G: [[0, 1e-8]], h: [1], solution: Tensor([y, 1e5 * (1 - y)]))
  }()
}
