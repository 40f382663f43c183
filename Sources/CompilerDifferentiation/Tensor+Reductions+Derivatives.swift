#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import _Differentiation

  extension Tensor {
    @derivative(of: sum())
    @usableFromInline
    func derivativeOfSum() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.sum() }
    }

    @derivative(of: mean())
    @usableFromInline
    func derivativeOfMean() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.mean() }
    }

    @derivative(of: sum(alongAxis:))
    @usableFromInline
    func derivativeOfSums(alongAxis axis: Int) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.sum(alongAxis: axis) }
    }

    @derivative(of: mean(alongAxis:))
    @usableFromInline
    func derivativeOfMeans(alongAxis axis: Int) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.mean(alongAxis: axis) }
    }

    @derivative(of: squaredNorm())
    @usableFromInline
    func derivativeOfSquaredNorm() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.squaredNorm() }
    }

    @derivative(of: norm(_:))
    @usableFromInline
    func derivativeOfNorm(_ kind: Norm) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.norm(kind) }
    }

    @derivative(of: max())
    @usableFromInline
    func derivativeOfLargest() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.max() }
    }

    @derivative(of: min())
    @usableFromInline
    func derivativeOfSmallest() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.min() }
    }

    @derivative(of: max(alongAxis:))
    @usableFromInline
    func derivativeOfLargest(alongAxis axis: Int) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.max(alongAxis: axis) }
    }

    @derivative(of: logSumExp())
    @usableFromInline
    func derivativeOfLogSumExp() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.logSumExp() }
    }

    @derivative(of: logSumExp(alongAxis:))
    @usableFromInline
    func derivativeOfLogSumExp(alongAxis axis: Int) -> (value: Tensor, pullback: (Tensor) -> Tensor)
    {
      recorded(self) { $0.logSumExp(alongAxis: axis) }
    }

    @derivative(of: softmax())
    @usableFromInline
    func derivativeOfSoftmax() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.softmax() }
    }

    @derivative(of: softmax(alongAxis:))
    @usableFromInline
    func derivativeOfSoftmax(alongAxis axis: Int) -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      recorded(self) { $0.softmax(alongAxis: axis) }
    }

    @derivative(of: dot(_:))
    @usableFromInline
    func derivativeOfDot(
      _ other: Tensor
    ) -> (value: Tensor, pullback: (Tensor) -> (Tensor, Tensor)) {
      recorded(self, other) { $0.dot($1) }
    }
  }
#endif
