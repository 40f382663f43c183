import Kernels

/// Two strided terms one after the other, `u → v → w`, as one term `u → w`.
///
/// Composition is a join on the axes of the middle node `v`. The positions that the first term
/// writes and those that the second one reads are written as digits in a common mixed radix (the
/// strides of both views, largest first); the ranges of each digit are intersected; digits that
/// both have become shared axes, and axes that only one side has (sums of the first term,
/// broadcasts of the second) are kept as they are. So a shift of a shift is a shift, a sum of a
/// slice is a shorter sum, and broadcast ∘ scale ∘ sum becomes a rank-one matrix.
struct Composition {
  var extents: SIMD4<Int32>
  var output: StridedView
  var input: StridedView
  /// The coefficients of the first and the second term, seen from the joint box.
  var first: StridedView
  var second: StridedView

  enum Outcome {
    case composed(Composition)
    /// The second term reads nothing that the first one writes.
    case empty
    /// The axes do not divide, there would be more than four, or there would be more work.
    case refused
  }

  static func join(_ first: StridedTerm, _ second: StridedTerm) -> Outcome {
    if first.extents[1] == 1, second.extents[1] == 1, first.output.strides[0] == 1,
      second.input.strides[0] == 1
    {
      return joinRows(first, second)
    }
    return joinBoxes(first, second)
  }

  /// The common case: both walk side by side along one axis of the middle node.
  private static func joinRows(_ first: StridedTerm, _ second: StridedTerm) -> Outcome {
    let (b1, b2) = (first.output.base, second.input.base)
    let low = Swift.max(b1, b2)
    let high = Swift.min(b1 + first.extents[0], b2 + second.extents[0])
    if high <= low { return .empty }
    let (d1, d2) = (low - b1, low - b2)
    func moved(_ view: StridedView, _ offset: Int32) -> StridedView {
      var view = view
      view.base += offset * view.strides[0]
      return view
    }
    return .composed(
      Composition(
        extents: SIMD4(high - low, 1, 1, 1), output: moved(second.output, d2),
        input: moved(first.input, d1), first: moved(first.coefficient, d1),
        second: moved(second.coefficient, d2)))
  }

  /// One digit of the positions that a view takes on the middle node.
  private struct Digit {
    var start: Int32 = 0
    var extent: Int32 = 1
    /// Strides of the far view (input of the first, output of the second) and of the coefficient.
    var far: Int32 = 0
    var coefficient: Int32 = 0
  }

  private static func joinBoxes(_ first: StridedTerm, _ second: StridedTerm) -> Outcome {
    // The radix: all nonzero strides of both views of the middle node, largest first.
    var radix = SIMD8<Int32>.zero
    var levels = 0
    func note(_ stride: Int32, _ extent: Int32) {
      guard stride != 0, extent != 1 else { return }
      var place = 0
      while place < levels, radix[place] > stride { place += 1 }
      if place < levels, radix[place] == stride { return }
      var k = levels
      while k > place {
        radix[k] = radix[k - 1]
        k -= 1
      }
      radix[place] = stride
      levels += 1
    }
    for axis in 0..<4 {
      note(first.output.strides[axis], first.extents[axis])
      note(second.input.strides[axis], second.extents[axis])
    }
    for level in 1..<Swift.max(levels, 1) where radix[level - 1] % radix[level] != 0 {
      return .refused
    }
    guard
      let left = digits(
        first.extents, first.output, far: first.input, first.coefficient, radix, levels),
      let right = digits(
        second.extents, second.input, far: second.output, second.coefficient, radix, levels)
    else { return .refused }
    if left.rest != right.rest { return .empty }

    var result = Composition(
      extents: SIMD4(repeating: 1), output: StridedView(base: Int(second.output.base)),
      input: StridedView(base: Int(first.input.base)),
      first: StridedView(base: Int(first.coefficient.base)),
      second: StridedView(base: Int(second.coefficient.base)))
    var axes = 0
    func add(_ extent: Int32, out: Int32, in i: Int32, first c1: Int32, second c2: Int32) -> Bool {
      guard extent != 1 else { return true }
      guard axes < 4 else { return false }
      result.extents[axes] = extent
      result.output.strides[axes] = out
      result.input.strides[axes] = i
      result.first.strides[axes] = c1
      result.second.strides[axes] = c2
      axes += 1
      return true
    }
    for level in 0..<levels {
      let (p, q) = (left.digits[level], right.digits[level])
      let low = Swift.max(p.start, q.start)
      let high = Swift.min(p.start + p.extent, q.start + q.extent)
      if high <= low { return .empty }
      result.input.base += (low - p.start) * p.far
      result.first.base += (low - p.start) * p.coefficient
      result.output.base += (low - q.start) * q.far
      result.second.base += (low - q.start) * q.coefficient
      if !add(high - low, out: q.far, in: p.far, first: p.coefficient, second: q.coefficient) {
        return .refused
      }
    }
    for axis in 0..<4 where first.output.strides[axis] == 0 {
      if !add(
        first.extents[axis], out: 0, in: first.input.strides[axis],
        first: first.coefficient.strides[axis], second: 0)
      {
        return .refused
      }
    }
    for axis in 0..<4 where second.input.strides[axis] == 0 {
      if !add(
        second.extents[axis], out: second.output.strides[axis], in: 0, first: 0,
        second: second.coefficient.strides[axis])
      {
        return .refused
      }
    }
    return .composed(result)
  }

  /// The positions `base + strides · k` as ranges of digits, or `nil` if they do not fit the radix.
  private static func digits(
    _ extents: SIMD4<Int32>, _ view: StridedView, far: StridedView, _ coefficient: StridedView,
    _ radix: SIMD8<Int32>, _ levels: Int
  ) -> (digits: DigitBuffer, rest: Int32)? {
    var result = DigitBuffer()
    var rest = view.base
    for level in 0..<levels {
      var digit = Digit()
      digit.start = rest / radix[level]
      rest %= radix[level]
      for axis in 0..<4 where view.strides[axis] == radix[level] && extents[axis] != 1 {
        if digit.extent != 1 { return nil }
        digit.extent = extents[axis]
        digit.far = far.strides[axis]
        digit.coefficient = coefficient.strides[axis]
      }
      result[level] = digit
    }
    // A range that leaves its digit is cut into whole turns of it, if it consists of such.
    var level = levels - 1
    while level > 0 {
      let turn = radix[level - 1] / radix[level]
      let digit = result[level]
      if digit.start + digit.extent > turn {
        guard digit.start == 0, digit.extent % turn == 0, result[level - 1].extent == 1 else {
          return nil
        }
        result[level - 1].extent = digit.extent / turn
        result[level - 1].far = digit.far * turn
        result[level - 1].coefficient = digit.coefficient * turn
        result[level].extent = turn
      }
      level -= 1
    }
    return (result, rest)
  }

  /// Eight digits without an allocation.
  private struct DigitBuffer {
    private var start = SIMD8<Int32>.zero
    private var extent = SIMD8<Int32>(repeating: 1)
    private var far = SIMD8<Int32>.zero
    private var coefficient = SIMD8<Int32>.zero

    subscript(_ level: Int) -> Digit {
      get {
        Digit(
          start: start[level], extent: extent[level], far: far[level],
          coefficient: coefficient[level])
      }
      set {
        start[level] = newValue.start
        extent[level] = newValue.extent
        far[level] = newValue.far
        coefficient[level] = newValue.coefficient
      }
    }
  }
}
