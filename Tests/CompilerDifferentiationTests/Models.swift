#if canImport(_Differentiation)
  import CompilerDifferentiation

  /// Two inputs, their own tangent vector.
  struct Line: DifferentiableStructure, AdditiveArithmetic {
    var slope: Tensor
    var height: Tensor
    typealias TangentVector = Line
    static var fields: [TensorField<Line>] {
      [.init("slope", \.slope), .init("height", \.height)]
    }
  }

  /// Two inputs, the tangent vector of which the compiler makes.
  struct Segment: DifferentiableStructure {
    var start: Tensor
    var ends: [Tensor]
    static var fields: [TensorField<Segment>] {
      [.init("start", \.start), .init("ends", \.ends)]
    }
    static func tangentVector(from structure: Segment) -> TangentVector {
      TangentVector(
        start: structure.start, ends: [Tensor].tangentVector(from: structure.ends))
    }
    func structure(from vector: TangentVector) -> Segment {
      Segment(start: vector.start, ends: ends.structure(from: vector.ends))
    }
  }

  /// `y³ + y = x`, entry by entry; `dy/dx = 1 / (3y² + 1)`.
  @Sendable func cubicRoot(_ x: Tensor) -> Tensor {
    var y = x / (1 + abs(x))
    for _ in 0..<60 { y = y - (y * y * y + y - x) / (3 * y * y + 1) }
    return y
  }

  /// A layer for a model that the compiler differentiates.
  func cubicLayer() -> ImplicitFunction<Tensor, Tensor> {
    ImplicitFunction(forward: cubicRoot, conditions: .root { x, y in y * y * y + y - x })
  }

  /// A small network with an implicit layer inside, applied `depth` times.
  struct Network: Differentiable {
    var weights: Tensor
    var offset: Tensor
    @noDerivative let layer: ImplicitFunction<Tensor, Tensor>

    @differentiable(reverse,wrt: (self, x))
    func callAsFunction(_ x: Tensor, depth: Int) -> Tensor {
      var y = x
      for _ in 0..<depth { y = layer.solution(at: matmul(weights, y) + offset) }
      return y
    }
  }
#endif
