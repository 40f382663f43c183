#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import _Differentiation

  extension Tensor {
    @derivative(of: reshaped(_:))
    @usableFromInline
    func derivativeOfReshaping(_ shape: [Int]) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.reshaped(shape) }
    }

    @derivative(of: expanded(atAxis:))
    @usableFromInline
    func derivativeOfExpansion(atAxis axis: Int) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.expanded(atAxis: axis) }
    }

    @derivative(of: broadcast(to:))
    @usableFromInline
    func derivativeOfBroadcast(to shape: [Int]) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.broadcast(to: shape) }
    }

    @derivative(of: transposed())
    @usableFromInline
    func derivativeOfTransposition() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.transposed() }
    }

    @derivative(of: transposed(_:))
    @usableFromInline
    func derivativeOfTransposition(_ order: [Int]) -> (value: Tensor, pullback: (Tensor) -> Tensor)
    {
      recorded(self) { $0.transposed(order) }
    }

    @derivative(of: slice(_:alongAxis:))
    @usableFromInline
    func derivativeOfSlice(_ range: Range<Int>, alongAxis axis: Int) -> (
      value: Tensor, pullback: (Tensor) -> Tensor
    ) {
      recorded(self) { $0.slice(range, alongAxis: axis) }
    }

    @derivative(of: at(_:alongAxis:))
    @usableFromInline
    func derivativeOfEntry(_ index: Int, alongAxis axis: Int) -> (
      value: Tensor, pullback: (Tensor) -> Tensor
    ) {
      recorded(self) { $0.at(index, alongAxis: axis) }
    }

    @derivative(of: padded(before:after:alongAxis:))
    @usableFromInline
    func derivativeOfPadding(before: Int, after: Int, alongAxis axis: Int) -> (
      value: Tensor, pullback: (Tensor) -> Tensor
    ) {
      recorded(self) { $0.padded(before: before, after: after, alongAxis: axis) }
    }

    @derivative(of: shifted(by:alongAxis:))
    @usableFromInline
    func derivativeOfShift(by offset: Int, alongAxis axis: Int) -> (
      value: Tensor, pullback: (Tensor) -> Tensor
    ) {
      recorded(self) { $0.shifted(by: offset, alongAxis: axis) }
    }

    @derivative(of: gathered(_:alongAxis:))
    @usableFromInline
    func derivativeOfGathering(_ indices: [Int], alongAxis axis: Int) -> (
      value: Tensor, pullback: (Tensor) -> Tensor
    ) {
      recorded(self) { $0.gathered(indices, alongAxis: axis) }
    }

    @derivative(of: scattered(_:count:alongAxis:))
    @usableFromInline
    func derivativeOfScattering(_ indices: [Int], count: Int, alongAxis axis: Int) -> (
      value: Tensor, pullback: (Tensor) -> Tensor
    ) {
      recorded(self) { $0.scattered(indices, count: count, alongAxis: axis) }
    }

    @derivative(of: diagonal())
    @usableFromInline
    func derivativeOfDiagonal() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.diagonal() }
    }

    @derivative(of: flattened)
    @usableFromInline
    func derivativeOfFlattening() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.flattened() }
    }

    @derivative(of: concatenate)
    @usableFromInline
    static func derivativeOfConcatenation(
      _ tensors: [Tensor], alongAxis axis: Int
    ) -> (value: Tensor, pullback: (Tensor) -> [Tensor].TangentVector) {
      let (value, pullback) = recordedPullback(of: tensors) { concatenate($0, alongAxis: axis) }
      return (value, { [Tensor].TangentVector(pullback($0)) })
    }

    @derivative(of: stack)
    @usableFromInline
    static func derivativeOfStack(
      _ tensors: [Tensor]
    ) -> (value: Tensor, pullback: (Tensor) -> [Tensor].TangentVector) {
      let (value, pullback) = recordedPullback(of: tensors) { stack($0) }
      return (value, { [Tensor].TangentVector(pullback($0)) })
    }
  }
#endif
