import PeerProblems

/// A problem whose cost is followed as `n` grows, and how it is promised to grow.
struct GrowthSeries {
  var problem: String
  var clock: PeerTask.Clock
  var sizes: [Int]
  /// Time grows as `n` to this power, and so does memory.
  var exponents: (time: Int, memory: Int)
  /// Up to this size the gradient is compared with the reference, which may take far longer.
  var referenceLimit: Int
  /// Where the exponent comes from.
  var reason: String

  /// Whether a million unknowns are within reach.
  var isLinear: Bool { exponents.time == 1 }

  /// A loop that shows what the machine makes of larger `n`, under a name in the results.
  struct Loop {
    var name: String
    var sizes: [Int]
    var exponent: Int
    /// How many vectors of `n` numbers are read.
    var vectors: (Int) -> Int
  }

  /// About as many vectors as a gradient keeps; and as many as `X` of ridge regression has rows.
  static var loops: [Loop] {
    [
      Loop(name: "reading 64 vectors", sizes: toAMillion, exponent: 1) { _ in 64 },
      Loop(name: "reading 2n vectors", sizes: [100, 200, 500, 1000, 2000], exponent: 2) { 2 * $0 },
    ]
  }

  private static let toAMillion = [1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000]

  static let all = [
    GrowthSeries(
      problem: "bratu", clock: .solveAndGradient, sizes: toAMillion, exponents: (1, 1),
      referenceLimit: 1_000_000,
      reason: "a band of three diagonals, eliminated in every step of Newton's method"),
    GrowthSeries(
      problem: "softmax", clock: .solveAndGradient, sizes: toAMillion, exponents: (1, 1),
      referenceLimit: 1_000_000,
      reason: "three diagonals, a row and a column; one number is left"),
    GrowthSeries(
      problem: "softmax-mirror", clock: .solveAndGradient, sizes: toAMillion, exponents: (1, 1),
      referenceLimit: 1_000_000, reason: "a diagonal, and a matrix of rank one"),
    GrowthSeries(
      problem: "tridiagonal", clock: .cold, sizes: toAMillion, exponents: (1, 1),
      referenceLimit: 1_000_000, reason: "a band of three diagonals, eliminated once"),
    GrowthSeries(
      problem: "ridge", clock: .solveAndGradient, sizes: [50, 100, 200, 500, 1000],
      exponents: (2, 2), referenceLimit: 1000,
      reason: "products with $X$, of $2n^2$ entries; how many does not depend on $n$"),
    GrowthSeries(
      problem: "ridge-mechanism", clock: .cold, sizes: [100, 200, 500, 1000, 2000],
      exponents: (2, 2), referenceLimit: 2000, reason: "the same"),
    GrowthSeries(
      problem: "sinkhorn", clock: .solveAndGradient, sizes: [25, 50, 100, 200, 400, 800],
      exponents: (2, 2), referenceLimit: 200,
      reason: "products with the kernel, of $n^2$ entries; how many depends on $\\varepsilon$"),
    GrowthSeries(
      problem: "qp", clock: .solveAndGradient, sizes: [25, 50, 100, 200, 400],
      exponents: (3, 2), referenceLimit: 200,
      reason: "a dense factorisation in every step of the interior-point method"),
  ]
}
