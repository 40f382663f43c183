import Kernels

extension Tensor {
  /// The shape seen along one axis: `outer × n × inner`, row-major.
  private func split(alongAxis axis: Int, _ operation: String) -> (outer: Int, n: Int, inner: Int) {
    guard axis >= 0, axis < rank else {
      stop("`\(operation)`: a tensor of shape \(dimensions) has no axis \(axis).")
    }
    var (outer, inner) = (1, 1)
    for k in 0..<axis { outer *= dimensions[k] }
    for k in (axis + 1)..<Swift.max(rank, axis + 1) { inner *= dimensions[k] }
    return (outer, dimensions[axis], inner)
  }

  /// The sum of all entries.
  public func sum() -> Tensor { summed(factor: 1) }

  /// The mean of all entries; NaN if there is none.
  public func mean() -> Tensor {
    count == 0 ? Tensor(.nan) : summed(factor: 1 / Double(count))
  }

  private func summed(factor: Double) -> Tensor {
    var term = StridedTerm(count: count)
    term.output.strides = .zero
    return evaluate(.scalar, Piece(self, term, factor: factor))
  }

  /// The sums along one axis, which disappears from the shape.
  public func sum(alongAxis axis: Int) -> Tensor { summed(alongAxis: axis, factor: 1) }

  /// The means along one axis, which disappears from the shape; NaN for an axis of no entries.
  public func mean(alongAxis axis: Int) -> Tensor {
    let (_, n, _) = split(alongAxis: axis, "mean(alongAxis:)")
    if n == 0 { return Tensor(repeating: .nan, shape: dimensions.removing(axis: axis).extents) }
    return summed(alongAxis: axis, factor: 1 / Double(n))
  }

  private func summed(alongAxis axis: Int, factor: Double) -> Tensor {
    let (outer, n, inner) = split(alongAxis: axis, "sum(alongAxis:)")
    let term = StridedTerm.boxes(
      [outer, n, inner], output: [inner, 0, 1], input: [n * inner, inner, 1])
    return evaluate(dimensions.removing(axis: axis), term, disjoint: false) {
      Piece(self, $0, factor: factor)
    }
  }

  /// `Σ aᵢ bᵢ`, of two tensors of equal shape.
  public func dot(_ other: Tensor) -> Tensor {
    guard dimensions == other.dimensions else {
      return shapeMismatch("dot", dimensions, other.dimensions, resultShape: .scalar)
    }
    var term = StridedTerm(count: count)
    term.output.strides = .zero
    return evaluate(.scalar, Piece(other, times: self, term))
  }

  /// `Σ aᵢ²`.
  public func squaredNorm() -> Tensor { dot(self) }

  /// Norms of a tensor, taken over all its entries.
  public enum Norm: Sendable {
    /// `Σ |aᵢ|`.
    case one
    /// `√(Σ aᵢ²)`: Euclidean for vectors, Frobenius for matrices.
    case two
    /// `max |aᵢ|`.
    case infinity
  }

  /// A norm over all entries. Neither overflows nor underflows.
  ///
  /// At kinds of kink the derivative is an element of the subdifferential: 0 for the 2-norm at 0
  /// and for |aᵢ| at 0; that of the first largest entry for the ∞-norm.
  public func norm(_ kind: Norm = .two) -> Tensor {
    switch kind {
    case .one: return abs(self).sum()
    case .infinity: return abs(self).max()
    case .two: break
    }
    guard let trace = tag?.trace else {
      return Tensor(Vector.norm(storage.values, count: count))
    }
    let below = lowered(below: trace)
    let value = below.norm()
    let isZero = value.rawScalars[0] == 0
    let direction = isZero ? Tensor.zeros(shape) : below / value
    var term = StridedTerm(count: count)
    term.output.strides = .zero
    return recorded(value, by: trace, self, Piece(below, times: direction, term))
  }

  /// The largest entry. Where several are equal (a kink) the derivative is that of the first.
  public func max() -> Tensor {
    viewed(as: Shape(vector: count)).max(alongAxis: 0)
  }

