import Comparison
import ImplicitDifferentiation
import LiteratePages
import Synchronization

// NaN and infinity, sizes that differ, overflow, digits that are lost.

/// Two roots, y² = x.
private let roots = ImplicitFunction<Tensor, Tensor>(
  forward: { x in sqrt(x) }, conditions: .root { x, y in y * y - x })

/// y = 10¹⁰ x.
private let steep = ImplicitFunction<Tensor, Tensor>(
  forward: { x in 1e10 * x }, conditions: .root { x, y in 1e-10 * y - x })

/// y = 10⁻¹⁰ x.
private let shallow = ImplicitFunction<Tensor, Tensor>(
  forward: { x in 1e-10 * x }, conditions: .root { x, y in 1e10 * y - x })

/// Prices and a demand that responds to them.
private struct Market: TensorStructure {
  var price: Tensor
  var income: Tensor
  static var fields: [TensorField<Market>] {
    [.init("price", \.price), .init("income", \.income)]
  }
}

/// Hilbert's matrix, 1/(i + j + 1).
private func hilbert(_ n: Int) -> Tensor {
  let i = Tensor((0..<n).map { Double($0) })
  return 1 / (i.expanded(atAxis: 1) + i.expanded(atAxis: 0) + 1)
}

/// y + 0.9·10⁻⁸ sin(10⁸ y) = x: a line with a fine wave on it.
private func wavy(_ certification: Certification) -> ImplicitFunction<Tensor, Tensor> {
  var function = ImplicitFunction<Tensor, Tensor>(
    forward: { x in x + 1e-7 },
    conditions: .root { x, y in y + 0.9e-8 * sin(1e8 * y) - x })
  function.certification = certification
  return function
}

/// Its slope at x = 1, by halving.
private let slopeOfTheWave: Double = {
  var (low, high) = (1 - 1e-8, 1 + 1e-8)
  for _ in 0..<60 {
    let y = (low + high) / 2
    if y + 0.9e-8 * sin(Tensor(1e8 * y)).scalar < 1 { low = y } else { high = y }
  }
  return 1 / (1 + 0.9 * cos(Tensor(1e8 * low)).scalar)
}()

