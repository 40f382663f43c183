import Optimality
import Testing

@testable import ImplicitDifferentiation

/// Projections against their definition, closed forms and each other.
@Suite struct ProjectionsTests {
  /// Points of size 1 to 10, sums of six entries: tens of roundings.
  static let tolerance = 1e-13

  /// A set with its projection, random points of it, and the distance of a point from it.
  struct SetCase: CustomStringConvertible, Sendable {
    let description: String
    let shape: [Int]
    let project: @Sendable (Tensor) throws -> Tensor
    let member: @Sendable (inout SeededNumbers) -> [Double]
    let violation: @Sendable ([Double]) -> Double
  }

  static let lower = [-1, -0.3, 0, -2, -1, 0.7]
  static let upper = [0.5, 1, 3, 1, 2, 2]
  static let normal = [1, -0.5, 2, 0.25, -1.5, 0.75]
  /// Rows in echelon form, so that solutions are easily written down: (b − M t, t).
  static let rows = [[1, 0, 0.3, -0.7, 2, 0.1], [0, 1, -1, 0.4, 0.5, 1.2]]
  static let rightHandSide = [0.5, -1]

  static let sets: [SetCase] = [
    SetCase(
      description: "non-negative", shape: [6], project: { Projection.nonNegative($0) },
      member: { numbers in numbers.vector(6).map { 3 * abs($0) } },
      violation: { $0.reduce(0) { max($0, -$1) } }),
    SetCase(
      description: "box", shape: [6],
      project: { try Projection.box($0, lower: Tensor(lower), upper: Tensor(upper)) },
      member: { boxMember(&$0) }, violation: { boxViolation($0) }),
    SetCase(
      description: "hyperplane", shape: [6],
      project: { try Projection.hyperplane($0, normal: Tensor(normal), offset: 0.8) },
      member: { numbers in onHyperplane(numbers.vector(6).map { 4 * $0 }) },
      violation: { abs(sumOfProducts($0, normal) - 0.8) }),
    SetCase(
      description: "half-space", shape: [6],
      project: { try Projection.halfSpace($0, normal: Tensor(normal), offset: 0.8) },
      member: { numbers in
        let depth = numbers.fraction()
        let point = onHyperplane(numbers.vector(6).map { 4 * $0 })
        return zip(point, normal).map { $0 - depth * $1 }
      },
      violation: { max(0, sumOfProducts($0, normal) - 0.8) }),
    SetCase(
      description: "affine set", shape: [6],
      project: {
        try Projection.affineSet(
          $0, matrix: Tensor(rows), rightHandSide: Tensor(rightHandSide))
      },
      member: { numbers in
        let t = numbers.vector(4).map { 3 * $0 }
        return zip(rows, rightHandSide).map { $1 - sumOfProducts(Array($0[2...]), t) } + t
      },
      violation: { p in
        zip(rows, rightHandSide).reduce(0) { max($0, abs(sumOfProducts($1.0, p) - $1.1)) }
      }),
    SetCase(
      description: "simplex", shape: [6], project: { try Projection.simplex($0, sum: 1.5) },
      member: { numbers in numbers.simplexPoint(6).map { 1.5 * $0 } },
      violation: { simplexViolation($0, sum: 1.5) }),
    SetCase(
      description: "simplex of every row", shape: [2, 3],
      project: { try Projection.simplex($0) },
      member: { numbers in numbers.simplexPoint(3) + numbers.simplexPoint(3) },
      violation: {
        max(simplexViolation(Array($0[..<3]), sum: 1), simplexViolation(Array($0[3...]), sum: 1))
      }),
    SetCase(
      description: "l1 ball", shape: [6], project: { try Projection.l1Ball($0, radius: 1.2) },
      member: { numbers in
        let size = 1.2 * numbers.fraction().squareRoot()
        let signs = numbers.vector(6).map { $0 < 0 ? -1.0 : 1 }
        return zip(numbers.simplexPoint(6), signs).map { size * $0 * $1 }
      },
      violation: { max(0, $0.reduce(0) { $0 + abs($1) } - 1.2) }),
    SetCase(
      description: "l2 ball", shape: [6], project: { try Projection.l2Ball($0, radius: 1.2) },
      member: { numbers in
        let direction = numbers.vector(6)
        let length = sumOfProducts(direction, direction).squareRoot()
        let size = 1.2 * numbers.fraction().squareRoot()
        return direction.map { size * $0 / length }
      },
      violation: { max(0, sumOfProducts($0, $0).squareRoot() - 1.2) }),
    SetCase(
      description: "box section", shape: [6],
      project: {
        try Projection.boxSection(
          $0, lower: Tensor(lower), upper: Tensor(upper), weights: Tensor(normal), total: 0.9)
      },
      member: { numbers in
        // Draws from the box, with the third entry chosen to meet the sum.
        while true {
          var point = boxMember(&numbers)
          point[2] += (0.9 - sumOfProducts(point, normal)) / normal[2]
          if point[2] >= lower[2], point[2] <= upper[2] { return point }
        }
      },
      violation: { max(boxViolation($0), abs(sumOfProducts($0, normal) - 0.9)) }),
  ]

