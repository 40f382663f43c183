import Kernels

// Operations that move entries without changing them: all are strided terms without coefficients.

extension Tensor {
  /// The same entries in another shape of as many. Records nothing.
  public func reshaped(_ shape: [Int]) -> Tensor {
    let result = Shape(shape)
    if result.count != count {
      return shapeMismatch("reshaped", dimensions, result, resultShape: result)
    }
    return viewed(as: result)
  }

  /// The same entries in the shape of a tensor of as many. Records nothing.
  package func reshaped(like other: Tensor) -> Tensor {
    count == other.count ? viewed(as: other.dimensions) : reshaped(other.shape)
  }

  /// All entries as one vector.
  public func flattened() -> Tensor { viewed(as: Shape(vector: count)) }

  /// A new axis of extent 1.
  public func expanded(atAxis axis: Int) -> Tensor {
    var extents = shape
    guard axis >= 0, axis <= rank else {
      stop("A tensor of shape \(dimensions) cannot get a new axis at \(axis).")
    }
    extents.insert(1, at: axis)
    return viewed(as: Shape(extents))
  }

  /// Repeated to a larger shape: axes are aligned at the right, extents of 1 stretch.
  public func broadcast(to shape: [Int]) -> Tensor { broadcast(to: Shape(shape)) }

  func broadcast(to shape: Shape) -> Tensor {
    if dimensions == shape { return self }
    guard Shape.broadcast(dimensions, shape) == shape else {
      return shapeMismatch("broadcast(to:)", dimensions, shape, resultShape: shape)
    }
    return moved(
      shape, StridedTerm.elementwise(shape, coefficient: nil, input: dimensions))
  }

  /// Rows and columns exchanged, of a matrix. As a factor of a product, `matmul` can transpose
  /// without copying.
  public func transposed() -> Tensor {
    if rank != 2 { stop("Only a matrix is transposed so; the shape is \(dimensions).") }
    return transposed([1, 0])
  }

  /// The axes in another order: axis `k` of the result is axis `order[k]` of this tensor.
  public func transposed(_ order: [Int]) -> Tensor {
    if order.sorted() != Array(0..<rank) {
      stop("\(order) is not an order of the \(rank) axes of the shape \(dimensions).")
    }
    let own = dimensions.strides
    let result = Shape(order.map { dimensions[$0] })
    return moved(
      result,
      StridedTerm.boxes(
        result.extents, output: result.strides, input: order.map { own[$0] }))
  }

  /// The entries `range` along one axis.
  public func slice(_ range: Range<Int>, alongAxis axis: Int = 0) -> Tensor {
    checkAxis(axis, "slice")
    if range.lowerBound < 0 || range.upperBound > dimensions[axis] {
      stop("The range \(range) leaves axis \(axis) of the shape \(dimensions).")
    }
    var extents = shape
    extents[axis] = range.count
    let own = dimensions.strides
    let result = Shape(extents)
    return moved(
      result,
      StridedTerm.boxes(
        extents, output: result.strides, input: own, inputBase: range.lowerBound * own[axis]))
  }

  /// Entry `index` along one axis, which disappears from the shape: a row or a column of a matrix,
  /// a scalar of a vector. Works on traced tensors.
  public func at(_ index: Int, alongAxis axis: Int = 0) -> Tensor {
    let one = slice(index..<(index + 1), alongAxis: axis)
    return one.viewed(as: one.dimensions.removing(axis: axis))
  }

  /// Zeros added along one axis: `before` in front, `after` behind.
  public func padded(before: Int, after: Int, alongAxis axis: Int = 0) -> Tensor {
    checkAxis(axis, "padded")
    if before < 0 || after < 0 { stop("Padding is not negative; it is \(before) and \(after).") }
    var extents = shape
    extents[axis] += before + after
    let result = Shape(extents)
    let steps = result.strides
    return moved(
      result,
      StridedTerm.boxes(
        shape, output: steps, input: dimensions.strides, outputBase: before * steps[axis]))
  }

  /// Entries moved `offset` places along one axis, zeros moving in: entry `i` of the result is
  /// entry `i − offset`.
  public func shifted(by offset: Int, alongAxis axis: Int = 0) -> Tensor {
    checkAxis(axis, "shifted")
    let kept = Swift.max(dimensions[axis] - Swift.abs(offset), 0)
    if var box = dimensions.box {
      box[axis] = Int32(kept)
      let steps = dimensions.boxStrides
      let (ahead, back) = (Swift.max(offset, 0), Swift.max(-offset, 0))
      let step = Int(steps[axis])
      return moved(
        dimensions,
        StridedTerms(
          StridedTerm(
            extents: box, output: StridedView(base: ahead * step, strides: steps),
            input: StridedView(base: back * step, strides: steps))))
    }
    var extents = shape
    extents[axis] = kept
    let own = dimensions.strides
    let step = own[axis]
    return moved(
      dimensions,
      StridedTerm.boxes(
        extents, output: own, input: own, outputBase: Swift.max(offset, 0) * step,
        inputBase: Swift.max(-offset, 0) * step))
  }

