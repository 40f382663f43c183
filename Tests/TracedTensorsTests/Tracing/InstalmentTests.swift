import Kernels
import Testing

@testable import TracedTensors

/// A node that many terms read is pulled in instalments when a program is transposed
/// (`LinearProgram.instalment`, 16 terms); the later ones add to the earlier.
@Suite("Instalments of a node that is read in many places")
struct InstalmentTests {
  /// Below, at, between and above multiples of an instalment.
  static let counts = [1, 7, 15, 16, 17, 31, 32, 33, 100, 1000]

  private let input: Tensor = [0.9, 1.4, 2.3]

  private func looped(_ count: Int) throws -> Linearization<Tensor, Tensor> {
    try linearization(at: input) { x in
      var y = Tensor.ones([3])
      for _ in 0..<count { y += 0.05 * (x - y * y) }
      return y
    }
  }

  /// `y ← y + η (x − y²)` by hand, entry by entry, with `∂y/∂x` beside it.
  private func slopes(_ count: Int) -> [Double] {
    input.scalars.map { x in
      var (y, slope) = (1.0, 0.0)
      for _ in 0..<count {
        slope += 0.05 * (1 - 2 * y * slope)
        y += 0.05 * (x - y * y)
      }
      return slope
    }
  }

  /// Up to 1,000 contracting steps, each rounded a few times.
  private let tolerance = 1e-13

  @Test("The input of an unrolled loop gets every cotangent", arguments: counts)
  func unrolledLoop(count: Int) throws {
    let recorded = try looped(count)
    let weights = [1.0, -0.5, 2]
    let expected = zip(slopes(count), weights).map { $0 * $1 }
    let pulled = try recorded.pullback(Tensor(weights)).scalars
    let pushed = try recorded.pushforward(Tensor(weights)).scalars
    for i in 0..<3 {
      #expect(abs(pulled[i] - expected[i]) <= tolerance * abs(expected[i]))
      #expect(abs(pushed[i] - expected[i]) <= tolerance * abs(expected[i]))
    }
  }

  /// Cotangents are dropped once their instalment is made, so as many are kept as an instalment has
  /// terms, and a few on their way through the loop; the workspace does not grow with its length.
  @Test("The workspace of a transposed loop is a few vectors")
  func workspace() throws {
    let (short, long) = (try looped(100), try looped(1000))
    let counts = [short, long].map { $0.operation.executable(transposed: true).workspaceCount }
    #expect(counts[0] == counts[1])
    #expect(counts[1] <= (Int(LinearProgram.instalment) + 4) * input.count)
  }

  /// A sum of many products with the input, so that all its readers are ready at once.
  @Test("A node read many times at once", arguments: counts)
  func fan(count: Int) throws {
    let recorded = try linearization(at: input) { x in
      var parts: [Tensor] = []
      for k in 1...count { parts.append(x * Tensor([Double(k), 1, -Double(k)])) }
      return Tensor.concatenate(parts)
    }
    let pulled = try recorded.pullback(Tensor.ones([3 * count])).scalars
    // Sums of whole numbers: exact.
    let sum = Double(count * (count + 1) / 2)
    #expect(pulled == [sum, Double(count), -sum])
  }
}