  private static func boxMember(_ numbers: inout SeededNumbers) -> [Double] {
    zip(lower, upper).map { $0 + ($1 - $0) * numbers.fraction() }
  }

  private static func boxViolation(_ p: [Double]) -> Double {
    p.indices.reduce(0) { max($0, lower[$1] - p[$1], p[$1] - upper[$1]) }
  }

  private static func onHyperplane(_ point: [Double]) -> [Double] {
    var point = point
    point[2] += (0.8 - sumOfProducts(point, normal)) / normal[2]
    return point
  }

  private static func simplexViolation(_ p: [Double], sum: Double) -> Double {
    p.reduce(abs(p.reduce(0, +) - sum)) { max($0, -$1) }
  }

  @Test("The projection lies in the set and makes an obtuse angle with it", arguments: sets)
  func variationalInequality(_ set: SetCase) throws {
    var numbers = SeededNumbers(1)
    for scale in [0.1, 1, 10] {
      for _ in 0..<20 {
        let x = numbers.tensor(set.shape).scaled(by: scale)
        let p = try set.project(x)
        #expect(p.shape == set.shape)
        #expect(set.violation(p.scalars) <= Self.tolerance)
        let normal = (x - p).scalars
        for _ in 0..<100 {
          let member = set.member(&numbers)
          #expect(set.violation(member) <= Self.tolerance)
          let step = zip(member, p.scalars).map { $0 - $1 }
          #expect(sumOfProducts(normal, step) <= 100 * Self.tolerance)
        }
      }
    }
  }

  @Test("Projecting once more changes nothing", arguments: sets)
  func idempotent(_ set: SetCase) throws {
    var numbers = SeededNumbers(2)
    for _ in 0..<20 {
      let p = try set.project(numbers.tensor(set.shape).scaled(by: 3))
      #expect(largestGap(try set.project(p).scalars, p.scalars) <= Self.tolerance)
    }
  }

  // MARK: Closed forms of Jacobians

  private static func jacobian(
    at x: Tensor, of f: (Tensor) throws -> Tensor
  ) throws -> [Double] {
    try linearization(at: x, of: f).jacobian.denseMatrix()
  }

  /// `diag(s) − (s∘w)(s∘w)ᵀ/‖s∘w‖²`.
  private static func reduced(_ support: [Double], _ w: [Double]) -> [Double] {
    let v = zip(support, w).map { $0 * $1 }
    let size = sumOfProducts(v, v)
    return v.indices.flatMap { i in
      v.indices.map { j in (i == j ? support[i] : 0) - v[i] * v[j] / size }
    }
  }

  @Test("Simplex: diag(s) − ssᵀ/|s|, for supports of every size", arguments: 1...6)
  func simplexJacobian(size: Int) throws {
    var numbers = SeededNumbers(UInt64(size))
    // `size` entries within 1/6 of each other above the rest: the threshold lies between.
    let x = (0..<6).map { ($0 < size ? 1 : -1) + numbers.fraction() / 6 }
    let support = (0..<6).map { $0 < size ? 1.0 : 0 }
    let J = try Self.jacobian(at: Tensor(x)) { try Projection.simplex($0) }
    #expect(largestGap(J, Self.reduced(support, [1, 1, 1, 1, 1, 1])) <= 1e-15)
  }

  @Test("Box and non-negative: a mask of zeros and ones")
  func boxJacobian() throws {
    let x = Tensor([0.9, -0.4, 1.7, 0.2, -1.3, 0.6])
    let box = try Self.jacobian(at: x) {
      try Projection.box($0, lower: Tensor(Self.lower), upper: Tensor(Self.upper))
    }
    #expect(box == Tensor([0, 0, 1, 1, 0, 0]).diagonal().scalars)
    let orthant = try Self.jacobian(at: x) { Projection.nonNegative($0) }
    #expect(orthant == Tensor([1, 0, 1, 1, 0, 1]).diagonal().scalars)
  }

