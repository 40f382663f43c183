import TensorChecks
import Testing

@testable import TracedTensors

/// The laws that every operation of the catalogue obeys, whatever it computes.
@Suite struct OperationDerivativeTests {
  /// Both sides of ⟨u, Jv⟩ = ⟨Jᵀu, v⟩ are sums of some tens of products, each rounded a few times.
  static let adjointTolerance = 1e-13

  /// Two orders of the same sums: some tens of roundings.
  static let replayTolerance = 1e-14

  @Test("The pushforward is the limit of central differences", arguments: OperationFamily.all)
  func pushforwardAgreesWithDifferences(_ family: OperationFamily) throws {
    for (index, operation) in family.rows.enumerated() {
      let seed = UInt64(index + 1)
      let (x, t) = (operation.draw(seed: seed), operation.drawTangent(seed: seed))
      let pushed = valueAndPushforward(at: x, along: t) { operation.apply($0) }
      let error = differenceError(
        derivative: pushed.tangent.scalars, size: largestMagnitude(pushed.value.scalars)
      ) { operation.apply(moved(x, by: $0, along: t)).scalars }
      #expect(error <= differenceTolerance, "\(operation)")
      #expect(pushed.value == operation.apply(x), "\(operation): tracing changes the value")
      #expect(pushed.tangent.shape == pushed.value.shape, "\(operation)")
    }
  }

  @Test("⟨u, Jv⟩ = ⟨Jᵀu, v⟩, walking and replaying", arguments: OperationFamily.all)
  func pullbackIsTheTranspose(_ family: OperationFamily) throws {
    for (index, operation) in family.rows.enumerated() {
      let seed = UInt64(index + 101)
      let (x, v) = (operation.draw(seed: seed), operation.drawTangent(seed: seed))
      let u = operation.drawCotangent(seed: seed)
      let walked = (
        valueAndPushforward(at: x, along: v) { operation.apply($0) }.tangent,
        valueAndPullback(at: x, cotangent: { _ in u }) { operation.apply($0) }.cotangent
      )
      let linear = try linearization(at: x) { operation.apply($0) }
      let replayed = (try linear.pushforward(v), try linear.pullback(u))
      for (Jv, JTu) in [walked, replayed] {
        let size =
          euclideanNorm(u.scalars) * euclideanNorm(Jv.scalars)
          + euclideanNorm(JTu.flattened()) * euclideanNorm(v.flattened())
        let defect = inner(u, Jv).scalar - inner(JTu, v).scalar
        #expect(abs(defect) <= Self.adjointTolerance * size, "\(operation)")
        #expect(JTu.map(\.shape) == x.map(\.shape), "\(operation)")
      }
      let sizes = (largestMagnitude(walked.0.scalars), largestMagnitude(walked.1.flattened()))
      #expect(
        largestDifference(walked.0.scalars, replayed.0.scalars) <= Self.replayTolerance * sizes.0,
        "\(operation): walked and replayed pushforwards differ")
      #expect(
        largestDifference(walked.1.flattened(), replayed.1.flattened())
          <= Self.replayTolerance * sizes.1,
        "\(operation): walked and replayed pullbacks differ")
    }
  }

  @Test("The matrix that is read off is the matrix of the products", arguments: OperationFamily.all)
  func entriesAgreeWithProducts(_ family: OperationFamily) throws {
    for (index, operation) in family.rows.enumerated() {
      let seed = UInt64(index + 201)
      let x = operation.draw(seed: seed)
      let J = try linearization(at: x) { operation.apply($0) }.jacobian
      let entries = try J.denseMatrix()
      let (m, n) = (J.rowCount, J.columnCount)
      #expect(entries.count == m * n)
      for column in 0..<n {
        var unit = [Double](repeating: 0, count: n)
        unit[column] = 1
        let product = try J.applied(to: unit)
        let read = (0..<m).map { entries[$0 * n + column] }
        #expect(
          largestDifference(product, read)
            <= Self.replayTolerance * largestMagnitude(product), "\(operation), column \(column)")
      }
      if let bands = try J.bandMatrix() {
        #expect(largestDifference(bands.denseMatrix, entries) == 0, "\(operation)")
      }
    }
  }

  /// `t ↦ ∇²⟨w, f⟩ t` in each order of nesting, and by differences of the gradient.
  @Test("Second derivatives agree in every nesting", arguments: OperationFamily.all)
  func secondDerivatives(_ family: OperationFamily) throws {
    for (index, operation) in family.rows.enumerated() {
      let seed = UInt64(index + 301)
      let (x, t) = (operation.draw(seed: seed), operation.drawTangent(seed: seed))
      let w = operation.drawCotangent(seed: seed)
      func slope(_ x: [Tensor]) -> [Tensor] {
        gradient(at: x) { inner(operation.apply($0), w) }
      }
      let reverseReverse = gradient(at: x) { inner(slope($0), t) }.flattened()
      let forwardReverse = valueAndPushforward(at: x, along: t) { slope($0) }.tangent.flattened()
      let reverseForward = gradient(at: x) { x in
        inner(valueAndPushforward(at: x, along: t) { operation.apply($0) }.tangent, w)
      }.flattened()
      let size = max(
        largestMagnitude(reverseReverse), 1e-3 * largestMagnitude(slope(x).flattened()))
      // Second derivatives of quotients cancel by a digit or two.
      let tolerance = 1e-12
      #expect(
        largestDifference(reverseReverse, forwardReverse) <= tolerance * size, "\(operation)")
      #expect(
        largestDifference(reverseReverse, reverseForward) <= tolerance * size, "\(operation)")
      let error = differenceError(
        derivative: reverseReverse, size: largestMagnitude(slope(x).flattened())
      ) { slope(moved(x, by: $0, along: t)).flattened() }
      #expect(error <= differenceTolerance, "\(operation)")
    }
  }
}
