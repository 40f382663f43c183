#if canImport(_Differentiation)
  import CompilerDifferentiation
  import Testing

  struct Model: Differentiable {
    var scale: Tensor
    var offset: Tensor
    @noDerivative let layer: ImplicitFunction<Tensor, Tensor>
    @differentiable(reverse)
    func callAsFunction(_ x: Tensor) throws -> Tensor { try layer(scale * x + offset) }
  }
  struct Two: DifferentiableStructure, AdditiveArithmetic {
    var a: Tensor
    var b: Tensor
    typealias TangentVector = Two
    static var fields: [TensorField<Two>] { [.init("a", \.a), .init("b", \.b)] }
  }

  @Suite struct FirstTests {
    @Test func sums() {
      let g = pullback(at: Tensor([1, 2, 3]), of: { x in x * x + 0.5 * x })(Tensor.ones([3]))
      #expect(g == Tensor([2.5, 4.5, 6.5]))
    }
    @Test func roots() throws {
      let root = ImplicitFunction<Tensor, Tensor>(
        forward: { x in sqrt(x) }, conditions: .compiler { x, y in y * y - x })
      let (v, pb) = try valueWithPullback(at: Tensor([1, 4])) { x in try root(x) + x }
      print(v, pb(.ones([2])))
      #expect(pb(.ones([2])) == Tensor([1.5, 1.25]))
      print(try root.pushforward(at: [1, 4], [1, 1]).value)
      print(gradientAndHessianProduct(at: Tensor([2, 1]), along: Tensor([1, 0])) { y in (y * y * y).sum() })
      let m = ImplicitFunction<Tensor, Tensor>(
        forward: { x in sqrt(x) }, conditions: .compilerStationary { x, y in (y * y * y).sum() / 3 - (x * y).sum() })
      print(try m.jacobian(at: [1, 4]).value)
      let model = Model(scale: [1.0, 2.0], offset: 0.1, layer: m)
      let g = try gradient(at: model) { model in try model(Tensor([3, 4])).sum().scalar }
      print(g)
    }
    @Test func structures() throws {
      let f = ImplicitFunction<Two, [Tensor]>(
        forward: { x in [sqrt(x.a), x.b] }, conditions: .compiler { x, y in [y[0] * y[0] - x.a, y[1] - x.b] })
      let two = Two(a: [1, 4], b: 3)
      let g = try gradient(at: two) { two in let y = try f(two); return (y[0].sum() * y[1]).scalar }
      print(g)
    }
  }
#endif
