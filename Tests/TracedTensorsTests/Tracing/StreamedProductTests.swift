import LinearSolvers
import Testing

@testable import TracedTensors

/// `Xᵀ X v` runs in one pass over the rows of `X`, and has the bits of two products.
@Suite("Products with a matrix and its transpose in one pass")
struct StreamedProductTests {
  static let shapes = [(2, 2), (3, 2), (7, 3), (37, 11), (200, 70), (9, 3000)]

  private func matrix(_ m: Int, _ n: Int) -> Tensor {
    Tensor(shape: [m, n], ProbeVector.make(count: m * n, seed: 3))
  }

  /// `½ ‖X w − 1‖²` and a penalty, by their gradient.
  private func normalOperator(_ X: Tensor, penalty: Tensor) throws -> ProgramOperator {
    let start = Tensor.ones([X.shape[1]])
    return try linearization(at: start) { w in
      matmul(X, matmul(X, w) - Tensor(1), transposingLeft: true) + penalty * w
    }.operation
  }

  @Test("have the bits of two", arguments: shapes)
  func bits(m: Int, n: Int) throws {
    let X = matrix(m, n)
    let A = try normalOperator(X, penalty: Tensor.zeros([n]))
    for seed in 7...9 as ClosedRange<UInt64> {
      let v = ProbeVector.make(count: n, seed: seed)
      let expected = matmul(X, matmul(X, Tensor(v)), transposingLeft: true).scalars
      #expect(try A.applied(to: v) == expected)
      #expect(try A.transposeApplied(to: v) == expected)
    }
  }

  @Test("are used where a Hessian is X with its transpose", arguments: shapes)
  func areUsed(m: Int, n: Int) throws {
    let A = try normalOperator(matrix(m, n), penalty: Tensor.ones([n]))
    let streams = A.executable(transposed: false).instructions.map(\.streamsIntoNext)
    #expect(streams.contains(true))
  }

  /// Several columns at once, as conjugate gradients in lockstep want them.
  @Test("serve several columns", arguments: shapes)
  func columns(m: Int, n: Int) throws {
    let A = try normalOperator(matrix(m, n), penalty: Tensor.ones([n]).scaled(by: 0.5))
    let columns = (1...5 as ClosedRange<UInt64>).map { ProbeVector.make(count: n, seed: $0) }
    for transposed in [false, true] {
      let block = try A.applied(toEach: columns, transposed: transposed)
      for (column, result) in zip(columns, block) {
        #expect(try A.applied(to: column) == result)
      }
    }
  }

  /// The second product's result may not take the place of what the first one still reads.
  @Test("keep what they read")
  func keepsSources() throws {
    let (m, n) = (40, 40)
    let X = matrix(m, n)
    let point = Tensor.ones([n])
    let A = try linearization(at: point) { w in
      var v = w
      for _ in 0..<3 { v = matmul(X, matmul(X, v), transposingLeft: true).scaled(by: 1 / 64) }
      return v
    }.operation
    let v = ProbeVector.make(count: n, seed: 5)
    var expected = Tensor(v)
    for _ in 0..<3 {
      expected = matmul(X, matmul(X, expected), transposingLeft: true).scaled(by: 1 / 64)
    }
    let found = try A.applied(to: v)
    for (a, b) in zip(found, expected.scalars) {
      #expect((a - b).magnitude <= 1e-13 * b.magnitude + 1e-15)
    }
  }
}
