import ImplicitDifferentiation

/// `Fᵢ = yᵢ³ + 2yᵢ + sin(y_{i+1}) − xᵢ = 0`: a small nonlinear system by Newton's method, with
/// inputs for which it fails on purpose.
enum BatchProblem {
  /// What the solver throws where it is planted.
  struct SolverFailure: Error, Equatable { let code: Int }

  /// In the first entry of an input: the solver throws.
  static let throwing = 1000.0
  /// The solver stops far too early.
  static let unsolved = 2000.0
  /// The conditions are singular.
  static let singular = 3000.0

  static let unknownCount = 6

  static func input(_ seed: Int) -> Tensor {
    Tensor((0..<unknownCount).map { 1 + Double((seed * 7 + $0 * 13) % 29) / 10 })
  }

  /// 100 inputs, three of which fail: at 17, 42 and 77.
  static var hundredInputs: [Tensor] {
    (0..<100).map { index in
      let planted = [17: throwing, 42: unsolved, 77: singular][index]
      let input = input(index)
      guard let planted else { return input }
      return Tensor([planted] + input.scalars.dropFirst())
    }
  }

  @Sendable static func residual(_ x: Tensor, _ y: Tensor) -> Tensor {
    if x.withoutDerivative.scalars[0] == singular {
      return (y.sum() - x.sum()) * .ones([unknownCount])
    }
    return y * y * y + 2 * y + sin(y.shifted(by: -1)) - x
  }

  @Sendable static func solve(_ x: Tensor) throws -> Tensor {
    let kind = x.scalars[0]
    if kind == throwing { throw SolverFailure(code: 5) }
    if kind == unsolved { return .ones([unknownCount]) }
    if kind == singular { return x }
    var y = Tensor.ones([unknownCount])
    for _ in 0..<30 {
      let here = y
      let jacobian = try linearization(at: here) { residual(x, $0) }.jacobian
      y = y - Tensor(try LUSolver().solve(jacobian, residual(x, here).scalars).vector)
      // Another step would be the same again.
      if y == here { break }
    }
    return y
  }

  static let function = ImplicitFunction<Tensor, Tensor>(
    forward: solve, conditions: .root { residual($0, $1) })

  static let cotangent = Tensor((1...unknownCount).map { Double($0) })

  /// The pullback of `cotangent` by back substitution: `Aᵀ` is lower bidiagonal, `B = −I`.
  static func pullback(at y: Tensor) -> [Double] {
    let (slopes, coupling) = ((3 * y * y + 2).scalars, cos(y).scalars)
    var u = cotangent.scalars
    for i in u.indices {
      if i > 0 { u[i] -= coupling[i] * u[i - 1] }
      u[i] /= slopes[i]
    }
    return u
  }
}

func bits(_ tensor: Tensor) -> [UInt64] { tensor.scalars.map(\.bitPattern) }