  /// The smallest entry. Where several are equal (a kink) the derivative is that of the first.
  public func min() -> Tensor { -(-self).max() }

  /// The largest entries along one axis, which disappears from the shape. Where several are equal
  /// (a kink) the derivative is that of the first. An axis of no entries stops the program.
  public func max(alongAxis axis: Int) -> Tensor {
    let (outer, n, inner) = split(alongAxis: axis, "max(alongAxis:)")
    if n == 0 { stop("`max` of no entries: the shape is \(dimensions).") }
    noteBranch(self)
    var places = [Int32](repeating: 0, count: outer * inner)
    places.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      ElementwiseKernels.argmax(storage.values, outer: outer, count: n, inner: inner, into: base)
    }
    let shape = dimensions.removing(axis: axis)
    guard isTraced else {
      // As the terms below, which add to zero.
      return Tensor(
        Storage(count: places.count) {
          for (k, place) in places.enumerated() { $0[k] = 0 + storage.base[Int(place)] }
        }, shape)
    }
    var piece = Piece(self, StridedTerm(count: places.count))
    piece.table = IndexTable(places)
    return evaluate(shape, piece)
  }

  /// `log Σ exp(aᵢ)` over all entries, without overflow. Its derivative is `softmax`.
  public func logSumExp() -> Tensor { viewed(as: Shape(vector: count)).logSumExp(alongAxis: 0) }

  /// `log Σ exp(aᵢ)` along one axis, which disappears from the shape; no overflow.
  public func logSumExp(alongAxis axis: Int) -> Tensor {
    let (outer, n, inner) = split(alongAxis: axis, "logSumExp(alongAxis:)")
    let shape = dimensions.removing(axis: axis)
    guard let trace = tag?.trace else {
      return Tensor(
        Storage(count: outer * inner) {
          ElementwiseKernels.logSumExp(
            storage.values, outer: outer, count: n, inner: inner, into: $0)
        }, shape)
    }
    let below = lowered(below: trace)
    let (centred, shift) = below.centred(alongAxis: axis)
    let excess = centred.logSumExp(alongAxis: axis)
    let weights = exp(centred - excess.viewed(as: shift.dimensions))
    return recorded(
      excess + shift.viewed(as: shape), by: trace,
      StridedTerm.boxes(
        [outer, n, inner], output: [inner, 0, 1], coefficient: [n * inner, inner, 1],
        input: [n * inner, inner, 1]
      ).map { (self, Piece(below, times: weights, $0)) })
  }

  /// `exp(aᵢ) / Σ exp(aₖ)` over all entries, without overflow.
  public func softmax() -> Tensor {
    viewed(as: Shape(vector: count)).softmax(alongAxis: 0).viewed(as: dimensions)
  }

  /// `exp(aᵢ) / Σ exp(aₖ)` along one axis, without overflow.
  public func softmax(alongAxis axis: Int) -> Tensor {
    let (centred, shift) = centred(alongAxis: axis)
    return exp(centred - centred.logSumExp(alongAxis: axis).viewed(as: shift.dimensions))
  }

  /// The entries minus the largest along an axis, where that is finite; and what was subtracted, a
  /// constant with extent 1 along the axis.
  ///
  /// Without this, `exp(aᵢ − log Σ exp(aₖ))` would have the absolute error of its exponent as
  /// relative error: 1e-13 for entries around 1000.
  private func centred(alongAxis axis: Int) -> (entries: Tensor, shift: Tensor) {
    let (_, n, _) = split(alongAxis: axis, "softmax(alongAxis:)")
    var kept = dimensions.extents
    kept[axis] = 1
    if n == 0 { return (self, Tensor.zeros(kept)) }
    let largest = withoutDerivative.max(alongAxis: axis).viewed(as: Shape(kept))
    let shift = select(largest.mapped(.isFinite) { x, _ in x }, largest, 0)
    return (self - shift, shift)
  }
}