  /// The entries at `indices` along one axis, in that order, repetitions allowed.
  public func gathered(_ indices: [Int], alongAxis axis: Int = 0) -> Tensor {
    checkAxis(axis, "gathered")
    var extents = shape
    extents[axis] = indices.count
    let result = Shape(extents)
    return indexed(
      indices, limit: dimensions[axis], result, axis, side: .input, axisExtents: extents)
  }

  /// The opposite of `gathered`: entry `k` along the axis is *added* to entry `indices[k]` of a
  /// result with extent `count` there; the other entries are zero.
  public func scattered(_ indices: [Int], count: Int, alongAxis axis: Int = 0) -> Tensor {
    checkAxis(axis, "scattered")
    if indices.count != dimensions[axis] {
      stop("\(indices.count) indices were given for axis \(axis) of the shape \(dimensions).")
    }
    var extents = shape
    extents[axis] = count
    return indexed(
      indices, limit: count, Shape(extents), axis, side: .output, axisExtents: shape)
  }

  /// The diagonal of a matrix (a vector), or the diagonal matrix of a vector.
  public func diagonal() -> Tensor {
    switch rank {
    case 1:
      let n = count
      return moved(
        Shape([n, n]), StridedTerm.boxes([n], output: [n + 1], input: [1]))
    case 2:
      let n = Swift.min(dimensions[0], dimensions[1])
      return moved(
        Shape(vector: n), StridedTerm.boxes([n], output: [1], input: [dimensions[1] + 1]))
    default:
      stop("A diagonal is that of a matrix or of a vector; the shape is \(dimensions).")
    }
  }

  /// Tensors side by side along an axis; the other extents are equal.
  public static func concatenate(_ tensors: [Tensor], alongAxis axis: Int = 0) -> Tensor {
    guard let first = tensors.first else { stop("`concatenate` of no tensors.") }
    first.checkAxis(axis, "concatenate")
    var extents = first.shape
    extents[axis] = 0
    for tensor in tensors {
      var aligned = tensor.shape
      if aligned.count == extents.count {
        extents[axis] += aligned[axis]
        aligned[axis] = extents[axis]
      }
      if aligned != extents {
        return shapeMismatch("concatenate", first.dimensions, tensor.dimensions)
      }
    }
    let result = Shape(extents)
    let steps = result.strides
    var start = 0
    var pieces: [Piece] = []
    for tensor in tensors {
      for term in StridedTerm.boxes(
        tensor.shape, output: steps, input: tensor.dimensions.strides,
        outputBase: start * steps[axis])
      { pieces.append(Piece(tensor, term)) }
      start += tensor.dimensions[axis]
    }
    return evaluate(result, pieces, disjoint: true)
  }

  /// Tensors of equal shape along a new first axis: scalars become a vector, vectors the rows of
  /// a matrix.
  public static func stack(_ tensors: [Tensor]) -> Tensor {
    if tensors.isEmpty { return Tensor([Double]()) }
    return concatenate(tensors.map { $0.expanded(atAxis: 0) })
  }

  // MARK: Details

  private func checkAxis(_ axis: Int, _ operation: String) {
    if axis < 0 || axis >= rank {
      stop("`\(operation)`: a tensor of shape \(dimensions) has no axis \(axis).")
    }
  }

  /// This tensor's entries at other places, each at most once; the rest is zero.
  private func moved(_ shape: Shape, _ terms: StridedTerms) -> Tensor {
    evaluate(shape, terms, disjoint: true) { Piece(self, $0) }
  }

  /// Gather and scatter: the table stands for the stride of the axis, which comes first in the box.
  private func indexed(
    _ indices: [Int], limit: Int, _ result: Shape, _ axis: Int, side: IndexedAxis.Side,
    axisExtents: [Int]
  ) -> Tensor {
    for (place, index) in indices.enumerated() where index < 0 || index >= limit {
      stop("Index \(index), number \(place), is out of range 0..<\(limit) along axis \(axis).")
    }
    let table = IndexTable(indices.map { Int32($0) })
    let (out, own) = (result.strides, dimensions.strides)
    // The axis, then what lies outside it and what lies inside it, each as one axis.
    let outer = axisExtents[..<axis].reduce(1, *)
    let inner = axisExtents[(axis + 1)...].reduce(1, *)
    let term = StridedTerm(
      extents: SIMD4(Int32(indices.count), Int32(outer), Int32(inner), 1),
      output: StridedView(
        strides: SIMD4(Int32(out[axis]), Int32(out[axis] * result[axis]), 1, 0)),
      input: StridedView(
        strides: SIMD4(Int32(own[axis]), Int32(own[axis] * dimensions[axis]), 1, 0)))
    var piece = Piece(self, term)
    piece.table = table
    piece.tableSide = side
    return evaluate(result, piece)
  }
}
