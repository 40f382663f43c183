#if canImport(_Differentiation)
  import ImplicitDifferentiation
  import _Differentiation

  // The ways between tensors and plain numbers. The compiler follows numbers too, so a derivative
  // passes through here, unlike in the core, where reading numbers of a traced tensor stops. But
  // these pullbacks read and make plain numbers, so they cannot be recorded: a second derivative
  // taken by tracing the compiler's pullback stops here, with the core's sentence.
  //
  // Swift 6.3 accepts no derivative of what takes a variadic argument: the subscript `x[i, j]` and
  // the literal `[a, b]` of tensors are refused in differentiated code, with a compiler's error.
  // `x.at(i).scalar` and `Tensor.stack([a, b])` are their likes.

  extension Tensor {
    @derivative(of: scalar)
    @usableFromInline
    func derivativeOfScalar() -> (value: Double, pullback: (Double) -> Tensor) {
      let shape = shape
      return (scalar, { Tensor(repeating: $0, shape: shape) })
    }

    @derivative(of: scalars)
    @usableFromInline
    func derivativeOfScalars() -> (
      value: [Double], pullback: ([Double].TangentVector) -> Tensor
    ) {
      let shape = shape
      return (
        scalars, { $0.base.isEmpty ? .zero : Tensor(shape: shape, $0.base) }
      )
    }

    // A constant.
    @derivative(of: withoutDerivative)
    @usableFromInline
    func derivativeOfConstant() -> (value: Tensor, pullback: (Tensor) -> Tensor) {
      (withoutDerivative, { _ in .zero })
    }

    @derivative(of: init(_:))
    @usableFromInline
    static func derivativeOfScalar(
      _ value: Double
    ) -> (value: Tensor, pullback: (Tensor) -> Double) { (Tensor(value), { $0.scalar }) }

    @derivative(of: init(_:))
    @usableFromInline
    static func derivativeOfVector(
      _ values: [Double]
    ) -> (value: Tensor, pullback: (Tensor) -> [Double].TangentVector) {
      let shape = [values.count]
      return (
        Tensor(values),
        { $0.isMadeUpZero(for: shape) ? .zero : [Double].TangentVector($0.scalars) }
      )
    }

    @derivative(of: init(_:))
    @usableFromInline
    static func derivativeOfMatrix(
      _ rows: [[Double]]
    ) -> (value: Tensor, pullback: (Tensor) -> [[Double]].TangentVector) {
      let result = Tensor(rows)
      let (shape, columns) = (result.shape, result.shape[1])
      return (
        result,
        { cotangent in
          if cotangent.isMadeUpZero(for: shape) { return .zero }
          let entries = cotangent.scalars
          return [[Double]].TangentVector(
            (0..<shape[0]).map { row in
              [Double].TangentVector(Array(entries[(row * columns)..<((row + 1) * columns)]))
            })
        }
      )
    }

    @derivative(of: init(shape:_:), wrt: values)
    @usableFromInline
    static func derivativeOfEntries(
      shape: [Int], _ values: [Double]
    ) -> (value: Tensor, pullback: (Tensor) -> [Double].TangentVector) {
      (
        Tensor(shape: shape, values),
        { $0.isMadeUpZero(for: shape) ? .zero : [Double].TangentVector($0.scalars) }
      )
    }

    @derivative(of: init(repeating:shape:), wrt: value)
    @usableFromInline
    static func derivativeOfRepetition(
      repeating value: Double, shape: [Int]
    ) -> (value: Tensor, pullback: (Tensor) -> Double) {
      (
        Tensor(repeating: value, shape: shape),
        { $0.isMadeUpZero(for: shape) ? 0 : $0.sum().scalar }
      )
    }
  }
#endif
