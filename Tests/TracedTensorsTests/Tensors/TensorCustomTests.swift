import Testing

@testable import TracedTensors

@Suite struct TensorCustomTests {
  static func cube(_ x: Tensor) -> Tensor {
    .custom(
      x, value: { x in Tensor(shape: x.shape, x.scalars.map { $0 * $0 * $0 }) },
      pushforward: { x, tangent in 3 * x * x * tangent },
      pullback: { x, cotangent in 3 * x * x * cotangent })
  }

  @Test("Three derivatives of a custom cube, among ordinary operations")
  func nested() throws {
    let x = Tensor([0.5, -2])
    #expect(Self.cube(x) == [0.125, -8])
    func f(_ x: Tensor) -> Tensor { (Self.cube(2 * x) + x).sum() }
    let first = gradient(at: x, of: f)
    let second = gradient(at: x) { gradient(at: $0, of: f).sum() }
    let third = gradient(at: x) { x in gradient(at: x) { gradient(at: $0, of: f).sum() }.sum() }
    #expect(first == 24 * x * x + 1 && second == 48 * x && third == [48, 48])
    let compiled = try linearization(at: x) { gradient(at: $0, of: f) }
    #expect(try compiled.pushforward([1, 10]) == 48 * x * [1, 10])
    #expect(try compiled.jacobian.denseMatrix() == [24, 0, 0, -96])
  }

  @Test("The value may change the shape, and is run once per level")
  func otherShape() throws {
    let rows = Tensor([[1, 2, 3], [4, 5, 6]])
    func total(_ x: Tensor) -> Tensor {
      .custom(
        x, value: { $0.sum(alongAxis: 0) },
        pushforward: { _, tangent in tangent.sum(alongAxis: 0) },
        pullback: { x, cotangent in cotangent.broadcast(to: x.shape) })
    }
    #expect(total(rows) == [5, 7, 9])
    #expect(
      gradient(at: rows) { (total($0) * [1, 10, 100]).sum() } == [[1, 10, 100], [1, 10, 100]])
    let J = try linearization(at: rows) { total($0) }
    #expect(try J.pushforward(rows) == [5, 7, 9])
    #expect(try J.pullback([1, 2, 3]) == [[1, 2, 3], [1, 2, 3]])
  }

  @Test("A scalar function of foreign code")
  func scalar() {
    func halved(_ x: Tensor) -> Tensor {
      .custom(
        x, value: { Tensor($0.scalar / 2) }, pushforward: { $1 * 0.5 }, pullback: { $1 * 0.5 })
    }
    #expect(gradient(at: 3) { halved($0) * halved($0) } == 1.5)
  }
}
