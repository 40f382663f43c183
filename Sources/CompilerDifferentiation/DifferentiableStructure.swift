#if canImport(_Differentiation)
  public import ImplicitDifferentiation
  import Kernels
  public import _Differentiation

  /// A structure of tensors that the compiler can differentiate: what an ``ImplicitFunction`` takes
  /// and returns where the compiler's `gradient(at:of:)` is to pass through it.
  ///
  /// `Tensor` conforms, and arrays of what conforms. A struct of tensors that is its own tangent
  /// vector conforms without a further line:
  ///
  /// ```swift
  /// struct Box: DifferentiableStructure, AdditiveArithmetic {
  ///   var lower: Tensor
  ///   var upper: Tensor
  ///   typealias TangentVector = Box
  ///   static var fields: [TensorField<Box>] { [.init("lower", \.lower), .init("upper", \.upper)] }
  /// }
  /// ```
  ///
  /// One whose `TangentVector` is made by the compiler says how to read and make it, by the two
  /// requirements below.
  ///
  /// A field listed as `.constant` is not differentiated, and its part of a gradient is an empty
  /// tensor, which cannot be added to a derivative by mistake.
  public protocol DifferentiableStructure: TensorStructure, Differentiable {
    /// The compiler's tangent vector with the tensors of `structure`.
    static func tangentVector(from structure: Self) -> TangentVector

    /// A structure like this one (same counts of arrays, same optionals present), with the tensors
    /// of `vector`. Zeros that the compiler made up, scalars, may stay what they are.
    func structure(from vector: TangentVector) -> Self
  }

  extension DifferentiableStructure where TangentVector == Self {
    /// The structure itself.
    public static func tangentVector(from structure: Self) -> Self { structure }

    /// The vector itself.
    public func structure(from vector: Self) -> Self { vector }
  }

  extension Tensor: DifferentiableStructure {}

  extension Array: DifferentiableStructure where Element: DifferentiableStructure {
    /// The tangent vectors of the elements.
    public static func tangentVector(from structure: [Element]) -> TangentVector {
      TangentVector(structure.map { Element.tangentVector(from: $0) })
    }

    /// The structures of the elements; the compiler's zero is an array without elements.
    public func structure(from vector: TangentVector) -> [Element] {
      if vector.base.isEmpty { return map { $0.structure(from: .zero) } }
      if vector.base.count != count {
        stop("A tangent vector of an array of \(count) elements has \(vector.base.count).")
      }
      return zip(self, vector.base).map { $0.structure(from: $1) }
    }
  }

  extension DifferentiableStructure {
    /// The structure with the tensors of `vector`, zeros of the shapes of `self` where the compiler
    /// made a zero up.
    func filledStructure(from vector: TangentVector) -> Self {
      let structure = structure(from: vector)
      let shapes = tensors.map(\.shape)
      if structure.tensors.count != shapes.count {
        stop(
          "A tangent vector of \(shapes.count) tensors was read as \(structure.tensors.count): see "
            + "`structure(from:)` of \(Self.self).")
      }
      var leaf = 0
      return structure.mapTensors(isConstant: false) { tensor, _ in
        defer { leaf += 1 }
        return tensor.isMadeUpZero(for: shapes[leaf]) ? .zeros(shapes[leaf]) : tensor
      }
    }
  }
#endif
