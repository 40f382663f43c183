import TracedSolves

/// A seeded program of 5–40 operations on scalars, vectors and matrices: every run with the same
/// seed performs the same operations.
///
/// Factors keep all values around one, so that rounding errors compare with the results.
package struct RandomProgram: Sendable, CustomStringConvertible {
  package let seed: Int

  package static let all = (1...200).map { RandomProgram(seed: $0) }

  package init(seed: Int) { self.seed = seed }

  package var description: String { "program \(seed)" }

  /// Extents of the vectors and matrices of this program; 1 is among them on purpose.
  private var extents: (m: Int, n: Int) {
    var numbers = Choices(seed: seed &* 2 &+ 1)
    let sizes = [1, 2, 3, 4, 5, 7]
    return (sizes[numbers.below(6)], sizes[numbers.below(6)])
  }

  package var inputs: [Tensor] {
    let (m, n) = extents
    var numbers = Choices(seed: seed &+ 500)
    return [[], [n], [m], [m, n], [m, 2, n]].map { numbers.tensor($0) }
  }

  package var tangent: [Tensor] {
    var numbers = Choices(seed: seed &+ 900)
    return inputs.map { numbers.tensor($0.shape) }
  }

  package var cotangent: [Tensor] {
    var numbers = Choices(seed: seed &+ 1300)
    return run(inputs).map { numbers.tensor($0.shape) }
  }

  /// The program: three of its last values, one of its inputs, and a constant.
  package func run(_ inputs: [Tensor]) -> [Tensor] {
    var choices = Choices(seed: seed)
    let (m, n) = extents
    var pool = inputs
    for _ in 0..<(5 + choices.below(36)) {
      pool.append(next(pool, m, n, &choices))
    }
    return Array(pool.suffix(3)) + [inputs[choices.below(inputs.count)], choices.tensor([2])]
  }

  private func next(_ pool: [Tensor], _ m: Int, _ n: Int, _ choices: inout Choices) -> Tensor {
    // Recent values more often than old ones, so that chains get long.
    let near = max(0, pool.count - 4)
    let a = pool[
      choices.below(2) == 0 ? choices.below(pool.count) : near + choices.below(pool.count - near)]
    let b = pool[choices.below(pool.count)]
    let kind = choices.below(40)
    let axis = a.rank == 0 ? 0 : choices.below(a.rank)
    let extent = a.rank == 0 ? 1 : a.shape[axis]
    switch kind {
    case 0, 1, 2:
      return (Shape.broadcast(a.dimensions, b.dimensions) != nil ? a - 0.7 * b : 0.3 - a)
    case 3, 4: return Shape.broadcast(a.dimensions, b.dimensions) != nil ? 0.5 * a + b * 0.5 : -a
    case 5, 6: return Shape.broadcast(a.dimensions, b.dimensions) != nil ? a * b : a * a
    case 7: return a / (1.5 + b.squaredNorm())
    case 8: return tanh(a)
    case 9: return 0.4 * exp(0.5 * a)
    case 10: return logistic(a) * 1.5
    case 11: return sin(a) + cos(a) * 0.1
    case 12: return softplus(a) - 0.3
    case 13 where a.rank > 0: return a.mean(alongAxis: axis)
    case 14 where a.rank > 0: return 0.6 * a.sum(alongAxis: axis)
    case 15: return a.mean() + 0.1
    case 16 where a.rank > 0: return a.shifted(by: choices.below(5) - 2, alongAxis: axis)
    case 17 where a.rank > 0:
      return a.slice(0..<(extent - extent / 2), alongAxis: axis)
        .padded(before: extent / 2, after: 0, alongAxis: axis)
    case 18 where a.rank > 0:
      let k = choices.below(extent)
      return .concatenate(
        [a.slice(k..<extent, alongAxis: axis), a.slice(0..<k, alongAxis: axis)], alongAxis: axis)
    case 19 where a.rank > 0:
      return a.gathered((0..<extent).map { _ in choices.below(extent) }, alongAxis: axis)
    case 20 where a.rank > 0:
      return 0.5
        * a.scattered(
          (0..<extent).map { _ in choices.below(extent) }, count: extent, alongAxis: axis)
    case 21 where a.rank == 2:
      return 0.5 * matmul(a, matmul(a, choices.tensor([a.shape[0]]), transposingLeft: true))
        + a.mean(alongAxis: 1)
    case 22 where a.rank == 2:
      return matmul(matmul(a, a, transposingRight: true), 0.3 * a)
    case 23 where a.rank == 2:
      let left = choices.below(2) == 0
      let square = matmul(
        a, choices.tensor(left ? a.shape.reversed() : a.shape), transposingLeft: left,
        transposingRight: true)
      return square.diagonal()
    case 24 where a.rank == 2:
      return a.transposed().broadcast(to: a.transposed().shape).transposed() * 0.9
    case 25 where a.rank == 1: return outer(a, choices.tensor([n])).sum(alongAxis: 1) * 0.5
    case 26 where a.rank == 1: return a.dot(a.shifted(by: 1)) * 0.5
    case 27 where a.rank > 0: return a * softmax(a, axis)
    case 28: return a.reshaped([1] + a.shape).broadcast(to: [2] + a.shape).mean(alongAxis: 0)
    case 29 where a.rank == 1 && a.count == n:
      return matmul(choices.tensor([m, n]), a) * 0.4
    case 30:
      return 0.3
        * .custom(
          a, value: { x in x * x }, pushforward: { x, tangent in 2 * x * tangent },
          pullback: { x, cotangent in 2 * x * cotangent })
    case 31 where a.rank == 1:
      // A matrix with entries below one in size and 8 on its diagonal: never singular here.
      let matrix = outer(a, 0.5 * a) + 8 * Tensor.identity(a.count)
      return (try? solve(matrix, a)) ?? a
    case 32 where a.rank == 3: return a.transposed([2, 0, 1]).transposed([0, 2, 1]) * 0.8
    case 33 where a.rank == 3: return a.at(choices.below(2), alongAxis: 1)
    case 34 where a.rank == 2:
      return a.expanded(atAxis: 1).broadcast(to: [a.shape[0], 2, a.shape[1]])
    case 35 where a.rank > 0 && extent > 0: return a.max(alongAxis: axis) - 0.2
    case 36 where a.rank > 0: return 0.5 * a.logSumExp(alongAxis: axis)
    case 37: return a / (1 + a.norm())
    case 38:
      return Shape.broadcast(a.dimensions, b.dimensions) != nil
        ? select(a.isLess(than: 0.1), 0.5 * a, max(a, b)) : abs(a)
    case 39 where a.rank > 1:
      return .stack(
        (0..<a.shape[0]).map { a.at(a.shape[0] - 1 - $0) * Tensor(0.5 + 0.1 * Double($0)) })
    default:
      return a * choices.tensor(a.shape) + b.mean()
    }
  }

  private func softmax(_ a: Tensor, _ axis: Int) -> Tensor { a.softmax(alongAxis: axis) }
}

/// Seeded choices.
package struct Choices: RandomNumberGenerator {
  private var numbers: ProbeNumbers

  package static let all = (1...200).map { RandomProgram(seed: $0) }

  package init(seed: Int) { numbers = ProbeNumbers(seed: UInt64(truncatingIfNeeded: seed &* 7919)) }

  package mutating func below(_ limit: Int) -> Int { Int(numbers.nextBits() >> 33) % max(limit, 1) }

  package mutating func next() -> UInt64 { numbers.nextBits() }

  package mutating func tensor(_ shape: [Int]) -> Tensor { Operand(shape).draw(&numbers) }
}
