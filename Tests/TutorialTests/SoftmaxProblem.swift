import ImplicitDifferentiation

/// Softmax and sparsemax as solutions of optimisation problems, in several formulations, with
/// solvers in closed form.
enum SoftmaxProblem {
  /// Shares, the multiplier of their sum, and the multipliers of their signs.
  struct Optimum: TensorStructure {
    var x: Tensor
    var u: Tensor
    var v: Tensor
    static var fields: [TensorField<Optimum>] {
      [.init("x", \.x), .init("u", \.u), .init("v", \.v)]
    }
  }

  /// Shares (or their logarithms) and the multiplier of their sum.
  struct Reduced: TensorStructure {
    var x: Tensor
    var u: Tensor
    static var fields: [TensorField<Reduced>] { [.init("x", \.x), .init("u", \.u)] }

    static func zero(_ n: Int) -> Reduced { Reduced(x: Tensor.zeros([n]), u: 0) }
  }

  /// Scores and a right-hand side that is added to the conditions.
  struct Loaded: TensorStructure {
    var theta: Tensor
    var load: Reduced
    static var fields: [TensorField<Loaded>] { [.init("theta", \.theta), .init("load", \.load)] }
  }

  // MARK: Equations

  /// The KKT equations of `max θᵀx + H(x)`, `1ᵀx = 1`, `x ≥ 0`.
  @Sendable static func F(_ theta: Tensor, _ y: Optimum) -> Optimum {
    Optimum(x: theta - log(y.x) - 1 + y.u + y.v, u: y.x.sum() - 1, v: y.v * y.x)
  }

  /// The same without `v`.
  @Sendable static func F(_ theta: Tensor, _ y: Reduced) -> Reduced {
    Reduced(x: theta - log(y.x) - 1 + y.u, u: y.x.sum() - 1)
  }

  /// With the equation multiplied by its multiplier, as in J. Chiu's note.
  @Sendable static func asInTheNote(_ theta: Tensor, _ y: Optimum) -> Optimum {
    Optimum(x: theta - log(y.x) - 1 + y.u + y.v, u: y.u * (y.x.sum() - 1), v: y.v * y.x)
  }

  /// `x = softmax(θ)`, `u = 1 − logsumexp(θ)`, `v = 0`.
  @Sendable static func solution(_ theta: Tensor) -> Optimum {
    Optimum(x: theta.softmax(), u: 1 - theta.logSumExp(), v: Tensor.zeros(theta.shape))
  }

  // MARK: Functions

  static func full() -> ImplicitFunction<Tensor, Optimum> {
    ImplicitFunction(forward: solution, conditions: .root { F($0, $1) })
  }

  static func note() -> ImplicitFunction<Tensor, Optimum> {
    ImplicitFunction(forward: solution, conditions: .root(asInTheNote))
  }

  static func reduced(
    temperature tau: Double = 1, solver: any LinearSolver = Automatic()
  ) -> ImplicitFunction<Tensor, Reduced> {
    ImplicitFunction(
      forward: { theta in
        let z = theta / Tensor(tau)
        return Reduced(x: z.softmax(), u: Tensor(tau) * (1 - z.logSumExp()))
      },
      conditions: .root { theta, y in
        Reduced(x: theta - Tensor(tau) * (log(y.x) + 1) + y.u, u: y.x.sum() - 1)
      },
      linearSolver: solver)
  }

  /// In the unknowns `log x` and `u/τ`.
  static func logarithmic(
    temperature tau: Double, solver: any LinearSolver = Automatic()
  ) -> ImplicitFunction<Tensor, Reduced> {
    ImplicitFunction(
      forward: { theta in
        let z = theta / Tensor(tau)
        return Reduced(x: z - z.logSumExp(), u: 1 - z.logSumExp())
      },
      conditions: .root { theta, y in
        Reduced(x: theta / Tensor(tau) - y.x - 1 + y.u, u: exp(y.x).sum() - 1)
      },
      linearSolver: solver)
  }

  static func mirrorDescent(step eta: Double) -> ImplicitFunction<Tensor, Tensor> {
    ImplicitFunction(
      forward: { theta in theta.softmax() },
      conditions: .fixedPoint { theta, x in
        (Tensor(1 - eta) * log(x) + Tensor(eta) * theta).softmax()
      })
  }

  static func loaded() -> ImplicitFunction<Loaded, Reduced> {
    ImplicitFunction(
      forward: { input in
        let y = solution(input.theta)
        return Reduced(x: y.x, u: y.u)
      },
      conditions: .root { input, y in
        let residual = F(input.theta, y)
        return Reduced(x: residual.x + input.load.x, u: residual.u + input.load.u)
      })
  }

  /// The projection on the simplex, by trying supports of growing size.
  static func sparsemax() -> ImplicitFunction<Tensor, Optimum> {
    ImplicitFunction(
      forward: { theta in
        let sorted = theta.scalars.sorted(by: >)
        var u = 1 - sorted[0]
        for k in 1...sorted.count {
          let candidate = (1 - sorted[..<k].reduce(0, +)) / Double(k)
          if sorted[k - 1] + candidate > 0 { u = candidate }
        }
        let x = max(theta + Tensor(u), 0)
        return Optimum(x: x, u: Tensor(u), v: max(-(theta + Tensor(u)), 0))
      },
      conditions: .root { theta, y in
        Optimum(x: theta - y.x + y.u + y.v, u: y.x.sum() - 1, v: y.v * y.x)
      })
  }
}
