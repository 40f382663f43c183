#if canImport(_Differentiation)
  import CompilerDifferentiation
  import Testing

  /// Calls of implicit functions in functions that the compiler differentiates.
  @Suite struct ImplicitFunctionDerivativeTests {
    /// Two backward walks over the same solves.
    private static let tolerance = 1e-12

    private static let network = Network(
      weights: Tensor([[0.9, -0.4], [0.7, 0.2]]), offset: [0.3, -0.1], layer: cubicLayer())

    @Test func theSlopeOfACube() {
      let y = cubicRoot([1, -2])
      let slope = gradient(at: Tensor([1, -2])) { x in
        cubicLayer().solution(at: x).sum().scalar
      }
      #expect((slope - 1 / (3 * y * y + 1)).norm(.infinity).scalar < Self.tolerance)
    }

    @Test func theValueIsThatOfACall() throws {
      let layer = cubicLayer()
      let x: Tensor = [0.3, 5]
      let y = try layer(x)
      #expect(layer.solution(at: x) == y)
      #expect(valueWithPullback(at: x) { layer.solution(at: $0) }.value == y)
    }

    /// In a model, in a loop, against the gradient of the core.
    @Test func gradientsOfAModel() {
      let x: Tensor = [0.5, -1]
      let slope = gradient(at: Self.network) { network in
        network(x, depth: 4).squaredNorm().scalar
      }
      let own = ImplicitDifferentiation.gradient(
        at: [Self.network.weights, Self.network.offset]
      ) { parameters in
        let network = Network(
          weights: parameters[0], offset: parameters[1], layer: Self.network.layer)
        return network(x, depth: 4).squaredNorm()
      }
      #expect((slope.weights - own[0]).norm(.infinity).scalar < Self.tolerance)
      #expect((slope.offset - own[1]).norm(.infinity).scalar < Self.tolerance)
      #expect(own[0].norm().scalar > 0.1)
    }

    /// Data made by known parameters; descent by the compiler's gradient finds them.
    @Test func trainingFindsTheParameters() throws {
      let inputs = [[0.5, -1], [2, 1], [-1, 0.3], [0, 2.5]].map { Tensor($0) }
      let targets = inputs.map { Self.network($0, depth: 1) }
      var model = Self.network
      model.weights = Tensor.identity(2)
      model.offset = [0, 0]
      @Sendable @differentiable(reverse) func loss(_ model: Network) -> Double {
        var total = Tensor(0)
        for k in 0..<inputs.count {
          total = total + (model(inputs[k], depth: 1) - targets[k]).squaredNorm()
        }
        return total.scalar
      }
      let start = loss(model)
      for _ in 0..<200 {
        let slope = try withThrownFailures { gradient(at: model, of: loss) }
        model.weights.move(by: -0.1 * slope.weights)
        model.offset.move(by: -0.1 * slope.offset)
      }
      #expect(start > 0.1)
      #expect(loss(model) < 1e-10)
      #expect((model.weights - Self.network.weights).norm(.infinity).scalar < 1e-4)
    }

    /// `y = slope · x + height` written as a condition, for a structure and an array.
    @Test func structuresOfTensors() throws {
      let line = ImplicitFunction<Line, [Tensor]>(
        forward: { line in [line.slope * line.height, line.slope + line.height] },
        conditions: .root { line, y in
          [y[0] - line.slope * line.height, y[1] - line.slope - line.height]
        })
      let point = Line(slope: [2, 3], height: 5)
      let slope = gradient(at: point) { point in
        let y = line.solution(at: point)
        return (y[0].sum() * y[1].at(0)).scalar
      }
      let own = ImplicitDifferentiation.gradient(at: point) { point in
        let y = line.solution(at: point)
        return y[0].sum() * y[1].at(0)
      }
      // (s₀ + s₁) h (s₀ + h)
      #expect((slope.slope - Tensor([35 + 25, 35])).norm(.infinity).scalar < Self.tolerance)
      #expect((slope.height - Tensor(5 * 7 + 25)).norm(.infinity).scalar < Self.tolerance)
      #expect((own.slope - slope.slope).norm(.infinity).scalar < Self.tolerance)
    }

    @Test func structuresWithATangentVectorOfTheirOwn() {
      let middle = ImplicitFunction<Segment, Tensor>(
        forward: { $0.start * $0.ends[0] + $0.ends[1] },
        conditions: .root { x, y in y - x.start * x.ends[0] - x.ends[1] })
      let point = Segment(start: [1, 2], ends: [[3, 4], [5, 6]])
      let slope = gradient(at: point) { middle.solution(at: $0).sum().scalar }
      #expect(slope.start == [3, 4])
      #expect(slope.ends.base == [[1, 2], [1, 1]])
    }

    /// A part of the solution that the loss does not use has a cotangent that the compiler makes up.
    @Test func unusedPartsOfTheSolution() {
      let two = ImplicitFunction<Tensor, Line>(
        forward: { x in Line(slope: x * x, height: x) },
        conditions: .root { x, y in [y.slope - x * x, y.height - x] })
      let slope = gradient(at: Tensor([1, 4])) { two.solution(at: $0).slope.sum().scalar }
      #expect((slope - Tensor([2, 8])).norm(.infinity).scalar < Self.tolerance)
    }

    /// The derivative of the compiler's derivative, through a layer: `y″ = −6y / (3y² + 1)³`.
    @Test func secondDerivatives() {
      let layer = cubicLayer()
      let x: Tensor = [1, -2]
      let (slope, product) = gradientAndHessianProduct(at: x, along: [1, 1]) { x in
        layer.solution(at: x).sum()
      }
      let y = cubicRoot(x)
      let d = 3 * y * y + 1
      #expect((slope - 1 / d).norm(.infinity).scalar < Self.tolerance)
      #expect((product + 6 * y / (d * d * d)).norm(.infinity).scalar < Self.tolerance)
    }

    @Test func manyTasksAtOnce() async {
      let layer = cubicLayer()
      let slopes = await withTaskGroup(of: (Int, Tensor).self) { group in
        for k in 0..<16 {
          group.addTask {
            (k, gradient(at: Tensor([Double(k)])) { x in layer.solution(at: x).sum().scalar })
          }
        }
        return await group.reduce(into: [Int: Tensor]()) { $0[$1.0] = $1.1 }
      }
      for k in 0..<16 {
        let y = cubicRoot(Tensor([Double(k)]))
        let error = (slopes[k] ?? 0) - 1 / (3 * y * y + 1)
        #expect(error.norm(.infinity).scalar < Self.tolerance)
      }
    }
  }
#endif
