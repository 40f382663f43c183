import ImplicitDifferentiation

/// The directions of a comparison as flat vectors, and the points along them.
struct Probe<Input: TensorStructure> {
  struct Direction {
    let vector: [Double]
    /// The argument `t` of `x + t v` for which the step has the size of `x` itself.
    let scale: Double
  }

  let point: Input
  let numbers: [Double]
  let directions: [Direction]

  init(_ x: Input, _ choice: ComparisonDirections<Input>) throws(ComparisonError) {
    point = x.withoutDerivative
    numbers = point.flattened()
    let n = numbers.count
    let vectors: [[Double]]
    switch choice {
    case .gradient:
      vectors = (0..<n).map { index in
        var unit = [Double](repeating: 0, count: n)
        unit[index] = 1
        return unit
      }
    case .along(let direction):
      vectors = [direction.flattened()]
    case .random(let seed):
      vectors = [Probe.randomDirection(count: n, seed: seed)]
    }
    var directions: [Direction] = []
    for vector in vectors {
      if vector.count != n {
        throw .sizeMismatch(what: "the direction", expected: n, found: vector.count)
      }
      directions.append(Direction(vector: vector, scale: try Probe.scale(of: vector, at: numbers)))
    }
    self.directions = directions
  }

  /// `‖x‖ / ‖v‖` over the entries that `v` moves; over all entries if those are zero; else `1/‖v‖`.
  private static func scale(
    of v: [Double], at x: [Double]
  ) throws(ComparisonError) -> Double {
    let length = Tensor(v).norm().scalar
    if length == 0 { throw .zeroDirection }
    let moved = Tensor(zip(x, v).filter { $0.1 != 0 }.map(\.0)).norm().scalar
    let size = moved > 0 ? moved : Tensor(x).norm().scalar
    return (size > 0 ? size : 1) / length
  }

  func point(at t: Double, along direction: Direction) throws -> Input {
    try point.rebuilt(from: zip(numbers, direction.vector).map { $0 + t * $1 })
  }

  func tangent(_ direction: Direction) throws -> Input { try point.rebuilt(from: direction.vector) }

  /// `⟨gradient, v⟩` for each direction.
  func derivatives(
    ofGradient gradient: Input, _ what: String
  ) throws(ComparisonError) -> [Double] {
    let entries = gradient.flattened()
    if entries.count != numbers.count {
      throw .sizeMismatch(what: what, expected: numbers.count, found: entries.count)
    }
    return directions.map { dot(entries, $0.vector) }
  }

  /// Uniform numbers in −1…1.
  private static func randomDirection(count: Int, seed: UInt64) -> [Double] {
    var generator = SplitMix64(seed: seed)
    return (0..<count).map { _ in generator.symmetric() }
  }
}

/// `Σ aᵢ bᵢ`.
func dot(_ a: [Double], _ b: [Double]) -> Double { Tensor(a).dot(Tensor(b)).scalar }