extension HostileInput {
  static let numbers: [HostileInput] = [
    .refused(
      .numbers, "NaN in the input, which has a price and an income",
      {
        let demand = ImplicitFunction<Market, Tensor>(
          forward: { x in x.income / x.price }, conditions: .root { x, y in x.price * y - x.income }
        )
        _ = try demand.pullback(at: Market(price: 2, income: Tensor(Double.nan)), 1)
      },
      by: { error in
        guard case DifferentiationError.notFinite("the input (`income`)", 0, let value) = error
        else { return false }
        return value.isNaN
      }),
    .refused(
      .numbers, "NaN in a tangent", isShown: false,
      { _ = try roots.pushforward(at: [4, 9], [1, Tensor(Double.nan)]) },
      by: { error in
        guard case DifferentiationError.notFinite("the tangent", 1, let value) = error else {
          return false
        }
        return value.isNaN
      }),
    .refused(
      .numbers, "infinity in a cotangent", isShown: false,
      { _ = try roots.pullback(at: [4, 9], [Tensor(Double.infinity), 1]) },
      by: exactly(
        DifferentiationError.notFinite(what: "the cotangent", index: 0, value: .infinity))),
    .refused(
      .numbers, "a tangent of three numbers at a point of two",
      { _ = try roots.pushforward(at: [4, 9], [1, 0, 0]) },
      by: { error in
        switch error {
        case DifferentiationError.sizeMismatch(_, expected: 2, found: 3): true
        case DifferentiationError.shapeMismatch(_, let left, let right):
          Set([left, right]) == [[2], [3]]
        default: false
        }
      }),
    .refused(
      .numbers, "conditions that multiply a $2\\times 3$ matrix with two unknowns",
      {
        let wrong = ImplicitFunction<Tensor, Tensor>(
          forward: { x in x },
          conditions: .root { x, y in matmul([[1, 2, 3], [4, 5, 6]], y) - x })
        _ = try wrong.pullback(at: [1, 2], [1, 0])
      },
      by: exactly(
        DifferentiationError.shapeMismatch(operation: "matmul", left: [2, 3], right: [2]))),
    .refused(
      .numbers, "a stationary point of two objectives at once",
      {
        let two = ImplicitFunction<Tensor, Tensor>(
          forward: { x in x }, conditions: .stationary { x, y in (y - x) * (y - x) })
        _ = try two.pullback(at: [1, 2], [1, 0])
      },
      by: exactly(DifferentiationError.notScalar(shape: [2]))),
    .refused(
      .numbers, "$\\log y = x$ with a solver that returns $y = 0$", isShown: false,
      { _ = try returning(0, conditions: .root { x, y in log(y) - x }).pullback(at: 1, 1) },
      by: exactly(
        DifferentiationError.notFinite(
          what: "the residual of the conditions", index: 0, value: -.infinity))),
    .refused(
      .numbers, "$\\sqrt y = x$ at $x = 0$: the residual is fine, its slope is not",
      { _ = try returning(0, conditions: .root { x, y in sqrt(y) - x }).pullback(at: 0, 1) },
      by: { error in
        guard case DifferentiationError.linearSolve(.notFinite(_, 0, let value), _) = error
        else { return false }
        return value == .infinity
      }),
    .refused(
      .numbers, "a cotangent of $10^{300}$ where $dy/dx = 10^{10}$",
      { _ = try steep.pullback(at: 1, 1e300) },
      by: { error in
        // 10³¹⁰ is 2 to the 1029.8.
        guard case DifferentiationError.overflow(let what, exponent: 1029) = error else {
          return false
        }
        return what == "the pullback"
      }),
    .refused(
      .numbers, "a cotangent of $10^{-300}$ where $dy/dx = 10^{-10}$",
      { _ = try shallow.pullback(at: 1, 1e-300) },
      by: { error in
        // 10⁻³¹⁰ is 2 to the −1029.8.
        guard case DifferentiationError.underflow(let what, exponent: -1030) = error else {
          return false
        }
        return what == "the pullback"
      }),
    .answered(
      .numbers, "a cotangent of $10^{-300}$ where $dy/dx = 10^{10}$: small is not zero",
      {
        let answer = try steep.pullback(at: 1, 1e-300)
        return (
          "\(formatted(answer.value.scalar)), with \(answer.report.trustedDigits ?? 0) digits to be "
            + "trusted.",
          near(answer.value.scalar, 1e-290, within: 1e-14)
        )
      }),
    .answered(
      .numbers,
      "equations of very different size: the two roots $y^2 = x$, the first equation times "
        + "$10^{150}$, the second times $10^{-150}$",
      {
        let scaled = ImplicitFunction<Tensor, Tensor>(
          forward: { x in sqrt(x) }, conditions: .root { x, y in [1e150, 1e-150] * (y * y - x) })
        let answer = try scaled.pullback(at: [4, 9], [1, 1])
        return (
          "\(PageCell(answer.value.scalars).text), condition number "
            + "\(formatted(answer.report.conditionNumber ?? .nan)).",
          near(answer.value[0], 1.0 / 4, within: 1e-14)
            && near(answer.value[1], 1.0 / 6, within: 1e-14)
        )
      }),
    .refused(
      .numbers,
      "$H y = x$ with Hilbert's matrix of 14 rows, whose condition number is beyond $10^{16}$",
      {
        let H = hilbert(14)
        let x = matmul(H, Tensor.ones([14]))
        let function = ImplicitFunction<Tensor, Tensor>(
          forward: { _ in Tensor.ones([14]) }, conditions: .root { x, y in matmul(H, y) - x })
        _ = try function.pullback(at: x, unit(14))
      },
      by: { error in
        guard case DifferentiationError.linearSolve(.singular(_, let condition), _) = error
        else { return false }
        return condition > 1e16
      }),
    .refused(
      .numbers, "the same with 10 rows, when six digits are asked for (`errorLimit: 1e-6`)",
      {
        let H = hilbert(10)
        var function = ImplicitFunction<Tensor, Tensor>(
          forward: { _ in Tensor.ones([10]) }, conditions: .root { x, y in matmul(H, y) - x })
        function.certification = Certification(errorLimit: 1e-6)
        _ = try function.pullback(at: matmul(H, Tensor.ones([10])), unit(10))
      },
      by: { error in
        guard case DifferentiationError.inaccurate(_, let rounding, 1e-6, nil) = error else {
          return false
        }
        return rounding > 1e-6 && rounding < 1
      }),
    .answered(
      .numbers,
      "$y + 0.9\\cdot 10^{-8}\\sin(10^8 y) = x$ at $x = 1$, solved to seven digits: the slope changes "
        + "within the eighth. An estimate cannot promise eight digits here, so the error is measured",
      {
        let answer = try wavy(Certification()).pullback(at: 1, 1)
        let (slope, digits) = (answer.value.scalar, answer.report.trustedDigits ?? 0)
        return (
          "\(formatted(slope, digits: 3)), with \(digits) digits said to be right. It should be "
            + "\(formatted(slopeOfTheWave, digits: 3)).",
          digits == 0 && (slope - slopeOfTheWave).magnitude > 0.1 * slopeOfTheWave
        )
      }),
    .refused(
      .numbers,
      "the same with two digits asked for (`Certification(errorLimit: 0.01)`)",
      { _ = try wavy(Certification(errorLimit: 0.01)).pullback(at: 1, 1) },
      by: { error in
        guard case DifferentiationError.inaccurate(let truncation, let rounding, 0.01, nil) = error
        else {
          return false
        }
        return truncation > 0.1 && rounding < 1e-6
      }),
    .refused(
      .numbers,
      "conditions by differences (`.differences`), with noise of $10^{-6}$ in the residual",
      {
        let noise = Mutex(0)
        let noisy = ImplicitFunction<Tensor, Tensor>(
          forward: { x in sqrt(x) },
          conditions: .differences { x, y in
            let count = noise.withLock { count in
              count += 1
              return count
            }
            return y * y - x + Tensor(1e-6 * Double(count % 3))
          })
        _ = try noisy.pullback(at: 2, 1)
      },
      by: { error in
        guard case ComparisonError.inaccurateDifferences(let estimate, 1e-4) = error else {
          return false
        }
        return estimate > 1e-4
      }),
    .refused(
      .numbers, "finite differences along the direction zero", isShown: false,
      {
        _ = try GradientComparison(
          of: roots, at: [4, 9], loss: { $0.sum() }, along: .along([0, 0]))
      },
      by: exactly(ComparisonError.zeroDirection)),
  ]
}

/// e₀.
private func unit(_ n: Int) -> Tensor { Tensor((0..<n).map { $0 == 0 ? 1 : 0 }) }
