#if canImport(_Differentiation)
  public import ImplicitDifferentiation
  public import _Differentiation

  // A tensor is its own tangent vector.
  //
  // The compiler wants a zero before it knows a shape. That of `Tensor` is the scalar 0, which
  // stretches to any shape in a sum; every derivative of this target returns it unread for a
  // cotangent that is it, and gives it where a result does not depend on an argument.

  extension Tensor: AdditiveArithmetic {
    /// The scalar 0: added to a tensor of any shape it changes nothing.
    public static var zero: Tensor { Tensor(0.0) }
  }

  extension Tensor: Differentiable {
    /// Tangents and cotangents are tensors, and so are gradients.
    public typealias TangentVector = Tensor

    /// Adds `offset`. An empty one belongs to a constant, and moves nothing.
    public mutating func move(by offset: Tensor) {
      if offset.count == 0, count > 0 { return }
      self += offset
    }
  }

  extension Tensor {
    /// Whether this is the zero of a value of this shape that the compiler has made up before it
    /// knew the shape.
    func isMadeUpZero(for shape: [Int]) -> Bool {
      !isTraced && rank == 0 && !shape.isEmpty && scalar == 0
    }
  }
#endif
