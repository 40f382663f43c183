import Foundation
import PromptTasks
import Synchronization
import TensorChecks
import Testing

@testable import ImplicitDifferentiation

private struct Shift: ImplicitProblem {
  let offset: Tensor
  func optimality(_ t: Tensor, _ y: Tensor) -> Tensor { y - t - offset }
  func solve(_ t: Tensor) -> Tensor { t + offset.withoutDerivative }
}

/// A mistake in a program, each of which ends it with a sentence.
enum Mistake: String, CaseIterable, Codable, CustomTestStringConvertible {
  case scalarOfTraced, scalarsOfTraced, subscriptOfTraced, flattenedTraced
  case afterTheTrace, anotherThread
  case shapes, matrixShapes, raggedRows, wrongCount, comparison
  case indexOutOfRange, indexCount, sliceOutOfRange, gatherOutOfRange, axisOutOfRange,
    maximumOfNothing
  case notAMatrix, notAPermutation, negativePadding, scatterCount, diagonalOfBox,
    concatenateNothing, insertedAxis, negativeExtent, tangentShape, cotangentShape,
    keptCotangentShape, failureWithoutThrows
  case tooManyAxes, tooManyEntries, tensorIsNoNumber, notAScalarFunction, customShape
  case tracedConstant, capturedInForward, capturedInConditions, capturedInResidual,
    capturedBesideAnInput, capturedInProblem, varyingGauge, secondOfLeastSquares, secondOfNumbers,
    byProductMissing

  var testDescription: String { rawValue }

  /// Words of the sentence, among them the offending values.
  var words: [String] {
    switch self {
    case .scalarOfTraced: ["`scalar` of a traced tensor", "`.withoutDerivative`"]
    case .scalarsOfTraced, .flattenedTraced: ["`scalars` of a traced tensor"]
    case .subscriptOfTraced: ["`subscript` of a traced tensor"]
    case .afterTheTrace: ["after the function that traced it returned"]
    case .anotherThread: ["on another thread"]
    case .shapes: ["`+` cannot combine the shapes [2×3] and [2]"]
    case .matrixShapes: ["`matmul` cannot combine the shapes [2×3] and [2×3]"]
    case .raggedRows: ["Row 0 of a matrix has 2 entries, row 1 has 1"]
    case .wrongCount: ["The shape [2×3] has 6 entries; 5 were given"]
    case .comparison: ["`<` compares two numbers", "[2]"]
    case .indexOutOfRange: ["Index 3 is out of range along axis 1 of shape [2×3]"]
    case .indexCount: ["[2×3] has 2 indices; 1 were given"]
    case .sliceOutOfRange: ["The range 1..<4 leaves axis 0 of the shape [3]"]
    case .gatherOutOfRange: ["Index 3, number 1, is out of range 0..<3"]
    case .axisOutOfRange: ["no axis 2"]
    case .maximumOfNothing: ["`max` of no entries"]
    case .notAMatrix: ["Only a matrix is transposed so", "[2]"]
    case .notAPermutation: ["[0, 0] is not an order of the 2 axes of the shape [2×3]"]
    case .negativePadding: ["Padding is not negative", "-1"]
    case .scatterCount: ["2 indices were given for axis 0 of the shape [3]"]
    case .diagonalOfBox: ["A diagonal is that of a matrix or of a vector"]
    case .concatenateNothing: ["`concatenate` of no tensors"]
    case .insertedAxis: ["A tensor of shape [2] cannot get a new axis at 4"]
    case .negativeExtent: ["An extent of a tensor", "this one is -1"]
    case .tangentShape: ["A tangent has the shape of its point, [2]"]
    case .cotangentShape, .keptCotangentShape:
      ["A cotangent has the shape of its value, [2], not [3]"]
    case .failureWithoutThrows:
      ["A derivative could not be computed", "No convergence: after 2 iterations"]
    case .tooManyAxes: ["at most 8 axes", "has 9"]
    case .tooManyEntries: ["at most 2³¹ − 1"]
    case .tensorIsNoNumber: ["Only a tensor of one entry is a number", "[2]"]
    case .notAScalarFunction: ["A gradient is that of one number", "[2]"]
    case .customShape: ["pullback of a custom operation returned the shape [] instead of [2]"]
    case .tracedConstant: ["`data`, a constant of the input", "`.withoutDerivative`"]
    case .capturedInForward, .capturedInConditions, .capturedInResidual, .capturedBesideAnInput,
      .capturedInProblem:
      ["traced tensor of an enclosing function", "Pass it as part of"]
    case .varyingGauge: ["gauge", "depends on its input", "takes the null vectors for constants"]
    case .secondOfLeastSquares: ["by least squares", "`.refuse`"]
    case .secondOfNumbers: ["`scalars` of a traced tensor"]
    case .byProductMissing: ["depend on a by-product"]
    }
  }

