#if canImport(_Differentiation)
  import CompilerDifferentiation
  import Testing

  /// The README's example of the compiler's own differentiation, compiled and run. (That the README
  /// shows these lines, letter by letter, is tested with its other examples.)
  @Suite struct ReadmeExampleTests {
    @Test func theGradientIsRight() {
      // README begin
      let squareRoot = ImplicitFunction<Tensor, Tensor>(
        forward: { x in sqrt(x) }, conditions: .root { x, y in y * y - x })

      @differentiable(reverse)  // by the compiler; the solver in it brings its own derivative
      func loss(_ x: Tensor) -> Double {
        (squareRoot.solution(at: x) - 2).squaredNorm().scalar
      }

      let slope = gradient(at: Tensor([1, 9]), of: loss)  // (√x − 2)/√x = [−1, 1/3]
      // README end
      #expect((slope - Tensor([-1, 1.0 / 3])).norm().scalar <= 1e-15)
    }
  }
#endif