  @Test("l2 ball: r/‖x‖ (I − x̂x̂ᵀ) outside, I inside")
  func l2Jacobian() throws {
    let x = [0.9, -0.4, 1.7]
    let length = sumOfProducts(x, x).squareRoot()
    let expected = x.indices.flatMap { i in
      x.indices.map { j -> Double in
        let identity: Double = i == j ? 1 : 0
        return 1.2 / length * (identity - x[i] * x[j] / (length * length))
      }
    }
    let outside = try Self.jacobian(at: Tensor(x)) { try Projection.l2Ball($0, radius: 1.2) }
    #expect(largestGap(outside, expected) <= 1e-15)
    let inside = try Self.jacobian(at: Tensor(x)) { try Projection.l2Ball($0, radius: 2.2) }
    #expect(inside == Tensor.identity(3).scalars)
  }

  @Test("Box section: rank one off the free entries")
  func boxSectionJacobian() throws {
    var numbers = SeededNumbers(5)
    for _ in 0..<20 {
      let x = numbers.tensor([6]).scaled(by: 2)
      func project(_ x: Tensor) throws -> Tensor {
        try Projection.boxSection(
          x, lower: Tensor(Self.lower), upper: Tensor(Self.upper), weights: Tensor(Self.normal),
          total: 0.9)
      }
      let p = try project(x).scalars
      let free = p.indices.map { p[$0] > Self.lower[$0] && p[$0] < Self.upper[$0] ? 1.0 : 0 }
      let J = try Self.jacobian(at: x, of: project)
      #expect(largestGap(J, Self.reduced(free, Self.normal)) <= 1e-14)
    }
  }

  @Test("l1 ball: the simplex's Jacobian between signs")
  func l1Jacobian() throws {
    let x = Tensor([0.9, -0.4, 1.7, 0.05])
    let J = try Self.jacobian(at: x) { try Projection.l1Ball($0, radius: 2.5) }
    let signs = [1.0, -1, 1, 1]
    let plain = Self.reduced([1, 1, 1, 0], [1, 1, 1, 1])
    let expected = plain.enumerated().map { signs[$0 / 4] * $1 * signs[$0 % 4] }
    #expect(largestGap(J, expected) <= 1e-15)
  }

  // MARK: Agreement

  @Test("A box section with bounds 0 and ∞ is the simplex; with one weight a hyperplane, within")
  func specialCases() throws {
    var numbers = SeededNumbers(3)
    for _ in 0..<20 {
      let x = numbers.tensor([6]).scaled(by: 2)
      let section = try Projection.boxSection(
        x, lower: 0, upper: Tensor(.infinity), weights: Tensor.ones([6]), total: 1.5)
      let simplex = try Projection.simplex(x, sum: 1.5)
      #expect(largestGap(section.scalars, simplex.scalars) <= Self.tolerance)
      let plane = try Projection.boxSection(
        x, lower: Tensor(-.infinity), upper: Tensor(.infinity), weights: Tensor(Self.normal),
        total: 0.8)
      let expected = try Projection.hyperplane(x, normal: Tensor(Self.normal), offset: 0.8)
      #expect(largestGap(plane.scalars, expected.scalars) <= Self.tolerance)
      let affine = try Projection.affineSet(
        x, matrix: Tensor([Self.normal]), rightHandSide: [0.8])
      #expect(largestGap(affine.scalars, expected.scalars) <= Self.tolerance)
    }
  }

  @Test("A constant added to the point costs the simplex no more than its own rounding")
  func shiftedSimplex() throws {
    let x = Tensor([0.75, 0.5, -0.25, 1])
    let p = try Projection.simplex(x)
    // 2³⁰ leaves these entries exact.
    #expect(try Projection.simplex(x + 0x1p30) == p)
    #expect(try Projection.simplex(x - 0x1p30) == p)
    let far = try Projection.simplex(Tensor([1e300, -1e300, 1e300]))
    #expect(far.scalars == [0.5, 0, 0.5])
  }

  @Test("Large points cost a box section no digits of its total")
  func distantBoxSection() throws {
    let x = Tensor([1e9 + 0.25, 1e9 + 0.5, 1e9 - 2])
    let p = try Projection.boxSection(
      x, lower: 0, upper: 1, weights: Tensor.ones([3]), total: 1.25)
    #expect(largestGap(p.scalars, [0.5, 0.75, 0]) <= 1e-15)
  }

