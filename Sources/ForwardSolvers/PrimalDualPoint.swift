import TracedTensors

/// Unknowns, multipliers and slacks of a quadratic program.
struct PrimalDualPoint {
  /// Length `n`.
  var y: Tensor
  /// Of the equalities, length `p`.
  var nu: Tensor
  /// Of the inequalities, length `m`.
  var lambda: Tensor
  /// Length `m`.
  var s: Tensor

  var plain: PrimalDualPoint {
    PrimalDualPoint(
      y: y.withoutDerivative, nu: nu.withoutDerivative, lambda: lambda.withoutDerivative,
      s: s.withoutDerivative)
  }

  /// `self + step · direction`.
  func moved(along direction: PrimalDualPoint, by step: Double) -> PrimalDualPoint {
    PrimalDualPoint(
      y: y + direction.y.scaled(by: step), nu: nu + direction.nu.scaled(by: step),
      lambda: lambda + direction.lambda.scaled(by: step), s: s + direction.s.scaled(by: step))
  }
}

/// The linear equations of a quadratic program at a point.
struct QuadraticProgramResiduals {
  /// `Q y + c + Aᵀν + Gᵀλ`.
  let stationarity: Tensor
  /// `A y − b`.
  let equality: Tensor
  /// `G y + s − h`.
  let inequality: Tensor

  var largest: Double {
    Swift.max(
      plainMaximum(stationarity), Swift.max(plainMaximum(equality), plainMaximum(inequality)))
  }
}

extension QuadraticProgramData {
  func residuals(at point: PrimalDualPoint) -> QuadraticProgramResiduals {
    QuadraticProgramResiduals(
      stationarity: stationarity(point.y, point.nu, point.lambda),
      equality: equalityCount == 0 ? b : matmul(A, point.y) - b,
      inequality: inequalityCount == 0 ? h : matmul(G, point.y) + point.s - h)
  }

  /// How far plain data are from being solved by a point with `λ ≥ 0`, `s ≥ 0`: residuals and gap
  /// relative to the sizes of what they are made of.
  func error(at point: PrimalDualPoint) -> Double {
    let point = point.plain
    let residuals = residuals(at: point)
    let primalSize = Swift.max(1, plainMaximum(point.y))
    let dualSize = Swift.max(
      Swift.max(1, plainMaximum(matmul(Q, point.y))),
      Swift.max(plainMaximum(point.nu), plainMaximum(point.lambda)))
    let gap = inequalityCount == 0 ? 0 : plainDot(point.lambda, point.s)
    let worst = [
      plainMaximum(residuals.stationarity) / dualSize,
      plainMaximum(residuals.equality) / primalSize,
      plainMaximum(residuals.inequality) / primalSize,
      gap / Swift.max(1, value(at: point.y).scalar.magnitude),
    ]
    // A NaN must not hide behind `max`.
    return worst.contains { $0.isNaN } ? .infinity : worst.reduce(0) { Swift.max($0, $1) }
  }
}
