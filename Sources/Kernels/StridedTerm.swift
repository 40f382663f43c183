/// Where the entries of one operand of a `StridedTerm` lie: entry `k` of the box is at
/// `base + strides · k` of a flat array. A zero stride repeats an entry (a broadcast when read, a
/// sum when written). Strides are never negative.
package struct StridedView: Equatable, Hashable, Sendable {
  package var strides: SIMD4<Int32>
  package var base: Int32

  @inlinable @inline(__always)
  package init(base: Int = 0, strides: SIMD4<Int32> = .zero) {
    self.base = Int32(truncatingIfNeeded: base)
    self.strides = strides
  }
}

/// The geometry of a linear term: a box of at most four axes, and three strided views on it.
/// ```
/// out[o.base + o·k]  +=  (scale · c[c.base + c·k] + bias) · in[i.base + i·k]     for all k in the box
/// ```
/// It is a trilinear form in (out, c, in). Its transpose exchanges the views `output` and `input`;
/// its derivative in the coefficient exchanges `coefficient` and `input`. Broadcasts, sums, dot
/// and matrix products, slices, shifts and transposes are all this one loop with other strides.
///
/// Unused axes have extent 1. Positions are below 2³¹.
package struct StridedTerm: Equatable, Hashable, Sendable {
  package var extents: SIMD4<Int32>
  package var output: StridedView
  package var coefficient: StridedView
  package var input: StridedView

  @inlinable @inline(__always)
  package init(
    extents: SIMD4<Int32>, output: StridedView, coefficient: StridedView = StridedView(),
    input: StridedView
  ) {
    self.extents = extents
    self.output = output
    self.coefficient = coefficient
    self.input = input
  }

  /// `n` entries side by side: `out[outputBase + k] += … in[inputBase + k]`.
  @inlinable @inline(__always)
  package init(
    count n: Int, outputBase: Int = 0, coefficientBase: Int = 0, inputBase: Int = 0
  ) {
    let unit = SIMD4<Int32>(1, 0, 0, 0)
    self.init(
      extents: SIMD4<Int32>(Int32(truncatingIfNeeded: n), 1, 1, 1),
      output: StridedView(base: outputBase, strides: unit),
      coefficient: StridedView(base: coefficientBase, strides: unit),
      input: StridedView(base: inputBase, strides: unit))
  }

  /// How many products the term has.
  @inlinable
  package var volume: Int {
    Int(extents[0]) * Int(extents[1]) * Int(extents[2]) * Int(extents[3])
  }

  /// The same products with the roles of `output` and `input` exchanged.
  @inlinable
  package var transposed: StridedTerm {
    StridedTerm(extents: extents, output: input, coefficient: coefficient, input: output)
  }

  /// The same products with the roles of `coefficient` and `input` exchanged.
  @inlinable
  package var coefficientAsInput: StridedTerm {
    StridedTerm(extents: extents, output: output, coefficient: input, input: coefficient)
  }

  /// Whether the box has one axis, in the first place: then it is canonical as it stands.
  @inlinable
  package var isRow: Bool {
    extents[0] != 1 && extents[1] == 1 && extents[2] == 1 && extents[3] == 1
  }

  /// Whether every view has the same stride on every axis of the box and the axes are written
  /// and read one for one: entry `k` of the output depends on entry `k` of the input alone.

  /// The axes in a canonical order, without those of extent 1, and with neighbours merged where
  /// all three views step through them evenly. The products and their sum are unchanged.
  ///
  /// The axis with the largest strides comes first, so that the last one walks along the rows of
  /// whatever is read: a matrix–vector product ran 20 times slower the other way round.
  package func canonical(hasCoefficient: Bool) -> StridedTerm {
    var axes = (SIMD4<Int32>.zero, SIMD4<Int32>.zero, SIMD4<Int32>.zero, SIMD4<Int32>.zero)
    var count = 0
    // Insertion sort of at most four axes; each is (extent, out, coefficient, in).
    for axis in 0..<4 where extents[axis] != 1 {
      let c = hasCoefficient ? coefficient.strides[axis] : 0
      let entry = SIMD4<Int32>(extents[axis], output.strides[axis], c, input.strides[axis])
      switch count {
      case 0: axes.0 = entry
      case 1: axes.1 = entry
      case 2: axes.2 = entry
      default: axes.3 = entry
      }
      count += 1
    }
    if count > 1 {
      if StridedTerm.comesFirst(axes.1, axes.0) { swap(&axes.0, &axes.1) }
      if count > 2 {
        if StridedTerm.comesFirst(axes.2, axes.1) { swap(&axes.1, &axes.2) }
        if StridedTerm.comesFirst(axes.1, axes.0) { swap(&axes.0, &axes.1) }
        if count > 3 {
          if StridedTerm.comesFirst(axes.3, axes.2) { swap(&axes.2, &axes.3) }
          if StridedTerm.comesFirst(axes.2, axes.1) { swap(&axes.1, &axes.2) }
          if StridedTerm.comesFirst(axes.1, axes.0) { swap(&axes.0, &axes.1) }
        }
      }
    }
    // Merge each axis into the one before it where possible; `merged` grows from the left.
    var e = SIMD4<Int32>(repeating: 1)
    var o = SIMD4<Int32>.zero
    var c = SIMD4<Int32>.zero
    var i = SIMD4<Int32>.zero
    var merged = 0
    for position in 0..<count {
      let axis: SIMD4<Int32>
      switch position {
      case 0: axis = axes.0
      case 1: axis = axes.1
      case 2: axis = axes.2
      default: axis = axes.3
      }
      let last = merged - 1
      if merged > 0, o[last] == axis[1] &* axis[0], c[last] == axis[2] &* axis[0],
        i[last] == axis[3] &* axis[0]
      {
        e[last] = e[last] &* axis[0]
        o[last] = axis[1]
        c[last] = axis[2]
        i[last] = axis[3]
      } else {
        e[merged] = axis[0]
        o[merged] = axis[1]
        c[merged] = axis[2]
        i[merged] = axis[3]
        merged += 1
      }
    }
    var result = self
    result.extents = e
    result.output.strides = o
    result.input.strides = i
    result.coefficient.strides = c
    if !hasCoefficient { result.coefficient.base = 0 }
    return result
  }

  /// The last axis with a length in a canonical term: the one that row kernels run along.
  package var rowAxis: Int {
    extents[3] != 1 ? 3 : (extents[2] != 1 ? 2 : (extents[1] != 1 ? 1 : 0))
  }

  /// Calls `body` with the offsets of output, coefficient and input (bases apart) at the start of
  /// each row, rows being along `rowAxis`.
  @inline(__always)
  package func forEachRow(_ body: (_ output: Int, _ coefficient: Int, _ input: Int) -> Void) {
    let row = rowAxis
    let e = SIMD4<Int32>(
      row > 0 ? extents[0] : 1, row > 1 ? extents[1] : 1, row > 2 ? extents[2] : 1, 1)
    let o = output.strides
    let c = coefficient.strides
    let i = input.strides
    for k0 in 0..<Int(e[0]) {
      for k1 in 0..<Int(e[1]) {
        for k2 in 0..<Int(e[2]) {
          body(
            k0 * Int(o[0]) + k1 * Int(o[1]) + k2 * Int(o[2]),
            k0 * Int(c[0]) + k1 * Int(c[1]) + k2 * Int(c[2]),
            k0 * Int(i[0]) + k1 * Int(i[1]) + k2 * Int(i[2]))
        }
      }
    }
  }

  /// Orders axes by the sum of their strides, the largest first; the tie-breaks only make the
  /// order unique.
  @inline(__always)
  private static func comesFirst(_ a: SIMD4<Int32>, _ b: SIMD4<Int32>) -> Bool {
    let sumA = a[1] &+ a[2] &+ a[3]
    let sumB = b[1] &+ b[2] &+ b[3]
    if sumA != sumB { return sumA > sumB }
    if a[1] != b[1] { return a[1] > b[1] }
    if a[2] != b[2] { return a[2] > b[2] }
    return false
  }
}

/// An index table that replaces the stride of the first axis in one view of a term: entry `k` of
/// that axis is at `table[k] · stride`. This is how gather and scatter are terms.
package struct IndexedAxis {
  /// Which view the table replaces a stride of.
  package enum Side: UInt8, Sendable { case output, input }

  package var side: Side
  /// As many entries as the first axis is long.
  package var table: UnsafePointer<Int32>

  package init(side: Side, table: UnsafePointer<Int32>) {
    self.side = side
    self.table = table
  }
}
