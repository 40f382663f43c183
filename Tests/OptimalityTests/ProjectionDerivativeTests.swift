import Optimality
import Testing

@testable import ImplicitDifferentiation

/// Derivatives of every projection and proximal operator, in every argument.
@Suite struct ProjectionDerivativeTests {
  static let all = OperatorCase.projections + OperatorCase.proximal

  private static func directions(_ c: OperatorCase) -> [Tensor] {
    var numbers = SeededNumbers(7)
    return c.arguments.map { numbers.tensor($0.shape) }
  }

  private static func moved(_ c: OperatorCase, by t: Double) -> [Tensor] {
    zip(c.arguments, directions(c)).map { $0 + $1.scaled(by: t) }
  }

  /// A loss with curvature of its own, so that second derivatives do not vanish.
  private static func loss(_ c: OperatorCase, _ arguments: [Tensor]) throws -> Tensor {
    let p = try c.apply(arguments)
    var numbers = SeededNumbers(11)
    let w = numbers.tensor(p.shape)
    return (w * p * p).sum() + (sin(p) * p).sum()
  }

  @Test("Pushforwards match differences, and pullbacks the pushforwards", arguments: all)
  func first(_ c: OperatorCase) throws {
    let tangents = Self.directions(c)
    let (value, tangent) = try valueAndPushforward(
      at: c.arguments, along: tangents, of: c.apply)
    #expect(value == (try c.apply(c.arguments)))
    let error = try sweepError(tangent.scalars) { try c.apply(Self.moved(c, by: $0)).scalars }
    #expect(error <= sweepTolerance)

    var numbers = SeededNumbers(23)
    let cotangent = numbers.tensor(value.shape)
    let pulled = try valueAndPullback(
      at: c.arguments, cotangent: { _ in cotangent }, of: c.apply
    ).cotangent
    let forward = sumOfProducts(cotangent.scalars, tangent.scalars)
    let backward = sumOfProducts(pulled.flattened(), tangents.flattened())
    #expect(abs(forward - backward) <= 1e-14 * max(1, abs(forward)) * 10)
  }

  @Test("Second derivatives match differences of gradients", arguments: all)
  func second(_ c: OperatorCase) throws {
    func slope(_ arguments: [Tensor]) throws -> [Tensor] {
      try gradient(at: arguments) { try Self.loss(c, $0) }
    }
    let forwardOverReverse = try valueAndPushforward(
      at: c.arguments, along: Self.directions(c), of: slope
    ).tangent.flattened()
    let error = try sweepError(forwardOverReverse) { try slope(Self.moved(c, by: $0)).flattened() }
    #expect(error <= sweepTolerance)
    let reverseOverReverse = try gradient(at: c.arguments) { arguments in
      zip(try slope(arguments), Self.directions(c)).reduce(Tensor(0)) { $0 + $1.0.dot($1.1) }
    }.flattened()
    #expect(largestGap(forwardOverReverse, reverseOverReverse) <= 1e-12)
  }
}
