#if canImport(_Differentiation)
  import CompilerDifferentiation
  import Testing

  @Suite struct FirstTests {
    @Test func sums() {
      let g = pullback(at: Tensor([1, 2, 3]), of: { x in x * x + 0.5 * x })(Tensor.ones([3]))
      #expect(g == Tensor([2.5, 4.5, 6.5]))
    }
    @Test func roots() throws {
      let root = ImplicitFunction<Tensor, Tensor>(
        forward: { x in sqrt(x) }, conditions: .root { x, y in y * y - x })
      let (v, pb) = try valueWithPullback(at: Tensor([1, 4])) { x in try root(x) + x }
      print(v, pb(.ones([2])))
      #expect(pb(.ones([2])) == Tensor([1.5, 1.25]))
    }
  }
#endif
