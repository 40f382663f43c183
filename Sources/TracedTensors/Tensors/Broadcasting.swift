import Kernels

/// The terms of an operation, nearly always a single one, which takes no memory of its own.
struct StridedTerms: RandomAccessCollection {
  private let first: StridedTerm?
  private let others: [StridedTerm]

  init(_ term: StridedTerm) {
    first = term
    others = []
  }

  init(_ terms: [StridedTerm]) {
    first = terms.first
    others = Array(terms.dropFirst())
  }

  var startIndex: Int { 0 }
  var endIndex: Int { count }
  /// Every operation asks for it; the collection's own way to count takes the distance of indices.
  var count: Int { first == nil ? 0 : 1 + others.count }

  subscript(index: Int) -> StridedTerm {
    if index == 0, let first { return first }
    return others[index - 1]
  }
}

extension StridedTerm {
  /// The terms that step through a box of any number of axes with the given strides.
  ///
  /// A term has four axes. Neighbouring axes that step evenly are merged first; what is still
  /// longer is cut along its leading axes into several terms.
  static func boxes(
    _ extents: [Int], output: [Int], coefficient: [Int]? = nil, input: [Int],
    outputBase: Int = 0, coefficientBase: Int = 0, inputBase: Int = 0
  ) -> StridedTerms {
    if extents.count <= 4 {
      var e = SIMD4<Int32>(repeating: 1)
      var o = SIMD4<Int32>.zero
      var c = SIMD4<Int32>.zero
      var i = SIMD4<Int32>.zero
      for axis in 0..<extents.count {
        e[axis] = Int32(extents[axis])
        o[axis] = Int32(output[axis])
        i[axis] = Int32(input[axis])
        if let coefficient { c[axis] = Int32(coefficient[axis]) }
      }
      return StridedTerms(
        StridedTerm(
          extents: e, output: StridedView(base: outputBase, strides: o),
          coefficient: StridedView(base: coefficientBase, strides: c),
          input: StridedView(base: inputBase, strides: i)))
    }
    let c = coefficient ?? [Int](repeating: 0, count: extents.count)
    for axis in 1..<extents.count {
      let inner = extents[axis]
      guard output[axis - 1] == output[axis] * inner, c[axis - 1] == c[axis] * inner,
        input[axis - 1] == input[axis] * inner
      else { continue }
      func merged(_ strides: [Int]) -> [Int] {
        var strides = strides
        strides.remove(at: axis - 1)
        return strides
      }
      var mergedExtents = merged(extents)
      mergedExtents[axis - 1] = extents[axis - 1] * inner
      return boxes(
        mergedExtents, output: merged(output), coefficient: merged(c), input: merged(input),
        outputBase: outputBase, coefficientBase: coefficientBase, inputBase: inputBase)
    }
    return StridedTerms(
      (0..<extents[0]).flatMap { k in
        boxes(
          Array(extents.dropFirst()), output: Array(output.dropFirst()),
          coefficient: Array(c.dropFirst()), input: Array(input.dropFirst()),
          outputBase: outputBase + k * output[0], coefficientBase: coefficientBase + k * c[0],
          inputBase: inputBase + k * input[0])
      })
  }

  /// The terms of an elementwise operation with a result of shape `shape`, reading a coefficient
  /// and an input that stretch to it.
  static func elementwise(_ shape: Shape, coefficient: Shape?, input: Shape) -> StridedTerms {
    if input == shape, coefficient == nil || coefficient == shape {
      return StridedTerms(StridedTerm(count: shape.count))
    }
    if shape.count == input.count || input.count == 1,
      coefficient == nil || coefficient?.count == shape.count || coefficient?.count == 1
    {
      var term = StridedTerm(count: shape.count)
      if input.count == 1 { term.input.strides = .zero }
      if let coefficient, coefficient.count == 1 { term.coefficient.strides = .zero }
      return StridedTerms(term)
    }
    if let box = shape.box {
      return StridedTerms(
        StridedTerm(
          extents: box, output: StridedView(strides: shape.boxStrides),
          coefficient: StridedView(strides: coefficient?.boxStrides(broadcastTo: shape) ?? .zero),
          input: StridedView(strides: input.boxStrides(broadcastTo: shape))))
    }
    return boxes(
      shape.extents, output: shape.strides,
      coefficient: coefficient?.strides(broadcastTo: shape),
      input: input.strides(broadcastTo: shape))
  }
}

/// What went wrong first while a user's function was run; it is run to the end, and then it is thrown.
package final class RecordingFailure: @unchecked Sendable {
  // Unchecked: read and written by the thread that runs the function alone, like a trace.
  package private(set) var error: DifferentiationError?

  /// The run that is under way in this task, if any.
  @TaskLocal package static var current: RecordingFailure?

  package func note(_ error: DifferentiationError) {
    if self.error == nil { self.error = error }
  }

  /// Runs a function in which shapes that do not fit are an error, and no stop.
  ///
  /// - Throws: what `body` throws; else the first `DifferentiationError.shapeMismatch` in it.
  package static func throwing<Result>(_ body: () throws -> Result) throws -> Result {
    let failure = RecordingFailure()
    let result = try $current.withValue(failure, operation: body)
    if let error = failure.error { throw error }
    return result
  }
}

/// Two shapes that do not fit: an error of the run that is under way, else the program stops.
func shapeMismatch(
  _ operation: String, _ left: Shape, _ right: Shape, resultShape: Shape? = nil
) -> Tensor {
  guard let failure = RecordingFailure.current else {
    stop("`\(operation)` cannot combine the shapes \(left) and \(right).")
  }
  failure.note(
    .shapeMismatch(operation: operation, left: left.extents, right: right.extents))
  return Tensor(repeating: 0, shape: (resultShape ?? left).extents)
}
