#if canImport(_Differentiation)
  import CompilerDifferentiation
  import Testing

  /// An operation as a function of one tensor, at a point where it is smooth.
  struct Operation: Sendable, CustomTestStringConvertible {
    let name: String
    let point: Tensor
    let function: @Sendable @differentiable(reverse) (Tensor) -> Tensor

    init(
      _ name: String, at point: Tensor,
      _ function: @escaping @Sendable @differentiable(reverse) (Tensor) -> Tensor
    ) {
      self.name = name
      self.point = point
      self.function = function
    }

    var testDescription: String { name }

    /// Numbers with enough asymmetry that a transposed or a permuted cotangent shows.
    static func numbers(_ shape: [Int], seed: Double = 1) -> Tensor {
      let count = shape.reduce(1, *)
      let values = (0..<count).map { k in
        let t = (Double(k) + 1) * 0.618_033_988_749_895 * seed
        return 0.3 + (t - t.rounded(.down))
      }
      return Tensor(shape: shape, values)
    }

    static let vector = numbers([6])
    static let matrix = numbers([2, 3])

    static let arithmetic = [
      Operation("+", at: vector) { x in x.slice(0..<3) + x.slice(3..<6) },
      Operation("+, broadcast", at: vector) { x in
        x.slice(0..<4).reshaped([2, 2]) + x.slice(4..<6)
      },
      Operation("-", at: vector) { x in x.slice(0..<2) - x.slice(2..<6).reshaped([2, 2]) },
      Operation("*", at: vector) { x in x.slice(0..<3) * x.slice(3..<6) },
      Operation("* by a scalar", at: vector) { x in x * x.at(1) },
      Operation("* by a literal", at: vector) { x in 0.5 * x },
      Operation("/", at: vector) { x in x.slice(0..<3) / x.slice(3..<6) },
      Operation("prefix -", at: vector) { x in -x },
      Operation("in place", at: vector) { x in
        var y = x
        y += x * x
        y *= x
        y -= x.at(0)
        y /= x
        return y
      },
      Operation("scaled(by:)", at: vector) { x in x.scaled(by: -1.5) },
      Operation("reciprocal", at: vector) { x in reciprocal(x) },
      Operation("pow, integer", at: vector) { x in pow(x, 3) },
      Operation("pow, real", at: vector) { x in pow(x.slice(0..<3), x.slice(3..<6)) },
      Operation("solved", at: vector) { x in
        solved(x.slice(0..<4).reshaped([2, 2]) + Tensor.identity(2), x.slice(4..<6))
      },
    ]

    static let elementwise = [
      Operation("exp", at: vector) { x in exp(x) },
      Operation("log", at: vector) { x in log(x) },
      Operation("sqrt", at: vector) { x in sqrt(x) },
      Operation("sin", at: vector) { x in sin(x) },
      Operation("cos", at: vector) { x in cos(x) },
      Operation("tanh", at: vector) { x in tanh(x) },
      Operation("logistic", at: vector) { x in logistic(x) },
      Operation("softplus", at: vector) { x in softplus(x) },
      Operation("abs", at: vector - 0.7) { x in abs(x) },
      Operation("max", at: vector) { x in max(x.slice(0..<3), x.slice(3..<6)) },
      Operation("min", at: vector) { x in min(x.slice(0..<3), x.slice(3..<6)) },
      Operation("clamp", at: vector) { x in clamp(x * x, x.at(0), x.at(1)) },
      Operation("select", at: vector) { x in
        let (a, b) = (x.slice(0..<3), x.slice(3..<6))
        return select(a.isLess(than: b), a * b, b)
      },
      Operation("custom", at: vector) { x in
        Tensor.custom(
          x, value: { x in x * x * x }, pushforward: { x, v in 3 * x * x * v },
          pullback: { x, u in 3 * x * x * u })
      },
      Operation("withoutDerivative", at: vector) { x in x * x.withoutDerivative },
    ]

    static let reductions = [
      Operation("sum", at: matrix) { x in (x * x).sum() },
      Operation("sum, axis", at: matrix) { x in (x * x).sum(alongAxis: 1) },
      Operation("mean", at: matrix) { x in (x * x).mean() },
      Operation("mean, axis", at: matrix) { x in (x * x).mean(alongAxis: 0) },
      Operation("dot", at: vector) { x in x.slice(0..<3).dot(x.slice(3..<6)) },
      Operation("squaredNorm", at: matrix) { x in x.squaredNorm() },
      Operation("norm, one", at: matrix) { x in x.norm(.one) },
      Operation("norm, two", at: matrix) { x in x.norm() },
      Operation("norm, infinity", at: matrix) { x in x.norm(.infinity) },
      Operation("max()", at: matrix) { x in x.max() * x.max() },
      Operation("min()", at: matrix) { x in x.min() * x.min() },
      Operation("max, axis", at: matrix) { x in x.max(alongAxis: 0) },
      Operation("logSumExp", at: matrix) { x in x.logSumExp() },
      Operation("logSumExp, axis", at: matrix) { x in x.logSumExp(alongAxis: 1) },
      Operation("softmax", at: matrix) { x in x.softmax() },
      Operation("softmax, axis", at: matrix) { x in x.softmax(alongAxis: 0) },
      Operation("matmul", at: matrix) { x in matmul(x, x.reshaped([3, 2])) },
      Operation("matmul, transposed", at: matrix) { x in
        matmul(x, x, transposingRight: true)
      },
      Operation("matmul, vector", at: vector) { x in
        matmul(x.slice(0..<4).reshaped([2, 2]), x.slice(4..<6))
      },
      Operation("outer", at: vector) { x in outer(x.slice(0..<2), x.slice(2..<6)) },
    ]

    static let layout = [
      Operation("reshaped", at: matrix) { x in x.reshaped([3, 2]) },
      Operation("flattened", at: matrix) { x in x.flattened() },
      Operation("expanded", at: matrix) { x in x.expanded(atAxis: 1) },
      Operation("broadcast", at: vector) { x in x.broadcast(to: [2, 6]) },
      Operation("transposed", at: matrix) { x in x.transposed() },
      Operation("transposed, order", at: numbers([2, 3, 2])) { x in x.transposed([2, 0, 1]) },
      Operation("slice", at: matrix) { x in x.slice(1..<3, alongAxis: 1) },
      Operation("at", at: matrix) { x in x.at(1) * x.at(0) },
      Operation("padded", at: vector) { x in x.padded(before: 1, after: 2) },
      Operation("shifted", at: vector) { x in x.shifted(by: 2) * x },
      Operation("gathered", at: vector) { x in x.gathered([4, 1, 4]) },
      Operation("scattered", at: vector) { x in x.scattered([0, 2, 2, 1, 3, 0], count: 4) },
      Operation("diagonal", at: vector) { x in matmul(x.diagonal(), x) },
      Operation("concatenate", at: vector) { x in
        Tensor.concatenate([x.slice(2..<4), x * x, x.slice(0..<1)])
      },
      Operation("stack", at: vector) { x in Tensor.stack([x * x, x]) },
    ]

    static let all = arithmetic + elementwise + reductions + layout
  }

  @Suite struct TensorDerivativesTests {
    /// Both sum the same products, not always in the same order.
    private static let rounding = 1e-13

    @Test(arguments: Operation.all)
    func areThoseOfTheCore(operation: Operation) {
      let (value, pullback) = valueWithPullback(at: operation.point, of: operation.function)
      let cotangent = Operation.numbers(value.shape, seed: 0.7)
      let own = valueAndPullback(
        at: operation.point, cotangent: { _ in cotangent }, of: operation.function)
      #expect(value == own.value)
      let gradient = pullback(cotangent)
      #expect(gradient.shape == operation.point.shape)
      #expect((gradient - own.cotangent).norm(.infinity).scalar <= Self.rounding)
    }

    /// The cube root of the rounding error is about the best step of central differences.
    @Test(arguments: Operation.all.filter { $0.name != "withoutDerivative" })
    func agreeWithDifferences(operation: Operation) {
      let (value, pullback) = valueWithPullback(at: operation.point, of: operation.function)
      let cotangent = Operation.numbers(value.shape, seed: 0.7)
      let direction = Operation.numbers(operation.point.shape, seed: 1.3)
      let step: Tensor = 1e-5
      let forward = operation.function(operation.point + step * direction)
      let backward = operation.function(operation.point - step * direction)
      let difference = ((forward - backward) / (2 * step)).dot(cotangent)
      #expect(abs(difference - pullback(cotangent).dot(direction)).scalar < 1e-8)
    }

    /// The compiler's pullback, run on traced tensors, is differentiated like anything else.
    @Test(arguments: Operation.all)
    func areDifferentiatedOnceMore(operation: Operation) {
      let shape = operation.function(operation.point).shape
      let cotangent = Operation.numbers(shape, seed: 0.7)
      let direction = Operation.numbers(operation.point.shape, seed: 1.3)
      let product = valueAndPushforward(at: operation.point, along: direction) { x in
        valueWithPullback(at: x, of: operation.function).pullback(cotangent)
      }.tangent
      let own = valueAndPushforward(at: operation.point, along: direction) { x in
        valueAndPullback(at: x, cotangent: { _ in cotangent }, of: operation.function).cotangent
      }.tangent
      #expect((product - own).norm(.infinity).scalar <= Self.rounding)
    }

    /// The transposed pullback is the pushforward: `⟨u, J v⟩ = ⟨Jᵀ u, v⟩`.
    @Test(arguments: Operation.all)
    func haveTransposes(operation: Operation) {
      let (value, pullback) = valueWithPullback(at: operation.point, of: operation.function)
      let direction = Operation.numbers(operation.point.shape, seed: 1.3)
      let transposed = valueAndPullback(
        at: Tensor.ones(value.shape), cotangent: { _ in direction }, of: { u in pullback(u) }
      ).cotangent
      let own = valueAndPushforward(
        at: operation.point, along: direction, of: operation.function
      ).tangent
      #expect((transposed - own).norm(.infinity).scalar <= Self.rounding)
    }

    // MARK: Zeros made up before a shape is known

    @Test(arguments: Operation.all)
    func aMadeUpZeroStaysZero(operation: Operation) {
      let pullback = valueWithPullback(at: operation.point, of: operation.function).pullback
      let gradient = pullback(.zero)
      #expect((operation.point + gradient) == operation.point)
    }

    @Test func whatIsNotUsedHasAZeroThatStretches() {
      let gradients = pullback(at: Tensor([1, 2]), Tensor([3, 4, 5])) { x, _ in x * x }([1, 1])
      #expect(gradients.0 == [2, 4])
      #expect(gradients.1 + Tensor([3, 4, 5]) == [3, 4, 5])
    }

    @Test func anEmptyOffsetBelongsToAConstant() {
      var x: Tensor = [1, 2]
      x.move(by: Tensor([Double]()))
      #expect(x == [1, 2])
      x.move(by: [0.5, -1])
      #expect(x == [1.5, 1])
      x.move(by: .zero)
      #expect(x == [1.5, 1])
    }

    // MARK: Plain numbers

    @Test func numbersAndTensorsMix() {
      // f = (x₁ x₀) x₁ + x₁ (x₀ + x₁) + 2 x₀ + x₀²
      let slope = gradient(at: [2.0, 3.0]) { x in
        let t = Tensor(x)
        let products = (t * Tensor(x[0])).scalars
        return products[1] * x[1] + t.scaled(by: x[1]).sum().scalar
          + Tensor(repeating: x[0], shape: [2]).sum().scalar
          + Tensor(shape: [1, 1], [x[0] * x[0]]).scalar
      }
      let exact: [Double] = [18, 20]
      #expect(slope.base == exact)
    }

    @Test func matricesOfNumbers() {
      let slope = gradient(at: 2.0) { a in
        matmul(Tensor([[a, 1], [0, a * a]]), Tensor([1, 3])).sum().scalar
      }
      // a + 3 + 3a²
      #expect(slope == 1 + 6 * 2)
    }
  }
#endif
