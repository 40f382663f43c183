/// How many inputs a term is run on, and how far apart they and the outputs lie.
package struct TermColumns {
  package var count: Int
  package var inputStride: Int
  package var outputStride: Int

  static var one: TermColumns { TermColumns(count: 1, inputStride: 0, outputStride: 0) }
}

/// Runs a strided term: the one loop behind every linear and bilinear operation, whether a tensor
/// operation is computed at once or a compiled linear program is replayed.
///
/// Shapes of terms that have a faster kernel are recognised here by their strides alone:
/// matrix–vector products both ways, matrix products, dot products, sums, contiguous rows. All
/// others run as nested loops over the outer axes around one of the row kernels. No allocation.
package enum TermExecutor {
  /// Adds the term to `out`.
  ///
  /// - Parameters:
  ///   - term: the geometry, in canonical axis order unless it carries an index table.
  ///   - coefficient: the array `c`, or `nil`: then the factor is `bias` alone.
  ///   - indexed: the index table of the first axis, if the term is a gather or a scatter.
  ///   - scratch: `scratchCount(term)` doubles for a packed matrix product; `nil` runs it as loops.
  package static func add(
    _ term: StridedTerm, scale: Double, bias: Double,
    coefficient: UnsafePointer<Double>?, input: UnsafePointer<Double>,
    output: UnsafeMutablePointer<Double>, indexed: IndexedAxis? = nil,
    scratch: UnsafeMutablePointer<Double>? = nil
  ) {
    let x = input + Int(term.input.base)
    let y = output + Int(term.output.base)
    let c = coefficient.map { $0 + Int(term.coefficient.base) }
    if let indexed {
      addIndexed(term, scale, bias, c, x, y, indexed)
      return
    }
    let e = term.extents
    if e[1] == 1 {
      addRow(
        Int(e[0]), scale, bias, c, Int(term.coefficient.strides[0]), x,
        Int(term.input.strides[0]), y, Int(term.output.strides[0]))
      return
    }
    if let c, e[2] == 1, addMatrixVector(term, scale, bias, c, x, y, .one) { return }
    if let c, e[2] != 1, e[3] == 1, bias == 0, let scratch,
      addMatrixMatrix(term, scale, c, x, y, scratch)
    {
      return
    }
    addNested(term, scale, bias, c, x, y)
  }

  /// Adds the term to several outputs, each from an input of its own: a matrix–vector product in one
  /// pass over the matrix, anything else column by column. The bits are those of `add`.
  package static func add(
    _ term: StridedTerm, scale: Double, bias: Double,
    coefficient: UnsafePointer<Double>?, input: UnsafePointer<Double>,
    output: UnsafeMutablePointer<Double>, indexed: IndexedAxis?,
    scratch: UnsafeMutablePointer<Double>?, columns: TermColumns
  ) {
    if columns.count > 1, indexed == nil, let coefficient, term.extents[1] != 1,
      term.extents[2] == 1,
      addMatrixVector(
        term, scale, bias, coefficient + Int(term.coefficient.base), input + Int(term.input.base),
        output + Int(term.output.base), columns)
    {
      return
    }
    for j in 0..<columns.count {
      add(
        term, scale: scale, bias: bias, coefficient: coefficient,
        input: input + j &* columns.inputStride, output: output + j &* columns.outputStride,
        indexed: indexed, scratch: scratch)
    }
  }

  /// How many doubles of scratch a term wants: those of a packed matrix product, else none.
  package static func scratchCount(_ term: StridedTerm, hasCoefficient: Bool) -> Int {
    guard hasCoefficient, term.extents[2] != 1, term.extents[3] == 1,
      let roles = MatrixRoles(term)
    else { return 0 }
    return Dense.workspaceCount(
      rows: Int(term.extents[roles.row]), inner: Int(term.extents[roles.inner]),
      columns: Int(term.extents[roles.column]))
  }

  /// Overwrites the entries of `out` that the term writes. The output view must write each entry
  /// once (no zero stride on an axis with a length); copies keep the sign of zero.
  package static func store(
    _ term: StridedTerm, scale: Double, bias: Double,
    coefficient: UnsafePointer<Double>?, input: UnsafePointer<Double>,
    output: UnsafeMutablePointer<Double>
  ) {
    let x = input + Int(term.input.base)
    let y = output + Int(term.output.base)
    let c = coefficient.map { $0 + Int(term.coefficient.base) }
    let row = term.rowAxis
    let n = Int(term.extents[row])
    let sc = Int(term.coefficient.strides[row])
    let si = Int(term.input.strides[row])
    let so = Int(term.output.strides[row])
    term.forEachRow { o, a, i in
      storeRow(n, scale, bias, c.map { $0 + a }, sc, x + i, si, y + o, so)
    }
  }

  /// One axis: `y[k·so] = (scale · c[k·sc] + bias) · x[k·si]` for `k` in `0..<n`.
  @inline(__always)
  static func storeRow(
    _ n: Int, _ scale: Double, _ bias: Double, _ c: UnsafePointer<Double>?, _ sc: Int,
    _ x: UnsafePointer<Double>, _ si: Int, _ y: UnsafeMutablePointer<Double>, _ so: Int
  ) {
    guard let c, sc != 0 else {
      let factor = c.map { scale * $0[0] + bias } ?? bias
      if si == 1, so == 1 {
        LaneKernels.storeScaled(factor, x, to: y, count: n)
      } else {
        for k in 0..<n { y[k &* so] = factor * x[k &* si] }
      }
      return
    }
    if sc == 1, si == 1, so == 1 {
      LaneKernels.storeProduct(scale, c, bias, x, to: y, count: n)
    } else {
      for k in 0..<n { y[k &* so] = (scale * c[k &* sc] + bias) * x[k &* si] }
    }
  }

  // MARK: Matrices

  /// `y += α A x` or `y += α Aᵀ x` in each column, if the two axes of the term say so.
  @inline(__always)
  private static func addMatrixVector(
    _ term: StridedTerm, _ scale: Double, _ bias: Double, _ c: UnsafePointer<Double>,
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ columns: TermColumns
  ) -> Bool {
    let o = term.output.strides
    let a = term.coefficient.strides
    let i = term.input.strides
    let m = Int(term.extents[0])
    let n = Int(term.extents[1])
    guard a[1] == 1, a[0] >= term.extents[1] else { return false }
    let (xStride, yStride) = (columns.inputStride, columns.outputStride)
    if o[0] == 1, o[1] == 0, i[0] == 0, i[1] == 1 {
      if scale != 0 {
        Dense.multiply(
          c, rows: m, columns: n, rowStride: Int(a[0]), byEach: x, stride: xStride, into: y,
          stride: yStride, count: columns.count, scaledBy: scale, adding: true)
      }
      if bias != 0 { addSums(bias, x, count: n, xStride, to: y, count: m, yStride, columns.count) }
      return true
    }
    if o[0] == 0, o[1] == 1, i[0] == 1, i[1] == 0 {
      if scale != 0 {
        Dense.multiplyTransposed(
          c, rows: m, columns: n, rowStride: Int(a[0]), byEach: x, stride: xStride, into: y,
          stride: yStride, count: columns.count, scaledBy: scale, adding: true)
      }
      if bias != 0 { addSums(bias, x, count: m, xStride, to: y, count: n, yStride, columns.count) }
      return true
    }
    return false
  }

  /// Adds `α ∑ x` to every entry of `y`, in each column.
  @inline(__always)
  private static func addSums(
    _ alpha: Double, _ x: UnsafePointer<Double>, count n: Int, _ xStride: Int,
    to y: UnsafeMutablePointer<Double>, count m: Int, _ yStride: Int, _ columns: Int
  ) {
    for j in 0..<columns {
      let shift = alpha * Vector.sum(x + j &* xStride, count: n)
      let out = y + j &* yStride
      for i in 0..<m { out[i] += shift }
    }
  }

  /// Which axis of a three-axis term plays which part in `C[row, column] += Σ A[row, inner] B[inner, column]`.
  private struct MatrixRoles {
    /// Read by the left factor and written; read by the right factor and written; summed.
    var row = 0, column = 0, inner = 0
    /// The left factor is the coefficient (else the input).
    var coefficientIsLeft = true

    init?(_ term: StridedTerm) {
      var found = (coefficient: -1, input: -1, inner: -1)
      for axis in 0..<3 {
        let o = term.output.strides[axis] != 0
        let c = term.coefficient.strides[axis] != 0
        let i = term.input.strides[axis] != 0
        switch (o, c, i) {
        case (true, true, false): found.coefficient = axis
        case (true, false, true): found.input = axis
        case (false, true, true): found.inner = axis
        default: return nil
        }
      }
      guard found.coefficient >= 0, found.input >= 0, found.inner >= 0 else { return nil }
      inner = found.inner
      if term.output.strides[found.input] == 1 {
        row = found.coefficient
        column = found.input
      } else if term.output.strides[found.coefficient] == 1 {
        row = found.input
        column = found.coefficient
        coefficientIsLeft = false
      } else {
        return nil
      }
    }
  }

  /// `C += α A B`, if the three axes of the term say so.
  private static func addMatrixMatrix(
    _ term: StridedTerm, _ scale: Double, _ c: UnsafePointer<Double>, _ x: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>, _ scratch: UnsafeMutablePointer<Double>
  ) -> Bool {
    guard let roles = MatrixRoles(term) else { return false }
    let left = roles.coefficientIsLeft ? term.coefficient.strides : term.input.strides
    let right = roles.coefficientIsLeft ? term.input.strides : term.coefficient.strides
    Dense.multiply(
      roles.coefficientIsLeft ? c : x,
      rowStride: Int(left[roles.row]), columnStride: Int(left[roles.inner]),
      roles.coefficientIsLeft ? x : c,
      rowStride: Int(right[roles.inner]), columnStride: Int(right[roles.column]),
      into: y, rowStride: Int(term.output.strides[roles.row]),
      rows: Int(term.extents[roles.row]), inner: Int(term.extents[roles.inner]),
      columns: Int(term.extents[roles.column]), scaledBy: scale, adding: true,
      workspace: scratch)
    return true
  }

  // MARK: Loops

  /// Loops over all axes but the last with a length, and adds a row at each step.
  private static func addNested(
    _ term: StridedTerm, _ scale: Double, _ bias: Double, _ c: UnsafePointer<Double>?,
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>
  ) {
    let row = term.rowAxis
    let n = Int(term.extents[row])
    let sc = Int(term.coefficient.strides[row])
    let si = Int(term.input.strides[row])
    let so = Int(term.output.strides[row])
    term.forEachRow { o, a, i in
      addRow(n, scale, bias, c.map { $0 + a }, sc, x + i, si, y + o, so)
    }
  }

  /// A gather or a scatter: the first axis steps through the table, the others as they stand.
  private static func addIndexed(
    _ term: StridedTerm, _ scale: Double, _ bias: Double, _ c: UnsafePointer<Double>?,
    _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ indexed: IndexedAxis
  ) {
    let e = term.extents
    let o = term.output.strides
    let a = term.coefficient.strides
    let i = term.input.strides
    for k in 0..<Int(e[0]) {
      let place = Int(indexed.table[k])
      let xk = x + (indexed.side == .input ? place : k) * Int(i[0])
      let yk = y + (indexed.side == .output ? place : k) * Int(o[0])
      let ck = c.map { $0 + k * Int(a[0]) }
      for k1 in 0..<Int(e[1]) {
        for k2 in 0..<Int(e[2]) {
          addRow(
            Int(e[3]), scale, bias, ck.map { $0 + (k1 * Int(a[1]) + k2 * Int(a[2])) }, Int(a[3]),
            xk + (k1 * Int(i[1]) + k2 * Int(i[2])), Int(i[3]),
            yk + (k1 * Int(o[1]) + k2 * Int(o[2])), Int(o[3]))
        }
      }
    }
  }

  /// One axis: `y[k·so] += (scale · c[k·sc] + bias) · x[k·si]` for `k` in `0..<n`.
  @inline(__always)
  package static func addRow(
    _ n: Int, _ scale: Double, _ bias: Double, _ c: UnsafePointer<Double>?, _ sc: Int,
    _ x: UnsafePointer<Double>, _ si: Int, _ y: UnsafeMutablePointer<Double>, _ so: Int
  ) {
    guard let c, sc != 0, scale != 0 else {
      addRowOfConstantFactor(n, c.map { scale * $0[0] + bias } ?? bias, x, si, y, so)
      return
    }
    if sc == 1, si == 1, so == 1 {
      LaneKernels.addProduct(scale, c, bias, x, to: y, count: n)
    } else if sc == 1, si == 1, so == 0 {
      var sum = scale * Vector.dot(c, x, count: n)
      if bias != 0 { sum += bias * Vector.sum(x, count: n) }
      y[0] += sum
    } else if sc == 1, si == 0, so == 1 {
      let factor = scale * x[0]
      let shift = bias * x[0]
      LaneKernels.addAffine(factor, c, shift, to: y, count: n)
    } else if so == 0 {
      var sum = 0.0
      for k in 0..<n { sum += (scale * c[k &* sc] + bias) * x[k &* si] }
      y[0] += sum
    } else {
      for k in 0..<n { y[k &* so] += (scale * c[k &* sc] + bias) * x[k &* si] }
    }
  }

  @inline(__always)
  private static func addRowOfConstantFactor(
    _ n: Int, _ factor: Double, _ x: UnsafePointer<Double>, _ si: Int,
    _ y: UnsafeMutablePointer<Double>, _ so: Int
  ) {
    if si == 1, so == 1 {
      Vector.addScaled(factor, x, to: y, count: n)
    } else if so == 0 {
      if si == 1 {
        y[0] += factor * Vector.sum(x, count: n)
      } else if si == 0 {
        y[0] += factor * x[0] * Double(n)
      } else {
        var sum = 0.0
        for k in 0..<n { sum += x[k &* si] }
        y[0] += factor * sum
      }
    } else if si == 0, so == 1 {
      let shift = factor * x[0]
      for k in 0..<n { y[k] += shift }
    } else {
      for k in 0..<n { y[k &* so] += factor * x[k &* si] }
    }
  }
}

