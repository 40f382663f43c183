#if canImport(_Differentiation)
  import CompilerDifferentiation
  import Testing

  /// A cube whose derivative, registered by hand, is told apart from the true one: twice as steep.
  private func mislabelledCube(_ x: Tensor) -> Tensor { x * x * x }

  @derivative(of: mislabelledCube)
  private func derivativeOfMislabelledCube(
    _ x: Tensor
  ) -> (value: Tensor, pullback: (Tensor) -> Tensor) { (x * x * x, { 6 * x * x * $0 }) }

  /// Conditions and objectives that the compiler differentiates, and the three patterns that it
  /// miscompiles, in each of which our own way gives the right numbers.
  @Suite struct ConditionsCompilerTests {
    private static let tolerance = 1e-12
    private static let x: Tensor = [0.5, 2]
    private static let y: Tensor = [0.7, -0.3]

    /// Neither symmetric in its unknowns nor equal in its two arguments.
    @Sendable @differentiable(reverse)
    private static func residual(_ x: Tensor, _ y: Tensor) -> Tensor {
      let coupling = Tensor([[1, 2], [0, 3]])
      return x * x * y + matmul(coupling, y * y) + sin(x) - exp(y)
    }

    private static func function(
      _ conditions: Conditions<Tensor, Tensor>
    ) -> ImplicitFunction<Tensor, Tensor> {
      // Any point will do for comparing derivatives.
      ImplicitFunction(
        forward: { _ in y }, conditions: conditions, conditionsTolerance: nil)
    }

    @Test func conditionsAreThoseOfTheCore() throws {
      let compiler = try Self.function(.compiler(Self.residual)).linearize(at: Self.x)
      let core = try Self.function(.root(Self.residual)).linearize(at: Self.x)
      #expect(compiler.residual == core.residual)
      for (a, b) in [(compiler.A, core.A), (compiler.B, core.B)] {
        for (p, q) in zip(try a.denseMatrix(), try b.denseMatrix()) {
          #expect((p - q).magnitude < Self.tolerance)
        }
      }
      #expect(compiler.recordedBytes > 0)
    }

    @Test func pushforwardsAndPullbacksAreAdjoint() throws {
      let state = try Self.function(.compiler(Self.residual)).linearize(at: Self.x)
      let (v, u): (Tensor, Tensor) = ([0.3, -1.1], [2, 0.7])
      let left = try state.pushforward(v).value.dot(u)
      let right = try state.pullback(u).value.dot(v)
      #expect(abs(left - right).scalar < Self.tolerance)
    }

    /// The compiler's derivative counts, not the one that the library would have traced.
    @Test func derivativesByHandAreUsed() throws {
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { x in x * x * x }, conditions: .compiler { x, y in y - mislabelledCube(x) })
      let slope = try function.pullback(at: [2], [1]).value
      #expect((slope - 24).norm(.infinity).scalar < Self.tolerance)
      let secant = try #require(
        try? ImplicitDifferentiation.gradient(at: Tensor([2])) { x in try function(x).sum() })
      #expect((secant - 24).norm(.infinity).scalar < Self.tolerance)
    }

    @Test func stationarityOfAnObjective() throws {
      @Sendable @differentiable(reverse) func objective(_ x: Tensor, _ y: Tensor) -> Tensor {
        exp(x).dot(y * y) + softplus(x.at(0) * y).sum() + y.at(0) * y.at(1)
      }
      let compiler = try Self.function(.compilerStationary(of: objective)).linearize(at: Self.x)
      let core = try Self.function(.stationary(of: objective)).linearize(at: Self.x)
      #expect(compiler.residual == core.residual)
      for (a, b) in [(compiler.A, core.A), (compiler.B, core.B)] {
        for (p, q) in zip(try a.denseMatrix(), try b.denseMatrix()) {
          #expect((p - q).magnitude < Self.tolerance)
        }
      }
    }

    /// Second derivatives of a solution, where the conditions' pullback is differentiated itself.
    @Test func secondDerivativesThroughTheConditions() throws {
      func curvature(_ conditions: Conditions<Tensor, Tensor>) throws -> Tensor {
        let root = ImplicitFunction<Tensor, Tensor>(forward: cubicRoot, conditions: conditions)
        return try valueAndPushforward(at: Tensor([1, -2]), along: [1, 1]) { x in
          try ImplicitDifferentiation.gradient(at: x) { x in try root(x).sum() }
        }.tangent
      }
      let y = cubicRoot([1, -2])
      let d = 3 * y * y + 1
      let exact = -6 * y / (d * d * d)
      let found = try curvature(.compiler { x, y in y * y * y + y - x })
      #expect((found - exact).norm(.infinity).scalar < Self.tolerance)
    }

    /// Second derivatives by all four orders of the two directions, which use all four products of
    /// the conditions, of a system with an asymmetric `A`.
    @Test func bothDirectionsNest() throws {
      @Sendable @differentiable(reverse) func system(_ x: Tensor, _ y: Tensor) -> Tensor {
        matmul(Tensor([[2, 1], [0, 3]]), y) + x * x * y * y * y - exp(x)
      }
      @Sendable func newton(_ x: Tensor) throws -> Tensor {
        var y = x
        for _ in 0..<30 {
          let state = try linearization(at: y) { y in system(x, y) }
          y -= try solve(Tensor(shape: [2, 2], state.jacobian.denseMatrix()), state.value)
        }
        return y
      }
      let (x, v): (Tensor, Tensor) = ([0.5, 1], [1, -0.3])
      func curvatures(_ conditions: Conditions<Tensor, Tensor>) throws -> [Tensor] {
        let function = ImplicitFunction<Tensor, Tensor>(forward: newton, conditions: conditions)
        func loss(_ x: Tensor) throws -> Tensor { try function(x).dot([2, 1]) }
        func forward(_ x: Tensor) throws -> Tensor {
          try valueAndPushforward(at: x, along: v) { try loss($0) }.tangent
        }
        func reverse(_ x: Tensor) throws -> Tensor {
          try ImplicitDifferentiation.gradient(at: x) { try loss($0) }
        }
        return [
          try valueAndPushforward(at: x, along: v) { try forward($0) }.tangent,
          try valueAndPushforward(at: x, along: v) { try reverse($0) }.tangent.dot(v),
          try ImplicitDifferentiation.gradient(at: x) { try forward($0) }.dot(v),
          try ImplicitDifferentiation.gradient(at: x) { try reverse($0).dot(v) }.dot(v),
        ]
      }
      let step: Tensor = 1e-4
      let (here, ahead, back) =
        (try newton(x), try newton(x + step * v), try newton(x - step * v))
      let difference = ((ahead - 2 * here + back) / (step * step)).dot([2, 1])
      let core = try curvatures(.root(system))
      for (found, expected) in zip(try curvatures(.compiler(system)), core) {
        #expect(abs(found - expected).scalar < Self.tolerance)
        // Second differences lose twice the digits: 1e-16 / step².
        #expect(abs(found - difference).scalar < 1e-6)
      }
    }

    /// An implicit layer inside conditions that the compiler differentiates: `z = layer(z / 2 + x)`.
    @Test func aLayerInsideConditions() throws {
      let layer = cubicLayer()
      let function = ImplicitFunction<Tensor, Tensor>(
        forward: { x in
          var z = x
          for _ in 0..<200 { z = cubicRoot(0.5 * z + x) }
          return z
        }, conditions: .compiler { x, z in z - layer.solution(at: 0.5 * z + x) })
      let z = try function([0.4])
      let s = 1 / (3 * z * z + 1)
      let exact = s / (1 - 0.5 * s)
      #expect(
        (try function.jacobian(at: [0.4]).value - exact).norm(.infinity).scalar < Self.tolerance)
      #expect(
        (try function.pushforward(at: [0.4], [1]).value - exact).norm(.infinity).scalar
          < Self.tolerance)
    }

    @Test func errorsOfTheResidual() {
      let short = Self.function(.compiler { x, y in (x * y).slice(0..<1) })
      #expect(
        throws: DifferentiationError.sizeMismatch(
          what: "the residual (one equation for each unknown)", expected: 2, found: 1)
      ) { try short.linearize(at: Self.x) }
      let misfit = Self.function(
        .compiler { x, y in x.slice(0..<1).padded(before: 2, after: 0) + y })
      #expect(
        throws: DifferentiationError.shapeMismatch(operation: "+", left: [3], right: [2])
      ) { try misfit.linearize(at: Self.x) }
      let vector = Self.function(.compilerStationary { x, y in x * y })
      #expect(throws: DifferentiationError.notScalar(shape: [2])) {
        try vector.linearize(at: Self.x)
      }
    }

    // MARK: What Swift 6.3.1 miscompiles

    /// A: a `let` in a loop, used after an early exit (the compiler: 1). The core's recording sees
    /// what was run.
    @Test func anEarlyExitFromALoop() {
      let slope = ImplicitDifferentiation.gradient(at: Tensor(3)) { x in
        var y = x
        for i in 0..<1 {
          let square = x * x
          if i > 5 { break }
          y = y + square
        }
        return y
      }
      #expect(slope == 7)
    }

    /// B: a closure differentiated in its second argument only (the compiler: 12, the derivative in
    /// the first one). Conditions take the full pullback.
    @Test func theSecondArgumentOfAClosure() throws {
      let state = try ImplicitFunction<Tensor, Tensor>(
        forward: { _ in 3 }, conditions: .compiler { x, y in x * x * y - 12 }
      ).linearize(at: 2)
      #expect(try state.A.denseMatrix() == [4])
      #expect(try state.B.denseMatrix() == [12])
    }

    /// C: a pullback inside a differentiated function (the compiler: 0).
    @Test func aPullbackInsideADerivative() {
      let (slope, product) = gradientAndHessianProduct(at: Tensor(2), along: 1) { y in y * y * y }
      #expect(slope == 12)
      #expect(product == 12)
    }
  }
#endif