  func commit() throws {
    let x = Tensor([1, 2])
    let matrix = Tensor([[1, 2, 3], [4, 5, 6]])
    switch self {
    case .scalarOfTraced: _ = gradient(at: x) { Tensor($0.sum().scalar) }
    case .scalarsOfTraced: _ = gradient(at: x) { Tensor($0.scalars).sum() }
    case .subscriptOfTraced: _ = gradient(at: x) { Tensor($0[0]) }
    case .flattenedTraced: _ = gradient(at: [x]) { Tensor($0.flattened()).sum() }
    case .afterTheTrace:
      let kept = Mutex(x)
      _ = gradient(at: x) { x in
        kept.withLock { $0 = x * x }
        return x.sum()
      }
      _ = kept.withLock { $0 } + 1
    case .anotherThread:
      _ = gradient(at: x) { x in
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
          _ = x * x
          done.signal()
        }
        done.wait()
        return x.sum()
      }
    case .shapes: _ = matrix + x
    case .matrixShapes: _ = matmul(matrix, matrix)
    case .raggedRows: _ = Tensor([[1, 2], [3]] as [[Double]])
    case .wrongCount: _ = Tensor(shape: [2, 3], [1, 2, 3, 4, 5])
    case .comparison: _ = x < x
    case .indexOutOfRange: _ = matrix[0, 3]
    case .indexCount: _ = matrix[0]
    case .sliceOutOfRange: _ = Tensor([1, 2, 3]).slice(1..<4)
    case .gatherOutOfRange: _ = Tensor([1, 2, 3]).gathered([2, 3])
    case .axisOutOfRange: _ = matrix.sum(alongAxis: 2)
    case .maximumOfNothing: _ = Tensor([Double]()).max()
    case .notAMatrix: _ = x.transposed()
    case .notAPermutation: _ = matrix.transposed([0, 0])
    case .negativePadding: _ = x.padded(before: -1, after: 0)
    case .scatterCount: _ = Tensor([1, 2, 3]).scattered([0, 1], count: 4)
    case .diagonalOfBox: _ = Tensor.zeros([2, 2, 2]).diagonal()
    case .concatenateNothing: _ = Tensor.concatenate([])
    case .insertedAxis: _ = x.expanded(atAxis: 4)
    case .negativeExtent: _ = Tensor.zeros([-1])
    case .tangentShape:
      _ = valueAndPushforward(at: x, along: [1, 2, 3]) { $0 * $0 }
    case .cotangentShape:
      _ = valueAndPullback(at: x, cotangent: { _ in [1, 2, 3] }, of: { $0 * $0 })
    case .keptCotangentShape: _ = try recordedPullback(at: x) { $0 * $0 }.pullback([1, 2, 3])
    case .failureWithoutThrows:
      // The function throws nothing, so what its pullback throws has no way out.
      let inner = ImplicitLinearizationTests.failing
      _ = gradient(at: Tensor([1, -2, 3])) { x in (try? inner(x).sum()) ?? 0 }
    case .tooManyAxes: _ = Tensor.zeros([1, 1, 1, 1, 1, 1, 1, 1, 1])
    case .tooManyEntries: _ = Tensor.zeros([1 << 20, 1 << 20])
    case .tensorIsNoNumber: _ = x.scalar
    case .notAScalarFunction: _ = gradient(at: x) { $0 * $0 }
    case .customShape:
      _ = gradient(at: x) { x in
        Tensor.custom(x, value: { $0 }, pushforward: { $1 }, pullback: { $1.sum() }).sum()
      }
    case .tracedConstant:
      let function = ImplicitFunction<Named, Tensor>(
        forward: { $0.weights * $0.data }, conditions: .root { p, y in y - p.weights * p.data })
      _ = try gradient(at: x) { x in
        try function(Named(weights: x, biases: [], extra: nil, data: 2 * x)).sum()
      }
    case .capturedInForward:
      _ = try gradient(at: x) { x in
        let scaled = ImplicitFunction<Tensor, Tensor>(
          forward: { t in t * x }, conditions: .root { t, y in y - t * x })
        return try scaled([1, 4]).sum()
      }
    case .capturedInConditions:
      _ = try gradient(at: x) { x in
        let scaled = ImplicitFunction<Tensor, Tensor>(
          forward: { t in t * x.withoutDerivative }, conditions: .root { t, y in y - t * x })
        return try scaled(2 * x).sum()
      }
    case .capturedInResidual:
      _ = try gradient(at: x) { x in
        let moved = ImplicitFunction<Tensor, Tensor>(
          forward: { t in t + x.withoutDerivative }, conditions: .root { t, y in y - t - x })
        return try moved(2 * x).sum()
      }
    case .capturedBesideAnInput:
      // The input is a constant: only the conditions see the derivative that would be lost.
      _ = try gradient(at: x) { x in
        let moved = ImplicitFunction<Tensor, Tensor>(
          forward: { t in t + x.withoutDerivative }, conditions: .root { t, y in y - t - x })
        return try moved([3, 4]).sum()
      }
    case .capturedInProblem:
      // Stored, but neither the input nor part of it.
      _ = try gradient(at: x) { x in try Shift(offset: x)([3, 4]).sum() }
    case .varyingGauge: try differentiateTwice(gauge: Gauge(right: { x, _ in [[x, -x]] }))
    case .secondOfLeastSquares:
      try differentiateTwice(
        gauge: Gauge(right: [Tensor([1]), Tensor([-1])], inconsistent: .leastSquares))
    case .secondOfNumbers:
      let root = ImplicitFunction<Tensor, Tensor>(
        forward: { sqrt($0) },
        conditions: .products(
          residual: { x, y in y * y - x },
          solutionProduct: { _, y, v in Tensor(zip(y.scalars, v.scalars).map { 2 * $0 * $1 }) },
          transposedSolutionProduct: { _, y, v in
            Tensor(zip(y.scalars, v.scalars).map { 2 * $0 * $1 })
          }, inputProduct: { _, _, v in -v }, transposedInputProduct: { _, _, u in -u }))
      _ = try gradient(at: x) { x in try gradient(at: x) { try root($0).sum() }.sum() }
    case .byProductMissing:
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { x in (x, 1.0) }, conditions: { (_: Double) in .root { x, y in y - x } })
      _ = try function.linearize(at: x, solution: x)
    }
  }
}

/// Two unknowns of which only the sum is determined.
private func differentiateTwice(gauge: Gauge<Tensor, [Tensor]>) throws {
  let sum = ImplicitFunction<Tensor, [Tensor]>(
    forward: { x in [0.5 * x, 0.5 * x] },
    conditions: .root { x, y in [y[0] + y[1] - x, y[0] + y[1] - x] }, gauge: gauge)
  _ = try gradient(at: Tensor([2])) { x in
    try gradient(at: x) { x in
      let y = try sum(x)
      return (y[0] + y[1]).squaredNorm()
    }.sum()
  }
}

@Suite struct StopTests {
  @Test("Mistakes in a program end it with a sentence", arguments: Mistake.allCases)
  func stops(_ mistake: Mistake) async throws {
    let result = await promptly {
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        [mistake] in
        try mistake.commit()
      }
    }
    let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    for expected in mistake.words {
      #expect(words.contains(expected), "\(words.prefix(400))")
    }
    #expect(words.contains("Fatal error"), "it stopped, it did not throw")
  }
}