extension TermExecutor {
  /// `out = (s₁c₁ + b₁)(s₂c₂ + b₂)` over the box of `term`, whose `coefficient` view reads `c₁` and
  /// whose `input` view reads `c₂`.
  package static func affineProduct(
    _ term: StridedTerm, _ s1: Double, _ c1: UnsafePointer<Double>, _ b1: Double, _ s2: Double,
    _ c2: UnsafePointer<Double>, _ b2: Double, into out: UnsafeMutablePointer<Double>
  ) {
    combine(term, c1, c2, out) { (s1 * $0 + b1) * (s2 * $1 + b2) }
  }

  /// `out = s₁c₁ + s₂c₂ + b`, with the views as in `affineProduct`.
  package static func affineSum(
    _ term: StridedTerm, _ s1: Double, _ c1: UnsafePointer<Double>, _ s2: Double,
    _ c2: UnsafePointer<Double>, _ b: Double, into out: UnsafeMutablePointer<Double>
  ) {
    combine(term, c1, c2, out) { (s1 * $0 + s2 * $1) + b }
  }

  @inline(__always)
  private static func combine(
    _ term: StridedTerm, _ c1: UnsafePointer<Double>, _ c2: UnsafePointer<Double>,
    _ out: UnsafeMutablePointer<Double>, _ f: (Double, Double) -> Double
  ) {
    let term = term.canonical(hasCoefficient: true)
    let row = term.rowAxis
    let n = Int(term.extents[row])
    let step1 = Int(term.coefficient.strides[row])
    let step2 = Int(term.input.strides[row])
    let step = Int(term.output.strides[row])
    let (p, q) = (c1 + Int(term.coefficient.base), c2 + Int(term.input.base))
    let y = out + Int(term.output.base)
    term.forEachRow { o, a, i in
      if step1 == 1, step2 == 1, step == 1 {
        for k in 0..<n { y[o &+ k] = f(p[a &+ k], q[i &+ k]) }
      } else {
        for k in 0..<n { y[o &+ k &* step] = f(p[a &+ k &* step1], q[i &+ k &* step2]) }
      }
    }
  }
}