  @Test("The entropic projection of log q is q over its sum")
  func entropicProjection() {
    let q = Tensor([[0.5, 2, 0.25], [1, 3, 4]])
    let p = Projection.simplexByEntropy(log(q)).scalars
    #expect(largestGap(p, [2 / 11.0, 8 / 11.0, 1 / 11.0, 0.125, 0.375, 0.5]) <= 1e-15)
  }

  // MARK: Kinks, as documented

  @Test("At kinks the derivative is that of the documented piece")
  func kinks() throws {
    let free = try Self.jacobian(at: [0, 1]) { Projection.nonNegative($0) }
    #expect(free == [1, 0, 0, 1])
    let bound = try Self.jacobian(at: [0, 1]) { try Projection.box($0, lower: 0, upper: 1) }
    #expect(bound == [1, 0, 0, 1])
    // The threshold is 0, where the second entry is: it is left out, and one entry cannot move.
    let simplex = try Self.jacobian(at: [1, 0, -1]) { try Projection.simplex($0) }
    #expect(simplex == [0, 0, 0, 0, 0, 0, 0, 0, 0])
    let l1 = try Self.jacobian(at: [0.5, -0.5]) { try Projection.l1Ball($0) }
    #expect(l1 == [1, 0, 0, 1])
    let l2 = try Self.jacobian(at: [0.6, -0.8]) { try Projection.l2Ball($0) }
    #expect(l2 == [1, 0, 0, 1])
    let half = try Self.jacobian(at: [1, 0]) {
      try Projection.halfSpace($0, normal: [1, 0], offset: 1)
    }
    #expect(half == [1, 0, 0, 1])
    // All at bounds: p = (0, 1) whatever x does.
    let vertex = try Self.jacobian(at: [-1, 2]) {
      try Projection.boxSection($0, lower: 0, upper: 1, weights: [1, 1], total: 1)
    }
    #expect(vertex == [0, 0, 0, 0])
  }

  // MARK: Errors

  @Test("Empty sets are named")
  func emptySets() {
    func reason(_ body: () throws -> Tensor) -> String {
      do {
        _ = try body()
        return "nothing thrown"
      } catch let error as ProjectionError {
        guard case .emptySet(let set, let reason) = error else { return "\(error)" }
        return "\(set): \(reason)"
      } catch {
        return "\(error)"
      }
    }
    let x = Tensor([1, 2])
    #expect(
      reason { try Projection.box(x, lower: [0, 3], upper: [1, 2]) }
        == "box: entry 1 has the bounds 3.0 and 2.0")
    #expect(
      reason { try Projection.box(x, lower: [0, Tensor(.nan)], upper: 1) }
        == "box: entry 1 has the bounds nan and 1.0")
    #expect(reason { try Projection.simplex(x, sum: 0) } == "simplex: its entries add to 0.0")
    #expect(reason { try Projection.simplex(Tensor.zeros([0])) } == "simplex: it has no entries")
    #expect(
      reason { try Projection.l1Ball(x, radius: -1) }
        == "interior of the ball: its radius is -1.0")
    #expect(
      reason { try Projection.l2Ball(x, radius: Tensor(.nan)) }
        == "interior of the ball: its radius is nan")
    #expect(
      reason { try Projection.hyperplane(x, normal: [0, 0], offset: 1) }
        == "hyperplane: its normal is zero")
    #expect(
      reason {
        try Projection.boxSection(x, lower: 0, upper: 1, weights: [1, -2], total: 1.5)
      } == "section of the box: the weighted sum lies between -2.0 and 1.0, and is to be 1.5")
  }

  @Test("Other refusals")
  func refusals() {
    #expect(
      throws: ProjectionError.notFinite(operation: "Projection.simplex", what: "the point")
    ) { try Projection.simplex([1, Tensor(.nan)]) }
    #expect(
      throws: ProjectionError.shapeMismatch(
        operation: "Projection.hyperplane", what: "the normal", expected: [2], found: [3])
    ) { try Projection.hyperplane([1, 2], normal: [1, 2, 3], offset: 1) }
    #expect(
      throws: ProjectionError.shapeMismatch(
        operation: "Projection.boxSection", what: "the weights", expected: [2], found: [3])
    ) {
      try Projection.boxSection([1, 2], lower: 0, upper: 1, weights: [1, 2, 3], total: 1)
    }
    #expect {
      try Projection.affineSet(
        [1, 2, 3], matrix: [[1, 2, 3], [2, 4, 6]], rightHandSide: [1, 2])
    } throws: { error in
      if case LinearSolveError.singular = error { return true }
      return false
    }
  }
}
