import Optimality

@testable import ImplicitDifferentiation

/// Seeded numbers (SplitMix64), so that a failing test fails again.
struct SeededNumbers {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Between −1 and 1.
  mutating func number() -> Double { Double(next() >> 11) * 0x1p-52 - 1 }

  /// Between 0 and 1.
  mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

  mutating func vector(_ n: Int) -> [Double] { (0..<n).map { _ in number() } }

  /// A random point of the simplex of sum 1; sparse ones too.
  mutating func simplexPoint(_ n: Int) -> [Double] {
    let powers = vector(n).map { $0 * $0 * $0 * $0 }
    let total = powers.reduce(0, +)
    return powers.map { $0 / total }
  }

  mutating func tensor(_ shape: [Int]) -> Tensor {
    Tensor(shape: shape, vector(shape.reduce(1, *)))
  }
}

func sumOfProducts(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}

/// `max |aᵢ − bᵢ|`; infinite where sizes differ or a NaN is met.
func largestGap(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count else { return .infinity }
  var largest = 0.0
  for (p, q) in zip(a, b) where p != q {
    guard abs(p - q) >= 0 else { return .infinity }
    largest = max(largest, abs(p - q))
  }
  return largest
}

/// Steps of a sweep of differences, 2⁻⁶ … 2⁻²⁴.
let sweepSteps = (6...24).map { Double(sign: .plus, exponent: -$0, significand: 1) }

/// Truncation and rounding of central differences cross at ε^⅔ ≈ 4e-11; the factor allows for third
/// derivatives some ten times as large as the value, and for sums over the entries.
let sweepTolerance = 100 * 3.7e-11

/// How far `derivative` is from the best central difference of `f(t)` at `t = 0`, relative to it.
func sweepError(
  _ derivative: [Double], _ f: (_ t: Double) throws -> [Double]
) rethrows -> Double {
  var best = Double.infinity
  for h in sweepSteps {
    let quotient = zip(try f(h), try f(-h)).map { ($0 - $1) / (2 * h) }
    best = min(best, largestGap(quotient, derivative))
  }
  return best / derivative.reduce(1) { max($0, abs($1)) }
}

/// A projection or a proximal operator at a point away from its kinks, with all its arguments.
struct OperatorCase: CustomStringConvertible, Sendable {
  let name: String
  /// The point first, then what describes the set or the penalty.
  let arguments: [Tensor]
  let apply: @Sendable ([Tensor]) throws -> Tensor

  var description: String { name }

  init(
    _ name: String, _ arguments: [Tensor], _ apply: @escaping @Sendable ([Tensor]) throws -> Tensor
  ) {
    self.name = name
    self.arguments = arguments
    self.apply = apply
  }
}

extension OperatorCase {
  static let point = Tensor([0.9, -0.4, 1.7, 0.2, -1.3, 0.6])
  static let grid = Tensor([[0.9, -0.4, 1.7], [0.2, -1.3, 0.6]])
  static let weights = Tensor([1, -0.5, 2, 0, -1.5, 0.75])

  static let projections: [OperatorCase] = [
    OperatorCase("nonNegative", [point]) { Projection.nonNegative($0[0]) },
    OperatorCase(
      "box", [point, Tensor([-1, -0.3, 0, -2, -1, 0.7]), Tensor([0.5, 1, 3, 1, 2, 2])]
    ) {
      try Projection.box($0[0], lower: $0[1], upper: $0[2])
    },
    OperatorCase("box of infinite extent", [point]) {
      try Projection.box($0[0], lower: Tensor(-.infinity), upper: 0.5)
    },
    OperatorCase("hyperplane", [point, weights, 0.8]) {
      try Projection.hyperplane($0[0], normal: $0[1], offset: $0[2])
    },
    OperatorCase("half-space, outside", [point, weights, 0.8]) {
      try Projection.halfSpace($0[0], normal: $0[1], offset: $0[2])
    },
    OperatorCase("half-space, inside", [point, weights, 8]) {
      try Projection.halfSpace($0[0], normal: $0[1], offset: $0[2])
    },
    OperatorCase(
      "affine set",
      [
        point, Tensor([[1, 0, 0.3, -0.7, 2, 0.1], [0, 1, -1, 0.4, 0.5, 1.2]]), Tensor([0.5, -1]),
      ]
    ) { try Projection.affineSet($0[0], matrix: $0[1], rightHandSide: $0[2]) },
    OperatorCase("simplex", [point, 1]) { try Projection.simplex($0[0], sum: $0[1]) },
    OperatorCase("simplex, one entry left", [point, 0.25]) {
      try Projection.simplex($0[0], sum: $0[1])
    },
    OperatorCase("simplex of every row", [grid, 1.5]) {
      try Projection.simplex($0[0], sum: $0[1])
    },
    OperatorCase("entropic simplex", [point]) { Projection.simplexByEntropy($0[0]) },
    OperatorCase("entropic simplex of every row", [grid]) { Projection.simplexByEntropy($0[0]) },
    OperatorCase("l1 ball, outside", [point, 2]) { try Projection.l1Ball($0[0], radius: $0[1]) },
    OperatorCase("l1 ball, inside", [point, 6]) { try Projection.l1Ball($0[0], radius: $0[1]) },
    OperatorCase("l2 ball, outside", [point, 2]) { try Projection.l2Ball($0[0], radius: $0[1]) },
    OperatorCase("l2 ball, inside", [point, 3]) { try Projection.l2Ball($0[0], radius: $0[1]) },
    OperatorCase(
      "box section",
      [point, Tensor([-1, -0.3, 0, -2, -1, 0.7]), Tensor([0.5, 1, 3, 1, 2, 2]), weights, 0.9]
    ) {
      try Projection.boxSection($0[0], lower: $0[1], upper: $0[2], weights: $0[3], total: $0[4])
    },
    OperatorCase("box section, half infinite", [point, weights, 0.9]) {
      try Projection.boxSection(
        $0[0], lower: Tensor(-.infinity), upper: 1, weights: $0[1], total: $0[2])
    },
  ]

  static let proximal: [OperatorCase] = [
    OperatorCase("soft threshold", [point, 0.5]) { try Proximal.softThreshold($0[0], $0[1]) },
    OperatorCase("lasso", [point, 0.5, 0.7]) {
      try Proximal.lasso($0[0], penalty: $0[1], step: $0[2])
    },
    OperatorCase("lasso, a penalty for each", [point, Tensor([0.1, 0.5, 0.3, 0.4, 0.2, 0.9])]) {
      try Proximal.lasso($0[0], penalty: $0[1])
    },
    OperatorCase("elastic net", [point, 0.5, 0.8, 0.7]) {
      try Proximal.elasticNet($0[0], penalty: $0[1], ridge: $0[2], step: $0[3])
    },
    OperatorCase("ridge", [point, 0.8, 0.7]) {
      try Proximal.ridge($0[0], ridge: $0[1], step: $0[2])
    },
    OperatorCase("group lasso of one group", [point, 0.5, 0.7]) {
      try Proximal.groupLasso($0[0], penalty: $0[1], step: $0[2])
    },
    OperatorCase("group lasso of rows", [grid, Tensor([0.5, 3]), 0.7]) {
      try Proximal.groupLasso($0[0], penalty: $0[1], step: $0[2])
    },
    OperatorCase("group lasso by labels", [point, Tensor([0.5, 0.1, 3])]) {
      try Proximal.groupLasso($0[0], penalty: $0[1], groups: [2, 0, 0, 1, 0, 2])
    },
  ]
}
